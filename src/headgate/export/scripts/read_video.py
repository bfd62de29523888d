"""How the model reads a video."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from pathlib import Path

import numpy as np
from frames import padded
from pictures import Pixels

ENDINGS = (".png", ".jpg", ".jpeg")
CHANNELS = (1, 3, 4)  # grey, colours, colours with alpha


class Reader:
    """Turns videos to what the graph takes: pixels [B, T, channels, H, W].

    A video is the path of a folder of pictures, or an array [T, H, W], [T, channels, H, W] or
    [T, H, W, channels].

    Args:
        graphs: the model.
    """

    def __init__(self, graphs):
        self.pixels, self.longest = Pixels(graphs.folder), graphs.facts["reading"]["longest"]

    def parse(self, line):
        """Take a line of input: the path of a folder, or a list of frames in JSON."""
        if not line.startswith("["):
            return line
        frames = np.array(json.loads(line))
        return frames.astype(np.uint8) if frames.dtype.kind == "i" else frames

    def batch(self, inputs):
        """Lay videos out as a batch, with their lengths."""
        return padded([self._frames(each) for each in inputs])

    def _frames(self, given):
        if isinstance(given, str | os.PathLike):
            return np.stack([self.pixels.read(file) for file in pictures_of(given)[: self.longest]])
        frames = laid_out(np.asarray(given))[: self.longest]
        if frames.shape[1] != self.pixels.channels:
            raise ValueError(
                f"frames of {self.pixels.channels} channels were wanted, as in training, and "
                f"{len(frames)} of {frames.shape[1]} came"
            )
        return self.pixels.fit(frames)


def laid_out(frames):
    """Put the channels before height and width."""
    if not frames.size:
        raise ValueError(f"the video is empty: {frames.shape}")
    if not np.isfinite(frames).all():
        raise ValueError("the video has pixels that are no numbers (NaN or infinite)")
    if frames.ndim == 3:
        return frames[:, None]
    if frames.ndim == 4 and frames.shape[1] in CHANNELS:
        return frames
    if frames.ndim == 4 and frames.shape[3] in CHANNELS:
        return frames.transpose(0, 3, 1, 2)
    raise ValueError(
        "frames [T, H, W], [T, channels, H, W] or [T, H, W, channels], with 1, 3 or 4 channels, "
        f"were wanted, and {frames.shape} came"
    )


def pictures_of(folder):
    """List the pictures of a folder in the order of their names; frame2 stands before frame10."""
    place = Path(folder)
    if not place.is_dir():
        raise ValueError(f"{folder}: a folder of pictures was wanted, and this is none")
    found = [
        file
        for file in place.iterdir()
        if file.suffix.lower() in ENDINGS and not file.name.startswith(".")
    ]
    if not found:
        raise ValueError(f"{folder}: the folder has no PNG or JPEG, so there are no frames")
    return sorted(found, key=_natural)


def _natural(path):
    """Order names so that numbers in them go by their value."""
    parts = re.findall("[0-9]+|[^0-9]+", unicodedata.normalize("NFC", path.name))
    return [(int(part), part) if part[0] in "0123456789" else (-1, part) for part in parts]
