from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from headgate.decoding.ctc import best_path, collapse, frames_needed, prefix_search
from headgate.errors import HeadgateError, ShapeError

BLANK = 1


def every_labelling(log_probabilities: Tensor) -> dict[tuple[int, ...], float]:
    """The probability of each labelling: the sum over every path there is."""
    steps, symbols = log_probabilities.shape
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(symbols), repeat=steps):
        labels = [key for key, _ in itertools.groupby(path)]
        left = tuple(label for label in labels if label != BLANK)
        value = sum(float(log_probabilities[t, symbol]) for t, symbol in enumerate(path))
        found[left] = found.get(left, 0.0) + math.exp(value)
    return found


def draw(steps: int, symbols: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    scores = 2 * torch.randn(steps, symbols, generator=generator, dtype=torch.float64)
    return scores.log_softmax(1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("steps", "symbols"), [(1, 2), (2, 3), (4, 3), (5, 4), (6, 3)])
def test_a_wide_search_finds_every_labelling_with_its_probability(
    steps: int, symbols: int, seed: int
) -> None:
    given = draw(steps, symbols, seed)
    expected = every_labelling(given)
    found = prefix_search(given, blank=BLANK, width=5000, n_best=5000)
    assert {each.labels for each in found} == expected.keys()
    for each in found:
        assert math.exp(each.log_probability) == pytest.approx(expected[each.labels], rel=1e-9)
    values = [each.log_probability for each in found]
    assert values == sorted(values, reverse=True)
    assert sum(map(math.exp, values)) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_a_narrow_search_claims_no_more_than_there_is(seed: int) -> None:
    given = draw(6, 3, seed)
    expected = every_labelling(given)
    for width in (1, 2, 4):
        found = prefix_search(given, blank=BLANK, width=width, n_best=width)
        assert len({each.labels for each in found}) == len(found) == width
        for each in found:
            assert math.exp(each.log_probability) <= expected[each.labels] * (1 + 1e-9)


def slow_search(log_probabilities: Tensor, width: int) -> dict[tuple[int, ...], float]:
    """The same beam, which tries every label after every prefix, with plain probabilities."""
    beam = {(): (1.0, 0.0)}
    for frame in log_probabilities.exp().tolist():
        grown: dict[tuple[int, ...], list[float]] = {}
        for prefix, (by_blank, by_label) in beam.items():
            for symbol, p in enumerate(frame):
                if symbol == BLANK:
                    grown.setdefault(prefix, [0, 0])[0] += (by_blank + by_label) * p
                elif prefix and symbol == prefix[-1]:
                    grown.setdefault(prefix, [0, 0])[1] += by_label * p
                    grown.setdefault((*prefix, symbol), [0, 0])[1] += by_blank * p
                else:
                    grown.setdefault((*prefix, symbol), [0, 0])[1] += (by_blank + by_label) * p
        best = sorted(grown.items(), key=lambda pair: -sum(pair[1]))[:width]
        beam = {prefix: (both[0], both[1]) for prefix, both in best}
    return {prefix: sum(both) for prefix, both in beam.items()}


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(8))
def test_labels_that_are_not_tried_would_not_have_stayed(width: int, seed: int) -> None:
    given = draw(15, 12, seed)
    found = prefix_search(given, blank=BLANK, width=width, n_best=width)
    expected = slow_search(given, width)
    assert {each.labels for each in found} == expected.keys()
    for each in found:
        assert math.exp(each.log_probability) == pytest.approx(expected[each.labels], rel=1e-9)


def test_the_probability_is_that_of_the_loss() -> None:
    given = draw(30, 4, 0)
    [best] = prefix_search(given, blank=BLANK, width=200)
    target = torch.tensor([best.labels])
    sizes = torch.tensor([30]), torch.tensor([len(best.labels)])
    loss = functional.ctc_loss(given[:, None], target, *sizes, blank=BLANK)
    assert -best.log_probability == pytest.approx(float(loss) * len(best.labels), rel=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_the_best_path_is_the_likeliest_of_all(seed: int) -> None:
    given = draw(5, 3, seed)
    paths = itertools.product(range(3), repeat=5)
    path = max(paths, key=lambda p: sum(float(given[t, s]) for t, s in enumerate(p)))
    found = best_path(given, blank=BLANK)
    assert found.labels == collapse(path, BLANK)
    assert found.log_probability == pytest.approx(
        sum(float(given[t, s]) for t, s in enumerate(path))
    )


def test_the_search_beats_the_best_path_where_many_paths_say_the_same() -> None:
    # Graves' example: the blank is likeliest at both frames, and yet something is said
    given = torch.tensor([[0.4, 0.6], [0.4, 0.6]]).log()
    assert best_path(given, blank=1).labels == ()
    [found] = prefix_search(given, blank=1, width=4)
    assert found.labels == (0,)
    assert math.exp(found.log_probability) == pytest.approx(0.64)


def test_certain_frames_and_no_frames() -> None:
    sure = torch.full((5, 3), -math.inf)
    sure[range(5), [0, 0, 1, 0, 2]] = 0.0
    assert prefix_search(sure, blank=1, width=3)[0].labels == (0, 0, 2)
    assert prefix_search(sure, blank=1, width=3)[0].log_probability == 0.0
    nothing = torch.zeros(0, 3)
    assert prefix_search(nothing, blank=1, width=3)[0].labels == ()
    assert best_path(nothing, blank=1).labels == ()


@pytest.mark.parametrize(
    ("path", "labels", "needed"),
    [([], (), 0), ([0, 0], (), 0), ([1, 1], (1,), 1), ([1, 0, 1, 2, 2], (1, 1, 2), 4)],
)
def test_paths_collapse(path: list[int], labels: tuple[int, ...], needed: int) -> None:
    assert collapse(path, 0) == labels
    assert frames_needed(labels) == needed


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="the blank is one of 3 symbols, got 3"):
        best_path(torch.zeros(2, 3), blank=3)
    with pytest.raises(HeadgateError, match="n_best is from 1 to the width of the beam: 3 of 2"):
        prefix_search(torch.zeros(2, 3), blank=0, width=2, n_best=3)
