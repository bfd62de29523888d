"""Small models as this version saves them, one of each task, for later versions to load.

``python -m tests.golden FOLDER`` makes them anew in a new folder; those in ``tests/golden`` stay as
they are for as long as their format is read.
"""

from __future__ import annotations

import json
import math
import struct
import sys
import tempfile
import wave
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tests import series, tiny

from headgate.model import Model, train

HERE = Path(__file__).resolve().parent / "golden"
ASKED: dict[str, list[Any]] = {
    "classify": ["a warm lovely film", "지루한 영화"],
    "tag": ["Ada met Noor", "in Seoul"],
    "generate": ["a warm", "a cold"],
    "translate": ["no. 123", "no. 40"],
    "chat": ["no. 123", "no. 40"],
    "regress": [[[0.5, 1.0], [1.5, -1.0], [0.2, 0.3]], [[-2.0, 0.0]]],
    "forecast": [[float(100 + n + 10 * (n % 12)) for n in range(60)]],
    "transcribe": ["ab", "ba"],
    "caption": ["lying", "standing"],
}


def answers(model: Model) -> list[dict[str, Any]]:
    """What a model says of what it is asked, as columns; nothing of it is drawn."""
    asked = ASKED[model.task.name]
    if model.task.name in ("transcribe", "caption"):
        with tempfile.TemporaryDirectory() as folder:
            make = write_tones if model.task.name == "transcribe" else write_bar
            return [a.row() for a in model.predict([make(Path(folder), each) for each in asked])]
    if model.task.name in ("regress", "forecast"):
        asked = [torch.tensor(each) for each in asked]
    if model.task.name == "generate":
        return [{"text": "".join(model.generate(t, temperature=0, length=20))} for t in asked]
    said = model.predict(asked)
    if model.task.name == "forecast":
        return [row for answer in said for row in answer.rows()]
    return [answer.row() for answer in said]


def write_tones(folder: Path, said: str, number: int = 0) -> str:
    """Write a sound: a tone for each letter."""
    pitches = [{"a": 500, "b": 900}[letter] for letter in said for _ in range(800)]
    samples = [math.sin(2 * math.pi * pitch * n / 8000) for n, pitch in enumerate(pitches)]
    with wave.open(str(folder / f"{said}{number}.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        loud = 9000 + 100 * number
        file.writeframes(b"".join(struct.pack("<h", round(loud * each)) for each in samples))
    return f"{folder / said}{number}.wav"


def write_bar(folder: Path, kind: str, number: int = 3) -> str:
    """Draw a bar, lying or standing."""
    picture = Image.new("RGB", (16, 16), "white")
    lying = (0, number, 16, number + 2)
    picture.paste("navy", lying if kind == "lying" else (number, 0, number + 2, 16))
    picture.save(folder / f"{kind}{number}.png")
    return f"{folder / kind}{number}.png"


def others(data: Path) -> list[Model]:
    """Train models of what is no text."""
    waves = series.train_waves(series.write_waves(data), "size", task="regress", epochs=20)
    sales = [(str(100 + n + 10 * (n % 12)),) for n in range(120)]
    sold = tiny.write_csv(data / "sales.csv", sales, ["sold"])
    small: dict[str, Any] = {"hidden_size": 8, "say": lambda line: None}
    shown = [(write_bar(data, k, n), f"a bar is {k}") for n in range(12) for k in ASKED["caption"]]
    told = tiny.write_csv(data / "captions.csv", shown, ["picture", "caption"])
    heard = [(write_tones(data, s, n), s) for n in range(6) for s in ("ab", "ba", "aa", "bab")]
    said = tiny.write_csv(data / "tones.csv", heard, ["sound", "said"])
    bars: dict[str, Any] = {"embedding_size": 8, "place_size": 8, "convolutions": 4}
    bars |= {"epochs": 120, "learning_rate": 0.02}
    return [
        waves,
        train(sold, target="sold", epochs=10, **small),
        train(said, input="sound", target="said", task="transcribe", epochs=40, **small),
        train(told, input="picture", target="caption", task="caption", **bars, **small),
    ]


def main(folder: Path) -> None:
    """Save a model of each task, and what it answers."""
    folder.mkdir()
    data = folder.parent
    made = (
        tiny.train_classifier(tiny.write_reviews(data), epochs=30),
        tiny.train_tagger(tiny.write_people(data), epochs=30),
        tiny.train_generator(tiny.write_verses(data), epochs=30),
        tiny.train_translator(tiny.write_norms(data), epochs=60),
        tiny.train_chatter(tiny.write_norms(data), input="text", target="norm", epochs=60),
    )
    found = {}
    for model in (*made, *others(data)):
        model.save(folder / model.task.name)
        found[model.task.name] = answers(model)
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    (folder / "answers.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
