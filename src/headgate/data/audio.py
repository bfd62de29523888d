"""Files of sound to samples, at the rate that is wanted."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.columns import Table
from headgate.data.media import resolve
from headgate.errors import DataError, HeadgateError, MissingExtraError

_CROSSINGS = 16  # zeros of the sinc on each side
_ROLL_OFF = 0.95  # of the lower of both Nyquist frequencies, where the filter's edge is
_AT_ONCE = 1 << 15  # samples that are computed together


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound.

    Args:
        samples: of one channel, from -1 to 1, [T].
        rate: samples a second.
    """

    samples: Float[Tensor, "T"]
    rate: int

    def at(self, rate: int) -> Sound:
        """Give the same sound at another rate.

        Args:
            rate: samples a second.

        Returns:
            The sound.
        """
        return Sound(resample(self.samples, self.rate, rate), rate)


def read_sound(path: str | os.PathLike[str]) -> Sound:
    """Read a WAV, FLAC or Ogg file; of several channels the mean.

    Args:
        path: the file.

    Returns:
        The sound at the file's own rate.

    Raises:
        DataError: there is no such file; it is broken, has no samples, or NaN among them.
        MissingExtraError: soundfile is not installed.
    """
    library = soundfile()
    try:
        samples, rate = library.read(os.fspath(path), dtype="float32", always_2d=True)
    except (library.LibsndfileError, OSError, RuntimeError) as error:
        there = Path(path).is_file()
        message = f"is no sound that can be read ({error})" if there else "there is no such file"
        raise DataError(message, path=path) from error
    if not len(samples):
        raise DataError("the sound has no samples: record it again, or take it out", path=path)
    mono = torch.from_numpy(samples).mean(1)
    bad = (~mono.isfinite()).nonzero()
    if len(bad):
        raise DataError(
            f"sample {int(bad[0])} is {float(mono[bad[0]])}, which is no number: {len(bad)} such "
            f"of {len(mono)}; export the sound again",
            path=path,
        )
    return Sound(mono, int(rate))


def rate_of(path: str | os.PathLike[str]) -> int:
    """Give the rate of a file, from its head alone.

    Args:
        path: the file.

    Returns:
        Samples a second.

    Raises:
        DataError: it is no sound.
    """
    library = soundfile()
    try:
        return int(library.info(os.fspath(path)).samplerate)
    except (library.LibsndfileError, OSError, RuntimeError) as error:
        raise DataError(f"is no sound that can be read ({error})", path=path) from error


def read_sounds(table: Table, column: str) -> list[Path]:
    """Find the sounds that a column names, and refuse a row whose sound cannot be read.

    Every file is decoded once, so that a broken one is found before a training begins.

    Args:
        table: the rows.
        column: of the paths.

    Returns:
        The files, one a row.

    Raises:
        DataError: there is no such file, or ``read_sound`` refuses it; the message has the row.
    """
    files = []
    for row, cell in enumerate(table.column(column)):
        file = resolve(table, row, cell, column=column)
        try:
            read_sound(file)
        except DataError as error:
            raise table.error(str(error), row=row, column=column) from error
        files.append(file)
    return files


def soundfile() -> ModuleType:
    """Import soundfile.

    Returns:
        The module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: its library of C is missing
        raise MissingExtraError("soundfile", "audio") from error
    return soundfile


def resample(samples: Float[Tensor, "S"], rate: int, wanted: int) -> Float[Tensor, "T"]:
    """Give the samples of a sound at another rate.

        y[n] = Σ_k x[k] h(n·r/w - k)     h(t) = c · sinc(c·t) · Hann(t)     c = 0.95 · min(1, w/r)

    Below the edge c it is the sound itself, as between its samples it can only be one way; what is
    above the new rate's half is filtered out, so that it does not come back as another pitch. The
    offsets n·r/w - k repeat after w / gcd(r, w) samples, so the weights are of so many phases.

    Source: Smith & Gossett, "A flexible sampling-rate conversion method", 1984.

    Args:
        samples: [S]; before and after them is silence.
        rate: r, samples a second.
        wanted: w, samples a second.

    Returns:
        ⌈S · w / r⌉ samples, [T].

    Raises:
        HeadgateError: a rate is not positive.

    Example:
        >>> resample(torch.zeros(44100), 44100, 16000).shape
        torch.Size([16000])
    """
    if rate < 1 or wanted < 1:
        raise HeadgateError(f"a rate is 1 or more, got {rate} and {wanted}")
    if rate == wanted:
        return samples
    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    count = -(-len(samples) * up // down)
    edge = _ROLL_OFF * min(1.0, up / down)
    reach = math.ceil(_CROSSINGS / edge)  # samples on each side
    phases = min(up, count)
    weights = _weights(torch.arange(phases) * down % up, up, edge=edge, reach=reach)
    windows = torch.nn.functional.pad(samples, (reach, reach)).unfold(0, 2 * reach, 1)
    pieces = []
    for numbers in torch.arange(count).split(_AT_ONCE):
        near = windows[numbers * down // up + 1]  # from the sample after `reach` before the place
        pieces.append((near * weights[numbers % up]).sum(1))
    return torch.cat(pieces) if pieces else samples[:0]


def _weights(offsets: Tensor, up: int, *, edge: float, reach: int) -> Tensor:
    """Give the filter for each phase, [phases, 2·reach]; each lets a constant through as it is."""
    k = torch.arange(1 - reach, 1 + reach)
    t = (offsets[:, None] / up - k).double()
    window = torch.cos(math.pi / 2 * t / reach).square() * (t.abs() < reach)
    weights = edge * torch.sinc(edge * t) * window
    return (weights / weights.sum(1, keepdim=True)).float()
