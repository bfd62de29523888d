"""Spoken digits: one a clip as a class, and strings of them as text, also of an unheard speaker.

DATA has recordings named DIGIT_SPEAKER_NUMBER.wav. Numbers 0 to 4 are the test part, 5 to 9 choose
the weights, and the rest is learned from; with the speakers apart, all of one speaker is the test.
"""

from __future__ import annotations

import argparse
import csv
import random
import wave
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import headgate as hg
from headgate.errors import DataError

SEED = 7
STRINGS = {"train": 240, "valid": 30, "test": 100}  # of each speaker
SHORTEST, LONGEST = 3, 7  # digits of a string
TRANSCRIBER = {
    "hidden_size": 64,
    "stack": 3,
    "epochs": 10,
}  # as good on the validation part, and faster


@dataclass(frozen=True)
class Wanted:
    """What to measure: the test part, or the validation part alone; and who is unheard in turn."""

    tested: bool
    unheard: list[str]


@dataclass(frozen=True)
class Clip:
    """One recording of one digit."""

    file: Path
    digit: str
    speaker: str
    number: int

    @property
    def part(self) -> str:
        """The part that its number puts it in."""
        return "test" if self.number < 5 else "valid" if self.number < 10 else "train"


def clips(folder: str) -> list[Clip]:
    """List the recordings of a folder and of those in it."""
    found = []
    for file in sorted(Path(folder).rglob("*_*_*.wav")):
        digit, speaker, number = file.stem.split("_")
        found.append(Clip(file, digit, speaker, int(number)))
    if not found:
        raise DataError(
            "no file is named as 7_anna_12.wav; name the recordings' folder", path=folder
        )
    return found


def write_manifest(place: Path, rows: Iterable[tuple[Path, str]]) -> Path:
    """Write a table of paths and texts."""
    with open(place, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "said"])
        writer.writerows(rows)
    return place


def strings(clips: list[Clip], part: str, folder: Path) -> list[tuple[Path, str]]:
    """Join clips of one speaker and part to strings of digits, cut to cut."""
    rng, rows = random.Random(f"{SEED}/{part}/{clips[0].speaker}"), []
    for number in range(STRINGS[part]):
        chosen = rng.choices(clips, k=rng.randint(SHORTEST, LONGEST))
        place = folder / f"{chosen[0].speaker}_{part}_{number}.wav"
        pieces = [_samples(clip.file) for clip in chosen]
        with wave.open(str(place), "wb") as joined:
            joined.setparams(pieces[0][0])
            joined.writeframes(b"".join(samples for _, samples in pieces))
        rows.append((place, "".join(clip.digit for clip in chosen)))
    return rows


def _samples(file: Path) -> tuple[Any, bytes]:
    with wave.open(str(file), "rb") as read:
        return read.getparams(), read.readframes(read.getnframes())


def train(made: Path, parts: dict[str, list[tuple[Path, str]]], **options: Any) -> Any:
    """Train on manifests of three parts, or of two where nothing is tested yet."""
    files = {name: write_manifest(made / f"{name}.csv", rows) for name, rows in parts.items()}
    return hg.train(
        files["train"],
        input="path",
        target="said",
        valid=files["valid"],
        test=files.get("test", 0.0),
        seed=SEED,
        say=lambda line: None,
        **options,
    )


def one_split(clips: list[Clip], made: Path, wanted: Wanted) -> None:
    """Classify clips, every speaker in every part."""
    rows = {name: [(c.file, c.digit) for c in clips if c.part == name] for name in STRINGS}
    model = train(made, rows if wanted.tested else _untested(rows), task="classify")
    print(f"clips, the usual split: {_said(model, 'accuracy', wanted.tested)}", flush=True)


def by_speaker(clips: list[Clip], made: Path, wanted: Wanted) -> None:
    """Classify the clips of a speaker that was not heard in training."""

    def turn(speaker: str) -> Any:
        others = [c for c in clips if c.speaker != speaker]
        rows = {
            "train": [(c.file, c.digit) for c in others if c.part == "train"],
            "valid": [(c.file, c.digit) for c in others if c.part != "train"],
            "test": [(c.file, c.digit) for c in clips if c.speaker == speaker],
        }
        return train(made, rows if wanted.tested else _untested(rows), task="classify")

    _turns("clips", turn, "accuracy", wanted)


def strings_by_speaker(clips: list[Clip], made: Path, wanted: Wanted) -> None:
    """Transcribe strings of a speaker that was not heard in training."""
    joined = {
        (name, part): strings([c for c in clips if (c.speaker, c.part) == (name, part)], part, made)
        for name in _speakers(clips)
        for part in STRINGS
    }

    def turn(speaker: str) -> Any:
        rows = {
            part: [
                row
                for (name, of), some in joined.items()
                if of == part and (name == speaker) == (part == "test")
                for row in some
            ]
            for part in STRINGS
        }
        given = rows if wanted.tested else _untested(rows)
        return train(made, given, task="transcribe", **TRANSCRIBER)

    _turns("strings", turn, "character_error_rate", wanted)


def _turns(what: str, turn: Callable[[str], Any], score: str, wanted: Wanted) -> None:
    """Let each speaker be the unheard one, once."""
    values, tested = [], wanted.tested
    for speaker in wanted.unheard:
        model = turn(speaker)
        print(f"{what}, {speaker} unheard: {_said(model, score, tested)}", flush=True)
        values.append(model.metrics["test"][score]["value"] if tested else 0.0)
    if tested and score == "accuracy":
        print(f"{what}, the mean of all turns: error rate {1 - mean(values):.4f}", flush=True)
    elif tested:
        print(f"{what}, the mean of all turns: {score} {mean(values):.4f}", flush=True)


def _speakers(clips: list[Clip]) -> list[str]:
    return sorted({clip.speaker for clip in clips})


def _untested(rows: dict[str, Any]) -> dict[str, Any]:
    return {name: some for name, some in rows.items() if name != "test"}


def _said(model: Any, score: str, tested: bool) -> str:
    metrics = model.metrics
    seconds = f"{metrics['training']['seconds']:.0f} s of training"
    if not tested:
        return f"validation {score} {metrics['valid'][f'valid_{score}']:.4f}; {seconds}"
    own = metrics["test"][score]
    rivals = ", ".join(f"{name} {each[score]:.3f}" for name, each in metrics["baselines"].items())
    return (
        f"{score} {own['value']:.4f} ({own['low']:.4f} to {own['high']:.4f}); {rivals}; {seconds}"
    )


MEASURES = {"split": one_split, "speakers": by_speaker, "strings": strings_by_speaker}


def main(arguments: list[str]) -> None:
    """Print the score of each measure with its interval, its baselines and its time."""
    parser = argparse.ArgumentParser(prog="scripts/bench spoken", description=__doc__)
    parser.add_argument("folder", help="with the recordings")
    parser.add_argument("--valid", action="store_true", help="print the validation part's alone")
    parser.add_argument("--only", choices=MEASURES, nargs="+", default=[*MEASURES])
    parser.add_argument("--unheard", nargs="+", help="speakers who take their turn; all else")
    given = parser.parse_args(arguments)
    found = clips(given.folder)
    wanted = Wanted(not given.valid, given.unheard or _speakers(found))
    for name in given.only:
        with TemporaryDirectory() as made:
            MEASURES[name](found, Path(made), wanted)
