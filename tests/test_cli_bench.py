from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import command

from headgate.bench import sizes, stream_steps, targets
from headgate.bench.sizes import Sizes
from headgate.bench.targets import TARGETS
from headgate.bench.timing import Budget


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that take a moment, once."""
    for name in sizes.ROWS:
        monkeypatch.setitem(sizes.ROWS, name, (Sizes(4, 3, 2, 6),))
    few = {"lstm": {"peephole": (True,)}, "gru": {}, "rnn": {}, "mgu": {"activation": ("silu",)}}
    monkeypatch.setattr("headgate.bench.variants.OPTIONS", few)
    monkeypatch.setattr("headgate.bench.cells.CELLS", few)
    monkeypatch.setattr("headgate.bench.cells.MODIFIED", ())
    once = Budget(least=1, most=1, seconds=0.0)
    monkeypatch.setattr("headgate.bench.plan.STANDARD", once)
    monkeypatch.setattr("headgate.bench.peak.SIDE", 16)
    monkeypatch.setattr("headgate.bench.stream_limit._ENTRIES", 2**10)
    monkeypatch.setattr(stream_steps, "MOST", stream_steps.LEAST)


@pytest.mark.parametrize("target", TARGETS)
def test_every_section_from_the_command_to_the_file(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "figures.json"
    assert command("bench", target, "--json", place) == 0
    page = capsys.readouterr().out
    whole: dict[str, Any] = json.loads(place.read_text("utf-8"))
    assert whole["complete"] is True
    assert whole["target"] == target
    assert list(whole["sections"]) == list(TARGETS[target])
    assert whole["machine"]["threads"] == 1
    assert whole["plan"]["budget"]["most"] == 1
    for name, section in TARGETS[target].items():
        assert section.title in page
        rows = whole["sections"][name]["rows"]
        assert {"lstm", "gru", "rnn"} <= {row["cell"] for row in rows}
        assert all("times" in row and row["units"] == 6 for row in rows)
        if section.summary is not None:
            means = dict.fromkeys(mean["cell"] for mean in whole["sections"][name]["means"])
            assert list(means) == ["lstm", "gru", "rnn"]
    assert f"all: {place}" in page
    assert max(map(len, page.replace(str(tmp_path), "").splitlines())) <= 100


def test_sections_and_cells_can_be_picked(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("bench", "layers", "--sections", "trace, variants", "--cell", "gru,mgu") == 0
    page = capsys.readouterr().out
    assert [section.title in page for section in TARGETS["layers"].values()] == [
        *(False, True, False, False, False, True, False)
    ]
    assert page.index("trace:") < page.index("variants:")
    assert "mgu activation=silu" in page
    assert "lstm  4,3,2,6" not in page


def test_a_section_without_the_cell_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("bench", "layers", "--sections", "grid", "--cell", "mgu") == 0
    assert "no cell of this section is among mgu" in capsys.readouterr().out


def test_an_existing_file_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "run", pytest.fail)
    place = tmp_path / "figures.json"
    place.write_text("mine")
    assert command("bench", "layers", "--json", place) == 2
    assert f"{place} is there already and was not touched" in capsys.readouterr().err
    assert place.read_text() == "mine"


def test_ctrl_c_keeps_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = targets._run

    def interrupted(report: dict[str, Any], plan: Any, name: str, say: Any) -> None:
        if name == "ragged":
            raise KeyboardInterrupt
        measure(report, plan, name, say)

    monkeypatch.setattr(targets, "_run", interrupted)
    place = tmp_path / "figures.json"
    words = ("--sections", "trace,ragged,variants", "--cell", "gru", "--json", place)
    assert command("bench", "layers", *words) == 130
    whole = json.loads(place.read_text("utf-8"))
    assert whole["complete"] is False
    assert list(whole["sections"]) == ["trace"]
    assert len(whole["sections"]["trace"]["rows"]) == 1
    said = capsys.readouterr()
    assert f"what was measured so far: {place}" in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name what is to be measured: headgate bench layers or stream"),
        (["leyers"], "unknown target 'leyers'; did you mean 'layers'? known: layers, stream"),
        (["layers", "--sections", "gird"], "unknown section 'gird'; did you mean 'grid'?"),
        (["stream", "--sections", "grid"], "unknown section 'grid'; known: batch, single"),
        (["layers", "--cell", "grru"], "unknown cell 'grru'; did you mean 'gru'?"),
        (["layers", "--json", "missing/figures.json"], "there is no folder missing"),
    ],
)
def test_what_is_unknown_is_said_before_anything_is_measured(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(targets, "run", pytest.fail)
    assert command("bench", *words) == 2
    assert said in capsys.readouterr().err


def test_the_help_names_every_target_and_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("bench", "--help") == 0
    page = "".join(capsys.readouterr().out.split())
    for target, sections in TARGETS.items():
        assert f"{','.join(sections)}({target})" in page


def test_quick_leaves_slow_rows_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headgate.bench.plan.LIMIT", 0.0)
    words = ("--quick", "--sections", "grid", "--cell", "lstm")
    assert command("bench", "layers", *words) == 0
    assert "4,3,2,6         left out:" in capsys.readouterr().out
