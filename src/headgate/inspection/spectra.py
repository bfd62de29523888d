"""Spectral radii: how much one step stretches a state, and with it a gradient, in the long run."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.inspection.passes import Pass
from headgate.inspection.stepwise import Steps
from headgate.kernels import scan
from headgate.program import split

LARGEST_EXACT = 512  # rows from which eigenvalues would take seconds
_ITERATIONS = 1000
_ROWS = 256


def spectral_radius(matrix: Float[Tensor, "_ _"]) -> float:
    """Give the largest absolute eigenvalue of a matrix.

    Args:
        matrix: real; up to 512 rows its eigenvalues are computed, of a larger one the radius is
            how fast a vector grows under it, which is right to about a per cent.

    Returns:
        The radius; NaN where the matrix is not finite.

    Example:
        >>> f"{spectral_radius(torch.tensor([[0.0, 2.0], [-2.0, 0.0]])):.3f}"
        '2.000'
    """
    matrix = matrix.detach().double().cpu()
    if not bool(matrix.isfinite().all()):
        return math.nan
    if len(matrix) <= LARGEST_EXACT:
        return float(torch.linalg.eigvals(matrix).abs().amax()) if len(matrix) else 0.0
    return _growth(matrix)


def _growth(matrix: Tensor) -> float:
    """The growth over many steps: of a pair of complex eigenvalues one step's alone swings."""
    chance = torch.Generator().manual_seed(0)
    vector = torch.randn(len(matrix), generator=chance, dtype=matrix.dtype)
    logs = 0.0
    for step in range(_ITERATIONS):
        vector = matrix @ vector
        norm = float(vector.norm())
        if norm == 0.0:
            return 0.0
        vector /= norm
        logs += math.log(norm) if step >= _ITERATIONS // 2 else 0.0
    return math.exp(logs / (_ITERATIONS - _ITERATIONS // 2))


def weight_radii(side: Pass) -> dict[str, float]:
    """Give the spectral radius of each square recurrent block of a pass.

    Args:
        side: the pass.

    Returns:
        The radius by the block's name.
    """
    return {
        block: spectral_radius(part)
        for (kind, block), part in split(side.program, side.weights).items()
        if kind == "matmul" and part.shape[0] == part.shape[1]
    }


def step_jacobian(found: Steps, step: int) -> Float[Tensor, "_ _"]:
    """Give the Jacobian of one step in all states together.

    Args:
        found: a pass, step by step, of one row.
        step: from 0, in the order of time.

    Returns:
        Row i, column j: the derivative of new value i by old value j; the states stand one after
        the other in the order of the program.
    """
    old = [state.detach() for state in found.before(step)]
    sizes = [state.shape[-1] for state in old]
    x = found.inputs[step].detach()
    parts = []
    for first in range(0, sum(sizes), _ROWS):
        places = torch.arange(first, min(first + _ROWS, sum(sizes)), device=x.device)
        parts.append(_rows_of(found.of, x, old, places))
    return torch.cat(parts).cpu()


def _rows_of(side: Pass, x: Tensor, old: list[Tensor], places: Tensor) -> Tensor:
    """Some rows of the Jacobian: each is a row of a batch in which all begin alike."""
    rows = len(places)
    with torch.enable_grad():
        states = tuple(state.expand(rows, -1).clone().requires_grad_() for state in old)
        run = scan(side.program, x.expand(rows, -1)[None], side.weights, states)
        wanted = torch.cat(run.states, -1).gather(1, places[:, None]).sum()
        got = torch.autograd.grad(wanted, states, materialize_grads=True)
    return torch.cat(got, -1)
