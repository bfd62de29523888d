"""The law of streams, for every cell: cut anywhere, a stream is the whole run."""

from __future__ import annotations

import pytest
import torch
from tests.cases import PLAIN, Case, every_case, every_cell
from tests.streams import NAN, draw_input, equal, in_pieces, keeps_the_law, whole
from tests.tolerances import assert_equal

from headgate.kernels import native, using
from headgate.streaming import Stream

every_rows = pytest.mark.parametrize("rows", [None, 3])


@every_case
def test_a_layer_in_pieces_is_the_whole_run(case: Case) -> None:
    layer = case.layer().eval()
    keeps_the_law([layer])
    x = draw_input([layer], 3, 3)
    with using("reference"):
        slow = whole([layer], x)
    assert_equal(in_pieces(Stream(layer, rows=3), x), slow, "output")
    keeps_the_law([layer.float()], steps=5)


@every_cell
def test_a_stack_in_pieces_is_the_whole_run(case: Case) -> None:
    layer = case.layer(num_layers=2)
    x = draw_input([layer], 5, 3)
    with using("eager"):
        slow = whole([layer], x)
    assert_equal(in_pieces(Stream(layer, rows=3), x), slow, "output")
    keeps_the_law([layer.float()])


@every_cell
def test_all_modifiers_at_once(case: Case) -> None:
    modified = {"layer_norm": True, "zoneout": 0.2, "recurrent_dropout": 0.3, "residual": True}
    layer = Case(case.cell, modified).layer(num_layers=3, initial_state="learned", dropout=0.3)
    keeps_the_law([layer.eval()], steps=5)


@every_rows
@every_cell
def test_nan_spreads_as_in_the_whole_run(case: Case, rows: int | None) -> None:
    layer = case.layer(num_layers=2)
    x = torch.randn(6, rows or 1, 2, dtype=torch.float64)
    x[2, -1, 0] = NAN
    found = in_pieces(Stream(layer, rows=rows or 1), x)
    equal(found, whole([layer], x))
    assert found[:2].isfinite().all()
    assert found[2:, -1].isnan().all()
    assert found[:, :-1].isfinite().all()


def test_every_cell_of_the_table_is_native() -> None:
    found = [Stream(case.layer())._engine.native for case in PLAIN]
    assert all(found) == native.available
