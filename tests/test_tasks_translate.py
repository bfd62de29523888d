from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import norms, train_translator, translator, write_norms

from headgate.equations.attention import SCORES
from headgate.errors import CellError, HeadgateError, ShapeError, UnknownNameError
from headgate.models import ORDERS
from headgate.tasks import Examples
from headgate.tasks.translate import Translate

SMALL: dict[str, Any] = {"hidden_size": 8, "embedding_size": 8, "unit": "character"}


def examples(rows: list[tuple[str, str]]) -> Examples:
    return Examples([text for text, _ in rows], [target for _, target in rows])


def learn(**settings: Any) -> Translate:
    torch.manual_seed(0)
    return Translate.learn(examples(norms()), SMALL | settings)


@pytest.mark.parametrize("attention", [None, *sorted(SCORES)])
def test_every_attention_translates_and_shows_where_it_looked(attention: str | None) -> None:
    task = learn(attention=attention)
    (found,) = task.predict(["no. 12"])
    assert isinstance(found.text, str)
    seen = task.inspect("no. 12")
    assert len(seen.tokens) == len("no. 12")
    if attention is None:
        assert seen.attention is None
        assert "no attention" in task.notes()[0]
    else:
        assert seen.attention is not None
        assert seen.attention.source == seen.tokens
        assert seen.attention.weights.sum(1).tolist() == pytest.approx(
            [1.0] * len(seen.attention.target)
        )


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mgu", "jordan"])
@pytest.mark.parametrize("layers", [1, 2])
def test_every_cell_translates(cell: str, layers: int) -> None:
    task = learn(cell=cell, num_layers=layers)
    found = task.predict(["no. 12", "no. 3"])
    assert len(found) == 2
    assert all(each.log_probability < 0 for each in found)


def test_a_translator_learns(tmp_path: Path) -> None:
    rows = [(f"{name} {n}", name[0].upper()) for n in range(40) for name in ("one", "two")]
    eager = {"epochs": 25, "hidden_size": 16, "learning_rate": 0.03, "average": 0.0, "dropout": 0.0}
    model = train_translator(write_norms(tmp_path, rows), **eager)
    assert [each.text for each in model.predict(["one 99", "two 98"])] == ["O", "T"]
    assert model.metrics["test"]["exact_match"]["value"] == 1


def test_a_beam_of_one_is_greedy() -> None:
    """The first of the greedy words is the likeliest, and a wider beam is never less likely."""
    greedy, beam = learn(beam_width=1), learn(beam_width=6, length_penalty=0.0)
    beam.network.load_state_dict(greedy.network.state_dict())
    texts = ["no. 12", "no. 7", "no"]
    ones = greedy.predict(texts)
    best = [each[0] for each in beam.search(texts, beam_width=1)]
    assert ones == best
    for one, other in zip(ones, beam.predict(texts), strict=True):
        assert other.log_probability >= one.log_probability - 1e-5 or not one.finished


def test_the_best_are_several_distinct_and_in_order() -> None:
    task: Any = translator().task
    found = task.search(["no. 12", "no. 3"], n_best=4)
    assert [len(each) for each in found] == [4, 4]
    for translations in found:
        assert len({each.text for each in translations}) >= 2
        finished = [each.finished for each in translations]
        assert finished == sorted(finished, reverse=True)
    assert found[0][0].text == task.search(["no. 12"], beam_width=4)[0][0].text
    assert task.search(["no. 12"])[0] == [translator().predict("no. 12")]


def test_several_references_of_a_source_are_grouped() -> None:
    task = learn()
    written = task.predict(["no. 12"])[0].text
    rows = [("no. 12", "something else"), ("no. 12", written), ("no. 34", "wrong")]
    found = task.evaluate(examples(rows), None)
    assert found.scores["exact_match"].value == pytest.approx(1 / 2)
    assert "3 rows are 2 sources, some of several targets" in found.notes
    once = task.evaluate(examples(rows[1:]), None)
    assert once.notes == [note for note in once.notes if "sources" not in note]


