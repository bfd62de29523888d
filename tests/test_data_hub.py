from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from headgate.data.hub import Address, is_hub, parse_address, read_hub
from headgate.errors import DataError, MissingExtraError

pytest.importorskip("pyarrow")
datasets = pytest.importorskip("datasets")

TEXTS = {"train": ["a", "b", "c"], "validation": ["d"], "test": ["e", "f"]}
LABELS = {"train": [0, 1, 1], "validation": [1], "test": [-1, -1]}


def made(**splits: dict[str, list[Any]]) -> Any:
    """Splits in memory, as the library gives them, with classes where a column is so named."""
    found = {}
    for name, columns in splits.items():
        rows = datasets.Dataset.from_dict(columns)
        if "label" in columns:
            rows = rows.cast_column("label", datasets.ClassLabel(names=["neg", "pos"]))
        found[name] = rows
    return datasets.DatasetDict(found)


def serve(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[tuple[Any, ...]]:
    """Stand in for the hub, and note what it is asked for."""
    asked: list[tuple[Any, ...]] = []

    def load_dataset(*words: Any, **named: Any) -> Any:
        asked.append((*words, named))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hf:imdb", ("imdb", None, None, None)),
        ("hf:stanfordnlp/imdb", ("stanfordnlp/imdb", None, None, None)),
        ("hf:a/b:sst2", ("a/b", "sst2", None, None)),
        ("hf:a/b@refs/convert/parquet", ("a/b", None, "refs/convert/parquet", None)),
        ("hf:a/b#train", ("a/b", None, None, "train")),
        ("hf:a-1/b.c_d:2022.en (x)@v1#dev.x", ("a-1/b.c_d", "2022.en (x)", "v1", "dev.x")),
    ],
)
def test_an_address_is_taken_apart_and_written_again(text: str, parts: tuple[Any, ...]) -> None:
    assert is_hub(text)
    assert parse_address(text) == Address(*parts)
    assert str(parse_address(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "hf:",
        "hf:a/b/c",
        "hf:/a",
        "hf:a/",
        "hf:../a",
        "hf:a:",
        "hf:a@",
        "hf:a#",
        "hf:a b",
        "hf:a#b c",
    ]
    + ["hf:a@r:c", "hf:a#s@r", "hf:a:b:c", "hf:a\n", "hf:가", "HF:a", "a"],
)
def test_an_address_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"an address of the hub is hf:\[OWNER/\]NAME"):
        parse_address(text)


def test_a_file_is_no_address() -> None:
    assert not any(is_hub(path) for path in ("a.csv", "hfa.csv", Path("hf:a")))


def test_the_splits_are_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {name: {"text": TEXTS[name], "label": LABELS[name]} for name in TEXTS}
    columns["unsupervised"] = {"text": ["x"], "label": [-1]}
    asked = serve(monkeypatch, made(**columns))
    parts = read_hub("hf:some/set:one@v2", columns=("text", "label"))
    assert asked == [("some/set", "one", {"revision": "v2"})]
    assert list(parts) == ["train", "valid"]
    assert parts["train"].rows == [["a", "neg"], ["b", "pos"], ["c", "pos"]]
    assert parts["valid"].rows == [["d", "pos"]]
    assert parts["train"].notes == (
        "hf:some/set:one@v2: train 3, validation 1, test 2, unsupervised 1",
        "splits that are not read: unsupervised",
        "hf:some/set:one@v2#test is left out: its classes are kept secret",
        "column 'label' has numbers of classes, which are read as their names: neg, pos",
    )
    error = parts["train"].error("bad", row=1, column="text")
    assert str(error) == "hf:some/set:one@v2#train, row 2, column 'text': bad"


def test_one_split_alone_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, made(train={"text": ["a"]}, dev={"text": ["b"]}, val={"text": ["c"]}))
    assert read_hub("hf:a/b#dev")["train"].column("text") == ["b"]
    assert list(read_hub("hf:a/b#dev")) == ["train"]
    assert read_hub("hf:a/b")["valid"].column("text") == ["c"]
    with pytest.raises(DataError, match=r"no split 'test'; splits: train 1, dev 1, val 1"):
        read_hub("hf:a/b#test")
    serve(monkeypatch, made(all={"text": ["a"]}))
    assert list(read_hub("hf:a/b")) == ["train"]
    serve(monkeypatch, made(en={"text": ["a"]}, fr={"text": ["b"]}))
    with pytest.raises(DataError, match=r"no split is named train: name one after #, as in hf:a/"):
        read_hub("hf:a/b")


def test_rows_that_were_chosen_and_shuffled_keep_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = made(train={"tokens": [["a"], ["b", "c"], []], "id": [1, 2, 3]})["train"]
    serve(monkeypatch, datasets.DatasetDict(train=rows.select([2, 1])))
    assert read_hub("hf:a/b")["train"].rows == [[(), "3"], [("b", "c"), "2"]]


def test_a_real_file_through_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "train.parquet"
    made(train={"text": ["안녕", "b"], "label": [1, 0]})["train"].to_parquet(place)
    found = datasets.load_dataset(
        "parquet", data_files={"train": str(place)}, cache_dir=str(tmp_path / "cache")
    )
    serve(monkeypatch, found)
    assert read_hub("hf:a/b")["train"].rows == [["안녕", "pos"], ["b", "neg"]]


def test_a_missing_value_names_the_split_and_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, made(train={"text": ["a", None]}, test={"text": ["b"]}))
    with pytest.raises(DataError, match=r"hf:a/b#train, row 2, column 'text': the row has no val"):
        read_hub("hf:a/b", columns=("text",))
    with pytest.raises(DataError, match=r"hf:a/b#train: no column 'txt'; did you mean 'text'\?"):
        read_hub("hf:a/b", columns=("txt",))


ERRORS = [
    (datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' doesn't exist"), "no such data set"),
    (ConnectionError("Couldn't reach 'a/b' on the Hub"), "the hub cannot be reached"),
    (ValueError("Config name is missing.\nPlease pick: ['x']"), "several configurations: name one"),
    (ValueError("BuilderConfig 'c' not found. Available: ['x']"), "it has no configuration 'c'"),
    (RuntimeError("Dataset scripts are no longer supported"), "such programs are not run"),
    (KeyError(), "the datasets library cannot read it"),
]


@pytest.mark.parametrize(("error", "message"), ERRORS, ids=lambda each: str(each)[:20])
def test_what_goes_wrong_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    serve(monkeypatch, error)
    with pytest.raises(DataError, match=re.escape(message)) as raised:
        read_hub("hf:a/b:c")
    assert str(raised.value).startswith("hf:a/b:c: ")
    assert "\n" not in str(raised.value)


def test_a_folder_of_the_same_name_is_not_read_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = serve(monkeypatch, made(train={"text": ["a"]}))
    (tmp_path / "imdb").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"hf:imdb: 'imdb' is a place on this disk, too"):
        read_hub("hf:imdb")
    assert asked == []


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent: ModuleType | None = None
    monkeypatch.setitem(sys.modules, "datasets", absent)  # pyright: ignore[reportArgumentType]
    with pytest.raises(MissingExtraError, match=r"needs datasets.*pip install 'headgate\[data\]'"):
        read_hub("hf:a/b")
