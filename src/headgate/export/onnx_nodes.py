"""LSTM, GRU and RNN nodes of an ONNX file as layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headgate.errors import CellError, DataError, ShapeError, UnknownNameError
from headgate.export.blocks import Parts, make
from headgate.export.cells import Cell
from headgate.export.functions import Called, onnx_calls, onnx_function
from headgate.export.graph import onnx
from headgate.export.reversed import Reversed
from headgate.layers.recurrent import Recurrent

Layer = Recurrent | Reversed
_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
_WEIGHTS = ("W", "R", "B", "P")
_STATES = {"initial_h": "h", "initial_c": "c"}
_GATES = {
    "LSTM": ("input", "output", "forget", "candidate"),
    "GRU": ("update", "reset", "candidate"),
    "RNN": ("hidden",),
}
_PEEPS = ("input", "output", "forget")
_USUAL = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
_DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}


def from_onnx(source: Any, *, name: str | None = None) -> dict[str, Layer]:
    """Build a layer of every LSTM, GRU and RNN node of an ONNX model.

    A state before the first step that the model holds as a constant is the layer's learned initial
    state; one that its graph computes is given at a run, as ``state``. So are ``sequence_lens``,
    as ``lengths``. Nodes inside of other nodes, such as a Loop's, are not looked at.

    Args:
        source: a path, the bytes of a file, or an onnx.ModelProto.
        name: of one node; every node where None.

    Returns:
        The layers by their nodes' names, or by the first output of a node that has none. A node
        that runs from the last step to the first is a ``Reversed``.

    Raises:
        MissingExtraError: onnx is not installed.
        DataError: the file is no ONNX model, has no such node, or one whose weights the graph
            computes.
        UnknownNameError: no node has the name; an activation that ONNX does not have.
        ShapeError: weights that do not fit their node.
        CellError: a node does what no layer does, such as ``clip``.
    """
    path, model = _load(source)
    constants = _constants(model.graph)
    nodes: dict[str, Any] = {}
    for node in model.graph.node:
        if node.op_type in _GATES and node.domain in ("", "ai.onnx"):
            called = node.name if node.name and node.name not in nodes else _output(node)
            nodes[called] = node
    if not nodes:
        raise DataError("the model has no LSTM, GRU or RNN node in its main graph", path=path)
    if name is not None and name not in nodes:
        raise UnknownNameError("recurrent node", name, nodes)
    wanted = nodes if name is None else {name: nodes[name]}
    for called, node in wanted.items():
        _check_constant(called, node, model.graph, constants, path)
    return {called: layer_of(node, _held(node, constants)) for called, node in wanted.items()}


def layer_of(node: Any, weights: Mapping[str, Any]) -> Layer:
    """Build the layer of one node from its weights, wherever they come from.

    Args:
        node: an onnx.NodeProto of an LSTM, a GRU or an RNN.
        weights: arrays by the names of the node's inputs: those of W and R, of B and P if the node
            has them, of initial_h and initial_c if they are to be the layer's own.

    Returns:
        The layer, in the dtype of W; a ``Reversed`` for the direction "reverse". With ``layout`` 1
        it is ``batch_first``; its states are [directions, B, N] all the same.

    Raises:
        UnknownNameError: an activation, or a direction, that ONNX does not have; another node.
        ShapeError: a weight is missing, or has another shape than its node says.
        CellError: the node clips, or its directions have different activations.
    """
    if node.op_type not in _GATES:
        raise UnknownNameError("recurrent node of ONNX", node.op_type, _GATES)
    read = _Node.of(node, weights)
    cell = read.cell()
    biased = "B" in read.arrays
    options = {"batch_first": bool(read.attributes.get("layout", 0)), "bias": biased}
    parts = [[read.parts(direction, cell) for direction in range(read.directions)]]
    known = cell.known
    layer = make(
        cell.kind if known else cell.program(biased=biased),
        parts,
        options=options | (cell.options() if known else {}),
        initial=read.initial(),
    )
    return Reversed(layer) if read.direction == "reverse" else layer


@dataclass(frozen=True)
class _Node:
    """A node with its attributes and the arrays of its inputs by their roles."""

    kind: str
    name: str
    attributes: dict[str, Any]
    arrays: dict[str, Tensor]

    @staticmethod
    def of(node: Any, weights: Mapping[str, Any]) -> _Node:
        """Read a node and check that everything fits."""
        attribute = onnx("helper").get_attribute_value
        attributes = {each.name: attribute(each) for each in node.attribute}
        name = node.name or _output(node)
        arrays = {}
        for role, given in zip(_INPUTS, node.input, strict=False):
            if given in weights and role in (*_WEIGHTS, *_STATES):
                arrays[role] = _tensor(weights[given])
            elif given and role in _WEIGHTS:
                raise ShapeError(
                    f"the {node.op_type} node {name!r} needs its {role}, {given!r}; the weights "
                    f"that came are {', '.join(map(repr, weights)) or 'none'}"
                )
        if not {"W", "R"} <= arrays.keys():
            raise ShapeError(f"the {node.op_type} node {name!r} names no W or no R")
        found = _Node(node.op_type, name, attributes, arrays)
        found._check()
        return found

    @property
    def direction(self) -> str:
        """ONNX's name of the direction."""
        value = self.attributes.get("direction", b"forward").decode()
        if value not in _DIRECTIONS:
            raise UnknownNameError("direction of ONNX", value, _DIRECTIONS)
        return value

    @property
    def directions(self) -> int:
        """One or two."""
        return _DIRECTIONS[self.direction]

    def _check(self) -> None:
        """Check the shape of every array."""
        where = f"the {self.kind} node {self.name!r}"
        if self.attributes.get("clip"):
            raise CellError(
                f"{where} has clip={self.attributes['clip']:g}, which bounds what its activations "
                "see; no layer does that. A clip that nothing reaches can be left out of the node"
            )
        if self.arrays["W"].dim() != 3 or self.arrays["R"].dim() != 3:
            raise ShapeError(f"{where} takes W [D, G·N, M] and R [D, G·N, N], of three axes")
        size, gates = self.arrays["R"].shape[2], len(_GATES[self.kind])
        size = self.attributes.get("hidden_size", size)
        sides, rows = self.directions, gates * size
        shapes = {
            "W": (sides, rows, self.arrays["W"].shape[2]),
            "R": (sides, rows, size),
            "B": (sides, 2 * rows),
            "P": (sides, 3 * size),
        }
        for role, shape in shapes.items():
            came = tuple(self.arrays[role].shape) if role in self.arrays else shape
            if came != shape:
                raise ShapeError(f"{where}, {self.direction}, has {role} of {shape}, not {came}")

    def cell(self) -> Cell:
        """Tell which cell the attributes make."""
        usual = _USUAL[self.kind]
        names = [each.decode() for each in self.attributes.get("activations", [])]
        names = names or [*usual] * self.directions
        if self.directions == 1 and names == [*usual] * 2:
            names = [*usual]  # the attribute's own default, which an RNN of one direction may show
        if len(names) != len(usual) * self.directions:
            raise CellError(
                f"the {self.kind} node {self.name!r}, {self.direction}, has "
                f"{len(usual) * self.directions} activations, not {len(names)}: {', '.join(names)}"
            )
        alphas, betas = (self.attributes.get(f"activation_{w}", []) for w in ("alpha", "beta"))
        calls = onnx_calls(names, alphas, betas)
        forward, backward = calls[: len(usual)], calls[len(usual) :]
        if backward and backward != forward:
            raise CellError(
                f"the {self.kind} node {self.name!r} has {_written(forward)} forward and "
                f"{_written(backward)} in reverse, and a layer has one cell: make a forward and a "
                "reverse node of it"
            )
        return self._cell(*map(onnx_function, forward))

    def _cell(self, *functions: Any) -> Cell:
        if self.kind == "RNN":
            return Cell("rnn", activation=functions[0])
        if self.kind == "GRU":
            reset = "after" if self.attributes.get("linear_before_reset", 0) else "before"
            return Cell("gru", gates=functions[0], activation=functions[1], reset=reset)
        gates, candidate, activation = functions
        coupled = bool(self.attributes.get("input_forget", 0))
        sees = "P" in self.arrays
        return Cell("lstm", activation, candidate, gates, peephole=sees, coupled=coupled)

    def parts(self, side: int, cell: Cell) -> Parts:
        """Take the weights of one direction apart into the blocks of our cell."""
        gates = _GATES[self.kind]
        parts: dict[tuple[str, str], Tensor] = {}
        for kind, role in (("input", "W"), ("matmul", "R")):
            for gate, part in zip(gates, self.arrays[role][side].chunk(len(gates)), strict=True):
                parts[kind, gate] = part
        if "B" in self.arrays:
            inner, outer = (each.chunk(len(gates)) for each in self.arrays["B"][side].chunk(2))
            for gate, first, second in zip(gates, inner, outer, strict=True):
                apart = cell.kind == "gru" and gate == "candidate" and cell.reset == "after"
                parts["input_bias", gate] = first if apart else first + second
                if apart:
                    parts["bias", gate] = second
        if "P" in self.arrays:
            for gate, part in zip(_PEEPS, self.arrays["P"][side].chunk(3), strict=True):
                parts["vector", gate] = part
        if cell.known and cell.coupled:
            # ONNX forgets by 1 - i, our cell writes by 1 - f, and 1 - σ(a) is σ(-a)
            kinds = {kind for kind, _ in parts}
            parts |= {(kind, "forget"): -parts[kind, "input"] for kind in kinds}
        return parts

    def initial(self) -> dict[str, Tensor] | None:
        """Give the states before the first step that came as arrays; None where they are zero."""
        found: dict[str, Tensor] = {}
        for role in self.arrays.keys() & _STATES.keys():
            value = self.arrays[role]
            value = value.transpose(0, 1) if self.attributes.get("layout", 0) else value
            size = self.arrays["R"].shape[2]
            where = f"{role} of the {self.kind} node {self.name!r}"
            if value.dim() != 3 or value.shape[::2] != (self.directions, size):
                raise ShapeError(
                    f"{where} has {self.directions} directions and {size} units, not the shape "
                    f"{tuple(self.arrays[role].shape)}"
                )
            if not bool((value == value[:, :1]).all()):
                raise ShapeError(
                    f"{where} holds another state for each of its {value.shape[1]} rows; a layer "
                    "has one for all. Leave it out of the weights and give it as state at a run"
                )
            found[_STATES[role]] = value[:, 0]
        return found if any(bool(value.any()) for value in found.values()) else None


