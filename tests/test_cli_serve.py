"""``headgate serve`` as a user meets it: what it says, how it ends, what it refuses."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.golden import HERE
from tests.rough import until
from tests.served import Client

from headgate.cli import main
from headgate.errors import OutputError
from headgate.server.store import Store

MODEL, TOKEN = str(HERE / "generate"), "a-token-that-nobody-guesses"


class Ended(NamedTuple):
    """A command that is over."""

    code: int
    out: list[str]
    log: list[str]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the log of this process, and what a signal does to it, as they were."""
    log = logging.getLogger("headgate.server")
    before = log.handlers, log.level, log.propagate
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, interrupt)
    log.handlers, log.level, log.propagate = before


def served(
    folder: Path, *words: str, by: signal.Signals, ask: Callable[[str, list[str]], None]
) -> Ended:
    """Run the command here; another thread asks it, and ends this process' server by a signal."""
    out, log, over = io.StringIO(), io.StringIO(), threading.Event()

    def asks() -> None:
        try:
            until(lambda: over.is_set() or out.getvalue().count("\n") == 3)
            found = re.search(r"http://127\.0\.0\.1:\d+", out.getvalue())
            assert found, log.getvalue()
            ask(found[0], out.getvalue().splitlines())
        finally:
            if not over.is_set():
                os.kill(os.getpid(), by)

    words = ("serve", *words, MODEL, "--port", "0", "--sessions", str(folder / "sessions"))
    code = 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(log),
        ThreadPoolExecutor() as t,
    ):
        asked = t.submit(asks)
        try:
            main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        over.set()
        asked.result()
    return Ended(code, out.getvalue().splitlines(), log.getvalue().splitlines())


def test_a_server_says_where_it_is_and_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[str] = []

    def first(address: str, said: list[str]) -> None:
        client = Client(address)
        sessions.extend([client.begin(durable=True), client.begin()])
        for path in sessions:
            client.post(f"{path}/step", {"input": ["a", " "]})
        asked = shlex.split(said[1].removeprefix("Try: "))
        assert asked[:2] == ["curl", f"{address}/v1/completions"]
        client.post("/v1/completions", json.loads(asked[asked.index("-d") + 1]))
        client.close()
        assert said[2].endswith(f"{address}/openapi.json")

    def then(address: str, said: list[str]) -> None:
        stranger, client = Client(address), Client(address, TOKEN)
        assert stranger.problem("GET", sessions[0])[0] == 401
        for path in sessions:
            assert client.ask("GET", path).json["position"] == 2
        stranger.close()
        client.close()
        assert "$HEADGATE_TOKEN" in said[1]

    found = served(tmp_path, by=signal.SIGTERM, ask=first)
    assert found.code == 0
    assert len(found.log) == 5
    assert all(json.loads(each)["status"] in (200, 201) for each in found.log)
    monkeypatch.setenv("HEADGATE_TOKEN", TOKEN)
    found = served(tmp_path, by=signal.SIGINT, ask=then)
    assert found.code == 0
    assert TOKEN not in str(found)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_sessions_that_cannot_be_kept_at_the_end_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: signal.Signals
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OutputError("the disk is full")

    def ask(address: str, _: list[str]) -> None:
        client = Client(address)
        client.begin()
        client.close()
        monkeypatch.setattr(Store, "put", full)

    found = served(tmp_path, by=by, ask=ask)
    assert found.code == 2
    assert found.log[-1].startswith("headgate: ")
    assert found.log[-1].endswith("the disk is full")


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such bound")
def test_a_connection_has_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    now: list[int] = []

    def ask(*_: Any) -> None:
        now.append(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    resource.setrlimit(resource.RLIMIT_NOFILE, (400, before[1]))
    try:
        served(tmp_path, "--set", "connections=200", by=signal.SIGTERM, ask=ask)
        served(tmp_path, "--set", "connections=30", by=signal.SIGTERM, ask=ask)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert now == [500, 500]  # more than are wanted are left
    with monkeypatch.context() as patch:
        patch.setattr("headgate.server.run.log_to_stderr", lambda: None)
        patch.setattr(resource, "getrlimit", lambda _: (300, 400))
        said = refused(capsys, tmp_path, MODEL, "--set", "connections=200")
    assert "connections=200 wants 500 open files, and this process may have 400" in said


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> str:
    """Run the command; give the one line that it says of what is wrong."""
    place = [] if "--sessions" in words else ["--sessions", str(folder / "sessions")]
    with pytest.raises(SystemExit) as end:
        main(["serve", *words, *place])
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "")
    [line] = said.err.splitlines()
    return line


def test_what_is_refused_before_a_model_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*words: str) -> str:
        return refused(capsys, tmp_path, *words)

    (tmp_path / "generate").symlink_to(HERE / "generate")
    assert "no-such" in said(str(tmp_path / "no-such"))
    two = str(tmp_path / "generate")
    assert f"two models would be called 'generate': name one of them, as other={two}" in said(
        MODEL, two
    )
    assert "cannot be called 'a/b'" in said(f"a/b={MODEL}")
    assert "cannot be called ''" in said(f"={MODEL}")
    assert "wants a token: --token, or HEADGATE_TOKEN" in said(MODEL, "--host", "0.0.0.0")
    assert "16 ASCII characters" in said(MODEL, "--token", "short")
    assert "16 ASCII characters" in said(MODEL, "--token", "")
    assert "16 ASCII characters" in said(MODEL, "--token", "", "--host", "0.0.0.0")
    assert "did you mean 'steps'" in said(MODEL, "--set", "step=5")
    assert "steps" in said(MODEL, "--set", "steps=0")
    assert "NAME=VALUE" in said(MODEL, "--set", "steps")
    monkeypatch.setattr("headgate.cli.serve.find_spec", lambda name: name != "fastapi" or None)
    assert "pip install 'headgate[serve]'" in said(MODEL)


def test_a_place_that_cannot_be_had_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headgate.server.run.log_to_stderr", lambda: None)  # of this process

    def said(*words: str) -> str:
        return refused(capsys, tmp_path, f"other={MODEL}", MODEL, *words)

    (tmp_path / "file").write_text("x")
    assert "sessions cannot be kept here" in said("--sessions", str(tmp_path / "file"))
    assert "sessions cannot be kept here" in said("--sessions", "/proc/sessions")
    other = Store(tmp_path / "taken")
    assert "another server has it" in said("--sessions", str(tmp_path / "taken"))
    other.close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port} cannot be listened at" in said("--port", port)
