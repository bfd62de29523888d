"""A picture, row by row: each row of its pixels is a step."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from headgate.data.columns import Table
from headgate.data.frames import Frames
from headgate.data.images import PictureFile
from headgate.data.media import column_kind
from headgate.errors import DataError
from headgate.export.parts import Input
from headgate.layers.checks import check_positive
from headgate.models.embedding import FrameEmbedding
from headgate.tasks.pixels import Pixels, kept
from headgate.tasks.reading import ExportedReading, Reading, limits_for
from headgate.training import Plan

_MOST = 64  # pixels of a side that nobody named
_THUMBNAIL = 12
_STEPS = 2500  # of a training that nobody limits


@dataclass
class ImageSettings:
    """How pictures are read.

    Args:
        height: to which pictures are made, in pixels, without distortion; where None the most
            frequent of the training part, 64 at most.
        width: likewise.
        grey: whether one channel is read, and not three; where None if no picture has colours.
    """

    height: int | None = None
    width: int | None = None
    grey: bool | None = None

    def __post_init__(self) -> None:
        given = {"height": self.height, "width": self.width}
        check_positive(**{name: size for name, size in given.items() if size is not None})


class ImageReading(Reading):
    """Pictures of one size, standardised by the mean and the spread of each channel.

    Args:
        settings: how they are read.
        pixels: their form.
    """

    kind: ClassVar[str] = "image"
    summary: ClassVar[str] = "a picture"
    made_of: ClassVar[type] = ImageSettings
    defaults: dict[str, Any] = {"hidden_size": 128, "dropout": 0.3}

    def __init__(self, settings: ImageSettings, pixels: Pixels) -> None:
        self.settings, self.pixels = settings, pixels
        self.embedding = FrameEmbedding(pixels.width * pixels.channels)
        self._mean, self._scale = (
            torch.tensor(each).repeat(pixels.width) for each in (pixels.mean, pixels.scale)
        )

    @classmethod
    def reads(cls, table: Table, input: str) -> bool:
        """Take paths of pictures."""
        return names_files(table, input, "image")

    @classmethod
    def read(cls, table: Table, input: str) -> Sequence[PictureFile]:
        """Find the pictures; refuse a row that names none."""
        cells = enumerate(table.column(input))
        return [PictureFile.named(table, row, cell, column=input) for row, cell in cells]

    @classmethod
    def learn(
        cls,
        inputs: Sequence[PictureFile],
        settings: ImageSettings,
        base: ImageReading | None = None,
    ) -> ImageReading:
        """Learn size, channels and spread; a base keeps its own."""
        if base is not None:
            return cls(settings, base.pixels)
        wanted = (settings.height, settings.width, settings.grey)
        return cls(settings, Pixels.of_files(inputs, wanted, most=_MOST))

    @classmethod
    def restore(cls, settings: ImageSettings, files: dict[str, str]) -> ImageReading:
        """Rebuild what was saved."""
        return cls(settings, Pixels.from_dict(json.loads(files["pixels.json"])))

    def files(self) -> dict[str, str]:
        """Give the form of the pictures as a file."""
        return {"pixels.json": json.dumps(self.pixels.to_dict())}

    def notes(self) -> list[str]:
        """Say what a picture is made to."""
        return [f"pictures row by row, each made to {self.pixels}"]

    def encode_rows(self, inputs: Sequence[Any]) -> Frames:
        """Read pictures as rows of bytes, [H, W · channels]."""
        files = [as_picture(each) for each in inputs]
        lazy = Frames([self.pixels.height] * len(files), lambda row: self._rows(files[row]))
        return kept(lazy, bytes_each=self.embedding.output_size)  # type: ignore[arg-type]

    def _rows(self, file: PictureFile) -> Tensor:
        return self.pixels.read(file).permute(1, 2, 0).flatten(1)

    def pad(self, rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Lay pictures out as a batch."""
        return self.steps(torch.stack(list(rows))), torch.tensor([len(row) for row in rows])

    def steps(self, row: Tensor) -> Tensor:
        """Standardise the rows of a picture."""
        return (row.float() - self._mean) / self._scale

    def features(self, inputs: Sequence[Any]) -> Tensor:
        """Describe each picture by its thumbnail, [B, D]."""
        found = [self.pixels.read(as_picture(each))[None] for each in inputs]
        return torch.cat([self.pixels.thumbnails(each, _THUMBNAIL) for each in found])

    def limits(self, lengths: Sequence[int]) -> Plan:
        """Give some thousand steps, in 4 to 60 passes."""
        return limits_for(len(lengths), steps=_STEPS, passes=(4, 60))

    def exported(self) -> ExportedReading:
        """Give how pictures are read elsewhere: as pixels [B, channels, H, W]."""
        given = Input("x", ("B", self.pixels.channels, "T", self.pixels.width))
        first = _Rows(self._mean, self._scale)
        return ExportedReading(given, {}, ("pictures.py",), first, streams=False)

    def shown(self, input: Any) -> str:
        """Give the name of a picture."""
        return as_picture(input).path.name


class _Rows(nn.Module):
    """Pixels to the rows that a network reads, standardised as ``ImageReading.steps`` does.

    Args:
        mean: of each number of a row.
        scale: its standard deviation.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels.permute(0, 2, 3, 1).flatten(2) - self.mean) / self.scale


def names_files(table: Table, input: str, kind: str) -> bool:
    """Tell whether a column has paths of one kind.

    Args:
        table: the rows.
        input: one column, or what names several.
        kind: "image" or "video".

    Returns:
        Whether most of its cells name such files; False where several columns are named.
    """
    try:
        return column_kind(table, input) == kind
    except DataError:  # several columns, or none: another kind says what is wrong
        return False


def as_picture(given: Any) -> PictureFile:
    """Take what stands for a picture in Python.

    Args:
        given: a path, or what ``read`` gave.

    Returns:
        The picture.

    Raises:
        DataError: it is neither.
    """
    if isinstance(given, PictureFile):
        return given
    if isinstance(given, str | os.PathLike):
        return PictureFile(Path(given))
    raise DataError(f"the path of a picture was wanted, and {given!r:.60} came")
