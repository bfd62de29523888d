"""Handwritten digits (MNIST) row by row: 28 steps of 28 pixels, on the published split.

As a series of NumPy arrays; the last 5,000 of the training part are for validation.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy

import headgate as hg
from headgate.errors import DataError

HELD_OUT = 5000
SETTINGS: dict[str, Any] = {"hidden_size": 128, "batch_size": 128, "epochs": 4, "dropout": 0.2}


def read_idx(path: Path) -> numpy.ndarray:
    """Read an array of bytes in the idx format: its shape in big-endian numbers, then the bytes."""
    if not path.is_file():
        raise DataError("there is no such file; name the folder of the four .gz files", path=path)
    data = gzip.decompress(path.read_bytes())
    shape = numpy.frombuffer(data, ">i4", data[3], 4)
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def arrays(folder: Path, made: Path) -> dict[str, Path]:
    """Write each part as an .npz."""
    parts = {}
    for name, stem in (("train", "train"), ("test", "t10k")):
        x = read_idx(folder / f"{stem}-images-idx3-ubyte.gz")
        parts[name] = (x, read_idx(folder / f"{stem}-labels-idx1-ubyte.gz"))
    x, y = parts["train"]
    parts["train"], parts["valid"] = (x[:-HELD_OUT], y[:-HELD_OUT]), (x[-HELD_OUT:], y[-HELD_OUT:])
    places = {}
    for name, (x, y) in parts.items():
        places[name] = made / f"{name}.npz"
        numpy.savez(places[name], x=x, y=y)
    return places


def main(arguments: list[str]) -> None:
    """Print the accuracy on the test part, or on the validation part alone."""
    parser = argparse.ArgumentParser(prog="scripts/bench digits", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--valid", action="store_true", help="print the validation part's alone")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args(arguments)
    with TemporaryDirectory() as made:
        places = arrays(wanted.folder, Path(made))
        model = hg.train(
            places["train"], task="classify", input="x", target="y", seed=wanted.seed,
            valid=places["valid"], test=0.0 if wanted.valid else places["test"], **SETTINGS,
        )  # fmt: skip
    own = model.metrics
    print(f"validation accuracy {own['valid']['valid_accuracy']:.4f}")
    training = own["training"]
    print(f"{training['seconds']:.0f} s of training, {training['parameters']:,} parameters")
