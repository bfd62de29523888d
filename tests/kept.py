"""Every kind of stream of a task: a line in ``KINDS`` puts it under the laws.

The models have learned nothing, and sizes of layers that fill no vector.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tests.golden import write_tones
from tests.music import noise, rounds
from tests.taggers import ONE_WAY, SMALL, people
from tests.tiny import norms, reviews, verses
from torch import Tensor

from headgate.data.clock import Clock
from headgate.data.examples import Examples
from headgate.tasks.chat import Chat
from headgate.tasks.classify import Classify
from headgate.tasks.forecast import Forecast
from headgate.tasks.forecast_data import Series
from headgate.tasks.generate import Generate
from headgate.tasks.protocol import TaskStream
from headgate.tasks.regress import Regress
from headgate.tasks.tag import Tag
from headgate.tasks.transcribe import Transcribe
from headgate.tasks.translate import Translate

ONE = {"bidirectional": False, "hidden_size": 7}
PAIRS = {"hidden_size": 6, "embedding_size": 5, "unit": "character"}
SAID = ("ab", "ba")


@dataclass(frozen=True)
class Kind:
    """One kind of stream.

    Args:
        make: a task.
        tokens: what its steps take.
        sources: what it begins with; none where it has none.
        quantize: how its matrices are kept.
    """

    make: Callable[[], Any]
    tokens: Sequence[Any]
    sources: Sequence[Any] = ()
    quantize: str | None = None

    def template(self) -> Any:
        """Give a stream of it that has not begun with a source."""
        return _template(self)

    def begun(self, number: int = 0) -> Any:
        """Give a stream of it that has, its own source for each number."""
        stream = self.template().fork()
        if self.sources:
            stream.begin(self.sources[number % len(self.sources)])
        return stream


_MADE: dict[int, TaskStream] = {}


def _template(kind: Kind) -> TaskStream:
    if id(kind) not in _MADE:
        task = kind.make()
        _MADE[id(kind)] = task.stream(rows=None, rewind=4, quantize=kind.quantize)
    return _MADE[id(kind)]


def words() -> Classify:
    torch.manual_seed(0)
    texts, labels = zip(*reviews(), strict=True)
    return Classify.learn(Examples(list(texts), list(labels)), ONE | {"unit": "word"})


def series() -> Regress:
    torch.manual_seed(0)
    rows = [torch.randn(9, 2).masked_fill(torch.rand(9, 2) < 0.1, float("nan")) for _ in range(12)]
    settings = ONE | {"differences": False, "longest": 3}
    return Regress.learn(Examples(rows, [str(n) for n in range(12)], kind="series"), settings)


@functools.cache
def tones() -> list[Path]:
    """Sounds; what is learned of them does not need their files later."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(write_tones(Path(folder), said, n)) for n, said in enumerate(SAID)]
        _HEARD.append(_transcriber(files))
        _HEARD.append(_listener(files))
    return files


_HEARD: list[Any] = []


def _transcriber(files: list[Path]) -> Transcribe:
    torch.manual_seed(5)
    task = Transcribe.learn(Examples(files, [*SAID], kind="audio"), ONE | {"bands": 9, "stack": 1})
    with torch.no_grad():
        for weight in task.network.parameters():
            weight.mul_(3)  # wide enough to say something
    return task


def _listener(files: list[Path]) -> Classify:
    return Classify.learn(
        Examples(files, ["low", "high"], kind="audio"), ONE | {"bands": 9, "stack": 1}
    )


def heard(number: int) -> Any:
    tones()
    return _HEARD[number]


def tagger(characters: str) -> Tag:
    torch.manual_seed(0)
    return Tag.learn(people(), SMALL | ONE_WAY | {"hidden_size": 7, "characters": characters})


def writer(**settings: Any) -> Generate:
    torch.manual_seed(0)
    small = {"hidden_size": 7, "embedding_size": 5, "unit": "character"}
    return Generate.learn(Examples([verses()]), small | settings)


def player() -> Any:
    torch.manual_seed(0)
    from headgate.data.piano import frames_of

    return Generate.learn(Examples([frames_of(each) for each in rounds()]), {"hidden_size": 7})


