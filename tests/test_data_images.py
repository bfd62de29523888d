"""Pictures of every kind of pixels, turned, fitted; and each way in which a file can be wrong."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from headgate.data.columns import Table
from headgate.data.images import PictureFile, common_size, fitted
from headgate.data.media import read_media_folder
from headgate.errors import DataError, MissingExtraError

Image: Any = pytest.importorskip("PIL.Image", reason="pillow is not installed")


def chunk(name: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + check


def png(width: int, height: int, *, depth: int = 8, kind: int = 0, lines: bytes = b"") -> bytes:
    """A PNG written by hand; without lines it has a head alone."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_a_picture_of_the_wanted_size_is_its_own_pixels(tmp_path: Path) -> None:
    lines = b"\0" + bytes([1, 2, 3, 40, 50, 60]) + b"\0" + bytes([7, 8, 9, 250, 255, 0])
    (tmp_path / "a.png").write_bytes(png(2, 2, kind=2, lines=lines))
    file = PictureFile(tmp_path / "a.png")
    assert file.size() == (2, 2)
    wanted = [[[1, 40], [7, 250]], [[2, 50], [8, 255]], [[3, 60], [9, 0]]]
    assert file.read(height=2, width=2).tolist() == wanted


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    values = [0, 128, 257, 32768, 65534, 65535]
    lines = b"\0" + struct.pack(">6H", *values)
    (tmp_path / "a.png").write_bytes(png(6, 1, depth=16, lines=lines))
    read = PictureFile(tmp_path / "a.png").read(height=1, width=6, grey=True)
    assert read.flatten().tolist() == [round(value / 257) for value in values]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("grey", [True, False])
