from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import classifier, reviews, train_classifier, write_reviews

from headgate.errors import DataError, ShapeError, UnknownNameError
from headgate.tasks import Examples
from headgate.tasks.classify import Classify
from headgate.training import Plan

SMALL: dict[str, Any] = {"hidden_size": 8, "embedding_size": 8, "unit": "word"}
EAGER: dict[str, Any] = {
    "epochs": 12,
    "learning_rate": 0.03,
    "average": 0.0,
    "dropout": 0.0,
    "embedding_dropout": 0.0,
    "token_dropout": 0.0,
}


def examples(rows: list[tuple[str, str]]) -> Examples:
    return Examples([text for text, _ in rows], [label for _, label in rows])


def learn(rows: list[tuple[str, str]] | None = None, **settings: Any) -> Classify:
    torch.manual_seed(0)
    return Classify.learn(examples(rows or reviews()), SMALL | settings)


def loss_of(task: Classify, rows: list[int]) -> float:
    task.network.eval()
    train = examples(reviews())
    with torch.no_grad():
        return task.learner(train, train, Plan()).loss(rows).item()


@pytest.mark.parametrize("text", ["a warm film", "정말 따뜻한 영화", "x", "🙂", "한" * 600])
def test_probabilities_sum_to_one_and_name_every_class(text: str) -> None:
    answer = classifier().predict(text)
    assert set(answer.probabilities) == {"bad", "good"}
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.probability == max(answer.probabilities.values())
    assert str(answer) == f"{answer.label} ({answer.probability:.3f})"


def test_korean_is_learned(tmp_path: Path) -> None:
    words = {"좋음": ["훌륭하다", "따뜻하다"], "나쁨": ["지루하다", "형편없다"]}
    labels = list(words)
    rows = [
        (f"이 영화 {n}편은 {words[labels[n % 2]][n // 2 % 2]}", labels[n % 2]) for n in range(80)
    ]
    model = train_classifier(write_reviews(tmp_path, rows), **EAGER)
    answers = model.predict(["이 영화 999편은 훌륭하다", "이 영화 998편은 지루하다"])
    assert [answer.label for answer in answers] == ["좋음", "나쁨"]
    assert model.metrics["test"]["accuracy"]["value"] == 1
    assert "f1:좋음" in model.metrics["test"] or "f1:나쁨" in model.metrics["test"]


def test_three_classes(tmp_path: Path) -> None:
    rows = [(f"the {name} of {n}", name) for n in range(30) for name in ("cat", "dog", "owl")]
    model = train_classifier(write_reviews(tmp_path, rows), **EAGER)
    answers = model.predict(["an owl", "the dog", "cat"])
    assert [answer.label for answer in answers] == ["owl", "dog", "cat"]
    assert list(answers[0].row()) == ["prediction", "probability", "p(cat)", "p(dog)", "p(owl)"]
    assert model.metrics["test"]["accuracy"]["baseline"] is not None


def test_balanced_weights_raise_the_loss_of_the_rarer_class() -> None:
    """Of 60 rows 20 are bad: alone each class costs the same; together the bad count double."""
    plain, balanced = learn(), learn(class_weights="balanced")
    bad, good = [0, 3], [1, 2]
    assert loss_of(plain, bad) == pytest.approx(loss_of(balanced, bad))
    assert loss_of(plain, good) == pytest.approx(loss_of(balanced, good))
    both = [0, 1]
    one, other = loss_of(plain, [0]), loss_of(plain, [1])
    assert loss_of(plain, both) == pytest.approx((one + other) / 2)
    assert loss_of(balanced, both) == pytest.approx((2 * one + other) / 3)
    assert one != pytest.approx(other)


def test_a_tuned_threshold_is_the_best_on_the_validation_part() -> None:
    task = learn(threshold="tune")
    valid = examples(reviews(30))
    before = task.probabilities(valid.inputs)[:, task.rarer]
    task.finish(valid)
    chosen = task.settings.threshold
    assert isinstance(chosen, float)
    assert 0 < chosen < 1
    wanted = task.encode_targets(valid.targets) == task.rarer

    def f1(threshold: float) -> float:
        found = before >= threshold
        return 2 * int((found & wanted).sum()) / max(1, int(found.sum()) + int(wanted.sum()))

    assert f1(chosen) >= max(f1(float(value)) for value in before) - 1e-6
    labels = [answer.label for answer in task.predict(valid.inputs)]
    assert labels == ["bad" if value >= chosen else "good" for value in before.tolist()]


@pytest.mark.parametrize(("threshold", "label"), [(0.0, "bad"), (1.0, "good")])
def test_a_threshold_decides_for_the_rarer_class(threshold: float, label: str) -> None:
    task = learn(threshold=threshold)
    assert task.labels.classes[task.rarer] == "bad"
    assert {answer.label for answer in task.predict(["a", "b", "c"])} == {label}


def test_a_threshold_for_three_classes_is_refused() -> None:
    with pytest.raises(DataError, match="parts two classes, but there are 3"):
        learn([*reviews(), ("so so", "mixed")], threshold="tune")


@pytest.mark.parametrize("name", ["embedding_dropout", "threshold", "token_dropout"])
def test_a_probability_is_from_0_to_1(name: str) -> None:
    with pytest.raises(ShapeError, match=rf"{name} is a probability from 0 to 1, not 1\.5"):
        learn(**dict[str, Any]({name: 1.5}))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"class_weights": "equal"}, "unknown class_weights 'equal'"),
        ({"threshold": "best"}, "unknown threshold 'best'"),
        ({"pool": "median"}, "median"),
        ({"unit": "letter"}, "letter"),
        ({"cell": "grru"}, "unknown cell 'grru'; did you mean 'gru'"),
        ({"options": {"rest": "x"}}, "unknown option of the cell 'gru' 'rest'"),
    ],
)
def test_an_unknown_choice_is_said(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownNameError, match=said):
        learn(**setting)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mgu", "jordan"])
@pytest.mark.parametrize("pool", ["last", "mean+max"])
def test_every_cell_and_pool_classifies(cell: str, pool: str) -> None:
    task = learn(cell=cell, pool=pool)
    found = task.probabilities(["a warm film", "b"])
    assert found.shape == (2, 2)
    assert found.sum(1).tolist() == pytest.approx([1.0, 1.0])


def test_case_is_dropped_only_where_it_is_wanted() -> None:
    kept, dropped = learn(), learn(lowercase=True)
    spelt = ["A WARM film", "a warm film"]
    assert len({tuple(ids) for ids in kept.encode_rows(spelt)}) == 2
    assert len({tuple(ids) for ids in dropped.encode_rows(spelt)}) == 1


def test_long_texts_are_cut_and_it_is_said() -> None:
    task = learn(longest=3)
    first, second = task.encode_rows(["a warm fine film", "a warm fine dull"])
    assert first == second
    notes = task.evaluate(examples([("a warm fine film", "good"), ("a b", "bad")]), None).notes
    assert notes == ["1 texts are read to their token 3"]


def test_scores_stand_beside_majority_and_a_linear_model() -> None:
    task, train = learn(), examples(reviews())
    found = task.evaluate(examples(reviews(30)), train)
    assert set(found.baselines) == {"majority", "linear n-grams"}
    assert found.baselines["majority"]["accuracy"] == pytest.approx(20 / 30)
    assert found.scores["accuracy"].baseline == max(
        own["accuracy"] for own in found.baselines.values()
    )
    assert set(task.evaluate(examples(reviews(30)), None).baselines) == {"majority"}


def test_notes_name_the_classes() -> None:
    assert learn().notes()[0] == "2 classes: bad 20, good 40"
