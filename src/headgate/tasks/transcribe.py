"""Speech to text: a sound to what is said in it, with no word of where."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from torch import Tensor

from headgate.data.batches import Batches, restore
from headgate.data.columns import Table
from headgate.data.examples import Examples, key_of, read_column
from headgate.data.fields import TextField
from headgate.data.frames import Frames
from headgate.decoding.ctc import Labelling, best_path, prefix_search
from headgate.errors import DataError, StreamError
from headgate.evaluation.comparison import beside, losses
from headgate.evaluation.edits import character_error_rate, matches, word_error_rate
from headgate.evaluation.scores import Score
from headgate.export.parts import Exported, Input, Part
from headgate.inspection.trace import LOG_PROBABILITIES, Inspection, Outcome
from headgate.layers import Recurrent
from headgate.models.transcriber import Transcriber
from headgate.streaming import Stream
from headgate.tasks import cells
from headgate.tasks.audio_reading import AudioReading
from headgate.tasks.pair_answers import Answer
from headgate.tasks.protocol import Evaluation, build_settings, divide_rows, fine_tuned
from headgate.tasks.reading import joined
from headgate.tasks.transcribe_learner import TranscribeLearner
from headgate.tasks.transcribe_settings import TranscribeSettings
from headgate.tasks.transcribe_stream import TranscribeStream
from headgate.training import Plan

_EVALUATED_AT_ONCE = 64
_STEPS = 1500  # of a training that nobody limits
_SILENT = "·"
_LISTED = 10  # unknown labels that a note names


class Transcribe:
    """The task.

    Args:
        settings: what the transcriber is made of.
        reading: how a sound becomes steps.
        text: labels to ids; the id of its padding is the blank.
        frequent: the most frequent text of training.
    """

    name: ClassVar[str] = "transcribe"
    summary: ClassVar[str] = "speech to text"
    reads = "audio"
    made_of: ClassVar[type] = joined(TranscribeSettings, AudioReading)

    def __init__(
        self, settings: Any, reading: AudioReading, text: TextField, frequent: str
    ) -> None:
        self.settings, self.reading, self.text = settings, reading, text
        self.frequent = frequent
        self.network = Transcriber(
            reading.embedding,
            Recurrent(
                input_size=reading.embedding.output_size,  # type: ignore[arg-type]
                hidden_size=settings.hidden_size,
                bidirectional=settings.bidirectional,
                **cells.layer_arguments(settings),
            ),
            labels=len(text),
            blank=text.pad,
            dropout=settings.dropout,
        )
        cells.keep(settings, self.network.recurrent)

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take sounds and their texts, in NFC and with one blank between words.

        A row that lacks one is refused.
        """
        if target is None:
            message = "a transcriber learns from texts: name their column (--target COL)"
            raise DataError(message, path=table.path)
        texts = _plain(read_column(table, target, "target"))
        files = AudioReading.read(table, input)
        return Examples(files, texts, table, columns=(input, target), kind=AudioReading.kind)

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int, **settings: Any
    ) -> dict[str, Examples]:
        """Divide the rows; rows of one file stay together."""
        keys = [key_of(each) for each in examples.inputs]
        return divide_rows(examples, keys, shares={"valid": valid, "test": test}, seed=seed)

    @classmethod
    def learn(
        cls, train: Examples, settings: dict[str, Any], base: Transcribe | None = None
    ) -> Transcribe:
        """Learn the bands' scales and the labels, and build the network."""
        texts = train.targets
        frequent = Counter(texts).most_common(1)[0][0]
        if base is not None:
            chosen = build_settings(cls.made_of, fine_tuned(base.settings, settings))
            reading = AudioReading.learn(train.inputs, chosen, base.reading)
            return cls(chosen, reading, base.text.extended(texts, min_frequency=1)[0], frequent)
        chosen = build_settings(cls.made_of, settings)
        text = TextField.learn(
            texts,
            unit=chosen.unit,
            vocabulary_size=chosen.vocabulary_size,
            min_frequency=1,
            lowercase=chosen.lowercase,
        )
        return cls(chosen, AudioReading.learn(train.inputs, chosen), text, frequent)

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Transcribe:
        """Rebuild a saved task."""
        kept = dict(settings)
        frequent = kept.pop("frequent")
        chosen = build_settings(cls.made_of, kept)
        text = TextField.from_json(files["tokenizer.json"])
        return cls(chosen, AudioReading.restore(chosen, files), text, frequent)

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: some thousand steps, in 10 to 150 passes."""
        rows, size = len(train), 16
        while size > 8 and rows < 12 * size:
            size //= 2
        epochs = max(10, min(150, round(_STEPS * size / rows)))
        # for a while nothing is said, and no validation is better than the one before
        return Plan(epochs=epochs, batch_size=size, patience=max(8, epochs // 5), average=0.99)

    def saved_settings(self) -> dict[str, Any]:
        """Give what ``restore`` needs."""
        return asdict(self.settings) | {"frequent": self.frequent}

    def files(self) -> dict[str, str]:
        """Give the labels and the bands' scales as files."""
        return {"tokenizer.json": self.text.to_json()} | self.reading.files()

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        labels = f"texts as {self.text.unit}s, {len(self.text) - 4} of them"
        return [*self.reading.notes(), labels]

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> TranscribeLearner:
        """Give what the loop trains."""
        return TranscribeLearner(self, train, valid, plan)

    def finish(self, valid: Examples) -> None:
        """Choose nothing: there is no threshold."""

    def check(self, examples: Examples) -> None:
        """Refuse nothing: what the model cannot write counts as wrong."""

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the texts beside the most frequent one of training, and beside none."""
        wanted = self.comparable(examples.targets)
        rows = self.reading.encode_rows(examples.inputs)
        scores = _scores(self.texts(self.network, rows), wanted)
        notes = self._unknown(wanted)
        if quantize is not None:
            plain, scores = scores, _scores(self._streamed(rows, quantize), wanted)
            notes += losses(quantize, scores, plain)
        [frequent] = self.comparable([self.frequent])
        rivals = {"most frequent text": frequent, "empty text": ""}
        compared = {name: _scores([text] * len(wanted), wanted) for name, text in rivals.items()}
        return Evaluation(*beside(scores, compared), notes)

    def _unknown(self, wanted: Sequence[str]) -> list[str]:
        """Say what the texts have that the model cannot write."""
        by_word = self.text.unit == "word"
        units = Counter(unit for text in wanted for unit in (text.split() if by_word else text))
        found = {unit: n for unit, n in units.items() if self.text.unk in self.text.encode(unit)}
        if not found:
            return []
        names = ", ".join(map(repr, sorted(found)[:_LISTED]))
        count = sum(found.values())
        return [f"{count} {self.text.unit}s were not in training, and count as wrong: {names}"]

    def comparable(self, texts: Sequence[str]) -> list[str]:
        """Write texts as they are compared.

        Args:
            texts: the texts.

        Returns:
            The same, in small letters where the model writes no others.
        """
        return [text.lower() for text in texts] if self.settings.lowercase else list(texts)

    def questions(self, table: Table, input: str, target: str | None) -> Sequence[Any]:
        """Take what is asked of the model, one a row."""
        return AudioReading.read(table, input)

    def predict(self, inputs: Sequence[Any]) -> list[Answer]:
        """Transcribe files."""
        return [best[0] for best in self.search(inputs)]

    def search(
        self, inputs: Sequence[Any], *, beam_width: int | None = None, n_best: int = 1
    ) -> list[list[Answer]]:
        """Transcribe files by a beam search.

        Args:
            inputs: the paths.
            beam_width: prefixes that are kept; as in the settings where None, and ``n_best`` at
                least.
            n_best: texts of each that are wanted.

        Returns:
            For each file its texts, the likeliest first.
        """
        width = max(self.settings.beam_width if beam_width is None else beam_width, n_best)
        rows = self.reading.encode_rows(inputs)
        found = self._labellings(self.network, rows, width=width, n_best=n_best)
        return [
            [Answer(self._written(each), each.log_probability, True) for each in several]
            for several in found
        ]

    def texts(self, network: Transcriber, rows: Frames, *, width: int | None = None) -> list[str]:
        """Write what a network hears.

        Args:
            network: the network, such as the running mean of this task's.
            rows: the steps of each sound.
            width: of the beam; as in the settings where None.

        Returns:
            The texts.
        """
        most = self.settings.beam_width if width is None else width
        found = self._labellings(network, rows, width=most)
        return [self._written(best[0]) for best in found]

    @torch.inference_mode()
    def _labellings(
        self, network: Transcriber, rows: Frames, *, width: int, n_best: int = 1
    ) -> list[list[Labelling]]:
        network.eval()
        if not len(rows):
            return []
        device = next(network.parameters()).device
        batches = Batches(rows.lengths, batch_size=_EVALUATED_AT_ONCE).in_order()
        found = []
        for batch in batches:
            frames, lengths = self.reading.pad([rows[row] for row in batch])
            said = network(frames.to(device), lengths).cpu()
            found.append(
                [
                    self._decoded(said[:length, row], width, n_best)
                    for row, length in enumerate(lengths.tolist())
                ]
            )
        return restore(batches, found)

    def _decoded(self, said: Tensor, width: int, n_best: int) -> list[Labelling]:
        if width == 1:
            return [best_path(said, blank=self.text.pad)]
        return prefix_search(said, blank=self.text.pad, width=width, n_best=n_best)

    def _written(self, found: Labelling) -> str:
        return " ".join(self.text.decode(found.labels).split())

    def stream(self, *, rows: int | None, rewind: int, quantize: str | None) -> TranscribeStream:
        """Keep the model running over steps of sound, with what is said after each."""
        if rows is not None:
            raise StreamError("the stream of a transcriber is of one sound, so it has no rows")
        stream = self._stream(rewind, quantize)
        return TranscribeStream(stream, self.reading, self.text, rewind=rewind)

    def _stream(self, rewind: int, quantize: str | None) -> Stream:
        if self.settings.bidirectional:
            raise StreamError(
                "this transcriber reads a sound from both ends, so it says nothing before the "
                "sound is whole: predict whole files, or train with bidirectional=false"
            )
        return Stream(*self.network.eval().parts, rewind=rewind, quantize=quantize)

    def _streamed(self, rows: Frames, quantize: str) -> list[str]:
        """Write what a quantized stream hears."""
        stream, found = self._stream(0, quantize), []
        for row in range(len(rows)):
            stream.reset()
            said = stream.steps(rows[row]).log_softmax(-1)
            [best] = self._decoded(said, self.settings.beam_width, 1)
            found.append(self._written(best))
        return found

    def exported(self) -> Exported:
        """Give the transcriber as files, with what searches for a text."""
        reading, lengths = self.reading.exported(), Input("lengths", ("B",), "lengths")
        part = Part("model", self.network, (reading.given, lengths), ("log_probabilities",))
        helpers = ("ctc.py", "texts.py", *reading.helpers)
        return Exported(
            (part,),
            {"run.py": "run_transcribe.py", "reading.py": f"read_{self.reading.kind}.py"}
            | {name: name for name in helpers},
            {
                "reading": reading.facts,
                "unit": self.text.unit,
                "beam_width": self.settings.beam_width,
            },
            self.files(),
            None if self.settings.bidirectional else self.network.parts,
        )

    @torch.no_grad()
    def inspect(self, text: Any) -> Inspection:
        """Show what the layers do over the steps of a file; each is named by what it says."""
        network = self.network.eval()
        frames, _ = self.reading.pad([self.reading.encode_rows([text])[0]])
        x = network.embedding(frames.to(next(network.parameters()).device))

        def told(y: Tensor, last: Any, x: Tensor) -> Tensor:
            return network.head(y).log_softmax(2).transpose(0, 1)

        path = told(network.recurrent(x)[0], None, x)[0].argmax(1).cpu()
        symbols = [self._symbol(label) for label in range(len(self.text))]
        names = tuple(symbols[label] for label in path.tolist())
        return Inspection(
            names,
            network.recurrent,
            x[:, 0],
            Outcome(told, LOG_PROBABILITIES, names, tuple(symbols), targets=path, aligned=True),
        )

    def _symbol(self, label: int) -> str:
        return _SILENT if label == self.text.pad else self.text.decode([label])


def _plain(texts: Sequence[Any]) -> list[str]:
    return [" ".join(unicodedata.normalize("NFC", text).split()) for text in texts]


def _scores(found: Sequence[str], wanted: Sequence[str]) -> dict[str, Score]:
    return {
        "character_error_rate": character_error_rate(found, wanted),
        "word_error_rate": word_error_rate(found, wanted),
        "exact_match": matches(found, wanted),
    }
