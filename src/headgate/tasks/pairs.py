"""Text to other text: what translating and answering have in common."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, ClassVar, TypeVar

import torch

from headgate.data.columns import Table
from headgate.data.examples import Examples, read_texts
from headgate.decoding.sampling import Sampling
from headgate.errors import DataError, StreamError
from headgate.evaluation.likelihood import perplexity
from headgate.export.parts import Exported, Input
from headgate.inspection.trace import Inspection
from headgate.models import EncoderDecoder, TokenEmbedding, build_encoder_decoder
from headgate.tasks import cells
from headgate.tasks.decoder_inspection import Written, inspect_encoder
from headgate.tasks.decoder_stream import DecoderStream
from headgate.tasks.pair_answers import Answer, Answering
from headgate.tasks.pair_exporting import HELPERS, parts_of, search_facts
from headgate.tasks.pair_fields import Kept, PairFields, PairIds, alike
from headgate.tasks.pair_learner import PairLearner, row_nats
from headgate.tasks.pair_settings import PairSettings, Search
from headgate.tasks.protocol import (
    Evaluation,
    batch_for,
    build_settings,
    check_settings,
    divide_rows,
    fine_tuned,
)
from headgate.training import Plan

Self = TypeVar("Self", bound="Pairs")

_FEWEST_PIECES, _PAIRS_A_PIECE = 500, 3
_FIXED = ("attention", "order", "shared")  # besides the sizes, what saved weights are of


def build_network(settings: PairSettings, source: int, target: int) -> EncoderDecoder:
    """Build the network that settings describe.

    Args:
        settings: what the model is made of.
        source: tokens of the source's vocabulary.
        target: tokens of the target's vocabulary.

    Returns:
        The network, untrained.
    """
    embed = partial(TokenEmbedding, size=settings.embedding_size, dropout=settings.dropout)
    reader = embed(source)
    return build_encoder_decoder(
        reader,
        reader if settings.shared is True else embed(target),
        hidden_size=settings.hidden_size,
        attention=settings.attention,
        order=settings.order,
        max_source=settings.longest if settings.attention == "location" else None,
        **cells.layer_arguments(settings),
    )


class Pairs(ABC):
    """A task from text to other text. A task of this kind says its defaults and its scores.

    Args:
        settings: what the model is made of; ``shared`` is true or false here.
        fields: texts to ids.
        kept: what is kept of the training targets.

    Attributes:
        pairs_read: how many pairs a training reads, in 3 to 60 passes.
        average: the share of the running mean that stays at each step.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    reads = "text"
    made_of: ClassVar[type[PairSettings]]
    pairs_read: ClassVar[int]
    average: ClassVar[float]

    @abstractmethod
    def judge(
        self, sources: list[str], references: list[list[str]], found: list[str]
    ) -> Evaluation:
        """Judge the answers to distinct sources by their references."""

    def __init__(self, settings: PairSettings, fields: PairFields, kept: Kept) -> None:
        self.settings, self.fields, self.kept = settings, fields, kept
        self.source, self.target = fields.source, fields.target
        self.network = build_network(settings, len(self.source), len(self.target))
        cells.keep(settings, self.network.decoder)

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take sources and targets; refuse a row that lacks one."""
        if target is None:
            raise DataError(f"{cls.name} learns from targets: name the column", path=table.path)
        return read_texts(table, input, target)

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int, **settings: Any
    ) -> dict[str, Examples]:
        """Divide the rows; equal sources stay together."""
        shares = {"valid": valid, "test": test}
        return divide_rows(examples, examples.inputs, shares=shares, seed=seed)

    @classmethod
    def learn(
        cls: type[Self], train: Examples, settings: dict[str, Any], base: Self | None = None
    ) -> Self:
        """Learn the vocabularies and build the network."""
        if base is not None:
            return base._gone_on(train, settings)
        chosen = build_settings(cls.made_of, settings)
        if "vocabulary_size" not in settings:
            # rare pieces teach nothing: of 3,000 pairs, 1,000 pieces give BLEU 9.9, 4,000 give 7.9
            few = max(_FEWEST_PIECES, len(train) // _PAIRS_A_PIECE)
            chosen = replace(chosen, vocabulary_size=min(chosen.vocabulary_size, few))
        if chosen.shared == "auto":
            chosen = replace(chosen, shared=alike(train.inputs, train.targets))
        fields = PairFields.learn(train, chosen)
        return cls(chosen, fields, Kept.of(train, fields.target, chosen.longest))

    def _gone_on(self: Self, train: Examples, given: dict[str, Any]) -> Self:
        """Make a task that goes on from this one, with further pairs."""
        own = fine_tuned(self.settings, given, fixed=_FIXED)
        chosen = build_settings(type(self.settings), own)
        fields = self.fields.extended(train)
        kept = Kept.of(train, fields.target, chosen.longest)
        return type(self)(chosen, fields, replace(kept, length=max(kept.length, self.kept.length)))

    @classmethod
    def restore(cls: type[Self], settings: dict[str, Any], files: dict[str, str]) -> Self:
        """Rebuild a saved task, with weights still to load."""
        own = dict(settings)
        frequent, length = own.pop("frequent"), own.pop("length")
        counts = torch.tensor(json.loads(files["unigram.json"])["counts"])
        kept = Kept(frequent, length, counts)
        return cls(build_settings(cls.made_of, own), PairFields.from_files(files), kept)

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: so many pairs read, in 3 to 60 passes."""
        epochs = max(3, min(60, self.pairs_read // len(train)))
        batch_size = batch_for(len(train), epochs=epochs, most=64)
        return Plan(epochs=epochs, batch_size=batch_size, learning_rate=2e-3, average=self.average)

    def saved_settings(self) -> dict[str, Any]:
        """Give the settings that ``restore`` takes."""
        kept = {"frequent": self.kept.frequent, "length": self.kept.length}
        return asdict(self.settings) | kept

    def files(self) -> dict[str, str]:
        """Give the vocabularies, and the counts of the target's tokens, as files."""
        counts = json.dumps({"counts": self.kept.counts.tolist()})
        return self.fields.files() | {"unigram.json": counts}

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        name, order = self.settings.attention, self.settings.order
        looks = f"attention {name}" if name else "no attention"
        looks += "" if order == "luong" else f", {order}"
        return [f"{self.fields.note()}; {looks}"]

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> PairLearner:
        """Give what the loop trains."""
        return PairLearner(self, train, valid, plan)

    def finish(self, valid: Examples) -> None:  # noqa: B027 - final
        """Choose nothing: there is no threshold."""

    def check(self, examples: Examples) -> None:  # noqa: B027 - final
        """Refuse nothing: the model may be judged by any text."""

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the answers by the references, and how well the references were expected."""
        _refuse(quantize)
        references: dict[str, list[str]] = {}
        for source, target in zip(examples.inputs, examples.targets, strict=True):
            references.setdefault(source, []).append(target)
        sources, wanted = list(references), list(references.values())
        found = self.judge(sources, wanted, [answer.text for answer in self.predict(sources)])
        notes = list(found.notes)
        if len(sources) < len(examples):
            notes.append(
                f"{len(examples)} rows are {len(sources)} sources, some of several targets"
            )
        return self._with_perplexity(Evaluation(found.scores, found.baselines, notes), examples)

    def _with_perplexity(self, found: Evaluation, examples: Examples) -> Evaluation:
        self.network.eval()
        pairs = self.pairs(examples)
        nats, tokens = row_nats(self.network, pairs)
        score = perplexity(nats, tokens, baseline=self.kept.nats(pairs))
        assert score.baseline is not None
        note = (
            f"perplexity is that of a {self.target.unit} of the target, over {int(tokens.sum())} "
            "of them, the end marks counted"
        )
        rivals = {name: dict(values) for name, values in found.baselines.items()}
        rivals["unigram"] = {"perplexity": score.baseline}
        return Evaluation({**found.scores, "perplexity": score}, rivals, [*found.notes, note])

    def questions(self, table: Table, input: str, target: str | None) -> Sequence[Any]:
        """Take what is asked of the model, one a row."""
        return table.column(input)

    def predict(self, inputs: Sequence[str]) -> list[Answer]:
        """Answer texts with the beam of the settings."""
        return [best[0] for best in self.search(inputs)]

    def search(self, inputs: Sequence[str], **changed: Any) -> list[list[Answer]]:
        """Answer texts by beam search.

        Args:
            inputs: the texts.
            **changed: fields of ``Search`` that overrule the settings, such as n_best.

        Returns:
            For each text its answers, best first.
        """
        check_settings(Search, changed)
        search = replace(self.settings.search(), **changed)
        return self.answering(self.network.eval()).search(inputs, search)

    def sample(self, inputs: Sequence[str], *, first: int = 0, **wishes: Any) -> list[Answer]:
        """Answer texts by chance.

        Args:
            inputs: the texts.
            first: the number of the first text, which its chance hangs on beside the seed.
            **wishes: fields of ``Sampling``, such as temperature, top_p and seed.

        Returns:
            An answer to each text.
        """
        check_settings(Sampling, wishes)
        answering = self.answering(self.network.eval())
        return answering.sample(inputs, Sampling(**wishes), first=first)

    def answering(self, network: EncoderDecoder) -> Answering:
        """Give what answers texts with a network of this task's make, such as its running mean.

        Args:
            network: the network, in evaluation mode.

        Returns:
            What answers texts.
        """
        return Answering(network, self.settings, self.fields, self.kept.length)

    def stream(self, *, rows: int | None, rewind: int, quantize: str | None) -> DecoderStream:
        """Keep the decoder running over one source, with which it is yet to begin."""
        _refuse(quantize)
        if rows is not None:
            raise StreamError("the stream of a decoder is of one source, so it has no rows")
        return DecoderStream(self, rewind=rewind)

    def exported(self) -> Exported:
        """Give the encoder and the decoder as files, with what searches for an answer."""
        settings, source = self.settings, self.source
        given = (
            Input("source", ("B", "S"), "ids", most=len(source)),
            Input("lengths", ("B",), "lengths", of="S"),
        )
        limits = {"S": settings.longest} if settings.attention == "location" else {}
        search = search_facts(
            self.network, self.target, settings.search(), length=self.kept.length, unknown=True
        )
        files = self.fields.files()
        named = {"unit": source.unit, "longest": settings.longest, "target": list(files)[-1]}
        return Exported(
            parts_of(self.network, given, "S", limits),
            {"run.py": "run_pairs.py"} | {name: name for name in (*HELPERS, "pairs.py")},
            {"source": named, "search": search, "copies": self.copies},
            files,
        )

    @torch.no_grad()
    def inspect(self, text: str) -> Inspection:
        """Show how the source is read, the answer written, and what each token looked at."""
        network = self.network.eval()
        ids = torch.tensor(self.encode([text]), device=next(network.parameters()).device)
        tokens = tuple(self.source.tokens(text)[: ids.shape[1]])
        best = self.answering(network).best(ids[0].tolist())
        return inspect_encoder(Written(network, self.target, best), tokens, ids, text=text)

    def pairs(self, examples: Examples, *, longest: int | None = None) -> PairIds:
        """Turn pairs of texts to ids.

        Args:
            examples: sources and targets.
            longest: ids of a target that are kept; all where None.

        Returns:
            The ids of each pair, without marks; those of many pairs lie in a temporary file.
        """
        targets = self.target.encode_rows(examples.targets, longest=longest)
        return PairIds(self.fields.read_rows(examples.inputs, self.settings.longest), targets)

    @property
    def copies(self) -> bool:
        """Whether unknown words are taken from the source."""
        return self.answering(self.network).copies

    def encode(self, inputs: Sequence[str]) -> list[list[int]]:
        """Turn source texts to ids, cut to the longest that is read.

        Args:
            inputs: the texts.

        Returns:
            Ids, at least one for each text.
        """
        return self.fields.read(inputs, self.settings.longest)


def _refuse(quantize: str | None) -> None:
    if quantize is not None:
        raise StreamError(
            "an encoder-decoder is not quantized: it looks at the source between its layers, "
            "which is no chain of matrices"
        )
