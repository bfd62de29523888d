"""What a model did with one input: all that the views of it are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headgate.errors import DataError, ShapeError, UnknownNameError
from headgate.inspection.attention import AttentionMap
from headgate.inspection.passes import (
    Layers,
    Pass,
    States,
    first_states,
    names_of_passes,
    passes_of,
    plain,
    run_passes,
)
from headgate.kernels import Run, scan
from headgate.program.retention import retention, with_retention

if TYPE_CHECKING:
    from headgate.inspection.attention_view import Attention
    from headgate.inspection.attribution import Attribution
    from headgate.inspection.gates import Gates
    from headgate.inspection.gradients import Gradients
    from headgate.inspection.memory import Memory
    from headgate.inspection.units import Units
    from headgate.inspection.what_if import WhatIf

LOG_PROBABILITIES, NUMBERS = "log-probabilities", "numbers"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model makes of what its layers give.

    Args:
        of: from the layers' outputs, [T, B, N · directions], their states after the last step,
            each [D, B, N], and what they read, [T, B, M], to S answers of each row, [B, S, V].
        kind: ``LOG_PROBABILITIES`` of V choices, or V ``NUMBERS``.
        places: S names of the answers, such as the tokens of a translation.
        choices: V names; () where they have none.
        targets: the choice that each answer is judged by, [S]: what came, or what was decided;
            None for numbers.
        aligned: whether answer s is what the model says after step s.
    """

    of: Callable[[Tensor, States, Tensor], Tensor]
    kind: str
    places: tuple[str, ...]
    choices: tuple[str, ...] = ()
    targets: Int[Tensor, "S"] | None = None
    aligned: bool = False


