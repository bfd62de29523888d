"""What a server takes on, and no more."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf
from typing import Any

from headgate.errors import HeadgateError
from headgate.tasks.protocol import build_settings


@dataclass(frozen=True)
class Limits:
    """The bounds of a server.

    Args:
        body: bytes of a request.
        inputs: inputs of a prediction.
        characters: of a text.
        steps: steps of a session that one request takes.
        tokens: of a completion.
        texts: that one request has completed.
        queue: requests that wait for a model; one more is asked to come again.
        batch: inputs that a model answers together, and streams that step together.
        seconds: that a body may take to come, then its answer to be found, then each piece of it to
            be read; and that a connection may take to say what it wants.
        connections: that are open at once, those of WebSockets among them; those beyond are
            answered by 503, or closed where they are twice as many.
        sessions: that are kept, in memory and on disk.
        resident: sessions in memory; those that were used longest ago go to disk.
        idle: seconds after which an unused session goes to disk.
        rewind: steps that a session can take back.
        forget: days after which an unused session is deleted; never where None.
    """

    body: int = 8 << 20
    inputs: int = 64
    characters: int = 20_000
    steps: int = 4096
    tokens: int = 4096
    texts: int = 16
    queue: int = 256
    batch: int = 64
    seconds: float = 30.0
    connections: int = 1024
    sessions: int = 10_000
    resident: int = 1024
    idle: float = 300.0
    rewind: int = 16
    forget: float | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            least = 0 if each.name == "rewind" else 1
            if isinstance(value, int) and value < least:
                raise HeadgateError(f"{each.name} is a bound of {least} or more, not {value!r}")
            if isinstance(value, float) and not 0 < value < inf:
                raise HeadgateError(f"{each.name} is a finite bound above 0, not {value!r}")


def limits_of(given: dict[str, Any]) -> Limits:
    """Set bounds.

    Args:
        given: values by name.

    Returns:
        The bounds.

    Raises:
        UnknownNameError: there is no such bound.
        HeadgateError: a value is of the wrong kind, or too small.
    """
    return build_settings(Limits, given)
