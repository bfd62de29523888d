"""What requests for an inspection and its answers look like."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from headgate.server.schemas import Asked, Count, Json, Positive

WIDEST = 2000
CLAMPS = 16
_ID = Annotated[str, Field(max_length=64, description="Of the inspection, as it was answered.")]
_PART = Field("network", max_length=20, description="network, encoder or decoder.")
_LAYER = Field(max_length=40, description='A layer and direction: 1, or "1 reverse".')
_NAME = Field(max_length=200, description="A gate or a state.")
Range = Annotated[list[Count], Field(min_length=2, max_length=2)]
Numbers = list[float | None]


class LookRequest(Asked):
    """An input to look into."""

    model: str | None = Field(
        None, description="The model's name; it may be left out where one is served."
    )
    input: Json = Field(description="What the model reads, as one of the inputs of a prediction.")


class ValueCard(BaseModel):
    """A gate or a state."""

    name: str
    gate: bool = Field(description="Whether its equation keeps it between 0 and 1.")
    units: int
    low: float | None = Field(description="The least value of all layers and steps.")
    high: float | None = Field(description="The greatest.")


class PartCard(BaseModel):
    """Recurrent layers with what they read."""

    name: str = Field(description="network, encoder or decoder.")
    tokens: list[str] = Field(description="The names of the steps.")
    layers: list[str] = Field(description="Layers and directions.")
    values: list[ValueCard]
    places: list[str] = Field(description="The names of the answers that follow from them.")
    kind: str = Field(description="What an answer is: log-probabilities or numbers.")
    aligned: bool = Field(description="Whether there is an answer after each step.")


class LookAnswer(BaseModel):
    """What there is to see."""

    id: str = Field(description="Its name, a secret, under which it is kept for a while.")
    model: str
    task: str
    prediction: Json = Field(description="As a prediction gives it.")
    parts: list[PartCard]
    attention: bool = Field(description="Whether the model attends.")


class LookValuesRequest(Asked):
    """A window on a gate or state."""

    id: _ID
    part: str = _PART
    layer: str = _LAYER
    name: str = _NAME
    steps: Range | None = Field(None, description="The first and the last, from 1; or all.")
    units: Range | None = Field(None, description="The first and the last, from 0; or all.")
    columns: Annotated[int, Field(ge=1, le=WIDEST)] = Field(800, description="The most there are.")
    minus: _ID | None = Field(
        None, description="Another inspection, whose values are taken away at the same steps."
    )


class LookLine(BaseModel):
    """All units together, for each column."""

    mean: Numbers
    low: Numbers
    high: Numbers


class LookValuesAnswer(BaseModel):
    """A window: cells of one value each, or of several."""

    steps: list[int] = Field(description="Where each column begins, and where the last one ends.")
    units: list[int] = Field(description="Where each row begins, and where the last one ends.")
    whole: bool = Field(description="Whether each cell is one value.")
    mean: list[Numbers] = Field(description="Of each row the value, or the mean, of each column.")
    low: list[Numbers] | None = None
    high: list[Numbers] | None = None
    line: LookLine


class LookStepRequest(Asked):
    """One step of a gate or state."""

    id: _ID
    part: str = _PART
    layer: str = _LAYER
    name: str = _NAME
    step: Positive = Field(description="From 1.")
    count: Annotated[int, Field(ge=1, le=50)] = Field(6, description="How many units are named.")


class UnitValue(BaseModel):
    """A unit with its value."""

    unit: int
    value: float | None


class Said(BaseModel):
    """A choice or a number that is answered."""

    choice: str
    value: float | None = Field(description="A probability, or the number.")


class LookStepAnswer(BaseModel):
    """What there is at a step."""

    step: int
    token: str
    mean: float | None
    highest: list[UnitValue] = Field(description="From the greatest downwards.")
    lowest: list[UnitValue] = Field(description="From the least upwards.")
    says: list[Said] = Field(description="The answer after this step, where there is one.")


class LookAttentionRequest(Asked):
    """Attention that is asked for."""

    id: _ID


class LookAttentionAnswer(BaseModel):
    """Where the model looked."""

    source: list[str]
    target: list[str]
    weights: list[Numbers] = Field(description="Of each target token one for each source token.")


class LookGradientsRequest(Asked):
    """Gradients of one answer."""

    id: _ID
    part: str = _PART
    place: Count | None = Field(None, description="The answer, from 0; the last one where null.")


class StateNorms(BaseModel):
    """The gradient in a state."""

    name: str
    layer: str
    norms: Numbers = Field(description="After each step.")


class LookGradientsAnswer(BaseModel):
    """How an answer depends on each step."""

    answer: str
    place: int
    method: str = Field(description="integrated_gradients or gradient_x_input.")
    attribution: Numbers = Field(description="What each step adds to the answer's score.")
    score: float | None
    baseline: float | None = Field(description="The score of an input of zeros.")
    states: list[StateNorms] = Field(description="None where there are too many steps.")
    why: str | None = Field(None, description="Why there are none.")


class LookClamp(Asked):
    """A gate or a state that is held."""

    name: str = _NAME
    value: Annotated[float, Field(ge=-1e6, le=1e6)]
    layer: str | None = Field(None, max_length=40, description="Every layer where left out.")
    units: Range | None = Field(None, description="The first and the last, from 0; or all.")
    steps: Range | None = Field(None, description="The first and the last, from 1; or all.")


class LookWhatIfRequest(Asked):
    """Gates and states to hold."""

    id: _ID
    part: str = _PART
    clamps: Annotated[list[LookClamp], Field(min_length=1, max_length=CLAMPS)]


class Change(BaseModel):
    """A choice, or a number, before and after."""

    choice: str
    before: float | None
    after: float | None


class ChangedAnswer(BaseModel):
    """An answer before and after."""

    number: int = Field(description="Which answer, from 0.")
    place: str
    change: float | None = Field(description="Total variation, or the greatest difference.")
    choices: list[Change]


class LookWhatIfAnswer(BaseModel):
    """What is answered while something is held."""

    id: str = Field(description="Under which the gates and states are kept as they are then.")
    changes: list[str] = Field(description="What is held, as the command line writes it.")
    answers: list[ChangedAnswer] = Field(description="Those that changed most.")
    count: int = Field(description="How many answers there are.")
    changed: int = Field(description="How many of them have another likeliest choice.")
    kind: str
    unit: str = Field(description="Of the score: nats, or nothing.")
    score: Numbers = Field(description="Of what was answered, before and after.")
