from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headgate.data.run_file import explained, overruled, read_run, write_run
from headgate.errors import DataError, OutputError

KNOWN: dict[str, Any] = {
    "data": str,
    "input": str | int,
    "epochs": int,
    "minutes": float | None,
    "learning_rate": float,
    "valid": float | str | None,
    "lowercase": bool,
    "lengths": list[int],
    "options": dict[str, Any],
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(
        ["no", "1e-3", "~", "2026-11-21", "12:30", "", " a", "a: b", "#", "- a", "0x1f"]
    ),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS), st.dictionaries(st.text(), SCALARS))


def read(folder: Path, text: str | bytes, known: dict[str, Any] = KNOWN) -> dict[str, Any]:
    place = folder / "run.yaml"
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_run(place, known)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@given(run=st.dictionaries(st.text(min_size=1), VALUES, min_size=1), comment=st.text())
def test_what_is_written_is_read_back(folder: Path, run: dict[str, Any], comment: str) -> None:
    text = write_run({name: (value, comment) for name, value in run.items()}, head=comment)
    found = read(folder, text, dict.fromkeys(run, Any))
    assert list(found) == list(run)
    assert repr(found) == repr(run)  # NaN equals itself, and 1 is not 1.0


@given(value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()))
def test_another_reader_takes_it_for_the_same(value: Any) -> None:
    """PyYAML's own loader reads version 1.1, where ``no`` is false and ``1e-3`` is text."""
    found = yaml.safe_load(write_run({"key": (value, "")}))["key"]
    assert type(found) is type(value)
    assert found == value or math.isnan(value)


def test_a_run_looks_like_this() -> None:
    text = write_run(
        {
            "data": ("reviews.csv", "a file or a folder"),
            "target": ("no", ""),
            "learning_rate": (1e-05, "of AdamW"),
            "options": ({"reset": "before"}, "the cell's own"),
            "extra": ({}, ""),
        },
        head="one run",
        headings={"learning_rate": "limits"},
    )
    assert text == (
        '# one run\n\n# a file or a folder\ndata: reviews.csv\ntarget: "no"\n\n# limits\n\n'
        "# of AdamW\nlearning_rate: 1.0e-05\n# the cell's own\noptions:\n  reset: before\n"
        "extra: {}\n"
    )
    long = write_run({"a": (1, "a word " * 40)})
    assert max(map(len, long.splitlines())) <= 100


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("learning_rate: 1e-3", 1e-3),
        ("learning_rate: 1", 1.0),
        ("learning_rate: .5", 0.5),
        ("epochs: 010", 10),
        ("data: no", "no"),
        ("data: 12:30", "12:30"),
        ("data: 2026-11-21", "2026-11-21"),
        ("data: '1'", "1"),
        ("data: 한글.csv  # here", "한글.csv"),
        ("valid: 0.1", 0.1),
        ("valid: 1", 1.0),
        ("valid: valid.csv", "valid.csv"),
        ("input: 2", 2),
        ("minutes: ~", None),
        ("minutes:", None),
        ("lowercase: False", False),
        ("lengths: [1, 2]", [1, 2]),
        ("options: {a: {b: [on, true]}}", {"a": {"b": ["on", True]}}),
        ("options:\n  <<: 1", {"<<": 1}),
    ],
)
def test_a_value_is_what_it_looks_like(tmp_path: Path, line: str, value: Any) -> None:
    found = read(tmp_path, f"# a run\n{line}\n")
    assert list(found.values()) == [value]
    assert type(next(iter(found.values()))) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "run.yaml: the file is empty"),
        ("# nothing\n", "run.yaml: the file is empty"),
        ("\n- a\n", "run.yaml, row 2: names with values were wanted"),
        ("epochs", "run.yaml, row 1: names with values were wanted"),
        ("epochs: 1\nepoch: 2", "row 2: unknown key 'epoch'; did you mean 'epochs'? known: data,"),
        ("epochs: 1\n\nepochs: 2", "row 3: epochs stood in row 1 already"),
        ("options:\n  a: 1\n  a: 2", "row 3: a stood in row 2 already"),
        ("epochs: many", "row 1: epochs is a whole number, not the text 'many'"),
        ("epochs: 1.5", "row 1: epochs is a whole number, not 1.5"),
        ("epochs: true", "row 1: epochs is a whole number, not true"),
        ("epochs: 1_000", "row 1: epochs is a whole number, not the text '1_000'"),
        ("epochs:", "row 1: epochs is a whole number, not null"),
        ("epochs:\n  a: 1", "row 1: epochs is a whole number, not a group"),
        ("lowercase: no", "lowercase is true or false, not the text 'no': write false"),
        ("lowercase: 1", "lowercase is true or false, not 1"),
        ("minutes: soon", "minutes is a number or null, not the text 'soon'"),
        ("options: 1", "options is a group of names with values, not 1"),
        ("data: [a]", "data is text, not a list"),
        ("lengths: 1", "lengths is a list, not 1"),
        ("data: a: b", "row 1: not YAML (mapping values are not allowed here)"),
        ("data: [a", "not YAML (expected ',' or ']'"),
        ("options:\n\ta: 1", "row 2: not YAML (found character '\\t' that cannot start any token"),
        ("data: 'a", "not YAML (found unexpected end of stream)"),
        ("data: a\n---\ndata: b", "row 2: not YAML (but found another document)"),
        ("data: a\nvalid: \x07", "row 2: not YAML (U+0007 is no character of a text)"),
        ("options: &a {b: 1}\nlengths: *a", "row 2: *a refers to another place"),
        (
            "data: !!python/name:os.system x",
            "row 1: a run has text, numbers, lists and groups, and",
        ),
        ("data: !!timestamp 2026-11-21", "a run has text, numbers, lists and groups, and"),
        ("options: !!set {a}", "a run has text, numbers, lists and groups, and"),
        ("epochs: !!int x", "row 1: 'x' is no int"),
        ("epochs: " + "9" * 5000, "is no int"),
        ("5: a", "row 1: a key is a name, not '5'"),
        ("[a]: b", "row 1: a key is a name, not a group"),
        ("data: " + "[" * 999 + "]" * 999, "brackets stand too deep in one another"),
        (b"data: a\nvalid: \xb1\xe8", "row 2: byte 0xb1 is not UTF-8: save the file as UTF-8"),
    ],
)
def test_a_bad_file_names_the_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        read(tmp_path, text)


