"""The LSTM of which only the forget gate is left."""

from __future__ import annotations

from torch import sigmoid, tanh

from headgate.equations.notation import Equation, named


def janet(*, beta: float = 1.0) -> Equation:
    """Just another network: an LSTM with a forget gate alone, whose memory is its output.

        f = σ(W_xf xₜ + W_hf hₜ₋₁ + b_f)
        i = 1 - σ(W_xf xₜ + W_hf hₜ₋₁ + b_f - 1)
        g = tanh(W_xg xₜ + W_hg hₜ₋₁ + b_g)
        hₜ = f ⊙ hₜ₋₁ + i ⊙ g

    Args:
        beta: β, taken from the forget gate's sum before it makes the input gate, so that more is
            written than is forgotten; 0 is i = 1 - f.

    Returns:
        The equation, with the state h, which the paper also calls c.
    """

    def step(x, W, h):
        s = x.forget + W.forget(h)
        f = sigmoid(s)
        i = named("input", 1 - sigmoid(s - beta))
        g = tanh(x.candidate + W.candidate(h))
        return f * h + i * g

    return Equation(
        step,
        source="van der Westhuizen & Lasenby 2018",
        layout=("forget", "candidate"),
        initial={"forget": 1.0},
    )
