"""What an exported model says of itself, in its ``model.json``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from headgate.errors import ModelDirectoryError

FACTS, FORMAT = "model.json", 1
_KINDS = {"graphs": list, "stream": bool, "weights": str, "model": (str, type(None))}


def read_facts(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what stands in an exported model's file.

    Args:
        folder: the directory.

    Returns:
        The facts.

    Raises:
        ModelDirectoryError: it is no exported model.
    """
    path = Path(folder) / FACTS
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelDirectoryError(
            f"{folder} is no exported model: it has no {FACTS} ({error.strerror})"
        ) from error
    except ValueError as error:
        raise ModelDirectoryError(f"{path} is damaged: {error}") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ModelDirectoryError(f"{path} is not of an exported model of format {FORMAT}")
    for name, kind in _KINDS.items():
        if not isinstance(facts.get(name), kind):
            raise ModelDirectoryError(
                f"{path} was changed: {name} is {facts.get(name)!r:.80}; export the model again"
            )
    return facts


def exported_from(folder: str | os.PathLike[str]) -> Path:
    """Find the model that an exported one is of.

    Args:
        folder: the exported one's directory.

    Returns:
        The model's directory, as the file says it, seen from ``folder``.

    Raises:
        ModelDirectoryError: the file does not say, or nothing is there any more.
    """
    source = read_facts(folder).get("model")
    if source is None:
        raise ModelDirectoryError(f"{folder} does not say which model it is of: name it, --model")
    found = Path(os.path.normpath(Path(folder) / source))
    if not found.is_dir():
        raise ModelDirectoryError(
            f"{folder} was exported from {found}, which is not there: name the model, --model"
        )
    return found
