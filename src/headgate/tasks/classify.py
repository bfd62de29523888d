"""An input to one of several classes: spam, sentiment, a language, a gesture, a spoken word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from headgate.data.examples import Examples
from headgate.data.fields import LabelField
from headgate.errors import DataError
from headgate.evaluation.baselines import NgramClassifier
from headgate.evaluation.classification import classification_scores
from headgate.evaluation.comparison import beside, losses
from headgate.evaluation.neighbours import nearest
from headgate.evaluation.ranking import average_precision, best_threshold
from headgate.evaluation.scores import Score
from headgate.export.parts import Exported
from headgate.inspection.trace import LOG_PROBABILITIES, Outcome
from headgate.tasks.classification import LISTED, Classification
from headgate.tasks.classify_settings import ClassifySettings
from headgate.tasks.many_to_one import ManyToOne, ManyToOneLearner
from headgate.tasks.protocol import Evaluation
from headgate.tasks.reading import Reading
from headgate.training import Plan, Validation


class Classify(ManyToOne):
    """The task.

    Args:
        settings: what the classifier is made of.
        reading: the kind of inputs, with what was learned of them.
        labels: labels to classes.
        counts: rows of each class in training.
    """

    name: ClassVar[str] = "classify"
    summary: ClassVar[str] = "one of several classes for an input"
    made_of: ClassVar[type] = ClassifySettings
    without_target = "a classifier learns from labels: name their column (--target COL)"

    def __init__(
        self, settings: Any, reading: Reading, labels: LabelField, counts: list[int]
    ) -> None:
        self.labels, self.counts = labels, counts
        super().__init__(settings, reading, len(labels))

    @classmethod
    def strata(cls, examples: Examples) -> Sequence[str]:
        """Give the classes, whose shares a division keeps."""
        return examples.targets

    @classmethod
    def learn(
        cls, train: Examples, settings: dict[str, Any], base: Classify | None = None
    ) -> Classify:
        """Learn inputs and classes, and build the network.

        The classes of a base stay, also where training has none of them.
        """
        found = list(dict.fromkeys(train.targets))
        labels = LabelField.learn(found) if base is None else base.labels.extended(found)
        if len(labels) != 2 and settings.get("threshold", 0.5) != ClassifySettings.threshold:
            raise DataError(f"a threshold parts two classes, but there are {len(labels)}")
        counts = Counter(labels.encode(target) for target in train.targets)
        chosen, reading = cls.built(train, settings, base)
        return cls(chosen, reading, labels, [counts[c] for c in range(len(labels))])

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Classify:
        """Rebuild a saved task."""
        kept = dict(settings)
        counts = kept.pop("counts")
        labels = LabelField.from_json(files["labels.json"])
        return cls(*cls.rebuilt(kept, files), labels, counts)

    def saved_settings(self) -> dict[str, Any]:
        """Give what ``restore`` needs."""
        return super().saved_settings() | {"counts": self.counts}

    def files(self) -> dict[str, str]:
        """Give what was learned as files."""
        return {**self.reading.files(), "labels.json": self.labels.to_json()}

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        classes = ", ".join(
            f"{name} {count}"
            for name, count in list(zip(self.labels.classes, self.counts, strict=True))[:LISTED]
        )
        more = "" if len(self.labels) <= LISTED else ", …"
        return [f"{len(self.labels)} classes: {classes}{more}", *self.reading.notes()]

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> _Learner:
        """Give what the loop trains."""
        return _Learner(self, train, valid, plan)

    def finish(self, valid: Examples) -> None:
        """Choose the threshold on the validation part, if it is to be tuned."""
        if self.settings.threshold == "tune":
            targets = self.encode_targets(valid.targets) == self.rarer
            chosen = best_threshold(self.probabilities(valid.inputs)[:, self.rarer], targets.long())
            self.settings.threshold = min(max(chosen.value, 0.01), 0.99)

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the model beside the majority class and what can be fitted to the training part."""
        targets = self.encode_targets(examples.targets)
        scores = self._scores(self.probabilities(examples.inputs), targets)
        notes = self.reading.cut(examples.inputs)
        if quantize is not None:
            plain, streamed = scores, self.streamed(examples.inputs, quantize).softmax(-1)
            scores = self._scores(streamed, targets)
            notes = [*notes, *losses(quantize, scores, plain)]
        rivals = {"majority": torch.full_like(targets, self.counts.index(max(self.counts)))}
        if train is not None:
            rivals |= self._fitted(examples, train)
        compared = {
            name: classification_scores(given, targets, class_names=self.labels.classes)
            for name, given in rivals.items()
        }
        return Evaluation(*beside(scores, compared), notes)

    def _fitted(self, examples: Examples, train: Examples) -> dict[str, Tensor]:
        """Give the classes that a simple model of the training part gives."""
        labels, inputs = self.encode_targets(train.targets), examples.inputs
        if self.reading.kind == "text":
            linear = NgramClassifier.fit(train.inputs, labels, n_classes=len(self.labels))
            return {"linear n-grams": linear.probabilities(inputs).argmax(1)}
        known = self.reading.features(train.inputs)
        return {"nearest neighbour": labels[nearest(known, self.reading.features(inputs))]}

    def _scores(self, probabilities: Tensor, targets: Tensor) -> dict[str, Score]:
        names, rarer = self.labels.classes, self.rarer
        scores = classification_scores(self.decide(probabilities), targets, class_names=names)
        if len(names) == 2 and 0 < int((targets == rarer).sum()) < len(targets):
            found = average_precision(probabilities[:, rarer], (targets == rarer).long())
            scores[f"average_precision:{names[rarer]}"] = found
        return scores

    def answers(self, out: Tensor) -> list[Classification]:
        """Turn logits to classes with their probabilities."""
        probabilities, names = out.softmax(-1), self.labels.classes
        return [
            Classification(names[chosen], dict(zip(names, row, strict=True)))
            for chosen, row in zip(
                self.decide(probabilities).tolist(), probabilities.tolist(), strict=True
            )
        ]

    def exported(self) -> Exported:
        """Give the classifier as files."""
        chosen = self.settings.threshold
        threshold = None if len(self.labels) != 2 or isinstance(chosen, str) else chosen
        facts = {"classes": self.labels.classes, "rarer": self.rarer, "threshold": threshold}
        return self.exported_by("run_classify.py", facts)

    def outcome(self, told: Callable[..., Tensor], out: Tensor) -> Outcome:
        """Give the probability of each class, and the class that was decided for."""
        decided = self.decide(out.softmax(-1))

        def classes(*given: Any) -> Tensor:
            return told(*given).log_softmax(-1)

        names = tuple(self.labels.classes)
        return Outcome(classes, LOG_PROBABILITIES, ("class",), names, targets=decided)

    def check(self, examples: Examples) -> None:
        """Refuse inputs of another kind, and a label that was not seen in training."""
        self.check_kind(examples)
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
    def probabilities(self, inputs: Sequence[Any]) -> Tensor:
        """Give the probability of every class.

        Args:
            inputs: the inputs.

        Returns:
            Probabilities on the CPU, [B, V].
        """
        return self.outputs(self.network, self.encode_rows(inputs)).softmax(-1)

    def encode_targets(self, labels: Sequence[str]) -> Tensor:
        """Turn labels to classes.

        Args:
            labels: the labels.

        Returns:
            Classes, [B].
        """
        return torch.tensor([self.labels.encode(label) for label in labels], dtype=torch.int64)


