"""Whatever JSON can hold is answered, or refused with a sentence that says where it stands."""

from __future__ import annotations

import base64
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.golden import ASKED, write_bar, write_tones
from tests.sent import golden, player

from headgate.data.piano import Piece, frames_of
from headgate.errors import HeadgateError
from headgate.model import Model
from headgate.server.answers import plain
from headgate.server.inputs import taken

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.characters(codec=None).map(str)
    | st.sampled_from(["a warm film", "no. 12", "Ada", 10**400, -1e38, 3e38, 1e-45, "\ud800"])
)
KEYS = st.sampled_from(["x", "잡음", "name", "step", "sold", "base64", "frames", "ending", ""])
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
SLOW = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
NUMBERS = st.floats(width=32, allow_infinity=False) | st.none()
TEXTS = st.text(alphabet="a warmno.123영\n\0", max_size=20) | st.text(max_size=20)
PAIRS = st.lists(NUMBERS, min_size=2, max_size=2)
STEPS = st.fixed_dictionaries({"x": NUMBERS, "잡음": NUMBERS, "sold": NUMBERS})
NEARLY: dict[str, st.SearchStrategy[Any]] = {  # what a task could well take
    **dict.fromkeys(["classify", "generate", "translate", "chat"], TEXTS),
    "tag": TEXTS | st.lists(TEXTS, max_size=3),
    "regress": st.lists(PAIRS, max_size=8) | st.lists(STEPS, max_size=4),
    "forecast": st.lists(NUMBERS, max_size=30) | st.lists(STEPS, max_size=4),
}


def refused_or_answered(model: Model, inputs: list[Any]) -> None:
    refused: HeadgateError | None = None
    answers: list[Any] = []
    try:
        with taken(model, inputs, characters=30, steps=20) as ready:
            answers = model.predict(ready)
    except HeadgateError as error:
        refused = error
    if refused is None:
        assert len(answers) == len(inputs)
        json.dumps([plain(each) for each in answers], allow_nan=False)
        return
    assert str(refused).startswith("/inputs/")
    assert tempfile.gettempdir() not in str(refused)


@pytest.mark.parametrize("task", ASKED)
@pytest.mark.usefixtures("unchecked")
@settings(max_examples=12, suppress_health_check=SLOW)
@given(data=st.data())
def test_whatever_comes_is_answered_or_refused(task: str, data: st.DataObject) -> None:
    kinds = data.draw(st.sampled_from([ANYTHING, NEARLY.get(task, ANYTHING)]))
    refused_or_answered(golden(task), data.draw(st.lists(kinds, max_size=2)))


@functools.cache
def files() -> dict[str, tuple[Model, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        Piece(frames_of([[60], [62, 64]])).save(place / "a.mid")
        found = {
            "sound": (golden("transcribe"), Path(write_tones(place, "a"))),
            "picture": (golden("caption"), Path(write_bar(place, "lying"))),
            "music": (player(), place / "a.mid"),
        }
        return {name: (model, file.read_bytes()) for name, (model, file) in found.items()}


@pytest.mark.parametrize("kind", ["sound", "picture", "music"])
@pytest.mark.usefixtures("unchecked")
@settings(max_examples=15, suppress_health_check=SLOW)
@given(
    places=st.lists(st.tuples(st.integers(4, 120), st.integers(0, 255)), max_size=4),
    end=st.integers(4, 2000),
)
def test_a_broken_file_is_answered_or_refused(
    kind: str, places: list[tuple[int, int]], end: int
) -> None:
    model, data = files()[kind]
    broken = bytearray(data)
    for place, byte in places:
        broken[place % len(broken)] = byte
    refused_or_answered(model, [{"base64": base64.b64encode(broken[:end]).decode()}])
