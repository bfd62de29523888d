"""A picture to a sentence that says what is on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from headgate.data.batches import Batches, restore
from headgate.data.columns import Table
from headgate.data.examples import Examples, key_of, read_column
from headgate.data.fields import TextField
from headgate.errors import DataError, StreamError
from headgate.export.parts import Exported, Input
from headgate.inspection.picture_attention import as_overlays
from headgate.inspection.trace import Inspection
from headgate.layers.convolution import PlaceEncoder
from headgate.models import Captioner, Memory, TokenEmbedding
from headgate.models.captioner import build_captioner
from headgate.tasks import cells
from headgate.tasks.caption_learner import CaptionLearner
from headgate.tasks.caption_rows import CaptionRows
from headgate.tasks.caption_scores import judged
from headgate.tasks.caption_settings import CaptionSettings
from headgate.tasks.caption_sight import (
    PictureSight,
    Sight,
    learn_sight,
    read_sources,
    restore_sight,
)
from headgate.tasks.decoder_inspection import Written, inspect_decoder
from headgate.tasks.image_reading import as_picture
from headgate.tasks.pair_answers import Answer
from headgate.tasks.pair_exporting import HELPERS, parts_of, search_facts
from headgate.tasks.pair_fields import Kept
from headgate.tasks.pair_search import answer_rows, searched
from headgate.tasks.pair_settings import Search
from headgate.tasks.protocol import (
    Evaluation,
    build_settings,
    check_settings,
    divide_rows,
    fine_tuned,
)
from headgate.training import Plan

_AT_ONCE = 32  # pictures
_CAPTIONS_READ = 120_000  # in a training that nobody limits
_FIXED = ("attention", "order", "height", "width", "grey", "convolutions")


class Caption:
    """The task.

    Args:
        settings: what the captioner is made of.
        sight: how pictures are read.
        field: captions to ids.
        kept: what is kept of the training captions.
    """

    name: ClassVar[str] = "caption"
    summary: ClassVar[str] = "a picture to a sentence about it"
    made_of: ClassVar[type] = CaptionSettings

    def __init__(
        self, settings: CaptionSettings, sight: Sight, field: TextField, kept: Kept
    ) -> None:
        self.settings, self.sight, self.field, self.kept = settings, sight, field, kept
        encoder = sight.encoder(settings)
        size = settings.embedding_size
        self.network = build_captioner(
            encoder,
            TokenEmbedding(len(field), size, dropout=settings.dropout),
            hidden_size=settings.hidden_size,
            attention=settings.attention,
            order=settings.order,
            max_source=_most_places(encoder) if settings.attention == "location" else None,
            **cells.layer_arguments(settings),
        )
        cells.keep(settings, self.network.decoder)

    @property
    def reads(self) -> str:
        """What an input is: a picture, or features of its places."""
        return "image" if isinstance(self.sight, PictureSight) else "places"

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take pictures, or features of them, and captions; refuse a row that lacks one."""
        if target is None:
            raise DataError("captions are wanted: name their column (--target)", path=table.path)
        inputs, kind = read_sources(table, input)
        captions = read_column(table, target, "target")
        return Examples(inputs, captions, table, columns=(input, target), kind=kind)

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int, **settings: Any
    ) -> dict[str, Examples]:
        """Divide the rows; all captions of a picture stay together."""
        shares = {"valid": valid, "test": test}
        return divide_rows(examples, [key_of(e) for e in examples.inputs], shares=shares, seed=seed)

    @classmethod
    def learn(
        cls, train: Examples, settings: dict[str, Any], base: Caption | None = None
    ) -> Caption:
        """Learn the vocabulary and the form of the pictures, and build the network."""
        if base is not None:
            chosen = build_settings(
                CaptionSettings, fine_tuned(base.settings, settings, fixed=_FIXED)
            )
            base.check(train)
            field = base.field.extended(train.targets)[0]
            kept = Kept.of(train, field, chosen.longest)
            kept = replace(kept, length=max(kept.length, base.kept.length))
            return cls(chosen, base.sight, field, kept)
        chosen = build_settings(CaptionSettings, settings)
        field = TextField.learn(
            train.targets,
            unit=chosen.unit,
            vocabulary_size=chosen.vocabulary_size,
            min_frequency=chosen.min_frequency if chosen.unit == "word" else None,
            lowercase=chosen.lowercase,
        )
        kept = Kept.of(train, field, chosen.longest)
        return cls(chosen, learn_sight(train.inputs, chosen), field, kept)

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Caption:
        """Rebuild a saved task, with weights still to load."""
        own = dict(settings)
        frequent, length = own.pop("frequent"), own.pop("length")
        counts = torch.tensor(json.loads(files["unigram.json"])["counts"])
        field = TextField.from_json(files["tokenizer.json"])
        chosen = build_settings(CaptionSettings, own)
        return cls(chosen, restore_sight(files), field, Kept(frequent, length, counts))

    def saved_settings(self) -> dict[str, Any]:
        """Give the settings that ``restore`` takes."""
        kept = {"frequent": self.kept.frequent, "length": self.kept.length}
        return asdict(self.settings) | kept

    def files(self) -> dict[str, str]:
        """Give the vocabulary, its counts, and the form of the pictures as files."""
        counts = json.dumps({"counts": self.kept.counts.tolist()})
        own = {"tokenizer.json": self.field.to_json(), "unigram.json": counts}
        return own | self.sight.files()

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        name, order = self.settings.attention, self.settings.order
        looks = f"attention {name}" if name else "no attention"
        looks += "" if order == "luong" else f", {order}"
        said = f"captions as {self.field.unit}s, a vocabulary of {len(self.field)}; {looks}"
        return [self.sight.note(), said, *([self.field.note] if self.field.note else [])]

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: so many captions read, in 4 to 60 passes."""
        epochs = max(4, min(60, _CAPTIONS_READ // len(train)))
        size = max(8, min(80, 2 ** max(0, (len(train) // 12).bit_length() - 1)))
        return Plan(epochs=epochs, batch_size=size, learning_rate=2e-3, average=0.99)

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> CaptionLearner:
        """Give what the loop trains."""
        return CaptionLearner(self, train, valid, plan)

    def finish(self, valid: Examples) -> None:
        """Choose nothing: there is no threshold."""

    def check(self, examples: Examples) -> None:
        """Refuse features where the model sees pictures, and the other way round."""
        if len(examples) and examples.kind != self.sight.kind:
            names = {"image": "pictures", "series": "features of places"}
            wanted, came = names[self.sight.kind], names.get(examples.kind, "texts")
            raise examples.error(f"the model was trained on {wanted}, and {came} came", 0)

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the captions by the references, and what the picture is worth."""
        if quantize is not None:
            raise StreamError("a captioner is not quantized: its convolutions are no chain")
        self.network.eval()
        return judged(self, examples, train)

    def questions(self, table: Table, input: str, target: str | None) -> Sequence[Any]:
        """Take what is asked of the model, one a row."""
        return read_sources(table, input)[0]

    def predict(self, inputs: Sequence[Any]) -> list[Answer]:
        """Caption pictures with the beam of the settings."""
        return [best[0] for best in self.search(inputs)]

    def search(self, inputs: Sequence[Any], **changed: Any) -> list[list[Answer]]:
        """Caption pictures by beam search.

        Args:
            inputs: paths of pictures, or features of places.
            **changed: fields of ``Search`` that overrule the settings, such as n_best.

        Returns:
            For each picture its captions, best first.
        """
        check_settings(Search, changed)
        search = replace(self.settings.search(), **changed)
        return self.answered(self.network.eval(), inputs, search)

    @torch.inference_mode()
    def answered(
        self, network: Captioner, inputs: Sequence[Any], search: Search
    ) -> list[list[Answer]]:
        """Caption pictures with a network of this task's make, such as its running mean.

        Args:
            network: the network, in evaluation mode.
            inputs: paths of pictures, or features of places.
            search: how captions are looked for.

        Returns:
            For each picture its captions, best first.
        """
        if not len(inputs):
            return []
        rows = self.sight.rows(inputs)
        batches = Batches(rows.lengths, batch_size=_AT_ONCE).in_order()
        found = []
        for batch in batches:
            memory = self._seen(network, [rows[row] for row in batch])
            limits = answer_rows(
                network, len(batch), length=self.kept.length, shortest=search.min_length,
                unknown=False,
            )  # fmt: skip
            found.append(searched(network, memory, limits, search))
        texts = self.field.decode
        return [
            [Answer(texts(each.tokens), each.log_probability, each.finished) for each in best]
            for best in restore(batches, found)
        ]

    def _seen(self, network: Captioner, rows: Sequence[Tensor]) -> Memory:
        source, places = self.sight.batch(rows)
        return network.encode(source.to(next(network.parameters()).device), places)

    def stream(self, *, rows: int | None, rewind: int, quantize: str | None) -> Any:
        """Refuse: a picture is seen whole."""
        raise StreamError("a captioner sees a picture whole, so it has no stream: predict captions")

    def exported(self) -> Exported:
        """Give what sees and what writes as files, with what searches for a caption."""
        sight = self.sight
        reading, places = sight.exported(), "S"
        given = (reading.given, Input("lengths", ("B",), "lengths", of="S"))
        if isinstance(sight, PictureSight):
            places, given = sight.grid[0] * sight.grid[1], given[:1]
        search = search_facts(
            self.network, self.field, self.settings.search(), length=self.kept.length,
            unknown=False,
        )  # fmt: skip
        names = (*HELPERS, *reading.helpers)
        return Exported(
            parts_of(self.network, given, places, {}),
            {"run.py": "run_caption.py", "reading.py": sight.reader} | {n: n for n in names},
            {"search": search},
            {"tokenizer.json": self.field.to_json()} | sight.files(),
        )

    @torch.no_grad()
    def inspect(self, text: Any) -> Inspection:
        """Show the decoder at each word, and the places that each word looked at.

        Args:
            text: the path of a picture, or features of places.

        Returns:
            The inspection of the decoder; the steps are the words that it reads.
        """
        network = self.network.eval()
        memory = self._seen(network, [row := self.sight.rows([text])[0]])
        limits = answer_rows(
            network, 1, length=self.kept.length, shortest=self.settings.min_length, unknown=False
        )
        best = searched(network, memory, limits, self.settings.search())[0][0]
        written = Written(network, self.field, best.tokens)
        seen = written.attention(memory, self.sight.names(len(row)))
        return inspect_decoder(written, memory, seen)

    def figure(self, input: Any) -> str:
        """Draw a picture once for each word of its caption, bright where the word looked.

        Args:
            input: the path of a picture.

        Returns:
            An SVG file, which needs nothing else.

        Raises:
            DataError: the model sees no pictures, or has no attention.
        """
        attention = self.inspect(input).attention
        if attention is None or not isinstance(self.sight, PictureSight):
            raise DataError("a figure is of pictures and attention, and this model lacks one")
        return as_overlays(attention, self.sight.pixels.read(as_picture(input)), self.sight.grid)

    def shown(self, input: Any) -> str:
        """Give an input in few words.

        Args:
            input: the path of a picture, or features of places.

        Returns:
            The picture's name, or how many places there are.
        """
        return f"{len(input)} places" if isinstance(input, Tensor) else as_picture(input).path.name

    def rows(self, examples: Examples, *, whole: bool = False) -> CaptionRows:
        """Read pictures, and turn captions to ids.

        Args:
            examples: pictures, or features, and captions.
            whole: whether captions that are too long to be learned are kept whole.

        Returns:
            The rows.
        """
        longest = None if whole else self.settings.longest
        return CaptionRows.of(examples, self.sight, self.field, longest=longest)


def _most_places(encoder: Any) -> int:
    """How far the location score has to reach."""
    if isinstance(encoder, PlaceEncoder):
        return encoder.grid[0] * encoder.grid[1]
    raise DataError("the location score needs a fixed number of places: take another attention")
