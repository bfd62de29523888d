"""Sessions are as they were answered, whatever fails; in memory there are only so many."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.kept import KINDS
from tests.rough import overheard, until
from tests.served import Client, bare, serving

from headgate.errors import DataError, OutputError
from headgate.server.desk import Desk
from headgate.server.keeping import tidy
from headgate.server.limits import Limits
from headgate.server.schemas import ForkRequest, SessionCard, SessionRequest, StepRequest
from headgate.server.served import Served
from headgate.server.session_routes import Acts
from headgate.server.sessions import Session, Sessions
from headgate.server.store import Store

GENERATE = KINDS["generate"]
STEP = {"input": ["w"]}


@contextlib.contextmanager
def one(folder: Path, **limits: Any) -> Iterator[Client]:
    with serving({"m": bare(GENERATE.make())}, folder, Limits(**limits)) as client:
        yield client


@contextlib.asynccontextmanager
async def acting(folder: Path, **limits: Any) -> AsyncIterator[tuple[Acts, Served]]:
    """What the routes call, without a server."""
    desk = Desk({"m": bare(GENERATE.make())}, Store(folder), Limits(**limits))
    async with desk.open():
        yield Acts(desk), desk.served["m"]


def sessions_at(folder: Path, count: int, **limits: Any) -> tuple[Sessions, list[Session]]:
    """Sessions of a model "m", used one after the other."""
    sessions = Sessions(Store(folder), Limits(**limits))
    stream = GENERATE.template()
    made = [sessions.add("m", stream.fork(), durable=False, source=None) for _ in range(count)]
    for number, each in enumerate(made):
        each.used += number
    return sessions, made


def kept(client: Client) -> tuple[int, int]:
    """How many sessions are in memory, and on disk alone."""
    text = client.ask("GET", "/metrics").body.decode()
    found = dict(re.findall(r'^headgate_sessions\{place="(\w+)"\} (.+)$', text, re.M))
    return int(float(found["memory"])), int(float(found["disk"]))


def nothing_is_busy(session: Session) -> bool:
    return False


FULL = OutputError("/secret/sessions.sqlite cannot be written: the disk is full")


def failing(error: Exception) -> Any:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    return fails


@pytest.mark.parametrize(("error", "status"), [(FULL, 503), (OverflowError("too large"), 500)])
def test_a_step_that_cannot_be_kept_is_not_taken_even_where_nothing_can_be_read(
    tmp_path: Path, error: Exception, status: int
) -> None:
    with overheard(), one(tmp_path) as client:
        sessions = [client.begin(durable=True) for _ in range(3)]
        with pytest.MonkeyPatch.context() as patch:
            for name in ("put", "get"):
                patch.setattr(f"headgate.server.store.Store.{name}", failing(error))
            for session in sessions:
                assert client.ask("POST", f"{session}/step", STEP).status == status
            assert client.ask("DELETE", sessions[0]).status == status
        for session in sessions:
            assert client.ask("GET", session).json["position"] == 0
            assert client.post(f"{session}/step", {**STEP, "at": 0})["position"] == 1


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("what", ["put", "get"])
def test_where_the_disk_fails_it_is_said_without_a_path(
    tmp_path: Path, durable: bool, what: str
) -> None:
    with overheard() as lines, one(tmp_path, idle=0.05) as client:
        session = client.begin(durable=durable)
        until(lambda: kept(client) == (0, 1))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"headgate.server.store.Store.{what}", failing(FULL))
            heard = client.ask("POST", f"{session}/step", STEP)
        assert (heard.status, heard.headers["retry-after"]) == (503, "1")
        assert "secret" not in heard.body.decode()
        assert {"error": str(FULL)} in lines
        assert client.post(f"{session}/step", {**STEP, "at": 0})["position"] == 1


def test_at_the_end_one_that_cannot_be_written_takes_no_other_with_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    desk = Desk({}, store, Limits())
    stream = GENERATE.template()
    bad, *good = [
        desk.sessions.add("m", stream.fork(), durable=False, source=None) for _ in range(3)
    ]
    bad.position = 2**64
    desk._close()
    assert "1 of 3 sessions" in str(desk.failed)
    again = Store(tmp_path)  # it was closed
    assert sorted(each.id for each in again.all()) == sorted(each.id for each in good)
    again.close()


def test_memory_has_a_bound_also_with_a_short_queue(tmp_path: Path) -> None:
    with one(tmp_path, resident=4, queue=1) as client:
        begun = [client.begin() for _ in range(30)]
        until(lambda: kept(client) == (4, 26), seconds=3)  # sooner than the next look for idle ones
        for session in begun:
            assert client.post(f"{session}/step", STEP)["position"] == 1
        until(lambda: kept(client) == (4, 26), seconds=3)


def test_the_oldest_go_a_part_at_a_time_but_for_those_with_work(tmp_path: Path) -> None:
    sessions, made = sessions_at(tmp_path, 80, resident=2)
    busy = set(made[:3])
    rounds = 0
    while tidy(sessions, "m", busy=busy.__contains__):
        rounds += 1
    assert rounds == 2
    assert [each for each in made if each.stream is not None] == made[:3] + made[-2:]
    assert not tidy(sessions, "other", busy=nothing_is_busy)
    sessions.store.close()


def test_what_cannot_be_put_away_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, made = sessions_at(tmp_path, 3, resident=1, forget=1.0)
    made[0].used = 0.0
    with monkeypatch.context() as patch, overheard() as lines:
        patch.setattr(sessions.store, "put", failing(FULL))
        assert not tidy(sessions, "m", busy=nothing_is_busy)
        assert lines == [{"error": str(FULL)}]
    assert all(each.stream is not None for each in made)
    assert len(sessions) == 3
    assert tidy(sessions, "m", busy=nothing_is_busy)
    assert [each.gone for each in made] == [True, False, False]
    assert sessions.store.get(made[0].id) is None
    assert sessions.store.get(made[1].id) is not None
    sessions.store.close()


def test_a_session_is_not_forgotten_while_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, inside, real = threading.Event(), threading.Event(), Served._stepped

    def stepped(self: Served, wanted: Any) -> Any:
        inside.set()
        assert gate.wait(30)
        return real(self, wanted)

    async def run() -> None:
        async with acting(tmp_path, forget=1.0) as (act, served):
            card = await act.create(SessionRequest.model_validate({"durable": True}))
            session = act.desk.sessions.named(card.id)
            session.used = 0.0
            monkeypatch.setattr(served.stepping, "_together", stepped.__get__(served))
            step = asyncio.create_task(act.step(card.id, StepRequest.model_validate(STEP)))
            await asyncio.to_thread(inside.wait, 30)
            served.tidy_soon()
            gate.set()
            assert (await step).position == 1
            served.tidy_soon()
            assert (await act.step(card.id, StepRequest.model_validate(STEP))).position == 2

    asyncio.run(run())


async def _cut(act: Acts, made: Coroutine[Any, Any, SessionCard], inside: Any, gate: Any) -> None:
    """Stop waiting for a session while it is written."""
    task = asyncio.create_task(made)
    await asyncio.to_thread(inside.wait, 30)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    gate.set()
    while len(act.desk.sessions) > 1:
        await asyncio.sleep(0.001)
    gate.clear()
    inside.clear()


def test_a_session_that_nobody_was_told_of_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, inside, real = threading.Event(), threading.Event(), Store.put

    def put(*given: Any, **how: Any) -> None:
        inside.set()
        assert gate.wait(30)
        real(*given, **how)

    async def run() -> None:
        async with acting(tmp_path, sessions=2) as (act, _):
            card = await act.create(SessionRequest.model_validate({}))
            monkeypatch.setattr(Store, "put", put)
            await _cut(
                act, act.create(SessionRequest.model_validate({"durable": True})), inside, gate
            )
            await _cut(act, act.fork(card.id, ForkRequest(durable=True)), inside, gate)
            gate.set()
            with pytest.raises(DataError):  # what went wrong made none
                await act.create(SessionRequest.model_validate({"source": "?!"}))
            await act.create(SessionRequest.model_validate({"durable": True}))
            assert len(act.desk.sessions.store.all()) == 1

    asyncio.run(run())


def test_sessions_of_models_that_are_not_served_can_be_deleted_and_are_forgotten(
    tmp_path: Path,
) -> None:
    with one(tmp_path) as client:
        first, second = client.begin(durable=True), client.begin(durable=True)
    other = {"other": bare(GENERATE.make())}
    with serving(other, tmp_path, Limits(sessions=2)) as client:
        assert client.ask("DELETE", first).status == 204
        assert client.problem("DELETE", first)[0] == 404
        client.begin()
    store = Store(tmp_path)
    [record] = [each for each in store.all() if each.model == "m"]
    assert second.endswith(record.id)
    store.put([replace(store.get(record.id) or record, used=0.0)])
    store.close()
    with serving(other, tmp_path, Limits(idle=0.2, forget=1.0)) as client:
        until(lambda: client.ask("GET", second).status == 404)
    store = Store(tmp_path)
    assert [each.model for each in store.all()] == ["other"]
    store.close()
