from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import command

from headgate.data.columns import Table
from headgate.data.overview import ColumnFacts, Overview, overview
from headgate.data.overview_rows import find_repeats
from headgate.data.overview_series import SeriesFacts
from headgate.data.overview_words import warnings
from headgate.data.series import gather

NAN = float("nan")


def table_of(rows: list[list[Any]], *columns: str, **more: Any) -> Table:
    return Table("a.csv", columns, rows, list(range(2, len(rows) + 2)), True, **more)


def series_in(found: Overview, place: int = 0) -> SeriesFacts:
    facts = found.columns[place].series
    assert facts is not None
    return facts


def column_of(*cells: Any) -> ColumnFacts:
    return overview(table_of([[cell] for cell in cells], "x")).columns[0]


ROWS = [
    torch.tensor([[1.0, 5, NAN], [2, 5, NAN], [3, NAN, NAN]]),
    torch.tensor([[-4.0, 5, NAN]]),
    torch.tensor([[0.0, 5, NAN]] * 2),
    torch.tensor([[0.5, 5, NAN]] * 8),
]


def test_steps_channels_and_ranges_are_those_of_all_series() -> None:
    column = column_of(*ROWS)
    facts = column.series
    assert facts is not None
    assert column.kind == "series"
    assert (facts.least, facts.median, facts.most, facts.frame) == (1, 2, 8, [3])
    everything = torch.cat(ROWS)
    assert facts.values == everything.numel()
    assert facts.missing == int(everything.isnan().sum())
    assert facts.ranges == [(-4.0, 3.0), (5.0, 5.0), None]
    assert facts.constant == [2, 3]
    assert column.words.longest == 8
    assert column.findings["missing values"].lines == [2, 3, 4, 5]
    assert column.findings["no change"].lines == [4, 5]


def test_frames_have_one_range() -> None:
    frames = torch.arange(2 * 3 * 4, dtype=torch.uint8).reshape(2, 3, 4)
    facts = column_of(frames, frames[:1]).series
    assert facts is not None
    assert (facts.frame, facts.ranges, facts.values) == ([3, 4], [(0.0, 23.0)], 36)


def test_other_channels_are_found() -> None:
    column = column_of(torch.zeros(2, 3), torch.zeros(2, 2))
    assert column.findings["other channels"].lines == [3]
    assert column_of(torch.zeros(2, 3), "a text").kind == "mixed"


def test_a_series_with_two_labels_is_named_and_constant_channels_too() -> None:
    rows = [[ROWS[0], "up"], [ROWS[1], "up"], [ROWS[0].clone(), "down"]]
    table = table_of(rows, "x", "label", roles=("x", "label"))
    found = overview(table)
    assert found.repeats is not None
    assert (found.repeats.rows, found.repeats.contradictions) == (1, 1)
    said = warnings(found, table)
    assert "such as the series in rows 2 and 4" in said[0]
    assert any(
        "column 'x': each of the channels 2, 3 has one value in all series" in s for s in said
    )
    assert any("column 'x': missing values in 3 rows (2, 3, 4)" in s for s in said)
    assert json.dumps(found.to_dict())


def test_series_are_equal_where_all_their_values_are() -> None:
    one = torch.tensor([[1.0], [NAN]])
    pairs = [(one, "a"), (one.clone(), "b"), (one.T.contiguous(), "c"), (one[:1], "d")]
    assert find_repeats(pairs).examples == [(0, 1)]
    assert find_repeats([(["1", "2"], "a"), (["12", ""], "a"), (["1", "2 "], "b")]).rows == 1


