"""Long short-term memory, from 1997 to its variants."""

from __future__ import annotations

from torch import sigmoid

from headgate.equations.activations import Activation, choose, lookup
from headgate.equations.notation import Equation, named
from headgate.errors import CellError


def _peephole(a, p, c):
    return a + p * c


def _blind(a, p, c):
    return a


def _remember_all(a):
    return 1


def _own_gate(a, f):
    return sigmoid(a)


def _coupled(a, f):
    return named("input", 1 - f)


def _project(W, h):
    return W.project(h)


def _whole(W, h):
    return h


def lstm(
    *,
    activation: str | Activation = "tanh",
    candidate: str | Activation = "tanh",
    forget: bool = True,
    peephole: bool = False,
    coupled: bool = False,
    projection: int | None = None,
) -> Equation:
    """Long short-term memory, by default with the forget gate of 2000.

        f = σ(W_xf xₜ + W_hf hₜ₋₁ + b_f)
        i = σ(W_xi xₜ + W_hi hₜ₋₁ + b_i)
        g = tanh(W_xg xₜ + W_hg hₜ₋₁ + b_g)
        cₜ = f ⊙ cₜ₋₁ + i ⊙ g
        o = σ(W_xo xₜ + W_ho hₜ₋₁ + b_o)
        hₜ = o ⊙ tanh(cₜ)

    Args:
        activation: what the cell's state passes before it leaves; tanh.
        candidate: what makes the candidate; tanh, in one source sigmoid.
        forget: False is the cell of 1997, which forgets nothing: f = 1.
        peephole: the gates also see the cell: i and f the old one, o the new one.
        coupled: i = 1 - f.
        projection: units of h, which is then W_r (o ⊙ tanh(cₜ)); as many as of c where None.

    Returns:
        The equation, with the states h and c.

    Raises:
        CellError: coupled gates need a forget gate.
    """
    if coupled and not forget:
        raise CellError("coupled=True makes the input gate 1 - f, so it needs forget=True")
    φ, κ = lookup(activation), lookup(candidate)
    see = choose("peephole", peephole, {True: _peephole, False: _blind})
    forgetting = choose("forget", forget, {True: sigmoid, False: _remember_all})
    writing = choose("coupled", coupled, {True: _coupled, False: _own_gate})
    leave = _whole if projection is None else _project

    def step(x, W, p, h, c):
        f = forgetting(see(x.forget + W.forget(h), p.forget, c))
        i = writing(see(x.input + W.input(h), p.input, c), f)
        g = κ(x.candidate + W.candidate(h))
        c = f * c + i * g
        o = sigmoid(see(x.output + W.output(h), p.output, c))
        return leave(W, o * φ(c)), c

    return Equation(
        step,
        source="Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000",
        layout=("input", "forget", "candidate", "output", "project"),
        sizes={} if projection is None else {"project": projection},
        initial={"forget": 1.0},
    )
