"""Text to one of several classes: spam, sentiment, a language, a topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from headgate.data.batches import Batches, pad, restore
from headgate.data.fields import LabelField, TextField
from headgate.errors import DataError, UnknownNameError
from headgate.evaluation.baselines import NgramClassifier
from headgate.evaluation.classification import classification_scores
from headgate.evaluation.comparison import beside
from headgate.evaluation.ranking import average_precision, best_threshold
from headgate.inspection.trace import Inspection
from headgate.layers import Recurrent
from headgate.layers.checks import check_positive, check_probability
from headgate.models import Classifier, TokenEmbedding
from headgate.tasks import cells
from headgate.tasks.protocol import Evaluation, Examples, build_settings
from headgate.training import Plan, Validation

_EVALUATED_AT_ONCE = 128
_LISTED = 20
_LETTERS = ("character", "byte")


# Spelt text is short: hide little of it. On a split of surnames macro F1 is 0.62, else 0.48.
SPELT: dict[str, Any] = {
    "hidden_size": 128,
    "dropout": 0.3,
    "embedding_dropout": 0.1,
    "token_dropout": 0.0,
}
_TOKENS_READ, _LETTERS_READ = 850_000, 1_200_000  # in a training that nobody limits


@dataclass
class ClassifySettings:
    """What a classifier is made of; for spelt text ``SPELT`` has other defaults.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of each direction.
        embedding_size: features of a token.
        num_layers: recurrent layers.
        bidirectional: read from both ends.
        pool: how the steps become one vector.
        dropout: of the pooled vector, and between layers.
        embedding_dropout: of the features of a token.
        token_dropout: of whole tokens.
        unit: what a token is: "auto", "subword", "word", "character" or "byte".
        vocabulary_size: tokens at most.
        lowercase: whether case is dropped.
        longest: tokens of a text that are read; the rest is cut off.
        class_weights: "balanced" weighs each class by its rarity in the loss.
        threshold: from which probability on a text is of the rarer of two classes; "tune" chooses
            it on the validation part, for the highest F1.
        program: the cell itself where it is a user's own, for a saved model.
    """

    cell: str = "gru"
    options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 64
    embedding_size: int = 64
    num_layers: int = 1
    bidirectional: bool = True
    pool: str = "mean+max"
    dropout: float = 0.5
    embedding_dropout: float = 0.3
    token_dropout: float = 0.1
    unit: str = "auto"
    vocabulary_size: int = 4000
    lowercase: bool = False
    longest: int = 512
    class_weights: str | None = None
    threshold: float | str = 0.5
    program: str | None = None

    def __post_init__(self) -> None:
        check_positive(vocabulary_size=self.vocabulary_size, longest=self.longest)
        check_positive(embedding_size=self.embedding_size)
        check_probability(
            embedding_dropout=self.embedding_dropout, token_dropout=self.token_dropout
        )
        if self.class_weights not in (None, "balanced"):
            raise UnknownNameError("class_weights", self.class_weights, ["balanced", "None"])
        if isinstance(self.threshold, str) and self.threshold != "tune":
            raise UnknownNameError("threshold", self.threshold, ["tune", "a number from 0 to 1"])
        if not isinstance(self.threshold, str):
            check_probability(threshold=self.threshold)


@dataclass(frozen=True)
class Classification:
    """A class, and how sure the model is.

    Args:
        label: the class.
        probabilities: of every class.
    """

    label: str
    probabilities: dict[str, float]

    @property
    def probability(self) -> float:
        """The probability of the class that was chosen."""
        return self.probabilities[self.label]

    def row(self) -> dict[str, str]:
        """Give the label, its probability, and that of each class where there are not many."""
        found = {"prediction": self.label, "probability": f"{self.probability:.4f}"}
        if len(self.probabilities) <= _LISTED:
            found |= {f"p({name})": f"{p:.4f}" for name, p in self.probabilities.items()}
        return found

    def __str__(self) -> str:
        return f"{self.label} ({self.probability:.3f})"


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
    stratified: ClassVar[bool] = True

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
    def learn(cls, train: Examples, settings: dict[str, Any]) -> Classify:
        """Learn vocabulary and classes, and build the network."""
        chosen = build_settings(ClassifySettings, settings)
        labels = LabelField.learn(train.targets)
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
        counts = Counter(labels.encode(target) for target in train.targets)
        return cls(chosen, text, labels, [counts[c] for c in range(len(labels))])

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
        tokens = sum(map(len, self.encode(train.inputs)))
        wanted = _LETTERS_READ if self.text.unit in _LETTERS else _TOKENS_READ
        return Plan(epochs=max(3, min(40, round(wanted / tokens))), batch_size=32)

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
            for name, count in list(zip(self.labels.classes, self.counts, strict=True))[:_LISTED]
        )
        more = "" if len(self.labels) <= _LISTED else ", …"
        return [
            f"{len(self.labels)} classes: {classes}{more}",
            f"text as {self.text.unit}s, a vocabulary of {len(self.text)}",
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

    def evaluate(self, examples: Examples, train: Examples | None) -> Evaluation:
        """Judge the model beside the majority class and, where it can be fitted, a linear model."""
        targets = self.encode_labels(examples.targets)
        names = self.labels.classes
        probabilities = self.probabilities(examples.inputs)
        scores = classification_scores(self.decide(probabilities), targets, class_names=names)
        if len(names) == 2 and 0 < int((targets == self.rarer).sum()) < len(targets):
            found = average_precision(probabilities[:, self.rarer], (targets == self.rarer).long())
            scores[f"average_precision:{names[self.rarer]}"] = found
        rivals = {"majority": torch.full_like(targets, self.counts.index(max(self.counts)))}
        if train is not None:
            labels = self.encode_labels(train.targets)
            linear = NgramClassifier.fit(train.inputs, labels, n_classes=len(names))
            rivals["linear n-grams"] = linear.probabilities(examples.inputs).argmax(1)
        compared = {
            name: classification_scores(given, targets, class_names=names)
            for name, given in rivals.items()
        }
        return Evaluation(*beside(scores, compared), self._cut(examples.inputs))

    def predict(self, inputs: Sequence[str]) -> list[Classification]:
        """Classify texts."""
        probabilities = self.probabilities(inputs)
        names = self.labels.classes
        return [
            Classification(names[chosen], dict(zip(names, row, strict=True)))
            for chosen, row in zip(
                self.decide(probabilities).tolist(), probabilities.tolist(), strict=True
            )
        ]

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

    def check(self, target: str) -> None:
        """Refuse a label that was not seen in training."""
        self.labels.encode(target)

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
        return self.logits(self.network, self.encode(inputs)).softmax(-1)

    def logits(self, network: nn.Module, ids: list[list[int]]) -> Tensor:
        """Run a network over texts in batches of like length.

        Args:
            network: the classifier.
            ids: the texts' ids.

        Returns:
            Logits on the CPU in the order of the texts, [B, V].
        """
        if not ids:
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
        longest = self.settings.longest
        return [ids[:longest] or [self.text.unk] for ids in self.text.encode_batch(inputs)]

    def encode_labels(self, labels: Sequence[str]) -> Tensor:
        """Turn labels to classes.

        Args:
            labels: the labels.

        Returns:
            Classes, [B].
        """
        return torch.tensor([self.labels.encode(label) for label in labels])

    def _cut(self, inputs: Sequence[str]) -> list[str]:
        longer = sum(len(ids) > self.settings.longest for ids in self.text.encode_batch(inputs))
        limit = self.settings.longest
        return [f"{longer} texts are read to their token {limit}"] if longer else []


class _Learner:
    """A classifier on its way."""

    def __init__(self, task: Classify, train: Examples, valid: Examples, plan: Plan) -> None:
        self.task, self.network = task, task.network
        self.ids, self.targets = task.encode(train.inputs), task.encode_labels(train.targets)
        self.valid = valid
        self.valid_ids = task.encode(valid.inputs)
        self.valid_targets = task.encode_labels(valid.targets)
        lengths = [len(row) for row in self.ids]
        self.dealer = Batches(lengths, batch_size=plan.batch_size, seed=plan.seed)
        counts = torch.tensor(task.counts, dtype=torch.float32)
        balanced = len(self.ids) / (len(counts) * counts)
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
