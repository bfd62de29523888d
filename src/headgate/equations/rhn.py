"""The recurrent network that is deep within one step."""

from __future__ import annotations

from torch import sigmoid, tanh

from headgate.equations.activations import choose
from headgate.equations.notation import Equation, named
from headgate.errors import CellError


def _first(x, W, b, block, h):
    return getattr(x, block) + getattr(W, block)(h)


def _later(x, W, b, block, h):
    return getattr(W, block)(h) + getattr(b, block)


def _coupled(carried, t):
    return 1 - t


def _own_gate(carried, t):
    return sigmoid(carried)


def rhn(*, depth: int = 2, coupled: bool = True) -> Equation:
    """The recurrent highway network: highway layers, one after the other, within each step.

        g₁ = tanh(W_xg₁ xₜ + W_hg₁ hₜ₋₁ + b_g₁)
        t₁ = σ(W_xt₁ xₜ + W_ht₁ hₜ₋₁ + b_t₁)
        h₁ = t₁ ⊙ g₁ + (1 - t₁) ⊙ hₜ₋₁
        g₂ = tanh(W_h₁g₂ h₁ + b_g₂)
        t₂ = σ(W_h₁t₂ h₁ + b_t₂)
        hₜ = t₂ ⊙ g₂ + (1 - t₂) ⊙ h₁

    The input enters the first layer alone; the state of the last one is the next step's first. The
    biases of t start at -2, so that the layers begin by carrying.

    Args:
        depth: the number of highway layers in a step, the paper's L.
        coupled: the carry gate is 1 - t; False gives it weights of its own.

    Returns:
        The equation, with the state h.

    Raises:
        CellError: a step has at least one layer.
    """
    if depth < 1:
        raise CellError(f"depth counts the highway layers of a step: 1 or more, not {depth}")
    carrying = choose("coupled", coupled, {True: _coupled, False: _own_gate})

    def step(x, W, b, h):
        for layer in range(1, depth + 1):
            summed = _first if layer == 1 else _later
            g = tanh(summed(x, W, b, f"candidate_{layer}", h))
            t = sigmoid(summed(x, W, b, f"transform_{layer}", h))
            h = t * g + carrying(summed(x, W, b, f"carry_{layer}", h), t) * h
            h = h if layer == depth else named(f"hidden_{layer}", h)
        return h

    layers = range(1, depth + 1)
    return Equation(
        step,
        source="Zilly, Srivastava, Koutník & Schmidhuber 2017",
        layout=tuple(f"{g}_{n}" for n in layers for g in ("candidate", "transform", "carry")),
        initial={f"transform_{n}": -2.0 for n in layers},
    )
