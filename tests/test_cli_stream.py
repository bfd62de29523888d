"""headgate stream: each line is answered before the next one is read."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from tests.test_tasks_streams import reader
from tests.tiny import classifier, command, translator


@pytest.fixture
def model(tmp_path: Path) -> Path:
    reader().save(tmp_path / "model")
    return tmp_path / "model"


def give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


def test_a_classifier_answers_each_line(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "a warm 영화\r\ndull\n\na warm 영화".encode())
    assert command("stream", model) == 0
    first, second, empty, again = capsys.readouterr().out.splitlines()
    whole = [reader().predict(text) for text in ("a warm 영화", "a warm 영화 dull")]
    assert [first, second] == [f"{each.label}\t{each.probability:.4f}" for each in whole]
    assert (empty, again) == ("", first)


def test_each_answer_comes_before_the_next_line_is_read(model: Path) -> None:
    program = [sys.executable, "-m", "headgate", "stream", str(model)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers = []
        for line in (b"a warm\n", b"dull\n"):
            process.stdin.write(line)
            process.stdin.flush()
            answers.append(process.stdout.readline())
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait() == 0
    assert all(answer.endswith(b"\n") and b"\t" in answer for answer in answers)


def test_a_translator_writes_each_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    translator().save(tmp_path / "pairs")
    give(monkeypatch, b"no. 12\n\nno. 34\n")
    assert command("stream", tmp_path / "pairs") == 0
    lines = capsys.readouterr().out.splitlines()
    stream = translator().stream()
    assert lines == ["".join(stream.answer(text)) for text in ("no. 12", "", "no. 34")]


def test_bytes_for_weights(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, b"a warm\n")
    assert command("stream", model, "--quantize", "int8") == 0
    assert "\t" in capsys.readouterr().out
    assert command("stream", model, "--quantize", "int4") == 2
    assert "unknown quantize 'int4'; did you mean 'int8'" in capsys.readouterr().err


def test_what_is_not_utf_8_is_refused_with_its_row(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, b"a warm\nca\xff\n")
    assert command("stream", model) == 2
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    assert "row 2: the line is not UTF-8 (byte 3 is 0xff)" in said.err


def test_an_empty_pipe_has_no_answer(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, b"")
    assert command("stream", model) == 0
    assert capsys.readouterr().out == ""


def test_a_bidirectional_model_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classifier().save(tmp_path / "both")
    assert command("stream", tmp_path / "both") == 2
    assert "Two ways out" in capsys.readouterr().err


def test_a_byte_order_mark_is_no_part_of_the_text(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, b"\xef\xbb\xbfa warm\n\na warm\n")
    assert command("stream", model) == 0
    first, _, again = capsys.readouterr().out.splitlines()
    assert first == again


def test_no_standard_input_is_said(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert command("stream", model) == 2
    assert "no standard input" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_said(model: Path) -> None:
    program = [sys.executable, "-m", "headgate", "stream", str(model)]
    with open("/dev/full", "wb") as full:
        found = subprocess.run(
            program, input=b"a warm\n", stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert found.returncode == 2
    assert found.stderr.startswith(b"headgate: ")
    assert b"Traceback" not in found.stderr
