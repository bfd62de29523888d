"""Long short-term memory whose recurrent weights depend on the input."""

from __future__ import annotations

from torch import sigmoid, tanh

from headgate.equations.notation import Equation, named


def mlstm() -> Equation:
    """The multiplicative LSTM: the gates see the old state multiplied by the input.

        m = (W_xm xₜ + b_m) ⊙ W_hm hₜ₋₁
        f = σ(W_xf xₜ + W_mf m + b_f)
        i = σ(W_xi xₜ + W_mi m + b_i)
        g = tanh(W_xg xₜ + W_mg m + b_g)
        cₜ = f ⊙ cₜ₋₁ + i ⊙ g
        o = σ(W_xo xₜ + W_mo m + b_o)
        hₜ = o ⊙ tanh(cₜ)

    The paper writes no biases; here b_m starts at 0 as the others do, that of f at 1.

    Returns:
        The equation, with the states h and c.
    """

    def step(x, W, h, c):
        m = named("multiplicative", x.multiplicative * W.multiplicative(h))
        f = sigmoid(x.forget + W.forget(m))
        i = sigmoid(x.input + W.input(m))
        g = tanh(x.candidate + W.candidate(m))
        c = f * c + i * g
        o = sigmoid(x.output + W.output(m))
        return o * tanh(c), c

    return Equation(
        step,
        source="Krause, Lu, Murray & Renals 2016",
        layout=("multiplicative", "input", "forget", "candidate", "output"),
        initial={"forget": 1.0},
    )
