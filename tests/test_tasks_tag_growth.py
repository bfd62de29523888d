"""A tagger that goes on from a saved one, or begins with word vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.taggers import SMALL, finder, learn, people, train
from tests.tolerances import assert_equal

from headgate.data.examples import Examples
from headgate.errors import DataError, HeadgateError
from headgate.tasks.tag import Tag


def test_a_model_goes_on_with_new_words_letters_and_tags() -> None:
    base = finder()
    more = Examples([("Zoë", "flew", "to", "Oslo")] * 6, [("B-PER", "O", "O", "B-LOC")] * 6)
    task = learn(more, base)
    assert task.labels.classes == (*base.labels.classes, "B-LOC")
    words = people(9, 7).inputs
    assert task.reader.encode(words) == base.reader.encode(words)
    new = task.reader.words.encode("flew")[0]
    assert new >= len(base.reader.words)
    assert base.reader.words.encode("flew") == [base.reader.words.unk]
    assert task.settings.hidden_size == 16
    own, old = task.network.state_dict(), base.network.state_dict()
    assert {n for n in own if own[n].shape != old[n].shape} == {
        "embedding.table.weight",
        "spelling.embedding.table.weight",
        "head.1.weight",
        "head.1.bias",
        "crf.transitions",
        "crf.start",
        "crf.end",
    }
    train(task, more, epochs=25)
    assert task.predict(["Zoë flew to Oslo"])[0].tags == ("B-PER", "O", "O", "B-LOC")


@pytest.mark.parametrize(
    "changed", [{"crf": False}, {"characters": "none"}, {"scheme": "BIOES"}, {"hidden_size": 9}]
)
def test_what_fixes_the_weights_stays_when_a_model_goes_on(changed: dict[str, Any]) -> None:
    name = next(iter(changed))
    with pytest.raises(HeadgateError, match=rf"{name} is .* in the saved model"):
        learn(people(), learn(), **changed)


def vectors(folder: Path) -> str:
    path = folder / "vectors.txt"
    path.write_text("anna 1 0 0 0\nran 0 1 0 0\nflew 0 0 1 0\nunseen 0 0 0 1\n", encoding="utf-8")
    return str(path)


def test_vectors_begin_the_words_and_bring_new_ones(tmp_path: Path) -> None:
    file = {"vectors": vectors(tmp_path), "vectors_added": 1}
    task = Tag.learn(people(), {k: v for k, v in SMALL.items() if k != "embedding_size"} | file)
    weight = task.network.embedding.table.weight
    assert task.settings.embedding_size == weight.shape[1] == 4
    rows = [task.reader.words.encode(word)[0] for word in ("ANNA", "ran", "flew")]
    assert_equal(weight[rows], torch.eye(4)[:3], "bits")
    assert task.reader.words.encode("unseen") == [task.reader.words.unk]
    assert "vectors of 4 numbers for 2 of" in task.notes()[2]
    assert "1 further words of the file are known" in task.notes()[2]
    assert weight[task.reader.words.encode("home")].abs().sum() > 0


def test_frozen_vectors_stay(tmp_path: Path) -> None:
    settings = {"vectors": vectors(tmp_path), "train_vectors": False, "embedding_size": 4}
    task = learn(**settings)
    before = task.network.embedding.table.weight.clone()
    assert before[task.reader.words.encode("home")].abs().sum() == 0
    train(task, people())
    assert_equal(task.network.embedding.table.weight, before, "bits")
    assert task.saved_settings()["vectors"] == "vectors.txt"
    again = Tag.restore(task.saved_settings(), task.files())
    assert not again.network.embedding.table.weight.requires_grad


def test_vectors_of_another_size_or_language_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"its vectors have 4 numbers, but embedding_size is 8"):
        learn(vectors=vectors(tmp_path))
    other = Examples([("a", "b")] * 4, [("X", "Y")] * 4)
    with pytest.raises(DataError, match=r"none of 2 words has a vector there"):
        learn(other, vectors=vectors(tmp_path), embedding_size=4)


def test_where_vectors_are_frozen_no_word_is_new(tmp_path: Path) -> None:
    base = learn(vectors=vectors(tmp_path), train_vectors=False, embedding_size=4)
    more = Examples([("Zoë", "flew")] * 6, [("B-PER", "O")] * 6)
    task = learn(more, base)
    assert task.reader.words.encode("zoë") == [task.reader.words.unk]
    assert not task.network.embedding.table.weight.requires_grad
    again = learn(more, base, vectors=vectors(tmp_path), vectors_added=0)
    assert again.reader.words.encode("zoë") != [task.reader.words.unk]
