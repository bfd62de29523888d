"""A layer run step by step with every value of the step at hand, by the reference kernel's step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from headgate.errors import ShapeError, UnknownNameError
from headgate.inspection.nan_place import Place
from headgate.kernels import ragged
from headgate.kernels.reference import Step
from headgate.layers import GRU, LSTM, RNN, Recurrent
from headgate.layers.checks import check_features, check_lengths, check_states
from headgate.layers.noise import check_resets
from headgate.program import Node, Program

States = tuple[Tensor, ...]
_TWINS = (LSTM, GRU, RNN)


@dataclass(frozen=True, eq=False)
class Problem:
    """A layer, taken apart, and what it is run on.

    Args:
        program: the cell.
        weights: for each layer, for each direction, the parameters by name.
        given: for each layer, for each direction, what the program reads beside its input.
        x: the input, [T, B, M].
        states: the state before the first step, each [D, B, N].
        lengths: the steps of each row, [B].
        dropout: the probability that a unit between two layers is zero.
        residual: each layer from the second on adds its input to its output.
        batch_first: how the layer gives its outputs.
    """

    program: Program
    weights: Sequence[Sequence[Mapping[str, Tensor]]]
    given: Sequence[Sequence[Mapping[str, Tensor]]]
    x: Tensor
    states: States
    lengths: Tensor
    dropout: float
    residual: bool
    batch_first: bool


def problem_of(
    layer: nn.Module,
    x: Tensor,
    state: Tensor | States | None,
    lengths: Tensor | Sequence[int] | None = None,
    resets: Tensor | None = None,
) -> Problem:
    """Take a layer apart, check what it is run on, and draw what it draws in training.

    Args:
        layer: a ``Recurrent`` or a twin.
        x: the input, as the layer takes it, of three axes.
        state: the state before the first step, as the layer takes it.
        lengths: the steps of each row.
        resets: the steps before which a row begins anew, of a ``Recurrent``.

    Returns:
        The problem.

    Raises:
        UnknownNameError: another layer.
        ShapeError: the input, the state, the lengths or the resets do not fit.
    """
    if not isinstance(layer, (Recurrent, *_TWINS)):
        known = ("Recurrent", "LSTM", "GRU", "RNN")
        raise UnknownNameError("layer of headgate", type(layer).__name__, known)
    check_features(x, layer.input_size)
    x = x.transpose(0, 1) if layer.batch_first else x
    if x.shape[0] == 0:
        raise ShapeError(f"a sequence has at least one step, but the input is {tuple(x.shape)}")
    found = check_lengths(lengths, rows=x.shape[1], steps=x.shape[0])
    found = torch.full((x.shape[1],), x.shape[0]) if found is None else found
    given = None if state is None else (state,) if isinstance(state, Tensor) else tuple(state)
    dropout = layer.dropout if layer.training else 0.0
    if isinstance(layer, Recurrent):
        if resets is not None:
            first = layer.batch_first
            resets = check_resets(resets, found, x.shape[:2], batch_first=first)
        program = layer._program(resets=resets is not None)
        weights, states = layer._weights(program), layer._start(given, x)
        drawn = layer._given(program, x, resets)
        return Problem(
            program, weights, drawn, x, states, found, dropout, layer.residual, layer.batch_first
        )
    if resets is not None:
        raise ShapeError(f"a Recurrent takes resets, not hg.{type(layer).__name__}")
    program, weights = layer.program, layer.weights()
    states = layer._zeros(x)
    if given is not None:
        shapes = [tuple(zeros.shape) for zeros in states]
        check_states(given, names=program.states, shapes=shapes)
        states = given
    nothing = [[{} for _ in directions] for directions in weights]
    return Problem(program, weights, nothing, x, states, found, dropout, False, layer.batch_first)


@dataclass(frozen=True, eq=False)
class Moment:
    """One step of one direction, with the rows that have it.

    Args:
        layer: the layer.
        reverse: whether the layer runs from each row's last step.
        turn: how many steps were run before it.
        rows: the rows that have the step.
        times: the step of each of them, an index into the input.
        x: what the layer reads, for these rows.
        step: the program with its weights.
        values: every value of the step, for these rows.
        before: the states before the step, of all rows.
        after: the states after it, of all rows.
    """

    layer: int
    reverse: bool
    turn: int
    rows: list[int]
    times: list[int]
    x: Tensor
    step: Step
    values: dict[Node, Tensor]
    before: States
    after: States

    def value(self, node: Node) -> Tensor:
        """Give a value for each of the rows, also one that they share.

        Args:
            node: which.

        Returns:
            The value, [rows, units].
        """
        return self.values[node].expand(len(self.rows), -1)

    def place(self, index: tuple[int, ...]) -> Place:
        """Name a place of one of the states.

        Args:
            index: the place among these rows, and the unit.

        Returns:
            The place in the run.
        """
        row, unit = index
        return Place(self.layer, self.reverse, self.times[row], self.rows[row], unit)


class Walk:
    """Runs a problem once; ``outputs`` and ``sources`` are there when it is through.

    Args:
        problem: what is run.

    Attributes:
        outputs: of the last layer, [T, B, N · directions].
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.outputs = problem.x

    def moments(self) -> Iterator[Moment]:
        """Run the layers.

        Returns:
            Every step as it is run, in that order.
        """
        return self._layers()

    def _layers(self) -> Iterator[Moment]:
        problem, depth = self.problem, 0
        for layer, directions in enumerate(problem.weights):
            x, sides = self.outputs, []
            source = functional.dropout(x, problem.dropout) if layer and problem.dropout else x
            for reverse, weights in enumerate(directions):
                step = Step(problem.program, weights)
                given = problem.given[layer][reverse]
                own = _Direction(layer, bool(reverse), step, given, problem.lengths)
                side = yield from own.moments(source, tuple(s[depth] for s in problem.states))
                sides.append(side)
                depth += 1
            outputs = torch.cat(sides, -1)
            self.outputs = outputs + x if problem.residual and layer else outputs


