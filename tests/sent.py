"""What the tests of inputs as JSON share: models of every kind, and what is sent to them."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import torch
from tests.golden import HERE
from tests.music import SMALL, frames
from tests.pictures import block, save

from headgate.data.images import PictureFile
from headgate.model import Model, load, train
from headgate.server.answers import plain
from headgate.server.inputs import taken
from headgate.tasks import Examples
from headgate.tasks.caption import Caption
from headgate.tasks.classify import Classify
from headgate.tasks.generate import Generate
from headgate.tasks.video_reading import VideoFolder

LIMITS = {"characters": 40, "steps": 100}
LABELS = ["a", "b"] * 4


@functools.cache
def golden(task: str) -> Model:
    return load(HERE / task)


def answered(model: Model, inputs: list[Any], **limits: int) -> list[Any]:
    """What a model says of inputs that came as JSON."""
    sent = json.loads(json.dumps(inputs))
    with taken(model, sent, **{**LIMITS, **limits}) as ready:
        return [plain(each) for each in model.predict(ready)]


def sent(file: str | Path) -> dict[str, str]:
    return {"base64": base64.b64encode(Path(file).read_bytes()).decode()}


def model_of(task: Any) -> Model:
    return Model(task, {"data": {"input": "x", "target": "y"}}, {}, [])


@functools.cache
def seer(kind: str) -> Model:
    """A classifier of pictures or videos, untrained, or a captioner of features."""
    torch.manual_seed(1)
    small: dict[str, Any] = {"hidden_size": 4}
    if kind == "places":
        features = [torch.randn(3, 4) for _ in LABELS]
        said = Examples(features, ["a bar lies here"] * 8, kind="series")
        return model_of(Caption.learn(said, {**small, "embedding_size": 4, "place_size": 4}))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for number in range(8):
            save(place / f"v{number}" / "1.png", block("red", "left", seed=number))
        files = [place / f"v{number}" for number in range(8)]
        inputs = [
            PictureFile(each / "1.png") if kind == "image" else VideoFolder.of(each)
            for each in files
        ]
        return model_of(Classify.learn(Examples(inputs, LABELS, kind=kind), small))


@functools.cache
def player() -> Model:
    torch.manual_seed(3)
    return model_of(Generate.learn(Examples(frames(4)), SMALL))


@functools.cache
def seller() -> Model:
    """A forecaster of shops that reads dates, a price that is known ahead, and the kind of shop."""
    lines = ["shop,day,sold,price,kind"]
    for shop, n in itertools.product(("north", "south"), range(40)):
        day, sold = date(2023, 11, 20) + timedelta(n), 20 + 5 * (n % 7) + (shop == "north")
        lines.append(f"{shop},{day},{sold},{n % 3}.5,{shop[0]}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sales.csv"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return train(
            file, task="forecast", series="shop", time="day", target="sold", input="price,kind",
            hidden_size=4, epochs=1, horizon=2, season=7, known=["price"], valid=2, test=2,
            say=lambda _: None,
        )  # fmt: skip
