"""Answers as JSON holds them: nothing is lost, and no number is rounded."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.golden import ASKED, HERE, write_bar, write_tones
from tests.music import SMALL, frames

from headgate.data.piano import Piece, frames_of
from headgate.model import Model, load
from headgate.server.answers import plain
from headgate.tasks import Examples
from headgate.tasks.classification import Classification
from headgate.tasks.generate import Generate
from headgate.tasks.tagging import Tagging

STEPS: dict[str, tuple[Any, list[Any]]] = {  # of the saved models that stream
    "generate": (None, ["a", "w"]),
    "translate": ("no. 123", [None, "3"]),
    "chat": ("no. 40", [None, "0"]),
    "forecast": (None, [100.0, 110.0]),
}


@functools.cache
def golden(task: str) -> Model:
    return load(HERE / task)


def predicted(task: str, folder: Path) -> list[Any]:
    asked = ASKED[task]
    if task in ("transcribe", "caption"):
        make = write_tones if task == "transcribe" else write_bar
        asked = [make(folder, each) for each in asked]
    if task in ("regress", "forecast"):
        asked = [torch.tensor(each) for each in asked]
    return golden(task).predict(asked)


def stepped(task: str) -> list[Any]:
    source, tokens = STEPS[task]
    stream: Any = golden(task).stream(source)
    return [stream.step() if token is None else stream.step(token) for token in tokens]


def holds(said: Any) -> None:
    """Pass through JSON and come back the same, each float to the bit."""
    assert json.loads(json.dumps(said, allow_nan=False)) == said


@pytest.mark.parametrize("task", ASKED)
def test_what_a_model_answers_passes_through_json(task: str, tmp_path: Path) -> None:
    for answer in predicted(task, tmp_path):
        holds(plain(answer))
        assert plain(answer) == answer.plain()  # every number was finite, and stays as it is


@pytest.mark.parametrize("task", STEPS)
def test_what_a_stream_answers_passes_through_json(task: str) -> None:
    for answer in stepped(task):
        holds(plain(answer))


def test_a_class_has_the_probability_of_every_class(tmp_path: Path) -> None:
    for answer in predicted("classify", tmp_path):
        said = plain(answer)
        assert said["probabilities"] == answer.probabilities
        assert answer.row()["prediction"] == said["label"]
        assert said["probability"] == max(said["probabilities"].values())
    many = Classification("c1", {f"c{n}": 0.01 for n in range(100)})
    assert len(plain(many)["probabilities"]) == 100  # a row lists those of twenty classes at most


def test_a_number_is_a_number(tmp_path: Path) -> None:
    for answer in predicted("regress", tmp_path):
        assert plain(answer) == {"value": answer.value}


def test_tags_have_their_entities() -> None:
    tags = ["B-PER", "I-PER", "O", "B-LOC"]
    assert plain(Tagging.of(["Ada", "Lovelace", "saw", "서울"], tags, "BIO")) == {
        "tokens": ["Ada", "Lovelace", "saw", "서울"],
        "tags": tags,
        "entities": [
            {"type": "PER", "start": 0, "end": 2, "text": "Ada Lovelace"},
            {"type": "LOC", "start": 3, "end": 4, "text": "서울"},
        ],
    }


@pytest.mark.parametrize("task", ["translate", "chat", "caption", "transcribe"])
def test_a_text_has_its_log_probability(task: str, tmp_path: Path) -> None:
    for answer in predicted(task, tmp_path):
        wanted = {"log_probability": answer.log_probability, "finished": answer.finished}
        assert plain(answer) == {"text": answer.row()["prediction"], **wanted}


def test_a_forecast_has_a_list_of_values_for_each_step(tmp_path: Path) -> None:
    [answer] = predicted("forecast", tmp_path)
    said, rows = plain(answer), answer.rows()
    assert (said["series"], said["names"]) == ("1", ["sold"])
    assert said["steps"] == [row["step"] for row in rows]
    assert [f"{value:.7g}" for [value] in said["mean"]] == [row["mean"] for row in rows]
    assert said["quantiles"].keys() == {"0.1", "0.5", "0.9"}
    for level, values in said["quantiles"].items():
        assert [f"{value:.7g}" for [value] in values] == [row[level] for row in rows]


def test_what_comes_next_has_the_likeliest_tokens() -> None:
    found = stepped("generate")[-1]
    said = plain(found)
    pairs = [(each["token"], each["log_probability"]) for each in said["likeliest"]]
    assert pairs == found.likeliest()
    assert len(pairs) == 5
    assert {name: said[name] for name in ("id", "token", "log_probability")} == said["likeliest"][0]
    assert said["id"] == found.id
    for each in said["likeliest"]:
        assert found.text.name(each["id"]) == each["token"]
        assert each["log_probability"] == found.log_probabilities[each["id"]].item()


@pytest.mark.parametrize("task", ["translate", "chat"])
def test_a_decoder_names_its_tokens_and_where_it_looked(task: str) -> None:
    text: Any = golden(task).task
    for found in stepped(task):
        said = plain(found)
        assert said["id"] == found.id
        assert said["token"] == text.target.vocabulary()[said["id"]]
        assert said["attention"] == found.attention.tolist()
        assert len(said["attention"]) == len(STEPS[task][0])  # its source is of characters


def test_a_model_of_music_says_keys_and_pieces() -> None:
    torch.manual_seed(3)
    task = Generate.learn(Examples(frames(4)), SMALL)
    found = task.stream(rows=None, rewind=0, quantize=None).step([60, 36])
    said = plain(found)["likeliest"]
    assert [(each["pitch"], each["probability"]) for each in said] == found.likeliest()
    assert said[0]["note"] == ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"][
        said[0]["pitch"] % 12
    ] + str(said[0]["pitch"] // 12 - 1)
    [piece] = task.predict([frames(1)[0]])
    holds(plain(piece))
    assert torch.equal(frames_of(plain(piece)["frames"]), piece.frames)
    assert plain(Piece(frames_of([[60, 64], []]))) == {"step": 0.25, "frames": [[60, 64], []]}


def test_a_text_stays_a_text() -> None:
    assert [plain(text) for text in ("B-PER", "")] == ["B-PER", ""]


class Odd:
    def plain(self) -> dict[str, Any]:
        return {"a": [math.nan, 0.1, {"b": -math.inf}], "c": None, "d": True, "e": 3}


def test_what_is_no_finite_number_is_null() -> None:
    assert plain(Odd()) == {"a": [None, 0.1, {"b": None}], "c": None, "d": True, "e": 3}
