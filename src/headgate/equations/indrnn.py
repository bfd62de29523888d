"""The recurrent network whose units see only themselves."""

from __future__ import annotations

from headgate.equations.activations import Activation, lookup
from headgate.equations.notation import Equation


def indrnn(*, activation: str | Activation = "relu") -> Equation:
    """The independently recurrent network: a vector in place of the recurrent matrix.

        hₜ = relu(W_xh xₜ + p_h ⊙ hₜ₋₁ + b_h)

    A unit meets the others only in the next layer. The paper writes the vector p_h as u, and holds
    |u| near 1 where the memory is to be long.

    Args:
        activation: what stands in place of relu.

    Returns:
        The equation, with the state h.
    """
    φ = lookup(activation)

    def step(x, p, h):
        return φ(x.hidden + p.hidden * h)

    return Equation(step, source="Li, Li, Cook, Zhu & Gao 2018")
