"""Texts that a language model goes on with, side by side with all else that it does."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from headgate.decoding import Sampling
from headgate.server.problems import ProblemError
from headgate.server.served import AT_ONCE, Served
from headgate.tasks.continuation import Chooser, Row, Stops


@dataclass(frozen=True)
class How:
    """How a text goes on.

    Args:
        length: tokens at most.
        sampling: how each is chosen.
        stop: strings that end the text, and are not given out.
    """

    length: int
    sampling: Sampling
    stop: Sequence[str] = ()


Reason = Literal["stop", "length"]


@dataclass(frozen=True)
class Completed:
    """A text that is over.

    Args:
        reason: why it ended: "stop" at its end or at a stop string, or "length".
        read: tokens of the prompt.
        written: tokens that came after it.
    """

    reason: Reason
    read: int
    written: int


def complete(
    served: Served, ids: Sequence[int], *, how: How, say: Callable[[str], None]
) -> Generator[Any, Any, Completed]:
    """Go on from a prompt.

    Args:
        served: the language model.
        ids: of the prompt.
        how: how long, and how each token is chosen.
        say: hears each piece of text as soon as it is sure.

    Returns:
        Work for the worker of steps, which comes to how it ended.
    """
    task: Any = served.model.task
    stream = served.blank()
    read, out = [task.text.start, *ids], torch.empty(0)
    for first in range(0, len(read), AT_ONCE):
        piece = torch.tensor(read[first : first + AT_ONCE])
        out = (yield partial(stream.steps, piece))[-1]
    row, stops = Row(task.text, ids, stop=(), length=how.length), Stops(how.stop)
    chooser, token = Chooser(task.network, task.text, how.sampling), None
    while row.open and not stops.met:
        [token] = chooser.choose(out[None], [row.seen], [0])
        said = stops.give(row.take(token))
        if not row.open and not stops.met:
            said += stops.held  # what might have become a stop string did not
        if said:
            say(said)
        if row.open and not stops.met:
            out = yield stream, token
    written = how.length - row.left
    served.metrics.completed(served.name, len(ids), written)
    ended = stops.met or (written > 0 and token == task.text.end)
    return Completed("stop" if ended else "length", len(ids), written)


def prompt_ids(served: Served, prompt: str | Sequence[int]) -> list[int]:
    """Turn a prompt to ids.

    Args:
        served: the model.
        prompt: a text, or ids.

    Returns:
        The ids.

    Raises:
        DataError: a character is unknown.
        ProblemError: the model is no language model of texts, the prompt is too long, or an id is
            none of the vocabulary.
    """
    task: Any = served.model.task
    if not served.completes:
        raise ProblemError(
            422, f"the model {served.name} is no language model of texts: see /v1/models"
        )
    most = served.limits.characters
    if len(prompt) > most:
        raise ProblemError(413, f"a prompt has at most {most} characters, or tokens")
    if isinstance(prompt, str):
        return task.text.prompt(prompt)
    wrong = [each for each in prompt if not 0 <= each < len(task.field)]
    if wrong:
        raise ProblemError(422, f"an id is from 0 to {len(task.field) - 1}, not {wrong[0]}")
    return [*prompt]
