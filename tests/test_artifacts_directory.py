from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import classifier, train_classifier, translator, write_reviews

from headgate.artifacts import directory
from headgate.artifacts.claim import claim
from headgate.errors import ModelDirectoryError, OutputError
from headgate.model import load

PARTS = {"a.json": b"{}", "weights.bin": b"\x00" * 1000}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    classifier().save(tmp_path / "m")
    return tmp_path / "m"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with claim(tmp_path / "deep" / "m") as place:
        directory.write(place, {"task": "영화"}, PARTS, "a card")
    config, parts = directory.read(tmp_path / "deep" / "m")
    assert parts == PARTS
    assert config["task"] == "영화"
    names = {"config.json", "README.md", *PARTS}
    assert {path.name for path in place.iterdir()} == names


def test_the_card_may_be_edited(saved: Path) -> None:
    (saved / "README.md").write_text("my own words")
    assert load(saved).predict("a film") == classifier().predict("a film")


@pytest.mark.parametrize(
    "part",
    ["model.safetensors", "tokenizer.json", "labels.json", "metrics.json", "history.csv"],
)
@pytest.mark.parametrize("damage", ["truncated", "changed", "foreign"])
def test_a_damaged_part_is_named(part: str, damage: str, saved: Path, tmp_path: Path) -> None:
    data = (saved / part).read_bytes()
    if damage == "truncated":
        data = data[:-1]
    elif damage == "changed":
        data = data[:10] + bytes([data[10] ^ 1]) + data[11:]
    else:
        translator().save(tmp_path / "other")
        other = tmp_path / "other" / part
        data = other.read_bytes() if other.exists() else b"another model's"
    (saved / part).write_bytes(data)
    message = rf"{part} is not the file that was saved: SHA-256 .* \({len(data)} bytes\)"
    with pytest.raises(ModelDirectoryError, match=message):
        load(saved)


def test_a_missing_part_is_named(saved: Path) -> None:
    (saved / "labels.json").unlink()
    with pytest.raises(ModelDirectoryError, match=r"lacks its part labels\.json \(No such file"):
        load(saved)


def change(saved: Path, **changed: Any) -> None:
    config = json.loads((saved / "config.json").read_text(encoding="utf-8")) | changed
    (saved / "config.json").write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": 2}, "has the format 2, and this headgate reads format 1"),
        ({"format": None}, "has the format None"),
        ({"parts": ["a"]}, "is damaged: it lists no parts"),
        ({"parts": {"../secret": "0"}}, r"names a part outside the model: '\.\./secret'"),
        ({"settings": {}}, "does not fit"),
        ({"settings": {"hidden_size": 9, "counts": [1, 2]}}, "does not fit"),
    ],
)
def test_a_config_that_does_not_fit_is_said(
    changed: dict[str, Any], said: str, saved: Path
) -> None:
    change(saved, **changed)
    with pytest.raises(ModelDirectoryError, match=said):
        load(saved)


def test_a_config_without_its_origin_is_said(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    del config["data"]
    (saved / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelDirectoryError, match="does not fit: 'data'"):
        load(saved)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is damaged"),
        ("", "is damaged"),
        ("[]", "is not headgate's: it states no format"),
        ('{"model_type": "bert"}', "is not headgate's: it states no format"),
    ],
)
def test_a_damaged_config_is_said(text: str, said: str, saved: Path) -> None:
    (saved / "config.json").write_text(text)
    with pytest.raises(ModelDirectoryError, match=rf"config\.json {said}"):
        load(saved)


def test_a_config_that_is_no_text_is_said(saved: Path) -> None:
    (saved / "config.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(ModelDirectoryError, match=r"config\.json is damaged"):
        load(saved)


def test_what_is_no_directory_is_said(tmp_path: Path) -> None:
    for place in (tmp_path / "none", tmp_path, write_reviews(tmp_path)):
        with pytest.raises(ModelDirectoryError, match=r"is no model: it has no config\.json"):
            load(place)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at the third part, whichever it is."""
    forced, fsync = [], os.fsync

    def full(handle: int) -> None:
        forced.append(handle)
        if len(forced) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"could not be written \(No space left.*Nothing of it"):
        classifier().save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system may be mounted here: {error}")
    yield place
    # lazily: a process that another test began may have inherited a handle of it
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_disk_that_is_really_full_leaves_nothing_behind(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "mine").write_bytes(b"x" * 8000)
    with pytest.raises(OutputError, match="No space left on device"):
        train_classifier(write_reviews(tmp_path), out=small_disk / "m", hidden_size=32)
    assert [path.name for path in small_disk.iterdir()] == ["mine"]
    assert (small_disk / "mine").read_bytes() == b"x" * 8000


def test_the_config_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved, replace = [], os.replace

    def noted(one: Any, other: Any) -> None:
        moved.append(Path(other).name)
        replace(one, other)

    monkeypatch.setattr(os, "replace", noted)
    classifier().save(tmp_path / "m")
    assert moved[-1] == "config.json"
    assert sorted(moved) == sorted(p.name for p in (tmp_path / "m").iterdir())
