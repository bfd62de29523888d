"""What was learned of a training part's pictures: one size, the channels, and their spread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from headgate.data.frames import Frames
from headgate.data.images import PictureFile, common_size, fitted

MOST_BYTES = 500_000_000  # of pixels that stay in memory; more are read a batch at a time

_MEASURED = 400  # pictures that tell size, channels and spread
_ALIKE = 3  # levels of 255 by which channels of a grey picture may differ, as JPEG stores them


@dataclass(frozen=True)
class Pixels:
    """The form in which pictures are read.

    Args:
        height: in pixels.
        width: in pixels.
        mean: of each channel over the training part.
        scale: its standard deviation.
    """

    height: int
    width: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of_files(
        cls,
        files: Sequence[PictureFile],
        wanted: tuple[int | None, int | None, bool | None],
        *,
        most: int,
    ) -> Pixels:
        """Learn from files.

        Args:
            files: of the training part.
            wanted: height, width, and whether grey; each by the files where None: their most
                frequent size, and grey where none has colours.
            most: pixels of the longer side where nothing is wanted.

        Returns:
            The form.
        """
        some = _evenly(files)
        height, width = _size([file.size() for file in some], wanted[:2], most=most)
        pixels = torch.stack([file.read(height=height, width=width) for file in some])
        grey = wanted[2]
        if grey is None:
            spread = pixels.amax(1).int() - pixels.amin(1).int()
            grey = bool((spread <= _ALIKE).all())
        if grey:
            read = (file.read(height=height, width=width, grey=True) for file in some)
            pixels = torch.stack(list(read))
        return cls(height, width, *_spread(pixels))

    @classmethod
    def of_arrays(
        cls, arrays: Sequence[Tensor], wanted: tuple[int | None, int | None], *, most: int
    ) -> Pixels:
        """Learn from pictures that are arrays.

        Args:
            arrays: of the training part, each [T, channels, H, W].
            wanted: height and width; by the arrays where None.
            most: pixels of the longer side where nothing is wanted.

        Returns:
            The form.
        """
        some = _evenly(arrays)
        sizes = [(each.shape[-2], each.shape[-1]) for each in some]
        height, width = _size(sizes, wanted, most=most)
        made = torch.cat([fitted(each, height=height, width=width) for each in some])
        return cls(height, width, *_spread(made))

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Pixels:
        """Read what ``to_dict`` gave.

        Args:
            kept: numbers and lists of them by name.

        Returns:
            The form.
        """
        return cls(kept["height"], kept["width"], tuple(kept["mean"]), tuple(kept["scale"]))

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data.

        Returns:
            Numbers and lists of them by name.
        """
        return asdict(self) | {"mean": list(self.mean), "scale": list(self.scale)}

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colours; of arrays as many as they have."""
        return len(self.mean)

    def read(self, file: PictureFile) -> Tensor:
        """Read a picture.

        Args:
            file: the picture.

        Returns:
            Bytes, [channels, height, width].
        """
        return file.read(height=self.height, width=self.width, grey=self.channels == 1)

    def frames(self, files: Iterable[PictureFile]) -> Tensor:
        """Read the frames of a video.

        Args:
            files: the frames, at least one.

        Returns:
            Bytes, [T, channels, height, width].
        """
        return torch.stack([self.read(file) for file in files])

    def thumbnails(self, pixels: Tensor, side: int) -> Tensor:
        """Describe pictures by what they look like from far away.

        Args:
            pixels: pictures, [B, channels, height, width].
            side: pixels up and across that are left.

        Returns:
            Standardised numbers, [B, channels · side · side].
        """
        mean = torch.tensor(self.mean).view(-1, 1, 1)
        scaled = (pixels.float() - mean) / torch.tensor(self.scale).view(-1, 1, 1)
        return torch.nn.functional.adaptive_avg_pool2d(scaled, side).flatten(1)

    def __str__(self) -> str:
        channels = {1: "grey", 3: "colours"}.get(self.channels, f"{self.channels} channels")
        return f"{self.height} by {self.width} pixels, {channels}"


def kept(frames: Frames, *, bytes_each: int) -> Frames:
    """Read rows at once where they fit into memory, else each when it is asked for.

    Args:
        frames: rows that are read when they are asked for.
        bytes_each: of one step.

    Returns:
        The same rows.
    """
    if sum(frames.lengths) * bytes_each > MOST_BYTES:
        return frames
    return Frames.of([frames[row] for row in range(len(frames))])


def _evenly(items: Sequence[Any]) -> list[Any]:
    """Take some from all over a training part."""
    step = max(1, -(-len(items) // _MEASURED))
    return [items[row] for row in range(0, len(items), step)]


def _size(
    sizes: Sequence[tuple[int, int]], wanted: tuple[int | None, int | None], *, most: int
) -> tuple[int, int]:
    height, width = common_size(sizes, most=most)
    return wanted[0] or height, wanted[1] or width


def _spread(pixels: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and the deviation of each channel; 1 where a channel is constant."""
    values = pixels.transpose(0, 1).flatten(1).double()
    deviation = values.std(1, correction=0)
    scale = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    return tuple(values.mean(1).tolist()), tuple(scale.tolist())
