"""The one table of tolerances: how far two results of one computation may lie apart.

output     the same sums in another order: two kernels, a batch and its rows
gradient   sums of such sums, once more over time
printed    four digits of a probability, as another machine may round them
bits       no difference at all
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

TOLERANCES: dict[tuple[str, torch.dtype], tuple[float, float]] = {
    # (kind, dtype): (relative, absolute)
    ("output", torch.float64): (1e-11, 1e-12),
    ("output", torch.float32): (1e-5, 2e-6),
    ("output", torch.bfloat16): (2e-2, 2e-2),
    ("printed", torch.float32): (0.0, 2e-4),
    ("gradient", torch.float64): (1e-9, 1e-11),
    ("gradient", torch.float32): (2e-4, 2e-5),
    ("gradient", torch.bfloat16): (5e-2, 5e-2),
}


def assert_equal(actual: Any, expected: Any, kind: str) -> None:
    """Compare tensors, or nests of them, within the table; NaN equals NaN."""
    if isinstance(expected, Tensor):
        _compare(actual, expected, kind)
    elif isinstance(expected, Mapping):
        assert list(actual) == list(expected)
        for name, value in expected.items():
            assert_equal(actual[name], value, kind)
    elif isinstance(expected, Sequence):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_equal(one, other, kind)
    else:
        assert actual is expected is None


def _compare(actual: Tensor, expected: Tensor, kind: str) -> None:
    exact = kind == "bits" or not expected.is_floating_point()
    relative, absolute = (0.0, 0.0) if exact else TOLERANCES[kind, expected.dtype]
    torch.testing.assert_close(actual, expected, rtol=relative, atol=absolute, equal_nan=True)