def test_a_truth_value_is_hinted_at_only_where_one_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"epochs is a whole number, not the text 'yes'$"):
        read(tmp_path, "epochs: yes")
    with pytest.raises(DataError, match=r"not the text 'Yes': write true$"):
        read(tmp_path, "either: Yes", {"either": bool | int})


def test_a_mark_at_the_start_is_no_letter(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfepochs: 3\r\n") == {"epochs": 3}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.yaml: cannot be read: No such file"):
        read_run(tmp_path / "none.yaml", KNOWN)


def test_what_has_no_form_is_not_written() -> None:
    with pytest.raises(OutputError, match="text, numbers and lists of them, not <object"):
        write_run({"a": (object(), "")})


def test_the_command_line_goes_before_the_file() -> None:
    run = {"epochs": 9, "minutes": 3.0, "options": {"a": 1, "b": 1}}
    given: dict[str, Any] = {"epochs": None, "minutes": 0, "seed": 1, "options": {"b": 2}}
    assert overruled(run, given) == {
        "epochs": 9,
        "minutes": 0,
        "seed": 1,
        "options": {"a": 1, "b": 2},
    }
    assert run["options"] == {"a": 1, "b": 1}


def test_a_docstring_explains_its_arguments() -> None:
    @dataclass
    class Two:
        """Two things.

        Args:
            first: one,
                and more of it: on two lines.
            second: another.

        Raises:
            ValueError: never.
        """

        first: int
        second: int

    assert explained(Two) == {"first": "one, and more of it: on two lines.", "second": "another."}
    assert explained(type("Bare", (), {})) == {}

    class Further(Two):
        """More.

        Args:
            second: this one.
        """

    assert explained(Further) == {
        "first": "one, and more of it: on two lines.",
        "second": "this one.",
    }
