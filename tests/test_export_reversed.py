"""A layer run from the last step to the first, against the same layer on a turned input."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from tests.cases import draw, draw_states
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.errors import CellError, ShapeError
from headgate.export.reversed import Reversed
from headgate.layers import Recurrent

T, B, M, N = 5, 3, 2, 4
LENGTHS = [2, 5, 1]


def turned(x: Tensor, lengths: list[int]) -> Tensor:
    """Turn each row round within its steps, one step at a time."""
    out = torch.zeros_like(x)
    for row, length in enumerate(lengths):
        for step in range(length):
            out[step, row] = x[length - 1 - step, row]
    return out


def layer(**arguments: bool | str) -> Recurrent:
    made = Recurrent("lstm", M, N, **arguments).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("initial_state", ["zeros", "learned"])
def test_it_is_the_layer_on_the_turned_input(lengths: list[int] | None, initial_state: str) -> None:
    own, x = layer(initial_state=initial_state), draw(T, B, M)
    steps = lengths or [T] * B
    outputs, states = own(turned(x, steps), lengths=lengths)
    assert_equal(Reversed(own, aligned=False)(x, lengths=lengths), (outputs, states), "output")
    wanted = turned(outputs, steps)
    assert_equal(Reversed(own)(x, lengths=lengths), (wanted, states), "output")


def test_it_is_the_second_direction_of_a_layer_of_two() -> None:
    both = Recurrent("gru", M, N, bidirectional=True).double()
    one = Recurrent("gru", M, N).double()
    own = {name: getattr(both, f"{name}_reverse").detach() for name, _ in one.named_parameters()}
    one.load_state_dict(own)
    x, start = draw(T, B, M), draw_states(one, B)[0]
    outputs, states = both(x, torch.cat([torch.zeros_like(start), start]), lengths=LENGTHS)
    found = Reversed(one)(x, start, lengths=LENGTHS)
    assert_equal(found, (outputs[..., N:], states[1:]), "output")


def test_rows_may_come_first_and_gradients_flow() -> None:
    own = layer(batch_first=True)
    x = draw(B, T, M).requires_grad_()
    outputs, _ = Reversed(own, aligned=False)(x, lengths=LENGTHS)
    assert outputs.shape == (B, T, N)
    outputs[0, 0].sum().backward()
    assert x.grad is not None
    # the first output of the row of two steps saw its last step alone
    assert bool(x.grad[0, 1].any())
    assert not bool(x.grad[0, 0].any())


def test_it_is_copied_and_saved_and_says_what_it_is() -> None:
    one = Reversed(layer(), aligned=False)
    x = draw(T, B, M)
    for other in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert_equal(other(x)[0], one(x)[0], "bits")
    assert "aligned=False" in repr(one)
    assert one.output_size == N


def test_what_does_not_fit_is_refused() -> None:
    for wrong in (
        Recurrent("gru", M, N, num_layers=2),
        Recurrent("gru", M, N, bidirectional=True),
        Recurrent("gru", M, N, zoneout=0.1),
    ):
        with pytest.raises(CellError, match="one layer, one direction and no noise"):
            Reversed(wrong)
    with pytest.raises(ShapeError, match="length is from 0 to the 5 steps"):
        Reversed(layer())(draw(T, B, M), lengths=[6, 1, 1])
    with pytest.raises(ShapeError):
        Reversed(layer())(draw(T, B, M + 1))
