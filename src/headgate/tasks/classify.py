"""Text to one of several classes: spam, sentiment, a language, a topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from headgate.data.batches import Batches, pad, restore
from headgate.data.columns import Table
from headgate.data.examples import Examples, read_texts
from headgate.data.fields import LabelField, TextField
from headgate.data.ragged import Ragged
from headgate.errors import DataError, StreamError
from headgate.evaluation.baselines import NgramClassifier
from headgate.evaluation.classification import classification_scores
from headgate.evaluation.comparison import beside, losses
from headgate.evaluation.ranking import average_precision, best_threshold
from headgate.evaluation.scores import Score
from headgate.inspection.trace import Inspection
from headgate.layers import Recurrent
from headgate.models import Classifier, TokenEmbedding
from headgate.streaming import Stream
from headgate.tasks import cells
from headgate.tasks.classification import LISTED, Classification
from headgate.tasks.classify_settings import SPELT, ClassifySettings
from headgate.tasks.protocol import (
    Evaluation,
    batch_for,
    build_settings,
    divide_rows,
    fine_tuned,
)
from headgate.tasks.token_stream import TokenStream
from headgate.training import Plan, Validation

_EVALUATED_AT_ONCE = 128
_LETTERS = ("character", "byte")


_TOKENS_READ, _LETTERS_READ = 850_000, 1_200_000  # in a training that nobody limits


class Classify:
    """The task.

    Args:
        settings: what the classifier is made of.
        text: text to ids.
        labels: labels to classes.
        counts: rows of each class in training.
    """

    name: ClassVar[str] = "classify"
    summary: ClassVar[str] = "text to one of several classes"
    made_of: ClassVar[type] = ClassifySettings

    def __init__(
        self, settings: ClassifySettings, text: TextField, labels: LabelField, counts: list[int]
    ) -> None:
        self.settings, self.text, self.labels, self.counts = settings, text, labels, counts
        self.network = Classifier(
            TokenEmbedding(
                len(text),
                settings.embedding_size,
                dropout=settings.embedding_dropout,
                token_dropout=settings.token_dropout,
            ),
            Recurrent(
                input_size=settings.embedding_size,
                hidden_size=settings.hidden_size,
                bidirectional=settings.bidirectional,
                **cells.layer_arguments(settings),
            ),
            classes=len(labels),
            pool=settings.pool,
            dropout=settings.dropout,
        )
        cells.keep(settings, self.network.recurrent)

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take texts and labels; refuse a row that lacks one."""
        if target is None:
            raise DataError("a classifier learns from labels: name their column", path=table.path)
        return read_texts(table, input, target)

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int
    ) -> dict[str, Examples]:
        """Divide the rows; the classes keep their shares, and equal texts stay together."""
        shares = {"valid": valid, "test": test}
        return divide_rows(examples, examples.inputs, examples.targets, shares=shares, seed=seed)

    @classmethod
    def learn(
        cls, train: Examples, settings: dict[str, Any], base: Classify | None = None
    ) -> Classify:
        """Learn vocabulary and classes, and build the network."""
        if base is not None:
            return cls._extended(base, train, settings)
        chosen = build_settings(ClassifySettings, settings)
        labels = LabelField.learn(list(dict.fromkeys(train.targets)))
        if len(labels) != 2 and chosen.threshold != ClassifySettings.threshold:
            raise DataError(f"a threshold parts two classes, but there are {len(labels)}")
        text = TextField.learn(
            train.inputs,
            unit=chosen.unit,  # type: ignore[arg-type]
            vocabulary_size=chosen.vocabulary_size,
            lowercase=chosen.lowercase,
        )
        if text.unit in _LETTERS:
            chosen = build_settings(ClassifySettings, SPELT | settings)
        return cls(chosen, text, labels, _counts(labels, train.targets))

    @classmethod
    def _extended(cls, base: Classify, train: Examples, settings: dict[str, Any]) -> Classify:
        """Go on from a saved classifier; its classes stay, also where training has none of them."""
        chosen = build_settings(ClassifySettings, fine_tuned(base.settings, settings))
        text, _ = base.text.extended(train.inputs)
        labels = base.labels.extended(list(dict.fromkeys(train.targets)))
        return cls(chosen, text, labels, _counts(labels, train.targets))

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Classify:
        """Rebuild a saved task."""
        kept = dict(settings)
        counts = kept.pop("counts")
        labels = LabelField.from_json(files["labels.json"])
        text = TextField.from_json(files["tokenizer.json"])
        return cls(build_settings(ClassifySettings, kept), text, labels, counts)

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: so many tokens read, in 3 to 40 passes."""
        tokens = sum(self.encode_rows(train.inputs).lengths)
        wanted = _LETTERS_READ if self.text.unit in _LETTERS else _TOKENS_READ
        epochs = max(3, min(40, round(wanted / tokens)))
        return Plan(epochs=epochs, batch_size=batch_for(len(train), epochs=epochs, most=32))

    def saved_settings(self) -> dict[str, Any]:
        """Give what ``restore`` needs."""
        return asdict(self.settings) | {"counts": self.counts}

    def files(self) -> dict[str, str]:
        """Give the vocabularies as files."""
        return {"tokenizer.json": self.text.to_json(), "labels.json": self.labels.to_json()}

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        classes = ", ".join(
            f"{name} {count}"
            for name, count in list(zip(self.labels.classes, self.counts, strict=True))[:LISTED]
        )
        more = "" if len(self.labels) <= LISTED else ", …"
        return [
            f"{len(self.labels)} classes: {classes}{more}",
            f"text as {self.text.unit}s, a vocabulary of {len(self.text)}",
            *([self.text.note] if self.text.note else []),
        ]

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> _Learner:
        """Give what the loop trains."""
        return _Learner(self, train, valid, plan)

    def finish(self, valid: Examples) -> None:
        """Choose the threshold on the validation part, if it is to be tuned."""
        if self.settings.threshold == "tune":
            targets = self.encode_labels(valid.targets) == self.rarer
            chosen = best_threshold(self.probabilities(valid.inputs)[:, self.rarer], targets.long())
            self.settings.threshold = min(max(chosen.value, 0.01), 0.99)

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the model beside the majority class and, where it can be fitted, a linear model."""
        targets = self.encode_labels(examples.targets)
        names = self.labels.classes
        scores = self._scores(self.probabilities(examples.inputs), targets)
        notes = self._cut(examples.inputs)
        if quantize is not None:
            plain, streamed = scores, self._streamed(examples.inputs, quantize)
            scores = self._scores(streamed, targets)
            notes = [*notes, *losses(quantize, scores, plain)]
        rivals = {"majority": torch.full_like(targets, self.counts.index(max(self.counts)))}
        if train is not None:
            labels = self.encode_labels(train.targets)
            linear = NgramClassifier.fit(train.inputs, labels, n_classes=len(names))
            rivals["linear n-grams"] = linear.probabilities(examples.inputs).argmax(1)
        compared = {
            name: classification_scores(given, targets, class_names=names)
            for name, given in rivals.items()
        }
        return Evaluation(*beside(scores, compared), notes)

    def _scores(self, probabilities: Tensor, targets: Tensor) -> dict[str, Score]:
        names, rarer = self.labels.classes, self.rarer
        scores = classification_scores(self.decide(probabilities), targets, class_names=names)
        if len(names) == 2 and 0 < int((targets == rarer).sum()) < len(targets):
            found = average_precision(probabilities[:, rarer], (targets == rarer).long())
            scores[f"average_precision:{names[rarer]}"] = found
        return scores

    def predict(self, inputs: Sequence[str]) -> list[Classification]:
        """Classify texts."""
        return self._classified(self.probabilities(inputs))

    def _classified(self, probabilities: Tensor) -> list[Classification]:
        names = self.labels.classes
        return [
            Classification(names[chosen], dict(zip(names, row, strict=True)))
            for chosen, row in zip(
                self.decide(probabilities).tolist(), probabilities.tolist(), strict=True
            )
        ]

    def stream(
        self, source: str | None, *, rows: int | None, rewind: int, quantize: str | None
    ) -> TokenStream[Classification]:
        """Keep the model running over tokens, with a class after each."""
        if source is not None:
            raise StreamError("a classifier's stream has no source: its text is what it reads")
        stream = Stream(*self.network.parts, rows=rows, rewind=rewind, quantize=quantize)
        return TokenStream(stream, self.text, lambda out: self._classified(out.softmax(-1)))

    def _streamed(self, inputs: Sequence[str], quantize: str) -> Tensor:
        """Give the probability of every class as a quantized stream has it, [B, V]."""
        stream, found = Stream(*self.network.parts, quantize=quantize), []
        for ids in self.encode_rows(inputs):
            stream.reset()
            found.append(stream.steps(torch.tensor(ids))[-1])
        return torch.stack(found).softmax(-1)

    @torch.inference_mode()
    def inspect(self, text: str) -> Inspection:
        """Show the gates of the layers that read a text."""
        self.network.eval()
        device = next(self.network.parameters()).device
        ids = self.encode([text])
        x = self.network.embedding(torch.tensor(ids, device=device))
        trace = self.network.recurrent(x, trace=True)[2]
        tokens = tuple(self.text.tokens(text)[: len(ids[0])])
        return Inspection(tokens, {name: value[:, :, 0].cpu() for name, value in trace.items()})

    def check(self, examples: Examples) -> None:
        """Refuse a label that was not seen in training."""
        for row, target in enumerate(examples.targets):
            try:
                self.labels.encode(target)
            except DataError as error:
                raise examples.error(str(error), row, of="target") from error

    @property
    def rarer(self) -> int:
        """The rarer of two classes in training; of equals the second."""
        return 0 if self.counts[0] < self.counts[1] else 1

    def decide(self, probabilities: Tensor) -> Tensor:
        """Choose classes: the likeliest, or of two by the threshold.

        Args:
            probabilities: of each class, [B, V].

        Returns:
            Classes, [B].
        """
        if len(self.labels) != 2 or isinstance(self.settings.threshold, str):
            return probabilities.argmax(1)
        positive = probabilities[:, self.rarer] >= self.settings.threshold
        return torch.where(positive, self.rarer, 1 - self.rarer)

    @torch.inference_mode()
    def probabilities(self, inputs: Sequence[str]) -> Tensor:
        """Give the probability of every class.

        Args:
            inputs: the texts.

        Returns:
            Probabilities on the CPU, [B, V].
        """
        self.network.eval()
        return self.logits(self.network, self.encode_rows(inputs)).softmax(-1)

    def logits(self, network: nn.Module, ids: Sequence[Sequence[int]]) -> Tensor:
        """Run a network over texts in batches of like length.

        Args:
            network: the classifier.
            ids: the texts' ids.

        Returns:
            Logits on the CPU in the order of the texts, [B, V].
        """
        if not len(ids):
            return torch.zeros(0, len(self.labels))
        batches = Batches([len(row) for row in ids], batch_size=_EVALUATED_AT_ONCE).in_order()
        device = next(network.parameters()).device
        parts = []
        for rows in batches:
            tokens, lengths = pad([ids[row] for row in rows], self.text.pad)
            parts.append(network(tokens.to(device), lengths).cpu())
        return torch.stack(restore(batches, parts))

    def encode(self, inputs: Sequence[str]) -> list[list[int]]:
        """Turn texts to ids, cut to the longest that is read.

        Args:
            inputs: the texts.

        Returns:
            Ids, at least one for each text.
        """
        return self.encode_rows(inputs)[:]

    def encode_rows(self, inputs: Sequence[str]) -> Ragged:
        """Do the same with any number of texts: the ids of many lie in a temporary file.

        Args:
            inputs: the texts.

        Returns:
            Ids, at least one for each text.
        """
        longest = self.settings.longest
        return self.text.encode_rows(inputs, longest=longest, least=[self.text.unk])

    def encode_labels(self, labels: Sequence[str]) -> Tensor:
        """Turn labels to classes.

        Args:
            labels: the labels.

        Returns:
            Classes, [B].
        """
        return torch.tensor([self.labels.encode(label) for label in labels])

    def _cut(self, inputs: Sequence[str]) -> list[str]:
        longer = sum(len(ids) > self.settings.longest for ids in self.text.encode_each(inputs))
        limit = self.settings.longest
        return [f"{longer} texts are read to their token {limit}"] if longer else []