def test_columns_that_make_one_series_are_one() -> None:
    rows = [["a", "1", "2", "", "up"], ["b", "1", "2", "3", "up"], ["a", "1", "2", "?", "down"]]
    table = table_of(rows, "id", "V1", "V2", "V3", "label")
    found = overview(table, input="V1:V3", target="label")
    assert [column.name for column in found.columns] == ["id", "V1:V3", "label"]
    assert found.input == "V1:V3"
    facts = series_in(found, 1)
    assert (facts.least, facts.most, facts.missing) == (2, 3, 0)
    assert found.repeats is not None
    assert found.repeats.examples == [(0, 2)]
    assert "such as the series in rows 2 and 4" in warnings(found, table)[0]


def test_columns_that_make_none_stay_apart() -> None:
    table = table_of([["1", "x"], ["2", "y"]], "a", "b")
    found = overview(table, input="a,b")
    assert [column.name for column in found.columns] == ["a", "b"]
    assert found.repeats is not None
    assert found.repeats.rows == 0


def test_a_gathered_table_is_looked_through() -> None:
    rows = [["a", "1", "2.5", "3"], ["a", "2", "", "4"], ["b", "1", "1", "5"]]
    table = gather(table_of(rows, "id", "day", "x", "y"), series="id", time="day")
    found = overview(table, input="x,y")
    assert [column.kind for column in found.columns] == ["text", "sequence", "series"]
    facts = series_in(found, 2)
    assert (facts.frame, facts.values, facts.missing) == ([2], 6, 1)


TS = "@classLabel true up down\n@data\n"


def page_of(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert command("data", *words) == 0
    return capsys.readouterr().out


def test_the_command_shows_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, report = tmp_path / "a.ts", tmp_path / "seen.json"
    rows = [f"{i},{i + 1},?,7:3,3,3,3:{'up' if i % 2 else 'down'}" for i in range(20)]
    path.write_text(TS + "\n".join(rows) + "\n1,2:3,3:up\n", encoding="utf-8")
    page = page_of(capsys, path, "--json", report)
    assert "series: steps 2 to 4, half at most 4; 2 channels" in page
    assert "values: 164; missing: 20 (12.2%)" in page
    assert "channel 2 has one value in all series" in page
    lines = [line.split() for line in page.splitlines()]
    assert ["1", "0", "20"] in lines
    facts = json.loads(report.read_text(encoding="utf-8"))["table"]["columns"][0]["series"]
    assert (facts["ranges"], facts["constant"]) == ([[0.0, 20.0], [3.0, 3.0]], [2])


def test_the_command_gathers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,day,x\n" + "".join(f"{i % 3},{i},{i}\n" for i in range(30)))
    page = page_of(capsys, path, "--series", "id", "--time", "day")
    assert "3 series, told apart by 'id', of 10 steps" in page
    assert "3 rows, 3 columns" in page
    assert ["x", "10", "0", "0", "29"] in [line.split() for line in page.splitlines()]
    assert command("data", path, "--time", "when") == 2
    assert "no column 'when'" in capsys.readouterr().err


def test_of_many_channels_those_that_vary_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.ts"
    rows = [":".join(["5,5"] * 20 + [f"{i},9"]) for i in range(3)]
    path.write_text("@data\n" + "\n".join(rows))
    page = page_of(capsys, path)
    lines = [line.split() for line in page.splitlines()]
    assert ["21", "0", "9"] in lines
    assert ["9", "more"] in lines


def test_many_columns_are_not_all_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    rows = [[str(row * column) for column in range(99)] for row in range(9)]
    text = ",".join(f"V{column}" for column in range(99))
    path.write_text("\n".join([text, *(",".join(row) for row in rows)]))
    page = page_of(capsys, path)
    assert "69 more columns; where each is a step of the row's series: --input FIRST:LAST" in page
    shown = [
        line.split()[0] for line in page.splitlines() if line.startswith("V") and ":" not in line
    ]
    assert shown == [f"V{column}" for column in range(30)]
    page = page_of(capsys, path, "--input", "V1:V98")
    assert "9 rows, 2 columns" in page
    assert ["V1:V98", "98", "0", "0", "784"] in [line.split() for line in page.splitlines()]
