from __future__ import annotations

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.errors import ShapeError
from headgate.layers import Recurrent
from headgate.models.forecaster import Forecaster
from headgate.streaming import Stream


def network() -> Forecaster:
    found = Forecaster(Recurrent("gru", 6 + 4, 5), values=2, size=3, lagged=4, labels=[(3, 4)])
    for parameter in found.parameters():
        torch.nn.init.normal_(parameter)
    return found.eval()


def test_the_regression_moves_the_place_alone() -> None:
    model, x = network(), torch.randn(7, 3, 6)
    labels = torch.tensor([[0], [1], [2]])
    raw, _ = model(x, labels)
    assert raw.shape == (7, 3, 2, 3)
    with torch.no_grad():
        weight = model.direct.weight.clone()
        model.direct.weight.zero_()
        plain, _ = model(x, labels)
    assert_equal(raw[..., 1:], plain[..., 1:], "output")
    assert_equal(raw[..., 0], plain[..., 0] + x[..., :4] @ weight.T, "output")


def test_it_begins_at_nothing_but_the_regression() -> None:
    model = Forecaster(Recurrent("gru", 6, 5), values=2, size=3, lagged=4)
    raw, _ = model(torch.randn(4, 2, 6), torch.zeros(2, 0).long())
    assert float(raw[..., 0].detach().abs().max()) == 0.0


def test_a_row_alone_is_the_row_in_a_batch_and_a_stream_is_the_whole() -> None:
    model, x = network(), torch.randn(7, 3, 6)
    labels = torch.tensor([[0], [1], [2]])
    with torch.inference_mode():
        whole, state = model(x, labels, lengths=torch.tensor([7, 4, 2]))
        for row, length in enumerate((7, 4, 2)):
            alone, last = model(x[:length, row : row + 1], labels[row : row + 1])
            assert_equal(whole[:length, row], alone[:, 0], "output")
            assert_equal(state[:, row], last[:, 0], "output")
        stream = Stream(*model.parts)
        described = model.described(x, labels)
        for step in range(7):
            found = model.said(stream.step(described[step, 0]), x[step, 0])
            assert_equal(found, whole[step, 0], "output")


def test_layers_of_both_directions_or_too_few_features_are_refused() -> None:
    with pytest.raises(ShapeError, match="one direction"):
        Forecaster(Recurrent("gru", 6, 5, bidirectional=True), values=2, size=3, lagged=4)
    with pytest.raises(ShapeError, match="3 features, fewer than 4 lagged"):
        Forecaster(Recurrent("gru", 3, 5), values=2, size=3, lagged=4)