def _counts(labels: LabelField, targets: Sequence[str]) -> list[int]:
    counts = Counter(labels.encode(target) for target in targets)
    return [counts[c] for c in range(len(labels))]


class _Learner:
    """A classifier on its way."""

    carried: tuple[Tensor, ...] = ()

    def __init__(self, task: Classify, train: Examples, valid: Examples, plan: Plan) -> None:
        self.task, self.network = task, task.network
        self.ids, self.targets = task.encode_rows(train.inputs), task.encode_labels(train.targets)
        self.valid = valid
        self.valid_ids = task.encode_rows(valid.inputs)
        self.valid_targets = task.encode_labels(valid.targets)
        self.dealer = Batches(self.ids.lengths, batch_size=plan.batch_size, seed=plan.seed)
        counts = torch.tensor(task.counts, dtype=torch.float32)
        balanced = len(self.ids) / (len(counts) * counts.clamp(min=1))
        self.weights = balanced if task.settings.class_weights == "balanced" else None

    def batches(self, epoch: int) -> list[list[int]]:
        return self.dealer.epoch(epoch)

    def loss(self, rows: list[int]) -> Tensor:
        device = next(self.network.parameters()).device
        ids, lengths = pad([self.ids[row] for row in rows], self.task.text.pad)
        weights = self.weights if self.weights is None else self.weights.to(device)
        logits = self.network(ids.to(device), lengths)
        return functional.cross_entropy(logits, self.targets[rows].to(device), weights)

    def validate(self, network: nn.Module) -> Validation:
        logits = self.task.logits(network, self.valid_ids)
        chosen = logits.argmax(1)
        scores = classification_scores(
            chosen, self.valid_targets, class_names=self.task.labels.classes
        )
        loss = float(functional.cross_entropy(logits, self.valid_targets))
        values = {"valid_loss": loss} | {f"valid_{k}": s.value for k, s in scores.items()}
        names = self.task.labels.classes
        samples = [
            f"{names[guess]:>12} ({names[truth]})  {text[:60]}"
            for guess, truth, text in zip(
                chosen[:3].tolist(),
                self.valid_targets[:3].tolist(),
                self.valid.inputs,
                strict=False,
            )
        ]
        return Validation(scores["macro_f1"].value, values, samples)
