from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from headgate.bench.columns import Column
from headgate.bench.machine import cpu_model, describe, usable_cores
from headgate.bench.report import Printer, check_place, write
from headgate.bench.section import CELL, SHAPE, Section
from headgate.errors import OutputError, OutputExistsError


def test_a_report_is_written_whole_and_alone(tmp_path: Path) -> None:
    place = tmp_path / "figures.json"
    check_place(place)
    write(place, {"größe": 1.5, "rows": [None]})
    assert json.loads(place.read_text("utf-8")) == {"größe": 1.5, "rows": [None]}
    assert list(tmp_path.iterdir()) == [place]


def test_what_stands_there_is_not_touched(tmp_path: Path) -> None:
    place = tmp_path / "figures.json"
    place.write_text("mine")
    for attempt in (lambda: check_place(place), lambda: write(place, {})):
        with pytest.raises(OutputExistsError, match=r"was not touched: name another place"):
            attempt()
    assert place.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [place]


def test_a_link_to_nowhere_is_something_too(tmp_path: Path) -> None:
    place = tmp_path / "figures.json"
    place.symlink_to(tmp_path / "missing")
    with pytest.raises(OutputExistsError):
        check_place(place)


def test_a_missing_directory_is_said_before_and_after(tmp_path: Path) -> None:
    place = tmp_path / "missing" / "figures.json"
    with pytest.raises(OutputError, match="there is no directory"):
        check_place(place)
    with pytest.raises(OutputError, match="could not be written"):
        write(place, {})


def test_a_file_system_without_links_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    place = tmp_path / "figures.json"
    write(place, {"a": 1})
    assert json.loads(place.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [place]
    with pytest.raises(OutputExistsError):
        write(place, {"a": 2})
    assert json.loads(place.read_text()) == {"a": 1}


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write(tmp_path / "figures.json", {"a": object()})
    assert list(tmp_path.iterdir()) == []


def _section() -> Section:
    columns = (CELL, SHAPE, Column("a", "a", 3))
    return Section("title", ("a: ms",), columns, lambda plan, rows: iter(()), means=columns[:1])


def test_a_section_is_printed_row_by_row_with_its_reasons() -> None:
    said: list[str] = []
    printer = Printer(_section(), said.append)
    printer.begin({"onnx": "not installed: onnx"})
    assert said[0] == "\ntitle\n"
    assert said[1:3] == ["  a: ms", said[2]]
    assert said[2].startswith("  ~: ")
    assert said[3:] == ["  onnx: not installed: onnx", "\ncell  T,B,M,N           a"]
    said.clear()
    absent = {"onnx": "not installed: onnx", "loop": "about 4.0 s a call"}
    row = {"cell": "gru", "shape": "1,2,3,4", "absent": absent}
    printer.row(row | {"a": 5})
    printer.row(row | {"a": None})
    printer.row({"cell": "gru", "shape": "9,9,9,9", "skipped": "120 ms, more than 100 ms"})
    printer.end([{"cell": "gru"}], {"onnx": "not installed: onnx"})
    assert said == [
        "gru   1,2,3,4           5",
        "gru   1,2,3,4           -",
        "gru   9,9,9,9         left out: 120 ms, more than 100 ms",
        "gru",
        "  - loop: about 4.0 s a call (gru 1,2,3,4)",
    ]


def test_the_machine_is_described(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: A: Fine CPU\nprocessor\t: 1\n")
    assert cpu_model(info) == "A: Fine CPU"
    assert cpu_model(tmp_path / "missing")
    found = describe()
    assert set(found) >= {"date", "cpu", "cores", "torch", "threads", "instruction_sets"}
    assert found["cores"] == usable_cores() >= 1
    json.dumps(found)
