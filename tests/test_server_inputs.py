"""Inputs that came as JSON: the same answers as of files, and of all else a sentence."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.golden import ASKED, write_bar, write_tones
from tests.sent import LIMITS, answered, golden, seer, seller, sent

from headgate.data.origin import read_parts
from headgate.errors import DataError, OutputError
from headgate.server.answers import plain
from headgate.server.inputs import taken


@pytest.mark.parametrize("task", ["classify", "tag", "generate", "translate", "chat"])
def test_a_text_is_answered_as_ever(task: str) -> None:
    wanted = [plain(each) for each in golden(task).predict(ASKED[task])]
    assert answered(golden(task), ASKED[task]) == wanted


def test_a_tagger_takes_words() -> None:
    [wanted] = golden("tag").predict([("Ada", "met", "New York")])
    assert answered(golden("tag"), [["Ada", "met", "New York"]]) == [plain(wanted)]


@pytest.mark.parametrize("task", ["regress", "forecast"])
def test_a_series_is_a_list(task: str) -> None:
    wanted = golden(task).predict([torch.tensor(each) for each in ASKED[task]])
    assert answered(golden(task), ASKED[task]) == [plain(each) for each in wanted]
    assert answered(golden(task), []) == []


def test_null_is_a_value_that_is_missing() -> None:
    given = torch.tensor([[0.5, 1.0], [math.nan, -1.0]])
    wanted = golden("regress").predict([given])
    assert answered(golden("regress"), [[[0.5, 1], [None, -1]]]) == [plain(wanted[0])]


def test_a_step_may_name_its_columns() -> None:
    given = torch.tensor([[0.5, 1.0], [1.5, -1.0]])
    wanted = golden("regress").predict([given])
    late, early = {"step": 2, "잡음": -1, "x": 1.5}, {"step": 1, "잡음": 1, "x": 0.5}
    assert answered(golden("regress"), [[late, early]]) == [plain(wanted[0])]


def test_a_forecast_reads_columns_as_a_file_has_them(tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = [
        {"shop": "south", "day": f"2024-01-{day:02d}", "sold": 20 + day % 7, "price": 1.5,
         "kind": "s"}
        for day in range(1, 25)
    ]  # fmt: skip
    steps[4]["sold"] = None
    steps[22]["sold"] = steps[23]["sold"] = None  # to come, with their price
    file = tmp_path / "new.csv"
    head = list(steps[0])
    cells = [["" if row[name] is None else str(row[name]) for name in head] for row in steps]
    file.write_text("\n".join(map(",".join, [head, *cells])) + "\n", encoding="utf-8")
    model, data = seller(), seller().config["data"]
    table = read_parts(file, data, one="test")["test"]
    wanted = model.predict(list(model.questions(table, data["input"], data["target"])))
    assert wanted[0].steps == ("2024-01-23", "2024-01-24")
    assert answered(model, [steps]) == [plain(wanted[0])]


def test_features_of_places_are_a_list() -> None:
    given = [[0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4]]
    wanted = seer("places").predict([torch.tensor(given)])
    assert answered(seer("places"), [given]) == [plain(wanted[0])]
    with pytest.raises(DataError, match=r"^/inputs/0/1/0: a number was wanted, and null came"):
        answered(seer("places"), [[[1, 2, 3, 4], [None, 2, 3, 4]]])


LONG = [[0.0, 0.0]] * 101
REFUSED: list[tuple[str, Any, str]] = [
    ("classify", 3, "a text was wanted, and the number 3 came"),
    ("classify", 10**5000, "a text was wanted, and a number too large came"),
    ("classify", None, "a text was wanted, and null came"),
    ("classify", ["a"], "a text was wanted, and a list of 1 came"),
    ("classify", " ", "the text is empty"),
    ("classify", "a" * 41, "at most 40 characters are taken, and 41 came"),
    ("classify", "a\ud800", r"character 1 is half of a surrogate pair.*'\\ud800'"),
    ("tag", [], "a text or a list of words was wanted, and a list of 0 came"),
    ("tag", ["a", 1], "a text was wanted, and the number 1 came"),
    ("tag", ["a", " "], "the text is empty"),
    ("tag", ["a" * 30, "b" * 30], "at most 40 characters are taken, and 60 came"),
    ("generate", "a ☃", "☃"),
    ("regress", "a.csv", "a series.*was wanted, and the text 'a.csv' came"),
    ("regress", [], "a series.*was wanted, and a list of 0 came"),
    ("regress", LONG, "at most 100 steps are taken, and 101 came"),
    ("regress", [[1, 2], [1]], "a list of 2 numbers, as in the first step, was wanted"),
    ("regress", [[1, 2], 1], "a list of 2 numbers, as in the first step, was wanted"),
    ("regress", [[]], "a number was wanted, and a list of 0 came"),
    ("regress", [[1, True]], "a number, or null where it is missing, was wanted, and true came"),
    ("regress", [[1, "2"]], "was wanted, and the text '2' came"),
    ("regress", [[1, 1e39]], r"was wanted, and the number 1e\+39 came"),
    ("regress", [[1, math.nan]], "was wanted, and the number nan came"),
    ("regress", [[1, 10**400]], "was wanted, and a number too large came"),
    ("regress", [[None, None]], "the series has no value"),
    ("regress", [[1, 2, 3]], r"a series \[T, 2\] was wanted, as in training: \(1, 3\) came"),
    ("regress", [1, 2], r"a series \[T, 2\] was wanted"),
    ("regress", [{}], "the keys of the first step"),
    ("regress", [{"x": 1}, {"y": 1}], "the keys of the first step"),
    ("regress", [{"x": 1}, 1], "an object, as in the first step, was wanted"),
    ("regress", [{"x": 1}], "no column '잡음'"),
    ("regress", [{"x": "much", "잡음": 1}], "much"),
    ("regress", [{"x": [1], "잡음": 1}], "a number, a text or null was wanted, and a list of 1"),
    ("regress", [{"x": 1, "잡음": 1e99}], r"and the number 1e\+99 came"),
    ("regress", [{str(n): n for n in range(1001)}], "at most 1,000 keys are taken"),
    (
        "regress",
        [{"x": 1, "잡음": 1, "name": name, "step": 1} for name in "ab"],
        "an input is one series, and its steps are of 2",
    ),
    ("forecast", [[1.0, 2.0]], "1 values a step are wanted"),
    ("forecast", {"values": [1]}, "a series.*was wanted, and an object came"),
    ("transcribe", [1.0], "a file was wanted: send the file itself"),
    ("transcribe", {"base64": 1}, "a file was wanted: send the file itself"),
    ("transcribe", {"base64": "", "path": "a"}, "a file was wanted: send the file itself"),
    ("transcribe", {"base64": "a*=="}, "this is no base64"),
    ("transcribe", {"base64": "é"}, "this is no base64"),
    ("transcribe", {"base64": ""}, r"\.wav, \.flac, \.ogg was wanted, and 0 bytes of another"),
    ("transcribe", {"base64": "YWJj"}, "3 bytes of another came"),
    ("transcribe", {"base64": "UklGRg=="}, "is no sound that can be read"),
    ("transcribe", {"base64": "UklGRg==", "ending": ".raw"}, "one of .wav, .flac, .ogg was want"),
    ("caption", {"base64": "/9j/"}, "the picture is broken"),
    ("caption", {"base64": "/9j/", "ending": ".gif"}, "one of .png, .jpg, .jpeg was wanted"),
]


@pytest.mark.parametrize(
    ("task", "wrong", "message"), REFUSED, ids=[f"{each[0]}-{n}" for n, each in enumerate(REFUSED)]
)
def test_a_wrong_input_is_named(task: str, wrong: Any, message: str, tmp_path: Path) -> None:
    good = ASKED[task][0]
    if task in ("transcribe", "caption"):
        make = write_tones if task == "transcribe" else write_bar
        good = sent(make(tmp_path, good))
    before = _folders()
    with (
        pytest.raises(DataError, match=message) as raised,
        taken(golden(task), [good, good, wrong, good], **LIMITS) as ready,
    ):
        golden(task).predict(ready)
    said = str(raised.value)
    assert said.startswith("/inputs/2")
    assert not said.startswith("/inputs/2: /inputs/2")
    assert tempfile.gettempdir() not in said
    assert _folders() == before


def _folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("headgate-*"))


@pytest.mark.parametrize(
    ("task", "name"), [("transcribe", "ab.wav"), ("caption", "a.png"), ("forecast", "a.csv")]
)
def test_no_file_is_opened_by_its_name(
    task: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("builtins.open", lambda *args, **kw: opened.append(str(args[0])))
    how = "send the file itself" if task != "forecast" else "a series"
    for path in (str(tmp_path / name), "/etc/passwd", f"file://{tmp_path}"):
        with pytest.raises(DataError, match=f"^/inputs/0: .*{how}"):
            answered(golden(task), [path])
    assert opened == []


def test_an_error_that_no_input_is_to_blame_for_stays_as_it_is() -> None:
    for error in (OutputError("the disk is full"), DataError("of another matter")):
        with pytest.raises(type(error)) as raised, taken(golden("chat"), ["a", "b"], **LIMITS):
            raise error
        assert raised.value is error
    with pytest.raises(ZeroDivisionError), taken(golden("chat"), ["a"], **LIMITS):
        raise ZeroDivisionError
