"""Weights of torch.nn's RNN, LSTM and GRU as a ``Recurrent``, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from headgate.equations import equation
from headgate.errors import CellError, ShapeError, UnknownNameError
from headgate.export.blocks import Parts, check_plain, differences, make, read
from headgate.layers.recurrent import Recurrent
from headgate.program import Program, trace
from headgate.program.identity import match

_KEY = re.compile(r"(.*?)((?:weight|bias)_(?:ih|hh|hr)_l\d+(?:_reverse)?)")
_GATES = {
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("reset", "update", "candidate"),
    "rnn": ("hidden",),
}
_BY_COUNT = {len(gates): cell for cell, gates in _GATES.items()}
_TORCH: dict[str, tuple[Any, str, dict[str, Any], dict[str, Any]]] = {
    # what it is called: torch's class, our cell with its options, torch's options
    "nn.LSTM": (nn.LSTM, "lstm", {}, {}),
    "nn.LSTM with proj_size": (nn.LSTM, "lstm", {"projection": 1}, {}),
    "nn.GRU": (nn.GRU, "gru", {}, {}),
    "nn.RNN": (nn.RNN, "rnn", {}, {}),
    "nn.RNN with relu": (nn.RNN, "rnn", {"activation": "relu"}, {"nonlinearity": "relu"}),
}


def from_torch(
    source: nn.RNNBase | Mapping[str, Tensor], *, prefix: str = "", activation: str = "tanh"
) -> Recurrent:
    """Build a layer with the weights of an nn.RNN, nn.LSTM or nn.GRU.

    The cell, the layers, directions and sizes are read from the names and shapes. Where torch has
    two biases that add, the layer has their sum.

    Args:
        source: torch's layer, or a state_dict that holds its parameters.
        prefix: what stands before ``weight_ih_l0`` in the state_dict, such as "encoder.rnn.".
        activation: of an nn.RNN whose state_dict came: "tanh", "relu" or another. A layer says its
            own.

    Returns:
        The layer, a copy in the parameters' dtype and on their device. Of a layer it also has
        ``batch_first``, ``dropout`` and the mode; a state_dict does not know them.

    Raises:
        UnknownNameError: no recurrent weights under that prefix; those that have some are listed.
        ShapeError: a parameter is missing, or has another shape than those beside it.
        CellError: the source is neither; an activation for an LSTM or a GRU.

    Example:
        >>> from_torch(nn.LSTM(5, 7, num_layers=2).state_dict())
        Recurrent(lstm, 5, 7, num_layers=2)
    """
    if isinstance(source, nn.RNNBase):
        names = (name for names in _names(source) for name in names)
        found = _Found("", {name: getattr(source, name).detach() for name in names})
        relu = source.mode == "RNN_RELU"
        given = {"batch_first": source.batch_first, "dropout": source.dropout}
        layer = _build(found, "relu" if relu else "tanh", given)
        return layer.train(source.training)
    if not isinstance(source, Mapping):
        raise CellError(
            "weights come from an nn.RNN, nn.LSTM or nn.GRU, or from a state_dict, not from "
            f"{type(source).__name__}; of a whole model, give its state_dict() and a prefix"
        )
    return _build(_under(source, prefix), activation, {})


@dataclass(frozen=True)
class _Found:
    """Torch's parameters by torch's names, and what stood before them."""

    prefix: str
    tensors: dict[str, Tensor]

    def take(self, name: str, *shape: int) -> Tensor:
        """Give a parameter that has a shape."""
        if name not in self.tensors:
            held = ", ".join(self.prefix + each for each in self.tensors)
            raise ShapeError(
                f"{self.prefix}{name} is missing; it is {shape or 'a matrix'}. Under this prefix "
                f"stand {held}"
            )
        tensor = self.tensors[name]
        if shape and tuple(tensor.shape) != shape:
            raise ShapeError(f"{self.prefix}{name} is {shape}, not {tuple(tensor.shape)}")
        return tensor

    def matrix(self, name: str) -> tuple[int, int]:
        """Give the shape of a matrix."""
        shape = tuple(self.take(name).shape)
        if len(shape) != 2 or not all(shape):
            raise ShapeError(f"{self.prefix}{name} is a matrix, not {shape}")
        return shape


def _under(source: Mapping[str, Tensor], prefix: str) -> _Found:
    """Find the parameters that stand under a prefix, whose last dot may be left out."""
    prefixes: dict[str, dict[str, Tensor]] = {}
    for key, value in source.items():
        found = _KEY.fullmatch(str(key))
        if found:
            if not isinstance(value, (Tensor, np.ndarray)):
                raise CellError(f"{key} is a tensor in a state_dict, not {type(value).__name__}")
            prefixes.setdefault(found[1], {})[found[2]] = torch.as_tensor(value).detach()
    for each in (prefix, f"{prefix}."):
        if each in prefixes:
            return _Found(each, prefixes[each])
    raise UnknownNameError("prefix of recurrent weights", prefix, map(repr, prefixes))


def _names(source: nn.RNNBase) -> Iterator[list[str]]:
    kinds = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if source.bias else [])
    kinds += ["weight_hr"] if source.proj_size else []
    for end in _ends(source.num_layers, source.bidirectional):
        yield [kind + end for kind in kinds]


def _ends(num_layers: int, bidirectional: bool) -> list[str]:
    directions = ("", "_reverse") if bidirectional else ("",)
    return [f"_l{layer}{end}" for layer in range(num_layers) for end in directions]


def _build(found: _Found, activation: str, given: dict[str, Any]) -> Recurrent:
    names = found.tensors
    bias = any(name.startswith("bias_") for name in names)
    directions = 1 + any(name.endswith("_reverse") for name in names)
    layers = 1 + max(int(re.findall(r"_l(\d+)", name)[0]) for name in names)
    cell, hidden, projection = _cell(found)
    if cell != "rnn" and activation != "tanh":
        raise CellError(
            f"the weights under {found.prefix!r} are an nn.{cell.upper()}'s, whose functions are "
            f"fixed: activation={activation!r} is for an nn.RNN"
        )
    options: dict[str, Any] = {"activation": activation} if cell == "rnn" else {}
    options |= {"projection": projection} if projection else {}
    width = directions * (projection or hidden)
    parts = []
    for layer in range(layers):
        features = width if layer else found.matrix("weight_ih_l0")[1]
        sizes = (features, hidden, projection)
        ends = _ends(layers, directions == 2)[layer * directions : (layer + 1) * directions]
        parts.append([_parts(found, cell, end, sizes, bias=bias) for end in ends])
    return make(cell, parts, options=given | options | {"bias": bias})


def _cell(found: _Found) -> tuple[str, int, int]:
    """Tell the cell, N, and the units of a projection or 0, from the first layer's matrices."""
    rows, _ = found.matrix("weight_ih_l0")
    high, columns = found.matrix("weight_hh_l0")
    projection, hidden = 0, columns
    if "weight_hr_l0" in found.tensors:
        projection, hidden = found.matrix("weight_hr_l0")
    count, rest = divmod(rows, hidden)
    if rest or high != rows or count not in _BY_COUNT or (projection and count != 4):
        wanted = "4 times" if projection else "4 (LSTM), 3 (GRU) or 1 (RNN) times"
        raise ShapeError(
            f"{found.prefix}weight_ih_l0 and {found.prefix}weight_hh_l0 have {wanted} the "
            f"{hidden} units as rows, but they have {rows} and {high}"
        )
    return _BY_COUNT[count], hidden, projection


