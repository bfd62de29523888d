"""What a captioner looks at: pictures, or features of their places."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from headgate.data.columns import Cell, Table
from headgate.data.frames import Frames, pad_frames
from headgate.data.images import PictureFile
from headgate.errors import DataError
from headgate.export.parts import Input
from headgate.layers.convolution import PlaceEncoder, grid_of
from headgate.models.captioner import PlaceFeatures
from headgate.tasks.caption_settings import CaptionSettings
from headgate.tasks.image_reading import as_picture
from headgate.tasks.pixels import Pixels, kept
from headgate.tasks.reading import ExportedReading

_MOST = 80  # pixels of the longer side of a picture that nobody named
_THUMBNAIL = 8  # pixels up and across
_FILE = "pixels.json"


class Sight(ABC):
    """How sources are read, and the part of the network that sees them."""

    kind: ClassVar[str]
    reader: ClassVar[str]  # of the export's scripts

    @abstractmethod
    def encoder(self, settings: CaptionSettings) -> PlaceEncoder | PlaceFeatures:
        """Build what sees."""

    @abstractmethod
    def rows(self, inputs: Sequence[Any]) -> Frames:
        """Read sources; the length of a row is the number of its places."""

    @abstractmethod
    def files(self) -> dict[str, str]:
        """Give what was learned as files of a model directory."""

    @abstractmethod
    def note(self) -> str:
        """Say in a sentence what is looked at."""

    @abstractmethod
    def names(self, places: int) -> tuple[str, ...]:
        """Name the places of a source."""

    @abstractmethod
    def features(self, row: Tensor) -> Tensor:
        """Describe a source by as many numbers, [D], to find the nearest one."""

    @abstractmethod
    def exported(self) -> ExportedReading:
        """Give how sources are read elsewhere."""

    def batch(self, rows: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Lay rows out as the encoder takes them, with the places of each where they differ."""
        return torch.stack(list(rows)), None

    def moved(self, source: Tensor, settings: CaptionSettings) -> Tensor:
        """Change a batch by chance, as its captions allow."""
        return source


