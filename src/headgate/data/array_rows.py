"""Arrays whose rows are series, and where each series ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from headgate.errors import DataError

Array = np.ndarray
_PLAIN = 3  # dimensions up to which an array is series of channels: rows, steps, channels


@dataclass(frozen=True)
class Ends:
    """Where the rows of some arrays end.

    Args:
        steps: of the arrays that are meant, T.
        lengths: of each row, [N]; None where each has all its steps.
        present: where a step is, [N, T]; None where all before the end are.
    """

    steps: int
    lengths: Array | None = None
    present: Array | None = None


def ends_of(
    arrays: Mapping[str, Array], series: Sequence[str], path: str
) -> tuple[Ends, tuple[str, ...]]:
    """Find where series end: by an array that says so.

    Args:
        arrays: all arrays by name, with N rows each.
        series: those that are series.
        path: the file, for errors.

    Returns:
        The ends; and the names of the arrays that say them, which are no columns.

    Raises:
        DataError: a length is none, a row has no step, or both arrays are there.
    """
    others = [name for name in series if name not in ("mask", "lengths")]
    if not others:
        return Ends(0), ()
    steps = arrays[others[0]].shape[1]
    used = tuple(name for name in ("lengths", "mask") if _says_ends(name, arrays, steps))
    if len(used) > 1:
        raise DataError('both "lengths" and "mask" say where series end: leave one out', path=path)
    if not used:
        return Ends(steps), ()
    if used == ("mask",):
        present = arrays["mask"].astype(bool)
        lengths = np.where(present.any(1), steps - present[:, ::-1].argmax(1), 0)
    else:
        present, lengths = None, arrays["lengths"]
    wrong = np.flatnonzero((lengths < 1) | (lengths > steps) | (lengths % 1 != 0))
    if len(wrong):
        message = f"{used[0]}: 1 to {steps} steps were wanted, and {lengths[wrong[0]]} came"
        raise DataError(message, path=path, row=int(wrong[0]) + 1)
    return Ends(steps, lengths.astype(np.int64), present), used


def _says_ends(name: str, arrays: Mapping[str, Array], steps: int) -> bool:
    array = arrays.get(name)
    if array is None or array.dtype.kind not in "fiub":
        return False
    if name == "lengths":
        return array.ndim == 1
    return array.shape[1:] == (steps,) and bool(((array == 0) | (array == 1)).all())


def series_rows(name: str, array: Array, ends: Ends, path: str) -> tuple[list[Tensor], list[str]]:
    """Give an array's rows as series.

    Args:
        name: of the array.
        array: [N, T], [N, T, F], or of more dimensions.
        ends: where rows end, which counts for arrays of as many steps.
        path: the file, for errors.

    Returns:
        For each row [T, F], float32, NaN where a value is missing; of more dimensions [T, …], uint8
        if the array is. Steps at the end that have no value are left out, which the notes say.

    Raises:
        DataError: a value is infinite, or a row has no value.
    """
    bytes_stay = array.ndim > _PLAIN and array.dtype == np.uint8
    with np.errstate(over="ignore"):
        numbers = array if bytes_stay else array.astype(np.float32)
    whole = torch.from_numpy(np.ascontiguousarray(numbers))
    whole = whole[..., None] if whole.ndim < _PLAIN else whole
    lengths = None
    if array.shape[1] == ends.steps:
        lengths = ends.lengths
        if ends.present is not None:
            whole = _hidden(name, whole, ends, path)
    stops = np.full(len(array), array.shape[1]) if lengths is None else lengths
    if bytes_stay:
        return [row[:stop] for row, stop in zip(whole, stops.tolist(), strict=True)], []
    return _trimmed(name, whole, torch.from_numpy(stops), path)


def _hidden(name: str, whole: Tensor, ends: Ends, path: str) -> Tensor:
    """Make missing what lies inside a series and is masked."""
    assert ends.present is not None
    assert ends.lengths is not None
    inside = np.arange(ends.steps) < ends.lengths[:, None]
    gaps = torch.from_numpy(inside & ~ends.present)
    if not bool(gaps.any()):
        return whole
    if not whole.is_floating_point():
        raise DataError(
            f"mask: a frame of {name!r} is missing between others: take the row out",
            path=path,
            row=int(gaps.any(1).nonzero()[0]) + 1,
        )
    return whole.masked_fill(gaps.view(*gaps.shape, *[1] * (whole.ndim - 2)), float("nan"))


def _trimmed(name: str, whole: Tensor, stops: Tensor, path: str) -> tuple[list[Tensor], list[str]]:
    """Cut each row at its end, and before that where only missing values follow."""
    inside = torch.arange(whole.shape[1]) < stops[:, None]
    flat = whole.flatten(2)
    infinite = (flat.isinf().any(2) & inside).nonzero()
    if len(infinite):
        row, step = (int(place) + 1 for place in infinite[0])
        message = f"{name}: step {step} is infinite, or larger than 3.4e38: use another unit"
        raise DataError(message, path=path, row=row)
    known = ~flat.isnan().all(2) & inside
    empty = (~known.any(1)).nonzero()
    if len(empty):
        message = f"{name}: the series has no value: take the row out"
        raise DataError(message, path=path, row=int(empty[0]) + 1)
    last = known.shape[1] - known.flip(1).int().argmax(1)
    cut = int((last < stops).sum())
    notes = (
        [f"{name}: {cut:,} series end in missing values, which are left out: they have no steps"]
        if cut
        else []
    )
    return [row[:stop] for row, stop in zip(whole, last.tolist(), strict=True)], notes
