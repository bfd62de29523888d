"""What requests and answers look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

Json = Any
_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_MEMBERS = 64  # of a request
_NAME = Field(None, description="The model's name; it may be left out where one is served.")


def _whole(value: Any) -> Any:
    """Take 2.0 for 2, as JSON has one kind of numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _one_of(kinds: str) -> WrapValidator:
    """Say of a value that may be of several kinds once that it is none of them."""

    def check(value: Any, whole: Callable[[Any], Any]) -> Any:
        try:
            return whole(value)
        except ValidationError:
            raise PydanticCustomError("kinds", "{kinds}", {"kinds": kinds}) from None

    return WrapValidator(check)


State = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64", "pattern": _BASE64})]
_WHOLE = BeforeValidator(_whole)
Count = Annotated[int, Field(ge=0), _WHOLE]
Positive = Annotated[int, Field(ge=1), _WHOLE]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63), _WHOLE]


class Asked(BaseModel):
    """What a client sends: a name that is not known is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _few(cls, given: Any) -> Any:
        """Refuse what has members by the thousand, each of which would be named as unknown."""
        if isinstance(given, dict) and len(given) > _MEMBERS:
            raise PydanticCustomError("many", "there are more members than any request has")
        return given


class ModelCard(BaseModel):
    """A model that is served."""

    id: str = Field(description="Its name.")
    object: Literal["model"] = "model"
    created: int = Field(description="When it was loaded, in seconds since 1970.")
    owned_by: Literal["headgate"] = "headgate"
    task: str = Field(description="What it does.")
    reads: str = Field(description="What an input is: text, words, series, audio, image …")
    streams: bool = Field(description="Whether it has sessions.")
    why: str | None = Field(None, description="Why it has none.")


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class PredictRequest(Asked):
    """Inputs for a model."""

    model: str | None = _NAME
    inputs: list[Json] = Field(
        min_length=1,
        description="What the model reads: texts; lists of words; series, a list of numbers or of "
        "lists of numbers each; files as an object with base64.",
    )


class PredictAnswer(BaseModel):
    """The model's answers."""

    model: str
    predictions: list[Json] = Field(description="One for each input, in their order.")


class SessionRequest(Asked):
    """A session to begin."""

    model: str | None = _NAME
    source: Json = Field(
        None,
        description="What it begins with: of a translator the text to translate, of a language "
        "model what it has read, of a forecaster the name of a series or values before the first.",
    )
    durable: bool = Field(
        False, description="Whether every step is on the server's disk before it is answered."
    )
    state: State | None = Field(
        None, description="A state to go on from, in base64, as GET …/state gives it."
    )


class SessionCard(BaseModel):
    """A session."""

    id: str = Field(description="Its name, a secret: who knows it may use it.")
    object: Literal["session"] = "session"
    model: str
    durable: bool
    position: int = Field(description="The steps taken.")
    rewind: int = Field(description="How many steps it can take back at most.")


class StepRequest(Asked):
    """Steps of a session."""

    input: Annotated[str | list[Json], _one_of("A text or a list of steps was wanted")] = Field(
        description="A text, or a list of steps: tokens, words, numbers, lists of numbers."
    )
    at: Count | None = Field(
        None,
        description="The position that the session has to be at, or else nothing is done: so a "
        "request that is sent again is never taken twice.",
    )
    last: bool = Field(False, description="Whether the answer after the last step alone is wanted.")


class StepAnswer(BaseModel):
    """What the model says after steps."""

    position: int = Field(description="The steps taken, these among them.")
    answers: list[Json] = Field(description="The answer after each step, in their order.")


class ForkRequest(Asked):
    """A session that goes on by itself."""

    durable: bool | None = Field(None, description="As of the other where it is left out.")


class RewindRequest(Asked):
    """Steps to take back."""

    steps: Count = Field(1, description="How many.")


class StateAnswer(BaseModel):
    """The state of a session."""

    position: int
    state: State = Field(description="In base64; the same model takes it back.")


class StateRequest(Asked):
    """A state to go on from."""

    state: State | None = Field(description="In base64; null for the beginning.")


Texts = Annotated[list[str], Field(min_length=1, fail_fast=True)]
Ids = Annotated[list[Count], Field(min_length=1, fail_fast=True)]
Several = Annotated[list[Ids], Field(min_length=1, fail_fast=True)]
Prompt = Annotated[
    str | Texts | Ids | Several,
    _one_of("A text was wanted, ids of 0 or more, or a list of several of either"),
]
Stop = Annotated[str, Field(min_length=1, max_length=1000)]
Stops = Annotated[
    Stop | Annotated[list[Stop], Field(max_length=16, fail_fast=True)],
    _one_of("A text of 1 to 1000 characters was wanted, or a list of up to 16 of them"),
]


class StreamOptions(Asked):
    """What a streamed completion says beside the text."""

    include_usage: bool = False


class CompletionRequest(Asked):
    """A text to go on with, as OpenAI's clients ask for it.

    ``top_k`` and ``repetition_penalty`` are beyond those. What changes the result and is not
    served here is refused unless it has its neutral value.
    """

    model: str | None = _NAME
    prompt: Prompt = Field(
        "", description="The beginning, or its tokens' ids; or several of either."
    )
    max_tokens: Count | None = Field(
        None, description="Tokens of each text at most; 16 where it is left out."
    )
    temperature: float | None = Field(1.0, ge=0, le=100, description="0 takes the likeliest.")
    top_p: float | None = Field(1.0, gt=0, le=1)
    top_k: Positive | None = None
    repetition_penalty: float | None = Field(1.0, ge=0.01, le=100)
    n: Positive | None = Field(1, description="Texts of each prompt.")
    stop: Stops | None = Field(None, description="Ends a text, and is not given out.")
    seed: Seed | None = Field(None, description="The same one gives the same texts.")
    stream: bool | None = Field(False, description="Whether pieces are sent as they come.")
    stream_options: StreamOptions | None = None
    echo: bool | None = Field(False, description="Whether the prompt stands before its text.")
    user: str | None = Field(None, description="Is not read.")
    best_of: Literal[1] | None = None
    suffix: Literal[""] | None = None
    logprobs: None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    presence_penalty: float | None = Field(0.0, ge=0, le=0)
    frequency_penalty: float | None = Field(0.0, ge=0, le=0)


class Choice(BaseModel):
    """One text."""

    text: str
    index: int
    logprobs: None = None
    finish_reason: Literal["stop", "length"] | None = None


class Usage(BaseModel):
    """What it took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """Texts that went on, or a piece of one."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


class Status(BaseModel):
    """How the server is."""

    status: str
