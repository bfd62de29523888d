"""Captions of photographs: what the right picture is worth, and the words' maps to look at.

The folder has captions.txt, a table of the columns image and caption, and the pictures in images/.
A hash of a picture's name decides its part: a tenth for validation, a tenth for the test.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import headgate as hg
from headgate.errors import DataError

PARTS = ("valid", "test", *["train"] * 8)


def part_of(name: str) -> str:
    """Give the part of a picture by its name."""
    return PARTS[int(hashlib.sha256(name.encode()).hexdigest(), 16) % len(PARTS)]


def tables(folder: Path, made: Path) -> dict[str, Path]:
    """Write a manifest for each part."""
    source = folder / "captions.txt"
    if not source.is_file():
        raise DataError("there is no such file; name the folder that has it", path=source)
    rows: dict[str, list[tuple[str, str]]] = {part: [] for part in PARTS}
    with open(source, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            place = (folder / "images" / row["image"]).resolve()
            rows[part_of(row["image"])].append((str(place), row["caption"]))
    places = {part: made / f"{part}.csv" for part in rows}
    for part, place in places.items():
        with open(place, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("image", "caption"))
            writer.writerows(rows[part])
    return places


def draw(model: Any, place: Path, folder: Path, count: int) -> None:
    """Write the maps of some pictures, and print their captions."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(place, encoding="utf-8", newline="") as file:
        names = list(dict.fromkeys(row["image"] for row in csv.DictReader(file)))
    for name in names[:: max(1, len(names) // count)][:count]:
        path = folder / f"{Path(name).stem}.svg"
        path.write_text(model.task.figure(name), encoding="utf-8")
        print(f"{Path(name).name}: {model.task.predict([name])[0].text}")


def main(arguments: list[str]) -> None:
    """Print the scores on the test part, or those on the validation part alone."""
    parser = argparse.ArgumentParser(prog="scripts/bench captions", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--valid", action="store_true", help="judge by the validation part alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--maps", type=Path, help="a folder for the maps of five pictures")
    parser.add_argument("--set", nargs="*", default=[], help="settings, such as epochs=3")
    wanted = parser.parse_args(arguments)
    options = {name: _value(text) for name, text in (each.split("=") for each in wanted.set)}
    with TemporaryDirectory() as made:
        places = tables(wanted.folder, Path(made))
        model = hg.train(
            places["train"], task="caption", input="image", target="caption", seed=wanted.seed,
            valid=places["valid"], test=0.0 if wanted.valid else places["test"], **options,
        )  # fmt: skip
        print(f"{model.metrics['training']['seconds']:.0f} s of training")
        judged = places["valid" if wanted.valid else "test"]
        if wanted.valid:
            found = model.evaluate(judged)
            print(*(f"valid {name}: {score}" for name, score in found.scores.items()), sep="\n")
        if wanted.maps is not None:
            draw(model, judged, wanted.maps, 5)


def _value(text: str) -> Any:
    if text in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[text]
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text
