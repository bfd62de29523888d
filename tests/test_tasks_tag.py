from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.taggers import ONE_WAY, finder, learn, people, train
from tests.tiny import tagger, write_people
from tests.tolerances import assert_equal

from headgate.data.columns import Table
from headgate.data.examples import Examples
from headgate.errors import DataError, HeadgateError, ShapeError, UnknownNameError
from headgate.model import load
from headgate.tasks.protocol import Task
from headgate.tasks.tag import Tag
from headgate.training import Plan


def table(*rows: tuple[Any, ...]) -> Table:
    return Table("a.conll", ("words", "tags"), rows, [4 * n + 1 for n in range(len(rows))], False)


@pytest.mark.parametrize("changed", [{"crf": False}, {"characters": "convolution"}])
def test_people_are_found(changed: dict[str, Any]) -> None:
    task = train(learn(**changed), people(), epochs=5)
    assert task.evaluate(people(30, 2), None).scores["f1"].value > 0.95


def test_an_answer_has_its_entities() -> None:
    found = finder().evaluate(people(30, 2), None)
    assert found.scores["f1"].value > 0.95
    assert list(found.scores) == ["f1", "precision", "recall", "accuracy"]
    answer = finder().predict(["집에 Anna Kim ran and 지민 갔다"])[0]
    assert [tuple(each) for each in answer.entities] == [
        ("PER", 1, 3, "Anna Kim"),
        ("PER", 5, 6, "지민"),
    ]
    assert answer.row() == {
        "prediction": ("O", "B-PER", "I-PER", "O", "O", "B-PER", "O"),
        "tokens": ("집에", "Anna", "Kim", "ran", "and", "지민", "갔다"),
        "entities": "PER: Anna Kim; PER: 지민",
    }
    assert str(answer).startswith("집에/O Anna/B-PER")


def test_the_task_keeps_the_protocol() -> None:
    assert isinstance(learn(), Task)


def test_scores_stand_beside_the_majority_and_each_words_own_tag() -> None:
    given = people(30, 3)
    found = learn().evaluate(given, people())
    tags = [tag for row in given.targets for tag in row]
    assert set(found.baselines) == {"majority tag", "each word's tag"}
    share = tags.count("O") / len(tags)
    assert found.baselines["majority tag"]["accuracy"] == pytest.approx(share)
    assert found.baselines["majority tag"]["f1"] == 0
    assert found.baselines["each word's tag"]["accuracy"] == 1  # here a word has but one tag
    assert found.scores["f1"].baseline == 1
    assert set(learn().evaluate(given, None).baselines) == {"majority tag"}


def test_plain_tags_have_their_accuracy_and_no_crf() -> None:
    examples = Examples([("a", "b"), ("b", "a")] * 9, [("DET", "NOUN"), ("NOUN", "DET")] * 9)
    task = learn(examples)
    assert (task.settings.scheme, task.settings.crf) == ("none", False)
    assert list(task.evaluate(examples, None).scores) == ["accuracy"]
    assert task.predict([("a",)])[0].entities == ()
    assert learn(examples, crf=True).network.crf is not None


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (("B-X", "I-X", "O"), "BIO"),
        (("B-X", "E-X", "S-X"), "BIOES"),
        (("I-X", "B-X", "I-Y"), "IOB1"),
        (("NOUN", "O", "B-X"), "none"),
    ],
)
def test_the_scheme_is_seen(tags: tuple[str, ...], scheme: str) -> None:
    task = learn(Examples([("a", "b", "c")] * 4, [tags] * 4))
    assert task.settings.scheme == scheme
    assert task.settings.crf is (scheme != "none")
    named = "no scheme" if scheme == "none" else f"the scheme {scheme}"
    assert f"follow {named};" in task.notes()[0]


def test_a_crf_keeps_the_scheme_whatever_its_weights_say() -> None:
    task = learn()
    with torch.no_grad():
        task.network.get_parameter("head.1.bias")[task.labels.encode("I-PER")] = 9.0
    for tags in task.tags(people(20, 4).inputs):
        assert tags[0] == "B-PER"
        assert set(tags[1:]) <= {"I-PER"}


