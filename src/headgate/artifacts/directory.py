"""A model directory: written whole or not at all, and checked part by part when read.

    config.json   format, version, what rebuilds the model, and a SHA-256 of every other part

The directory is claimed before a training begins, so that two runs never share one. Each part is
written beside its place and moved there; config.json comes last, and without it a directory is
no model. The card, README.md, is the user's to edit and is not checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from headgate.errors import ModelDirectoryError, OutputError, OutputExistsError

FORMAT = 1
CONFIG = "config.json"
CARD = "README.md"
CURVES = "tensorboard"  # what a training may write before the model
_MARK = ".unfinished"


@contextlib.contextmanager
def claim(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Make a directory one's own for a while; an error inside takes it away again.

    The file ``.unfinished`` stands in it meanwhile: who makes it has the directory, and a second
    run finds it.

    Args:
        path: a directory that does not exist, or is empty.

    Yields:
        The directory.

    Raises:
        OutputExistsError: something is there already.
        OutputError: the directory cannot be made.
    """
    place = Path(path)
    mark = place / _MARK
    made = _take(place, mark)
    try:
        yield place
    except BaseException:
        shutil.rmtree(place / CURVES, ignore_errors=True)
        with contextlib.suppress(OSError):
            mark.unlink()
            if made:
                place.rmdir()
        raise
    mark.unlink(missing_ok=True)


def _take(place: Path, mark: Path) -> bool:
    """Put the mark into a directory, and say whether the directory had to be made."""
    try:
        made = not place.exists()
        place.mkdir(parents=True, exist_ok=True)
        if any(entry != mark for entry in place.iterdir()):
            raise FileExistsError
        mark.touch(exist_ok=False)
    except FileExistsError:
        raise OutputExistsError(_refusal(place, mark)) from None
    except OSError as error:
        raise OutputError(f"{place} cannot be made: {error.strerror}") from error
    return made


def _refusal(place: Path, mark: Path) -> str:
    if mark.exists():
        return (
            f"{place} is being written by another training, or by one that was killed: name "
            "another place, or delete it if none runs"
        )
    return (
        f"{place} is there already and nothing in it was touched: name another place, or move it "
        "away"
    )


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
            _write_file(file, data)
    except OSError as error:
        for name in files:
            (place / name).unlink(missing_ok=True)
        size = sum(map(len, files.values()))
        raise OutputError(
            f"{file} could not be written ({error.strerror}); the model needs "
            f"{size / 1e6:.1f} MB. Nothing of it was left there"
        ) from error


def _write_file(path: Path, data: bytes) -> None:
    """Write beside the place, force it to the disk, then move it there."""
    beside = path.with_name(f".{path.name}.partial")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


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
