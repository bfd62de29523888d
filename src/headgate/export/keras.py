"""Weights of Keras' SimpleRNN, LSTM and GRU as a ``Recurrent``, and back."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headgate.errors import CellError, DataError, HeadgateError, ShapeError, UnknownNameError
from headgate.export import keras_source
from headgate.export.blocks import Parts, check_plain, differences, make, read
from headgate.export.cells import Cell
from headgate.export.functions import KERAS, KERAS_2, Function
from headgate.export.keras_source import Arrays, Found
from headgate.export.reversed import Reversed
from headgate.layers.recurrent import Recurrent
from headgate.program import Program
from headgate.program.graph import once
from headgate.program.identity import match

Layer = Recurrent | Reversed
_GATES = {
    "SimpleRNN": ("hidden",),
    "LSTM": ("input", "forget", "candidate", "output"),
    "GRU": ("update", "reset", "candidate"),
}
_ANY = {"input", "matmul", "bias", "state", "add", "sub", "mul"}
"""What a cell may hold whatever its activations are."""


def from_keras(source: Any, *, name: str | None = None) -> dict[str, Layer]:
    """Build a layer of every SimpleRNN, LSTM and GRU of a Keras model.

    Of a file only what it holds as data is read; no code of it runs, and keras need not be
    installed. What acts in training alone is not taken over: dropout, regularizers, constraints.

    Args:
        source: the path of a ``.keras`` file, or a live model or layer.
        name: of one layer; every layer where None.

    Returns:
        The layers by name, ``batch_first`` as Keras' are; one of a model within the model as
        "encoder/lstm". A Bidirectional is one layer of two directions, and a layer with
        ``go_backwards`` a ``Reversed`` with outputs in Keras' order.

    Raises:
        MissingExtraError: h5py, which reads the file, is not installed.
        DataError: the file is none of Keras', or there is no recurrent layer.
        UnknownNameError: no layer has the name; an activation that has no counterpart.
        ShapeError: arrays that do not fit their layer, or a layer without weights yet.
        CellError: a Bidirectional that does not put its directions side by side, or whose
            directions are different cells.
    """
    inside = isinstance(source, (str, PathLike))
    if not inside and not (hasattr(source, "get_config") and hasattr(source, "get_weights")):
        raise DataError(
            "what comes from Keras is the path of a .keras file, a model or a layer, not "
            f"{type(source).__name__}"
        )
    each = keras_source.in_file(source) if inside else keras_source.live(source)
    found = {layer.name: layer for layer in each}
    if not found:
        path = source if inside else None
        raise DataError(
            "the model has no SimpleRNN, LSTM or GRU among its layers, and no Bidirectional of one",
            path=path,
        )
    if name is not None and name not in found:
        raise UnknownNameError("recurrent layer", name, found)
    wanted = found if name is None else {name: found[name]}
    return {called: _build(layer) for called, layer in wanted.items()}


def _build(found: Found) -> Layer:
    cell = _cell(found.name, found.kind, found.config, found.major)
    biased = bool(found.config.get("use_bias", True))
    if found.both is not None:
        _check_both(found, cell)
    sides = ("",) if found.both is None else ("forward_layer", "backward_layer")
    parts = [_parts(found, cell, found.read(side), biased=biased) for side in sides]
    known = cell.known
    layer = make(
        cell.kind if known else cell.program(biased=biased),
        [parts],
        options={"batch_first": True, "bias": biased} | (cell.options() if known else {}),
    )
    alone = found.both is None and found.config.get("go_backwards", False)
    return Reversed(layer, aligned=False) if alone else layer


def _check_both(found: Found, cell: Cell) -> None:
    """Refuse a Bidirectional that a layer of two directions does not compute."""
    both, (kind, config) = found.both or {}, found.backward or ("", {})
    where = f"the Bidirectional layer {found.name!r}"
    if both.get("merge_mode") != "concat":
        raise CellError(
            f"{where} merges its directions by {both.get('merge_mode')!r}, and a layer puts them "
            "side by side: set merge_mode='concat' in Keras, and merge the halves of the outputs"
        )
    if found.config.get("go_backwards", False):
        raise CellError(f"{where} has a forward layer that goes backwards: exchange the two")
    same = kind == found.kind and all(
        config.get(key) == found.config.get(key) for key in ("units", "use_bias")
    )
    if not same or _cell(found.name, kind, config, found.major) != cell:
        raise CellError(f"{where} has two different cells, and a layer has one: give them apart")


def _cell(name: str, kind: str, config: Mapping[str, Any], major: int) -> Cell:
    """Tell which cell a config makes."""
    known = KERAS if major >= 3 else KERAS_2

    def function(key: str, usual: str) -> Function:
        given = config.get(key, usual) or "linear"
        if not isinstance(given, str) or given not in known:
            raise UnknownNameError(f"{key} of the {kind} layer {name!r} of Keras", given, known)
        return known[given]

    activation = function("activation", "tanh")
    if kind == "SimpleRNN":
        return Cell("rnn", activation)
    gates = function("recurrent_activation", "sigmoid")
    if kind == "LSTM":
        return Cell("lstm", activation, candidate=activation, gates=gates)
    reset = "after" if config.get("reset_after", True) else "before"
    return Cell("gru", activation, gates=gates, reset=reset)


def _parts(found: Found, cell: Cell, arrays: Arrays, *, biased: bool) -> Parts:
    """Take the arrays of one direction apart into the blocks of our cell."""
    gates, units = _GATES[found.kind], int(found.config["units"])
    rows = len(gates) * units
    two = cell.kind == "gru" and cell.reset == "after"
    if len(arrays) < 2 + biased:
        raise ShapeError(
            f"the {found.kind} layer {found.name!r} has {len(arrays)} arrays, not {2 + biased}: a "
            "layer of Keras has its weights once it knows its input; call it on something"
        )
    kernel, recurrent, *rest = (torch.from_numpy(np.array(each)) for each in arrays)
    features = kernel.shape[0]
    shapes = {
        "kernel": (kernel, (features, rows)),
        "recurrent_kernel": (recurrent, (units, rows)),
    }
    shapes |= {"bias": (rest[0], (2, rows) if two else (rows,))} if biased else {}
    for role, (tensor, shape) in shapes.items():
        if tuple(tensor.shape) != shape:
            raise ShapeError(
                f"the {found.kind} layer {found.name!r} of {units} units has a {role} of {shape}, "
                f"not {tuple(tensor.shape)}"
            )
    whole = {"input": kernel.t(), "matmul": recurrent.t()}
    parts: dict[tuple[str, str], Tensor] = {}
    if biased:
        whole["input_bias"] = rest[0]
        if two:
            # the candidate's second bias stands inside the product with the reset gate
            first, second = rest[0]
            parts["bias", "candidate"] = second[2 * units :]
            whole["input_bias"] = torch.cat([(first + second)[: 2 * units], first[2 * units :]])
    for kind, tensor in whole.items():
        for gate, part in zip(gates, tensor.split(units), strict=True):
            parts[kind, gate] = part
    return parts


@dataclass(frozen=True)
class KerasLayer:
    """A layer as Keras takes it: plain data, for which keras need not be installed.

    Args:
        kind: the class: "SimpleRNN", "LSTM" or "GRU".
        config: what ``keras.layers.KIND(**config)`` takes.
        weights: what its ``set_weights`` takes; of two directions the forward arrays, then the
            backward ones.
        bidirectional: it stands within a ``keras.layers.Bidirectional``.
    """

    kind: str
    config: dict[str, Any]
    weights: list[np.ndarray] = field(repr=False)
    bidirectional: bool = False

    def build(self) -> Any:
        """Make the live layer with its weights.

        Returns:
            A layer of Keras.

        Raises:
            HeadgateError: keras is not installed.
        """
        try:
            layers: Any = importlib.import_module("keras").layers
        except ImportError as error:
            raise HeadgateError(
                "a live layer of Keras needs keras and one of its backends, which are not "
                "installed; config and weights are there without"
            ) from error
        made = getattr(layers, self.kind)(**self.config)
        made = layers.Bidirectional(made) if self.bidirectional else made
        made.build((None, None, self.weights[0].shape[0]))
        made.set_weights(self.weights)
        return made


def to_keras(layer: Layer) -> list[KerasLayer]:
    """Give a layer as Keras has it: one layer of Keras for each of a stack.

    What counts is what the cell computes, not its name. Each gives its output at every step;
    ``return_sequences`` in its config may be changed. Dropout between layers is a layer of its own
    in Keras and does not come.

    Args:
        layer: a layer whose cell is one of Keras', or a ``Reversed`` with ``aligned=False``.

    Returns:
        The layers from the lowest to the highest.

    Raises:
        CellError: the cell is none of Keras', or the layer has what Keras' have not; the message
            says what.

    Example:
        >>> to_keras(Recurrent("rnn", 5, 7))[0].weights[0].shape
        (5, 7)
    """
    turned = isinstance(layer, Reversed)
    own = layer.layer if isinstance(layer, Reversed) else layer
    if not isinstance(own, Recurrent):
        raise CellError(
            f"what becomes layers of Keras is a Recurrent, not {type(layer).__name__}; from_torch "
            "makes one of an LSTM, a GRU or an RNN"
        )
    if isinstance(layer, Reversed) and layer.aligned:
        raise CellError(
            "a layer of Keras that goes backwards leaves its outputs in the order of computation, "
            "the last step first: set aligned=False and turn them round yourself"
        )
    check_plain(own, "Keras")
    kind, told, model, blocks = _find(own.program)
    config = {
        "units": own.state_sizes()[-1],
        "use_bias": own.program.biased,
        "return_sequences": True,
    }
    config |= told | ({"go_backwards": True} if turned else {})
    dtype = str(next(own.parameters()).dtype).removeprefix("torch.")
    config |= {} if dtype == "float32" else {"dtype": dtype}
    return [
        KerasLayer(
            kind,
            dict(config),
            [array for side in directions for array in _joined(kind, model, side)],
            own.bidirectional,
        )
        for directions in read(own, blocks)
    ]


@once
def _find(program: Program) -> tuple[str, dict[str, Any], Program, dict[str, str]]:
    """Find Keras' layer that computes a program, with what it is told."""
    for kind, told in _forms(frozenset(node.op for node in program.nodes) - _ANY):
        model = _cell("", kind, told, 3).program(biased=program.biased)
        blocks = match(program, model)
        if blocks is not None:
            return kind, told, model, blocks
    models = {
        "SimpleRNN": Cell("rnn"),
        "LSTM": Cell("lstm"),
        "GRU": Cell("gru"),
        "GRU with reset_after=False": Cell("gru", reset="before"),
    }
    said = {name: cell.program(biased=program.biased) for name, cell in models.items()}
    raise CellError(f"Keras has no such layer; {differences(program, said)}")


