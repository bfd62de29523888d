"""The adding problem as it is made, and the drawing of how its errors fall."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from benchmarks.adding import define_cells, main, write
from benchmarks.line_chart import as_svg

from headgate.layers import Recurrent


def test_two_numbers_are_marked_one_in_each_half_and_added(tmp_path: Path) -> None:
    with np.load(write(tmp_path / "a.npz", rows=50, steps=11, seed=3)) as found:
        x, y = found["x"], found["y"]
    assert x.shape == (50, 11, 2)
    for sequence, target in zip(x, y, strict=True):
        marked = [step for step in range(11) if sequence[step, 1] == 1]
        assert [step < 5 for step in marked] == [True, False]
        assert target == pytest.approx(sum(sequence[step, 0] for step in marked))
    assert 0 <= x[:, :, 0].min() < 0.1 < 0.9 < x[:, :, 0].max() <= 1


@pytest.mark.parametrize(
    ("cell", "begun"),
    [("keeping_lstm", {"forget": 5.0, "input": -5.0}), ("keeping_gru", {"update": 5.0})],
)
def test_the_gates_that_keep_begin_nearly_open(cell: str, begun: dict[str, float]) -> None:
    define_cells()
    assert Recurrent(cell, 2, 4).cell.initial == begun


def test_a_chart_has_a_line_for_each_cell(tmp_path: Path) -> None:
    lines = {"a<b": [(10.0, 1.0), (20.0, 0.01)], "c": [(10.0, 0.5), (20.0, 0.01)]}
    drawn = ET.fromstring(as_svg(lines, title="Errors", x="steps", y="error", level=0.1))
    names = [each.tag.rpartition("}")[2] for each in drawn]
    assert names.count("polyline") == 2
    points = [each.get("points", "") for each in drawn.iter() if each.tag.endswith("polyline")]
    heights = [float(pair.split(",")[1]) for pair in points[0].split()]
    assert heights == [48.0, 348.0]  # from the highest power of ten to the lowest
    words = [each.text for each in drawn.iter() if each.tag.endswith("text")]
    assert {"Errors", "a<b", "c", "0.01", "0.1", "1", "20"} <= set(words)


def test_it_runs_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "adding.svg"
    words = ["--steps", "4", "--rows", "60", "--epochs", "1", "--cells", "rnn", "--figure"]
    main([*words, str(place)])
    assert capsys.readouterr().out.startswith("rnn   mse 0.")
    assert "The adding problem, 4 steps" in place.read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        main([*words, str(place)])
    assert "is there already" in capsys.readouterr().err
