"""The state of streams as bytes: safetensors with a checksum, in one form only.

Whatever is changed in them is noticed: the checksum covers every number, and bytes that say the
same in another form are refused, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.numpy import save as save_arrays
from safetensors.torch import load, save
from torch import Tensor

from headgate.errors import StreamError

FORMAT, VERSION = "headgate stream", 1
_FARTHEST = 2**62  # a position: it goes on from there as a whole number of 64 bits
_KEY = "headgate"  # of the metadata: one entry alone, since several would come in any order
_FIELDS = {"format", "version", "model", "quantize", "rows", "positions", "sha256"}


@dataclass(frozen=True)
class State:
    """What a stream needs to go on.

    Args:
        model: the SHA-256 of the network.
        quantize: how its weights are kept.
        rows: the streams that step together; None for one without an axis of rows.
        positions: the steps that each has taken.
        states: by name, each [B, N].
    """

    model: str
    quantize: str | None
    rows: int | None
    positions: list[int]
    states: Mapping[str, Tensor]


def to_bytes(state: State) -> bytes:
    """Write a state.

    Args:
        state: the state.

    Returns:
        The bytes; equal for equal states.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.states.items()}
    said: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "model": state.model,
        "quantize": state.quantize,
        "rows": state.rows,
        "positions": state.positions,
    }
    bare = _saved(tensors, said)
    said["sha256"] = hashlib.sha256(bare).hexdigest()
    return _saved(tensors, said)


def _saved(tensors: Mapping[str, Tensor], said: Mapping[str, Any]) -> bytes:
    told = {_KEY: json.dumps(said, sort_keys=True)}
    if any(value.dtype is torch.bfloat16 for value in tensors.values()):  # numpy has no such type
        return save(dict(tensors), told)
    return save_arrays({name: value.numpy() for name, value in tensors.items()}, told)


def from_bytes(data: bytes) -> State:
    """Read a state.

    Args:
        data: what ``to_bytes`` gave.

    Returns:
        The state.

    Raises:
        StreamError: the bytes are cut short, changed, or no state at all.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise StreamError(f"a stream's state is bytes, not {type(data).__name__}")
    data = bytes(data)
    said = _said(data)
    try:
        tensors = load(data)
        found = State(
            said["model"], said["quantize"], said["rows"], list(said["positions"]), tensors
        )
        whole = to_bytes(found) == data
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _damaged(str(error)) from error
    if not whole:
        raise _damaged("the checksum does not fit")
    return found


def is_position(number: Any) -> bool:
    """Tell whether a state may say that so many steps were taken.

    Args:
        number: what it says.

    Returns:
        Whether it may.
    """
    return type(number) is int and 0 <= number < _FARTHEST


def _said(data: bytes) -> dict[str, Any]:
    """Read what stands beside the numbers, before they are looked at."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise _damaged(f"{len(data)} bytes are too few")
    try:
        said = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_KEY])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged("there is no header of a state") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise _damaged("there is no header of a state")
    if said.get("version") != VERSION:
        raise StreamError(
            f"the state has version {said.get('version')!r:.40}, and this release reads "
            f"{VERSION}: read it with the release that wrote it"
        )
    if said.keys() != _FIELDS:
        raise _damaged("its header is not whole")
    return said


def _damaged(why: str) -> StreamError:
    return StreamError(
        f"these bytes are no whole state of a stream: {why}; give what stream.state gave, unchanged"
    )
