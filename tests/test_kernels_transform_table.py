"""The table of docs/transforms.md: each entry by value, and by the way that it says it takes."""

from __future__ import annotations

import copy
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from tests.cases import Case, draw
from tests.plain import take_off_the_checks
from tests.tolerances import assert_equal
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp, stack_module_state, vmap
from torch.nn.utils import parametrizations

from headgate.kernels import aten, cpu, native, operator, reference, using

PAGE = Path(__file__).resolve().parent.parent / "docs" / "transforms.md"
LENGTHS = torch.tensor([3, 1])
pytestmark = [
    pytest.mark.skipif(not native.available, reason="the table is that of the native kernel"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
]
Run = Callable[[nn.Module, Tensor], Any]


def _table() -> dict[tuple[str, str], list[str]]:
    """The ways of each entry by row and column."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    head, _, *rows = [[part.strip() for part in line.strip("|").split("|")] for line in lines]
    return {
        (row[0], cell): re.sub(r", [\d.]+$", "", entry).split(" then ")
        for row in rows
        for cell, entry in zip(head[1:], row[1:], strict=True)
    }


def _train(layer: nn.Module, x: Tensor, **arguments: Any) -> list[Tensor]:
    outputs = layer(x, **arguments)[0]
    loss = outputs.double().square().sum()
    return [outputs, *torch.autograd.grad(loss, list(layer.parameters()))]


def _ragged(layer: nn.Module, x: Tensor) -> list[Tensor]:
    return _train(layer, x, lengths=LENGTHS)


def _twice(layer: nn.Module, x: Tensor) -> list[Tensor]:
    own = list(layer.parameters())
    first = torch.autograd.grad(layer(x)[0].square().sum(), own, create_graph=True)
    return list(torch.autograd.grad(torch.stack([g.square().sum() for g in first]).sum(), own))


def _loss(layer: nn.Module, weights: dict[str, Tensor], x: Tensor) -> Tensor:
    return functional_call(layer, weights, (x,))[0].square().sum()


def _weights(layer: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in layer.named_parameters()}


def _outputs(layer: nn.Module, x: Tensor) -> Tensor:
    return layer(x)[0].detach()


def _inference(run: Run) -> Run:
    def inside(layer: nn.Module, x: Tensor) -> Tensor:
        with torch.inference_mode():
            outputs = run(layer, x)
        return outputs.clone()

    return inside


def _vmap_weights(layer: nn.Module, x: Tensor) -> Tensor:
    weights, _ = stack_module_state([layer] * 4)  # pyright: ignore[reportArgumentType]
    return vmap(lambda w: functional_call(layer, w, (x,))[0])(weights)


def _compiled(run: Run, **options: Any) -> Run:
    torch.compiler.reset()
    options = {"fullgraph": True, "backend": "aot_eager"} | options
    return lambda layer, x: run(cast(nn.Module, torch.compile(layer, **options)), x)


def _exported(layer: nn.Module, x: Tensor) -> nn.Module:
    return torch.export.export(layer, (x,)).module()


def _parametrized(change: Callable[..., nn.Module]) -> Run:
    def run(layer: nn.Module, x: Tensor) -> list[Tensor]:
        again = copy.deepcopy(layer)
        torch.manual_seed(0)  # a spectral norm begins at random
        change(again, "weight_hh_l0").eval()
        return _train(again, x)

    return run


def _half(layer: nn.Module, x: Tensor) -> list[Tensor]:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return [tensor.bfloat16() for tensor in _train(layer.float(), x.float())]


def _alike(run: Run) -> tuple[Run, Run]:
    return run, run


# by its name in the table: the transform, and the same without it, which the reference kernel runs
TRANSFORMS: dict[str, tuple[Run, Run]] = {
    "training": (_train, _train),
    "`torch.inference_mode`": (_inference(_outputs), _outputs),
    "gradient of the gradient": (_twice, _twice),
    "`torch.func.grad`": (
        lambda layer, x: list(grad(lambda w: _loss(layer, w, x))(_weights(layer)).values()),
        lambda layer, x: _train(layer, x)[1:],
    ),
    "`torch.func.vmap` over 4 inputs, forward": (
        lambda layer, x: vmap(lambda x: layer(x)[0])(torch.stack([x, -x, x + 1, 2 * x])),
        lambda layer, x: torch.stack([layer(v)[0] for v in (x, -x, x + 1, 2 * x)]),
    ),
    "`torch.func.vmap` over 4 sets of weights, forward": (
        _vmap_weights,
        lambda layer, x: torch.stack([layer(x)[0]] * 4),
    ),
    "`torch.func.jvp`": (
        lambda layer, x: jvp(lambda v: layer(v)[0], (x,), (x.cos(),))[1],
        lambda layer, x: torch.autograd.functional.jvp(lambda v: layer(v)[0], x, x.cos())[1],
    ),
    "gradients per sample, `vmap` of `grad`": (
        lambda layer, x: vmap(
            grad(lambda w, row: _loss(layer, w, row[:, None])), in_dims=(None, 1)
        )(_weights(layer), x)["weight_ih_l0"],
        lambda layer, x: torch.stack([_train(layer, row)[1] for row in x.split(1, dim=1)]),
    ),
    "`torch.compile`": (_compiled(_train), _train),
    "`torch.compile`, `dynamic=True` and lengths": (_compiled(_ragged, dynamic=True), _ragged),
    "`torch.export`, training": (lambda layer, x: _train(_exported(layer, x), x), _train),
    "`torch.export`, inference": (
        lambda layer, x: _inference(_outputs)(_exported(layer, x), x),
        _outputs,
    ),
    "`copy.deepcopy` and `pickle`": (
        lambda layer, x: _train(pickle.loads(pickle.dumps(copy.deepcopy(layer))), x),
        _train,
    ),
    "`weight_norm`": _alike(_parametrized(parametrizations.weight_norm)),
    "`spectral_norm`": _alike(_parametrized(parametrizations.spectral_norm)),
    "`orthogonal`": _alike(_parametrized(parametrizations.orthogonal)),
    "`torch.autocast` in bfloat16": (_half, _half),
}


def test_the_table_and_the_tests_have_the_same_rows() -> None:
    rows = list(dict.fromkeys(row for row, _ in _table()))
    assert rows == list(TRANSFORMS)
    assert {cell for _, cell in _table()} == {"lstm", "mgu"}


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ways that are taken, in their order."""
    seen: list[str] = []

    def note(place: Any, attribute: str, way: str) -> None:
        first = getattr(place, attribute)

        def run(*args: Any, **kwargs: Any) -> Any:
            seen.append(way)
            return first(*args, **kwargs)

        monkeypatch.setattr(place, attribute, run)

    note(cpu, "run", "native")
    note(operator._Call, "run", "operator")
    note(reference, "run", "reference")
    note(aten, "run", "torch's layer")
    stepped = sys.modules["headgate.kernels.scan"].STEPPED
    monkeypatch.setitem(stepped, "reference", reference.run)
    monkeypatch.setitem(stepped, "aten", aten.run)
    return seen


@pytest.mark.parametrize(("row", "cell"), _table())
def test_an_entry_holds(
    row: str, cell: str, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # a compiler cannot look through the checks; of the ways it sees the operator's alone
    take_off_the_checks(monkeypatch)
    layer, x = Case(cell).layer(input_size=2, hidden_size=3).eval(), draw(3, 2, 2)
    transform, plain = TRANSFORMS[row]
    found = transform(layer, x)
    wanted = _table()[row, cell]
    assert list(dict.fromkeys(ways))[: len(wanted)] == wanted
    with using("reference"):
        expected = plain(layer, x)
    assert_equal(found, expected, "gradient")
