"""Scores of a language model: however the text is read, they are those of the whole run."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.tiny import verses
from tests.tolerances import assert_equal

from headgate.data.examples import Examples
from headgate.tasks import generate_judge
from headgate.tasks.generate import Generate
from headgate.tasks.generate_judge import streamed_surprises, surprises

SMALL: dict[str, Any] = {"hidden_size": 16, "embedding_size": 8}
TEXT = verses(30)
ROWS = ["one two", "three", "one four five"] * 3


def untrained(*texts: str, **settings: Any) -> Generate:
    torch.manual_seed(0)
    return Generate.learn(Examples(list(texts)), SMALL | settings)


def whole(task: Generate, ids: torch.Tensor) -> torch.Tensor:
    """One run over one text."""
    read = torch.tensor([[task.text.start, *ids.tolist()]])
    with torch.inference_mode():
        scores = task.network.eval()(read[:, :-1])[0][:, 0].log_softmax(-1)
    return -scores.gather(1, ids[:, None])[:, 0].double()


@pytest.mark.parametrize("steps", [1, 7, 1024])
@pytest.mark.parametrize("settings", [{}, {"cutoffs": [5, 9]}, {"tie": True, "unit": "word"}])
def test_chunks_change_nothing(
    steps: int, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate_judge, "_STEPS", steps)
    task = untrained(TEXT, **settings)
    ids = task.text.encode([TEXT[:90]])
    found = surprises(task, ids)
    assert found.dtype == torch.float64
    assert_equal(found.float(), whole(task, ids).float(), "output")


def test_several_texts_are_read_each_by_itself() -> None:
    task = untrained(*ROWS)
    found = surprises(task, task.text.encode(ROWS[:3]))
    each = [whole(task, task.text.encode([row])) for row in ROWS[:3]]
    assert_equal(found.float(), torch.cat(each).float(), "output")


@pytest.mark.parametrize("texts", [(TEXT,), ROWS])
def test_bytes_lose_little(texts: tuple[str, ...]) -> None:
    task = untrained(*texts)
    ids = task.text.encode(texts)[:60]
    lost = streamed_surprises(task, ids, "int8") - surprises(task, ids)
    assert 0 < float(lost.abs().max()) < 0.05
    found = task.evaluate(Examples(list(texts)), None, quantize="int8")
    assert sum(note.startswith("int8 loses") for note in found.notes) == 2


def test_the_scores_are_those_of_the_nats_beside_the_best_baseline() -> None:
    task = untrained(TEXT)
    found = task.evaluate(Examples([TEXT]), Examples([TEXT]))
    nats = whole(task, task.text.encode([TEXT]))
    perplexity, bits = found.scores["perplexity"], found.scores["bits_per_character"]
    assert perplexity.value == pytest.approx(math.exp(nats.mean()))
    assert bits.value == pytest.approx(float(nats.mean()) / math.log(2))
    assert list(found.baselines) == ["unigram", "5-gram"]
    assert perplexity.baseline == min(each["perplexity"] for each in found.baselines.values())
    assert found.baselines["5-gram"]["perplexity"] < 2 < found.baselines["unigram"]["perplexity"]
    assert found.notes == [f"perplexity is of {len(TEXT)} characters"]


def test_without_the_training_part_the_unigram_stays() -> None:
    task = untrained(TEXT, unit="word")
    assert list(task.evaluate(Examples([TEXT]), None).baselines) == ["unigram"]
    with_train = task.evaluate(Examples([TEXT]), Examples([TEXT]))
    assert list(with_train.baselines) == ["unigram", "3-gram"]


def test_unknown_words_and_characters_are_said() -> None:
    words = untrained(TEXT, unit="word")
    found = words.evaluate(Examples(["warm is new .\n"]), None)
    assert list(found.scores) == ["perplexity"]
    assert any("unknown" in note for note in found.notes)
    assert any(note.startswith("no bits_per_character") for note in found.notes)
    letters = untrained(TEXT).evaluate(Examples(["warm is X.\n"]), None)
    assert list(letters.scores) == ["perplexity", "bits_per_character"]
    assert letters.notes[1] == "1 of them are unknown, and foretold as <unk>"


def test_of_a_long_training_part_the_baseline_says_what_it_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generate_judge, "MOST_TOKENS", 50)
    found = untrained(TEXT).evaluate(Examples([TEXT]), Examples([TEXT]))
    assert found.notes[-1] == "the 5-gram model is of the last 50 tokens of training"
