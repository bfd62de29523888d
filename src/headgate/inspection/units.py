"""Which units follow a pattern in the text: chosen on one part of it, scored on another."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.inspection.drawing import columns_of, table
from headgate.inspection.labels import clip
from headgate.inspection.matches import Matches, compiled, matches
from headgate.inspection.spans import spans
from headgate.inspection.unit_scores import (
    area,
    area_interval,
    correlation,
    correlation_interval,
)
from headgate.inspection.unit_svg import text_svg
from headgate.inspection.unit_text import pieces, printable, shaded
from headgate.inspection.view import Labels, View

if TYPE_CHECKING:
    from headgate.inspection.trace import Inspection

INSIDE, PLACE = "inside", "place"
MEASURES = {
    INSIDE: ("inside a match or outside", "area under the ROC curve"),
    PLACE: ("tokens since the match began", "Pearson's correlation"),
}
_SHOWN = 600  # tokens of the text in a terminal
_SEED = 0


@dataclass(frozen=True, eq=False)
class Ranking:
    """The units that follow one target best, the best of the first part first.

    Args:
        layers: the layer of each.
        names: its state or gate.
        units: its number there, from 0, [U].
        signs: 1 where it is greater inside, or grows; −1 where it is less, or falls, [U].
        first: its score on the part that it was chosen on, [U]. Scores are of the unit times its
            sign; an area is 0.5 by chance, a correlation 0.
        held_out: its score on the other part, [U].
        interval: of the score on the other part, 95 %, [U, 2].
        values: what the unit has at each token of the other part, [U, T].
    """

    layers: tuple[str, ...]
    names: tuple[str, ...]
    units: Int[Tensor, "_"]
    signs: Int[Tensor, "_"]
    first: Float[Tensor, "_"]
    held_out: Float[Tensor, "_"]
    interval: Float[Tensor, "*rows _"]
    values: Float[Tensor, "*rows T"]

    def name(self, place: int) -> str:
        """Name a unit as a change of it is written.

        Args:
            place: in the ranking, from 0.

        Returns:
            Such as "layer 1: c[5]".
        """
        return f"layer {self.layers[place]}: {self.names[place]}[{int(self.units[place])}]"


@dataclass(frozen=True, eq=False)
class Units(View):
    """Units that follow a pattern.

    Args:
        pattern: the regular expression.
        rankings: of the targets that the text has: "inside" and "place".
        tokens: T tokens of the part that the units were not chosen on.
        parts: its text, in a piece for each token.
        matches: its matches.
        searched: how many units were looked at.
    """

    pattern: str
    rankings: Mapping[str, Ranking]
    tokens: tuple[str, ...]
    parts: tuple[str, ...]
    matches: Matches
    searched: int

    title = "Units that follow a pattern"

    @property
    def best(self) -> Ranking:
        """The ranking whose best unit is drawn: that of "inside" where there is one."""
        return next(iter(self.rankings.values()))

    @property
    def target(self) -> str:
        """What the unit that is drawn follows."""
        return next(iter(self.rankings))

    def arrays(self) -> Mapping[str, Tensor]:
        """Give the matches of the part that was held out, and for each target its ranking."""
        found = {"inside": self.matches.inside, "place": self.matches.place}
        for target, each in self.rankings.items():
            for name in ("units", "signs", "first", "held_out", "interval", "values"):
                found[f"{target}.{name}"] = getattr(each, name)
        return found

    def labels(self) -> Labels:
        """Name the tokens that were held out, and for each target the layers and states."""
        found = {"pattern": (self.pattern,), "tokens": self.tokens}
        for target, each in self.rankings.items():
            found |= {f"{target}.layers": each.layers, f"{target}.names": each.names}
        return found

    def bounds(self) -> tuple[float, float]:
        """Give the ends of the scale of the best unit, on which 2 % of its values may lie beyond.

        Returns:
            −x and x where a value is negative, else 0 and x.
        """
        values = self.best.values[0].double()
        peak = float(torch.quantile(values.abs()[-(1 << 20) :], 0.98)) or 1.0
        return (-peak if bool((values < 0).any()) else 0.0), peak

    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        """Draw the best units as tables, and the held-out text shaded by the first."""
        room = columns_of(width)
        lines = textwrap.wrap(self._sentence(), max(room, 20))
        for target, each in self.rankings.items():
            said, measure = MEASURES[target]
            lines += ["", *textwrap.wrap(f"{said}: {measure}", max(room, 20))]
            rows = table(list(_rows(each)), ["layer", "unit", "sign", "chosen", "held out"])
            lines += [clip(row, max(room, 1)) for row in rows]
        low, high = self.bounds()
        head = f"the held-out text by {self.best.name(0)}, from {low:.2g} to {high:.2g}"
        text = shaded(
            self.parts[:_SHOWN],
            self.best.values[0, :_SHOWN].tolist(),
            bounds=(low, high),
            width=max(room, 2),
            colour=colour,
        )
        return "\n".join([*lines, "", *textwrap.wrap(head, max(room, 20)), *text])

    def _sentence(self) -> str:
        best, (_, measure) = self.best, MEASURES[self.target]
        return (
            f"Of {self.searched} units of states and gates, {best.name(0)} follows "
            f"{printable(self.pattern)} best: {measure} {float(best.first[0]):.3f} on the part "
            f"that the units were chosen on, {_sure(best, 0)} on the other part."
        )

    def as_svg(self, *, first: int = 0, last: int | None = None) -> str:
        """Draw the held-out text, coloured by the best unit.

        Args:
            first: the first token that is drawn.
            last: the token after the last; the end of the text where None.

        Returns:
            An SVG element; it is a whole file too.
        """
        best, (said, measure) = self.best, MEASURES[self.target]
        return text_svg(
            self.parts[first:last],
            best.values[0, first:last].tolist(),
            bounds=self.bounds(),
            title=f"{best.name(0)} follows {printable(self.pattern)}",
            note=f"{said}: {measure} {_sure(best, 0)} on this text, which was held out",
        )

    def figure(self) -> Any:
        """Draw the best unit's value over the held-out tokens, with the matches shaded.

        Returns:
            A ``plotly.graph_objects.Figure``.

        Raises:
            MissingExtraError: plotly is not installed.
        """
        from headgate.inspection.units_figure import figure  # which needs this file

        return figure(self)


def _rows(ranking: Ranking) -> Iterator[list[str]]:
    for place, layer in enumerate(ranking.layers):
        yield [
            layer,
            f"{ranking.names[place]}[{int(ranking.units[place])}]",
            "+" if int(ranking.signs[place]) > 0 else "−",
            f"{float(ranking.first[place]):.3f}",
            _sure(ranking, place),
        ]


def _sure(ranking: Ranking, place: int) -> str:
    """The score on the part that was held out, with its interval."""
    low, high = ranking.interval[place].tolist()
    return f"{float(ranking.held_out[place]):.3f} ({low:.3f} to {high:.3f})"


@dataclass(frozen=True, eq=False)
class _Part:
    """Some tokens of an inspection with their matches."""

    of: Inspection
    start: int
    end: int
    matches: Matches

    def values(self, name: str, place: int) -> Float[Tensor, "N T"]:
        """What the units of a gate or state of a layer have at these tokens."""
        return self.of.trace[name][place, self.start : self.end].T.nan_to_num()


def query(
    inspection: Inspection,
    pattern: str,
    *,
    held_out: Inspection | None = None,
    most: int = 10,
) -> Units:
    r"""Find the units that follow a pattern in the text.

    Each unit of every state and gate is scored by two targets: whether a token stands inside a
    match, by the area under the ROC curve, and how many tokens of its match stand before it, by
    Pearson's correlation over the tokens inside. The best of one part of the text are scored once
    more on the other, which had no say in the choice.

    Args:
        inspection: the layers with a text.
        pattern: a regular expression; ``[^\n]*\n`` is a line, and its place the one in the line.
        held_out: the same layers with another text, that the units are scored on; where None the
            units are chosen on the first half of the tokens, and scored on the second.
        most: how many units are given for each target.

    Returns:
        The view.

    Raises:
        DataError: the pattern is no regular expression, or has no match, or is all one match; or
            the input is no text.
        ShapeError: the held-out layers are others.
    """
    found = compiled(pattern)
    if most < 1:
        raise DataError(f"most counts units: 1 or more, not {most}")
    first, second = _parts(inspection, held_out, found)
    targets = _targets(first.matches, second.matches, pattern)
    scores = _scores(first, targets)
    rankings = {target: _ranked(first, second, target, scores[target], most) for target in targets}
    text, places = second.of.text or "", spans(second.of.text or "", second.of.tokens)
    return Units(
        pattern=pattern,
        rankings=rankings,
        tokens=second.of.tokens[second.start : second.end],
        parts=pieces(text, places[second.start : second.end]),
        matches=second.matches,
        searched=sum(len(each) for each in scores[targets[0]]),
    )


def _parts(first: Inspection, second: Inspection | None, pattern: Any) -> tuple[_Part, _Part]:
    if second is None:
        found, steps = _matched(first, pattern), len(first.tokens)
        cut = steps // 2
        return (
            _Part(first, 0, cut, found.part(0, cut)),
            _Part(first, cut, steps, found.part(cut, steps)),
        )
    if (first.passes, first.names) != (second.passes, second.names):
        raise ShapeError(
            f"units are scored where they were chosen: layers {', '.join(first.passes)} with "
            f"{', '.join(first.names)} are wanted, and {', '.join(second.passes)} with "
            f"{', '.join(second.names)} are held out"
        )
    one, other = (_Part(e, 0, len(e.tokens), _matched(e, pattern)) for e in (first, second))
    return one, other


def _matched(inspection: Inspection, pattern: Any) -> Matches:
    text = inspection.text
    if text is None:
        raise DataError("a pattern is looked for in a text, and this input is none")
    return matches(pattern, text, spans(text, inspection.tokens))


def _targets(first: Matches, second: Matches, pattern: str) -> list[str]:
    """The targets that both parts have."""
    parts = {"that units are chosen on": first, "that is held out": second}
    for name, part in parts.items():
        if not bool(part.inside.any()):
            raise DataError(
                f"{pattern!r} matches nothing in the part {name}, {len(part.number)} tokens: give "
                "a longer text or another pattern"
            )
    found = [INSIDE] * (first.tells_inside and second.tells_inside)
    found += [PLACE] * (first.tells_place and second.tells_place)
    if not found:
        raise DataError(
            f"{pattern!r} matches everywhere, so that no unit can follow it: nearly no token "
            "stands outside, and no several matches have a beginning and an end"
        )
    return found


def _score(values: Float[Tensor, "N T"], part: Matches, target: str) -> Float[Tensor, "N"]:
    """The score of each unit, without a sign: an area, or a correlation."""
    if target == INSIDE:
        return area(values, part.inside)
    return correlation(values[:, part.inside], part.depths[:, 0])


def _scores(part: _Part, targets: list[str]) -> dict[str, list[Tensor]]:
    """For each target the scores of each layer's gates and states, in the order of ``_groups``."""
    found: dict[str, list[Tensor]] = {target: [] for target in targets}
    for name, place in _groups(part.of):
        values = part.values(name, place)
        for target in targets:
            found[target].append(_score(values, part.matches, target))
    return found


