"""The bytes that a forward pass keeps for its backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor


def kept_bytes(forward: Callable[[], object], *, free: Iterable[Tensor]) -> int:
    """Count the bytes of what autograd saves in a forward pass.

    A storage counts once and whole, however many tensors share it: as long as one of them is kept,
    all of it is. What a function keeps elsewhere than in its saved tensors is not seen.

    Args:
        forward: the forward pass.
        free: tensors whose storages do not count, since they are there anyway: parameters, inputs.

    Returns:
        Bytes.

    Example:
        >>> x = torch.ones(10, requires_grad=True)
        >>> kept_bytes(lambda: torch.tanh(x), free=[x])
        40
    """
    own = {tensor.untyped_storage().data_ptr() for tensor in free}
    kept: list[Tensor] = []  # holds them, so that no address is used twice

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.detach())
        return kept[-1]  # not the tensor itself: an output would hold its own history

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward()
    sizes = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in kept}
    del result
    return sum(size for place, size in sizes.items() if place not in own)
