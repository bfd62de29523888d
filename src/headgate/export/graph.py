"""An ONNX graph that is written node by node."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headgate.errors import CellError, MissingExtraError

OPSET, IR_VERSION = 18, 8  # of 2022: what runtimes of the last years read
LARGEST = 2**31 - 2**20
"""Bytes of a file; protobuf ends at 2 GiB."""

NAMES = {
    torch.float32: "FLOAT",
    torch.float64: "DOUBLE",
    torch.float16: "FLOAT16",
    torch.int64: "INT64",
    torch.int32: "INT32",
    torch.uint8: "UINT8",
    torch.bool: "BOOL",
}
Axes = Sequence["int | str | None"]


def onnx(part: str = "") -> Any:
    """Import onnx, or a module of it.

    Args:
        part: the module's name after "onnx.".

    Returns:
        The module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(f"onnx.{part}" if part else "onnx")
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx") from error


def number_of(dtype: torch.dtype) -> int:
    """Give ONNX's number of a dtype.

    Args:
        dtype: torch's.

    Returns:
        The number.
    """
    return getattr(onnx().TensorProto, NAMES[dtype])


def check_numbers(weights: Iterable[Tensor]) -> None:
    """Check that weights are of float32.

    Args:
        weights: a model's.

    Raises:
        CellError: some are not.
    """
    others = {str(each.dtype) for each in weights if each.is_floating_point()} - {"torch.float32"}
    if others:
        raise CellError(
            f"a model is exported in float32, and weights of this one are {', '.join(others)}: "
            "turn it to float32 first, with .float()"
        )


@dataclass(frozen=True)
class Value:
    """What goes into a graph or comes out of it.

    Args:
        name: its name.
        dtype: of its elements.
        axes: the length of each axis, or the name of one that varies.
    """

    name: str
    dtype: torch.dtype
    axes: tuple[int | str | None, ...]

    def info(self) -> Any:
        """Give it as ONNX has it."""
        make = onnx("helper").make_tensor_value_info
        return make(self.name, number_of(self.dtype), list(self.axes))


def _reads(nodes: Iterable[Any]) -> Iterator[str]:
    """The names that nodes read, also those inside their bodies."""
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            yield from _reads(attribute.g.node)
            yield from (each.name for each in attribute.g.output)


class Graph:
    """Nodes in the order of their computation, and weights.

    Args:
        parent: the graph in which this one is the body of a node; it holds the weights, whose
            names a body may use, and sees to it that no name is given twice.
    """

    def __init__(self, parent: Graph | None = None) -> None:
        self.root: Graph = self if parent is None else parent.root
        self.nodes: list[Any] = []
        self.weights: dict[str, np.ndarray] = {}
        self._known: dict[tuple[Any, ...], str] = {}
        self._taken: dict[str, int] = {}

    def name(self, hint: str) -> str:
        """Find a name that is not taken.

        Args:
            hint: the name, where it is free.

        Returns:
            It, or it with a number.
        """
        taken = self.root._taken
        count = taken[hint] = taken.get(hint, -1) + 1
        return self.name(f"{hint}_{count}") if count else hint

    def weight(self, value: Tensor | np.ndarray, hint: str = "constant") -> str:
        """Hold an array; of equal ones the first.

        Args:
            value: the array.
            hint: its name, where it is free.

        Returns:
            Its name.
        """
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
        root = self.root
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in root._known:
            root._known[key] = root.name(hint)
            root.weights[root._known[key]] = np.ascontiguousarray(array).reshape(array.shape)
        return root._known[key]

    def ints(self, *values: int) -> str:
        """Hold a row of int64.

        Args:
            *values: the numbers.

        Returns:
            Its name.
        """
        return self.weight(np.array(values, np.int64))

    def scalar(self, value: float, dtype: torch.dtype = torch.float32) -> str:
        """Hold a number.

        Args:
            value: the number.
            dtype: as what.

        Returns:
            Its name.
        """
        return self.weight(torch.tensor(value, dtype=dtype))

    def add(self, op: str, *inputs: str, hint: str = "", **attributes: Any) -> str:
        """Add a node with one result.

        Args:
            op: ONNX's name of the operator.
            *inputs: the names of its inputs; an empty one is not given.
            hint: the result's name, where it is free.
            **attributes: the node's; one that is None is left out.

        Returns:
            The result's name.
        """
        return self.several(op, inputs, (hint or op.lower(),), **attributes)[0]

    def several(
        self, op: str, inputs: Sequence[str], results: Sequence[str], **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node with several results.

        Args:
            op: ONNX's name of the operator.
            inputs: the names of its inputs; an empty one is not given.
            results: hints for the names of its results; one that is empty is not wanted.
            **attributes: the node's; one that is None is left out.

        Returns:
            The results' names.
        """
        names = tuple(self.name(hint) if hint else "" for hint in results)
        given = {key: value for key, value in attributes.items() if value is not None}
        make, own = onnx("helper").make_node, next(filter(None, names))
        self.nodes.append(make(op, list(inputs), list(names), name=own, **given))
        return names

    def body(self, name: str, inputs: Sequence[Value], outputs: Sequence[Value]) -> Any:
        """Give the graph as the body of a node.

        Args:
            name: of the body.
            inputs: what the node gives it.
            outputs: what it gives back.

        Returns:
            ONNX's graph.
        """
        ends = ([each.info() for each in side] for side in (inputs, outputs))
        return onnx("helper").make_graph(self.nodes, name, *ends)

    def model(
        self,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        *,
        name: str,
        notes: Mapping[str, str] | None = None,
    ) -> Any:
        """Give the graph as a model, checked by onnx's own checker.

        Args:
            inputs: what goes in.
            outputs: what comes out.
            name: of the graph.
            notes: what the file says of itself, by key.

        Returns:
            An ``onnx.ModelProto``.
        """
        helper, arrays = onnx("helper"), onnx("numpy_helper")
        used = set(_reads(self.nodes)) | {each.name for each in outputs}
        weights = [arrays.from_array(v, key) for key, v in self.weights.items() if key in used]
        ends = ([each.info() for each in side] for side in (inputs, outputs))
        graph = helper.make_graph(self.nodes, name, *ends, weights)
        made = helper.make_model(
            graph,
            producer_name="headgate",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        helper.set_model_props(made, dict(notes or {}))
        onnx("checker").check_model(made)
        return made
