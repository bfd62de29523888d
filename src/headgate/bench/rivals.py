"""Those who are always there: torch.nn's layer, the loop over torch's cell, and ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from headgate.bench.sizes import Sizes
from headgate.bench.timing import single
from headgate.layers import GRU, LSTM, RNN

OURS: dict[str, Callable[..., nn.RNNBase]] = {"gru": GRU, "lstm": LSTM, "rnn": RNN}
THEIRS: dict[str, Callable[..., nn.RNNBase]] = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}
CELLS: dict[str, Callable[..., nn.RNNCellBase]] = {
    "gru": nn.GRUCell,
    "lstm": nn.LSTMCell,
    "rnn": nn.RNNCell,
}

LONGEST = 3.0  # seconds of a call; a slower loop is not waited for
_PROBE = 10  # steps
CLOSE = 1e-3  # outputs are at most 1 in size; a thousand steps of float32 stay well below


@dataclass(frozen=True)
class Problem:
    """One cell on one row: the same weights and the same input for all who compare.

    Args:
        cell: a key of ``OURS``.
        sizes: the row.
        theirs: torch.nn's layer.
        ours: our layer, with the same weights.
        x: the input, [T, B, M]; it wants a gradient.
        gradient: what backward starts from, [T, B, N].
    """

    cell: str
    sizes: Sizes
    theirs: nn.RNNBase
    ours: nn.RNNBase
    x: Tensor
    gradient: Tensor


def problem(cell: str, sizes: Sizes, layers: int = 1) -> Problem:
    """Draw a problem; the same one at every call.

    Args:
        cell: a key of ``OURS``.
        sizes: the row.
        layers: how many stand on each other.

    Returns:
        The problem.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = THEIRS[cell](sizes.inputs, sizes.units, layers)
        ours = OURS[cell](sizes.inputs, sizes.units, layers)
        x = torch.randn(sizes.steps, sizes.rows, sizes.inputs, requires_grad=True)
        gradient = torch.randn(sizes.steps, sizes.rows, sizes.units)
    ours.load_state_dict(theirs.state_dict())
    return Problem(cell, sizes, theirs, ours, x, gradient)


class CellLoop(nn.Module):
    """A Python loop over the steps with torch's cell, as one writes it by hand.

    Args:
        cell: a key of ``CELLS``.
        layer: the layer of torch.nn whose weights it takes.
    """

    def __init__(self, cell: str, layer: nn.RNNBase) -> None:
        super().__init__()
        self.cell = CELLS[cell](layer.input_size, layer.hidden_size)
        weights = layer.state_dict().items()
        self.cell.load_state_dict({name.removesuffix("_l0"): value for name, value in weights})

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """Run the cell over the steps.

        Args:
            x: [T, B, M].

        Returns:
            The outputs, [T, B, N], and the last state.
        """
        state: Any = None
        outputs = []
        for piece in x.unbind(0):
            state = self.cell(piece, state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(outputs), state


def loop_seconds(loop: CellLoop, given: Problem) -> float:
    """Estimate what a loop's training takes from its first few steps.

    Args:
        loop: the loop.
        given: the problem.

    Returns:
        Seconds.
    """
    steps = min(_PROBE, given.sizes.steps)
    x = given.x.detach()[:steps].clone().requires_grad_()
    return single(training(loop, x, given.gradient[:steps])) * given.sizes.steps / steps


def training(layer: nn.Module, x: Tensor, gradient: Tensor, **options: Any) -> Callable[[], object]:
    """Make one step of training: forward, and backward to the input and to every parameter.

    Args:
        layer: the layer; its first result is the output.
        x: the input, [T, B, M], which wants a gradient.
        gradient: what backward starts from, [T, B, N].
        **options: what the layer's ``forward`` takes besides.

    Returns:
        The call; it gives the gradients.
    """
    wanted = [x, *layer.parameters()]

    def call() -> object:
        return torch.autograd.grad(layer(x, **options)[0], wanted, gradient)

    return call


def inference(layer: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    """Make a forward pass that keeps nothing for a backward one.

    Args:
        layer: the layer; its first result is the output.
        x: the input, [T, B, M].

    Returns:
        The call; it gives the outputs.
    """

    def call() -> Tensor:
        with torch.no_grad():
            return layer(x)[0]

    return call


def disagreement(output: Tensor, wanted: Tensor, close: float = CLOSE) -> str | None:
    """Say how far an output lies from torch.nn's: whoever computes something else is not timed.

    Args:
        output: the rival's, [T, B, N].
        wanted: torch.nn's, [T, B, N].
        close: how far it may lie.

    Returns:
        A reason not to time it, or None.
    """
    if output.shape != wanted.shape:
        return f"its output is {tuple(output.shape)}, torch.nn's {tuple(wanted.shape)}"
    apart = float((output - wanted).abs().max())
    return None if apart <= close else f"its output differs from torch.nn's by {apart:.2g}"
