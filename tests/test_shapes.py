"""The axes of every signature are those of the one list, and NOTATION.md has them all."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from headgate.shapes import AXES

ROOT = Path(__file__).resolve().parent.parent
SHAPE = re.compile(r'\b(?:Float|Int|Bool|Shaped|Num)\[Tensor, "([^"]*)"\]')


def test_every_axis_of_a_signature_is_in_the_list() -> None:
    used = {
        (axis, path.name)
        for path in (ROOT / "src").rglob("*.py")
        for shape in SHAPE.findall(path.read_text(encoding="utf-8"))
        for axis in shape.split()
    }
    assert len(used) > 50  # the pattern finds them
    strange = {(axis, name) for axis, name in used if axis not in {*AXES, "_", "*rows"}}
    assert strange == set()


def test_the_notation_names_every_axis() -> None:
    table = (ROOT / "NOTATION.md").read_text(encoding="utf-8").split("## Values")[0]
    cells = [cell.strip() for line in table.splitlines() for cell in line.strip("| ").split("|")]
    listed = dict(pairwise(cells))
    assert {axis: listed.get(axis) for axis in AXES} == AXES
