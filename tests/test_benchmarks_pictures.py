"""The measures of pictures and video: what they make is what they say, and nothing leaks."""

from __future__ import annotations

import csv
import gzip
import struct
from pathlib import Path

import numpy
import pytest
import torch
from benchmarks import captions, digits, moving_shapes

from headgate.errors import DataError


def test_a_clip_goes_the_way_that_it_says() -> None:
    """Moved that way, and no other way, a frame is like the next."""
    found, lengths, ways = moving_shapes.clips(24, seed=3)
    assert sorted(set(ways)) == sorted(moving_shapes.WAYS)
    assert int(lengths.min()) >= moving_shapes.FEWEST
    for clip, length, way in zip(found, lengths.tolist(), ways, strict=True):
        frames = clip[:length].float()
        unlike = {
            name: min(
                float((frames[:-1].roll((down * s, right * s), (1, 2)) - frames[1:]).abs().mean())
                for s in (1, 2)
            )
            for name, (down, right) in moving_shapes.WAYS.items()
        }
        assert min(unlike, key=unlike.__getitem__) == way
        assert not clip[length:].any()


def test_a_frame_is_as_likely_of_one_clip_as_of_another() -> None:
    """The mean frame of each way is flat: where a shape stands says nothing."""
    found, _, ways = moving_shapes.clips(2000, seed=5, frames=1)
    kinds = torch.tensor([list(moving_shapes.WAYS).index(way) for way in ways])
    for kind in range(len(moving_shapes.WAYS)):
        mean = found[kinds == kind, 0].float().mean(0)
        assert float(mean.std()) < 5  # of 255; a shape is up to 210 above its ground


def test_digits_are_read_from_their_bytes(tmp_path: Path) -> None:
    for stem, count in (("train", digits.HELD_OUT + 3), ("t10k", 2)):
        x = numpy.arange(count * 4, dtype=numpy.uint32).astype(numpy.uint8)
        head = struct.pack(">4B3i", 0, 0, 8, 3, count, 2, 2)
        path = tmp_path / f"{stem}-images-idx3-ubyte.gz"
        path.write_bytes(gzip.compress(head + x.tobytes()))
        labels = struct.pack(">4Bi", 0, 0, 8, 1, count) + bytes(n % 10 for n in range(count))
        (tmp_path / f"{stem}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    parts = {name: numpy.load(path) for name, path in digits.arrays(tmp_path, tmp_path).items()}
    assert {name: part["x"].shape for name, part in parts.items()} == {
        "train": (3, 2, 2),
        "valid": (digits.HELD_OUT, 2, 2),
        "test": (2, 2, 2),
    }
    assert parts["train"]["x"][1].tolist() == [[4, 5], [6, 7]]
    assert parts["valid"]["y"][0] == 3
    with pytest.raises(DataError, match=r"name the folder of the four \.gz files"):
        digits.read_idx(tmp_path / "none.gz")


def test_no_photograph_is_on_two_sides(tmp_path: Path) -> None:
    rows = [(f"{n}.jpg", f"caption {k}") for n in range(200) for k in range(5)]
    with open(tmp_path / "captions.txt", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("image", "caption"), *rows])
    (tmp_path / "made").mkdir()
    sides = []
    for place in captions.tables(tmp_path, tmp_path / "made").values():
        with open(place, encoding="utf-8", newline="") as file:
            sides.append({row["image"] for row in csv.DictReader(file)})
    assert sum(map(len, sides)) == len(set.union(*sides)) == 200
    assert min(map(len, sides)) > 5
    assert all(Path(name).parent == tmp_path / "images" for side in sides for name in side)
    with pytest.raises(DataError, match="name the folder that has it"):
        captions.tables(tmp_path / "none", tmp_path)
