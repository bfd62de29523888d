from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.golden import HERE
from tests.tiny import command

import headgate
from headgate.cli import app as cli
from headgate.errors import DataError

SOURCE = str(Path(headgate.__file__).parent.parent)
# Ctrl-C as in a terminal: what a shell starts in the background ignores it, and so do its children.
CALL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from headgate.cli import main
main()
"""
COMMANDS = [
    *("train", "evaluate", "predict", "translate", "serve", "cells", "demo", "study", "bench"),
]


def start(*words: object) -> subprocess.Popen[str]:
    """Start the command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", CALL, *map(str, words)],
        env=os.environ | {"PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_help_lists_every_command_in_one_calm_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--help") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in COMMANDS:
        found = [line for line in lines if line.startswith(f"  {name} ")]
        assert len(found) == 1
        assert found[0].endswith(".")
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_that_explains_each_option(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(name, "--help") == 0
    page = capsys.readouterr().out
    assert max(map(len, page.splitlines())) <= 80
    options = re.findall(r"^  --[a-z-]+(?: \S+)?  +\S", page, re.MULTILINE)
    assert len(options) == len(re.findall(r"^  --", page, re.MULTILINE)) > 0
    assert "Args:" not in page


@pytest.mark.parametrize(
    ("words", "slow"),
    [
        (["--help"], {"torch", "rich", "safetensors", "tokenizers", "numpy"}),
        (["train", "--help"], {"torch", "rich", "safetensors", "tokenizers", "numpy"}),
        (["demo", "--help"], {"torch", "rich", "safetensors", "tokenizers", "numpy"}),
        (["predict", str(HERE / "classify"), "-"], {"torch._dynamo", "sympy", "scipy"}),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_nothing_slow_is_imported_unasked(words: list[str], slow: set[str]) -> None:
    report = f"import atexit, sys; atexit.register(lambda: print({slow} & set(sys.modules)))\n"
    done = subprocess.run(
        [sys.executable, "-c", report + CALL, *words],
        env=os.environ | {"PYTHONPATH": SOURCE},
        input="a warm film\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--version") == 0
    assert capsys.readouterr().out == f"headgate {headgate.__version__}\n"


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("trian") == 2
    assert "trian" in capsys.readouterr().err


def test_an_error_is_one_line_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.csv"
    assert command("train", missing, "--input", "a", "--target", "b", "--out", tmp_path / "m") == 2
    said = capsys.readouterr()
    assert said.err == f"headgate: {missing}: there is no such file\n"
    assert said.out == ""


def test_ctrl_c_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("headgate.equations.equation", interrupted)
    assert command("cells", "lstm") == 130
    assert capsys.readouterr().err == ""


def test_a_broken_pipe_is_quiet() -> None:
    process = start("cells", "--latex")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() in (0, 1)


def test_a_defect_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("headgate.equations.equation", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["cells", "lstm"])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["a=1", "b=0.5", "c=true", "d=null"], {"a": 1, "b": 0.5, "c": True, "d": None}),
        (["a=True", "b=None", "c=tune", "d="], {"a": True, "b": None, "c": "tune", "d": ""}),
        (["hidden-size=8", "a=x=y"], {"hidden_size": 8, "a": "x=y"}),
        (
            ["options.reset=before", "options.update=write"],
            {"options": {"reset": "before", "update": "write"}},
        ),
        (['options={"reset": "before"}'], {"options": {"reset": "before"}}),
    ],
)
def test_settings_are_json_or_text(given: list[str], wanted: dict[str, object]) -> None:
    assert cli_settings(given) == wanted


@pytest.mark.parametrize("text", ["hidden_size", "=3", "options.=3"])
def test_a_setting_without_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=f"NAME=VALUE.*{text}"):
        cli_settings([text])


def test_a_setting_cannot_be_a_value_and_a_group() -> None:
    with pytest.raises(DataError, match="'a' was given a value"):
        cli_settings(["a=1", "a.b=2"])


def cli_settings(given: list[str]) -> dict[str, object]:
    from headgate.cli.options import settings

    return settings(given)