def test_a_corpus_that_breaks_its_scheme_is_learned_without_constraints() -> None:
    examples = Examples(
        [("a", "b"), ("c", "d")] * 2,
        [("B-X", "I-X"), ("O", "I-X")] * 2,
        table(*[("", "")] * 4),
        columns=("words", "tags"),
    )
    task = learn(examples)
    assert task.broken.startswith("row 5, column 'tags': step 1: 'I-X' may not follow 'O'")
    assert task.network.crf is not None
    assert task.network.crf.allowed_starts is None
    assert task.broken in task.notes()[-1]
    train(task, examples, epochs=1)


def test_a_saved_task_tags_the_same() -> None:
    every: list[dict[str, Any]] = [{}, {"characters": "none"}, {"cell": "mgu", **ONE_WAY}]
    for settings in every:
        task = learn(**settings)
        again = Tag.restore(task.saved_settings(), task.files())
        again.network.load_state_dict(task.network.state_dict())
        given = people(10, 5).inputs
        assert again.tags(given) == task.tags(given)
        assert again.notes() == task.notes()
        assert again.counts == task.counts


def test_a_tag_does_not_depend_on_the_batch() -> None:
    task = finder()
    given = people(40, 6).inputs
    assert task.tags(given) == [task.tags([words])[0] for words in given]
    assert task.tags([]) == []


def test_a_long_sentence_is_tagged_in_pieces_and_it_is_said() -> None:
    changed = {"longest": 4, "longest_word": 3}
    task = Tag.restore(finder().saved_settings() | changed, finder().files())
    task.network.load_state_dict(finder().network.state_dict())
    words = ("Anna", "Kim", "ran", "home", "Bo", "Lee", "ran")
    tags = ("B-PER", "I-PER", "O", "O", "B-PER", "I-PER", "O")
    assert task.tags([words])[0] == [*task.tags([words[:4]])[0], *task.tags([words[4:]])[0]]
    assert task.evaluate(Examples([words], [tags]), None).notes == [
        "1 sentences are read in pieces of 4 words",
        "of 2 words, the first and last letters are read, 3 in all",
    ]


def test_a_long_sentence_is_learned_from_to_where_it_may_end() -> None:
    tags = ("B-X", "I-X", "E-X", "B-X", "I-X", "E-X")
    task = learn(Examples([("a",) * 6] * 4, [tags] * 4), longest=5)
    learner = task.learner(Examples([("a",) * 6], [tags]), people(4), Plan())
    names = task.labels.classes
    assert [[names[tag] for tag in row] for row in learner.tags] == [["B-X", "I-X", "E-X"]]
    assert torch.isfinite(learner.loss([0]))


