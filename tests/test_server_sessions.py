"""Sessions over HTTP say what a stream by itself says, to the bit, whatever becomes of them."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.kept import KINDS, Kind
from tests.served import Client, bare, serving
from torch import Tensor

from headgate.server.answers import plain
from headgate.server.limits import Limits
from headgate.streaming import state

GENERATE = KINDS["generate"]
Kept = dict[str, Any]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    kinds = {name: each for name, each in KINDS.items() if each.quantize is None}
    models = {name: bare(each.make()) for name, each in kinds.items()}
    with serving(models, tmp_path_factory.mktemp("sessions"), Limits(rewind=4)) as client:
        yield client


@contextlib.contextmanager
def one(folder: Path, **limits: Any) -> Iterator[Client]:
    with serving({"m": bare(GENERATE.make())}, folder, Limits(**limits)) as client:
        yield client


def sent(token: Any) -> Any:
    """A token as JSON has it."""
    if isinstance(token, Tensor):  # of 88 keys those that sound
        keys = len(token) == 88
        return [21 + key for key, on in enumerate(token) if on] if keys else sent(token.tolist())
    if isinstance(token, (list, tuple)):
        return [sent(each) for each in token]
    if isinstance(token, dict):
        return {name: sent(each) for name, each in token.items()}
    return None if isinstance(token, float) and token != token else token


def said(answers: list[Any]) -> list[Any]:
    return json.loads(json.dumps([plain(each) for each in answers]))


def tokens_of(kind: Kind) -> list[Any]:
    """Tokens as JSON has them; a missing first value of a series is None there, too."""
    return [sent(each) for each in kind.tokens]


@pytest.mark.parametrize("name", [n for n, each in KINDS.items() if each.quantize is None])
def test_a_session_says_what_a_stream_alone_says(client: Client, name: str) -> None:
    kind, alone = KINDS[name], KINDS[name].begun()
    tokens = tokens_of(kind)
    source = {"source": sent(kind.sources[0])} if kind.sources else {}
    session = client.begin(model=name, **source)
    for place, token in enumerate(tokens[:3], start=1):
        found = client.post(f"{session}/step", {"input": [token]})
        assert found["answers"] == said([alone.step(token)])
        assert found["position"] == client.ask("GET", session).json["position"]
        assert found["position"] >= place
    chunk = client.post(f"{session}/step", {"input": tokens[3:]})
    expected = said(alone.steps(tokens[3:]))
    assert chunk["answers"] == expected

    other = client.post(f"{session}/fork", {}, 201)["id"]
    client.post(f"{session}/rewind", {"steps": 1})
    again = client.post(f"{session}/step", {"input": tokens[-1:], "last": True})
    assert again == {"position": chunk["position"], "answers": expected[-1:]}
    state = client.ask("GET", f"{session}/state").json
    assert base64.b64decode(state["state"]) == alone.state

    client.ask("PUT", f"{session}/state", {"state": None})
    client.ask("PUT", f"{session}/state", {"state": state["state"]})
    following = said([alone.step(tokens[1])])
    for path in (session, f"/v1/sessions/{other}"):
        assert client.post(f"{path}/step", {"input": [tokens[1]]})["answers"] == following
        assert client.ask("DELETE", path).status == 204
        assert client.problem("GET", path)[0] == 404


@pytest.mark.parametrize("name", ["generate", "tag", "translate", "forecast", "transcribe"])
def test_sessions_that_step_at_once_say_what_each_says_alone(client: Client, name: str) -> None:
    kind, count = KINDS[name], 8
    tokens = tokens_of(kind)
    heard: list[list[Any]] = [[] for _ in range(count)]

    def run(number: int) -> None:
        mine = Client(f"http://{client.host}:{client.port}")
        source = kind.sources[number % len(kind.sources)] if kind.sources else None
        session = mine.begin(model=name, source=sent(source))
        for place in range(6):
            token = tokens[(place + number) % len(tokens)]
            heard[number] += mine.post(f"{session}/step", {"input": [token]})["answers"]
        mine.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(count):
        alone = kind.begun(number)
        expected = [alone.step(tokens[(place + number) % len(tokens)]) for place in range(6)]
        assert heard[number] == said(expected)


def test_long_and_short_steps_at_once_are_each_taken_once(tmp_path: Path) -> None:
    with one(tmp_path, steps=3000) as client:
        alone = GENERATE.template().fork()
        text = "warm is cold. " * 150
        sessions = [client.begin() for _ in range(4)]
        stepped: list[Any] = []

        def read(session: str, number: int) -> None:
            mine = Client(f"http://{client.host}:{client.port}")
            if number % 2:
                stepped.append(mine.post(f"{session}/step", {"input": text, "last": True}))
            else:
                for letter in "warm is" * 4:
                    mine.post(f"{session}/step", {"input": [letter]})
                stepped.append(mine.problem("POST", f"{session}/step", {"input": ["w", "?!"]})[0])
            mine.close()

        threads = [
            threading.Thread(target=read, args=each)
            for each in zip(sessions, range(4), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        whole = {"position": len(text), "answers": said(alone.steps(text))[-1:]}
        assert sorted(map(str, stepped)) == sorted(["422", "422", str(whole), str(whole)])
        alone = GENERATE.template().fork()
        alone.steps("warm is" * 4)
        for session in sessions[::2]:
            state = client.ask("GET", f"{session}/state").json["state"]
            assert base64.b64decode(state) == alone.state


def test_a_text_is_read_token_by_token(client: Client) -> None:
    session = client.begin(model="generate")
    found = client.post(f"{session}/step", {"input": "warm is cold."})
    alone = GENERATE.begun()
    alone.reset()
    assert found == {"position": 13, "answers": said(alone.steps("warm is cold."))}


def test_a_request_that_is_sent_again_is_not_taken_twice(client: Client) -> None:
    session = client.begin(model="generate")
    client.post(f"{session}/step", {"input": ["w"], "at": 0})
    heard = client.ask("POST", f"{session}/step", {"input": ["w"], "at": 0})
    assert (heard.status, heard.json["position"]) == (409, 1)
    assert client.ask("GET", session).json["position"] == 1


def test_a_refused_request_leaves_the_session_as_it_was(client: Client) -> None:
    session = client.begin(model="generate", source="wa")
    before = client.ask("GET", f"{session}/state").json
    refused: list[tuple[str, str, Any, int]] = [
        ("POST", "step", {"input": ["w", "none"]}, 422),
        ("POST", "step", {"input": ["w", 10**6]}, 422),
        ("POST", "step", {"input": ["\ud800"]}, 400),
        ("POST", "step", {"input": [[1.0]]}, 422),
        ("POST", "step", {}, 422),
        ("POST", "step", {"input": ["w"], "more": 1}, 422),
        ("POST", "step", {"input": ["w"] * 5000}, 413),
        ("POST", "step", {"input": "w" * 30_000}, 413),
        ("POST", "rewind", {"steps": 3}, 409),
        ("POST", "rewind", {"steps": -1}, 422),
        ("PUT", "state", {"state": "no base64!"}, 422),
        ("PUT", "state", {"state": "AAAA"}, 409),
    ]
    for method, what, body, status in refused:
        assert client.problem(method, f"{session}/{what}", body)[0] == status, (what, body)
    assert client.ask("GET", f"{session}/state").json == before


def test_a_state_of_another_model_is_refused(client: Client) -> None:
    state = client.ask("GET", f"{client.begin(model='tag')}/state").json["state"]
    status, why = client.problem("POST", "/v1/sessions", {"model": "generate", "state": state})
    assert status == 409
    assert "another network" in why


@pytest.mark.parametrize("name", ["generate", "forecast"])
def test_a_state_that_was_made_up_is_refused(client: Client, name: str) -> None:
    source = {"source": sent(KINDS[name].sources[0])} if KINDS[name].sources else {}
    session = client.begin(model=name, **source)
    client.post(f"{session}/step", {"input": tokens_of(KINDS[name])[:1]})
    kept = client.ask("GET", f"{session}/state").json
    found = state.from_bytes(base64.b64decode(kept["state"]))
    for positions in ([2**64], [-5], []):
        made = state.to_bytes(replace(found, positions=positions))
        given = {"state": base64.b64encode(made).decode()}
        assert client.problem("PUT", f"{session}/state", given)[0] == 409
        begin = {"model": name, **source, **given}
        assert client.problem("POST", "/v1/sessions", begin)[0] == 409
    assert client.ask("GET", f"{session}/state").json == kept


def test_an_idle_session_goes_to_disk_and_comes_back(tmp_path: Path) -> None:
    with one(tmp_path, idle=0.05) as client:
        for durable in (True, False):
            session = client.begin(durable=durable)
            client.post(f"{session}/step", {"input": ["w", "a"]})
            for _ in range(200):
                time.sleep(0.02)
                if b'headgate_sessions{place="memory"} 0.0' in client.ask("GET", "/metrics").body:
                    break
            else:
                pytest.fail("it never went")
            alone = GENERATE.template().fork()
            alone.steps(["w", "a"])
            found = client.post(f"{session}/step", {"input": ["r"]})
            assert found == {"position": 3, "answers": said([alone.step("r")])}


def test_of_too_many_the_one_that_was_used_longest_ago_goes_to_disk(tmp_path: Path) -> None:
    with one(tmp_path, idle=0.4, resident=2) as client:
        begun = [client.begin() for _ in range(5)]
        for _ in range(200):
            time.sleep(0.02)
            if b'headgate_sessions{place="memory"} 2.0' in client.ask("GET", "/metrics").body:
                break
        else:
            pytest.fail("none went")
        for session in begun:
            assert client.post(f"{session}/step", {"input": ["w"]})["position"] == 1


def test_a_server_that_ends_keeps_every_session(tmp_path: Path) -> None:
    begun = []
    with one(tmp_path) as client:
        for durable in (True, False):
            begun.append(client.begin(durable=durable))
            client.post(f"{begun[-1]}/step", {"input": ["w", "a"]})
        gone = client.begin(durable=True)
        assert client.ask("DELETE", gone).status == 204
    alone = GENERATE.template().fork()
    alone.steps(["w", "a"])
    following = said([alone.step("r")])
    with one(tmp_path) as client:
        for session in begun:
            found = client.post(f"{session}/step", {"input": ["r"]})
            assert found == {"position": 3, "answers": following}
        assert client.problem("GET", gone)[0] == 404


def test_a_session_of_another_model_than_now_is_not_lost(tmp_path: Path) -> None:
    with one(tmp_path) as client:
        session = client.begin(durable=True)
    with serving({"other": bare(GENERATE.make())}, tmp_path) as client:
        status, why = client.problem("POST", f"{session}/step", {"input": ["w"]})
        assert (status, "not served now" in why) == (409, True)
    with serving({"m": bare(KINDS["tag"].make())}, tmp_path) as client:
        status, why = client.problem("POST", f"{session}/step", {"input": ["w"]})
        assert (status, "as it is now" in why) == (409, True)
    with one(tmp_path) as client:
        assert client.post(f"{session}/step", {"input": ["w"]})["position"] == 1


def test_there_are_only_so_many(tmp_path: Path) -> None:
    with one(tmp_path, sessions=2) as client:
        first = client.begin()
        client.begin()
        heard = client.ask("POST", "/v1/sessions", {})
        assert (heard.status, heard.headers["retry-after"]) == (429, "60")
        client.ask("DELETE", first)
        client.begin()


def test_what_nobody_used_for_days_is_forgotten(tmp_path: Path) -> None:
    with one(tmp_path, idle=0.1, forget=0.2 / 86_400) as client:
        session = client.begin(durable=True)
        for _ in range(200):
            time.sleep(0.02)
            if client.ask("GET", session).status == 404:
                return
    pytest.fail("it is still there")


def test_a_bidirectional_model_says_why_it_has_none(tmp_path: Path) -> None:
    from tests.tiny import reviews

    from headgate.data.examples import Examples
    from headgate.tasks.classify import Classify

    texts, labels = zip(*reviews(), strict=True)
    task = Classify.learn(Examples([*texts], [*labels]), {"hidden_size": 4, "unit": "word"})
    with serving({"m": bare(task)}, tmp_path) as client:
        status, why = client.problem("POST", "/v1/sessions", {})
        assert (status, "bidirectional" in why) == (422, True)
        [card] = client.ask("GET", "/v1/models").json["data"]
        assert not card["streams"]
        assert "bidirectional" in card["why"]


def test_a_step_that_cannot_be_kept_is_not_taken(tmp_path: Path) -> None:
    from headgate.errors import OutputError

    with one(tmp_path) as client:
        session = client.begin(durable=True)
        client.post(f"{session}/step", {"input": ["w"]})
        with pytest.MonkeyPatch.context() as patch:

            def full(*_: object, **__: object) -> None:
                raise OutputError("/home/store is full")

            patch.setattr("headgate.server.store.Store.put", full)
            status, why = client.problem("POST", f"{session}/step", {"input": ["a"]})
            assert (status, "disk" in why, "/home" in why) == (503, True, False)
            assert client.problem("POST", "/v1/sessions", {"durable": True})[0] == 503
            assert client.problem("DELETE", session)[0] == 503
        alone = GENERATE.template().fork()
        alone.step("w")
        found = client.post(f"{session}/step", {"input": ["a"]})
        assert found == {"position": 2, "answers": said([alone.step("a")])}
