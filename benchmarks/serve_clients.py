"""A client of sessions that knows what each of them has to be, from a stream that is alone."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.served import Client, Heard

from headgate.errors import StreamError
from headgate.server.answers import plain

MOST = 8  # sessions of a client
LENGTHS = (1, 1, 1, 4, 300)  # steps of a request; the last of them takes the server several turns
DELETED = "deleted"


@dataclass(eq=False)
class Known:
    """A session, and what is known of it.

    Args:
        path: of its routes.
        durable: whether it has to be there after a kill.
        source: what it was begun with.
        stream: as it is by what was answered.
        after: as it is if the request that was not answered was done, or ``DELETED``; None where
            no request is on its way.
        step: that request, where it is a step and may be sent again.
        states: some that it was in.
    """

    path: str
    durable: bool
    source: str | None
    stream: Any
    after: Any = None
    step: dict[str, Any] | None = None
    states: list[bytes] = field(default_factory=list)


class Clerk:
    """The sessions of one client.

    Args:
        template: a stream of the model that has not begun.
        tokens: what the model reads.
    """

    def __init__(self, template: Any, tokens: list[str]) -> None:
        self.template, self.tokens = template, tokens
        self.open: list[Known] = []
        self.deleted: list[str] = []
        self.unknown = 0  # sessions that may have been begun, and their names were not heard
        self._acts: list[Callable[[Client, random.Random], None]] = [
            *[self._step] * 6, self._fork, self._rewind, self._reset, self._place, self._delete,
        ]  # fmt: skip

    def ask(self, client: Client, chance: random.Random) -> None:
        """Ask for one thing, and compare the answer with what it has to be.

        Args:
            client: asks.
            chance: chooses.

        Raises:
            AssertionError: the answer is another.
            OSError: there is no server any more; what was asked may have been done or not.
        """
        if not self.open or (len(self.open) < MOST and chance.random() < 0.1):
            self._begin(client, chance)
        else:
            chance.choice(self._acts)(client, chance)

    def _begin(self, client: Client, chance: random.Random) -> None:
        source = "".join(chance.choices(self.tokens, k=5)) if chance.random() < 0.3 else None
        durable = chance.random() < 0.6
        stream = self._blank(source)
        self._add(client, "/v1/sessions", Known("", durable, source, stream), source=source)

    def _fork(self, client: Client, chance: random.Random) -> None:
        if len(self.open) >= MOST:
            self._delete(client, chance)
            return
        known, durable = chance.choice(self.open), chance.random() < 0.6
        new = Known("", durable, known.source, known.stream.fork())
        self._add(client, f"{known.path}/fork", new)

    def _add(self, client: Client, path: str, new: Known, **asked: Any) -> None:
        self.unknown += 1
        heard = _heard(client.ask("POST", path, {"durable": new.durable, **asked}), 201)
        assert heard["position"] == new.stream.position, heard
        self.unknown -= 1
        new.path = f"/v1/sessions/{heard['id']}"
        self.open.append(new)

    def _step(self, client: Client, chance: random.Random) -> None:
        known, count = chance.choice(self.open), chance.choice(LENGTHS)
        tokens = chance.choices(self.tokens, k=count)
        after = known.stream.fork()
        answer = json.loads(json.dumps(plain(after.steps(tokens)[-1])))
        step = {"input": tokens, "at": known.stream.position, "last": True}
        known.after, known.step = after, step
        heard = _heard(client.ask("POST", f"{known.path}/step", step))
        assert heard == {"position": after.position, "answers": [answer]}, heard
        _answered(known)

    def _rewind(self, client: Client, chance: random.Random) -> None:
        known, steps = chance.choice(self.open), chance.randint(1, 3)
        after = known.stream.fork()
        try:
            after.rewind(steps)
        except StreamError:
            after = None
        known.after = after
        heard = client.ask("POST", f"{known.path}/rewind", {"steps": steps})
        if heard.status == 409:  # it was on disk in the meantime, or has taken no such steps
            known.after = known.stream
        else:
            assert after is not None, heard
            assert _heard(heard)["position"] == after.position, heard
        _answered(known)

    def _reset(self, client: Client, chance: random.Random) -> None:
        known = chance.choice(self.open)
        known.after = known.stream.fork()
        known.after.reset()
        _heard(client.ask("PUT", f"{known.path}/state", {"state": None}))
        _answered(known)

    def _place(self, client: Client, chance: random.Random) -> None:
        """Read a state, or put an earlier one back."""
        known = chance.choice(self.open)
        if known.states and chance.random() < 0.5:
            known.after, state = known.stream.fork(), chance.choice(known.states)
            known.after.state = state
            _heard(client.ask("PUT", f"{known.path}/state", {"state": _text(state)}))
            _answered(known)
            return
        heard = _heard(client.ask("GET", f"{known.path}/state"))
        assert heard["state"] == _text(known.stream.state), heard["position"]
        known.states = [*known.states[-2:], known.stream.state]

    def _delete(self, client: Client, chance: random.Random) -> None:
        known = chance.choice(self.open)
        known.after = DELETED
        heard = client.ask("DELETE", known.path)
        assert heard.status == 204, heard
        self.open.remove(known)
        self.deleted.append(known.path)

    def check(self, client: Client) -> Counter[str]:
        """Compare what another server has with what the one before it answered.

        Args:
            client: asks the other server.

        Returns:
            How often what was found; what must not be begins with "WRONG".
        """
        found: Counter[str] = Counter()
        for known in [*self.open]:
            kind = "durable" if known.durable else "not durable"
            found[f"{kind}: {self._checked(client, known)}"] += 1
        back = sum(client.ask("GET", path).status != 404 for path in self.deleted)
        return found + Counter({"WRONG: deleted, and back": back, "deleted": len(self.deleted)})

    def _checked(self, client: Client, known: Known) -> str:
        """Say what became of a session, and go on from there."""
        heard = client.ask("GET", f"{known.path}/state")
        if heard.status == 404:
            self.open.remove(known)
            right = known.after is DELETED or not known.durable
            return "gone" if right else "WRONG, lost"
        state, was, after = _state(heard), known.stream, known.after
        if state == (was.position, was.state):
            said = "as answered" if after is None else "as answered, not what was asked last"
        elif after is not None and after is not DELETED and state == (after.position, after.state):
            said, known.stream = "with what was asked last, unanswered", after
        else:
            self.open.remove(known)
            return "WRONG, another state"
        done, step = known.stream is after, known.step
        fresh = self._blank(known.source)  # a kill takes the steps that could be rewound
        fresh.state = known.stream.state
        known.stream, known.after, known.step = fresh, None, None
        if step is not None and not self._again(client, known, step, done=done):
            return "WRONG, taken twice or not at all"
        return said

    def _again(self, client: Client, known: Known, step: dict[str, Any], *, done: bool) -> bool:
        """Send a step again that was not answered; say whether it was taken once."""
        heard = client.ask("POST", f"{known.path}/step", step)
        if not done:
            known.stream.steps(step["input"])
        now = _state(client.ask("GET", f"{known.path}/state"))
        told = heard.status, heard.json["position"]
        return told == (409 if done else 200, now[0]) and now[1] == known.stream.state

    def _blank(self, source: str | None) -> Any:
        stream = self.template.fork()
        if source is not None:
            stream.begin(source)
        return stream


def _heard(heard: Heard, status: int = 200) -> Any:
    assert heard.status == status, heard
    return heard.json


def _state(heard: Heard) -> tuple[int, bytes]:
    found = _heard(heard)
    return found["position"], base64.b64decode(found["state"])


def _text(state: bytes) -> str:
    return base64.b64encode(state).decode()


def _answered(known: Known) -> None:
    known.stream, known.after, known.step = known.after, None, None
