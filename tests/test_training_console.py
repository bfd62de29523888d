from __future__ import annotations

import io
import sys

import pytest

from headgate.training import Console, Moment, Validation


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def hear(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> io.StringIO:
    """Put a stream in the place of standard error, where a console writes by itself."""
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def moment(step: int = 1, *, seconds: float = 0.0, fraction: float = 0.25) -> Moment:
    return Moment(epoch=2, step=step, fraction=fraction, seconds=seconds, loss=0.5)


FOUND = Validation(0.9, {"valid_loss": 0.123456, "valid_f1": 0.9}, ["a → b", "c → d"])


def test_a_file_gets_plain_lines_and_no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    file = hear(monkeypatch, io.StringIO())
    console = Console()
    for step in range(100):
        console.step(moment(step, seconds=step))
    console.validation(moment(100, seconds=65), FOUND, best=True)
    console.validation(moment(200, seconds=3700), FOUND, best=False)
    console.end("20 epochs")
    assert file.getvalue().splitlines() == [
        "epoch 2  step 100  1:05  loss 0.500  valid_loss 0.1235  valid_f1 0.9 *",
        "    a → b",
        "    c → d",
        "epoch 2  step 200  1:01:40  loss 0.500  valid_loss 0.1235  valid_f1 0.9",
        "stopped: 20 epochs; the best weights (*) are kept",
    ]


def test_a_terminal_gets_a_line_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = hear(monkeypatch, Terminal())
    console = Console()
    console.step(moment(seconds=30.0))
    console.step(moment(seconds=30.05))
    console.step(moment(seconds=31.0, fraction=1.0))
    frames = terminal.getvalue().split("\r\x1b[K")[1:]
    assert len(frames) == 2
    assert frames[0] == "━━━━━───────────────  25%  epoch 2  loss 0.500  1:30 left"
    assert frames[1].startswith("━" * 20 + " 100%")
    assert "\n" not in terminal.getvalue()
    assert max(map(len, frames)) <= 80


def test_a_line_takes_the_moving_one_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = hear(monkeypatch, Terminal())
    console = Console()
    console.step(moment(seconds=1.0))
    console.end("interrupted")
    last = terminal.getvalue().split("\r\x1b[K")[-1]
    assert last == "stopped: interrupted; the best weights (*) are kept\n"


def test_a_terminals_lines_keep_within_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    terminal = hear(monkeypatch, Terminal())
    samples = ["short", "x" * 36, "x" * 37, "한" * 18, "한" * 19]
    found = Validation(0.9, FOUND.values, samples)
    Console().validation(moment(100, seconds=65), found, best=True)
    assert terminal.getvalue().replace("\r\x1b[K", "").splitlines() == [
        "epoch 2  step 100  1:05  loss 0.500",
        "    valid_loss 0.1235  valid_f1 0.9 *",
        "    short",
        "    " + "x" * 36,
        "    " + "x" * 35 + "…",
        "    " + "한" * 18,
        "    " + "한" * 17 + "…",
    ]


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Console().end("1 epochs")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("stopped: 1 epochs")


@pytest.mark.parametrize(("fraction", "left"), [(0.0, float("inf")), (0.5, 8.0), (1.0, 0.0)])
def test_what_is_left_follows_from_the_pace(fraction: float, left: float) -> None:
    found = moment(seconds=8.0, fraction=fraction).left
    assert found == pytest.approx(left) or found > 1e9
    assert (found > 1e9) == (left == float("inf"))
