"""One step after the other, each a call from Python: ours, and torch.nn's two ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Any

import torch
from torch import Tensor, nn

from headgate.bench.rivals import CELLS, Problem
from headgate.streaming import Stream

LEAST, MOST = 16, 192  # steps of a timed call
_CALL_FLOPS = 2**31  # about a quarter of a second on one core


@dataclass(frozen=True)
class Steps:
    """A way to step.

    Args:
        step: takes the input of one step, gives the output of the last layer, keeps the state.
        pieces: the inputs, one for each step, as ``step`` takes them.
        inferring: whether torch's inference mode is on round all the steps of a call.
    """

    step: Callable[[Any], Any]
    pieces: Sequence[Any]
    inferring: bool = False

    def call(self, count: int) -> Callable[[], object]:
        """Make the work that is timed: so many steps, the inputs again where they end.

        Args:
            count: the steps.

        Returns:
            The call; the next one goes on from the state that it left.
        """
        step, pieces = self.step, list(islice(cycle(self.pieces), count))

        def call() -> None:
            with torch.inference_mode() if self.inferring else nullcontext():
                for piece in pieces:
                    step(piece)

        return call

    def outputs(self, shape: Sequence[int]) -> Tensor:
        """Step through the first inputs, and keep what comes out.

        Args:
            shape: the sizes of T, B and N; T of the inputs are used.

        Returns:
            The outputs, [T, B, N].
        """
        steps, *rest = shape
        with torch.inference_mode() if self.inferring else nullcontext():
            found = [
                torch.as_tensor(self.step(piece)).detach().reshape(rest).clone()
                for piece in self.pieces[:steps]
            ]
        return torch.stack(found)


def timed_steps(flops: int) -> int:
    """Choose how many steps a timed call takes: enough that neither clock nor first step matters.

    Args:
        flops: operations of one step.

    Returns:
        The steps.

    Example:
        >>> timed_steps(1_000), timed_steps(2**25), timed_steps(2**40)
        (192, 64, 16)
    """
    return min(MOST, max(LEAST, _CALL_FLOPS // flops))


def open_stream(given: Problem, quantize: str | None = None) -> Stream:
    """Open a stream of our layers; a single row has no axis of rows.

    Args:
        given: the cell, the weights and the input.
        quantize: None or "int8".

    Returns:
        The stream, at its beginning.
    """
    rows = None if given.sizes.rows == 1 else given.sizes.rows
    return Stream(given.ours, rows=rows, quantize=quantize)


def taken(given: Problem) -> Tensor:
    """Give the inputs of a stream as it takes them.

    Args:
        given: the cell, the weights and the input.

    Returns:
        The inputs, [T, B, M]; [T, M] for a single row.
    """
    x = given.x.detach()
    return x[:, 0] if given.sizes.rows == 1 else x


def ours(given: Problem, quantize: str | None = None) -> Steps:
    """Step as a stream of ours does.

    Args:
        given: the cell, the weights and the input.
        quantize: None or "int8".

    Returns:
        The way.
    """
    stream, pieces = open_stream(given, quantize), taken(given).unbind(0)
    # into memory that is kept, as ONNX Runtime's binding does
    room = torch.empty(*pieces[0].shape[:-1], stream.output_size)
    return Steps(partial(stream.step, out=room), pieces)


def cells(given: Problem) -> Steps:
    """Step through torch.nn's cells, one for each layer.

    Args:
        given: the cell, the weights and the input.

    Returns:
        The way.
    """
    chain = [_cell(given, number) for number in range(given.theirs.num_layers)]
    states: list[Any] = [None] * len(chain)

    def step(x: Tensor) -> Tensor:
        for number, cell in enumerate(chain):
            states[number] = state = cell(x, states[number])
            x = state[0] if isinstance(state, tuple) else state
        return x

    return Steps(step, given.x.detach().unbind(0), inferring=True)


def _cell(given: Problem, number: int) -> nn.RNNCellBase:
    """Make the cell of one layer, with the layer's weights."""
    layer, end = given.theirs, f"_l{number}"
    cell = CELLS[given.cell](layer.hidden_size if number else layer.input_size, layer.hidden_size)
    weights = {
        name.removesuffix(end): value
        for name, value in layer.state_dict().items()
        if name.endswith(end)
    }
    cell.load_state_dict(weights)
    return cell


def layer(given: Problem) -> Steps:
    """Step through torch.nn's layer: sequences of one step, the state carried on.

    Args:
        given: the cell, the weights and the input.

    Returns:
        The way.
    """
    state: Any = None

    def step(x: Tensor) -> Tensor:
        nonlocal state
        y, state = given.theirs(x, state)
        return y

    return Steps(step, given.x.detach().split(1), inferring=True)
