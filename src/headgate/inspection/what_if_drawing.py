"""Two answers side by side: as a table in a terminal, as bars or lines in a figure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from torch import Tensor

from headgate.inspection.binning import binned
from headgate.inspection.drawing import QUALITATIVE, columns_of, laid_out, table
from headgate.inspection.labels import clip, visible
from headgate.inspection.trace import LOG_PROBABILITIES
from headgate.inspection.view import graphs

if TYPE_CHECKING:
    from headgate.inspection.what_if import WhatIf

LEAST = 0.01  # a smaller change of a probability is not shown
_MOST_PLACES = 10
_MOST_BARS = 10
_LABEL = 12


def line(tokens: Sequence[str]) -> str:
    """Write what was answered as one line.

    Args:
        tokens: the names of the places.

    Returns:
        Characters close together, words apart, at most 60 columns.
    """
    gap = "" if all(len(token) <= 1 for token in tokens) else " "
    return f"“{clip(gap.join(t if t == ' ' else visible(t) for t in tokens) or '∅', 60)}”"


def as_text(view: WhatIf, width: int | None) -> str:
    """Write the answers that changed, and in a sentence or two what changed.

    Args:
        view: the two answers.
        width: columns of the terminal; its present width where None.

    Returns:
        Lines.
    """
    room = columns_of(width)
    lines = [*_wrapped(question(view.changes), room), ""]
    shown = _shown(view)
    if shown:
        count = max(1, min(3, (room - 34) // 40 + 1))
        rows = [_row(view, place, count) for place in shown]
        found = table(rows, ["answer", "place", "change", "before", "after"])
        lines += [clip(row, room) for row in found] + [""]
    sentences = [_sentence(view), *([view.note] if view.note else []), _scored(view)]
    return "\n".join([*lines, *_wrapped(" ".join(filter(None, sentences)), room)])


def question(changes: Sequence[str]) -> str:
    """Write changes as a question.

    Args:
        changes: as a user writes them.

    Returns:
        One line; spaces stay.
    """
    whole = " and ".join(changes)
    seen = "".join(each if each == " " else visible(each) for each in whole)
    return f"What if {seen}?"


def _wrapped(text: str, room: int) -> list[str]:
    """Break sentences between words; a word that is wider than the terminal is cut."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}".strip()
        if lines[-1] and clip(joined, room) != joined:
            lines.append(clip(word, room))
        else:
            lines[-1] = clip(joined, room)
    return lines


def _shown(view: WhatIf) -> list[int]:
    """The answers that changed most, in their order; the one that counts alone where one does."""
    if view.place is not None:
        return [view.place]
    moved = view.change
    most = moved.topk(min(_MOST_PLACES, len(moved))).indices.tolist()
    moving = _moving(view, moved).tolist()
    return sorted(place for place in most if moving[place])


def _moving(view: WhatIf, moved: Tensor) -> Tensor:
    """Whether each answer changes by more than is worth a word."""
    greatest = 1.0 if _likely(view) else float(view.before.abs().max())
    return moved > LEAST * greatest


def _likely(view: WhatIf) -> bool:
    return view.kind == LOG_PROBABILITIES


def _row(view: WhatIf, place: int, count: int) -> list[str]:
    name = clip(visible(view.places[place]), _LABEL)
    moved = f"{float(view.change[place]):.2f}" if _likely(view) else f"{_moved(view, place):+.4g}"
    sides = [_side(view, values, place, count) for values in (view.before, view.after)]
    return [str(view.numbers[place]), name, moved, *sides]


def _moved(view: WhatIf, place: int) -> float:
    column = _column(view, place)
    return float(view.after[place, column] - view.before[place, column])


def _column(view: WhatIf, place: int) -> int:
    """The number of an answer that changed most."""
    return int((view.after[place] - view.before[place]).abs().argmax())


def _side(view: WhatIf, values: Tensor, place: int, count: int) -> str:
    if _likely(view):
        row = values[place]
        return ", ".join(_named(view, row, choice) for choice in _top(row, count))
    column = _column(view, place)
    name = f"{_choice(view, column)} " if values.shape[1] > 1 else ""
    return f"{name}{float(values[place, column]):.4g}"


def _top(values: Tensor, count: int) -> list[int]:
    return values.topk(min(count, len(values))).indices.tolist()


def _named(view: WhatIf, values: Tensor, choice: int) -> str:
    return f"{_choice(view, choice)} {float(values[choice].exp()):.2f}"


def _choice(view: WhatIf, choice: int) -> str:
    return clip(visible(view.choices[choice]), _LABEL) if view.choices else f"[{choice}]"


