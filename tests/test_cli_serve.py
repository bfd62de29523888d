"""``headgate serve`` as a user meets it: what it says, how it ends, what it refuses."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.golden import HERE
from tests.served import Client

from headgate.cli import main
from headgate.server.store import Store

MODEL, TOKEN = str(HERE / "generate"), "a-token-that-nobody-guesses"


@contextlib.contextmanager
def running(
    folder: Path, *words: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; give its process and the address that it says."""
    command = [sys.executable, "-m", "headgate", "serve", *(words or (MODEL,)), "--port", "0"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        assert process.stdout is not None
        try:
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found, (folder / "log").read_text()
            yield process, found[0]
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def ended(process: subprocess.Popen[str], by: signal.Signals) -> int:
    process.send_signal(by)
    return process.wait(30)


@pytest.mark.slow
def test_a_server_says_where_it_is_and_ends_well(tmp_path: Path) -> None:
    with running(tmp_path) as (process, address):
        client = Client(address)
        session = client.begin(durable=True)
        other = client.begin()
        for path in (session, other):
            client.post(f"{path}/step", {"input": ["a", " "]})
        client.close()
        assert process.stdout is not None
        example = process.stdout.readline().removeprefix("Try: ")
        assert process.stdout.readline().endswith(f"{address}/openapi.json\n")
        asked = shlex.split(example)
        assert asked[:2] == ["curl", f"{address}/v1/completions"]
        client.post("/v1/completions", json.loads(asked[asked.index("-d") + 1]))
        client.close()
        assert ended(process, signal.SIGTERM) == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 5
    assert all(json.loads(each)["status"] in (200, 201) for each in lines)

    with running(tmp_path, HEADGATE_TOKEN=TOKEN) as (process, address):
        stranger, client = Client(address), Client(address, TOKEN)
        assert stranger.problem("GET", session)[0] == 401
        for path in (session, other):
            assert client.ask("GET", path).json["position"] == 2
        stranger.close()
        client.close()
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(2)]
        assert "$HEADGATE_TOKEN" in said[0]
        assert ended(process, signal.SIGINT) == 0
    assert TOKEN not in (tmp_path / "log").read_text() + "".join(said)


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
