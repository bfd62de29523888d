"""What a layer's states become."""

from __future__ import annotations

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.equations.activations import ACTIVATIONS
from headgate.errors import UnknownNameError
from headgate.layers import Output


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_stands_over_the_same_sum(activation: str, bias: bool) -> None:
    layer = Output(3, 2, activation=activation, bias=bias).double()
    h = torch.randn(4, 5, 3, dtype=torch.float64)
    assert (layer.linear.bias is not None) == bias
    sums = h @ layer.linear.weight.T + (layer.linear.bias if bias else 0)
    assert_equal(layer(h), ACTIVATIONS[activation](sums), "output")


def test_softmax_gives_a_distribution() -> None:
    layer = Output(3, 4, activation="softmax").double()
    h = torch.randn(2, 3, dtype=torch.float64)
    powers = (h @ layer.linear.weight.T + layer.linear.bias).exp()
    assert_equal(layer(h), powers / powers.sum(-1, keepdim=True), "output")


def test_a_function_is_its_own_activation_and_linear_the_default() -> None:
    h = torch.randn(2, 3)
    doubled = Output(3, 4, activation=lambda a: 2 * a)
    plain = Output(3, 4)
    plain.load_state_dict(doubled.state_dict())
    assert_equal(doubled(h), 2 * plain(h), "bits")


def test_an_unknown_activation_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match=r"activation 'softmx'.*known: elu, exp"):
        Output(3, 4, activation="softmx")
