"""Text that goes on: a language model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from ctypes import c_int64
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from headgate.data.columns import Table
from headgate.data.examples import Examples, read_texts
from headgate.data.fields import TextField
from headgate.data.text_stream import Document
from headgate.decoding.sampling import Sampling
from headgate.errors import DataError, HeadgateError, ModelDirectoryError
from headgate.export.parts import Exported
from headgate.inspection.trace import LOG_PROBABILITIES, Inspection, Outcome
from headgate.layers import Recurrent
from headgate.models import LanguageModel, TokenEmbedding
from headgate.models.adaptive import places_by_frequency
from headgate.tasks import cells
from headgate.tasks.continuation import Chooser, check_length, complete_texts, continue_text
from headgate.tasks.generate_data import cut_document, learn_field, tokens_for
from headgate.tasks.generate_export import exported_text
from headgate.tasks.generate_frames import FRAMES, GenerateFrames, are_frames
from headgate.tasks.generate_judge import judge, surprises
from headgate.tasks.generate_learner import GenerateLearner, Window, resets_of
from headgate.tasks.generate_settings import GenerateSettings
from headgate.tasks.protocol import Evaluation, build_settings, divide_rows, fine_tuned
from headgate.tasks.running_text import RunningText
from headgate.tasks.text_stream import TextStream
from headgate.training import Plan

_LENGTH = 200  # tokens of a continuation
_AT_ONCE = 64
_FIXED = ("tie", "cutoffs")


@dataclass(frozen=True)
class Continuation:
    """How a text goes on.

    Args:
        text: what comes after it.
    """

    text: str

    def row(self) -> dict[str, str]:
        """Give the answer as columns of a table.

        Returns:
            The text.
        """
        return {"prediction": self.text}

    def plain(self) -> dict[str, Any]:
        """Give the answer as what JSON holds."""
        return {"text": self.text}

    def __str__(self) -> str:
        return self.text


class Generate:
    """The task.

    Args:
        settings: what the language model is made of; ``cutoffs`` as the vocabulary has them.
        field: text to ids.
        rows: whether it learned from several texts, in place of one document.
        counts: how often each id occurs in training.
        places: the place of each id in an adaptive softmax; by the counts where None.
    """

    name: ClassVar[str] = "generate"
    summary: ClassVar[str] = "text or music that goes on"
    reads = "text"
    made_of: ClassVar[type] = GenerateSettings

    def __init__(
        self,
        settings: GenerateSettings,
        field: TextField,
        *,
        rows: bool,
        counts: Sequence[int],
        places: Sequence[int] | None = None,
    ) -> None:
        self.settings, self.field, self.rows = settings, field, rows
        self.text, self.counts = RunningText(field, rows=rows), torch.tensor(counts)
        self.places = places_by_frequency(self.counts) if places is None else torch.tensor(places)
        self.network = LanguageModel(
            TokenEmbedding(len(field), settings.embedding_size),
            Recurrent(
                input_size=settings.embedding_size,
                hidden_size=settings.hidden_size,
                **cells.layer_arguments(settings),
            ),
            tie=settings.tie,
            dropout=settings.dropout,
            cutoffs=settings.ends(len(field)),
            places=self.places,
        )
        cells.keep(settings, self.network.recurrent)

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take a column of texts, or of frames; refuse a row that lacks one."""
        if are_frames(table, input):
            return GenerateFrames.read(table, input, target)
        if target is not None:
            raise DataError(
                f"a language model reads one column, and {target!r} came as its target: leave the "
                "target out",
                path=table.path,
            )
        return read_texts(table, input, None)

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int, **settings: Any
    ) -> dict[str, Examples]:
        """Divide the rows by chance; or a document in its order, the test last."""
        if isinstance(examples.inputs[0], Tensor):
            return GenerateFrames.divide(examples, valid=valid, test=test, seed=seed)
        if len(examples) == 1:
            return cut_document(examples, valid=valid, test=test)
        shares = {"valid": valid, "test": test}
        return divide_rows(examples, examples.inputs, shares=shares, seed=seed)

    @classmethod
    def learn(cls, train: Examples, settings: dict[str, Any], base: Any = None) -> Any:
        """Learn the vocabulary and build the network."""
        if isinstance(train.inputs[0], Tensor):
            return GenerateFrames.learn(train, settings, base)
        if isinstance(base, GenerateFrames):
            raise HeadgateError(
                "the saved model goes on with music and not with texts: train anew, or give music"
            )
        if base is not None:
            return cls._extended(base, train, settings)
        chosen = build_settings(GenerateSettings, settings)
        rows = len(train) > 1
        field = learn_field(train.inputs, chosen)
        chosen = replace(chosen, cutoffs=chosen.ends(len(field)))
        return cls(chosen, field, rows=rows, counts=_counts(field, train.inputs, rows=rows))

    @classmethod
    def _extended(cls, base: Generate, train: Examples, settings: dict[str, Any]) -> Generate:
        """Go on from a saved model; new ids come last, also among the places by frequency."""
        own = fine_tuned(base.settings, settings, fixed=_FIXED)
        chosen = build_settings(GenerateSettings, own)
        field, _ = base.field.extended(train.inputs)
        places = [*base.places.tolist(), *range(len(base.field), len(field))]
        counts = _counts(field, train.inputs, rows=base.rows)
        return cls(chosen, field, rows=base.rows, counts=counts, places=places)

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Any:
        """Rebuild a saved task, with weights still to load."""
        kept = dict(settings)
        if kept.pop("kind", None) == FRAMES:
            return GenerateFrames.restore(kept, files)
        rows = kept.pop("rows")
        field = TextField.from_json(files["tokenizer.json"])
        numbers = json.loads(files["counts.json"])
        for name in ("counts", "places"):
            if len(numbers[name]) != len(field):
                raise ModelDirectoryError(
                    f"counts.json has {len(numbers[name])} {name} for a vocabulary of {len(field)}"
                )
        return cls(build_settings(GenerateSettings, kept), field, rows=rows, **numbers)

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: what a core can learn in about ten minutes, in 200 passes at most."""
        wanted = tokens_for(self.network)
        tokens = max(1, int(self.counts.sum()))
        return Plan(
            epochs=max(1, min(200, round(wanted / tokens))),
            batch_size=32,
            learning_rate=5e-3,
            average=0.99,
        )

    def saved_settings(self) -> dict[str, Any]:
        """Give the settings that ``restore`` takes."""
        return asdict(self.settings) | {"rows": self.rows}

    def files(self) -> dict[str, str]:
        """Give the vocabulary, and how often each token occurs, as files."""
        numbers = {"counts": self.counts.tolist(), "places": self.places.tolist()}
        return {"tokenizer.json": self.field.to_json(), "counts.json": json.dumps(numbers)}

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        total = int(self.counts.sum())
        kind = "texts, each by itself" if self.rows else "one running text"
        ends = self.settings.ends(len(self.field))
        return [
            f"{kind}: {total:,} {self.field.unit}s, a vocabulary of {len(self.field):,}",
            *([self.field.note] if self.field.note else []),
            *([] if ends is None else [f"adaptive softmax, whose groups end at {ends}"]),
        ]

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> GenerateLearner:
        """Give what the loop trains."""
        several = len(train) > 1
        texts = self.text.encode_rows(train.inputs) if several else [self.text.encode(train.inputs)]
        return GenerateLearner(self, texts, self.text.encode(valid.inputs), plan)

    def finish(self, valid: Examples) -> None:
        """Choose nothing: a language model has no threshold."""

    def check(self, examples: Examples) -> None:
        """Refuse nothing: what is unknown has its price in the score."""

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the model beside what counts alone know of the text."""
        return judge(self, examples, train, quantize=quantize)

    def read_window(
        self, network: LanguageModel, window: Window, carried: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Read some steps of every column.

        Args:
            network: the language model.
            window: the steps.
            carried: the states that the window before left; empty at the beginning.

        Returns:
            The nats of each token, [T, B], and the states after them.
        """
        device = next(network.parameters()).device
        ids, targets = window.ids.to(device), window.targets.to(device)
        resets = resets_of(window, self.text.end)
        state = None if not carried else carried[0] if len(carried) == 1 else carried
        nats, last = network.nats(
            ids, targets, state, resets=None if resets is None else resets.to(device)
        )
        return nats, (last,) if isinstance(last, Tensor) else last

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = _LENGTH,
        sampling: Sampling | None = None,
        stop: Sequence[str] = (),
        first: int = 0,
    ) -> Iterator[str]:
        """Go on from a text.

        Args:
            prompt: the beginning; it may be empty.
            length: tokens at most.
            sampling: how each is chosen; ``Sampling()`` where None.
            stop: strings that end the text, and are not given out.
            first: the number of the text, which its chance hangs on beside the seed.

        Returns:
            Pieces of text, each as soon as it is sure.

        Raises:
            DataError: the prompt has characters that are unknown; a stop string is empty.
            ShapeError: the length is no number of tokens.
        """
        check_length(length, stop)
        ids, how = self.text.prompt(prompt), later(sampling or Sampling(), first)
        network = self.network.eval()
        return continue_text(network, self.text, ids, length=length, sampling=how, stop=stop)

    def complete(
        self,
        prompts: Sequence[str],
        *,
        length: int = _LENGTH,
        sampling: Sampling | None = None,
        stop: Sequence[str] = (),
        numbers: Sequence[int] | None = None,
    ) -> list[str]:
        """Go on from several texts at once.

        Args:
            prompts: the beginnings.
            length: tokens of each at most.
            sampling: how each is chosen.
            stop: strings that end a text, and are not given out.
            numbers: of the texts: each draws with the seed + its number, as ``generate`` does with
                ``first``; 0, 1, 2 … where None.

        Returns:
            What comes after each.

        Raises:
            DataError: a prompt has characters that are unknown, and of several the message has its
                row; a stop string is empty.
            ShapeError: the length is no number of tokens.
        """
        check_length(length, stop)
        ids, how, found = self._begun(prompts), sampling or Sampling(), []
        every, network = range(len(ids)) if numbers is None else numbers, self.network.eval()
        for first in range(0, len(ids), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            chooser = Chooser(network, self.text, how, numbers=every[part])
            found += complete_texts(chooser, self.text, ids[part], length=length, stop=stop)
        return found

    def _begun(self, prompts: Sequence[str]) -> list[list[int]]:
        """Turn the beginnings to ids; of several, one that cannot be read is named."""
        found = []
        for row, prompt in enumerate(prompts, start=1):
            try:
                found.append(self.text.prompt(prompt))
            except DataError as error:
                raise DataError(str(error), row=row if len(prompts) > 1 else None) from error
        return found

    def questions(self, table: Table, input: str, target: str | None) -> Sequence[Any]:
        """Take what is asked of the model, one a row."""
        return table.column(input)

    def predict(self, inputs: Sequence[str]) -> list[Continuation]:
        """Go on from texts; the same text always has the same answer, whatever stands beside it."""
        same = [0] * len(inputs)
        found = self.complete(inputs, sampling=Sampling(seed=0), numbers=same)
        return [Continuation(each) for each in found]

    def stream(self, *, rows: int | None, rewind: int, quantize: str | None) -> TextStream:
        """Keep the model running over tokens."""
        return TextStream.of(self.network, self.text, rows=rows, rewind=rewind, quantize=quantize)

    def exported(self) -> Exported:
        """Give the language model as files."""
        return exported_text(self)

    @torch.no_grad()
    def inspect(self, text: str) -> Inspection:
        """Show what the layers do at each token, what they expect next, and their surprise."""
        network = self.network.eval()
        ids = self.text.prompt(text)
        read = torch.tensor([self.text.start, *ids], device=next(network.parameters()).device)
        x = network.embedding(read[None])
        _, first = network.recurrent(x[:1])[:2]

        def told(y: Tensor, last: Any, x: Tensor) -> Tensor:
            after = network.projection(network.dropout(y))
            return network.output(after).log_softmax(-1).transpose(0, 1)

        # what came after each token; after the last what is most expected
        expected = told(network.recurrent(x)[0][-1:], None, x)[0].argmax(1)
        came = torch.cat([read[2:], expected]).cpu()
        tokens, names = tuple(self.field.tokens(ids)), self.field.vocabulary()
        return Inspection(
            tokens,
            network.recurrent,
            x[1:, 0],
            Outcome(told, LOG_PROBABILITIES, tokens, names, came, aligned=True),
            start=(first,) if isinstance(first, Tensor) else first,
            text=text,
            surprise=surprises(self, read[1:].cpu()).float() / math.log(2),
        )


def _counts(field: TextField, texts: Sequence[str | Document], *, rows: bool) -> list[int]:
    ids = RunningText(field, rows=rows).encode(texts)
    return torch.bincount(ids, minlength=len(field)).tolist()


def later(sampling: Sampling, row: int) -> Sampling:
    """Give the sampling of a later text; after the greatest seed comes the least."""
    if sampling.seed is None:
        return sampling
    return replace(sampling, seed=c_int64(sampling.seed + row).value)
