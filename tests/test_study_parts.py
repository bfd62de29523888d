"""What experiments are made of: their data, their training, their drawing."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from tests.tolerances import assert_equal
from torch import nn

from headgate.layers import Recurrent
from headgate.study import bottleneck, bounded, memory, word_order
from headgate.study.axes import Axis, number_axis, power_axis
from headgate.study.panels import Lines
from headgate.study.training import fit, opened, size_of, smallest


def chance() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def test_of_the_numbers_to_add_one_is_marked_in_each_half() -> None:
    x, sums = memory.draw_adding(9, 20, chance())
    for row in range(20):
        marked = [step for step in range(9) if x[step, row, 1] == 1]
        assert len(marked) == 2
        assert marked[0] < 4 <= marked[1]
        assert float(x[marked, row, 0].sum()) == float(sums[row])


def test_a_symbol_is_asked_for_as_many_steps_later_as_was_said() -> None:
    x, symbols = memory.draw_copying(5, 90, chance())
    assert x.shape == (6, 90, memory.SYMBOLS + 2)
    ids = x.argmax(-1)
    assert torch.equal(ids[0], symbols)
    assert (ids[1:5] == memory.SYMBOLS).all()
    assert (ids[5] == memory.SYMBOLS + 1).all()
    assert len(set(symbols.tolist())) == memory.SYMBOLS


def test_who_remembers_nothing_has_the_score_that_is_said() -> None:
    _, sums = memory.draw_adding(20, 100_000, chance())
    assert abs(float(sums.var()) - memory.MEAN) < 0.005
    for task in memory.TASKS.values():
        assert not task.is_solved(task.nothing)
        assert task.is_solved(task.solved)
    assert memory.TASKS["adding"].is_solved(0.0)
    assert memory.TASKS["copying"].is_solved(1.0)


def test_strings_are_turned_round() -> None:
    ids, lengths, out = bottleneck.draw(50, chance(), longest=6)
    assert set(lengths.tolist()) == set(range(1, 7))
    for row, length, back in zip(ids.tolist(), lengths.tolist(), out.tolist(), strict=True):
        assert back[:length] == row[:length][::-1]
        assert min(row[:length]) > bottleneck.EOS
        assert set(row[length:] + back[length:]) <= {bottleneck.PAD}


@pytest.mark.parametrize("question", word_order.QUESTIONS)
def test_sentences_of_a_pair_differ_in_order_alone(question: str) -> None:
    pairs = word_order.QUESTIONS[question]()
    assert all(Counter(pair.yes) == Counter(pair.no) for pair in pairs)
    sentences = [sentence for pair in pairs for sentence in pair]
    assert len(set(sentences)) == len(sentences)
    assert len({len(sentence) for sentence in sentences}) == 1


def test_no_sentence_is_both_learned_and_asked() -> None:
    learned, asked, words = word_order._divided(word_order.roles(), 0)
    known = {tuple(row) for row in learned[0].tolist()}
    assert not known & {tuple(row) for row in asked[0].tolist()}
    assert set(asked[0].flatten().tolist()) <= set(learned[0].flatten().tolist())
    assert int(learned[0].max()) == words - 1


def test_shuffling_keeps_the_words_and_no_order_of_one_part_is_that_of_the_other() -> None:
    ids = torch.arange(5).expand(40, 5)
    first, second = (word_order._shuffled((ids, ids[:, 0]), (0, n))[0] for n in (0, 1))
    assert torch.equal(first.sort(1).values, ids)
    assert len({tuple(row) for row in first.tolist()}) > 20
    assert not torch.equal(first, second)


def test_to_a_bag_the_sentences_of_a_pair_are_one() -> None:
    bag = word_order.Bag(word_order.TokenEmbedding(9, 4), 6)
    ids = torch.tensor([[1, 2, 3, 1, 4], [1, 4, 3, 1, 2]])
    one, other = bag(ids, torch.tensor([5, 5])).unbind()
    assert torch.equal(one, other)


@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_the_recurrent_weights_have_the_spectral_radius_that_is_said(radius: float) -> None:
    layer = Recurrent("rnn", 2, 12)
    bounded._scale(layer, radius)
    found = torch.linalg.eigvals(layer.get_parameter("weight_hh_l0").detach()).abs().max()
    assert_equal(found, torch.tensor(radius), "output")


def test_the_gate_that_keeps_begins_open() -> None:
    for cell, gate in (("lstm", "forget"), ("gru", "update")):
        layer = Recurrent(opened(cell, 3.0), 2, 4)
        _, _, trace = layer(torch.zeros(1, 1, 2), trace=True)
        assert_equal(trace[gate], torch.full_like(trace[gate], 1 / (1 + math.exp(-3))), "output")


@pytest.mark.parametrize(("size", "step"), [(1, 1), (6, 1), (7, 1), (100, 2), (101, 3)])
def test_the_smallest_width_is_what_counting_finds(size: int, step: int) -> None:
    def build(width: int) -> nn.Module:
        return nn.Linear(width, 2)  # 2 · width + 2

    width = step
    while size_of(build(width)) < size:
        width += step
    assert smallest(build, size, step=step) == width


def test_a_training_finds_a_line() -> None:
    torch.manual_seed(0)
    line, x = nn.Linear(1, 1), torch.linspace(-1, 1, 20)[:, None]
    fit(line, lambda: (line(x) - 3 * x + 1).square().mean(), steps=400, rate=0.05)
    assert [round(each.item(), 1) for each in (line.weight, line.bias)] == [3.0, -1.0]


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ((0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ((3.0, 98.0), ["0", "20", "40", "60", "80", "100"]),
        ((5.0, 5.0), ["5", "6"]),
    ],
)
def test_a_scale_begins_and_ends_at_round_numbers(
    ends: tuple[float, float], labels: list[str]
) -> None:
    axis = number_axis(ends, (10.0, 110.0))
    assert [label for _, label in axis.ticks] == labels
    assert 10 <= axis.place(ends[0]) <= axis.place(ends[1]) <= 110
    assert round(axis.place(axis.ticks[-1][0])) == 110


def test_powers_of_ten_lie_evenly() -> None:
    axis = power_axis((1e-4, 1.0), (100.0, 0.0))
    assert round(axis.place(1e-2)) == 50
    assert axis.place(0.0) == 100
    assert [label for _, label in power_axis((2.0, 2.0), (0, 1)).ticks] == ["1", "10¹"]


def test_named_values_lie_evenly_in_their_order() -> None:
    axis = Axis.of_ticks([10, 20, 200], (0.0, 30.0))
    assert [axis.place(value) for value in (10, 20, 200)] == [5, 15, 25]


def test_a_line_stops_where_it_is_not_finite_and_says_so() -> None:
    line = [(1.0, 1.0), (2.0, 10.0), (3.0, math.inf), (4.0, math.nan), (5.0, 1.0), (6.0, 2.0)]
    panel = Lines({"a": line}, "x", "y", powers=True)
    drawn = "\n".join(panel.draw(0.0))
    assert drawn.count("<polyline") == 2
    assert drawn.count("∞") == 1
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert "somewhere not finite" in panel.described()


def test_a_line_of_nothing_finite_is_drawn_and_said() -> None:
    panel = Lines({"a": [(1.0, math.inf)]}, "x", "y", powers=True)
    assert "no finite value" in panel.described()
    assert "<polyline" not in "\n".join(panel.draw(0.0))