@cache
def _operations(name: str) -> frozenset[str]:
    """What an activation of Keras computes with, beside what every cell does."""
    nodes = Cell("rnn", KERAS[name]).program(biased=False).nodes
    return frozenset(node.op for node in nodes) - _ANY


def _forms(used: frozenset[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every layer of Keras that computes with some operations, beside what every cell does."""
    for name in KERAS:
        if _operations(name) == used:
            yield "SimpleRNN", {"activation": name}
    for gates, name in product(KERAS, KERAS):
        if _operations(name) | _operations(gates) == used:
            told = {"activation": name, "recurrent_activation": gates}
            yield "LSTM", told
            for after in (True, False):
                yield "GRU", told | {"reset_after": after}


def _joined(kind: str, model: Program, parts: Parts) -> Arrays:
    """Put the blocks of one layer and direction together as Keras has them."""
    gates = _GATES[kind]
    found = [torch.cat([parts[op, gate] for gate in gates]).t() for op in ("input", "matmul")]
    if model.biased:
        bias = torch.cat([parts["input_bias", gate] for gate in gates])
        if ("bias", "candidate") in parts:
            second = torch.zeros_like(bias)
            second[-len(parts["bias", "candidate"]) :] = parts["bias", "candidate"]
            bias = torch.stack([bias, second])
        found.append(bias)
    return [np.array(each.cpu().numpy()) for each in found]