@dataclass(frozen=True)
class PictureSight(Sight):
    """Pictures of one size.

    Args:
        pixels: their form.
    """

    pixels: Pixels
    kind: ClassVar[str] = "image"
    reader: ClassVar[str] = "read_image.py"

    @property
    def grid(self) -> tuple[int, int]:
        """Places up and across."""
        return grid_of(self.pixels.height, self.pixels.width)

    def encoder(self, settings: CaptionSettings) -> PlaceEncoder:
        """Build the convolutions."""
        form = self.pixels
        return PlaceEncoder(
            form.channels,
            self.grid,
            settings.place_size,
            mean=form.mean,
            scale=form.scale,
            width=settings.convolutions,
        )

    def rows(self, inputs: Sequence[Any]) -> Frames:
        """Read pictures: bytes, [channels, H, W]."""
        files, form = [as_picture(each) for each in inputs], self.pixels
        places = self.grid[0] * self.grid[1]
        lazy = Frames([places] * len(files), lambda row: form.read(files[row]))
        size = form.channels * form.height * form.width
        return kept(lazy, bytes_each=-(-size // places))

    def features(self, row: Tensor) -> Tensor:
        """Give a thumbnail."""
        return self.pixels.thumbnails(row[None], _THUMBNAIL)[0]

    def moved(self, source: Tensor, settings: CaptionSettings) -> Tensor:
        """Turn half of the pictures left to right, and move all by some pixels."""
        if settings.mirror:
            turned = torch.rand(len(source)) < 0.5
            source = torch.where(turned[:, None, None, None], source.flip(-1), source)
        reach = [round(settings.shift * side) for side in source.shape[-2:]]
        if not any(reach):
            return source
        height, width = source.shape[-2:]
        sides = (reach[1], reach[1], reach[0], reach[0])
        wide = functional.pad(source.float(), sides, mode="replicate").to(source.dtype)
        tops, lefts = (torch.randint(2 * r + 1, (len(source),)).tolist() for r in reach)
        cut = zip(wide, tops, lefts, strict=True)
        return torch.stack([each[:, t : t + height, a : a + width] for each, t, a in cut])

    def files(self) -> dict[str, str]:
        """Give the form of the pictures as a file."""
        return {_FILE: json.dumps(self.pixels.to_dict())}

    def note(self) -> str:
        """Say what a picture is made to."""
        rows, columns = self.grid
        return f"pictures, each made to {self.pixels}, seen as {rows} by {columns} places"

    def exported(self) -> ExportedReading:
        """Give how pictures are read: as pixels [B, channels, H, W]."""
        form = self.pixels
        given = Input("x", ("B", form.channels, form.height, form.width))
        return ExportedReading(given, {}, ("pictures.py",))

    def names(self, places: int) -> tuple[str, ...]:
        """Name places by row and column from the top left."""
        rows, columns = self.grid
        return tuple(f"{r},{c}" for r in range(1, rows + 1) for c in range(1, columns + 1))


@dataclass(frozen=True)
class FeatureSight(Sight):
    """Features of places, made elsewhere.

    Args:
        mean: of each feature over the training part.
        scale: its standard deviation.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    kind: ClassVar[str] = "series"
    reader: ClassVar[str] = "read_places.py"

    @classmethod
    def learn(cls, inputs: Sequence[Tensor]) -> FeatureSight:
        """Learn from the training part.

        Args:
            inputs: features, each [S, M].

        Returns:
            The sight.
        """
        values = torch.cat(list(inputs)).double()
        deviation = values.std(0, correction=0)
        scale = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        return cls(tuple(values.mean(0).tolist()), tuple(scale.tolist()))

    def encoder(self, settings: CaptionSettings) -> PlaceFeatures:
        """Build the projection."""
        return PlaceFeatures(self.mean, self.scale, settings.place_size)

    def rows(self, inputs: Sequence[Any]) -> Frames:
        """Take features, [S, M]; refuse others than in training."""
        return Frames.of([self._features(each) for each in inputs])

    def _features(self, given: Any) -> Tensor:
        features = torch.as_tensor(given, dtype=torch.float32)
        if features.ndim != 2 or features.shape[1] != len(self.mean) or not len(features):
            came = tuple(features.shape)
            raise DataError(f"features [places, {len(self.mean)}] were wanted, and {came} came")
        return features

    def features(self, row: Tensor) -> Tensor:
        """Give the mean over the places."""
        return ((row.mean(0) - torch.tensor(self.mean)) / torch.tensor(self.scale)).float()

    def batch(self, rows: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Lay features out, zero past the last place of each."""
        return pad_frames(rows)

    def files(self) -> dict[str, str]:
        """Give means and scales as a file."""
        return {_FILE: json.dumps({"mean": list(self.mean), "scale": list(self.scale)})}

    def note(self) -> str:
        """Say how many features there are."""
        return f"places of {len(self.mean)} features"

    def exported(self) -> ExportedReading:
        """Give how features are read: as they are, [B, S, M]."""
        return ExportedReading(Input("x", ("B", "S", len(self.mean))), {}, ("frames.py",))

    def names(self, places: int) -> tuple[str, ...]:
        """Number the places."""
        return tuple(str(place) for place in range(1, places + 1))


def read_sources(table: Table, input: str) -> tuple[list[Any], str]:
    """Take the column of pictures, or of features.

    Args:
        table: the rows.
        input: the column.

    Returns:
        A picture or the features of each row, and the kind: "image" or "series".

    Raises:
        DataError: a row has none; the message names it.
    """
    cells = list(table.column(input))
    kind = "series" if cells and isinstance(cells[0], Tensor) else "image"
    if kind == "image":
        files: dict[Any, PictureFile] = {}  # several rows may share a picture
        for row, cell in enumerate(cells):
            if cell not in files:
                files[cell] = PictureFile.named(table, row, cell, column=input)
        return [files[cell] for cell in cells], kind
    return [_features(table, row, cell, input) for row, cell in enumerate(cells)], kind


def _features(table: Table, row: int, cell: Cell, column: str) -> Tensor:
    first = table.column(column)[0]
    assert isinstance(first, Tensor)
    width = first.shape[-1]
    if not isinstance(cell, Tensor) or cell.ndim != 2 or cell.shape[1] != width or not len(cell):
        came = tuple(cell.shape) if isinstance(cell, Tensor) else repr(cell)
        message = f"features of places were wanted, [places, {width}], and {came} came"
        raise table.error(message, row=row, column=column)
    if not bool(cell.isfinite().all()):
        raise table.error("a feature is no finite number", row=row, column=column)
    return cell


def learn_sight(inputs: Sequence[Any], settings: CaptionSettings) -> Sight:
    """Learn how sources are read.

    Args:
        inputs: of the training part.
        settings: what is wished of them.

    Returns:
        The sight.
    """
    if isinstance(inputs[0], Tensor):
        return FeatureSight.learn(inputs)
    wanted = (settings.height, settings.width, settings.grey)
    return PictureSight(Pixels.of_files(inputs, wanted, most=_MOST))


def restore_sight(files: dict[str, str]) -> Sight:
    """Rebuild what was saved.

    Args:
        files: of a model directory.

    Returns:
        The sight.
    """
    found = json.loads(files[_FILE])
    if "height" in found:
        return PictureSight(Pixels.from_dict(found))
    return FeatureSight(tuple(found["mean"]), tuple(found["scale"]))
