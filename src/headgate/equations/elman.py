"""The vanilla recurrent network."""

from __future__ import annotations

from headgate.equations.activations import Activation, lookup
from headgate.equations.notation import Equation


def rnn(*, activation: str | Activation = "tanh") -> Equation:
    """The simple recurrent network of Elman.

        hₜ = tanh(W_xh xₜ + W_hh hₜ₋₁ + b_h)

    Args:
        activation: what stands in place of tanh.

    Returns:
        The equation, with the state h.
    """
    f = lookup(activation)

    def step(x, W, h):
        return f(x.hidden + W.hidden(h))

    return Equation(step, source="Elman 1990")
