"""The baselines, and the n-gram classifier on its own data and on real messages."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from headgate.errors import DataError, ShapeError
from headgate.evaluation import baselines
from headgate.evaluation.baselines import (
    NgramClassifier,
    copy_source,
    majority,
    most_frequent_target,
)
from headgate.evaluation.hashed_bags import batches, hash_texts

SMS = Path(__file__).parents[2] / "shared" / "data" / "sms_spam" / "sms.tsv"


def reports(rows: int = 240) -> tuple[list[str], Tensor]:
    rng = random.Random(rows)
    signs = [["rain", "storm", "비"], ["sun", "warm", "해"], ["snow", "ice", "눈"]]
    labels = [rng.randrange(3) for _ in range(rows)]
    filler = ["today", "there", "is", "much", "of", "it"]
    texts = [" ".join([*rng.choices(filler, k=4), rng.choice(signs[y])]) for y in labels]
    return texts, torch.tensor(labels)


def test_majority_is_the_first_of_the_most_frequent() -> None:
    assert majority(["b", "a", "a", "b", "c"]) == "b"
    assert majority([3]) == 3
    with pytest.raises(DataError, match="at least one training row"):
        majority([])


def test_translation_baselines() -> None:
    assert most_frequent_target(["no", "yes", "no"], rows=2) == ["no", "no"]
    sources = ["a", "b"]
    assert copy_source(sources) == sources


def test_the_classifier_learns_and_gives_probabilities() -> None:
    texts, labels = reports()
    model = NgramClassifier.fit(texts[:200], labels[:200], n_classes=3)
    probabilities = model.probabilities(texts[200:])
    assert probabilities.shape == (40, 3)
    assert torch.allclose(probabilities.sum(1), torch.ones(40))
    assert (probabilities.argmax(1) == labels[200:]).all()


def test_a_text_does_not_depend_on_its_neighbours() -> None:
    texts, labels = reports()
    model = NgramClassifier.fit(texts, labels, n_classes=3)
    together = model.probabilities([*texts[:3], "", "한국어 문장 비"])
    alone = [model.probabilities([text]) for text in [*texts[:3], "", "한국어 문장 비"]]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)
    assert int(together[-1].argmax()) == 0
    assert model.probabilities([]).shape == (0, 3)


def test_the_fit_is_the_minimum() -> None:
    texts, labels = reports(60)
    model = NgramClassifier.fit(texts, labels, n_classes=3)
    weight = model.weight.double().requires_grad_()
    bias = model.bias.double().requires_grad_()
    bags = baselines._tf_idf(hash_texts(texts, buckets=len(model.idf)), model.idf)
    dense = torch.zeros(60, len(model.idf), dtype=torch.float64)
    dense[bags.owners().long(), bags.features.long()] = bags.weights.double()
    loss = torch.nn.functional.cross_entropy(dense @ weight + bias, labels)
    (loss + weight.square().sum() / (2 * 60 * baselines._FIT)).backward()
    for part in (weight, bias):
        assert part.grad is not None
        assert part.grad.abs().max() < 1e-4


def test_texts_are_compared_in_one_form() -> None:
    composed, decomposed = hash_texts(["Café  au\tLAIT", "cafe\u0301 au lait "], buckets=2**18), 1
    half = int(composed.starts[decomposed])
    assert composed.features[:half].tolist() == composed.features[half:].tolist()


def test_bags_hold_words_pairs_and_runs() -> None:
    bags = hash_texts(["ab ab"], buckets=2**18)
    # Words: "ab" twice, "ab ab". Runs of " ab ab ", where " a", "ab", "b " come twice, as do
    # " ab" and "ab ", and " ab ": 3 of length 2, 3 of 3 with "b a", 3 of 4, 3 of 5.
    assert len(bags.features) == 2 + 3 + 3 + 3 + 3
    assert bags.weights.sum() == 3 + 6 + 5 + 4 + 3
    assert bags.starts.tolist() == [0]


def test_hashing_in_parts_is_hashing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, _ = reports(50)
    whole = hash_texts(texts, buckets=2**12)
    monkeypatch.setattr("headgate.evaluation.hashed_bags._CHARACTERS_AT_ONCE", 200)
    parts = hash_texts(texts, buckets=2**12)
    for name in ("features", "weights", "starts"):
        assert torch.equal(getattr(whole, name), getattr(parts, name))
    short = hash_texts(texts, buckets=2**12, most_entries=len(whole.features) // 2)
    read = len(short.starts)
    assert 0 < read < 50
    assert torch.equal(short.starts, whole.starts[:read])


def test_too_many_texts_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = reports()
    monkeypatch.setattr("headgate.evaluation.hashed_bags._CHARACTERS_AT_ONCE", 600)
    monkeypatch.setattr("headgate.evaluation.baselines._MOST_ENTRIES", 12_000)
    models = [NgramClassifier.fit(texts, labels, n_classes=3, seed=s) for s in (0, 0, 1)]
    assert 0 < models[0].texts_read < 240
    assert torch.equal(models[0].bias, models[1].bias)
    assert not torch.equal(models[0].bias, models[2].bias)
    assert (models[0].probabilities(texts).argmax(1) == labels).float().mean() > 0.95


def test_odd_texts_and_classes() -> None:
    texts = ["", " ", "\ud800", "🙂" * 50, "x"]
    model = NgramClassifier.fit(texts, torch.tensor([0, 0, 1, 1, 1]), n_classes=1000)
    assert model.weight.numel() <= 2**23
    assert model.probabilities(texts).isfinite().all()


def test_a_huge_text_is_read_from_its_beginning() -> None:
    huge = "ab " * 1_000_000
    (part,) = batches([huge, "c"])
    assert [len(text) for text in part] == [100_000, 1]
    assert [len(part) for part in batches([huge] * 25)] == [10, 10, 5]
    assert len(hash_texts([huge], buckets=2**18).features) == 20  # the cut leaves an "a" at the end


def test_bad_input_is_named() -> None:
    with pytest.raises(DataError, match="row 2: the label must be a class from 0 to 1, got 2"):
        NgramClassifier.fit(["a", "b"], torch.tensor([0, 2]), n_classes=2)
    with pytest.raises(ShapeError, match=r"2 labels are wanted, one a text; got shape \(1,\)"):
        NgramClassifier.fit(["a", "b"], torch.tensor([0]), n_classes=2)
    with pytest.raises(DataError, match="got none"):
        NgramClassifier.fit([], torch.zeros(0, dtype=torch.long), n_classes=2)


@pytest.mark.skipif(not SMS.exists(), reason="the SMS messages are not there")
def test_spam_is_told_from_ham() -> None:
    lines = sorted(set(SMS.read_text(encoding="utf-8").splitlines()))  # repeats would leak
    random.Random(0).shuffle(lines)
    labels = torch.tensor([line.startswith("spam\t") for line in lines]).long()
    texts = [line.split("\t", 1)[1] for line in lines]
    model = NgramClassifier.fit(texts[:4000], labels[:4000], n_classes=2)
    found = model.probabilities(texts[4000:]).argmax(1)
    assert (found == labels[4000:]).float().mean() > 0.975
