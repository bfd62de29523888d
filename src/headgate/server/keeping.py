"""What becomes of sessions after work on them: written, taken back, put away, forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.server.problems import tell_failure
from headgate.server.sessions import Session, Sessions
from headgate.server.worker import Job, Kept

_PART = 64  # sessions that are put away between two rounds


@dataclass(frozen=True)
class Touched(Kept):
    """What was done to a session, which is kept where the session is durable.

    Args:
        session: the session.
        answer: what is answered.
        gone: whether it is to be forgotten.
    """

    session: Session
    answer: Any = None
    gone: bool = False


def keep(sessions: Sessions, jobs: Sequence[Job]) -> None:
    """Write what was done to durable sessions, all in one commit, before it is answered.

    Args:
        sessions: all there are.
        jobs: with results that are ``Touched``; where nothing can be written, those that wanted
            it have the error, and their sessions are as they were.
    """
    touched: list[Touched] = [job.result for job in jobs]
    gone = [each.session for each in touched if each.gone]
    kept = [each.session for each in touched if each.session.durable and not each.gone]
    try:
        sessions.keep(kept, gone=gone)
    except Exception as error:
        for job in jobs:
            if job.result.gone or job.result.session.durable:
                job.error = error
        for session in kept:
            _undo(sessions, session)


def _undo(sessions: Sessions, session: Session) -> None:
    """Go back to what the disk has, which is not read before the session is used again."""
    if session.stored is None:
        sessions.drop(session)
    else:
        session.stream, session.position = None, session.stored


def tidy(sessions: Sessions, model: str, *, busy: Callable[[Session], bool]) -> bool:
    """Forget and put away sessions of a model, in the model's own thread: a part of what is due.

    Args:
        sessions: all there are.
        model: whose they are.
        busy: tells whether a session has work under way; such a one stays as it is.

    Returns:
        Whether there was something to do, so that there may be more.
    """
    gone = [each for each in sessions.forgotten(model) if not busy(each)][:_PART]
    idle = [each for each in sessions.idle(model) if not busy(each) and each not in gone]
    away = idle[:_PART]
    try:
        sessions.keep(away, gone=gone)
    except Exception as error:  # they stay where they are, until the next time
        tell_failure(error)
        return False
    for each in away:
        each.stream = None
    return bool(gone or away)
