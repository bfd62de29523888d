"""A captioner: its equations, and that steps, batches and absent places agree."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.decoding import Penalties, Rows, beam
from headgate.equations.attention import SCORES
from headgate.errors import CellError, UnknownNameError
from headgate.layers.convolution import PlaceEncoder
from headgate.models import ORDERS, Captioner, TokenEmbedding
from headgate.models.captioner import PlaceFeatures, build_captioner

V, E, N, M = 9, 4, 6, 3


def build(order: str = "luong", *, pictures: bool = False, **options: Any) -> Captioner:
    encoder: PlaceEncoder | PlaceFeatures = PlaceFeatures([1.0, 2.0, 0.0], [2.0, 1.0, 0.5], 5)
    if pictures:
        encoder = PlaceEncoder(1, (2, 2), 5, mean=[90.0], scale=[50.0], width=2)
    wishes = {"hidden_size": N, "attention": "general", "cell": "lstm"} | options
    if wishes["attention"] == "location":
        wishes["max_source"] = 7
    return build_captioner(encoder, TokenEmbedding(V, E), order=order, **wishes).double().eval()


def features(rows: int = 3, places: int = 5) -> Tensor:
    return torch.randn(rows, places, M, dtype=torch.float64)


def words(rows: int = 3, steps: int = 4) -> Tensor:
    return torch.randint(1, V, (rows, steps))


@pytest.mark.parametrize("layers", [1, 2])
def test_the_first_state_is_the_mean_of_the_places(layers: int) -> None:
    network, source = build(num_layers=layers), features(1)
    memory = network.encode(source)
    x = (source[0] - torch.tensor([1.0, 2.0, 0.0])) / torch.tensor([2.0, 1.0, 0.5])
    linear: Any = network.encoder.linear
    places = x.double() @ linear.weight.T + linear.bias
    for state, start in zip(memory.states, network.start, strict=True):
        wanted: Any = torch.tanh(start.weight @ places.mean(0) + start.bias)  # type: ignore[operator]
        assert state.shape == (layers, 1, N)
        assert_equal(state.flatten(), wanted, "output")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("score", sorted(SCORES))
def test_absent_places_change_nothing(order: str, score: str) -> None:
    if score in ("dot", "scaled"):
        network = build(order, attention=score, hidden_size=5)
    else:
        network = build(order, attention=score)
    source, given, lengths = features(), words(), torch.tensor([5, 2, 4])
    spoilt = source.clone()
    for row, length in enumerate(lengths.tolist()):
        spoilt[row, length:] = float("nan") if row == 1 else 1e6
    found = network.decode(given, network.encode(spoilt, lengths))
    for row, length in enumerate(lengths.tolist()):
        alone = network.decode(given[row][None], network.encode(source[row, :length][None]))
        assert_equal(found[0][row], alone[0][0], "output")
        assert found[2] is not None
        assert alone[2] is not None
        assert_equal(found[2][row, :, :length], alone[2][0], "output")
        assert not found[2][row, :, length:].any()


@pytest.mark.parametrize("order", ORDERS)
def test_steps_are_the_whole(order: str) -> None:
    network, source, given = build(order), features(), words()
    memory = network.encode(source)
    whole = network.logits(network.decode(given, memory)[0]).log_softmax(-1)
    for step in range(given.shape[1]):
        found, memory = network.step(given[:, step], memory)
        assert_equal(found, whole[:, step], "output")


def test_several_captions_share_a_picture() -> None:
    network = build(pictures=True)
    source = torch.randint(0, 256, (2, 1, 32, 32), dtype=torch.uint8)
    of, given = torch.tensor([0, 1, 0, 0]), words(4)
    shared = network.decode(given, network.select(network.encode(source), of))[0]
    apart = network.decode(given, network.encode(source[of]))[0]
    assert_equal(shared, apart, "output")


def test_a_beam_with_coverage_looks_at_every_place() -> None:
    network = build()
    limits = Rows(3, bos=2, eos=3, max_length=6)
    found = beam(network, network.encode(features()), limits, penalties=Penalties(1.0, 0.5))
    assert [len(each) for each in found] == [1, 1, 1]
    assert all(each[0].score < each[0].log_probability / 1.5 for each in found)


def test_without_attention_only_the_mean_is_known() -> None:
    network, source, given = build(attention=None), features(), words()
    features_, _, weights = network.decode(given, network.encode(source))
    assert weights is None
    turned = network.decode(given, network.encode(source.flip(1)))[0]
    assert_equal(features_, turned, "output")


def test_every_part_learns() -> None:
    network = build(pictures=True, order="input_feeding").train()
    source = torch.randint(0, 256, (2, 1, 32, 32), dtype=torch.uint8)
    found = network.decode(words(2), network.encode(source))[0]
    network.logits(found).logsumexp(-1).sum().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_a_wrong_order_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown order of attention 'loung'"):
        build("loung")
    with pytest.raises(CellError, match=r"takes what attention found"):
        build("bahdanau", attention=None)
