"""The gated recurrent unit without its reset gate."""

from __future__ import annotations

from torch import sigmoid

from headgate.equations.activations import Activation, lookup
from headgate.equations.notation import Equation


def ligru(*, activation: str | Activation = "relu") -> Equation:
    """The light gated recurrent unit: no reset gate, and relu for the candidate.

        u = σ(W_xu xₜ + W_hu hₜ₋₁ + b_u)
        g = relu(W_xg xₜ + W_hg hₜ₋₁ + b_g)
        hₜ = u ⊙ hₜ₋₁ + (1 - u) ⊙ g

    The paper normalizes W_x xₜ over the batch, which this cell leaves out: a row would depend on
    its batch-mates.

    Args:
        activation: what stands in place of relu.

    Returns:
        The equation, with the state h.
    """
    φ = lookup(activation)

    def step(x, W, h):
        u = sigmoid(x.update + W.update(h))
        g = φ(x.candidate + W.candidate(h))
        return u * h + (1 - u) * g

    return Equation(
        step, source="Ravanelli, Brakel, Omologo & Bengio 2018", layout=("update", "candidate")
    )
