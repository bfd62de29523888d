"""The gated recurrent unit, in the four forms that its sources write."""

from __future__ import annotations

from torch import sigmoid

from headgate.equations.activations import Activation, choose, lookup
from headgate.equations.notation import Equation


def _reset_after(W, b, r, h):
    return r * (W.candidate(h) + b.candidate)


def _reset_before(W, b, r, h):
    return W.candidate(r * h)


def _keep(u, h, g):
    return u * h + (1 - u) * g


def _write(u, h, g):
    return (1 - u) * h + u * g


def gru(
    *, activation: str | Activation = "tanh", reset: str = "after", update: str = "keep"
) -> Equation:
    """The gated recurrent unit of Cho, by default as torch and cuDNN compute it.

        r = σ(W_xr xₜ + W_hr hₜ₋₁ + b_r)
        u = σ(W_xu xₜ + W_hu hₜ₋₁ + b_u)
        g = tanh(W_xg xₜ + r ⊙ (W_hg hₜ₋₁ + b_hg) + b_g)
        hₜ = u ⊙ hₜ₋₁ + (1 - u) ⊙ g

    Args:
        activation: what stands in place of tanh.
        reset: "after" the recurrent product, or "before" it: W_hg (r ⊙ hₜ₋₁), Cho's own.
        update: "keep": u = 1 keeps the past; "write": u = 1 writes the candidate.

    Returns:
        The equation, with the state h.
    """
    φ = lookup(activation)
    remembered = choose("reset", reset, {"after": _reset_after, "before": _reset_before})
    mix = choose("update", update, {"keep": _keep, "write": _write})

    def step(x, W, b, h):
        r = sigmoid(x.reset + W.reset(h))
        u = sigmoid(x.update + W.update(h))
        g = φ(x.candidate + remembered(W, b, r, h))
        return mix(u, h, g)

    return Equation(step, source="Cho et al. 2014", layout=("reset", "update", "candidate"))