def test_scores_stand_beside_a_copy_and_the_most_frequent_target() -> None:
    task = learn()
    task.kept = replace(task.kept, frequent="abc")
    rows = [("abc", "abc"), ("same", "same"), ("x", "y"), ("z", "abc")]
    found = task.evaluate(examples(rows), None)
    assert found.baselines["copy of the source"]["exact_match"] == pytest.approx(2 / 4)
    assert found.baselines["most frequent target"]["exact_match"] == pytest.approx(2 / 4)
    assert found.scores["exact_match"].baseline == pytest.approx(2 / 4)


def sentences() -> Examples:
    return Examples(["no. 1", "no. 2"], ["that is one", "that is two"])


def test_of_targets_of_one_word_bleu_says_nothing() -> None:
    assert set(learn().evaluate(examples(norms(5)), None).scores) == {"exact_match", "perplexity"}


def test_without_sacrebleu_exact_match_still_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    for name in [name for name in sys.modules if name.startswith("sacrebleu.")]:
        monkeypatch.setitem(sys.modules, name, None)
    found = learn().evaluate(sentences(), None)
    assert set(found.scores) == {"exact_match", "perplexity"}
    assert any("no BLEU and chrF" in note and "headgate[text]" in note for note in found.notes)


def test_with_sacrebleu_scores_are_signed() -> None:
    pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")
    found = learn().evaluate(sentences(), None)
    assert set(found.scores) == {"exact_match", "bleu", "chrf", "perplexity"}
    assert any(note.startswith("bleu: nrefs:1|") for note in found.notes)
    assert any(note.startswith("chrf: nrefs:1|") for note in found.notes)


def test_an_answer_is_a_row() -> None:
    answer = translator().predict("no. 12")
    assert answer.row() == {
        "prediction": str(answer),
        "log_probability": f"{answer.log_probability:.4f}",
    }
    assert learn().predict([]) == []


def test_a_translation_ends() -> None:
    task = learn()
    longest = max(len(target) for _, target in norms())
    assert all(len(each.text) <= longest + 1 for each in task.predict(["no. 12", "z" * 300]))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"attention": "generall"}, "generall"),
        ({"cell": "grru"}, "unknown cell 'grru'"),
        ({"unit": "letter"}, "letter"),
        ({"options": {"rest": 1}}, "unknown option of the cell 'lstm' 'rest'"),
    ],
)
def test_an_unknown_choice_is_said(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownNameError, match=said):
        learn(**setting)


@pytest.mark.parametrize(
    ("setting", "error", "said"),
    [
        ({"order": "luon"}, UnknownNameError, "unknown order of attention 'luon'"),
        ({"order": "bahdanau", "attention": None}, CellError, "and there is none"),
        ({"shared": "always"}, HeadgateError, "true, false or auto, not 'always'"),
        ({"coverage_penalty": 0.1, "attention": None}, CellError, "nothing is covered"),
        ({"coverage_penalty": -0.1}, HeadgateError, "a number of 0 or more, got -0.1"),
        ({"min_length": -1}, HeadgateError, "min_length is 0 or more, not -1"),
        ({"beam_width": 0}, ShapeError, "beam_width is a positive integer, not 0"),
    ],
)
def test_what_does_not_fit_is_said(
    setting: dict[str, Any], error: type[HeadgateError], said: str
) -> None:
    with pytest.raises(error, match=said):
        learn(**setting)


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_translates(order: str) -> None:
    task = learn(order=order, num_layers=2)
    seen = task.inspect("no. 12").attention
    assert seen is not None
    assert len(seen.target) == len(task.target.encode(task.predict(["no. 12"])[0].text)) + 1
    assert (order in task.notes()[0]) == (order != "luong")


def test_one_vocabulary_serves_both_sides_where_it_is_asked_for() -> None:
    apart, one = learn(), learn(shared=True)
    assert apart.source is not apart.target
    assert set(apart.files()) == {"tokenizer.json", "target.json", "unigram.json"}
    assert set(one.files()) == {"tokenizer.json", "unigram.json"}
    assert {*"no. 1!"} <= set(one.source.tokens(range(len(one.source))))  # type: ignore[arg-type]
    again = Translate.restore(one.saved_settings(), one.files())
    again.network.load_state_dict(one.network.state_dict())
    assert again.network.source is again.network.target
    assert again.predict(["no. 12"]) == one.predict(["no. 12"])


