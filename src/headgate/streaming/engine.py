"""What streams of one network share: its links with frozen weights, and who runs them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from headgate.errors import StreamError, UnknownNameError
from headgate.kernels import chain, native
from headgate.kernels.links import Cell, Link, Lookup, features_of, tensors_of, width_of
from headgate.program.portable import to_text
from headgate.streaming.together import Batches
from headgate.streaming.twin import Twin

QUANTIZE = ("int8",)


@runtime_checkable
class Runner(Protocol):
    """Takes steps of some rows whose states lie in a ring."""

    def run(self, x: Tensor, steps: int, slot: int, out: Tensor) -> int:
        """Take steps.

        Args:
            x: ids or features of T steps of B rows, contiguous; axes of one may be left out.
            steps: T.
            slot: where the present states lie in the ring.
            out: what comes out, V for each row of each step, contiguous.

        Returns:
            The place of the first id that is none of the table's, before anything was done; or -1.
        """
        ...

    def step(self, x: Any, out: Tensor | None, slot: int) -> Tensor | None:
        """Take one step of an input that needs neither conversion nor a message.

        Args:
            x: what a user gave.
            out: memory for the answer, or None.
            slot: where the present states lie in the ring.

        Returns:
            The answer; None, and nothing was done, for any other input.
        """
        ...


class Engine:
    """A chain with frozen weights: what the modules become later does not change it.

    Args:
        links: the chain.
        quantize: "int8", or None.

    Attributes:
        features: what a step takes, M; None for ids.
        width: what a step gives.
        initial: the states of all links before the first step, side by side, [N].
        columns: for each state its name, its first column and its units.
        native: whether the native part runs it.
        state_bytes: of the states of all links of one row.
        batches: where streams of it step together.
        digest: the SHA-256 of its programs and weights.
    """

    def __init__(self, links: Sequence[Link], quantize: str | None) -> None:
        if quantize is not None and quantize not in QUANTIZE:
            raise UnknownNameError("quantize", quantize, [*QUANTIZE, "None"])
        self.quantize = quantize
        self.native = chain.serves(links)
        if quantize and not self.native:
            raise StreamError(
                f"quantize={quantize!r} needs the native part, and weights of float32 or float64 "
                "on the CPU"
            )
        first = next(iter(tensors_of(links[0]).values()))
        self.dtype, self.device = first.dtype, first.device
        self.ids = isinstance(links[0], Lookup)
        self.features = None if self.ids else features_of(links[0])
        self.entries = len(links[0].table) if isinstance(links[0], Lookup) else 0
        self.width = width_of(links[-1])
        cells = [(i, link) for i, link in enumerate(links) if isinstance(link, Cell)]
        states = [state.detach() for _, cell in cells for state in cell.initial]
        self.initial = torch.cat(states) if states else first.new_zeros(0)
        names = [f"{i}.{name}" for i, cell in cells for name in cell.program.states]
        self.columns: list[tuple[str, int, int]] = []
        for name, state in zip(names, states, strict=True):
            self.columns.append((name, sum(c[2] for c in self.columns), len(state)))
        self.state_bytes = self.initial.numel() * self.initial.element_size()
        self.batches = Batches()
        self.digest = _digest(links)
        self._chain = chain.Chain(links, quantize=bool(quantize)) if self.native else None
        self._twin = None if self.native else Twin(links)

    def shapes(self, rows: int | None) -> tuple[torch.Size, torch.Size]:
        """Give the shapes of what a step takes and of what it gives.

        Args:
            rows: the streams that step together; None for one without an axis of rows.

        Returns:
            Both shapes.
        """
        batch = () if rows is None else (rows,)
        features = () if self.features is None else (self.features,)
        return torch.Size((*batch, *features)), torch.Size((*batch, self.width))

    def runner(self, rows: int | None, ring: Tensor) -> Runner:
        """Make ready for the steps of some rows.

        Args:
            rows: how many streams step together, B; None for one without an axis of rows.
            ring: their states, [slots, B, N], which lives as long as the runner.

        Returns:
            Who takes the steps.
        """
        if self._chain is not None:
            return _Native(self._chain, ring, self.shapes(rows))
        assert self._twin is not None
        return self._twin.runner(ring)


class _Native:
    """The native part, with the memory of some rows."""

    def __init__(
        self, whole: chain.Chain, ring: Tensor, shapes: tuple[torch.Size, torch.Size]
    ) -> None:
        self._ring, self._whole = ring, whole  # they live as long as what has their addresses
        found = native.stream(whole.native, ring.shape[1], ring, shapes)
        self._run, self.step = found.run, found.step

    def run(self, x: Tensor, steps: int, slot: int, out: Tensor) -> int:
        return self._run(x.data_ptr(), steps, slot, out.data_ptr())


def _digest(links: Sequence[Link]) -> str:
    found = hashlib.sha256()
    for link in links:
        program = to_text(link.program) if isinstance(link, Cell) else type(link).__name__
        found.update(program.encode())
        if isinstance(link, Cell):
            found.update(f"{link.outputs} {link.residual}".encode())
        for name, tensor in tensors_of(link).items():
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            plain = tensor.detach().cpu().contiguous()
            found.update(plain.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
