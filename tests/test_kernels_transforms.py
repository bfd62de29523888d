"""What torch makes of a layer is right by value, for every cell: the reference kernel says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.cases import Case, draw, every_cell
from tests.tolerances import assert_equal
from torch import Tensor, nn
from torch.func import functional_call

from headgate.kernels import using
from headgate.layers import Recurrent

STEPS, ROWS, FEATURES, UNITS = 3, 3, 2, 3
LENGTHS = torch.tensor([3, 0, 2])
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

Result = Callable[[], Any]


def _layer(case: Case, **arguments: Any) -> Recurrent:
    return case.layer(input_size=FEATURES, hidden_size=UNITS, **arguments)


def _input() -> Tensor:
    return draw(STEPS, ROWS, FEATURES)


def _by_reference(result: Result) -> Any:
    with using("reference"):
        return result()


def _sum(layer: nn.Module, weights: dict[str, Tensor], x: Tensor) -> Tensor:
    outputs = functional_call(layer, weights, (x,))[0]
    return outputs.square().sum() + outputs[0].sin().sum()


def _weights(layer: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in layer.named_parameters()}


@every_cell
def test_gradients_agree_with_differences(case: Case) -> None:
    layer = _layer(case)
    if case.cell == "indrnn":
        layer = _layer(Case(case.cell, {"activation": "tanh"}))  # a kink has no second derivative
    names = list(_weights(layer))

    def run(x: Tensor, *values: Tensor) -> Tensor:
        weights = dict(zip(names, values, strict=True))
        return functional_call(layer, weights, (x,), {"lengths": LENGTHS})[0]

    inputs = tuple(t.requires_grad_() for t in (_input(), *_weights(layer).values()))
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


@pytest.mark.parametrize("case", [Case("lstm"), Case("mgu")], ids=["lstm", "mgu"])
def test_the_gradient_of_the_gradient_runs_through_layers_and_directions(case: Case) -> None:
    layer, x = _layer(case, num_layers=2, bidirectional=True), _input()

    def twice() -> list[Tensor]:
        leaf = x.clone().requires_grad_()
        loss = layer(leaf, lengths=LENGTHS)[0].square().sum()
        wanted = [leaf, *layer.parameters()]
        first = torch.autograd.grad(loss, wanted, create_graph=True)
        return list(
            torch.autograd.grad(torch.stack([g.square().sum() for g in first]).sum(), wanted)
        )

    assert_equal(twice(), _by_reference(twice), "gradient")


@every_cell
def test_torch_func_grad(case: Case) -> None:
    layer, x = _layer(case), _input()
    found = torch.func.grad(lambda w, x: _sum(layer, w, x), argnums=(0, 1))(_weights(layer), x)

    def expected() -> tuple[dict[str, Tensor], Tensor]:
        leaves = {k: v.requires_grad_() for k, v in _weights(layer).items()}
        leaf = x.clone().requires_grad_()
        each = torch.autograd.grad(_sum(layer, leaves, leaf), [*leaves.values(), leaf])
        return dict(zip(leaves, each, strict=False)), each[-1]

    assert_equal(found, _by_reference(expected), "gradient")


@every_cell
def test_torch_func_vmap_over_the_input(case: Case) -> None:
    layer, batch = _layer(case), torch.stack([_input(), _input()])
    found = torch.func.vmap(lambda x: layer(x, lengths=LENGTHS)[0])(batch)
    expected = _by_reference(lambda: torch.stack([layer(x, lengths=LENGTHS)[0] for x in batch]))
    assert_equal(found, expected, "output")


@every_cell
def test_torch_func_vmap_over_an_ensemble(case: Case) -> None:
    layers, x = [_layer(case), _layer(case)], _input()
    weights, _ = torch.func.stack_module_state(layers)  # pyright: ignore[reportArgumentType]
    found = torch.func.vmap(lambda w: functional_call(layers[0], w, (x,))[0])(weights)
    expected = _by_reference(lambda: torch.stack([layer(x)[0] for layer in layers]))
    assert_equal(found, expected, "output")


@every_cell
def test_torch_func_jvp(case: Case) -> None:
    layer, x, along = _layer(case), _input(), _input()
    weights = _weights(layer)
    moved = {name: draw(*value.shape) for name, value in weights.items()}
    names = list(weights)

    def run(x: Tensor, *values: Tensor) -> Tensor:
        return functional_call(layer, dict(zip(names, values, strict=True)), (x,))[0]

    points, directions = (x, *weights.values()), (along, *moved.values())
    found = torch.func.jvp(run, points, directions)
    # by two gradients, which is another way to the same
    expected = _by_reference(lambda: torch.autograd.functional.jvp(run, points, directions))
    assert_equal(found, expected, "gradient")


@every_cell
def test_per_sample_gradients(case: Case) -> None:
    layer, x = _layer(case), _input()

    def one(weights: dict[str, Tensor], row: Tensor) -> Tensor:
        return _sum(layer, weights, row[:, None])

    found = torch.func.vmap(torch.func.grad(one), in_dims=(None, 1))(_weights(layer), x)

    def expected() -> dict[str, Tensor]:
        leaves = {k: v.requires_grad_() for k, v in _weights(layer).items()}
        rows = [
            torch.autograd.grad(one(leaves, row), [*leaves.values()]) for row in x.unbind(dim=1)
        ]
        return {k: torch.stack(v) for k, v in zip(leaves, zip(*rows, strict=True), strict=True)}

    assert_equal(found, _by_reference(expected), "gradient")
