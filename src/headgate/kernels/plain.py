"""Tensors whose numbers lie in memory as they are: an address is all the native part needs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter


def is_plain(tensors: Sequence[Tensor]) -> bool:
    """Tell whether the native part can read tensors by their addresses.

    Args:
        tensors: all that takes part.

    Returns:
        Whether they are dense, on a CPU, all of float32 or all of float64, of torch's own classes,
        and neither zeros without memory nor views with a minus sign beside their numbers.
    """
    # before anything is asked of them: what stands for a tensor, as in a trace, is none of these
    if any(type(t) not in (Tensor, Parameter) for t in tensors):
        return False
    dtype = tensors[0].dtype
    if dtype not in (torch.float32, torch.float64):
        return False
    return all(t.dtype == dtype and t.device.type == "cpu" and _dense(t) for t in tensors)


def _dense(tensor: Tensor) -> bool:
    strided = tensor.layout is torch.strided and not tensor.is_nested
    return strided and not tensor._is_zerotensor() and not tensor.is_neg()
