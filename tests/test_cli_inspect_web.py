"""``headgate inspect --web``: one command, and the browser shows the sentence."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import torch
from tests.golden import HERE
from tests.sent import golden
from typer.testing import CliRunner

from headgate.cli.app import app
from headgate.cli.inspect_web import open_page, view_of
from headgate.errors import DataError


def test_one_command_opens_the_page_with_the_sentence(tmp_path: Path) -> None:
    """A browser that writes down what it was opened with stands for one with a window."""
    opened, fake = tmp_path / "opened", tmp_path / "browser"
    fake.write_text(f'#!/bin/sh\necho "$1" > {opened}.part; mv {opened}.part {opened}\n')
    fake.chmod(0o755)
    command = [sys.executable, "-m", "headgate", "inspect", str(HERE / "classify"), "--web"]
    running = subprocess.Popen(
        [*command, "--text", "a warm film & more"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": f"{fake} %s &", "TMPDIR": str(tmp_path)},
    )
    try:
        assert running.stdout is not None
        address = running.stdout.readline().split()[-1]
        end = time.monotonic() + 60
        while not opened.exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert opened.read_text().strip() == address
        found = urlsplit(address)
        assert found.hostname == "127.0.0.1"
        assert parse_qs(found.query) == {"model": ["classify"], "text": ["a warm film & more"]}
        with urllib.request.urlopen(address, timeout=60) as heard:
            assert b"headgate" in heard.read()
    finally:
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (0, "")
    assert not list(tmp_path.glob("headgate-*"))


def test_inputs_stand_in_the_address() -> None:
    assert view_of("m", []) == "?model=m"
    assert view_of("m", ["a", ("b", "c")]) == "?model=m&text=a&beside=b+c"
    series = torch.tensor([[0.5, math.nan]])
    assert parse_qs(view_of("m", [series])[1:])["text"] == ["[[0.5, null]]"]
    assert view_of("m", ["a" * 7000]).startswith("#model=m&text=aaa")


def test_what_no_address_holds_is_refused() -> None:
    for inputs, said in ((["a"] * 3, "3 came"), (["a" * 200_000], "too long"), ([3], "this kind")):
        with pytest.raises(DataError, match=said):
            view_of("m", inputs)
    with pytest.raises(DataError, match="choose one on the page"):
        open_page("m", golden("caption"), ["a.png"])


def test_other_wishes_are_refused() -> None:
    command = ["inspect", str(HERE / "tag"), "--web", "--text", "a", "--view", "gates"]
    found = CliRunner().invoke(app, command)
    assert found.exit_code != 0
    assert "--web shows every view" in str(found.exception)
