"""What is held in a what-if, as a user writes it: forget=1, h[5]=0, 2.c[3]@7=0."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from headgate.errors import DataError, ShapeError, UnknownNameError
from headgate.inspection.passes import Pass
from headgate.inspection.trace import Inspection
from headgate.program import Node, Program, size_of
from headgate.program.interventions import given_names
from headgate.program.sizes import widths

GRAMMAR = (
    "wanted is [LAYER.]NAME[UNITS][@STEPS]=NUMBER, such as forget=1, h[5]=0, 2.c[3,8]=0.5 or "
    "1 reverse.update[0:15]@2:6=0; units are counted from 0, steps from 1, and a range has both "
    "its ends"
)
_FORM = re.compile(
    r"\s*(?:(?P<layer>\d+(?: reverse)?)\.)?(?P<name>[^\[\]@=]+?)\s*"
    r"(?:\[(?P<units>[^\]]*)\])?\s*(?:@(?P<steps>[^=]*))?=(?P<value>.*)"
)
_MOST = 1_000_000  # numbers that a list may name: more than any layer has units


@dataclass(frozen=True, eq=False)
class Clamp:
    """A gate or a state that is held.

    Args:
        name: the gate or state; of a state its new value is held.
        value: a number, or one for each unit that is held, [N].
        layer: one of ``Inspection.passes``; every layer and direction where None.
        units: counted from 0; all where None.
        steps: counted from 1, as tokens are shown; all where None.

    Example:
        >>> print(Clamp("c", 0.0, units=[3, 4, 5], steps=7))
        c[3:5]@7=0
    """

    name: str
    value: float | Tensor
    _: KW_ONLY
    layer: str | int | None = None
    units: int | Sequence[int] | None = None
    steps: int | Sequence[int] | None = None

    def __str__(self) -> str:
        layer = "" if self.layer is None else f"{self.layer}."
        units = "" if self.units is None else f"[{_ranges(_numbers(self.units))}]"
        steps = "" if self.steps is None else f"@{_ranges(_numbers(self.steps))}"
        single = not isinstance(self.value, Tensor) or self.value.dim() == 0
        value = f"{float(self.value):g}" if single else f"<{len(self.value)} values>"  # type: ignore[arg-type]
        return f"{layer}{self.name}{units}{steps}={value}"


def parse_clamp(text: str) -> Clamp:
    """Read a change as a user writes it.

    Args:
        text: ``[LAYER.]NAME[UNITS][@STEPS]=NUMBER``. Units and steps are "5", "3,8" or "2:6",
            which is 2, 3, 4, 5 and 6; units are counted from 0, steps from 1.

    Returns:
        The change.

    Raises:
        DataError: it is in another form; the message shows the form.

    Example:
        >>> parse_clamp("2.h[3,8]@1:4=0.5").units
        (3, 8)
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise DataError(f"{text!r} is no change: {GRAMMAR}")
    layer, name, units, steps, value = found.group("layer", "name", "units", "steps", "value")
    return Clamp(
        name.strip(),
        _number(value, text),
        layer=layer,
        units=None if units is None else _list(units, text),
        steps=None if steps is None else _list(steps, text),
    )


def held(inspection: Inspection, side: Pass, clamps: Iterable[Clamp]) -> dict[str, Tensor]:
    """Say what a run of one pass is given so that values are held.

    Args:
        inspection: the layers with their input.
        side: the pass.
        clamps: the changes, of any pass; the later one counts where two hold the same.

    Returns:
        What ``scan`` is given, each [T, 1, N], by the names that ``given_names`` says; empty
        where nothing of this pass is held.

    Raises:
        UnknownNameError: there is no such layer, gate or state; those there are are listed.
        DataError: there is no such unit or step; the message has the range.
        ShapeError: there are not as many values as units.
    """
    found: dict[str, Tensor] = {}
    for clamp in clamps:
        chosen = None if clamp.layer is None else inspection.pass_of(clamp.layer)
        node, name = _value_of(inspection, side.program, clamp.name)
        size = _size(inspection, side.program, node)
        units = _checked(clamp.units, range(size), f"unit of {clamp.name}", f"{size} units")
        steps = _checked(clamp.steps, _steps(inspection), "step", f"{len(inspection.tokens)} steps")
        value = _values(clamp, len(units), inspection.inputs)
        if chosen not in (None, side.number):
            continue
        keep, put = given_names(name)
        like = inspection.inputs.new_zeros(len(inspection.tokens), 1, size)
        rows, columns = torch.tensor(steps)[:, None] - 1, torch.tensor(units)
        found.setdefault(keep, torch.ones_like(like))[rows, 0, columns] = 0.0
        found.setdefault(put, like)[rows, 0, columns] = value
    return found