def pairs(kind: type[Any], **settings: Any) -> Any:
    torch.manual_seed(0)
    sources, targets = zip(*norms(), strict=True)
    return kind.learn(Examples(list(sources), list(targets)), PAIRS | settings)


def forecaster(count: int = 2, *, width: int = 1, dates: bool = False, **settings: Any) -> Forecast:
    torch.manual_seed(0)
    stamps = ("2024-02-27 00:00", *Clock(seconds=3600).after("2024-02-27 00:00", 119))
    rows = [Series.of(20 + torch.randn(120, width).abs(), name=f"강{n}") for n in range(count)]
    names = (tuple("ab"[:width]), (), ())
    rows = [replace(each, stamps=stamps if dates else (), names=names) for each in rows]
    given = {"hidden_size": 7, "paths": 9, "horizon": 3, "lags": [1, 4, 6]} | settings
    task = Forecast.learn(Examples(rows, kind="forecast"), given)
    torch.nn.init.normal_(task.network.head.weight, std=0.3)
    return task


STAMPS = ["2024-02-27 23:00", *Clock(seconds=3600).after("2024-02-27 23:00", 8)]
VALUES = [21.0, 20.5, None, 23.0, 19, 22.25, float("nan"), 21.0, 20.0]
DATED = [{"values": v, "stamp": s} for v, s in zip(VALUES, STAMPS, strict=True)]
TEXT = list("warm is cold.")
STEPS = torch.randn(9, 9, generator=torch.Generator().manual_seed(1)).tolist()
COUNTS = {"distribution": "negative_binomial", "scale": "none"}

KINDS: dict[str, Kind] = {
    "classify texts": Kind(words, ["a", "warm", "영화", 5, "dull", "a", "number"]),
    "classify texts as bytes": Kind(words, ["a", "warm", "영화", 5, "dull"], quantize="int8"),
    "regress series": Kind(series, [[1.0, 2], [None, 0.5], [0.25, -1], torch.ones(2), [3, 4]]),
    "classify sounds": Kind(lambda: heard(1), STEPS),
    "transcribe": Kind(lambda: heard(0), [*STEPS, torch.tensor(STEPS[3])]),
    "tag": Kind(lambda: tagger("recurrent"), ["Anna", "Kim", "ran", "집에", "unknown"]),
    "tag by words": Kind(lambda: tagger("none"), ["Anna", "Kim", "ran", "집에", "unknown"]),
    "generate": Kind(writer, TEXT, ["wa", "lovely is", "d"]),
    "generate, adaptive": Kind(lambda: writer(cutoffs=[9]), TEXT, ["wa", "d"]),
    "generate music": Kind(player, [[60, 64], [], noise(1)[0], [21, 108]], [[[60], []], noise(3)]),
    "translate": Kind(
        lambda: pairs(Translate), [None, "1", "2", "!", 5], ["no. 123", "no. 77 no. 1"]
    ),
    "chat": Kind(
        lambda: pairs(Chat, attention=None), [None, "1", "2", "!", 5], ["no. 123", "no. 1"]
    ),
    "forecast": Kind(forecaster, VALUES, ["강0", [3.0, 2.5, None], "강1"]),
    "forecast one series": Kind(lambda: forecaster(1), VALUES, ["강0", [[3.0], [2.5]]]),
    "forecast with dates": Kind(lambda: forecaster(dates=True), DATED, ["강0", "강1"]),
    "forecast two values": Kind(
        lambda: forecaster(width=2, cell="lstm"),
        [[1.0, 2.0], [None, 3.0], {"values": [4, 5]}, torch.ones(2)],
        ["강1", [[3.0, 1.0], [2.5, None]]],
    ),
}


def bits(answer: Any) -> Any:
    """Write an answer so that two are equal if and only if each of their bits is."""
    if isinstance(answer, Tensor):
        return tuple(answer.shape), answer.detach().contiguous().numpy().tobytes()
    if is_dataclass(answer) and not isinstance(answer, type):
        return [(each.name, bits(getattr(answer, each.name))) for each in fields(answer)]
    if isinstance(answer, dict):
        return [(name, bits(value)) for name, value in answer.items()]
    if isinstance(answer, (list, tuple)):
        return [bits(each) for each in answer]
    if isinstance(answer, float):
        return answer.hex()
    return answer
