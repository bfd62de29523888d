"""Text to other text: a language, a norm, an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import median
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from headgate.data.batches import Batches, pad, restore
from headgate.data.fields import TextField
from headgate.decoding import Hypothesis, Rows, beam, greedy
from headgate.errors import MissingExtraError, StreamError
from headgate.evaluation.baselines import copy_source, most_frequent_target
from headgate.evaluation.comparison import beside
from headgate.evaluation.scores import Score
from headgate.evaluation.translation import bleu, choose_tokenizer, chrf, exact_match
from headgate.inspection.attention import AttentionMap, attention_map
from headgate.inspection.trace import Inspection
from headgate.models import EncoderDecoder, TokenEmbedding, build_encoder_decoder
from headgate.tasks import cells
from headgate.tasks.decoder_stream import DecoderStream
from headgate.tasks.protocol import Evaluation, Examples, build_settings
from headgate.tasks.translate_settings import TranslateSettings
from headgate.training import Plan, Validation

_DECODED_AT_ONCE = 64
_SAMPLES = 3
_FEWEST_PIECES, _PAIRS_A_PIECE = 500, 3
_FEWEST_WORDS = 2  # of a target, for BLEU to say anything


def build_network(settings: TranslateSettings, source: int, target: int) -> EncoderDecoder:
    """Build the network that settings describe.

    Args:
        settings: what the translator is made of.
        source: tokens of the source's vocabulary.
        target: tokens of the target's vocabulary.

    Returns:
        The network, untrained.
    """
    embed = partial(TokenEmbedding, size=settings.embedding_size, dropout=settings.dropout)
    return build_encoder_decoder(
        embed(source),
        embed(target),
        hidden_size=settings.hidden_size,
        attention=settings.attention,
        max_source=settings.longest if settings.attention == "location" else None,
        **cells.layer_arguments(settings),
    )


@dataclass(frozen=True)
class Translation:
    """A translation, and how sure the model is.

    Args:
        text: the translation.
        log_probability: of the whole text, in nats.
        finished: whether it came to its end within the greatest length.
    """

    text: str
    log_probability: float
    finished: bool

    def row(self) -> dict[str, str]:
        """Give the answer as columns of a table.

        Returns:
            The text and its log-probability.
        """
        return {"prediction": self.text, "log_probability": f"{self.log_probability:.4f}"}

    def __str__(self) -> str:
        return self.text


class Translate:
    """The task.

    Args:
        settings: what the translator is made of.
        source: source text to ids.
        target: target text to ids.
        frequent: the most frequent target of the training part, a baseline.
        length: tokens of the longest target of the training part.
    """

    name: ClassVar[str] = "translate"
    summary: ClassVar[str] = "text to other text"
    stratified: ClassVar[bool] = False

    def __init__(
        self,
        settings: TranslateSettings,
        source: TextField,
        target: TextField,
        *,
        frequent: str,
        length: int,
    ) -> None:
        self.settings, self.source, self.target = settings, source, target
        self.frequent, self.length = frequent, length
        self.network = build_network(settings, len(source), len(target))
        cells.keep(settings, self.network.decoder)

    @classmethod
    def learn(cls, train: Examples, settings: dict[str, Any]) -> Translate:
        """Learn both vocabularies and build the network."""
        chosen = build_settings(TranslateSettings, settings)
        if "vocabulary_size" not in settings:
            # rare pieces teach nothing: of 3,000 pairs, 1,000 pieces give BLEU 9.9, 4,000 give 7.9
            few = max(_FEWEST_PIECES, len(train) // _PAIRS_A_PIECE)
            chosen = replace(chosen, vocabulary_size=min(chosen.vocabulary_size, few))
        learn = partial(TextField.learn, vocabulary_size=chosen.vocabulary_size)
        target = learn(train.targets, unit=chosen.unit)
        # what is written letter by letter, such as a number or a date, is read so too
        spelt = chosen.unit == "auto" and target.unit == "character"
        source = learn(train.inputs, unit="character" if spelt else chosen.unit)
        length = max(map(len, target.encode_batch(train.targets)))
        frequent = most_frequent_target(train.targets, rows=1)[0]
        return cls(chosen, source, target, frequent=frequent, length=min(length, chosen.longest))

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Translate:
        """Rebuild a saved task, with weights still to load."""
        kept = dict(settings)
        frequent, length = kept.pop("frequent"), kept.pop("length")
        fields = [TextField.from_json(files[name]) for name in ("tokenizer.json", "target.json")]
        chosen = build_settings(TranslateSettings, kept)
        return cls(chosen, *fields, frequent=frequent, length=length)

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: about a million and a half pairs read, in 3 to 60 passes."""
        epochs = max(3, min(60, 1_500_000 // len(train)))
        return Plan(epochs=epochs, batch_size=64, learning_rate=2e-3, average=0.995)

    def saved_settings(self) -> dict[str, Any]:
        """Give the settings that ``restore`` takes."""
        return asdict(self.settings) | {"frequent": self.frequent, "length": self.length}

    def files(self) -> dict[str, str]:
        """Give both vocabularies as files."""
        return {"tokenizer.json": self.source.to_json(), "target.json": self.target.to_json()}

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        looks = (
            f"attention {self.settings.attention}" if self.settings.attention else "no attention"
        )
        return [
            f"source as {self.source.unit}s, a vocabulary of {len(self.source)}; target as "
            f"{self.target.unit}s, a vocabulary of {len(self.target)}; {looks}",
        ]

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> _Learner:
        """Give what the loop trains."""
        return _Learner(self, train, valid, plan)

    def finish(self, valid: Examples) -> None:
        """Choose nothing: a translator has no threshold."""

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the model beside a copy of the source and the most frequent target."""
        _refuse(quantize)
        references: dict[str, list[str]] = {}
        for source, target in zip(examples.inputs, examples.targets, strict=True):
            references.setdefault(source, []).append(target)
        sources, wanted = list(references), list(references.values())
        found = [prediction.text for prediction in self.predict(sources)]
        scores, notes = _scores(found, wanted)
        rivals = {
            "copy of the source": copy_source(sources),
            "most frequent target": [self.frequent] * len(sources),
        }
        compared = {name: _scores(given, wanted)[0] for name, given in rivals.items()}
        if len(sources) < len(examples):
            notes.append(
                f"{len(examples)} rows are {len(sources)} sources, some of several targets"
            )
        return Evaluation(*beside(scores, compared), notes)

    def predict(self, inputs: Sequence[str]) -> list[Translation]:
        """Translate texts with the beam of the settings."""
        return [best[0] for best in self.search(inputs, n_best=1)]

    @torch.inference_mode()
    def search(self, inputs: Sequence[str], *, n_best: int) -> list[list[Translation]]:
        """Translate texts.

        Args:
            inputs: the texts.
            n_best: translations of each text, best first.

        Returns:
            For each text its translations.
        """
        if not inputs:
            return []
        self.network.eval()
        ids = self.encode(inputs)
        batches = Batches([len(row) for row in ids], batch_size=_DECODED_AT_ONCE).in_order()
        width = max(self.settings.beam_width, n_best)
        found = [
            self._decode([ids[r] for r in rows], width=width, n_best=n_best) for rows in batches
        ]
        return [
            [self._translation(hypothesis) for hypothesis in hypotheses]
            for hypotheses in restore(batches, found)
        ]

    def _decode(self, ids: list[list[int]], *, width: int, n_best: int) -> list[list[Hypothesis]]:
        device = next(self.network.parameters()).device
        tokens, lengths = pad(ids, self.source.pad)
        memory = self.network.encode(tokens.to(device), lengths)
        rows = Rows(
            len(ids),
            bos=self.target.bos,
            eos=self.target.eos,
            max_length=self.length + 1,
            device=device,
        )
        if width == 1:
            return [[hypothesis] for hypothesis in greedy(self.network, memory, rows)]
        penalty = self.settings.length_penalty
        return beam(self.network, memory, rows, width=width, length_penalty=penalty, n_best=n_best)

    def _translation(self, hypothesis: Hypothesis) -> Translation:
        text = self.target.decode(hypothesis.tokens)
        return Translation(text, hypothesis.log_probability, hypothesis.finished)

    def stream(
        self, source: str | None, *, rows: int | None, rewind: int, quantize: str | None
    ) -> DecoderStream:
        """Keep the decoder running over one source."""
        _refuse(quantize)
        if rows is not None:
            raise StreamError("a translator's stream is of one source, so it has no rows")
        stream = DecoderStream(self, rewind=rewind)
        if source is not None:
            stream.begin(source)
        return stream

    @torch.inference_mode()
    def inspect(self, text: str) -> Inspection:
        """Show the encoder's gates, and what each token of the translation looked at."""
        self.network.eval()
        device = next(self.network.parameters()).device
        ids = torch.tensor(self.encode([text]), device=device)
        tokens = tuple(self.source.tokens(text)[: ids.shape[1]])
        trace = self.network.encoder(self.network.source(ids), trace=True)[2]
        gates = {name: value[:, :, 0].cpu() for name, value in trace.items()}
        return Inspection(tokens, gates, self._attention(ids, tokens))

    def _attention(self, ids: Tensor, tokens: tuple[str, ...]) -> AttentionMap | None:
        best = self._decode(ids.tolist(), width=self.settings.beam_width, n_best=1)[0][0]
        memory = self.network.encode(ids, torch.tensor([ids.shape[1]]))
        written = torch.tensor([[self.target.bos, *best.tokens]], device=ids.device)
        weights = self.network.decode(written, memory)[2]
        if weights is None:
            return None
        target = (*self.target.tokens(best.tokens), "⏎")
        return attention_map(weights[0], source=tokens, target=target)

    def check(self, target: str) -> None:
        """Refuse nothing: a translator may be judged by any text."""

    def encode(self, inputs: Sequence[str]) -> list[list[int]]:
        """Turn source texts to ids, cut to the longest that is read.

        Args:
            inputs: the texts.

        Returns:
            Ids, at least one for each text.
        """
        longest = self.settings.longest
        return [ids[:longest] or [self.source.unk] for ids in self.source.encode_batch(inputs)]


def _refuse(quantize: str | None) -> None:
    if quantize is not None:
        raise StreamError(
            "a translator is not quantized: its decoder looks at the source between its layers, "
            "which is no chain of matrices"
        )


class _Learner:
    """A translator on its way."""

    def __init__(self, task: Translate, train: Examples, valid: Examples, plan: Plan) -> None:
        self.task, self.network, self.valid = task, task.network, valid
        self.train_pairs, self.valid_pairs = self.pairs(train), self.pairs(valid)
        lengths = [(len(source), len(target)) for source, target in self.train_pairs]
        self.dealer = Batches(lengths, batch_size=plan.batch_size, seed=plan.seed)

    def pairs(self, examples: Examples) -> list[tuple[list[int], list[int]]]:
        targets = self.task.target.encode_batch(examples.targets)
        cut = [ids[: self.task.settings.longest] for ids in targets]
        return list(zip(self.task.encode(examples.inputs), cut, strict=True))

    def batches(self, epoch: int) -> list[list[int]]:
        return self.dealer.epoch(epoch)

    def loss(self, rows: list[int]) -> Tensor:
        pairs = [self.train_pairs[row] for row in rows]
        total, count = self.entropy(self.network, pairs, self.task.settings.label_smoothing)
        return total / count

    def entropy(
        self, network: EncoderDecoder, pairs: list[tuple[list[int], list[int]]], smoothing: float
    ) -> tuple[Tensor, int]:
        """The cross-entropy of the targets, summed over their tokens, and how many these are."""
        device = next(network.parameters()).device
        target = self.task.target
        sources, lengths = pad([source for source, _ in pairs], self.task.source.pad)
        given, counts = pad([[target.bos, *ids] for _, ids in pairs], target.pad)
        wanted, _ = pad([[*ids, target.eos] for _, ids in pairs], target.pad)
        memory = network.encode(sources.to(device), lengths)
        features, _, _ = network.decode(given.to(device), memory)
        real = (torch.arange(given.shape[1]) < counts[:, None]).to(device)
        logits = network.logits(features[real])
        loss = functional.cross_entropy(
            logits, wanted.to(device)[real], reduction="sum", label_smoothing=smoothing
        )
        return loss, int(counts.sum())

    def validate(self, network: nn.Module) -> Validation:
        lengths = [(len(source), len(target)) for source, target in self.valid_pairs]
        assert isinstance(network, EncoderDecoder)
        total, tokens = 0.0, 0
        for rows in Batches(lengths, batch_size=_DECODED_AT_ONCE).in_order():
            loss, count = self.entropy(network, [self.valid_pairs[row] for row in rows], 0.0)
            total, tokens = total + float(loss), tokens + count
        nats = total / tokens
        return Validation(-nats, {"valid_loss": nats}, self.samples())

    def samples(self) -> list[str]:
        shown = self.valid.inputs[:_SAMPLES]
        found = [
            self.task._decode([ids], width=1, n_best=1)[0][0] for ids in self.task.encode(shown)
        ]
        texts = (self.task.target.decode(hypothesis.tokens) for hypothesis in found)
        return [f"{source}  →  {text}" for source, text in zip(shown, texts, strict=True)]


def _scores(found: list[str], references: list[list[str]]) -> tuple[dict[str, Score], list[str]]:
    """Exact match; of targets of several words BLEU and chrF where sacrebleu is installed."""
    scores = {"exact_match": exact_match(found, references)}
    words = median(len(text.split()) for texts in references for text in texts)
    if words < _FEWEST_WORDS and choose_tokenizer(references) != "char":
        return scores, []
    try:
        signed = {"bleu": bleu(found, references), "chrf": chrf(found, references)}
    except MissingExtraError as missing:
        return scores, [f"no BLEU and chrF: {missing}"]
    scores |= {name: each.score for name, each in signed.items()}
    return scores, [f"{name}: {each.signature}" for name, each in signed.items()]
