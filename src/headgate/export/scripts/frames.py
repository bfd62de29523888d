"""Rows of frames of unequal lengths as a batch."""

from __future__ import annotations

import numpy as np


def padded(rows):
    """Lay rows [T, ...] out as a batch [B, T, ...], zero past their ends, with lengths [B]."""
    lengths = np.array([len(row) for row in rows], np.int64)
    batch = np.zeros((len(rows), lengths.max(), *rows[0].shape[1:]), np.float32)
    for place, row in enumerate(rows):
        batch[place, : len(row)] = row
    return batch, lengths
