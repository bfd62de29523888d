"""Two fast LSTM cells with a slow one between them."""

from __future__ import annotations

from torch import sigmoid, tanh

from headgate.equations.notation import Equation, named

_GATES = ("input", "forget", "candidate", "output")


def fslstm() -> Equation:
    """The fast-slow LSTM with two fast cells: the fast state passes two cells in a step.

        f₁ = σ(W_xf₁ xₜ + W_hf₁ hₜ₋₁ + b_f₁)
        i₁ = σ(W_xi₁ xₜ + W_hi₁ hₜ₋₁ + b_i₁)
        g₁ = tanh(W_xg₁ xₜ + W_hg₁ hₜ₋₁ + b_g₁)
        c₁ = f₁ ⊙ cᶠₜ₋₁ + i₁ ⊙ g₁
        o₁ = σ(W_xo₁ xₜ + W_ho₁ hₜ₋₁ + b_o₁)
        h₁ = o₁ ⊙ tanh(c₁)
        fˢ = σ(W_h₁f↑ h₁ + W_hˢfˢ hˢₜ₋₁ + b_fˢ)
        iˢ = σ(W_h₁i↑ h₁ + W_hˢiˢ hˢₜ₋₁ + b_iˢ)
        gˢ = tanh(W_h₁g↑ h₁ + W_hˢgˢ hˢₜ₋₁ + b_gˢ)
        cˢₜ = fˢ ⊙ cˢₜ₋₁ + iˢ ⊙ gˢ
        oˢ = σ(W_h₁o↑ h₁ + W_hˢoˢ hˢₜ₋₁ + b_oˢ)
        hˢₜ = oˢ ⊙ tanh(cˢₜ)
        f₂ = σ(W_hˢf↓ hˢₜ + W_h₁f₂ h₁ + b_f₂)
        i₂ = σ(W_hˢi↓ hˢₜ + W_h₁i₂ h₁ + b_i₂)
        g₂ = tanh(W_hˢg↓ hˢₜ + W_h₁g₂ h₁ + b_g₂)
        cᶠₜ = f₂ ⊙ c₁ + i₂ ⊙ g₂
        o₂ = σ(W_hˢo↓ hˢₜ + W_h₁o₂ h₁ + b_o₂)
        hₜ = o₂ ⊙ tanh(cᶠₜ)

    The first fast cell reads the input, the slow cell reads the first, and the second fast cell
    reads the slow one. All three are as wide as the layer; the blocks of what goes up to the slow
    cell and down from it are marked ↑ and ↓.

    Returns:
        The equation, with the fast states h and c_fast and the slow ones h_slow and c_slow.
    """

    def step(x, W, b, h, c_fast, h_slow, c_slow):  # noqa: PLR0913 - it has four states
        def first(gate):
            return _block(x, gate, "1") + _block(W, gate, "1")(h)

        h_1, c_1 = _lstm("1", first, c_fast)
        h_1, c_1 = named("hidden_1", h_1), named("cell_1", c_1)

        def slow(gate):
            fed = _block(W, gate, "up")(h_1)
            return fed + _block(W, gate, "slow")(h_slow) + _block(b, gate, "slow")

        new_slow, c_slow = _lstm("slow", slow, c_slow)

        def second(gate):
            fed = _block(W, gate, "down")(new_slow)
            return fed + _block(W, gate, "2")(h_1) + _block(b, gate, "2")

        h, c_fast = _lstm("2", second, c_1)
        return h, c_fast, new_slow, c_slow

    return Equation(
        step,
        source="Mujika, Meier & Steger 2017",
        layout=tuple(f"{g}_{cell}" for cell in ("1", "up", "slow", "down", "2") for g in _GATES),
        initial={f"forget_{cell}": 1.0 for cell in ("1", "slow", "2")},
    )


def _block(space, gate, cell):
    return getattr(space, f"{gate}_{cell}")


def _lstm(cell, summed, c):
    """Take one step of an LSTM cell, from the sum that makes each gate."""

    def gate(name, activation):
        return named(f"{name}_{cell}", activation(summed(name)))

    f, i = gate("forget", sigmoid), gate("input", sigmoid)
    c = f * c + i * gate("candidate", tanh)
    return gate("output", sigmoid) * tanh(c), c