def test_a_search_overrules_the_settings() -> None:
    task = learn(beam_width=3)
    (plain,), (long,) = task.search(["no. 12"]), task.search(["no. 12"], min_length=9)
    assert len(task.target.encode(long[0].text)) >= 9 or "<unk>" in long[0].text
    assert learn(beam_width=3, min_length=9).predict(["no. 12"]) == [long[0]]
    assert [len(each) for each in task.search(["a", "b"], n_best=5)] == [5, 5]
    assert task.search(["no. 12"], coverage_penalty=0.3)[0][0].log_probability < 0
    assert plain[0] == task.predict(["no. 12"])[0]
    with pytest.raises(UnknownNameError, match="unknown setting 'width'"):
        task.search(["no. 12"], width=3)
    with pytest.raises(HeadgateError, match="has no attention"):
        learn(attention=None).search(["no. 12"], coverage_penalty=0.3)


def words(**settings: Any) -> Translate:
    """A translator of words that knows no name, and writes unknown words alone."""
    rows = [(f"from name{n} to name{n + 50}", f"name{n} name{n + 50}") for n in range(40)]
    torch.manual_seed(0)
    task = Translate.learn(examples(rows), SMALL | {"unit": "word"} | settings)
    with torch.no_grad():
        task.network.bias[task.target.unk] = 20.0
    return task


def looked_at(task: Translate, text: str) -> list[str]:
    """The source's word that each token looked at most, by the map that is drawn."""
    seen = task.inspect(text).attention
    assert seen is not None
    own = text.split()
    return [own[place] for place in seen.weights.argmax(1).tolist()]


def test_an_unknown_word_is_the_one_of_the_source_that_it_looked_at() -> None:
    task, text = words(), "from Zoë  to O'Hara"
    task.network.bias.data[task.target.eos] = 19.0
    assert task.source.tokens(text) == ["from", "<unk>", "to", "<unk>"]
    (answer,) = task.search([text], min_length=3, beam_width=1)[0]
    task.settings = replace(task.settings, min_length=3, beam_width=1)
    assert answer.text.split() == looked_at(task, text)[: len(answer.text.split())]
    assert len(answer.text.split()) >= 3
    assert "<unk>" not in answer.text
    best = task.search([text, "from a to b"], n_best=3, min_length=2)
    assert all("<unk>" not in each.text for found in best for each in found)
    assert "".join(task.stream(rows=None, rewind=0, quantize=None).answer(text)) == (answer.text)


@pytest.mark.parametrize("settings", [{"copy_unknown": False}, {"attention": None}])
def test_or_it_stays_unknown(settings: dict[str, Any]) -> None:
    found = words(**settings).search(["from Zoë to O'Hara"], min_length=2)[0][0]
    assert "<unk>" in found.text


def test_of_characters_none_is_copied() -> None:
    task = learn()
    with torch.no_grad():
        task.network.bias[task.target.unk] = 20.0
    assert "<unk>" in task.predict(["no. 12"])[0].text


def test_a_label_is_smoothed_by_a_share() -> None:
    with pytest.raises(ShapeError, match="label_smoothing is a probability from 0 to 1, not 2"):
        learn(label_smoothing=2)


def test_a_least_length_beyond_the_models_is_refused() -> None:
    task: Any = translator().task
    with pytest.raises(HeadgateError, match=r"min_length is \d+ at most.*not 100000"):
        task.search(["no. 1"], min_length=100_000)


def test_an_answer_in_subwords_is_seen_with_every_id_it_might_have_been() -> None:
    task = learn(unit="subword")
    seen = task.inspect("no. 12")
    assert seen.decoder is not None
    assert len(set(seen.outcome.choices)) == seen.answer.shape[1] == len(task.target)
    assert len(seen.outcome.places) == len(seen.decoder.tokens)
