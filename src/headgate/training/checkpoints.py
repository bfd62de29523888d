"""A training at one of its steps, as tensors and plain numbers, and back, to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Tensors = dict[str, Tensor]


@runtime_checkable
class Keeper(Protocol):
    """A place that outlives the process."""

    def keep(self, tensors: Mapping[str, Tensor], numbers: dict[str, Any]) -> None:
        """Keep a checkpoint in place of the one before; a kill leaves one or the other whole."""
        ...

    def kept(self) -> tuple[Tensors, dict[str, Any]] | None:
        """Give the checkpoint, or None where there is none."""
        ...


def under(name: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Put a name before the names of tensors.

    Args:
        name: what they belong to.
        tensors: by name.

    Returns:
        The same tensors, under ``name/…``.
    """
    return {f"{name}/{key}": tensor for key, tensor in tensors.items()}


def of(name: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Undo ``under``.

    Args:
        name: what is wanted.
        tensors: of several.

    Returns:
        Those of the name, under their own names.
    """
    start = f"{name}/"
    return {key[len(start) :]: each for key, each in tensors.items() if key.startswith(start)}


def optimizer_tensors(optimizer: Optimizer) -> Tensors:
    """Give what an optimizer remembers of each parameter.

    Args:
        optimizer: whose state is tensors alone, as AdamW's is.

    Returns:
        Tensors under the parameter's number and their name.
    """
    state = optimizer.state_dict()["state"]
    return {f"{i}/{name}": value for i, own in state.items() for name, value in own.items()}


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Undo ``optimizer_tensors``.

    Args:
        optimizer: one of the same parameters.
        tensors: what was given.
    """
    state: dict[int, Tensors] = {}
    for name, value in tensors.items():
        number, _, own = name.partition("/")
        state.setdefault(int(number), {})[own] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def chance() -> Tensors:
    """Give the state of torch's generators: the processor's, and those of GPUs in use."""
    found = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        found |= {f"cuda{i}": s for i, s in enumerate(torch.cuda.get_rng_state_all())}
    return found


def restore_chance(tensors: Mapping[str, Tensor]) -> None:
    """Undo ``chance``.

    Args:
        tensors: what was given.
    """
    torch.set_rng_state(tensors["cpu"])
    for name, state in tensors.items():
        if name != "cpu":
            torch.cuda.set_rng_state(state, int(name.removeprefix("cuda")))


def carried_tensors(carried: tuple[Tensor, ...]) -> Tensors:
    """Name what a learner carries from batch to batch."""
    return {str(number): tensor for number, tensor in enumerate(carried)}


def restore_carried(tensors: Mapping[str, Tensor], network: nn.Module) -> tuple[Tensor, ...]:
    """Undo ``carried_tensors``.

    Args:
        tensors: what was given.
        network: whose device they belong on.

    Returns:
        The tensors in their order.
    """
    device = next(network.parameters()).device
    return tuple(tensors[str(number)].to(device) for number in range(len(tensors)))
