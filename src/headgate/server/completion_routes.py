"""The route of completions, as OpenAI's clients ask for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from headgate.decoding import Sampling
from headgate.errors import HeadgateError
from headgate.server.completing import Completed, How, complete, prompt_ids
from headgate.server.deadline import Deadline
from headgate.server.desk import Desk
from headgate.server.problems import RETRY, ProblemError
from headgate.server.schemas import Choice, Completion, CompletionRequest, Usage
from headgate.server.worker import Job, Work
from headgate.tasks.continuation import check_length
from headgate.tasks.generate import later

_EVENTS = "text/event-stream"
_LENGTH = 16  # tokens of a text, as OpenAI has it


def completion_routes(desk: Desk) -> APIRouter:
    """Make the route of completions.

    Args:
        desk: the models.

    Returns:
        The route.
    """
    routes = APIRouter()

    @routes.post(
        "/v1/completions",
        tags=["completions"],
        response_model=Completion,
        responses={200: {"content": {_EVENTS: {}}}},
    )
    async def completions(asked: CompletionRequest) -> Response:
        """Go on with texts; with ``stream`` as server-sent events, each with a piece."""
        answering = Completions(desk, asked)
        if asked.stream:
            return StreamingResponse(answering.events(), media_type=_EVENTS)
        found = await answering.whole()
        return Response(found.model_dump_json(), media_type="application/json")

    @routes.post("/v1/chat/completions", include_in_schema=False)
    async def chat() -> Response:
        """Say what there is instead."""
        raise ProblemError(
            404,
            "chat completions are not served: POST /v1/completions goes on with a text, and a "
            "model of the task chat answers at POST /v1/predict and in sessions",
        )

    return routes


class Completions:
    """The texts of one request.

    Args:
        desk: the models.
        asked: the request.

    Raises:
        ProblemError: the model is no language model, or more is asked for than may be.
        HeadgateError: a prompt cannot be read, a value is out of its range.
    """

    def __init__(self, desk: Desk, asked: CompletionRequest) -> None:
        self.desk, self.asked, self.served = desk, asked, desk.named(asked.model)
        self.id, self.created = f"cmpl-{uuid.uuid4().hex}", int(time.time())
        self._said: asyncio.Queue[tuple[int, str | None]] = asyncio.Queue()
        prompts, of_each = _prompts(asked.prompt), asked.n or 1
        if len(prompts) * of_each > desk.limits.texts:  # before so many are made
            raise ProblemError(413, f"one request has at most {desk.limits.texts} texts")
        prompts = [each for each in prompts for _ in range(of_each)]
        works = [self._work(number, prompt) for number, prompt in enumerate(prompts)]
        self._jobs: list[Job] = []
        try:
            for number, work in enumerate(works):
                job = self.served.stepping.submit(work)
                job.future.add_done_callback(lambda _, n=number: self._said.put_nowait((n, None)))
                self._jobs.append(job)
        except ProblemError:
            self._stop()
            raise

    def _work(self, number: int, prompt: str | list[int]) -> Work:
        loop, said = asyncio.get_running_loop(), self._said

        def say(piece: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
                loop.call_soon_threadsafe(said.put_nowait, (number, piece))

        limits, asked = self.desk.limits, self.asked
        ids = prompt_ids(self.served, prompt)
        given = asked.max_tokens
        length = min(_LENGTH, limits.tokens) if given is None else given
        if length > limits.tokens:
            raise ProblemError(413, f"a text has at most {limits.tokens} tokens")
        stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
        check_length(length, stop)
        if asked.echo and prompt:
            if not isinstance(prompt, str):
                raise ProblemError(422, "echo repeats a text, and ids came: leave it out")
            said.put_nowait((number, prompt))
        how = How(length, _sampling(asked, number), stop)
        return complete(self.served, ids, how=how, say=say)

    async def whole(self) -> Completion:
        """Wait for all texts.

        Returns:
            The completion.

        Raises:
            ProblemError: it took too long.
        """
        try:
            with Deadline(self.desk.limits.seconds):
                ends: list[Completed] = [await job.future for job in self._jobs]
        except TimeoutError:
            raise ProblemError(
                503,
                f"the text took over {self.desk.limits.seconds:g} seconds: ask for fewer tokens, "
                "or for a stream",
                RETRY,
            ) from None
        finally:
            self._stop()
        texts = [""] * len(ends)
        while not self._said.empty():
            number, piece = self._said.get_nowait()
            texts[number] += piece or ""
        choices = [
            Choice(text=text, index=number, finish_reason=end.reason)
            for number, (text, end) in enumerate(zip(texts, ends, strict=True))
        ]
        return self._completion(choices, self._usage(ends))

    async def events(self) -> AsyncIterator[bytes]:
        """Give server-sent events.

        Yields:
            An event for each piece of a text, one for each end, and the last.
        """
        ends: list[Completed] = []
        try:
            while len(ends) < len(self._jobs):
                number, piece = await self._said.get()
                if piece is not None:
                    yield self._event(Choice(text=piece, index=number))
                    continue
                ends.append(await self._jobs[number].future)
                yield self._event(Choice(text="", index=number, finish_reason=ends[-1].reason))
            usage, options = self._usage(ends), self.asked.stream_options
            if options is not None and options.include_usage:
                yield _event(self._completion([], usage).model_dump_json())
            yield _event("[DONE]")
        except HeadgateError as error:
            problem = ProblemError(422, str(error))
            told = problem.document() | {"message": problem.detail}  # by which OpenAI's client asks
            yield _event(json.dumps({"error": told}))
        finally:
            self._stop()

    def _stop(self) -> None:
        """Write no more: all is said, or nobody reads."""
        for job in self._jobs:
            job.future.cancel()

    def _event(self, choice: Choice) -> bytes:
        return _event(self._completion([choice], None).model_dump_json())

    def _completion(self, choices: list[Choice], usage: Usage | None) -> Completion:
        return Completion(
            id=self.id,
            created=self.created,
            model=self.served.name,
            choices=choices,
            usage=usage,
        )

    def _usage(self, ends: list[Completed]) -> Usage:
        read = sum(end.read for end in ends) // (self.asked.n or 1)
        written = sum(end.written for end in ends)
        return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def _prompts(prompt: Any) -> list[Any]:
    several = isinstance(prompt, list) and not isinstance(prompt[0], int)
    return prompt if several else [prompt]


def _sampling(asked: CompletionRequest, number: int) -> Sampling:
    """Say how the tokens of a text are drawn; null is what a client sends for nothing."""
    given = {
        "temperature": asked.temperature,
        "top_k": asked.top_k,
        "top_p": asked.top_p,
        "repetition_penalty": asked.repetition_penalty,
    }
    chosen = Sampling(**{name: value for name, value in given.items() if value is not None})
    return later(replace(chosen, seed=asked.seed), number)
