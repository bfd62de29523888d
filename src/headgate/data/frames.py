"""Sequences of frames of unequal lengths: series, sound, pictures row by row, video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

import torch
from jaxtyping import Int
from torch import Tensor

from headgate.errors import ShapeError


class Frames(Sequence[Tensor]):
    """Rows of frames, each read when it is asked for.

    Args:
        lengths: the steps of every row.
        read: from a row's number to its frames, [T, …].
    """

    def __init__(self, lengths: Sequence[int], read: Callable[[int], Tensor]) -> None:
        self.lengths, self._read = list(lengths), read

    @classmethod
    def of(cls, rows: Sequence[Tensor]) -> Frames:
        """Keep rows that are in memory.

        Args:
            rows: the frames of each row, [T, …].

        Returns:
            The rows.
        """
        return cls([len(row) for row in rows], rows.__getitem__)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...

    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        numbers = range(len(self))[index]
        return self._read(numbers) if isinstance(numbers, int) else [self._read(n) for n in numbers]


def pad_frames(rows: Sequence[Tensor]) -> tuple[Tensor, Int[Tensor, "B"]]:
    """Lay rows of unequal lengths out as one tensor, zero past their ends.

    Args:
        rows: B rows of frames, [T, …], whose frames have one shape.

    Returns:
        The frames, [B, T, …] with T the longest row, and the rows' lengths, int64 [B].

    Raises:
        ShapeError: there are no rows.

    Example:
        >>> frames, lengths = pad_frames([torch.ones(2, 3), torch.ones(1, 3)])
        >>> frames.shape, lengths
        (torch.Size([2, 2, 3]), tensor([2, 1]))
    """
    if not rows:
        raise ShapeError("a batch needs at least one row, and none came")
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), lengths