def test_every_kind_of_pixels_is_read(mode: str, grey: bool, tmp_path: Path) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new("L" if mode == "I;16" else "RGB", (6, 4), "white").convert(mode).save(path)
    if mode == "I;16":
        path.write_bytes(png(6, 4, depth=16, lines=(b"\0" + b"\xff" * 12) * 4))
    read = PictureFile(path).read(height=4, width=6, grey=grey)
    assert read.shape == (1 if grey else 3, 4, 6)
    assert read.unique().tolist() == [255]


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    image.putpixel((1, 0), (10, 20, 30, 0))
    image.save(tmp_path / "clear.png")
    read = PictureFile(tmp_path / "clear.png").read(height=1, width=2)
    assert read[:, 0].T.tolist() == [[10, 20, 30], [255, 255, 255]]
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.save(tmp_path / "palette.png", transparency=1)
    assert PictureFile(tmp_path / "palette.png").read(height=1, width=2).unique().tolist() == [255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_as_it_is_looked_at(orientation: int, tmp_path: Path) -> None:
    """Each of EXIF's eight orientations, undone by hand, gives the picture as it was taken."""
    upright = torch.zeros(8, 16, dtype=torch.uint8)
    upright[:4, :4] = 255  # a light corner, top left
    undo: dict[int, Callable[[torch.Tensor], torch.Tensor]] = {
        1: lambda x: x,
        2: lambda x: x.flip(1),
        3: lambda x: x.flip(0).flip(1),
        4: lambda x: x.flip(0),
        5: lambda x: x.T,
        6: lambda x: x.rot90(1),
        7: lambda x: x.flip(0).flip(1).T,
        8: lambda x: x.rot90(-1),
    }
    stored = undo[orientation](upright).contiguous()
    image = Image.frombytes("L", stored.shape[::-1], bytes(stored.flatten().tolist()))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.jpg", exif=exif, quality=100)
    file = PictureFile(tmp_path / "a.jpg")
    assert file.size() == (8, 16)
    read = file.read(height=8, width=16, grey=True)[0].int()
    assert int((read - upright.int()).abs().max()) < 20


def test_a_picture_keeps_its_shape() -> None:
    wide = torch.full((3, 10, 20), 100, dtype=torch.uint8)
    wide[:, 2:8, 5:15] = 200
    made = fitted(wide, height=20, width=20)
    assert made.shape == (3, 20, 20)
    assert made[:, :5].unique().tolist() == [100]  # its border's colour above it …
    assert made[:, 15:].unique().tolist() == [100]  # … and below
    assert torch.equal(made[:, 5:15], wide)
    assert torch.equal(fitted(wide, height=10, width=20), wide)
    half = fitted(wide, height=5, width=10)
    assert half.shape == (3, 5, 10)
    assert half[:, 2, 5].tolist() == [200] * 3
    several = torch.stack([wide, 255 - wide])
    assert torch.equal(fitted(several, height=20, width=20)[0], made)
    numbers = fitted(wide.float() / 7, height=20, width=20)
    assert numbers[0, 0, 0] == pytest.approx(100 / 7)


def test_one_size_for_several() -> None:
    assert common_size([(1, 2), (3, 4), (3, 4)], most=64) == (3, 4)
    assert common_size([(1000, 1)], most=10) == (10, 1)


def broken(folder: Path, name: str) -> Path:
    """A file that is wrong in the way of its name."""
    noise = torch.randint(0, 256, (40 * 30 * 3,), dtype=torch.uint8)
    image = Image.frombytes("RGB", (40, 30), bytes(noise.tolist()))
    image.save(folder / "whole.jpg")
    image.save(folder / "whole.png")
    ways: dict[str, Callable[[], bytes]] = {
        "cut.jpg": lambda: (folder / "whole.jpg").read_bytes()[:-300],
        "cut.png": lambda: (folder / "whole.png").read_bytes()[:-300],
        "spoilt.png": lambda: (folder / "whole.png").read_bytes()[:200] + bytes(4000),
        "text.png": lambda: "그림이 아니다".encode(),
        "empty.png": lambda: b"",
        "no_size.png": lambda: png(0, 5),
        "bomb.png": lambda: png(60000, 60000),
        "large.png": lambda: png(12000, 10000),
    }
    if name in ways:
        (folder / name).write_bytes(ways[name]())
    if name == "folder.png":
        (folder / name).mkdir()
    return folder / name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cut.jpg", "truncated"),
        ("cut.png", "truncated"),
        ("spoilt.png", "broken"),
        ("text.png", "this is no PNG or JPEG: it begins with the bytes ea b7 b8"),
        ("empty.png", "the file is empty: 0 bytes"),
        ("no_size.png", "of no size"),
        ("bomb.png", "too large to be read safely"),
        ("large.png", "10,000 by 12,000 pixels"),
        ("folder.png", "this is a folder"),
        ("whloe.png", "there is no such file; did you mean 'whole.png'"),
    ],
)
def test_a_wrong_file_is_named_with_its_row(name: str, said: str, tmp_path: Path) -> None:
    file = PictureFile(broken(tmp_path, name), "list.csv, row 3")
    with pytest.raises(DataError, match=r"list\.csv, row 3") as error:
        file.read(height=8, width=8)
    assert said in str(error.value)
    assert name in str(error.value)


@pytest.mark.parametrize("name", ["text.png", "empty.png", "bomb.png", "no_size.png", "none.png"])
def test_a_manifest_is_refused_before_anything_is_read(name: str, tmp_path: Path) -> None:
    broken(tmp_path, name)
    rows = [["whole.png"], [name]]
    table = Table(str(tmp_path / "list.csv"), ("image",), rows, [2, 3], True)
    assert PictureFile.named(table, 0, "whole.png", column="image").size() == (30, 40)
    with pytest.raises(DataError, match=r"list.csv, row 3, column 'image'"):
        PictureFile.named(table, 1, name, column="image")


def test_a_folder_of_classes_names_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "cats" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"no picture")
    table = read_media_folder(tmp_path)
    with pytest.raises(DataError, match="this is no PNG or JPEG") as error:
        PictureFile.named(table, 0, "cats/a.png", column="path")
    assert str(error.value).startswith(f"{path}: ")


def test_without_pillow_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "PIL"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headgate\[image\]'"):
        PictureFile(tmp_path / "a.png").size()
