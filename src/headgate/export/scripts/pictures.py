"""Files of pictures as pixels of one size, and the same of arrays.

A picture keeps its shape: it is made as large as fits wholly into the wanted size and stands in the
middle; what stays free has the mean colour of the picture's border.
"""

from __future__ import annotations

import json
import os
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MOST_PIXELS = 100_000_000  # of a file, before it is made smaller
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")
CLEAR = ("LA", "RGBA", "PA", "La", "RGBa")  # with an alpha channel


class Pixels:
    """The form in which the model reads pictures.

    Args:
        folder: where pixels.json lies.
    """

    def __init__(self, folder):
        kept = json.loads((folder / "pixels.json").read_text(encoding="utf-8"))
        self.height, self.width, self.channels = kept["height"], kept["width"], len(kept["mean"])

    def read(self, path):
        """Read a file: bytes [channels, height, width]."""
        if not os.path.isfile(path):
            raise ValueError(f"{path}: there is no such file")
        try:
            pixels = _pixels(
                path, "L" if self.channels == 1 else "RGB", max(self.height, self.width)
            )
        except UnidentifiedImageError:
            raise ValueError(f"{path}: this is no PNG or JPEG") from None
        except (Image.DecompressionBombError, OSError, SyntaxError, EOFError, IndexError) as error:
            raise ValueError(f"{path}: the picture is broken or too large ({error})") from None
        return self.fit(pixels)

    def fit(self, pixels):
        """Make pictures [..., channels, H, W] the size that the model reads."""
        return fitted(pixels, self.height, self.width)


def _pixels(path, mode, side):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large pictures, and of odd EXIF
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise OSError(f"{image.height} by {image.width} pixels")
            # a JPEG can be read at a half, a quarter or an eighth of its size, in less time
            image.draft(mode, (2 * side,) * 2)
            upright = _flat(ImageOps.exif_transpose(image), mode)
    return np.asarray(upright).reshape(upright.height, upright.width, -1).transpose(2, 0, 1)


def _flat(image, mode):
    """Give a picture of any kind of pixels eight bits a channel and no alpha."""
    if image.mode in SIXTEEN_BITS:
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode in CLEAR or "transparency" in image.info:  # of one colour that is declared clear
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def fitted(pixels, height, width):
    """Make pictures as large as fits, and lay them on the middle of their borders' mean colour."""
    own = pixels.shape[-2:]
    scale = min(height / own[0], width / own[1])
    size = (max(1, round(own[0] * scale)), max(1, round(own[1] * scale)))
    if size != own:
        pixels = resized(resized(pixels, size[1]).swapaxes(-1, -2), size[0]).swapaxes(-1, -2)
    if size == (height, width):
        return pixels
    edges = [pixels[..., [0, -1], :], pixels[..., [0, -1]]]
    flat = np.concatenate([each.reshape(*pixels.shape[:-2], -1) for each in edges], -1)
    means = flat.mean(-1, dtype=np.float64)
    means = means if pixels.dtype.kind == "f" else means.round()
    shape = (*pixels.shape[:-2], height, width)
    ground = np.broadcast_to(means.astype(pixels.dtype)[..., None, None], shape).copy()
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    ground[..., top : top + size[0], left : left + size[1]] = pixels
    return ground


def resized(pixels, wanted):
    """Change the last axis: each pixel the mean of those that a triangle over it covers.

    Bytes are summed as whole numbers, with weights of fifteen bits.
    """
    if pixels.shape[-1] == wanted:
        return pixels
    weights = _triangles(pixels.shape[-1], wanted)
    if pixels.dtype != np.uint8:
        return (pixels @ weights).astype(pixels.dtype)
    bits = 0
    while bits < 22 and int(0.5 + weights.max() * 2 ** (bits + 1)) < 2**15:
        bits += 1
    whole = np.floor(0.5 + weights * 2**bits)  # in float64, which holds these sums exactly
    sums = pixels.astype(np.float64) @ whole + 2 ** (bits - 1)
    return np.floor(sums / 2**bits).clip(0, 255).astype(np.uint8)


def _triangles(size, wanted):
    """Give the weights of each old pixel in each new one, [size, wanted]."""
    scale = size / wanted
    reach = max(scale, 1.0)
    centres = scale * (np.arange(wanted) + 0.5)
    first = np.maximum((centres - reach + 0.5).astype(int), 0)
    end = np.minimum((centres + reach + 0.5).astype(int), size)
    old = np.arange(size)[:, None]
    weights = (1 - np.abs((old - centres + 0.5) / reach)).clip(min=0)
    weights = np.where((old >= first) & (old < end), weights, 0)
    return weights / weights.sum(0)
