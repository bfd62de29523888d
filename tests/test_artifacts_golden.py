"""Models that an earlier version saved open, and answer as they did."""

from __future__ import annotations

import json
import re

import pytest
import torch
from tests.golden import ASKED, HERE, answers
from tests.tolerances import assert_equal

from headgate.model import load
from headgate.tasks import TASKS

WANTED = json.loads((HERE / "answers.json").read_text(encoding="utf-8"))


def test_every_task_of_today_has_one() -> None:
    assert WANTED.keys() == ASKED.keys() == TASKS.keys()
    assert {path.name for path in HERE.iterdir()} == {*TASKS, "answers.json"}


@pytest.mark.parametrize("task", WANTED)
def test_a_saved_model_answers_as_it_did(task: str) -> None:
    said = json.loads(json.dumps(answers(load(HERE / task))))
    for found, wanted in zip(said, WANTED[task], strict=True):
        assert found.keys() == wanted.keys()
        numbers = [name for name, value in wanted.items() if is_number(value)]
        assert {n: found[n] for n in found.keys() - set(numbers)} == {
            n: wanted[n] for n in wanted.keys() - set(numbers)
        }
        one, other = (torch.tensor([float(each[n]) for n in numbers]) for each in (found, wanted))
        assert_equal(one, other, kind="printed")


def is_number(cell: str | list[str]) -> bool:
    return isinstance(cell, str) and re.fullmatch(r"-?\d+\.\d+", cell) is not None
