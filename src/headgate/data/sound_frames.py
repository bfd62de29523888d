"""The frames of many sounds, computed once: in memory while they are few, else on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.audio import Sound, read_sound
from headgate.data.frames import Frames
from headgate.data.mel import LogMel
from headgate.data.spill import IN_MEMORY, Spill

_STILL = 1e-4  # nats, the deviation of a band that does not change


def sound_steps(sound: Sound, bands: LogMel, stack: int = 1) -> Float[Tensor, "T M"]:
    """Give the steps of a sound: its frames, some of which stand side by side in one step.

    Args:
        sound: at any rate.
        bands: what makes frames of samples, at its own rate.
        stack: frames of a step; the last step is filled with its last frame.

    Returns:
        The steps, [T, stack · bands].
    """
    frames = bands(sound.at(bands.rate).samples)
    missing = -len(frames) % stack
    whole = torch.cat([frames, frames[-1:].expand(missing, -1)])
    return whole.view(-1, stack * bands.bands)


def stored_steps(
    files: Sequence[Path], bands: LogMel, stack: int = 1, *, limit: int = IN_MEMORY
) -> Frames:
    """Compute the steps of files, and keep them.

    Args:
        files: the sounds.
        bands: what makes frames of samples.
        stack: frames of a step.
        limit: bytes up to which they stay in memory; more lie in a temporary file.

    Returns:
        The steps of each, [T, stack · bands].

    Raises:
        DataError: a file is no sound that can be read.
        OutputError: the disk is full.
    """
    width = stack * bands.bands
    spill, starts, lengths = Spill(limit), [], list[int]()
    for steps in _each(files, bands, stack):
        starts.append(spill.size)
        lengths.append(len(steps))
        spill.write(steps.contiguous().numpy().tobytes())
    view = spill.view()

    def read(row: int) -> Tensor:
        count = lengths[row] * width
        found = torch.frombuffer(view, dtype=torch.float32, count=count, offset=starts[row])
        return found.view(-1, width)

    return Frames(lengths, read)


def _each(files: Sequence[Path], bands: LogMel, stack: int) -> Iterator[Tensor]:
    return (sound_steps(read_sound(file), bands, stack) for file in files)


def moments(rows: Frames, bands: int) -> tuple[Float[Tensor, "M"], Float[Tensor, "M"]]:
    """Give the mean and the standard deviation of each band.

    Args:
        rows: steps, [T, stack · bands] each.
        bands: of a frame.

    Returns:
        Means and deviations, [bands]; 1 for a band that never changes.
    """
    count, total, squares = 0, *torch.zeros(2, bands, dtype=torch.float64)
    for row in range(len(rows)):
        frames = rows[row].view(-1, bands).double()
        count += len(frames)
        total += frames.sum(0)
        squares += frames.square().sum(0)
    means = total / count
    deviations = (squares / count - means.square()).clamp(min=0).sqrt()
    still = deviations <= _STILL
    return means.float(), deviations.masked_fill(still, 1.0).float()
