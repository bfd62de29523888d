"""Trainings whose data exceeds the memory: the same models, to the bit."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.tiny import (
    GENERATE,
    train_classifier,
    train_generator,
    train_translator,
    verses,
    write_csv,
    write_norms,
    write_reviews,
    write_verses,
)
from tests.tolerances import assert_equal

from headgate import trainer
from headgate.data import fields, vocabularies
from headgate.data.columns import Table
from headgate.data.examples import Examples, read_texts
from headgate.data.fields import TextField
from headgate.data.origin import Source
from headgate.data.ragged import Ragged
from headgate.data.sources import read_table
from headgate.data.splits import most_frequent_row, repeated_rows
from headgate.data.store import StoredRows
from headgate.data.text_stream import Document, DocumentRows, TextFile, read_document
from headgate.data.vocabularies import even_sample
from headgate.errors import DataError
from headgate.tasks import generate_learner, running_text
from headgate.tasks.generate import Generate
from headgate.tasks.generate_data import cut_document
from headgate.tasks.generate_learner import GenerateLearner
from headgate.tasks.running_text import RunningText, lines_of
from headgate.trainer import Trainer

TEXT = st.text(alphabet=st.sampled_from("ab \n\r안"), max_size=60).filter(str.strip)


def tighten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything be too large for the memory, and gather no more than a few things at once."""
    monkeypatch.setenv("HEADGATE_READ_WHOLE", "100")
    for module in (fields, running_text):
        monkeypatch.setattr(module, "IN_MEMORY", 0)
    monkeypatch.setattr(fields, "_AT_ONCE", 3)
    monkeypatch.setattr(running_text, "_AT_ONCE", 50)
    monkeypatch.setattr(generate_learner, "_AT_ONCE", 0)


def assert_same(one: Any, other: Any) -> None:
    assert_equal(other.task.network.state_dict(), one.task.network.state_dict(), "bits")
    assert other.metrics["test"] == one.metrics["test"]
    assert other.metrics["baselines"] == one.metrics["baselines"]


def test_a_classifier_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_reviews(tmp_path)
    one = train_classifier(data, unit="subword", vocabulary_size=300)
    tighten(monkeypatch)
    assert isinstance(read_table(data).rows, StoredRows)
    assert_same(one, train_classifier(data, unit="subword", vocabulary_size=300))


