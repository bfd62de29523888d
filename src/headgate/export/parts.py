"""What a model is exported as: its graphs, and what the script beside them needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from headgate.errors import CellError
from headgate.export.graph import check_numbers

EXAMPLE = {"B": 11, "T": 13, "S": 17}
"""Lengths of the axes that vary while a network is followed; of others 19 and
more: no two alike, and none likely to be a width of the network, which torch would take for it."""
_LEAST = 2  # a length of one stands for any


@dataclass(frozen=True)
class Input:
    """What goes into a graph.

    Args:
        name: its name.
        axes: the length of each axis, or the name of one that varies, such as "B".
        kind: "numbers" are any of float32; "ids" are from 0 to below ``most``; "lengths" are from
            1 to the length of the axis ``of``; a "mask" is true at the first steps of each row,
            of one at least.
        most: how many ids there are.
        of: the axis that lengths are steps of.
    """

    name: str
    axes: tuple[int | str, ...]
    kind: str = "numbers"
    most: int = 0
    of: str = "T"

    def sample(self, sizes: Mapping[str, int], generator: torch.Generator) -> Tensor:
        """Make one up.

        Args:
            sizes: the lengths of the axes that vary.
            generator: the chance.

        Returns:
            A tensor as the graph takes it.
        """
        shape = [size if isinstance(size, int) else sizes[size] for size in self.axes]
        if self.kind == "ids":
            return torch.randint(0, self.most, shape, generator=generator)
        if self.kind == "lengths":
            found = torch.randint(1, sizes[self.of] + 1, shape, generator=generator)
            return found.index_fill(0, torch.tensor([0]), sizes[self.of])
        if self.kind == "mask":
            counts = torch.randint(1, shape[-1] + 1, (*shape[:-1], 1), generator=generator)
            return torch.arange(shape[-1]) < counts
        return torch.randn(shape, generator=generator)


@dataclass(frozen=True)
class Part:
    """One graph of a model.

    Args:
        name: of its file, without ".onnx".
        network: what it computes; takes the inputs in their order, gives a tensor or a flat tuple.
        inputs: what goes in.
        outputs: the names of what comes out.
        limits: the greatest length of an axis, where it has one.
    """

    name: str
    network: nn.Module
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the axes that vary."""
        named = (axis for each in self.inputs for axis in each.axes if isinstance(axis, str))
        return tuple(dict.fromkeys(named))

    def fitting(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Cut lengths to what the network takes.

        Args:
            sizes: the lengths of the axes.

        Returns:
            The same, none over its limit.
        """
        return {axis: min(size, self.limits.get(axis, size)) for axis, size in sizes.items()}

    def sample(self, sizes: Mapping[str, int], seed: int = 0) -> dict[str, Tensor]:
        """Make inputs up.

        Args:
            sizes: the lengths of the axes that vary.
            seed: of the chance.

        Returns:
            A tensor for each input, by name.
        """
        generator = torch.Generator().manual_seed(seed)
        return {each.name: each.sample(sizes, generator) for each in self.inputs}

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the network itself.

        Args:
            inputs: by name.

        Returns:
            What comes out, by name.
        """
        with torch.inference_mode():
            found = self.network.eval()(*(inputs[each.name] for each in self.inputs))
        found = (found,) if isinstance(found, Tensor) else found
        return dict(zip(self.outputs, found, strict=True))

    def to_onnx(self) -> Any:
        """Write it as an ONNX model.

        Returns:
            An ``onnx.ModelProto``.

        Raises:
            CellError: the network does what ONNX cannot say, or its weights are not of float32.
        """
        from headgate.export.network import network_to_onnx  # torch.export loads for a second

        check_numbers(self.network.parameters())
        free = iter(range(19, 1000, 2))
        sizes = {axis: EXAMPLE.get(axis) or next(free) for axis in self.axes}
        for axis, limit in self.limits.items():
            if limit <= _LEAST:
                raise CellError(
                    f"the axis {axis} of {self.name} has at most {limit} steps, too few to vary: "
                    "train with a greater limit"
                )
            # at the limit itself torch would take the length for a fixed one
            sizes[axis] = min(sizes[axis], limit - 1)
        varying = {
            each.name: {at: axis for at, axis in enumerate(each.axes) if isinstance(axis, str)}
            for each in self.inputs
        }
        return network_to_onnx(self.network, self.sample(sizes), self.outputs, varying)


@dataclass(frozen=True)
class Exported:
    """A model as files.

    Args:
        parts: its graphs.
        scripts: what runs it: for each file that is written the file of ``scripts/`` that it is
            a copy of; "run.py" is what a user starts.
        facts: what the script needs to know beside the graphs, as plain data.
        files: further files by name, such as a tokenizer.
        chain: what each step of a stream goes through; None where it has none.
        beside: the graphs that a stream needs beside its step.
    """

    parts: tuple[Part, ...]
    scripts: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    chain: tuple[nn.Module, ...] | None = None
    beside: tuple[Part, ...] = ()