def names_held(given: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Name what is held.

    Args:
        given: what ``held`` gave.

    Returns:
        The gates and states, each once.
    """
    return tuple(dict.fromkeys(name.split(".", 2)[2] for name in given))


def _value_of(inspection: Inspection, program: Program, name: str) -> tuple[Node, str]:
    """A value of the step, and its first name: one with two names is held as one."""
    if name not in inspection.names:
        raise UnknownNameError("gate or state", name, inspection.names)
    values = dict(zip(program.states, program.results, strict=True)) | program.names
    node = values[name]
    if node.op == "state":  # a state's old value, carried on: its names are held apart
        return node, name
    return node, next(each for each, other in values.items() if other == node)


def _size(inspection: Inspection, program: Program, node: Node) -> int:
    layers = inspection.layers
    sizes = {"input_size": layers.input_size, "hidden_size": layers.hidden_size}
    return size_of(program, widths(program)[node], **sizes)


def _steps(inspection: Inspection) -> range:
    return range(1, len(inspection.tokens) + 1)


def _checked(wanted: int | Sequence[int] | None, known: range, what: str, count: str) -> list[int]:
    found = known if wanted is None else _numbers(wanted)
    if not len(found):
        raise DataError(f"no {what} is named: leave it out for all, or name one; {GRAMMAR}")
    ends = (found[0], found[-1]) if isinstance(found, range) else (min(found), max(found))
    for number in ends:
        if number not in known:
            raise DataError(
                f"there is no {what} {number}: there are {count}, {known[0]} to {known[-1]}"
            )
    return list(found)


def _values(clamp: Clamp, count: int, like: Tensor) -> Tensor:
    value = torch.as_tensor(clamp.value).detach().to(like)
    if value.dim() and value.shape != (count,):
        raise ShapeError(
            f"{clamp.name} is held in {count} units, so one number is wanted or {count}, and "
            f"{tuple(value.shape)} came"
        )
    if not value.isfinite().all():
        raise DataError(f"{clamp} is no change: a value that is held is finite")
    return value


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{whole!r} is no change: {text.strip()!r} is no number; {GRAMMAR}")
    return value


def _list(text: str, whole: str) -> Sequence[int]:
    """Read "5", "3,8", "2:6"; one range stays one, however long it is."""
    found: list[range] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,12})\s*(?::\s*([0-9]{1,12})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise DataError(f"{whole!r} is no change: {part!r} is no number or range; {GRAMMAR}")
        found.append(range(first, last + 1))
    if len(found) == 1:
        return found[0]
    if sum(map(len, found)) > _MOST:
        raise DataError(f"{whole!r} names more than {_MOST} units or steps")
    return tuple(dict.fromkeys(number for each in found for number in each))


def _numbers(wanted: int | Sequence[int]) -> Sequence[int]:
    return (wanted,) if isinstance(wanted, int) else wanted


def _ranges(numbers: Sequence[int]) -> str:
    """Write numbers as they are read: those that follow each other as a range."""
    whole = isinstance(numbers, range) and len(numbers) > 0 and numbers.step == 1
    found = [[numbers[0], numbers[-1]]] if whole else list[list[int]]()
    for number in () if whole else numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(f"{first}" if first == last else f"{first}:{last}" for first, last in found)
