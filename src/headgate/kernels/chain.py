"""A chain of links for the native part: packed once, then run a step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from headgate.kernels import native
from headgate.kernels.bytecode import Bytecode
from headgate.kernels.cpu import runs
from headgate.kernels.geometry import Geometry, geometry
from headgate.kernels.links import Cell, Link, Lookup, Projection, features_of, tensors_of
from headgate.kernels.plain import is_plain
from headgate.kernels.span import MODES, PANEL, code_of
from headgate.program.graph import HIDDEN, ROW
from headgate.program.parameters import parameters
from headgate.program.plan import plan, supports
from headgate.program.schedule import Place, Schedule

_SHARED, _INPUTS, _STATE, _OWN, _SOURCE = range(5)  # where a view lies, as the native part has it
_NEXT = 6  # the native mode of the state that a step writes
_NO_WEIGHT = (0, 0, 0, 0, True)
_NO_TABLE = (0, 0, 0)

Weight = tuple[int, int, int, int, bool]
View = tuple[int, int, int, int, int]


def serves(links: Sequence[Link]) -> bool:
    """Tell whether the native part can run a chain.

    Args:
        links: the chain.

    Returns:
        Whether ``Chain`` takes it: on a CPU, all in float32 or all in float64.
    """
    tensors = [tensor.detach() for link in links for tensor in tensors_of(link).values()]
    cells = [link for link in links if isinstance(link, Cell)]
    known = all(supports(c.program) if c.direct else runs(c.program) for c in cells)
    return native.available and is_plain(tensors) and known


class Chain:
    """A chain with frozen weights; what the weights become later does not change it.

    Args:
        links: what is run, in order; ``serves`` says whether they can be.
        quantize: whether the matrices are kept as bytes.
    """

    def __init__(self, links: Sequence[Link], *, quantize: bool) -> None:
        dtype = next(iter(tensors_of(links[0]).values())).dtype
        self.doubles = dtype == torch.float64
        self.bytes = dtype.itemsize
        self._kept: list[Tensor] = []
        self._read: list[Tensor] = []
        features = features_of(links[0]) or 0
        state = 0
        parts: list[Any] = []
        for number, link in enumerate(links):
            parts.append(self._part(link, state, first=not number))
            state += sum(map(len, link.initial)) if isinstance(link, Cell) else 0
        self.native = native.chain(self.doubles, quantize, features, state, parts)
        self._read.clear()

    def _part(self, link: Link, state: int, *, first: bool) -> tuple[Any, ...]:
        if isinstance(link, Lookup):
            entries, width = link.table.shape
            table = (self._keep(link.table).data_ptr(), entries, width)
            return table, _NO_WEIGHT, 0, None, [], [], [], [], False
        if isinstance(link, Projection):
            projection = self._weight(self._once(link.weight))
            bias = 0 if link.bias is None else self._keep(link.bias).data_ptr()
            return _NO_TABLE, projection, bias, None, [], [], [], [], False
        return _CellPart(self, link, state).run(first=first)

    def _keep(self, tensor: Tensor) -> Tensor:
        """Make a copy that lives as long as the chain."""
        self._kept.append(tensor.detach().clone(memory_format=torch.contiguous_format))
        return self._kept[-1]

    def _once(self, tensor: Tensor) -> Tensor:
        """Hold a matrix until it is packed."""
        self._read.append(tensor.detach().contiguous())
        return self._read[-1]

    def _weight(self, weight: Tensor, row: int = 0, rows: int | None = None) -> Weight:
        columns = weight.shape[1]
        address = weight.data_ptr() + row * columns * self.bytes
        return address, columns, columns, len(weight) if rows is None else rows, True


class _CellPart:
    """A cell as the native part takes it."""

    def __init__(self, chain: Chain, link: Cell, state: int) -> None:
        self.chain, self.link, self.program = chain, link, link.program
        self.weights = {
            name: (chain._once if weight.dim() > 1 else chain._keep)(weight)
            for name, weight in link.weights.items()
        }
        self.geometry = self._geometry()
        self.schedule: Schedule = plan(self.program, grad=False, traced=False).forward.schedule
        self.columns: dict[str, tuple[int, int]] = {}
        for name, initial in zip(self.program.states, link.initial, strict=True):
            self.columns[name] = (state, len(initial))
            state += len(initial)

    def _geometry(self) -> Geometry:
        if self.link.direct:
            # no parameter tells the sizes: all that comes in is as wide as the states
            return Geometry({HIDDEN: len(self.link.initial[0]), ROW: 1}, {}, {})
        rows = tuple(len(self.weights[name]) for name in parameters(self.program))
        return geometry(self.program, rows)

    def run(self, *, first: bool) -> tuple[Any, ...]:
        if first and self.link.direct:
            raise AssertionError("a cell that reads what comes in follows another link")
        code: Bytecode = code_of(self.schedule)
        projection, bias = _NO_WEIGHT, 0
        if "weight_ih" in self.weights:
            projection = self.chain._weight(self.weights["weight_ih"])
            bias = self.weights["bias"].data_ptr() if self.program.biased else 0
        outputs = [self.columns[name] for name in self.program.states[: self.link.outputs]]
        return (
            _NO_TABLE,
            projection,
            bias,
            code.plan,
            [self._view(place) for place in code.places],
            [self._matmul(block) for block, _ in code.weights],
            [self.geometry.sizes[width] for width in code.widths],
            outputs,
            self.link.residual,
        )

    def _matmul(self, name: str) -> Weight:
        block = self.geometry.blocks["matmul", name]
        return self.chain._weight(self.weights[block.name], block.row, block.rows)

    def _view(self, place: Place) -> View:
        kind, name = place.buffer
        if place.mode == "shared":
            block = self.geometry.blocks[kind, name]
            address = self.weights[block.name].data_ptr() + block.row * self.chain.bytes
            return MODES["shared"], _SHARED, address, 0, 0
        if kind == "input":
            if self.link.direct:
                return MODES["sequence"], _SOURCE, 0, 0, 0
            return MODES["sequence"], _INPUTS, self.geometry.columns[name], 0, 0
        if kind == "state":
            mode = MODES["previous"] if place.mode == "previous" else _NEXT
            return mode, _STATE, self.columns[name][0], 0, 0
        units = width = self.geometry.sizes[self.schedule.widths[place.buffer]]
        if place.mode == "moments":
            width = len(self.schedule.moments[place]) * (units + PANEL)
        return MODES[place.mode], _OWN, 0, width, units
