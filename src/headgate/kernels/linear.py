"""W x + b with sums in one fixed order: a row has the same bits alone, in a batch, in a stream."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from headgate.kernels import native
from headgate.kernels.plain import is_plain
from headgate.kernels.products import multiply
from headgate.kernels.scan import prefers


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply the rows of x by a weight and add a bias.

    Where no gradient is wanted the native product serves, whose sums have one fixed order; torch's
    own depends on how many rows there are.

    Args:
        x: rows, [..., M].
        weight: W, [V, M].
        bias: b, [V], or None.

    Returns:
        Rows, [..., V].
    """
    tensors = (x, weight) if bias is None else (x, weight, bias)
    if not _serves(tensors):
        return functional.linear(x, weight, bias)
    fits = x.dim() > 0 and x.shape[-1:] == weight.shape[1:] and x.numel() > 0
    if not fits or (bias is not None and bias.shape != weight.shape[:1]):
        return functional.linear(x, weight, bias)  # which has torch's own message
    rows = x.detach().reshape(-1, x.shape[-1]).contiguous()
    result = rows.new_empty(len(rows), len(weight))
    own = None if bias is None else bias.detach().contiguous()
    multiply(rows, weight.detach().contiguous(), own, result, transposed=True)
    return result.view(*x.shape[:-1], len(weight))


def _serves(tensors: tuple[Tensor, ...]) -> bool:
    if not native.available or not is_plain(tensors):
        return False
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        return False
    return not torch.is_autocast_enabled("cpu") and prefers("native", tensors)
