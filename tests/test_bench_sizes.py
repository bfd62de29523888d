from __future__ import annotations

import pytest
import torch

from headgate.bench.peak import peak, product, products
from headgate.bench.sizes import GATES, ROWS, Sizes
from headgate.bench.timing import Times


def test_operations_by_hand() -> None:
    # 2 steps · 3 rows: for each of 4 gates 5 units take 4 inputs and 5 units, a multiply-add each
    assert Sizes(2, 3, 4, 5).flops(4, training=False) == 2 * (2 * 3) * (4 * 5 * (4 + 5))
    assert Sizes(2, 3, 4, 5).flops(4, training=True) == 6480
    assert Sizes(25, 64, 512, 512).flops(GATES["lstm"], training=True) == 20_132_659_200


@pytest.mark.parametrize("cell", GATES)
def test_gates_are_those_of_torch(cell: str) -> None:
    layer = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}[cell](2, 3)
    assert GATES[cell] * 3 == layer.get_parameter("weight_ih_l0").shape[0]


def test_the_rows_are_distinct_and_every_section_has_some() -> None:
    for rows in ROWS.values():
        assert len(set(map(str, rows))) == len(rows) > 0


def test_the_products_of_a_row_have_its_shape() -> None:
    square, own = products(Sizes(2, 3, 4, 5), 4, threads=1)
    assert square.flops == 2 * 1024**3
    assert own.flops == 2 * (2 * 3) * 4 * (4 * 5)
    done = own.contestant.call()
    assert isinstance(done, torch.Tensor)
    assert done.shape == (6, 20)


def test_the_peak_is_the_fastest_product_on_those_threads() -> None:
    made = [product("a", (10, 10, 10), 1), product("b", (10, 10, 20), 1)]
    made.append(product("a", (10, 10, 10), 2))
    times = {"a@1": Times((1e-6,)), "b@1": Times((1e-6,)), "a@2": Times((1e-7,))}
    assert peak(times, made, 1) == pytest.approx(4000 / 1e-6 / 1e9)
    assert peak(times, made, 2) == pytest.approx(2000 / 1e-7 / 1e9)
