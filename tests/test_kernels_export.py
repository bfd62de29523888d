"""What torch.export makes of a layer, saved and loaded, by value."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from tests.cases import Case, draw, every_cell
from tests.plain import note_runs, take_off_the_checks
from tests.tolerances import assert_equal
from torch import nn

from headgate.kernels import native, using
from headgate.layers import Recurrent

FEATURES, UNITS = 2, 3
pytestmark = [
    pytest.mark.skipif(not native.available, reason="the operator stands for the native kernel"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated"),
    # torch's own, about what it imports for a compiler
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
]
some_cells = pytest.mark.parametrize("case", [Case("lstm"), Case("mgu")], ids=["lstm", "mgu"])


def _layer(case: Case, **arguments: Any) -> Recurrent:
    return case.layer(input_size=FEATURES, hidden_size=UNITS, **arguments)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    take_off_the_checks(monkeypatch)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return note_runs(monkeypatch)


def _exported(layer: nn.Module, *, strict: bool = False) -> nn.Module:
    """Export for any number of rows and steps, save and load."""
    free = torch.export.Dim.DYNAMIC
    program = torch.export.export(
        layer.eval(),
        (draw(4, 3, FEATURES),),
        {"lengths": torch.tensor([4, 0, 2])},
        dynamic_shapes={"x": {0: free, 1: free}, "lengths": {0: free}},
        strict=strict,
    )
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    buffer.seek(0)
    return torch.export.load(buffer).module()


@every_cell
def test_an_exported_layer_of_any_size(case: Case, ran: list[str]) -> None:
    layer = _layer(case)
    again = _exported(layer)
    own = dict(again.named_parameters())
    for steps, lengths in ((4, [4, 0, 2]), (6, [1, 5, 6, 3])):
        x, ends = draw(steps, len(lengths), FEATURES), torch.tensor(lengths)
        found = again(x, lengths=ends)
        with using("reference"):
            expected = layer(x, lengths=ends)
        assert_equal(found[0], expected[0], "output")
        loss, wanted = found[0].square().sum(), expected[0].square().sum()
        names = [name for name, _ in layer.named_parameters()]
        assert_equal(
            torch.autograd.grad(loss, [own[name] for name in names]),
            torch.autograd.grad(wanted, list(layer.parameters())),
            "gradient",
        )
    assert ran == ["operator"] * 4


@some_cells
def test_a_strict_export_of_a_stack(case: Case) -> None:
    layer = _layer(case, num_layers=2, bidirectional=True)
    x, lengths = draw(5, 2, FEATURES), torch.tensor([2, 5])
    with torch.inference_mode():
        found = _exported(layer, strict=True)(x, lengths=lengths)[0]
    with using("reference"):
        assert_equal(found.clone(), layer(x, lengths=lengths)[0].detach(), "output")


def test_an_export_of_the_reference_loop_holds_torch_s_operations_alone() -> None:
    layer, x = _layer(Case("mgu")).eval(), draw(4, 3, FEATURES)
    with using("reference"):
        program = torch.export.export(layer, (x,))
    assert all("headgate" not in str(node.target) for node in program.graph.nodes)
    assert_equal(program.module()(x)[0], layer(x)[0], "output")
