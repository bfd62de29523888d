from __future__ import annotations

import json
from pathlib import Path

from headgate.bench.columns import Column
from headgate.bench.machine import cpu_model, describe, usable_cores
from headgate.bench.report import Printer
from headgate.bench.section import CELL, SHAPE, Section


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