def _written(calls: list[Called]) -> str:
    return " ".join(
        name + (f"({', '.join(f'{n:g}' for n in numbers)})" if numbers else "")
        for name, numbers in calls
    )


def _output(node: Any) -> str:
    return next((name for name in node.output if name), "")


def _tensor(array: Any) -> Tensor:
    if isinstance(array, Tensor):
        return array.detach()
    array = np.asarray(array)
    if array.dtype.name == "bfloat16":  # numpy has it from elsewhere, and torch does not read it
        return torch.from_numpy(array.astype(np.float32)).bfloat16()
    return torch.from_numpy(np.array(array))


def _load(source: Any) -> tuple[str | None, Any]:
    """Read a model; give the path, if there is one, too."""
    package = onnx()
    if isinstance(source, package.ModelProto):
        return None, source
    if not isinstance(source, (str, PathLike, bytes)):
        raise DataError(
            "an ONNX model is a path, the bytes of a file or an onnx.ModelProto, not "
            f"{type(source).__name__}"
        )
    inside = isinstance(source, bytes)
    path = None if inside else str(source)
    try:
        return path, package.load_from_string(source) if inside else package.load(source)
    except FileNotFoundError:
        raise DataError("there is no such file", path=path) from None
    except Exception as error:  # protobuf's own class differs from version to version
        raise DataError(f"the file is no ONNX model: {error}", path=path) from error


def _constants(graph: Any) -> dict[str, Any]:
    """Find the tensors that the graph holds: initializers, Constant nodes, and their Identities."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            held = [each.t for each in node.attribute if each.name == "value"]
            found |= dict(zip(node.output, held, strict=False))
        elif node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _check_constant(
    name: str, node: Any, graph: Any, constants: Mapping[str, Any], path: str | None
) -> None:
    for role, given in zip(_INPUTS, node.input, strict=False):
        if role in _WEIGHTS and given and given not in constants:
            makers = {output: each.op_type for each in graph.node for output in each.output}
            maker = f"the result of {makers[given]}" if given in makers else "an input of the graph"
            raise DataError(
                f"the {node.op_type} node {name!r} has no constant as {role}: {given!r} is "
                f"{maker}. Fold the constants of the model, ask for the other nodes by name, or "
                "give layer_of the arrays",
                path=path,
            )


def _held(node: Any, constants: Mapping[str, Any]) -> dict[str, Any]:
    array = onnx("numpy_helper").to_array
    return {name: array(constants[name]) for name in node.input if name in constants}
