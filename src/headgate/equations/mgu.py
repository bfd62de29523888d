"""The gated network with one gate."""

from __future__ import annotations

from torch import sigmoid

from headgate.equations.activations import Activation, lookup
from headgate.equations.notation import Equation


def mgu(*, activation: str | Activation = "tanh") -> Equation:
    """The minimal gated unit.

        f = σ(W_xf xₜ + W_hf hₜ₋₁ + b_f)
        g = tanh(W_xg xₜ + W_hg (f ⊙ hₜ₋₁) + b_g)
        hₜ = (1 - f) ⊙ hₜ₋₁ + f ⊙ g

    Args:
        activation: what stands in place of tanh.

    Returns:
        The equation, with the state h.
    """
    φ = lookup(activation)

    def step(x, W, h):
        f = sigmoid(x.forget + W.forget(h))
        g = φ(x.candidate + W.candidate(f * h))
        return (1 - f) * h + f * g

    return Equation(step, source="Zhou, Wu, Zhang & Zhou 2016")
