"""A video: a folder of frames in their order, or an array of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from headgate.data.column_lists import column_list
from headgate.data.columns import Cell, Table
from headgate.data.frames import Frames
from headgate.data.images import PictureFile, fitted, place_of
from headgate.data.media import pictures_of, resolve
from headgate.errors import DataError
from headgate.export.parts import Input
from headgate.layers.checks import check_positive, check_probability
from headgate.layers.convolution import FrameEncoder
from headgate.tasks.image_reading import names_files
from headgate.tasks.pixels import Pixels, kept
from headgate.tasks.reading import ExportedReading, Reading, limits_for
from headgate.training import Plan

_MOST = 64  # pixels of a side that nobody named
_THUMBNAIL, _MOMENTS = 6, 4  # of the features by which videos are compared
_STEPS = 600  # of a training that nobody limits
_CHANNELS = (1, 3, 4)  # grey, colours, colours with alpha


@dataclass
class VideoSettings:
    """How videos are read.

    Args:
        height: to which frames are made, in pixels, without distortion; where None the most
            frequent of the training part, 64 at most.
        width: likewise.
        grey: whether one channel of a frame is read, and not three; where None if no frame has
            colours. An array's channels stay as they are.
        frame_size: features that a frame becomes.
        frame_dropout: the probability that one of them is dropped.
        longest: frames of a video that are read; the rest is cut off.
    """

    height: int | None = None
    width: int | None = None
    grey: bool | None = None
    frame_size: int = 64
    frame_dropout: float = 0.0
    longest: int = 1024

    def __post_init__(self) -> None:
        given = {"height": self.height, "width": self.width}
        check_positive(
            frame_size=self.frame_size,
            longest=self.longest,
            **{name: size for name, size in given.items() if size is not None},
        )
        check_probability(frame_dropout=self.frame_dropout)


@dataclass(frozen=True)
class VideoFolder:
    """A folder whose pictures are the frames of a video.

    Args:
        path: the folder.
        frames: its pictures in their order, one at least.
    """

    path: Path
    frames: tuple[PictureFile, ...]

    @classmethod
    def of(cls, path: Path, place: str = "") -> VideoFolder:
        """List the frames of a folder.

        Args:
            path: the folder.
            place: where it was named, for messages.

        Returns:
            The video.

        Raises:
            DataError: it is no folder, or has no pictures; or the first one cannot be read.
        """
        named = f"{path} ({place})" if place else path
        if not path.is_dir():
            raise DataError("a folder of pictures was wanted, and this is none", path=named)
        frames = tuple(PictureFile(file, place) for file in pictures_of(path))
        if not frames:
            raise DataError("the folder has no PNG or JPEG, so there are no frames", path=named)
        frames[0].size()
        return cls(path, frames)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return str(self.path)


Video = VideoFolder | Tensor


class VideoReading(Reading):
    """Frames of one size, each made a vector by a small convolutional network.

    Args:
        settings: how they are read.
        pixels: their form.
    """

    kind: ClassVar[str] = "video"
    summary: ClassVar[str] = "a video"
    made_of: ClassVar[type] = VideoSettings
    defaults: dict[str, Any] = {"dropout": 0.2}

    def __init__(self, settings: VideoSettings, pixels: Pixels) -> None:
        self.settings, self.pixels = settings, pixels
        self.embedding = FrameEncoder(
            pixels.channels,
            settings.frame_size,
            mean=pixels.mean,
            scale=pixels.scale,
            dropout=settings.frame_dropout,
        )

    @classmethod
    def reads(cls, table: Table, input: str) -> bool:
        """Take paths of folders of pictures, and arrays of frames."""
        columns = column_list(table.columns, input)
        if len(columns) > 1 or not len(table):
            return False
        cell = table.rows[0][columns[0]]
        if isinstance(cell, Tensor):
            return cell.ndim > 2  # with two it is a series
        return names_files(table, input, "video")

    @classmethod
    def read(cls, table: Table, input: str) -> Sequence[Video]:
        """Find the videos; refuse a row that has none."""
        return [_video(table, row, cell, input) for row, cell in enumerate(table.column(input))]

    @classmethod
    def learn(
        cls, inputs: Sequence[Video], settings: VideoSettings, base: VideoReading | None = None
    ) -> VideoReading:
        """Learn size, channels and spread; a base keeps its own."""
        if base is not None:
            return cls(settings, base.pixels)
        files = [file for each in inputs if isinstance(each, VideoFolder) for file in each.frames]
        if files:
            wanted = (settings.height, settings.width, settings.grey)
            return cls(settings, Pixels.of_files(files, wanted, most=_MOST))
        arrays = [each for each in inputs if isinstance(each, Tensor)]
        size = (settings.height, settings.width)
        return cls(settings, Pixels.of_arrays(arrays, size, most=_MOST))

    @classmethod
    def restore(cls, settings: VideoSettings, files: dict[str, str]) -> VideoReading:
        """Rebuild what was saved."""
        return cls(settings, Pixels.from_dict(json.loads(files["pixels.json"])))

    def files(self) -> dict[str, str]:
        """Give the form of the frames as a file."""
        return {"pixels.json": json.dumps(self.pixels.to_dict())}

    def notes(self) -> list[str]:
        """Say what a frame is made to."""
        return [f"videos, each frame made to {self.pixels}"]

    def encode_rows(self, inputs: Sequence[Any]) -> Frames:
        """Read videos, [T, channels, H, W]; a batch at a time where they are large."""
        videos = [as_video(each) for each in inputs]
        lengths = [min(self.settings.longest, _length(each)) for each in videos]
        lazy = Frames(lengths, lambda row: self._frames(videos[row]))
        form = self.pixels
        return kept(lazy, bytes_each=form.channels * form.height * form.width * _size_of(videos))

    def _frames(self, video: Video) -> Tensor:
        longest, form = self.settings.longest, self.pixels
        if isinstance(video, VideoFolder):
            return form.frames(video.frames[:longest])
        if video.shape[1] != form.channels:
            raise DataError(
                f"frames of {form.channels} channels were wanted, as in training, and {len(video)} "
                f"of {video.shape[1]} came"
            )
        return fitted(video[:longest], height=form.height, width=form.width)

    def features(self, inputs: Sequence[Any]) -> Tensor:
        """Describe each video by thumbnails of some of its frames, [B, D]."""
        found = []
        for frames in self.encode_rows(inputs):
            moments = torch.linspace(0, len(frames) - 1, _MOMENTS).round().long()
            found.append(self.pixels.thumbnails(frames[moments], _THUMBNAIL).flatten())
        return torch.stack(found)

    def limits(self, lengths: Sequence[int]) -> Plan:
        """Give some hundred steps, in 4 to 60 passes."""
        return limits_for(len(lengths), steps=_STEPS, passes=(4, 60))

    def shown(self, input: Any) -> str:
        """Give the name of a video."""
        video = as_video(input)
        return video.path.name if isinstance(video, VideoFolder) else f"{len(video)} frames"

    def exported(self) -> ExportedReading:
        """Give how videos are read elsewhere: as pixels [B, T, channels, H, W]."""
        form = self.pixels
        given = Input("x", ("B", "T", form.channels, form.height, form.width))
        facts = {"longest": self.settings.longest}
        return ExportedReading(given, facts, ("frames.py", "pictures.py"), streams=False)

    def cut(self, inputs: Sequence[Any]) -> list[str]:
        """Say how many videos are longer than what is read."""
        limit = self.settings.longest
        longer = sum(_length(as_video(each)) > limit for each in inputs)
        return [f"{longer} videos are read to their frame {limit}"] if longer else []


def as_video(given: Any) -> Video:
    """Take what stands for a video in Python.

    Args:
        given: the path of a folder; an array, [T, H, W], [T, channels, H, W] or
            [T, H, W, channels]; or what ``read`` gave.

    Returns:
        The video; of an array [T, channels, H, W].

    Raises:
        DataError: it is none of these, or has no frames, or NaN among its pixels.
    """
    if isinstance(given, VideoFolder):
        return given
    if isinstance(given, str | os.PathLike):
        return VideoFolder.of(Path(given))
    try:
        frames = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"the frames of a video were wanted, and {given!r:.60} came") from error
    return _laid_out(frames)


def _laid_out(frames: Tensor) -> Tensor:
    """Put the channels before height and width."""
    shape = tuple(frames.shape)
    if not frames.numel():
        raise DataError(f"the video is empty: {shape}")
    if frames.is_floating_point() and not bool(frames.isfinite().all()):
        raise DataError("the video has pixels that are no numbers (NaN or infinite)")
    if frames.ndim == 3:
        return frames[:, None]
    if frames.ndim == 4 and shape[1] in _CHANNELS:
        return frames
    if frames.ndim == 4 and shape[3] in _CHANNELS:
        return frames.permute(0, 3, 1, 2)
    raise DataError(
        f"frames [T, H, W], [T, channels, H, W] or [T, H, W, channels], with 1, 3 or 4 channels, "
        f"were wanted, and {shape} came"
    )


def _video(table: Table, row: int, cell: Cell, column: str) -> Video:
    if isinstance(cell, Tensor):
        try:
            return _laid_out(cell)
        except DataError as error:
            raise table.error(str(error), row=row, column=column) from None
    path = resolve(table, row, cell, column=column)
    return VideoFolder.of(path, place_of(table, row, column))


def _length(video: Video) -> int:
    return len(video.frames) if isinstance(video, VideoFolder) else len(video)


def _size_of(videos: Sequence[Video]) -> int:
    """Bytes of a number of a pixel."""
    return max((each.element_size() for each in videos if isinstance(each, Tensor)), default=1)
