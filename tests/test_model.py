"""The laws of the public model: what is saved, repeated, kept apart and left alone."""

from __future__ import annotations

import csv
import json
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import (
    classifier,
    norms,
    reviews,
    table_of,
    train_classifier,
    train_translator,
    translator,
    write_csv,
    write_norms,
    write_reviews,
)

from headgate.data.columns import Table
from headgate.errors import (
    DataError,
    OutputExistsError,
    TrainingError,
    UnknownNameError,
)
from headgate.model import Model, load, train
from headgate.tasks import classify, translate

TEXTS = ["a warm film", "지루한 영화 number 999", "!", "a " * 700]


def weights(model: Model) -> dict[str, torch.Tensor]:
    return model.task.network.state_dict()


def same(one: Model, other: Model) -> bool:
    mine, theirs = weights(one), weights(other)
    return mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)


def test_a_saved_classifier_answers_to_the_bit(tmp_path: Path) -> None:
    classifier().save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert same(again, classifier())
    assert again.predict(TEXTS) == classifier().predict(TEXTS)
    assert again.config == classifier().config
    assert again.metrics == json.loads(json.dumps(classifier().metrics))
    assert again.history == classifier().history


def test_a_saved_translator_answers_to_the_bit(tmp_path: Path) -> None:
    translator().save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert same(again, translator())
    assert again.predict(["no. 12", "?"]) == translator().predict(["no. 12", "?"])
    assert repr(again) == "Model(translate: text → norm)"


def test_a_model_may_be_saved_again_and_is_the_same_file(tmp_path: Path) -> None:
    classifier().save(tmp_path / "one")
    load(tmp_path / "one").save(tmp_path / "two")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


@pytest.mark.parametrize("make", [train_classifier, train_translator])
def test_one_seed_gives_one_model_and_another_another(make: Any, tmp_path: Path) -> None:
    write = write_reviews if make is train_classifier else write_norms
    data = write(tmp_path)
    first, torch_state = make(data, seed=5), torch.get_rng_state()
    torch.manual_seed(999)
    again, other = make(data, seed=5), make(data, seed=6)
    assert same(first, again)
    assert not same(first, other)
    assert not torch.equal(torch_state, torch.get_rng_state())


@pytest.mark.usefixtures("unchecked")  # the type checker itself draws at random
def test_the_users_chance_is_left_alone(tmp_path: Path) -> None:
    import numpy

    numpy.random.seed(3)
    before = (torch.get_rng_state(), random.getstate(), pickle.dumps(numpy.random.get_state()))
    train_classifier(write_reviews(tmp_path))
    assert torch.equal(before[0], torch.get_rng_state())
    assert random.getstate() == before[1]
    assert pickle.dumps(numpy.random.get_state()) == before[2]


def test_metrics_have_their_form(tmp_path: Path) -> None:
    classifier().save(tmp_path / "m")
    found = json.loads((tmp_path / "m" / "metrics.json").read_text(encoding="utf-8"))
    for name in ("accuracy", "macro_f1"):
        score = found["test"][name]
        assert set(score) == {"value", "low", "high", "baseline"}
        assert 0 <= score["low"] <= score["value"] <= score["high"] <= 1
        assert 0 <= score["baseline"] <= 1
    assert {"majority", "linear n-grams"} == set(found["baselines"])
    assert found["training"]["epochs"] == 2
    assert found["training"]["reason"] == "2 epochs"


