"""The recurrent network that learns how long its steps are."""

from __future__ import annotations

from torch import sigmoid, tanh

from headgate.equations.notation import Equation, named


def lem(*, dt: float = 1.0) -> Equation:
    """Long expressive memory: two states, each unit of which takes time steps of its own length.

        Δᶻ = σ(W_xΔᶻ xₜ + W_yΔᶻ yₜ₋₁ + b_Δᶻ)
        Δʸ = σ(W_xΔʸ xₜ + W_yΔʸ yₜ₋₁ + b_Δʸ)
        gᶻ = tanh(W_xgᶻ xₜ + W_ygᶻ yₜ₋₁ + b_gᶻ)
        zₜ = (1 - Δᶻ) ⊙ zₜ₋₁ + Δᶻ ⊙ gᶻ
        gʸ = tanh(W_xgʸ xₜ + W_zgʸ zₜ + b_gʸ)
        yₜ = (1 - Δʸ) ⊙ yₜ₋₁ + Δʸ ⊙ gʸ

    Args:
        dt: the longest time step, Δt of the paper: Δ = dt σ(…).

    Returns:
        The equation, with the hidden state y and the memory z.
    """

    def step(x, W, y, z):
        long = named("step_z", dt * sigmoid(x.step_z + W.step_z(y)))
        short = named("step_y", dt * sigmoid(x.step_y + W.step_y(y)))
        g = tanh(x.candidate_z + W.candidate_z(y))
        z = (1 - long) * z + long * g
        g = tanh(x.candidate_y + W.candidate_y(z))
        return (1 - short) * y + short * g, z

    return Equation(
        step,
        source="Rusch, Mishra, Erichson & Mahoney 2022",
        layout=("step_z", "step_y", "candidate_z", "candidate_y"),
    )
