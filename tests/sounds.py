"""Small sounds for tests: tones, written as files."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

RATE = 8000


def tone(frequency: float, seconds: float = 0.2, *, rate: int = RATE, loud: float = 0.5) -> Tensor:
    return loud * torch.sin(2 * math.pi * frequency * torch.arange(int(seconds * rate)) / rate)


def write_wav(path: Path, samples: Tensor | Sequence[float], rate: int = RATE) -> Path:
    """Write 32-bit floats, one channel or, from [T, C], several; NaN stays NaN."""
    sound = torch.as_tensor(samples, dtype=torch.float32)
    channels = 1 if sound.dim() == 1 else sound.shape[1]
    data = sound.contiguous().numpy().tobytes()
    head = struct.pack("<HHIIHH", 3, channels, rate, 4 * rate * channels, 4 * channels, 32)
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(data)) + b"WAVE" + chunks + data
    )
    return path
