"""Products of the rows of all steps at once: projections, and the gradients of weights."""

from __future__ import annotations

import torch
from torch import Tensor

from headgate.kernels import native

_NEAR = 2**18  # bytes of a weight that stays in the second cache
_MANY = 1024  # rows from which sums of blocks lose as many digits as the sums in blocks of 256


def add_product(target: Tensor, left: Tensor, right: Tensor) -> None:
    """Add leftᵀ right, in blocks of rows: one long sum in single precision loses digits.

    A block reads and writes the whole target, so that they are longer where that is far away, and
    where they would be so many that short ones are no more exact.

    Args:
        target: what is added to, [N, K].
        left: rows, [R, N].
        right: rows, [R, K].
    """
    near = target.numel() * target.element_size() <= _NEAR
    rows = 64 if near and len(left) < _MANY else 256
    for some, others in zip(left.split(rows), right.split(rows), strict=True):
        target.addmm_(some.t(), others)


def multiply(
    x: Tensor, weight: Tensor, bias: Tensor | None, result: Tensor, *, transposed: bool
) -> Tensor:
    """Multiply rows by a weight as a projection does, or the other way round.

    Args:
        x: rows, [R, in], or [R, out] where not transposed.
        weight: [out, in].
        bias: what each row of the result begins from, or None.
        result: where it goes, [R, out], or [R, in] where not transposed.
        transposed: x weightᵀ, as a projection; else x weight, as its gradient.

    Returns:
        The result.
    """
    depth, width = weight.shape[::-1] if transposed else weight.shape
    native.project(
        x.dtype == torch.float64,
        x.data_ptr(),
        x.stride(0),
        (weight.data_ptr(), weight.stride(0), depth, width, transposed),
        0 if bias is None else bias.data_ptr(),
        result.data_ptr(),
        result.stride(0),
        len(x),
        torch.get_num_threads(),
    )
    return result