class _Learner(ManyToOneLearner):
    """A classifier on its way."""

    def __init__(self, task: Classify, train: Examples, valid: Examples, plan: Plan) -> None:
        super().__init__(task, train, valid, plan)
        counts = torch.tensor(task.counts, dtype=torch.float32)
        balanced = len(self.rows) / (len(counts) * counts.clamp(min=1))
        self.weights = balanced if task.settings.class_weights == "balanced" else None

    def loss(self, rows: list[int]) -> Tensor:
        logits, targets = self.given(rows)
        weights = self.weights if self.weights is None else self.weights.to(logits.device)
        return functional.cross_entropy(logits, targets, weights)

    def validate(self, network: nn.Module) -> Validation:
        logits, names = self.task.outputs(network, self.valid_rows), self.task.labels.classes
        chosen = logits.argmax(1)
        scores = classification_scores(chosen, self.valid_targets, class_names=names)
        loss = float(functional.cross_entropy(logits, self.valid_targets))
        values = {"valid_loss": loss} | {f"valid_{k}": s.value for k, s in scores.items()}
        guesses, truths = chosen[:3].tolist(), self.valid_targets[:3].tolist()
        samples = [
            f"{names[guess]:>12} ({names[truth]})  {self.task.reading.shown(each)}"
            for guess, truth, each in zip(guesses, truths, self.valid.inputs, strict=False)
        ]
        return Validation(scores["macro_f1"].value, values, samples)