def test_the_history_has_a_row_for_each_validation(tmp_path: Path) -> None:
    train_classifier(write_reviews(tmp_path), epochs=45, out=tmp_path / "m")
    with open(tmp_path / "m" / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {"epoch", "step", "seconds", "train_loss", "valid_loss", "valid_accuracy"} <= set(
        rows[0]
    )
    assert len(rows) > 1
    steps = [float(row["step"]) for row in rows]
    assert steps == sorted(set(steps))


def test_the_card_holds_the_figures(tmp_path: Path) -> None:
    classifier().save(tmp_path / "m")
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    score = classifier().metrics["test"]["accuracy"]
    assert f"| accuracy | {score['value']:.3f} | {score['low']:.3f} to {score['high']:.3f}" in card
    assert "classify: review → label" in card
    assert "reviews.csv" in card
    assert "60 rows" in card
    assert "seed 42" in card
    assert "linear n-grams" in card or f"{score['baseline']:.3f}" in card


def _inputs_seen(
    monkeypatch: pytest.MonkeyPatch, data: Path, make: Any, kind: Any
) -> dict[str, list]:
    """Note which inputs training, validation and judgement get to see."""
    seen: dict[str, list] = {}
    learner, judged = kind.learner, kind.evaluate

    def noted(task: Any, train: Any, valid: Any, plan: Any) -> Any:
        seen["train"], seen["valid"] = list(train.inputs), list(valid.inputs)
        return learner(task, train, valid, plan)

    def judging(task: Any, examples: Any, train: Any) -> Any:
        seen["test"] = list(examples.inputs)
        return judged(task, examples, train)

    monkeypatch.setattr(kind, "learner", noted)
    monkeypatch.setattr(kind, "evaluate", judging)
    make(data)
    return seen


@pytest.mark.parametrize(
    ("make", "kind", "rows"),
    [
        (train_classifier, classify.Classify, reviews() + reviews()[:20]),
        (train_translator, translate.Translate, norms() + norms()[:20]),
    ],
)
def test_no_input_stands_on_two_sides(
    make: Any, kind: Any, rows: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = write_reviews if make is train_classifier else write_norms
    seen = _inputs_seen(monkeypatch, write(tmp_path, rows), make, kind)
    parts = [set(seen[name]) for name in ("train", "valid", "test")]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 60
    assert sum(len(seen[name]) for name in seen) == 80


def test_the_test_part_is_in_no_batch_and_no_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text has a word of its own; those of the test part are unknown words to the model."""
    rows = [(f"{text} mark{number}", label) for number, (text, label) in enumerate(reviews())]
    batched: list[str] = []
    loss = classify._Learner.loss

    def noted(learner: Any, batch: list[int]) -> torch.Tensor:
        decode = learner.task.reading.text.decode
        batched.extend(decode(learner.rows[row]) for row in batch)
        return loss(learner, batch)

    monkeypatch.setattr(classify._Learner, "loss", noted)
    data = write_reviews(tmp_path, rows)
    monkeypatch.setattr(
        classify.Classify, "evaluate", _keep(classify.Classify.evaluate, kept := [])
    )
    train_classifier(data)
    words = {word for text in batched for word in text.split()}
    marks = {text.split()[-1] for text in kept}
    assert len(marks) == 6
    assert marks.isdisjoint(words)
    assert "film" in words or "영화" in words


def _keep(judged: Any, kept: list[str]) -> Any:
    def judging(task: Any, examples: Any, train: Any) -> Any:
        kept.extend(examples.inputs)
        return judged(task, examples, train)

    return judging


@pytest.mark.parametrize("make", [classifier, translator])
def test_an_answer_does_not_depend_on_its_batch_mates(make: Any) -> None:
    texts = ["no. 12", "a warm film of some length", "x", *(f"a {n} b" for n in range(70))]
    together = make().predict(texts)
    for text, answer in zip(texts[:4], together[:4], strict=True):
        alone = make().predict(text)
        assert alone.row()["prediction"] == answer.row()["prediction"]
        if make is classifier:
            assert alone.probabilities == pytest.approx(answer.probabilities, rel=1e-5)
        else:
            assert alone.log_probability == pytest.approx(answer.log_probability, rel=1e-4)


def test_one_text_has_one_answer_and_several_a_list() -> None:
    one, several = classifier().predict("a film"), classifier().predict(["a film"])
    assert several == [one]
    assert classifier().predict([]) == []


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="row 2: the text is empty"):
        classifier().predict(["a film", text])
    with pytest.raises(DataError, match="the text is empty"):
        classifier().inspect(text)


def test_evaluate_takes_a_file_or_a_table(tmp_path: Path) -> None:
    table = table_of(tmp_path, reviews(), ["review", "label"])
    by_file = classifier().evaluate(write_reviews(tmp_path)).scores
    assert classifier().evaluate(table).scores == by_file
    assert isinstance(table, Table)


def test_evaluate_names_the_row_of_an_unseen_label(tmp_path: Path) -> None:
    data = write_reviews(tmp_path, [*reviews(4), ("a film", "mixed")])
    with pytest.raises(DataError, match="row 6, column 'label': unknown label 'mixed'; known: bad"):
        classifier().evaluate(data)


def test_an_unseen_label_of_a_test_file_is_named_with_its_place(tmp_path: Path) -> None:
    test = write_csv(tmp_path / "test.csv", [("a film", "mixed")], ["review", "label"])
    with pytest.raises(DataError, match=r"test\.csv, row 2, column 'label': unknown label 'mixed'"):
        train_classifier(write_reviews(tmp_path), test=str(test))


def test_inspect_shows_every_gate_at_every_token() -> None:
    seen = classifier().inspect("a warm film")
    assert len(seen.tokens) == 3
    assert {"reset", "update", "candidate"} <= set(seen.trace)
    assert all(gate.shape == (2, 3, 8) for gate in seen.trace.values())
    assert seen.attention is None
    looked = translator().inspect("no. 12").attention
    assert looked is not None
    assert looked.weights.sum(1).tolist() == pytest.approx([1.0] * len(looked.target))


def test_out_is_refused_before_the_data_is_read(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine").touch()
    with pytest.raises(OutputExistsError, match="is there already"):
        train("no such file.csv", input="a", target="b", out=tmp_path / "m")
    with pytest.raises(OutputExistsError, match="is there already"):
        classifier().save(tmp_path / "m")


def test_an_empty_directory_may_be_taken(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    classifier().save(tmp_path / "m")
    assert load(tmp_path / "m").predict("a film") == classifier().predict("a film")
    assert not (tmp_path / "m" / ".unfinished").exists()


def test_what_is_decided_is_said(tmp_path: Path) -> None:
    lines: list[str] = []
    train_classifier(write_reviews(tmp_path, reviews() + reviews()[:9]), say=lines.append)
    said = "\n".join(lines)
    assert "9 repeats of an input stay on one side" in said
    assert "seed 42" in said
    assert "2 classes: bad" in said
    assert "threads: 1" in said


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"cell": "grru"}, UnknownNameError, "unknown cell 'grru'"),
        ({"task": "tagg"}, UnknownNameError, "unknown task 'tagg'"),
        ({"hiden_size": 3}, UnknownNameError, "unknown setting 'hiden_size'"),
        ({"epochs": 0}, TrainingError, "epochs is at least 1, not 0"),
        ({"valid": 0.7, "test": 0.4}, DataError, "below 1 in all"),
    ],
)
def test_a_wrong_argument_is_said(
    changed: dict[str, Any], error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        train_classifier(write_reviews(tmp_path), **changed)


def test_a_column_may_be_an_int(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", reviews(), reviews(61)[-1])
    assert train_classifier(data, input=1, target=2).config["data"]["input"] == "1"


def test_too_few_rows_are_named_with_the_file(tmp_path: Path) -> None:
    data = write_reviews(tmp_path, reviews(2))
    with pytest.raises(DataError, match=r"reviews\.csv: 2 rows with 2 distinct inputs are too few"):
        train_classifier(data)


def test_evaluate_takes_other_columns_than_those_of_training(tmp_path: Path) -> None:
    wanted = classifier().evaluate(write_reviews(tmp_path)).scores
    other = write_csv(tmp_path / "other.csv", reviews(), ["text", "stars"])
    assert classifier().evaluate(other, input="text", target=2).scores == wanted
    table = table_of(tmp_path, reviews(), ["text", "stars"])
    assert classifier().evaluate(table, input=1, target="stars").scores == wanted
    with pytest.raises(DataError, match=r"no column 'label'.* columns: 'text', 'stars'"):
        classifier().evaluate(table, input="text")