@dataclass(frozen=True, eq=False)
class _Direction:
    """One direction of a layer; what is given is in the order of time, as the input is."""

    layer: int
    reverse: bool
    step: Step
    given: Mapping[str, Tensor]
    lengths: Tensor

    def moments(self, source: Tensor, states: States) -> Generator[Moment, None, Tensor]:
        """Run it, and return its outputs in the order of time."""
        x, inputs, outputs = self._turned(source), self._leaves(source), []
        for turn in range(x.shape[0]):
            going = (turn < self.lengths).nonzero()[:, 0]
            rows = going.to(x.device)
            if not len(rows):
                outputs.append(torch.zeros_like(states[0]))
                continue
            leaves = {node: value[turn][rows] for node, value in inputs.items()}
            values = self.step(leaves, tuple(state[rows] for state in states))
            results = [values[result] for result in self.step.program.results]
            after = tuple(s.index_copy(0, rows, r) for s, r in zip(states, results, strict=True))
            yield Moment(
                self.layer,
                self.reverse,
                turn,
                going.tolist(),
                self._times(turn, going),
                x[turn][rows],
                self.step,
                values,
                states,
                after,
            )
            states = after
            # from the state, so that its gradient has all that the output hands back
            outputs.append(torch.zeros_like(after[0]).index_copy(0, rows, after[0][rows]))
        return self._turned(torch.stack(outputs))

    def _leaves(self, source: Tensor) -> dict[Node, Tensor]:
        given = {
            name: value if name.startswith("mask.") else self._turned(value)
            for name, value in self.given.items()
        }
        own = self.step.expand(given, source.shape[0])
        return self.step.project(self._turned(source)) | own

    def _turned(self, value: Tensor) -> Tensor:
        return ragged.flip(value, self.lengths) if self.reverse else value

    def _times(self, turn: int, rows: Tensor) -> list[int]:
        return [int(self.lengths[row]) - 1 - turn if self.reverse else turn for row in rows]
