"""The decoder of a task from text to text, kept running: what it shares with the search."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tiny import chatter
from tests.tolerances import assert_equal

from headgate.errors import StreamError
from headgate.tasks import Examples
from headgate.tasks.chat import Chat

ROWS = Examples([f"are you {n}?" for n in range(30)], [f"yes, {n}." for n in range(30)])


def learn(**settings: Any) -> Chat:
    torch.manual_seed(0)
    return Chat.learn(ROWS, {"hidden_size": 8, "embedding_size": 8} | settings)


@pytest.mark.parametrize("min_length", [0, 4, 30])
@pytest.mark.parametrize("unit", ["character", "word"])
def test_its_answer_is_greedy_search(unit: str, min_length: int) -> None:
    task = learn(unit=unit, min_length=min_length, beam_width=1)
    stream = task.stream(rows=None, rewind=0, quantize=None)
    for said in ("are you 3?", "you are four"):
        assert "".join(stream.answer(said)) == task.predict([said])[0].text


def test_one_table_for_both_sides_streams() -> None:
    task: Any = chatter().task
    assert task.fields.shared
    stream: Any = chatter().stream("are you 7?")
    memory = task.network.encode(torch.tensor(task.encode(["are you 7?"])), torch.tensor([10]))
    expected = task.network.step(torch.tensor([task.target.bos]), memory)[0][0]
    assert_equal(stream.step().log_probabilities, expected.detach(), "output")


@pytest.mark.parametrize("order", ["input_feeding", "bahdanau"])
def test_what_looks_into_its_next_step_is_no_chain(order: str) -> None:
    with pytest.raises(StreamError, match=f"in the order '{order}'.*order=luong"):
        learn(order=order).stream(rows=None, rewind=0, quantize=None)
