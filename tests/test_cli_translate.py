from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import classifier, command, train_translator, translator, write_norms

from headgate.inspection.attention import alignment_line


@pytest.fixture
def model(tmp_path: Path) -> Path:
    translator().save(tmp_path / "model")
    return tmp_path / "model"


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_texts_come_from_the_arguments(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("translate", model, "no. 12", "no. 34") == 0
    wanted = [each.text for each in translator().predict(["no. 12", "no. 34"])]
    assert capsys.readouterr().out.splitlines() == wanted


def test_or_from_the_lines_of_a_pipe(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [f"no. {number}" for number in range(70)]
    give(monkeypatch, "\n".join(texts) + "\n")
    assert command("translate", model) == 0
    wanted = [each.text for each in translator().predict(texts)]
    assert capsys.readouterr().out.splitlines() == wanted


def test_or_from_a_prompt(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed: Iterator[str] = iter(["no. 12", "", "no. 34"])

    def typing(prompt: str) -> str:
        for line in typed:
            return line
        raise EOFError

    give(monkeypatch, "")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", typing)
    assert command("translate", model) == 0
    wanted = [each.text for each in translator().predict(["no. 12", "no. 34"])]
    assert capsys.readouterr().out.splitlines() == ["A text a line; Ctrl-D ends.", *wanted, ""]


def test_several_translations_are_listed_best_first(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("translate", model, "no. 12", "--n-best", 3) == 0
    head, *found = capsys.readouterr().out.splitlines()
    assert head == "no. 12"
    assert len(found) == 3
    assert len({line.split(maxsplit=1)[-1] for line in found}) == 3


def test_the_search_is_as_it_is_asked_for(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task: Any = translator().task
    cases: list[tuple[list[object], dict[str, Any]]] = [
        (["--beam", 1], {"beam_width": 1}),
        (["--min-length", 8], {"min_length": 8}),
        (["--beam", 4, "--length-penalty", 0.2], {"beam_width": 4, "length_penalty": 0.2}),
        (["--coverage-penalty", 2, "--beam", 4], {"coverage_penalty": 2.0, "beam_width": 4}),
    ]
    for words, wishes in cases:
        assert command("translate", model, "no. 12", *words) == 0
        wanted = task.search(["no. 12"], **wishes)[0][0].text
        assert capsys.readouterr().out.splitlines() == [wanted]
    assert command("translate", model, "no. 12", "--coverage-penalty", -1) == 2


def test_attention_is_drawn_with_its_alignment(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("translate", model, "no. 12", "--attention") == 0
    page = capsys.readouterr().out
    seen = translator().inspect("no. 12").attention
    assert seen is not None
    assert alignment_line(seen) in page
    assert "n o . ␣ 1 2" in page
    assert "\x1b" not in page


def test_without_attention_there_is_nothing_to_draw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_translator(write_norms(tmp_path), attention=None, out=tmp_path / "plain")
    assert command("translate", tmp_path / "plain", "no. 12", "--attention") == 2
    assert "has no attention" in capsys.readouterr().err


def test_a_classifier_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classifier().save(tmp_path / "model")
    assert command("translate", tmp_path / "model", "a film") == 2
    error = capsys.readouterr().err
    assert "is no translator: its task is 'classify'" in error
    assert f"headgate predict {tmp_path / 'model'} DATA" in error


def test_an_empty_text_is_named(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "no. 12\n \n")
    assert command("translate", model) == 2
    assert "row 2: the text is empty" in capsys.readouterr().err
    assert command("translate", model, "") == 2
    assert "the text is empty" in capsys.readouterr().err
