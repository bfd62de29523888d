"""Completions over HTTP say what the model says by itself, however they are asked for."""

from __future__ import annotations

import json
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.kept import heard, player, writer
from tests.served import Client, bare, serving

from headgate.decoding import Sampling
from headgate.model import Model
from headgate.server.limits import Limits
from headgate.tasks.continuation import continue_text

LIMITS = Limits(tokens=60, texts=6, characters=50)
TOKEN = "a token of some length"
UNITS = {"char": "character", "word": "word", "byte": "byte"}
Heard = dict[str, Any]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    found = {name: bare(writer(unit=unit)) for name, unit in UNITS.items()}
    return found | {"adaptive": bare(writer(cutoffs=[9])), "music": bare(player())}


@pytest.fixture(scope="module")
def client(models: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(models, tmp_path_factory.mktemp("sessions"), LIMITS) as client:
        yield client


def complete(client: Client, prompt: Any = "", model: str = "char", **asked: Any) -> Heard:
    return client.post("/v1/completions", {"model": model, "prompt": prompt, **asked})


def texts(found: Heard) -> list[str]:
    assert [each["index"] for each in found["choices"]] == [*range(len(found["choices"]))]
    return [each["text"] for each in found["choices"]]


def streamed(client: Client, **asked: Any) -> tuple[dict[int, str], list[Heard]]:
    """Give the texts that came in pieces, and all events but the last."""
    body = {"model": "char", "stream": True, **asked}
    heard = client.ask("POST", "/v1/completions", body)
    assert heard.status == 200
    assert heard.headers["content-type"].startswith("text/event-stream")
    *events, end, rest = heard.body.decode().split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    said = [json.loads(each.removeprefix("data: ")) for each in events]
    found: dict[int, str] = {}
    for choice in (choice for each in said for choice in each["choices"]):
        found[choice["index"]] = found.get(choice["index"], "") + choice["text"]
    return found, said


def alone(model: Model, prompt: str = "", **how: Any) -> str:
    return "".join(model.generate(prompt, **how))


@pytest.mark.parametrize("name", [*UNITS, "adaptive"])
@pytest.mark.parametrize(
    "how",
    [
        {"seed": 3},
        {"temperature": 0},
        {"seed": -(2**63), "temperature": 0.7, "top_k": 5},
        {"seed": 9, "top_p": 0.8, "repetition_penalty": 1.3},
        {"seed": 1, "stop": ["e", "차"]},
    ],
    ids=lambda how: ",".join(how),
)
def test_it_says_what_the_model_says(
    client: Client, models: dict[str, Model], name: str, how: dict[str, Any]
) -> None:
    for prompt in ("", "warm is", "lovely is\n차"):
        expected = alone(models[name], prompt, length=40, **how)
        asked = {"prompt": prompt, "model": name, "max_tokens": 40, **how}
        assert texts(complete(client, **asked)) == [expected]
        assert streamed(client, **asked)[0][0] == expected


def test_many_at_once_beside_sessions_say_the_same(
    client: Client, models: dict[str, Model]
) -> None:
    said: dict[int, list[str]] = {}
    steps: dict[int, Any] = {}

    def ask(number: int) -> None:
        mine = Client(f"http://{client.host}:{client.port}")
        said[number] = texts(complete(mine, "warm"[: number % 5], max_tokens=50, seed=number))
        mine.close()

    def step(number: int) -> None:
        mine = Client(f"http://{client.host}:{client.port}")
        session = mine.begin(model="char")
        steps[number] = [mine.post(f"{session}/step", {"input": [x]}) for x in "warm is cold"]
        mine.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    threads += [threading.Thread(target=step, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(16):
        expected = alone(models["char"], "warm"[: number % 5], length=50, seed=number)
        assert said[number] == [expected]
    assert all(steps[number] == steps[0] for number in range(4))
    assert len(steps[0]) == 12


@pytest.mark.parametrize("seed", [5, 2**63 - 2])
def test_several_prompts_and_several_texts_of_each(
    client: Client, models: dict[str, Model], seed: int
) -> None:
    prompts = ["wa", "", "d"]
    found = complete(client, prompts, n=2, seed=seed, max_tokens=9)
    order = [prompt for prompt in prompts for _ in range(2)]
    expected = [
        alone(models["char"], prompt, seed=seed, first=number, length=9)
        for number, prompt in enumerate(order)
    ]
    assert texts(found) == expected
    assert found["usage"]["prompt_tokens"] == 3  # each prompt counts once
    pieces = streamed(client, prompt=prompts, n=2, seed=seed, max_tokens=9)[0]
    assert [pieces[number] for number in range(6)] == expected


def test_ids_are_a_prompt(client: Client, models: dict[str, Model]) -> None:
    task: Any = models["char"].task
    ids = [task.text.prompt(each) for each in ("wa", "lovely")]
    expected = [
        alone(models["char"], each, seed=1, first=number, length=9)
        for number, each in enumerate(("wa", "lovely"))
    ]
    assert texts(complete(client, ids[0], seed=1, max_tokens=9)) == expected[:1]
    assert texts(complete(client, ids, seed=1, max_tokens=9)) == expected
    assert texts(complete(client, [float(i) for i in ids[0]], seed=1, max_tokens=9)) == expected[:1]


def test_echo_says_the_prompt_first(client: Client) -> None:
    plain = complete(client, ["wa", "", "차"], seed=1, max_tokens=9)
    found = complete(client, ["wa", "", "차"], seed=1, max_tokens=9, echo=True)
    assert texts(found) == [p + t for p, t in zip(("wa", "", "차"), texts(plain), strict=True)]
    assert found["usage"] == plain["usage"]
    pieces, events = streamed(client, prompt="wa", seed=1, max_tokens=9, echo=True)
    assert events[0]["choices"][0]["text"] == "wa"
    assert pieces[0] == texts(found)[0]
    assert texts(complete(client, "wa", max_tokens=0, echo=True)) == ["wa"]


def test_a_text_ends_before_a_stop_string(client: Client, models: dict[str, Model]) -> None:
    whole = alone(models["char"], length=60, seed=4)
    stop = whole[20:23]
    before = whole[: whole.index(stop)]
    found = complete(client, seed=4, max_tokens=60, stop=stop)
    assert (texts(found), found["choices"][0]["finish_reason"]) == ([before], "stop")
    # in the very last token that there may be it is met all the same
    length = len(before) + len(stop)
    found = complete(client, seed=4, max_tokens=length, stop=[stop])
    assert (texts(found), found["choices"][0]["finish_reason"]) == ([before], "stop")
    assert found["usage"]["completion_tokens"] == length
    # half a stop string is no stop string
    found = complete(client, seed=4, max_tokens=length - 1, stop=[stop])
    assert (texts(found), found["choices"][0]["finish_reason"]) == ([whole[: length - 1]], "length")


def test_a_stop_string_that_is_taken_apart_is_met(client: Client, models: dict[str, Model]) -> None:
    seed = next(n for n in range(99) if "차" in alone(models["char"], length=40, seed=n)[1:])
    whole = alone(models["char"], length=40, seed=seed)
    found = complete(client, seed=seed, max_tokens=40, stop=unicodedata.normalize("NFD", "차"))
    assert texts(found) == [whole[: whole.index("차")]]


def test_how_a_text_ended_and_what_it_took(client: Client) -> None:
    found = complete(client, "warm", max_tokens=7, temperature=None, n=None, stop=[])
    assert found["choices"][0]["finish_reason"] == "length"
    assert found["usage"] == {"prompt_tokens": 4, "completion_tokens": 7, "total_tokens": 11}
    assert (found["object"], found["model"]) == ("text_completion", "char")
    nothing = complete(client, "warm", max_tokens=0)
    assert (texts(nothing), nothing["choices"][0]["finish_reason"]) == ([""], "length")
    assert nothing["usage"]["completion_tokens"] == 0
    assert len(texts(complete(client, max_tokens=None))[0]) == 16


def test_a_text_of_several_has_an_end(tmp_path: Path) -> None:
    from headgate.data.examples import Examples
    from headgate.tasks.generate import Generate

    small = {"hidden_size": 4, "embedding_size": 3, "unit": "character"}
    model = bare(Generate.learn(Examples(["a", "b"]), small))
    with serving({"m": model}, tmp_path) as client:
        for seed in range(4):
            found = complete(client, "a", "m", seed=seed, max_tokens=100)
            assert texts(found) == [alone(model, "a", seed=seed, length=100)]
            assert found["choices"][0]["finish_reason"] == "stop"
            assert found["usage"]["completion_tokens"] <= 100


def test_a_stream_says_what_it_took_where_that_is_asked(client: Client) -> None:
    asked = {"prompt": "wa", "max_tokens": 5, "seed": 1}
    with_usage = {**asked, "stream_options": {"include_usage": True}}
    _, events = streamed(client, **with_usage)
    assert events[-1]["choices"] == []
    assert events[-1]["usage"] == complete(client, **asked)["usage"]
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    assert all(each["usage"] is None for each in streamed(client, **asked)[1])
    assert len({each["id"] for each in events}) == 1


def test_a_prompt_may_end_in_half_a_character(client: Client, models: dict[str, Model]) -> None:
    task: Any = models["byte"].task
    ids = task.text.prompt("차")[:2]
    how = Sampling(seed=2)
    network = task.network.eval()
    expected = "".join(continue_text(network, task.text, ids, length=30, sampling=how))
    asked = {"prompt": ids, "model": "byte", "seed": 2, "max_tokens": 30}
    assert texts(complete(client, **asked)) == [expected]
    assert streamed(client, **asked)[0][0] == expected


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"best_of": 2}, "/best_of"),
        ({"logprobs": 3}, "/logprobs"),
        ({"suffix": "x"}, "/suffix"),
        ({"logit_bias": {"5": 1.0}}, "/logit_bias"),
        ({"presence_penalty": 0.5}, "/presence_penalty"),
        ({"frequency_penalty": -1}, "/frequency_penalty"),
        ({"temperatur": 1}, "/temperatur"),
        ({"temperature": -1}, "/temperature"),
        ({"temperature": "hot"}, "/temperature"),
        ({"top_p": 0}, "/top_p"),
        ({"top_k": 0}, "/top_k"),
        ({"seed": 2**63}, "/seed"),
        ({"n": 0}, "/n"),
        ({"max_tokens": -1}, "/max_tokens"),
        ({"stop": ""}, "/stop"),
        ({"stop": ["a", ""]}, "/stop"),
        ({"stop": ["a"] * 17}, "/stop"),
        ({"prompt": []}, "/prompt"),
        ({"prompt": [1, "a"]}, "/prompt"),
        ({"prompt": [-1]}, "/prompt"),
        ({"prompt": 5}, "/prompt"),
        ({"stream_options": {"more": 1}}, "/stream_options/more"),
    ],
    ids=str,
)
def test_what_is_not_served_is_refused_by_name(
    client: Client, asked: dict[str, Any], field: str
) -> None:
    heard = client.ask("POST", "/v1/completions", {"model": "char", **asked})
    assert heard.status == 422
    assert [each["pointer"] for each in heard.json["errors"]] == [field]


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"prompt": "☃"}, 422, "the training text has not: '☃'"),
        ({"prompt": ["wa", "☃"]}, 422, "the training text has not: '☃'"),
        ({"prompt": "\ud800"}, 422, "text"),
        ({"prompt": [10**9]}, 422, "an id is from 0 to"),
        ({"prompt": [1], "echo": True}, 422, "leave it out"),
        ({"prompt": "w" * 51}, 413, "at most 50 characters"),
        ({"prompt": [5] * 51}, 413, "at most 50 characters, or tokens"),
        ({"max_tokens": 61}, 413, "at most 60 tokens"),
        ({"n": 7}, 413, "at most 6 texts"),
        ({"n": 10**15}, 413, "at most 6 texts"),
        ({"prompt": ["a"] * 2, "n": 4}, 413, "at most 6 texts"),
        ({"model": "music"}, 422, "no language model of texts"),
        ({"model": "other"}, 404, "served: char, word"),
        ({"model": None}, 422, "name one"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_what_cannot_be_done_says_why(
    client: Client, asked: dict[str, Any], status: int, said: str
) -> None:
    for stream in (False, True):
        body = {"model": "char", "stream": stream, **asked}
        found, why = client.problem("POST", "/v1/completions", body)
        assert (found, said in why) == (status, True), why


def test_a_model_of_another_task_completes_nothing(tmp_path: Path) -> None:
    with serving({"m": bare(heard(0))}, tmp_path) as client:
        assert client.problem("POST", "/v1/completions", {})[0] == 422


def test_chat_completions_are_told_what_there_is(client: Client) -> None:
    status, why = client.problem("POST", "/v1/chat/completions", {"messages": []})
    assert (status, "/v1/completions" in why) == (404, True)


@pytest.mark.parametrize("token", [None, TOKEN])
def test_openais_client_reads_it(tmp_path: Path, token: str | None) -> None:
    model = bare(writer())
    expected = alone(model, "wa", length=20, seed=3)
    with serving({"m": model}, tmp_path, LIMITS, token) as client:
        base = f"http://{client.host}:{client.port}/v1"
        with openai.OpenAI(base_url=base, api_key=token or "none", max_retries=0) as theirs:
            assert [each.id for each in theirs.models.list()] == ["m"]
            assert theirs.models.retrieve("m").owned_by == "headgate"
            asked: dict[str, Any] = {"model": "m", "prompt": "wa", "max_tokens": 20, "seed": 3}
            assert theirs.completions.create(**asked).choices[0].text == expected
            pieces = [*theirs.completions.create(**asked, stream=True)]
            assert "".join(each.choices[0].text for each in pieces) == expected
            assert pieces[-1].choices[0].finish_reason == "length"
            more = theirs.completions.create(**asked, extra_body={"top_k": 1})
            assert more.choices[0].text == alone(model, "wa", length=20, top_k=1)
            with pytest.raises(openai.UnprocessableEntityError) as caught:
                theirs.completions.create(**asked, best_of=2)
            assert said_by(caught.value)["errors"][0]["pointer"] == "/best_of"
            with pytest.raises(openai.NotFoundError) as other:
                theirs.completions.create(model="other", prompt="wa")
            assert "no model 'other' is served" in said_by(other.value)["detail"]
            with pytest.raises(openai.NotFoundError) as chat:
                theirs.chat.completions.create(model="m", messages=[])
            assert "chat completions are not served" in said_by(chat.value)["detail"]
        if token is not None:
            with openai.OpenAI(base_url=base, api_key="wrong", max_retries=0) as stranger:
                with pytest.raises(openai.AuthenticationError) as caught:
                    stranger.models.list()
                assert "token was wanted" in said_by(caught.value)["detail"]


def said_by(error: openai.APIStatusError) -> Any:
    """The problem document that OpenAI's client has of an error."""
    assert isinstance(error.body, dict)
    return error.body
