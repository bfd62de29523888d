"""Predictions over HTTP are those of the model, alone and among others that come at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from tests.golden import ASKED, HERE, write_bar, write_tones
from tests.sent import answered, golden, sent
from tests.served import Client, serving
from tests.tolerances import assert_equal

TASKS = sorted(path.name for path in HERE.iterdir() if path.is_dir())
# A search multiplies by torch, whose products sum in another order where more rows come at once.
SEARCHED = {"translate", "chat", "caption"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    models = {name: golden(name) for name in TASKS}
    with serving(models, tmp_path_factory.mktemp("sessions")) as client:
        yield client


@pytest.fixture
def asked(task: str, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    if task not in ("transcribe", "caption"):
        return ASKED[task]
    make = write_tones if task == "transcribe" else write_bar
    folder = tmp_path_factory.mktemp("files")
    return [sent(make(folder, each)) for each in ASKED[task]]


@pytest.mark.parametrize("task", TASKS)
def test_at_once_as_alone(client: Client, task: str, asked: list[Any]) -> None:
    alone = [answered(golden(task), [each], steps=4096)[0] for each in asked]
    heard: list[tuple[int, list[Any]]] = []

    def run(number: int) -> None:
        mine = Client(f"http://{client.host}:{client.port}")
        turned = asked[number % len(asked) :] + asked[: number % len(asked)]
        for _ in range(3):
            body = {"model": task, "inputs": turned}
            heard.append((number, mine.post("/v1/predict", body)["predictions"]))
        mine.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 18
    for number, found in heard:
        wanted = alone[number % len(asked) :] + alone[: number % len(asked)]
        assert_alike(found, wanted, exact=task not in SEARCHED)


def assert_alike(found: Any, wanted: Any, *, exact: bool) -> None:
    if exact:
        # a forecast has its place in the request as the name of a series that came without one
        assert [each | {"series": ""} for each in found] == [e | {"series": ""} for e in wanted]
        return
    for one, other in zip(found, wanted, strict=True):
        assert one["text"] == other["text"]
        scores = torch.tensor([one["log_probability"]]), torch.tensor([other["log_probability"]])
        assert_equal(*scores, "output")


def test_all_inputs_or_none(client: Client) -> None:
    body = {"model": "classify", "inputs": ["a warm film", " ", 3]}
    status, why = client.problem("POST", "/v1/predict", body)
    assert (status, why.startswith("/inputs/1")) == (422, True)


def test_one_that_is_refused_spoils_no_other(client: Client) -> None:
    good = {"model": "classify", "inputs": ["a warm film"]}
    wanted = client.post("/v1/predict", good)
    statuses: list[int] = []

    def run(number: int) -> None:
        mine = Client(f"http://{client.host}:{client.port}")
        for _ in range(5):
            body = good if number % 2 else {"model": "classify", "inputs": [""]}
            heard = mine.ask("POST", "/v1/predict", body)
            statuses.append(heard.status)
            assert heard.status == 422 or heard.json == wanted
        mine.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 15 + [422] * 15


def test_no_path_of_a_request_is_opened(client: Client, tmp_path_factory: Any) -> None:
    path = str(write_tones(tmp_path_factory.mktemp("files"), "ab"))
    for given in (path, {"base64": path}, {"path": path}, {"base64": "", "path": path}):
        body = {"model": "transcribe", "inputs": [given]}
        assert client.problem("POST", "/v1/predict", body)[0] == 422


def test_models_are_named(client: Client) -> None:
    cards = client.ask("GET", "/v1/models").json["data"]
    assert [each["id"] for each in cards] == TASKS
    assert {each["id"]: each["reads"] for each in cards}["tag"] == "words"
    assert client.ask("GET", "/v1/models/tag").json == cards[TASKS.index("tag")]
    assert client.problem("GET", "/v1/models/none")[0] == 404
    status, why = client.problem("POST", "/v1/predict", {"inputs": ["a"]})
    assert (status, "name one: caption" in why) == (422, True)
    assert client.problem("POST", "/v1/predict", {"model": "none", "inputs": ["a"]})[0] == 404


def test_a_request_has_only_so_many_inputs(client: Client) -> None:
    body = {"model": "classify", "inputs": ["a"] * 65}
    assert client.problem("POST", "/v1/predict", body)[0] == 413
    assert client.problem("POST", "/v1/predict", {"model": "classify", "inputs": []})[0] == 422
