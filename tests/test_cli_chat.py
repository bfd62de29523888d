"""headgate chat: a conversation, a pipe, and what ends them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.tiny import chatter, classifier

from headgate.cli.chat import chat
from headgate.errors import DataError, HeadgateError
from headgate.model import Model

SAID = ["are you 112?", "are you 7?", "are you 150?"]


@pytest.fixture
def model(tmp_path: Path) -> str:
    chatter().save(tmp_path / "model")
    return str(tmp_path / "model")


def give(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))


def typed(monkeypatch: pytest.MonkeyPatch, lines: list[str | type[BaseException]]) -> list[str]:
    """Type lines at a prompt, then Ctrl-D; give the prompts that were shown."""
    shown: list[str] = []
    coming: Iterator[str | type[BaseException]] = iter(lines)

    def typing(prompt: str) -> str:
        shown.append(prompt)
        line = next(coming, EOFError)
        if isinstance(line, str):
            return line
        raise line

    give(monkeypatch, b"")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", typing)
    return shown


def answers(texts: list[str], **wishes: Any) -> list[str]:
    task: Any = chatter().task
    if not wishes:
        return [str(each) for each in chatter().predict(texts)]
    return [each.text for each in task.sample(texts, **wishes)]


def test_a_pipe_gives_a_line_for_a_line(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "\r\n".join([SAID[0], "", "  ", *SAID[1:]]).encode())
    chat(model)
    assert capsys.readouterr().out.splitlines() == answers(SAID)


def test_a_conversation_has_a_prompt_and_ends_with_ctrl_d(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = typed(monkeypatch, [SAID[0], "", SAID[1]])
    chat(model)
    greeting, *said = capsys.readouterr().out.splitlines()
    assert greeting == "Each line is answered by itself; Ctrl-D ends."
    assert said == [*answers(SAID[:2]), ""]
    assert shown == ["you> "] * 4


def test_ctrl_c_gives_up_the_line(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = typed(monkeypatch, [KeyboardInterrupt, SAID[0]])
    chat(model)
    assert capsys.readouterr().out.splitlines()[1:] == ["", *answers(SAID[:1]), ""]
    assert len(shown) == 3


def _stopped_at(text: str) -> Callable[[Model, str], Any]:
    real = Model.predict

    def predict(self: Model, inputs: str) -> Any:
        if inputs == text:
            raise KeyboardInterrupt
        return real(self, inputs)

    return predict


def test_ctrl_c_ends_the_answer_and_no_more(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = answers(SAID)
    monkeypatch.setattr(Model, "predict", _stopped_at(SAID[1]))
    typed(monkeypatch, list(SAID))
    chat(model)
    assert capsys.readouterr().out.splitlines()[1:] == [wanted[0], "", wanted[2], ""]


def test_in_a_pipe_ctrl_c_ends_all(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "predict", _stopped_at(SAID[1]))
    give(monkeypatch, "\n".join(SAID).encode())
    with pytest.raises(KeyboardInterrupt):
        chat(model)


def test_drawn_answers_hang_on_the_seed(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = {"temperature": 0.9, "top_p": 0.95, "seed": 3}
    for _ in range(2):
        give(monkeypatch, "\n".join(SAID).encode())
        chat(model, **wishes)  # type: ignore[arg-type]
        found = capsys.readouterr().out.splitlines()
        assert found == [" ".join(each.split("\n")) for each in answers(SAID, **wishes)]
    give(monkeypatch, SAID[0].encode())
    with pytest.raises(HeadgateError, match="top_p is a share above 0"):
        chat(model, top_p=0.0)


def test_a_line_that_is_not_utf_8_is_named(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, b"are you 7?\nare \xff?\n")
    with pytest.raises(DataError, match=r"row 2: the line is not UTF-8 \(byte 5 is 0xff\)"):
        chat(model)


def test_another_task_is_refused(tmp_path: Path) -> None:
    classifier().save(tmp_path / "model")
    with pytest.raises(DataError, match="does not chat: its task is 'classify'; use: headgate"):
        chat(str(tmp_path / "model"))


def test_its_help_says_that_a_line_stands_by_itself() -> None:
    app = typer.Typer()
    app.command()(chat)
    page = typer.main.get_command(app).help or ""
    assert "each line is answered by itself" in " ".join(page.split()).lower()
