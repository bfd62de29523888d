"""A sound: its power in bands, a hundredth of a second after the other."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from headgate.data.audio import Sound, rate_of, read_sounds
from headgate.data.columns import Table
from headgate.data.frames import Frames
from headgate.data.media import column_kind
from headgate.data.mel import HOP, LogMel, bands_for
from headgate.data.sound_frames import moments, sound_steps, stored_steps
from headgate.errors import DataError, HeadgateError
from headgate.export.parts import Input
from headgate.layers.checks import check_positive, check_probability
from headgate.models.embedding import FrameEmbedding
from headgate.streaming import Stream
from headgate.tasks.frame_stream import FrameStream
from headgate.tasks.reading import ExportedReading, Reading, limits_for
from headgate.training import Plan

_RESAMPLED = 32  # steps of the features by which sounds are compared
_STEPS = 1500  # of a training that nobody limits
_KEPT = 4  # lists of files whose steps are kept
_MOST_BANDS = 512


@dataclass
class AudioSettings:
    """How sounds are read.

    Args:
        sample_rate: samples a second that every sound is brought to; None is the rate that most of
            the training part has.
        bands: mel bands of a frame, of 25 ms; None is 40 to 80, by the rate.
        stack: frames, one every 10 ms, that are read as one step.
        input_dropout: of the bands of a frame.
    """

    sample_rate: int | None = None
    bands: int | None = None
    stack: int = 2
    input_dropout: float = 0.0

    def __post_init__(self) -> None:
        check_positive(stack=self.stack)
        if self.sample_rate is not None:
            check_positive(sample_rate=self.sample_rate)
        if self.bands is not None and not 1 <= self.bands <= _MOST_BANDS:
            raise HeadgateError(f"bands is from 1 to {_MOST_BANDS}, not {self.bands}")
        check_probability(input_dropout=self.input_dropout)


class AudioReading(Reading):
    """Sounds as log-mel frames, each band at zero mean and unit variance over the training part.

    Args:
        settings: how they are read.
        bands: what makes frames of samples.
        means: of each band, [M].
        scales: its standard deviation, [M].
    """

    kind: ClassVar[str] = "audio"
    summary: ClassVar[str] = "a sound"
    made_of: ClassVar[type] = AudioSettings

    def __init__(
        self, settings: Any, bands: LogMel, means: Float[Tensor, "M"], scales: Float[Tensor, "M"]
    ) -> None:
        self.settings, self.bands, self.means, self.scales = settings, bands, means, scales
        self._width = settings.stack * bands.bands
        self.embedding = FrameEmbedding(self._width, dropout=settings.input_dropout)
        self._kept: dict[Any, Frames] = {}

    @classmethod
    def reads(cls, table: Table, input: str) -> bool:
        """Take cells that name files of sound."""
        return column_kind(table, input) == cls.kind

    @classmethod
    def read(cls, table: Table, input: str) -> Sequence[Path]:
        """Find the files; refuse one that is missing, broken or empty, with its row."""
        return read_sounds(table, input)

    @classmethod
    def learn(
        cls, inputs: Sequence[Any], settings: Any, base: AudioReading | None = None
    ) -> AudioReading:
        """Choose the rate, and learn each band's mean and scale; a base keeps its own."""
        files = _files(inputs)
        if base is not None:
            base._refuse_other(settings)
            return cls(settings, base.bands, base.means, base.scales)
        rate = settings.sample_rate or Counter(map(rate_of, files)).most_common(1)[0][0]
        bands = LogMel(rate, settings.bands or bands_for(rate))
        steps = stored_steps(files, bands, settings.stack)
        found = cls(settings, bands, *moments(steps, bands.bands))
        found._kept[_state(files)] = steps
        return found

    def _refuse_other(self, settings: Any) -> None:
        """Refuse settings that the saved weights are not of."""
        own, stack = self.bands, self.settings.stack
        rate, bands = settings.sample_rate or own.rate, settings.bands or own.bands
        if (rate, bands, settings.stack) != (own.rate, own.bands, stack):
            raise HeadgateError(
                f"the saved model reads {own.bands} bands at {own.rate} Hz, {stack} frames a step: "
                "leave bands, sample_rate and stack out, or train anew"
            )

    @classmethod
    def restore(cls, settings: Any, files: dict[str, str]) -> AudioReading:
        """Rebuild what was saved."""
        kept = json.loads(files["audio.json"])
        means, scales = torch.tensor(kept["means"]), torch.tensor(kept["scales"])
        return cls(settings, LogMel(kept["rate"], kept["bands"]), means, scales)

    def files(self) -> dict[str, str]:
        """Give the rate, and the bands' means and scales, as a file."""
        kept = {"rate": self.bands.rate, "bands": self.bands.bands}
        scaling = {"means": self.means.tolist(), "scales": self.scales.tolist()}
        return {"audio.json": json.dumps(kept | scaling)}

    def notes(self) -> list[str]:
        """Say how a sound is read."""
        step = f"{self.seconds * 1000:.0f} ms"
        bands = f"{self.bands.bands} mel bands"
        return [f"sounds at {self.bands.rate} Hz as {bands}, a step each {step}"]

    @property
    def seconds(self) -> float:
        """The time from a step to the next."""
        return self.settings.stack * HOP

    def encode(self, samples: Float[Tensor, "S"], rate: int) -> Float[Tensor, "T M"]:
        """Turn a sound that is in memory to what the network reads.

        Args:
            samples: of one channel, from -1 to 1, [S].
            rate: samples a second.

        Returns:
            Steps, [T, M].
        """
        return self._scaled(sound_steps(Sound(samples, rate), self.bands, self.settings.stack))

    def encode_rows(self, inputs: Sequence[Any]) -> Frames:
        """Turn files to what the network reads; the last few lists of files are kept."""
        files = _files(inputs)
        key = _state(files)
        steps = self._kept.pop(key, None)
        if steps is None:
            steps = stored_steps(files, self.bands, self.settings.stack)
        self._kept[key] = steps
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return Frames(steps.lengths, lambda row: self._scaled(steps[row]))

    def _scaled(self, steps: Tensor) -> Tensor:
        stack = self.settings.stack
        return (steps - self.means.repeat(stack)) / self.scales.repeat(stack)

    def features(self, inputs: Sequence[Any]) -> Tensor:
        """Describe each sound by its scaled bands, resampled to as many steps, [B, D]."""
        rows = self.encode_rows(inputs)
        found = [
            functional.interpolate(steps.T[None], _RESAMPLED, mode="linear").flatten()
            for steps in (rows[row] for row in range(len(rows)))
        ]
        return torch.stack(found)

    def limits(self, lengths: Sequence[int]) -> Plan:
        """Give some thousand steps, in 6 to 100 passes."""
        return limits_for(len(lengths), steps=_STEPS, passes=(6, 100), most=32)

    def exported(self) -> ExportedReading:
        """Give how sounds are read elsewhere."""
        given = Input("x", ("B", "T", self._width))
        return ExportedReading(
            given, {"stack": self.settings.stack}, ("frames.py", "log_mel.py", "sounds.py")
        )

    def stream(self, stream: Stream, answers: Callable[[Tensor], list[Any]]) -> FrameStream:
        """Keep a network running over steps as ``encode`` gives them."""
        return FrameStream(stream, self._taken, answers)

    def _taken(self, steps: Any) -> Tensor:
        """Take steps that were encoded before."""
        found, wanted = torch.as_tensor(steps, dtype=torch.float32), self._width
        if found.ndim != 2 or found.shape[1] != wanted:
            came = tuple(found.shape)
            raise DataError(f"steps [T, {wanted}] were wanted, as encode gives them: {came} came")
        return found

    def labels(self, input: Any) -> tuple[str, ...]:
        """Name each step by its second."""
        [length] = self.encode_rows([input]).lengths
        return tuple(f"{step * self.seconds:.2f}" for step in range(length))


def _files(inputs: Sequence[Any]) -> list[Path]:
    return [Path(each) for each in inputs]


def _state(files: Sequence[Path]) -> tuple[Any, ...]:
    """Tell files from others, and from what they were before they were written anew."""
    return tuple((str(file), *_age(file)) for file in files)


def _age(file: Path) -> tuple[int, int]:
    try:
        found = os.stat(file)
    except OSError:  # the reader says so better
        return 0, 0
    return found.st_mtime_ns, found.st_size