def _groups(inspection: Inspection) -> list[tuple[str, int]]:
    places = range(len(inspection.passes))
    return [(name, place) for place in places for name in inspection.names]


def _ranked(first: _Part, second: _Part, target: str, scores: list[Tensor], most: int) -> Ranking:
    chance = 0.5 if target == INSIDE else 0.0
    groups = _groups(first.of)
    owners = [
        (group, unit)
        for group, each in zip(groups, scores, strict=True)
        for unit in range(len(each))
    ]
    whole = torch.cat(scores)
    order = (whole - chance).abs().sort(descending=True, stable=True).indices[:most].tolist()
    chosen = [owners[place] for place in order]
    signs = torch.where(whole[order] < chance, -1, 1)
    values = torch.stack([second.values(*group)[unit] for group, unit in chosen])
    signed = values * signs[:, None]
    held = _score(signed, second.matches, target)
    return Ranking(
        layers=tuple(first.of.passes[place] for (_, place), _ in chosen),
        names=tuple(name for (name, _), _ in chosen),
        units=torch.tensor([unit for _, unit in chosen]),
        signs=signs,
        first=chance + (whole[order] - chance).abs(),
        held_out=held,
        interval=torch.stack([_interval(each, second.matches, target) for each in signed]),
        values=values,
    )


def _interval(values: Float[Tensor, "T"], part: Matches, target: str) -> Float[Tensor, "_"]:
    if target == INSIDE:
        return area_interval(values, part.inside, _SEED)
    return correlation_interval(values[part.inside], part.depths[:, 0], _SEED)
