"""Every gate and state: what is open, what is shut, what memory survives."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import UnknownNameError
from headgate.inspection.drawing import columns_of, strips, table
from headgate.inspection.labels import clip
from headgate.inspection.passes import passes_of
from headgate.inspection.survival import Survival, survival
from headgate.inspection.view import Labels, View
from headgate.program import Node, Program

if TYPE_CHECKING:
    from headgate.inspection.trace import Inspection

SHUT, OPEN = 0.1, 0.9
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    **dict.fromkeys(("tanh", "hardtanh", "softsign", "sin", "cos"), (-1.0, 1.0)),
}
_ANY = (-inf, inf)


@dataclass(frozen=True, eq=False)
class Gates(View):
    """Gates and states at every step, and how long the states remember.

    Args:
        tokens: T names of the steps.
        layers: D names.
        values: every gate and state, [D, T, N].
        bounded: the names of those that are between 0 and 1 by their equation: the gates.
        shut: for each gate the share of steps at which a unit is below 0.1, [D, N].
        open: the share of steps at which it is above 0.9, [D, N].
        survival: for each state that keeps its old value by a factor, what survives of it.
    """

    tokens: tuple[str, ...]
    layers: tuple[str, ...]
    values: Mapping[str, Float[Tensor, "D T _"]]
    bounded: tuple[str, ...]
    shut: Mapping[str, Float[Tensor, "D _"]]
    open: Mapping[str, Float[Tensor, "D _"]]
    survival: Mapping[str, Survival]

    title = "Gates and states"

    def arrays(self) -> Mapping[str, Tensor]:
        """Give the values by name, then "NAME.shut" and "NAME.open", and the survival.

        Of each state with a factor: "NAME.survival", [D, K, N], after K numbers of steps,
        "NAME.steps", and "NAME.half_life", [D, N].
        """
        found = dict(self.values)
        for name in self.bounded:
            found |= {f"{name}.shut": self.shut[name], f"{name}.open": self.open[name]}
        for name, each in self.survival.items():
            found |= {f"{name}.survival": each.share, f"{name}.steps": each.steps}
            found |= {f"{name}.half_life": each.half_life}
        return found

    def labels(self) -> Labels:
        """Name the steps, the layers, the gates, and the states that keep by a factor."""
        return {
            "tokens": self.tokens,
            "layers": self.layers,
            "gates": self.bounded,
            "memories": tuple(self.survival),
        }

    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        """Draw for each layer the mean over its units under the tokens, and tell its memory."""
        room = columns_of(width)
        parts = []
        for place, layer in enumerate(self.layers):
            lines = [f"layer {layer}", *self._strips(place, room, colour=colour)]
            shares = [clip(row, max(room, 1)) for row in self._shares(place)]
            lines += ["", *shares] if shares else []
            sentences = " ".join(self._memories(place))
            lines += ["", *textwrap.wrap(sentences, max(room, 20))]
            parts.append("\n".join(lines))
        return "\n\n".join(parts)

    def _strips(self, place: int, room: int, *, colour: bool) -> list[str]:
        rows: dict[str, Tensor] = {}
        for name, value in self.values.items():
            if name in self.bounded:
                rows[name] = value[place].mean(-1)
            else:
                size = value[place].abs().mean(-1)
                peak = float(size.max())
                rows[f"|{name}| to {peak:.2g}"] = size / (peak or 1.0)
        return strips(self.tokens, rows, width=room, colour=colour)

    def _shares(self, place: int) -> list[str]:
        rows = list[list[str]]()
        for name in self.bounded:
            shut, opened = (float(each[name][place].mean()) for each in (self.shut, self.open))
            mean = float(self.values[name][place].mean())
            rows.append([name, f"{mean:.2f}", f"{shut:.0%}", f"{opened:.0%}"])
        return table(rows, ["gate", "mean", "below 0.1", "above 0.9"]) if rows else []

    def _memories(self, place: int) -> Iterator[str]:
        for name, each in self.survival.items():
            layer = f" in layer {self.layers[place]}" if len(self.layers) > 1 else ""
            yield _memory(f"{name} holds{layer}", each.half_life[place], len(self.tokens))
        if not self.survival:
            yield "No state keeps its old value by a factor, so there is no half-life."

    def figure(self) -> Any:
        """Draw steps × units of one gate at a time, beside it what survives after k steps.

        Returns:
            A ``plotly.graph_objects.Figure`` with a menu of layers and gates.

        Raises:
            MissingExtraError: plotly is not installed.
        """
        from headgate.inspection.gates_figure import figure  # which needs this file

        return figure(self)


def _memory(what: str, lives: Float[Tensor, "N"], steps: int) -> str:
    """Say how long the units of a state remember."""
    if lives.isnan().any():
        return f"What {what} is not a number in {int(lives.isnan().sum())} units."
    middle, shortest, longest = (_steps(float(each), steps) for each in _three(lives))
    said = (
        f"Of what {what} less than half is left after {middle} in the median unit; in the "
        f"fastest after {shortest}, in the slowest after {longest}."
    )
    never = int(lives.isinf().sum())
    if never == len(lives):
        return f"Of what {what} every unit has half or more left after all {steps} steps."
    if never:
        said = said.replace(f", in the slowest after {longest}", "")
        said += f" {never} of {len(lives)} units have half or more left after all {steps} steps."
    return said


def _three(lives: Float[Tensor, "N"]) -> tuple[Tensor, Tensor, Tensor]:
    return lives.median(), lives.min(), lives.max()


def _steps(life: float, steps: int) -> str:
    if life == inf:
        return f"more than {steps} steps"
    return "1 step" if life == 1 else f"{life:.0f} steps"


def gates(
    inspection: Inspection,
    *,
    layer: str | int | None = None,
    names: str | Sequence[str] | None = None,
) -> Gates:
    """Show the gates and states of layers at every step.

    Args:
        inspection: the layers with an input.
        layer: one of ``inspection.passes``; all where None.
        names: of gates and states; all where there are none.

    Returns:
        The view.

    Raises:
        UnknownNameError: there is no such layer, gate or state; those there are are listed.

    Example:
        >>> from headgate.inspection.trace import look
        >>> from headgate.layers import Recurrent
        >>> found = gates(look(Recurrent("gru", 3, 5), torch.zeros(4, 3)))
        >>> found.bounded, found.shut["update"].shape, tuple(found.survival)
        (('reset', 'update'), torch.Size([1, 5]), ('h',))
    """
    wanted = (names,) if isinstance(names, str) else names or inspection.names
    for name in wanted:
        if name not in inspection.names:
            raise UnknownNameError("gate or state", name, inspection.names)
    places = range(len(inspection.passes))
    if layer is not None:
        first = inspection.pass_of(layer)
        places = range(first, first + 1)
    here = slice(places.start, places.stop)
    values = {name: inspection.trace[name][here] for name in dict.fromkeys(wanted)}
    known = gate_names(passes_of(inspection.layers)[0][0].program)
    bounded = tuple(name for name in values if name in known)
    return Gates(
        tokens=inspection.tokens,
        layers=inspection.passes[here],
        values=values,
        bounded=bounded,
        shut={name: _share(values[name], shut=True) for name in bounded},
        open={name: _share(values[name], shut=False) for name in bounded},
        survival={name: survival(kept[here]) for name, kept in inspection.kept.items()},
    )


def _share(values: Float[Tensor, "D T _"], *, shut: bool) -> Float[Tensor, "D _"]:
    """The share of steps; a layer at a time, as a whole mask would be as large as the values."""
    return torch.stack([(v < SHUT if shut else v > OPEN).float().mean(0) for v in values])


def gate_names(program: Program) -> tuple[str, ...]:
    """Find the gates: the named values that their equation bounds to 0 … 1, no states.

    Args:
        program: the cell.

    Returns:
        The names, in the order of the equation.
    """
    known: dict[Node, tuple[float, float]] = {}
    for node in program.nodes:
        known[node] = _range(node, known)
    found = []
    for name, node in program.names.items():
        low, high = known.get(node) or _range(node, known)
        if name not in program.states and low >= 0.0 and high <= 1.0:
            found.append(name)
    return tuple(found)


def _range(node: Node, known: Mapping[Node, tuple[float, float]]) -> tuple[float, float]:
    """The bounds of a value, from those of what it is made of."""
    if node.op in _RANGES:
        return _RANGES[node.op]
    if node.op not in ("add", "sub", "mul", "neg"):
        return _ANY
    bounds = [known.get(arg, _ANY) if isinstance(arg, Node) else (arg, arg) for arg in node.args]
    if any(each == _ANY for each in bounds):
        return _ANY
    if node.op == "neg":
        return -bounds[0][1], -bounds[0][0]
    (a, b), (c, d) = bounds
    if node.op == "mul":
        products = (a * c, a * d, b * c, b * d)
        return min(products), max(products)
    return (a + c, b + d) if node.op == "add" else (a - d, b - c)