@dataclass(frozen=True, eq=False)
class Inspection:
    """Recurrent layers with an input at hand; what the views of them are made from.

    Args:
        tokens: the names of the T steps, as a reader knows them.
        layers: the recurrent layers, which are run as in evaluation.
        inputs: what they read, [T, M], without a gradient.
        outcome: what the model makes of them.
        start: the states that they begin from, each [D, 1, N]; as the layers begin where None.
        text: the input where it is a text.
        attention: of a model that attends.
        surprise: of a language model the bits that each token came with, [T].
        decoder: of an encoder, the inspection of the decoder that wrote the answer. In the orders
            "input_feeding" and "bahdanau" its inputs have what a step was fed of the one before; a
            gradient or a change of the decoder does not go through that.
    """

    tokens: tuple[str, ...]
    layers: Layers
    inputs: Float[Tensor, "T M"]
    outcome: Outcome
    start: States | None = None
    text: str | None = None
    attention: AttentionMap | None = None
    surprise: Float[Tensor, "T"] | None = None
    decoder: Inspection | None = None

    def __post_init__(self) -> None:
        if not len(self.inputs):
            raise DataError("the input is empty, so there is nothing to see")
        if len(self.tokens) != len(self.inputs):
            raise ShapeError(f"{len(self.inputs)} steps have {len(self.tokens)} names")

    @property
    def passes(self) -> tuple[str, ...]:
        """The names of the D layers and directions: "1", "1 reverse", "2"."""
        return names_of_passes(self.layers)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the gates and states, in the order of the equation."""
        program = self.layers.program
        return (*program.names, *(s for s in program.states if s not in program.names))

    @cached_property
    def trace(self) -> dict[str, Float[Tensor, "D T _"]]:
        """Every gate and state at every step, on the CPU, each [D, T, N]."""
        return {name: self._traced[name] for name in self.names}

    @cached_property
    def kept(self) -> dict[str, Float[Tensor, "D T _"]]:
        """What each state's old value is multiplied by at every step: an LSTM's forget gate.

        Each [D, T, N], for the states that have such a factor.
        """
        program = passes_of(self.layers)[0][0].program
        names = with_retention(program)[1]
        return {
            state: self.trace[state].new_full((), factor).expand_as(self.trace[state])
            if isinstance(factor, float)
            else self._traced[names[state]]
            for state, factor in retention(program).items()
        }

    @cached_property
    def _traced(self) -> dict[str, Tensor]:
        traces: list[dict[str, Tensor]] = []

        def turn(side: Pass, x: Tensor, states: States) -> Run:
            program, _ = with_retention(side.program)
            run = scan(program, x, side.weights, states, reverse=side.reverse, trace=True)
            traces.append({name: value[:, 0] for name, value in (run.trace or {}).items()})
            return run

        with torch.no_grad():
            run_passes(self.layers, self.inputs[:, None], turn, self.start)
        return {name: torch.stack([each[name] for each in traces]).cpu() for name in traces[0]}

    def answers(self, x: Float[Tensor, "T B M"]) -> Float[Tensor, "B S V"]:
        """Run the model from what its layers read; it has a gradient.

        Args:
            x: as ``inputs``, for any number of rows side by side.

        Returns:
            S answers of each row.
        """
        return self.outcome.of(*run_passes(self.layers, x, plain, self.start_of(x.shape[1])), x)

    @cached_property
    def answer(self) -> Float[Tensor, "S V"]:
        """What the model answers to the input: log-probabilities or numbers, on the CPU."""
        with torch.no_grad():
            return self.answers(self.inputs[:, None])[0].cpu()

    def start_of(self, rows: int) -> States:
        """Give the states to begin from, for several rows side by side.

        Args:
            rows: B.

        Returns:
            Each state, [D, B, N].
        """
        if self.start is None:
            return first_states(self.layers, rows)
        return tuple(state.expand(-1, rows, -1) for state in self.start)

    def scores(
        self, answers: Float[Tensor, "B S V"], place: int | None = None
    ) -> Float[Tensor, "B"]:
        """Say how much of what is judged by was said: log-probabilities of the targets, or sums.

        Args:
            answers: of each row.
            place: the answer that counts, from 0 or, counted from the end, below 0; all where
                None.

        Returns:
            In nats a sum of log-probabilities; of numbers their sum.
        """
        targets = self.outcome.targets
        if targets is not None:
            index = targets.to(answers.device).expand(len(answers), -1)[..., None]
            answers = answers.gather(2, index)
        return (answers if place is None else answers[:, place, None]).sum((1, 2))

    def place_of(self, place: int | None) -> int:
        """Check the number of an answer, and that the answers can be measured by.

        Args:
            place: from 0, or counted from the end below 0; the last where None.

        Returns:
            The number from 0.

        Raises:
            DataError: there is no such answer, or the model answers with NaN.
        """
        if self.answer.isnan().any():
            raise DataError(
                "the model answers this input with NaN, by which nothing can be measured: headgate "
                "doctor MODEL says whether its weights are sound, gates() at which step it began"
            )
        count = len(self.outcome.places)
        place = count - 1 if place is None else place
        if not -count <= place < count:
            raise DataError(
                f"there is no answer {place}: the model gives {count} to this input, numbered "
                f"0 to {count - 1}"
            )
        return place % count

    def gates(self, **how: Any) -> Gates:
        """Show every gate and state: what is open, what is shut, what memory survives.

        Args:
            **how: ``layer`` and ``names``, for a part of them.

        Returns:
            The view.
        """
        from headgate.inspection.gates import gates

        return gates(self, **how)

    def query(self, pattern: str, **how: Any) -> Units:
        """Find the units that follow a pattern in the text.

        Args:
            pattern: a regular expression.
            **how: ``held_out``, another inspection that they are scored on, and ``most``, how
                many are shown.

        Returns:
            The view.
        """
        from headgate.inspection.units import query

        return query(self, pattern, **how)

    def gradients(self, **how: Any) -> Gradients:
        """Show how the gradient of an answer's score goes back through time.

        Args:
            **how: ``place``, the answer that counts, and ``clip``, what training clips at.

        Returns:
            The view.
        """
        from headgate.inspection.gradients import gradients

        return gradients(self, **how)

    def memory(self, **how: Any) -> Memory:
        """Measure how far back an answer depends on the input, by changing one step at a time.

        Args:
            **how: ``place``, the answer that counts, ``samples``, ``seed`` and ``most``.

        Returns:
            The view.
        """
        from headgate.inspection.memory import memory

        return memory(self, **how)

    def attribution(self, **how: Any) -> Attribution:
        """Show which steps made an answer.

        Args:
            **how: ``place``, the answer that counts, ``method`` and ``baseline``.

        Returns:
            The view.
        """
        from headgate.inspection.attribution import attribution

        return attribution(self, **how)

    def alignment(self) -> Attention:
        """Show where the model looked, source against target.

        Returns:
            The view.

        Raises:
            DataError: the model has no attention.
        """
        from headgate.inspection.attention_view import attention

        return attention(self)

    def what_if(self, *changes: Any, **how: Any) -> WhatIf:
        """Hold gates, silence units, exchange states, and see the answer change.

        Args:
            *changes: each a ``Clamp``, or a text such as "forget=1" or "h[5]=0".
            **how: ``place``, the answer that counts.

        Returns:
            The view.
        """
        from headgate.inspection.what_if import what_if

        return what_if(self, *changes, **how)

    def what_if_token(
        self,
        changes: Mapping[int, str],
        inspect: Callable[[Any], Inspection],
        *,
        place: int | None = None,
    ) -> WhatIf:
        """Change tokens of the text, and see the answer change.

        Args:
            changes: new tokens by the number of the token, counted from 1.
            inspect: the model's own, from a text to its inspection.
            place: the answer that counts, from 0; all where None.

        Returns:
            The view.
        """
        from headgate.inspection.what_if import what_if_token

        return what_if_token(self, changes, inspect, place=place)

    def named(self, name: str) -> Float[Tensor, "D T _"]:
        """Give a gate or a state.

        Args:
            name: one of ``names``.

        Returns:
            Its values, [D, T, N].

        Raises:
            UnknownNameError: the cell has none of that name; those it has are listed.
        """
        if name not in self.names:
            raise UnknownNameError("gate or state", name, self.names)
        return self.trace[name]

    def pass_of(self, layer: str | int | None) -> int:
        """Find a layer by its name.

        Args:
            layer: one of ``passes``; the last layer, forwards, where None.

        Returns:
            Its place among the D.

        Raises:
            UnknownNameError: there is none of that name; those there are are listed.
        """
        names = self.passes
        if layer is None:
            return len(names) - 1 - self.layers.bidirectional
        if str(layer) not in names:
            raise UnknownNameError("layer", str(layer), names)
        return names.index(str(layer))


def look(
    layers: Layers, x: Float[Tensor, "T M"], tokens: Sequence[str] | None = None
) -> Inspection:
    """Look into recurrent layers that belong to no model.

    The outputs of the layers stand for a model's answers, one after each step. Layers in training
    are seen as they would be in evaluation, and stay in training.

    Args:
        layers: any recurrent layers, a user's own cell too.
        x: what they read, [T, M].
        tokens: T names; the steps' numbers where None.

    Returns:
        The inspection.

    Raises:
        ShapeError: the input has other features than the layers read.
        DataError: it has no step.

    Example:
        >>> from headgate.layers import Recurrent
        >>> found = look(Recurrent("lstm", 3, 5), torch.zeros(4, 3))
        >>> found.trace["forget"].shape
        torch.Size([1, 4, 5])
    """
    if x.dim() != 2 or x.shape[1] != layers.input_size:
        raise ShapeError(f"the layers read [T, {layers.input_size}], and {tuple(x.shape)} came")
    steps = tuple(str(step) for step in range(1, len(x) + 1)) if tokens is None else tuple(tokens)
    outcome = Outcome(lambda y, last, x: y.transpose(0, 1), NUMBERS, steps, aligned=True)
    return Inspection(steps, layers, x.detach(), outcome)