def _parts(found: _Found, cell: str, end: str, sizes: tuple[int, int, int], *, bias: bool) -> Parts:
    """Take one layer and direction apart."""
    features, hidden, projection = sizes
    rows = len(_GATES[cell]) * hidden
    whole = {
        "input": found.take(f"weight_ih{end}", rows, features),
        "matmul": found.take(f"weight_hh{end}", rows, projection or hidden),
    }
    parts: dict[tuple[str, str], Tensor] = {}
    if bias:
        first, second = found.take(f"bias_ih{end}", rows), found.take(f"bias_hh{end}", rows)
        whole["input_bias"] = first + second
        if cell == "gru":
            # the candidate's second bias stands inside the product with the reset gate
            gates = 2 * hidden
            parts["bias", "candidate"] = second[gates:]
            whole["input_bias"] = torch.cat([whole["input_bias"][:gates], first[gates:]])
    if projection:
        parts["matmul", "project"] = found.take(f"weight_hr{end}", projection, hidden)
    for kind, tensor in whole.items():
        for gate, part in zip(_GATES[cell], tensor.split(hidden), strict=True):
            parts[kind, gate] = part
    return parts


@lru_cache(maxsize=2)
def _models(biased: bool) -> dict[str, Program]:
    return {
        name: trace(equation(cell, **options), bias=biased)
        for name, (_, cell, options, _) in _TORCH.items()
    }


