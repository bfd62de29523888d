"""Bad input gets its error before any step is run."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from headgate.errors import ShapeError


def check_positive(**sizes: int) -> None:
    """Check that sizes are positive integers.

    Args:
        **sizes: the sizes by name.

    Raises:
        ShapeError: one is not; the message names it.
    """
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ShapeError(f"{name} is a positive integer, not {size!r}")


def check_probability(**values: float) -> None:
    """Check that values are probabilities.

    Args:
        **values: the values by name.

    Raises:
        ShapeError: one is not between 0 and 1; the message names it.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ShapeError(f"{name} is a probability from 0 to 1, not {value!r}")


def check_features(x: Tensor, input_size: int) -> None:
    """Check that an input is a batch of sequences of the layer's features.

    Args:
        x: the input, [T, B, M] or [B, T, M].
        input_size: M.

    Raises:
        ShapeError: it is not; the message has both.
    """
    if x.dim() != 3 or x.shape[-1] != input_size:
        raise ShapeError(
            f"the input has three axes, the last of {input_size} features, not {tuple(x.shape)}"
        )


def check_lengths(
    lengths: Tensor | Sequence[int] | None, *, rows: int, steps: int
) -> Tensor | None:
    """Check the steps of each row; while a compiler makes a graph, their values are not known yet.

    Args:
        lengths: the steps of each row, [B], in any order.
        rows: B.
        steps: T.

    Returns:
        The lengths as integers on the CPU.

    Raises:
        ShapeError: there is not one for each row, or one is below 0 or above T.
    """
    if lengths is None:
        return None
    found = torch.as_tensor(lengths).detach().cpu()
    found = found if found.numel() else found.long()  # torch takes an empty list for floats
    if found.is_floating_point() or found.shape != (rows,):
        raise ShapeError(
            f"lengths are {rows} integers, one for each row, "
            f"not {tuple(found.shape)} of {found.dtype}"
        )
    # while a compiler makes a graph, there are no values to look at
    unknown = torch.compiler.is_compiling()
    wrong = found[:0] if unknown else found[(found < 0) | (found > steps)]
    if len(wrong):
        raise ShapeError(
            f"a length is from 0 to the {steps} steps of the input, not {int(wrong[0])}"
        )
    return found


def check_states(
    states: tuple[Tensor, ...], *, names: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> None:
    """Check an initial state that was given.

    Args:
        states: one tensor for each state.
        names: the states' names.
        shapes: the shape that each has to have.

    Raises:
        ShapeError: there are too few or too many, or one has another shape.
    """
    if len(states) != len(names):
        raise ShapeError(f"the states are {', '.join(names)}, but {len(states)} came")
    for name, state, shape in zip(names, states, shapes, strict=True):
        if tuple(state.shape) != shape:
            raise ShapeError(f"the state {name} is {shape}, not {tuple(state.shape)}")
