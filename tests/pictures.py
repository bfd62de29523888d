"""Made pictures for the tests of what reads them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headgate.inspection.picture_attention import as_png

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220)}


def save(path: Path, pixels: Tensor) -> Path:
    """Write bytes [channels, H, W] as a PNG, without pillow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_png(pixels))
    return path


def block(colour: str, side: str, *, height: int = 16, width: int = 24, seed: int = 0) -> Tensor:
    """A noisy dark picture with a block of colour on its left or on its right."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 60, (3, height, width), generator=generator, dtype=torch.uint8)
    start = 3 if side == "left" else width // 2 + 2
    down = int(torch.randint(2, height - 9, (), generator=generator))
    pixels[:, down : down + 7, start : start + 7] = torch.tensor(
        COLOURS[colour], dtype=torch.uint8
    ).view(3, 1, 1)
    return pixels


def write_blocks(folder: Path, count: int = 48) -> list[tuple[str, str, str]]:
    """Write pictures; their names, colours and sides."""
    rows = []
    for number in range(count):
        colour, side = list(COLOURS)[number % 3], ("left", "right")[number // 3 % 2]
        name = f"pictures/{number}.png"
        save(folder / name, block(colour, side, seed=number))
        rows.append((name, colour, side))
    return rows


def write_rows(path: Path, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
    return path


def write_captions(folder: Path, count: int = 48) -> Path:
    """A manifest of two captions a picture."""
    rows = []
    for name, colour, side in write_blocks(folder, count):
        rows.append((name, f"a {colour} block on the {side}"))
        rows.append((name, f"On the {side} is a {colour} block"))
    return write_rows(folder / "captions.csv", ("image", "caption"), rows)


def nobody(line: str) -> None:
    pass
