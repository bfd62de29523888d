"""PNG and JPEG files as tensors of bytes, all of one size.

A picture keeps its shape: it is made as large as fits wholly into the wanted size and stands in the
middle; what stays free has the mean colour of the picture's border, so that it says little.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from headgate.data.columns import Table
from headgate.data.media import near, resolve
from headgate.errors import DataError, MissingExtraError

_FORMATS = ("PNG", "JPEG")
_SIGNATURES = (b"\x89PNG", b"\xff\xd8")
_MOST_PIXELS = 100_000_000  # of a file, before it is made smaller
_TURNED = (5, 6, 7, 8)  # values of EXIF's orientation by which height and width change places
_ORIENTATION = 0x0112
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")
_CLEAR = ("LA", "RGBA", "PA", "La", "RGBa")  # with an alpha channel
# What pillow raises where a file's bytes make no sense; it promises nothing narrower.
_BROKEN = (OSError, SyntaxError, ValueError, struct.error, zlib.error, EOFError, IndexError)


@dataclass(frozen=True)
class PictureFile:
    """A picture that a row names.

    Args:
        path: the file.
        place: where it was named, for messages; "" where nowhere.
    """

    path: Path
    place: str = ""

    @classmethod
    def named(cls, table: Table, row: int, cell: Any, *, column: str) -> PictureFile:
        """Find the picture that a cell names, and look at its beginning.

        Args:
            table: the table.
            row: the row's index, counted from 0.
            cell: the path, relative to the table's folder.
            column: the cell's column.

        Returns:
            The picture.

        Raises:
            DataError: nothing is there, or it is no picture; the message has the row.
            MissingExtraError: pillow is not installed.
        """
        path = resolve(table, row, cell, column=column)
        found = cls(path, place_of(table, row, column))
        found.size()
        return found

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def error(self, message: str) -> DataError:
        """Build an error that names the file, and the row that named it.

        Args:
            message: what was wanted, what came, what to do.

        Returns:
            The error, to be raised.
        """
        named = f" ({self.place})" if self.place else ""
        return DataError(message, path=f"{self.path}{named}")

    def size(self) -> tuple[int, int]:
        """Read height and width as the picture is looked at, from the beginning of the file.

        Returns:
            Height and width in pixels.

        Raises:
            DataError: there is no such file, or it is no picture.
            MissingExtraError: pillow is not installed.
        """
        with self._opened() as image:
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION) in _TURNED
        return (width, height) if turned else (height, width)

    def pixels(self) -> int:
        """Count the pixels by the head of the file, and decode nothing.

        Returns:
            Height times width.

        Raises:
            DataError: there is no such file, or it is no picture.
            MissingExtraError: pillow is not installed.
        """
        with self._opened() as image:
            width, height = image.size
        return width * height

    def read(self, *, height: int, width: int, grey: bool = False) -> UInt8[Tensor, "_ _ _"]:
        """Read the picture, upright, at a size.

        What is transparent is laid on white; sixteen bits become eight.

        Args:
            height: of the result in pixels.
            width: of the result in pixels.
            grey: whether one channel of grey is wanted, and not red, green and blue.

        Returns:
            Bytes, [channels, height, width].

        Raises:
            DataError: there is no such file, or it is no picture, broken or cut off.
            MissingExtraError: pillow is not installed.
        """
        mode: Literal["L", "RGB"] = "L" if grey else "RGB"
        with self._opened() as image:
            # A JPEG can be read at a half, a quarter or an eighth of its size, in less time.
            image.draft(mode, (2 * max(height, width),) * 2)
            upright = _flat(_pillow().ImageOps.exif_transpose(image), mode)
            pixels = torch.frombuffer(bytearray(upright.tobytes()), dtype=torch.uint8)
        shaped = pixels.view(upright.height, upright.width, len(upright.getbands()))
        return fitted(shaped.permute(2, 0, 1), height=height, width=width)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """Open the file; whatever goes wrong with it is an error that names it."""
        image = _pillow().Image
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", image.DecompressionBombWarning)
                warnings.filterwarnings("ignore", category=UserWarning)  # of odd EXIF
                with image.open(self.path, formats=_FORMATS) as found:
                    self._check(*found.size)
                    yield found
        except image.DecompressionBombError as error:
            raise self.error(_too_large(str(error).partition(" exceeds")[0])) from None
        except FileNotFoundError:
            raise self.error(f"there is no such file{near(self.path)}") from None
        except IsADirectoryError:
            raise self.error("this is a folder, and a picture was wanted") from None
        except PermissionError as error:
            raise self.error(f"the file may not be read: {error.strerror}") from error
        except _BROKEN as error:
            raise self.error(self._broken(str(error))) from error

    def _check(self, width: int, height: int) -> None:
        if width * height > _MOST_PIXELS:
            raise self.error(_too_large(f"{height:,} by {width:,} pixels"))

    def _broken(self, said: str) -> str:
        with open(self.path, "rb") as file:
            begins = file.read(8)
        if not begins:
            return "the file is empty: 0 bytes, and a PNG or JPEG was wanted"
        if not begins.startswith(_SIGNATURES):
            return (
                f"this is no PNG or JPEG: it begins with the bytes {begins.hex(' ')}; save it as "
                "one of these, or take the row out"
            )
        return (
            f"the picture is broken, cut off or of no size ({said}): get it anew, or take the row "
            "out"
        )


def place_of(table: Table, row: int, column: str) -> str:
    """Say where a table names a file, for messages that name the file, too.

    Args:
        table: the table.
        row: the row's index, counted from 0.
        column: the cell's column.

    Returns:
        "list.csv, row 3, column 'image'"; "" where the table is a folder, whose rows are its files.
    """
    if table.files:
        return ""
    return str(table.error("", row=row, column=column)).rstrip(": ")


def fitted(pixels: Tensor, *, height: int, width: int) -> Tensor:
    """Make pictures as large as fits, and lay them on the middle of their borders' mean colour.

    Args:
        pixels: one picture or several of one size, [..., channels, H, W].
        height: that is wanted.
        width: that is wanted.

    Returns:
        Pictures of the same type of number, [..., channels, height, width].
    """
    own_height, own_width = pixels.shape[-2:]
    if (own_height, own_width) == (height, width):
        return pixels.contiguous()
    scale = min(height / own_height, width / own_width)
    size = (max(1, round(own_height * scale)), max(1, round(own_width * scale)))
    flat = pixels.reshape(-1, *pixels.shape[-3:])
    if size != (own_height, own_width):
        flat = functional.interpolate(flat, size, mode="bilinear", antialias=True)
    if size != (height, width):
        ground = _border(flat)[..., None, None].expand(-1, -1, height, width).clone()
        top, left = (height - size[0]) // 2, (width - size[1]) // 2
        ground[..., top : top + size[0], left : left + size[1]] = flat
        flat = ground
    return flat.reshape(*pixels.shape[:-2], height, width).contiguous()


def common_size(sizes: Sequence[tuple[int, int]], *, most: int) -> tuple[int, int]:
    """Choose one size for pictures of several.

    Args:
        sizes: height and width of each.
        most: of the longer side.

    Returns:
        The most frequent height and width, of equally frequent ones the first; made smaller in
        proportion where the longer side is above the most.

    Example:
        >>> common_size([(28, 28), (28, 28), (30, 20)], most=64), common_size([(300, 400)], most=64)
        ((28, 28), (48, 64))
    """
    [((height, width), _)] = Counter(sizes).most_common(1)
    scale = min(1.0, most / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _flat(image: Any, mode: Literal["L", "RGB"]) -> Any:
    """Give a picture of any kind of pixels eight bits a channel and no alpha."""
    if image.mode in _SIXTEEN_BITS:
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode in _CLEAR or "transparency" in image.info:  # of one colour that is declared clear
        image = image.convert("RGBA")
        ground = _pillow().Image.new("RGBA", image.size, "white")
        image = _pillow().Image.alpha_composite(ground, image)
    return image.convert(mode)


def _border(pixels: Tensor) -> Tensor:
    """Average the outermost pixels, each picture and channel for itself: [N, channels]."""
    rows, columns = pixels[..., [0, -1], :], pixels[..., [0, -1]]
    edges = torch.cat([rows.flatten(2), columns.flatten(2)], 2)
    means = edges.double().mean(2)
    return (means if pixels.is_floating_point() else means.round()).to(pixels.dtype)


def _too_large(size: str) -> str:
    return (
        f"the picture is too large to be read safely ({size}): at most {_MOST_PIXELS:,} pixels; "
        "make it smaller, or take the row out"
    )


def _pillow() -> ModuleType:
    try:
        import PIL
        import PIL.Image
        import PIL.ImageOps
    except ImportError as error:
        raise MissingExtraError("pillow", "image") from error
    return PIL