def _sentence(view: WhatIf) -> str:
    """Say what changed."""
    if not view.places:
        return "No answer of the two has a counterpart in the other."
    if len(view.places) == 1 or view.place is not None:
        return _sentence_of_one(view, view.place or 0)
    moved = view.change
    count = int(_moving(view, moved).sum())
    if not count:
        return f"None of the {len(moved)} answers changes by more than {_least(view)}."
    most = int(moved.argmax())
    where = f"most answer {view.numbers[most]}, {_quoted(view.places[most])}, by"
    change = f"{count} of {len(moved)} answers change by more than {_least(view)}"
    if not _likely(view):
        return f"{change}, {where} {_moved(view, most):+.4g}."
    other = int((view.before.argmax(1) != view.after.argmax(1)).sum())
    return (
        f"{change}, {where} {float(moved[most]):.2f}; the most likely choice is another one at "
        f"{other} of {len(moved)}."
    )


def _quoted(name: str) -> str:
    return f"“{clip(visible(name), _LABEL)}”"


def _least(view: WhatIf) -> str:
    return f"{LEAST}" if _likely(view) else f"{LEAST:.0%} of the greatest"


def _sentence_of_one(view: WhatIf, place: int) -> str:
    if not _likely(view):
        column = _column(view, place)
        was, now = (float(each[place, column]) for each in (view.before, view.after))
        name = (
            f"Of the answer {_choice(view, column)}" if view.before.shape[1] > 1 else "The answer"
        )
        return f"{name} goes from {was:.4g} to {now:.4g}."
    before, after = view.before[place], view.after[place]
    was, now = int(before.argmax()), int(after.argmax())
    went = f"from {float(before[was].exp()):.2f} to {float(after[was].exp()):.2f}"
    if was == now:
        return f"The answer stays {_quoted(_choice(view, was))}: it goes {went}."
    return (
        f"The answer {_quoted(_choice(view, was))} goes {went}, and the most likely is now "
        f"{_quoted(_choice(view, now))} with {float(after[now].exp()):.2f}."
    )


def _scored(view: WhatIf) -> str:
    """Say how the score changed, where it is one of log-probabilities."""
    if not view.unit or not view.places:
        return ""
    before, after = view.score.tolist()
    what = "of this answer" if view.place is not None else "of the whole answer"
    return f"The log-probability {what} goes from {before:.2f} to {after:.2f} {view.unit}."


def figure(view: WhatIf) -> Any:
    """Draw the choices before and after as bars, a series of numbers as lines.

    Args:
        view: the two answers.

    Returns:
        A ``plotly.graph_objects.Figure``.
    """
    title = escape(question(view.changes))
    if not view.places:
        return laid_out(graphs().Figure(), title=title)
    if view.place is None and not _likely(view) and len(view.places) > 1:
        return laid_out(_lines(view), title=title)
    place = int(view.change.argmax()) if view.place is None else view.place
    where = f"answer {view.numbers[place]}, {escape(visible(view.places[place]))}"
    return laid_out(_bars(view, place), title=f"{title}<br>{where}")


def _bars(view: WhatIf, place: int) -> Any:
    values = [view.before[place], view.after[place]]
    values = [each.exp() for each in values] if _likely(view) else values
    reach = values[0].maximum(values[1]) if _likely(view) else (values[0] - values[1]).abs()
    chosen = _top(reach, _MOST_BARS)
    names = [escape(_choice(view, choice)) for choice in chosen]
    places = list(range(len(chosen)))
    bars = [
        graphs().Bar(x=places, y=each[chosen].tolist(), name=name, marker_color=colour)
        for each, name, colour in zip(values, ("before", "after"), QUALITATIVE, strict=False)
    ]
    found = graphs().Figure(bars)
    found.update_xaxes(tickvals=places, ticktext=names)
    return found.update_layout(
        barmode="group", yaxis_title="probability" if _likely(view) else "number"
    )


def _lines(view: WhatIf) -> Any:
    """The number that changes most, over the places."""
    column = _column(view, int(view.change.argmax()))
    found = graphs().Figure()
    for values, name, colour in zip(
        (view.before, view.after), ("before", "after"), QUALITATIVE, strict=False
    ):
        bins = binned(values[:, column])
        # the greatest of a bin and its least: a narrow peak is seen, too
        y = bins.high.where(bins.high.abs() > bins.low.abs(), bins.low).tolist()
        x = [view.numbers[edge] for edge in bins.edges[:-1].tolist()]
        found.add_scatter(x=x, y=y, name=name, mode="lines", line_color=colour)
    name = f"{escape(_choice(view, column))} of the " if view.before.shape[1] > 1 else ""
    return found.update_layout(xaxis_title="answer", yaxis_title=f"{name}answer")
