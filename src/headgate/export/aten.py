"""The table of torch's operations as nodes of ONNX: what each entry gets, and how one is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from headgate.errors import CellError
from headgate.export.graph import Graph, number_of

Entry = Callable[..., Any]
TABLE: dict[str, Entry] = {}
"""By the operation's name, such as "aten.add.Tensor"; files that begin with "aten_" fill it."""


def entry(*names: str) -> Callable[[Entry], Entry]:
    """Put a function into the table.

    Args:
        *names: operations; those of ATen without "aten.".

    Returns:
        What does so.
    """

    def put(function: Entry) -> Entry:
        for name in names:
            TABLE[name if name.startswith("headgate") else f"aten.{name}"] = function
        return function

    return put


class Call:
    """One operation that is to be written; an entry gets it before its arguments.

    An argument that is a tensor, or a length that varies, is a name; any other is itself.

    Args:
        graph: where the nodes go.
        node: torch's node.
        weights: the tensors that are known, by the names of their nodes.
    """

    def __init__(self, graph: Graph, node: fx.Node, weights: Mapping[str, torch.Tensor]) -> None:
        self.graph, self.node, self.weights = graph, node, weights

    @property
    def result(self) -> Any:
        """What torch says of the result: a tensor without values, or a length."""
        return self.node.meta["val"]

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the result; a length is an integer."""
        return getattr(self.result, "dtype", torch.int64)

    def meta(self, place: int = 0) -> Any:
        """Give what torch says of an argument.

        Args:
            place: which.

        Returns:
            A tensor without values; of a length a symbol.
        """
        value: Any = self.node.args[place]
        return value.meta["val"]

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Write a node; see ``Graph.add``.

        Args:
            op: ONNX's operator.
            *inputs: names.
            **attributes: the node's.

        Returns:
            The name of its result.
        """
        return self.graph.add(op, *inputs, **attributes)

    def cast(self, name: str, dtype: torch.dtype) -> str:
        """Turn a value to a dtype.

        Args:
            name: the value.
            dtype: the dtype.

        Returns:
            The name of the result.
        """
        return self.add("Cast", name, to=number_of(dtype))

    def operands(self, values: Sequence[Any], dtype: torch.dtype) -> list[str]:
        """Give values as tensors of one dtype.

        Args:
            values: the first arguments of the call: names or numbers.
            dtype: the dtype.

        Returns:
            Their names.
        """
        found = []
        for place, value in enumerate(values):
            if not isinstance(value, str):
                found.append(self.graph.scalar(value, dtype))
                continue
            given = getattr(self.meta(place), "dtype", torch.int64)
            found.append(value if given == dtype else self.cast(value, dtype))
        return found

    def shape(self, sizes: Sequence[Any]) -> str:
        """Give lengths as one row of int64.

        Args:
            sizes: numbers, or the names of lengths that vary.

        Returns:
            The row's name.
        """
        if all(isinstance(size, int) for size in sizes):
            return self.graph.ints(*sizes)
        parts = [self.row(size) for size in sizes]
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=0)

    def row(self, size: Any) -> str:
        """Give a length as a row of one.

        Args:
            size: a number, or a name.

        Returns:
            The row's name.
        """
        if isinstance(size, str):
            return self.add("Unsqueeze", size, self.graph.ints(0))
        return self.graph.ints(int(size))

    def length(self, size: Any) -> str:
        """Give a length as a number without axes.

        Args:
            size: a number, or a name.

        Returns:
            Its name.
        """
        return size if isinstance(size, str) else self.graph.weight(np.array(size, np.int64))

    def refuse(self, why: str) -> CellError:
        """Make the error of a call that ONNX cannot say.

        Args:
            why: what is wrong.

        Returns:
            The error, which names the line of the network.
        """
        stack = self.node.meta.get("stack_trace") or ""
        lines = [line.strip() for line in stack.splitlines() if line.strip().startswith("File")]
        where = f"; it is called in {lines[-1]}" if lines else ""
        return CellError(f"{self.node.target} cannot be written as ONNX: {why}{where}")


def positive(axis: int, rank: int) -> int:
    """Count an axis from the first.

    Args:
        axis: counted from either end.
        rank: how many there are.

    Returns:
        The axis from 0.
    """
    return axis % rank if rank else 0
