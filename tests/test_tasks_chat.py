"""Answers to what was said: what they are learned from, judged by, and drawn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import chatter, talks, train_chatter, write_csv

from headgate.errors import HeadgateError
from headgate.evaluation.diversity import distinct
from headgate.model import load
from headgate.tasks import Examples
from headgate.tasks.chat import Chat

SMALL: dict[str, Any] = {"hidden_size": 8, "embedding_size": 8, "unit": "character"}
SAID = ["are you 112?", "are you 7?"]


def examples(rows: list[tuple[str, str]]) -> Examples:
    return Examples([said for said, _ in rows], [answer for _, answer in rows])


def learn(rows: list[tuple[str, str]] | None = None, **settings: Any) -> Chat:
    torch.manual_seed(0)
    return Chat.learn(examples(talks() if rows is None else rows), SMALL | settings)


def test_both_sides_share_a_vocabulary_where_they_are_written_alike() -> None:
    same = learn([("where is it", "it is where"), ("is it where", "where it is")])
    assert same.source is same.target
    assert same.network.source is same.network.target
    assert same.settings.shared is True
    assert "both sides as characters, with one vocabulary of" in same.notes()[0]
    other = learn([("where is it", "저기 있어"), ("who is it", "나야 나")])
    assert other.source is not other.target
    assert other.settings.shared is False


def test_equal_questions_stay_on_one_side() -> None:
    rows = [(f"are you {number % 20}?", f"yes {number}") for number in range(60)]
    parts = Chat.divide(examples(rows), valid=0.2, test=0.2, seed=1)
    sides = [set(part.inputs) for part in parts.values()]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 20
    assert sum(map(len, parts.values())) == 60


def test_perplexity_is_that_of_held_out_answers_beside_a_unigrams() -> None:
    task, held = learn(), examples([("are you 5?", "yes, 5."), ("are you 6?", "no"), ("x", "no")])
    found = task.evaluate(held, None)
    nats, tokens = 0.0, 0
    for source, target in task.pairs(held):
        memory = task.network.encode(torch.tensor([source]), torch.tensor([len(source)]))
        last = task.target.bos
        for token in [*target, task.target.eos]:
            expected, memory = task.network.step(torch.tensor([last]), memory)
            nats -= float(expected[0, token].detach())
            tokens, last = tokens + 1, token
    score = found.scores["perplexity"]
    assert score.value == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    assert score.low <= score.value <= score.high
    assert set(found.scores) == {"perplexity"}
    assert (
        score.baseline
        == found.baselines["unigram"]["perplexity"]
        == pytest.approx(unigram(task, held))
    )
    assert any(f"over {tokens} of them, the end marks counted" in note for note in found.notes)


def unigram(task: Chat, held: Examples) -> float:
    counts: dict[int, int] = dict.fromkeys(range(len(task.target)), 1)
    for _, answer in talks():
        for token in [*task.target.encode(answer), task.target.eos]:
            counts[token] += 1
    whole, nats, tokens = sum(counts.values()), 0.0, 0
    for answer in held.targets:
        for token in [*task.target.encode(answer), task.target.eos]:
            nats, tokens = nats - math.log(counts[token] / whole), tokens + 1
    return math.exp(nats / tokens)


def test_its_answers_are_said_to_be_more_or_less_distinct() -> None:
    task = learn()
    found = task.evaluate(examples(talks(10)), None)
    texts = [answer.text for answer in task.predict([said for said, _ in talks(10)])]
    wanted = f"of its answers {distinct(texts, 1):.3f} and {distinct(texts, 2):.3f}"
    assert wanted in found.notes[0]


def test_it_learns_what_is_answered(tmp_path: Path) -> None:
    rows = [(f"{word} {n}", answer) for n in range(40) for word, answer in KNOWN.items()]
    data = write_csv(tmp_path / "talks.csv", rows, ["said", "answer"])
    eager = {"epochs": 80, "learning_rate": 0.03, "average": 0.0, "dropout": 0.0}
    model = train_chatter(data, hidden_size=16, label_smoothing=0.0, **eager)
    assert {word: model.predict(f"{word} 99").text for word in KNOWN} == KNOWN
    found = model.metrics["test"]["perplexity"]
    assert found["value"] < found["baseline"] / 2
    answers = model.task.sample(["hello 99"] * 50, seed=0, temperature=0.1)  # type: ignore[attr-defined]
    assert {each.text for each in answers} == {KNOWN["hello"]}


KNOWN = {"hello": "hi", "bye": "see you"}


def test_drawn_answers_hang_on_the_seed_and_the_number_of_the_line() -> None:
    task: Any = chatter().task
    together = [each.text for each in task.sample(SAID * 3, seed=4)]
    assert together == [each.text for each in task.sample(SAID * 3, seed=4)]
    assert len(set(together)) > 1
    one_by_one = [task.sample([said], seed=4, first=n)[0].text for n, said in enumerate(SAID * 3)]
    assert one_by_one == together
    assert task.sample([], seed=1) == []
    cold = [each.text for each in task.sample(SAID, temperature=0.0)]
    assert "<" not in "".join(together + cold)
    with pytest.raises(HeadgateError, match="temperature is a number of 0 or more"):
        task.sample(SAID, temperature=-1.0)
    with pytest.raises(HeadgateError, match="unknown setting 'warmth'"):
        task.sample(SAID, warmth=1.0)


def test_a_saved_model_answers_alike(tmp_path: Path) -> None:
    model: Any = chatter()
    model.save(tmp_path / "model")
    again: Any = load(tmp_path / "model")
    assert [str(each) for each in again.predict(SAID)] == [str(a) for a in model.predict(SAID)]
    assert again.task.sample(SAID, seed=1) == model.task.sample(SAID, seed=1)
    held = examples(talks(6))
    assert again.task.evaluate(held, None) == model.task.evaluate(held, None)
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert ("target.json" in names) == (not model.task.fields.shared)


@pytest.mark.parametrize("shared", [True, False])
def test_a_saved_model_goes_on_with_further_pairs(shared: bool) -> None:
    base = learn(shared=shared)
    further = examples([("are you é?", "yes, é! " * 20), ("are you ü?", "yes, ü!")])
    task = Chat.learn(further, {"dropout": 0.1}, base)
    assert task.settings.dropout == 0.1
    assert task.settings.hidden_size == 8
    assert task.fields.shared is shared
    for field, before in ((task.source, base.source), (task.target, base.target)):
        assert len(field) > len(before)
        assert field.encode("are you yes, 1.") == before.encode("are you yes, 1.")
    assert task.kept.length > base.kept.length
    assert Chat.learn(examples([("a", "b")]), {}, base).kept.length == base.kept.length
    for name, value in (("order", "bahdanau"), ("shared", not shared), ("attention", None)):
        with pytest.raises(HeadgateError, match=f"{name} is .* in the saved model"):
            Chat.learn(further, {name: value}, base)


def test_a_column_of_answers_is_wanted(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "talks.csv", talks(), ["said", "answer"])
    with pytest.raises(HeadgateError, match="name"):
        train_chatter(data, target=None)
