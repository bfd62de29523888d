"""A model directory: written whole or not at all, and checked part by part when read.

    config.json   format, version, what rebuilds the model, and a SHA-256 of every other part

Each part is written beside its place and moved there; config.json comes last, and without it a
directory is no model. The card, README.md, is the user's to edit and is not checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headgate.errors import ModelDirectoryError, OutputError

FORMAT = 1
CONFIG = "config.json"
CARD = "README.md"
CURVES = "tensorboard"  # what a training may write before the model


def write(place: Path, config: Mapping[str, Any], parts: Mapping[str, bytes], card: str) -> None:
    """Write a model into a claimed directory.

    Args:
        place: the directory.
        config: what rebuilds the model.
        parts: the files by name.
        card: the text of README.md.

    Raises:
        OutputError: a part could not be written; none is left behind.
    """
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
    whole = {"format": FORMAT, **config, "parts": sums}
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    files = {**parts, CARD: card.encode(), CONFIG: text.encode()}
    file = place
    try:
        for name, data in files.items():
            file = place / name
            write_file(file, data)
    except OSError as error:
        for name in files:
            (place / name).unlink(missing_ok=True)
        size = sum(map(len, files.values()))
        raise OutputError(
            f"{file} could not be written ({error.strerror}); the model needs "
            f"{size / 1e6:.1f} MB. Nothing of it was left there"
        ) from error


def write_file(path: Path, data: bytes) -> None:
    """Write beside the place, force it to the disk, then move it there.

    Args:
        path: the place.
        data: the bytes.

    Raises:
        OSError: it could not be written; what stood there still stands.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _settle(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _settle(folder: Path) -> None:
    """Force a folder's names to the disk, where the system has that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read a model directory and check every part.

    Args:
        path: the directory.

    Returns:
        The configuration and the parts.

    Raises:
        ModelDirectoryError: it is no model, of another format, or a part is missing or changed.
    """
    place = Path(path)
    config = _read_config(place)
    parts: dict[str, bytes] = {}
    for name, wanted in config["parts"].items():
        if Path(name).name != name:
            raise ModelDirectoryError(f"{place / CONFIG} names a part outside the model: {name!r}")
        try:
            data = (place / name).read_bytes()
        except OSError as error:
            raise ModelDirectoryError(
                f"{place} lacks its part {name} ({error.strerror}): copy the directory whole"
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != wanted:
            raise ModelDirectoryError(
                f"{place / name} is not the file that was saved: SHA-256 {wanted[:12]}… was "
                f"wanted, {found[:12]}… came ({len(data)} bytes). It is truncated, changed, or "
                "of another model: copy it again from where the model was trained"
            )
        parts[name] = data
    return config, parts


def _read_config(place: Path) -> dict[str, Any]:
    try:
        config = json.loads((place / CONFIG).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelDirectoryError(
            f"{place} is no model: it has no {CONFIG} ({error.strerror})"
        ) from error
    except ValueError as error:
        raise ModelDirectoryError(f"{place / CONFIG} is damaged: {error}") from error
    if not isinstance(config, dict) or "format" not in config:
        raise ModelDirectoryError(f"{place / CONFIG} is not headgate's: it states no format")
    if config["format"] != FORMAT:
        raise ModelDirectoryError(
            f"{place} has the format {config['format']}, and this headgate reads format {FORMAT}: "
            "read it with the version that wrote it, or train anew"
        )
    if not isinstance(config.get("parts"), dict):
        raise ModelDirectoryError(f"{place / CONFIG} is damaged: it lists no parts")
    return config
