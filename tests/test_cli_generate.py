from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import classifier, command, generator

from headgate.decoding.sampling import Sampling


@pytest.fixture
def model(tmp_path: Path) -> Path:
    generator().save(tmp_path / "model")
    return tmp_path / "model"


def give(monkeypatch: pytest.MonkeyPatch, text: str, *, terminal: bool = False) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal, raising=False)


def said(prompt: str, how: Sampling, **wanted: Any) -> str:
    task: Any = generator().task
    text = prompt + "".join(task.generate(prompt, sampling=how, **wanted))
    return text if text.endswith("\n") else text + "\n"


def test_a_text_goes_on(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("generate", model, "--prompt", "warm is", "--length", 20, "--seed", 3) == 0
    assert capsys.readouterr().out == said("warm is", Sampling(seed=3), length=20)


def test_every_option_is_heard(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        "--temperature 0.7 --top-k 9 --top-p 0.8 --repetition-penalty 1.2 --seed 5 --length 40"
    )
    words = ["--prompt", "fine", *options.split(), "--stop", ".", "--stop", "lo"]
    assert command("generate", model, *words) == 0
    how = Sampling(0.7, 9, 0.8, 1.2, 5)
    assert capsys.readouterr().out == said("fine", how, length=40, stop=[".", "lo"])


def test_each_line_of_a_pipe_goes_on(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "warm\n\ndull\n")
    assert command("generate", model, "--length", 9, "--seed", 1) == 0
    texts = [
        said(prompt, Sampling(seed=1 + row), length=9)
        for row, prompt in enumerate(["warm", "", "dull"])
    ]
    assert capsys.readouterr().out == "\n".join(texts)


@pytest.mark.parametrize("terminal", [False, True])
def test_where_nothing_is_given_a_text_begins(
    terminal: bool,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    give(monkeypatch, "", terminal=terminal)
    assert command("generate", model, "--length", 12, "--seed", 2) == 0
    assert capsys.readouterr().out == said("", Sampling(seed=2), length=12)


def test_several_samples_of_one_beginning_differ(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("generate", model, "--prompt", "warm", "-n", 3, "--seed", 4, "--stop", "\n") == 0
    wanted = [said("warm", Sampling(seed=4 + n), stop=["\n"]) for n in range(3)]
    assert capsys.readouterr().out == "\n".join(wanted)
    assert len(set(wanted)) == 3


def test_pieces_are_written_as_they_come(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is written so far is there before the next token is chosen."""
    from headgate.tasks.continuation import Chooser

    seen, choose = [], Chooser.choose

    def choosing(self: Any, *arguments: Any) -> Any:
        seen.append(capsys.readouterr().out)
        return choose(self, *arguments)

    monkeypatch.setattr(Chooser, "choose", choosing)
    assert command("generate", model, "--prompt", "warm", "--length", 5, "--seed", 1) == 0
    assert seen[0] == "warm"
    assert all(len(piece) == 1 for piece in seen[1:])


def test_unknown_letters_are_named_with_their_row(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "warm\nXYZ\n")
    assert command("generate", model, "--length", 3) == 2
    assert "row 2: the prompt has what the training text has not: 'X'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperature", "-1"], "temperature is a number of 0 or more"),
        (["--top-p", "2"], "top_p is a share above 0 and up to 1"),
        (["--stop", ""], "a stop string is empty"),
    ],
)
def test_what_does_not_fit_is_named(
    words: list[str], message: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("generate", model, "--prompt", "warm", *words) == 2
    assert message in capsys.readouterr().err


def test_a_classifier_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classifier().save(tmp_path / "model")
    assert command("generate", tmp_path / "model") == 2
    error = capsys.readouterr().err
    assert "is no language model: its task is 'classify'" in error
    assert f"headgate predict {tmp_path / 'model'} DATA" in error


def test_the_seeds_after_the_greatest_begin_at_the_least(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--prompt", "warm", "--length", 12, "-n", 2]
    assert command("generate", model, *words, "--seed", 2**63 - 1) == 0
    wanted = [said("warm", Sampling(seed=seed), length=12) for seed in (2**63 - 1, -(2**63))]
    assert capsys.readouterr().out == "\n".join(wanted)
    assert wanted[0] != wanted[1]
    assert command("generate", model, *words, "--seed", 2**63) == 2
    assert "seed is a whole number of 64 bits, not 9223372036854775808" in capsys.readouterr().err