@pytest.mark.parametrize("shared", [True, False])
def test_a_translator_is_the_same(
    shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_norms(tmp_path)
    one = train_translator(data, shared=shared)
    tighten(monkeypatch)
    other = train_translator(data, shared=shared)
    assert_same(one, other)
    assert other.task.files() == one.task.files()


def test_a_language_model_of_many_texts_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_csv(tmp_path / "lines.csv", [[line] for line in verses().splitlines()], ["line"])
    one = train_generator(data, input="line")
    tighten(monkeypatch)
    other = train_generator(data, input="line")
    assert_same(one, other)
    assert other.task.saved_settings()["rows"]


@dataclass(frozen=True)
class InPieces(Source):
    """A running text that is read as one too large for the memory is."""

    def read(self) -> dict[str, Table]:
        return {"train": read_document(TextFile(Path(self.path), size=40), limit=0)}


def nobody(line: str) -> None:
    pass


def in_pieces(data: Path, **changed: Any) -> Trainer:
    return Trainer(InPieces(data), "generate", GENERATE | changed, say=nobody)


@pytest.mark.parametrize("unit", ["character", "word"])
def test_a_language_model_of_a_running_text_is_the_same(
    unit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_verses(tmp_path)
    one = train_generator(data, unit=unit)
    tighten(monkeypatch)
    found = in_pieces(data, unit=unit)
    document = found.parts["train"].inputs[0]
    assert isinstance(document, Document)
    assert len(document.pieces) > 10
    other = found.run()
    assert not other.task.saved_settings()["rows"]
    assert_same(one, other)
    assert other.config == one.config


def test_a_large_file_is_read_in_pieces_as_one_running_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_verses(tmp_path)
    one = train_generator(data)
    tighten(monkeypatch)
    assert isinstance(read_table(data, document=True).rows, DocumentRows)
    other = train_generator(data)
    assert_same(one, other)
    assert other.evaluate(data).scores == one.evaluate(data).scores


def test_a_long_running_text_holds_no_more_out_than_so_many_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "_MOST_CHARACTERS", 40)
    data = write_verses(tmp_path)
    parts = in_pieces(data).parts
    sizes = {name: part.inputs[0].characters for name, part in parts.items()}
    assert 20 < sizes["valid"] < 60
    assert 20 < sizes["test"] < 60
    assert sum(sizes.values()) == len(verses())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("disk") / "text.txt"


def document_in(place: Path, *, size: int) -> Document:
    table = read_document(TextFile(place, size=size), limit=0)
    return read_texts(table, "text", None).inputs[0]


@given(text=TEXT, size=st.integers(1, 9), begin=st.integers(0, 60), end=st.integers(0, 60))
def test_a_document_is_its_text(place: Path, text: str, size: int, begin: int, end: int) -> None:
    place.write_bytes(text.encode())
    whole = text.replace("\r\n", "\n").replace("\r", "\n")
    found = document_in(place, size=size)
    begin, end = sorted((min(begin, len(whole)), min(end, len(whole))))
    assert ("".join(found), found.characters) == (whole, len(whole))
    assert [line for piece in found for line in lines_of(piece)] == lines_of(whole)
    part = found.part(begin, end)
    assert ("".join(part), part.characters) == (whole[begin:end], end - begin)
    assert part[:] == [part[number] for number in range(len(part))]
    first = end - begin  # a part of a part
    assert "".join(part.part(first // 2, first)) == whole[begin:end][first // 2 :]


@given(text=TEXT, valid=st.sampled_from([0.0, 0.1, 0.3]), test=st.sampled_from([0.0, 0.2, 0.5]))
def test_a_document_is_cut_where_its_text_is(
    place: Path, text: str, valid: float, test: float
) -> None:
    place.write_bytes(text.replace("\r", "\n").encode())
    whole = Examples([place.read_bytes().decode()])
    stored = Examples([document_in(place, size=5)])
    assert outcome(stored, valid=valid, test=test) == outcome(whole, valid=valid, test=test)


def outcome(examples: Examples, **shares: float) -> dict[str, Any] | str:
    try:
        parts = cut_document(examples, **shares)
    except DataError as error:
        return str(error)
    return {
        name: (["".join(own) for own in part.inputs], part.rows) for name, part in parts.items()
    }


def test_a_blank_document_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "blank.txt"
    path.write_text("\n \n", encoding="utf-8")
    with pytest.raises(DataError, match=r"blank\.txt: the file is empty"):
        read_document(TextFile(path))


def test_a_document_is_one_text_whose_rows_know_their_lines(place: Path) -> None:
    place.write_text("one\n\ntwo\nthree\n", encoding="utf-8")
    table = read_document(TextFile(place, size=5))
    assert [list(row) for row in table.rows] == [["one\n\n"], ["two\n"], ["three\n"]]
    assert list(table.lines) == [1, 3, 4]
    assert table.roles == ("text", None)
    examples = read_texts(table, "text", None)
    assert (len(examples), type(examples.inputs[0])) == (1, Document)


def test_a_saved_model_goes_on_with_a_document() -> None:
    base = Generate.learn(Examples([verses()]), {"unit": "character"})
    more = Document.of(["a new\n", "line: xyz"])
    found = Generate.learn(Examples([more]), {}, base)
    assert found.files() == Generate.learn(Examples(["a new\nline: xyz"]), {}, base).files()
    assert len(found.field) > len(base.field)


@pytest.mark.parametrize("unit", ["character", "byte", "subword", "word"])
@pytest.mark.parametrize("rows", [True, False])
def test_ids_on_a_disk_are_the_same(unit: str, rows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one two\n\nthree", "", "\n", "four 안녕\n"] if rows else [verses()]
    field = TextField.learn(lines_of("".join(texts)), unit=unit, vocabulary_size=300)
    text = RunningText(field, rows=rows)
    wanted = text.encode(texts)
    tighten(monkeypatch)
    found = text.encode(texts)
    assert (wanted.dtype, found.dtype) == (torch.int64, torch.int32)
    assert_equal(found.long(), wanted, "bits")
    if rows:
        each = text.encode_rows(texts)
        assert list(each) == [text.encode([one]).tolist() for one in texts]
        assert_equal(each.flat.long(), wanted, "bits")


@pytest.mark.parametrize("several", [True, False])
def test_windows_that_are_laid_out_one_by_one_are_the_same(
    several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"{line}\n" for line in verses().splitlines()] if several else [verses()]
    train = Examples(texts)
    task = Generate.learn(train, {"hidden_size": 8, "embedding_size": 8, "bptt": 7})
    plan = replace(task.plan(train), batch_size=5)
    ids = [task.text.encode([text]) for text in texts]
    valid = ids[0]
    whole = GenerateLearner(task, ids, valid, plan)
    stored = GenerateLearner(task, Ragged.of(each.tolist() for each in ids), valid, plan)
    monkeypatch.setattr(generate_learner, "_AT_ONCE", 0)
    lazy = GenerateLearner(task, ids, valid, plan)
    for epoch in (1, 2, 1):
        wanted = whole.batches(epoch)
        assert len(wanted) > 3
        for found in (stored.batches(epoch), lazy.batches(epoch)):
            assert len(found) == len(wanted)
            for window, other in zip(found[:], wanted, strict=True):
                assert_equal(window.ids, other.ids, "bits")
                assert_equal(window.targets, other.targets, "bits")
                assert (window.anew is None) == several
                if window.anew is not None:
                    assert_equal(window.anew, other.anew, "bits")


@given(st.lists(st.text("aé ", max_size=3), max_size=30))
def test_rows_of_equal_texts_are_found_as_a_dictionary_finds_them(texts: list[str]) -> None:
    seen: set[str] = set()
    again = []
    for row, text in enumerate(texts):
        again += [row] if text.strip() in seen else []
        seen.add(text.strip())
    assert repeated_rows(iter(texts)) == again
    assume(texts)
    best = Counter(texts).most_common(1)[0][0]  # of equals the one that came first
    assert most_frequent_row(iter(texts)) == texts.index(best)


def test_a_vocabulary_of_a_long_text_is_of_an_even_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{'aeiou'[row // 200]}{row % 7} text" for row in range(1000)]
    whole = TextField.learn(texts, unit="character")
    monkeypatch.setattr(fields, "MOST_LEARNED", 7000)
    assert TextField.learn(texts, unit="character").to_json() == whole.to_json()
    monkeypatch.setattr(fields, "MOST_LEARNED", 700)
    some = TextField.learn(texts, unit="character")
    assert whole.note == ""
    assert some.note.startswith("the vocabulary is of 10.0% of the training text, 700 characters")
    vowels = json.loads(some.to_json())["model"]["vocab"]
    assert set("aeiou0123456") <= set(vowels)


@given(st.lists(st.text("ab", min_size=1, max_size=5), min_size=1), st.floats(0.01, 0.99))
def test_a_sample_is_even(texts: list[str], share: float) -> None:
    taken = sum(map(len, even_sample(texts, share)))
    wanted = share * sum(map(len, texts))
    assert wanted - 5 <= taken <= wanted + 5
    assert list(even_sample(texts, 1.0)) == texts
    assert vocabularies.MOST_LEARNED == fields.MOST_LEARNED
