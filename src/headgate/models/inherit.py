"""Weights of a network taken over by a larger one of the same make."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from headgate.errors import ShapeError


@torch.no_grad()
def inherit(network: nn.Module, weights: Mapping[str, Tensor]) -> tuple[list[str], list[str]]:
    """Copy weights into a network whose vocabularies have grown at their ends.

    A tensor that has become larger keeps its new rows as they are, and takes the old ones: an old
    id means what it meant.

    Args:
        network: the network, freshly made.
        weights: the state dict of the smaller one.

    Returns:
        The names of what has grown, and of what the weights lack, which stays fresh.

    Raises:
        ShapeError: a tensor is smaller than what it should take, or has another number of axes.
    """
    own = network.state_dict()
    grown = []
    for name, old in weights.items():
        new = own.get(name)
        if new is None:
            continue
        if new.dim() != old.dim() or any(n < o for n, o in zip(new.shape, old.shape, strict=True)):
            raise ShapeError(
                f"{name} is {tuple(new.shape)} here and {tuple(old.shape)} in the saved model: "
                "train with the sizes of that one"
            )
        if new.shape != old.shape:
            grown.append(name)
        new[tuple(map(slice, old.shape))] = old
    return grown, [name for name in own if name not in weights]