def to_torch(layer: Recurrent) -> nn.RNN | nn.LSTM | nn.GRU:
    """Build torch's layer with the weights of a layer that computes the same.

    What counts is what the cell computes, not its name: a cell of one's own whose equations are an
    LSTM's becomes an nn.LSTM. Of torch's two biases, the second is zero, but for a GRU's candidate.

    Args:
        layer: a layer whose cell is torch's.

    Returns:
        torch's layer, a copy with the same parameters, dtype, device and mode.

    Raises:
        CellError: the cell is none of torch's, the layer has what torch's have not, or a projection
            that is not narrower than the cell; the message says what.

    Example:
        >>> to_torch(Recurrent("gru", 5, 7, bidirectional=True))
        GRU(5, 7, bidirectional=True)
    """
    if not isinstance(layer, Recurrent):
        raise CellError(
            f"what becomes a layer of torch.nn is a Recurrent, not {type(layer).__name__}; an "
            "hg.LSTM, hg.GRU or hg.RNN is one of torch.nn's already, and its state_dict loads there"
        )
    check_plain(layer, "torch.nn")
    models = _models(layer.program.biased)
    for name, model in models.items():
        blocks = match(layer.program, model)
        if blocks is not None:
            return _to(layer, name, model, blocks)
    raise CellError(f"torch.nn has no such layer; {differences(layer.program, models)}")


def _to(layer: Recurrent, name: str, model: Program, blocks: dict[str, str]) -> Any:
    made, _, options, own = _TORCH[name]
    sizes = layer.state_sizes()
    arguments = own | ({"proj_size": sizes[0]} if options.get("projection") else {})
    if arguments.get("proj_size", 0) >= sizes[-1]:
        raise CellError(
            f"torch.nn projects to fewer units than the cell has, and here {sizes[0]} come of "
            f"{sizes[-1]}"
        )
    parts = read(layer, blocks)
    like = next(layer.parameters())
    with torch.random.fork_rng(devices=[]):  # what is drawn is overwritten
        theirs: Any = made(
            layer.input_size,
            sizes[-1],
            layer.num_layers,
            bias=layer.program.biased,
            batch_first=layer.batch_first,
            dropout=layer.dropout if layer.num_layers > 1 else 0.0,
            bidirectional=layer.bidirectional,
            **arguments,
        ).to(device=like.device, dtype=like.dtype)
    ends = _ends(layer.num_layers, layer.bidirectional)
    flat = [direction for directions in parts for direction in directions]
    with torch.no_grad():
        for end, each in zip(ends, flat, strict=True):
            for kind, value in _joined(model, each).items():
                getattr(theirs, kind + end).copy_(value)
    return theirs.train(layer.training)


def _joined(model: Program, parts: Parts) -> dict[str, Tensor]:
    """Put the blocks of one layer and direction together as torch has them."""
    order = model.blocks("input")
    names = {"weight_ih": "input", "weight_hh": "matmul"}
    names |= {"bias_ih": "input_bias"} if model.biased else {}
    found = {name: torch.cat([parts[kind, b] for b in order]) for name, kind in names.items()}
    if model.biased:
        zero = torch.zeros_like(parts["input_bias", order[0]])
        found["bias_hh"] = torch.cat([parts.get(("bias", b), zero) for b in order])
    if ("matmul", "project") in parts:
        found["weight_hr"] = parts["matmul", "project"]
    return found
