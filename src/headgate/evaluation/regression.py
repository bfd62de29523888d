"""How far numbers are from what was wanted: squared and absolute errors, the share explained."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.evaluation.intervals import bootstrap
from headgate.evaluation.scores import Score

Numbers = Float[Tensor, "B"]


def regression_scores(predictions: Numbers, targets: Numbers) -> dict[str, Score]:
    """Score predicted numbers, each score with its bootstrap interval over rows.

    Args:
        predictions: a number for each row, [B].
        targets: what was wanted, [B].

    Returns:
        "mse", "rmse" and "mae", of which less is better, in the targets' unit or its square; and
        "r2", the share of the targets' variance that is explained, which is left out where they
        are all equal.

    Raises:
        ShapeError: there is not one prediction a target.
        DataError: there are no rows.

    Example:
        >>> found = regression_scores(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        >>> found["mse"].value, found["mae"].value, round(found["r2"].value, 4)
        (2.0, 1.0, 0.1111)
    """
    if predictions.shape != targets.shape or targets.ndim != 1:
        raise ShapeError(
            f"one prediction a target was wanted; got {tuple(predictions.shape)} and "
            f"{tuple(targets.shape)}"
        )
    if not len(targets):
        raise DataError("a score needs at least one row, got none")
    wanted = targets.double()
    error = predictions.double() - wanted
    found = {
        "mse": _mean(error.square()),
        "rmse": _mean(error.square(), torch.sqrt),
        "mae": _mean(error.abs()),
    }
    return found | ({} if bool((wanted == wanted[0]).all()) else {"r2": _explained(error, wanted)})


def _mean(values: Tensor, last: Callable[[Tensor], Tensor] = torch.Tensor.clone) -> Score:
    """Give the mean of a value of each row, and what follows from it."""
    rows = len(values)
    value = float(last(values.mean()))
    return Score(value, *bootstrap(lambda weights: last(weights @ values / rows), rows))


def _explained(error: Tensor, wanted: Tensor) -> Score:
    """Give R²: one less the squared error over that of the mean."""
    rows = len(wanted)
    centred = wanted - wanted.mean()

    def share(weights: Tensor) -> Tensor:
        spread = weights @ centred.square() - (weights @ centred).square() / rows
        share = 1 - (weights @ error.square()) / spread
        return torch.where(spread > 0, share, torch.nan)

    value = float(share(torch.ones(1, rows, dtype=torch.float64)))
    return Score(value, *bootstrap(share, rows))