def test_reading_takes_sequences_or_texts_with_blanks() -> None:
    found = Tag.read(table((("a", "b"), ("X", "Y")), (("c",), ("X",))), "words", "tags")
    assert (found.inputs, found.targets) == ([("a", "b"), ("c",)], [("X", "Y"), ("X",)])
    assert Tag.read(table(("a b", "X Y")), "1", "2").inputs == [("a", "b")]
    texts = Tag.read(table(("Hello, you.", "")), "words", None)
    assert texts.inputs == ["Hello, you."]
    assert learn().predict(texts.inputs)[0].tokens == ("Hello", ",", "you", ".")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((("a", "b"), ("X",)), r"column 'tags': a tag for each of 2 tokens was wanted, and 1 came"),
        (((), ()), r"column 'words': the sequence is empty"),
        ((("a", " "), ("X", "Y")), r"column 'words': the sequence is empty, or an item of it"),
        ((("a",), ("",)), r"column 'tags': the sequence is empty"),
        ((" ", "X"), r"column 'words': the sequence is empty"),
    ],
)
def test_a_bad_row_is_named(row: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.conll, row 5, {message}"):
        Tag.read(table((("a",), ("X",)), row), "words", "tags")


def test_equal_sentences_stay_on_one_side() -> None:
    examples = people(90)
    parts = Tag.divide(examples, valid=0.2, test=0.2, seed=3)
    sides = [set(parts[name].inputs) for name in ("train", "valid", "test")]
    assert sum(map(len, sides)) == len(set(examples.inputs)) == len(set.union(*sides))
    assert sum(map(len, parts.values())) == 90
    assert all(len(part.inputs) == len(part.targets) for part in parts.values())


def test_an_unseen_tag_counts_as_wrong_and_is_said() -> None:
    task = learn()
    strange = Examples([("Anna", "ran")], [("B-LOC", "O")])
    task.check(strange)
    notes = task.evaluate(strange, None).notes
    assert notes == ["1 tokens have tags that training has not, and count as wrong: B-LOC"]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (("PERSON", "O"), r"^row 1: a label of BIO is O or one of B-TYPE, I-TYPE, not 'PERSON'"),
        (("B-LOC", "I-LOC"), r"^row 1: tags .* such as B-PER, I-PER, O; none .* but B-LOC, I-LOC"),
    ],
)
def test_tags_of_another_kind_are_refused(tags: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        learn().check(Examples([("Anna", "ran")], [tags]))


def test_inspection_shows_each_word() -> None:
    found = learn().inspect("Anna ran.")
    assert found.tokens == ("Anna", "ran", ".")
    assert all(value.shape[:2] == (2, 3) for value in found.trace.values())
    assert "forget" in found.trace


def test_training_repeats_to_the_bit() -> None:
    one, other = (train(learn(dropout=0.3, token_dropout=0.2), people(16)) for _ in "ab")
    assert_equal(one.network.state_dict(), other.network.state_dict(), "bits")


def test_validation_draws_no_chance() -> None:
    learner = learn(dropout=0.3).learner(people(), people(5, 1), Plan())
    before = torch.get_rng_state()
    learner.network.eval()
    with torch.no_grad():
        assert learner.validate(learner.network).values == learner.validate(learner.network).values
    assert torch.equal(before, torch.get_rng_state())
    assert learner.carried == ()


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"characters": "cnn"}, UnknownNameError, "unknown characters 'cnn'"),
        ({"scheme": "IOB2"}, UnknownNameError, "unknown scheme 'IOB2'"),
        ({"crf": "maybe"}, UnknownNameError, "unknown crf 'maybe'"),
        ({"cell": "lstn"}, UnknownNameError, "did you mean 'lstm'"),
        ({"longest": 0}, ShapeError, "longest is a positive integer"),
        ({"token_dropout": 2.0}, ShapeError, "token_dropout is a probability"),
        ({"vectors_added": -1}, HeadgateError, "vectors_added is 0 or more, not -1"),
        ({"hiden_size": 4}, UnknownNameError, "hidden_size"),
        ({"scheme": "BIOES"}, DataError, "a label of BIOES .* 'NOUN'"),
    ],
)
def test_a_bad_setting_is_said(settings: dict[str, Any], error: type, said: str) -> None:
    train = Examples([("a", "b")] * 3, [("NOUN", "VERB")] * 3)
    with pytest.raises(error, match=said):
        learn(train, **settings)


def test_a_tagger_needs_tags() -> None:
    with pytest.raises(DataError, match="name their column"):
        learn(Examples([("a", "b")] * 3))


def test_a_file_is_learned_saved_and_asked(tmp_path: Path) -> None:
    model = tagger()
    assert set(model.metrics["test"]) == {"f1", "precision", "recall", "accuracy"}
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.predict("Anna Kim ran.").tokens == ("Anna", "Kim", "ran", ".")
    assert again.predict([("Anna", "ran")]) == model.predict([("Anna", "ran")])
    found = again.evaluate(write_people(tmp_path, 9))
    assert found.scores["accuracy"] == model.evaluate(write_people(tmp_path, 9)).scores["accuracy"]
