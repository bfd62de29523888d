"""One file that a training goes on from after it was stopped, by anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from headgate.artifacts.directory import write_file
from headgate.errors import ModelDirectoryError, OutputError

FILE = "checkpoint.safetensors"
_FORMAT = "1"


class Checkpoint:
    """The checkpoint of a run's directory: safetensors, with the numbers as JSON in their header.

    It is written beside its place, forced to the disk, and moved there, so that a kill at any
    moment leaves the one before or this one, whole.

    Args:
        place: the directory.
        run: what the training is of, by name; a checkpoint of another is refused.
    """

    def __init__(self, place: Path, run: Mapping[str, Any]) -> None:
        self.path, self.run = place / FILE, json.loads(json.dumps(run))

    def keep(self, tensors: Mapping[str, Tensor], numbers: dict[str, Any]) -> None:
        """Keep a checkpoint in place of the one before.

        Args:
            tensors: by name.
            numbers: what JSON can say.

        Raises:
            OutputError: it could not be written; the one before still stands.
        """
        header = {"format": _FORMAT, "run": json.dumps(self.run), "numbers": json.dumps(numbers)}
        data = save({name: each.detach().contiguous() for name, each in tensors.items()}, header)
        try:
            write_file(self.path, data)
        except OSError as error:
            raise OutputError(
                f"{self.path} could not be written ({error.strerror}); it needs "
                f"{len(data) / 1e6:.1f} MB, and as much beside it. The checkpoint before it, if "
                "there was one, still stands: make room, then --resume"
            ) from error

    def kept(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Give the checkpoint.

        Returns:
            Its tensors and numbers; None where there is none.

        Raises:
            ModelDirectoryError: it is damaged, or of another training; the message says what
                differs.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(str(self.path), "pt") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            run, numbers = (json.loads(header[name]) for name in ("run", "numbers"))
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise ModelDirectoryError(
                f"{self.path} is damaged ({error}): delete the directory and train anew"
            ) from error
        self._check(run)
        return tensors, numbers

    def _check(self, run: dict[str, Any]) -> None:
        before, now = _flat(run), _flat(self.run)
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if names:
            listed = "; ".join(f"{n}: {before.get(n)!r} then, {now.get(n)!r} now" for n in names)
            raise ModelDirectoryError(
                f"{self.path} is of another training, which this one cannot go on from: {listed}. "
                "Give what was given then, or name another place"
            )


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    """Name each value of a mapping of mappings."""
    found: dict[str, Any] = {}
    for name, value in run.items():
        found |= _flat(value) if isinstance(value, dict) and value else {name: value}
    return found
