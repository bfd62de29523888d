"""The recurrent unit without a recurrent matrix."""

from __future__ import annotations

from torch import sigmoid

from headgate.equations.notation import Equation, named


def sru() -> Equation:
    """The simple recurrent unit: all that a step multiplies by a matrix is its input.

        g = W_xg xₜ + b_g
        f = σ(W_xf xₜ + p_f ⊙ cₜ₋₁ + b_f)
        r = σ(W_xr xₜ + p_r ⊙ cₜ₋₁ + b_r)
        cₜ = f ⊙ cₜ₋₁ + (1 - f) ⊙ g
        hₜ = r ⊙ cₜ + (1 - r) ⊙ (W_xs xₜ + b_s)

    The paper's v is p here. Its highway term is xₜ itself where M = N, and a projection of xₜ where
    not; here it is always the projection W_xs xₜ. The biases b_g and b_s, which the paper has not,
    start at 0. No step reads h, which is an output alone; the memory is c.

    Returns:
        The equation, with the states h and c.
    """

    def step(x, p, h, c):
        g = named("candidate", x.candidate)
        f = sigmoid(x.forget + p.forget * c)
        r = sigmoid(x.reset + p.reset * c)
        c = f * c + (1 - f) * g
        return r * c + (1 - r) * x.skip, c

    return Equation(
        step,
        source="Lei, Zhang, Wang, Dai & Artzi 2018",
        layout=("candidate", "forget", "reset", "skip"),
    )
