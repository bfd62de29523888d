"""A sentence to a tag for each of its words: chunks, names, parts of speech."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import torch

from headgate.data.columns import Table, shown
from headgate.data.examples import Examples, read_sequences
from headgate.data.fields import LabelField, TextField
from headgate.errors import DataError, StreamError
from headgate.evaluation.comparison import beside, losses
from headgate.evaluation.scores import Score
from headgate.evaluation.tagging import WordTags
from headgate.export.parts import Exported
from headgate.inspection.trace import LOG_PROBABILITIES, Inspection, Outcome
from headgate.layers.tag_schemes import constraints
from headgate.streaming import Stream
from headgate.tasks import cells
from headgate.tasks.protocol import (
    Evaluation,
    batch_for,
    build_settings,
    divide_rows,
    fine_tuned,
)
from headgate.tasks.tag_encoding import Reader, as_line, spelt
from headgate.tasks.tag_export import exported_tagger
from headgate.tasks.tag_learner import TagLearner
from headgate.tasks.tag_network import breach, build_network, scheme_of, tag_ids
from headgate.tasks.tag_scores import kinds, tag_scores
from headgate.tasks.tag_settings import NO_CHARACTERS, NO_SCHEME, TagSettings
from headgate.tasks.tag_stream import TagStream
from headgate.tasks.tagging import Tagging, words_of
from headgate.tasks.word_vectors import Begun, begin_with
from headgate.training import Plan

_LETTERS = 5000  # at most, which is enough for any script
_PASSES = 4500  # over a corpus of one token; over 200,000 tokens 10
_LISTED = 5  # tags that a message names
_FIXED = ("characters", "crf", "scheme")  # besides the sizes, what saved weights are of

Words = str | tuple[str, ...]  # a text, or its words


class Tag:
    """The task.

    Args:
        settings: what the tagger is made of, with nothing left at "auto".
        words: words to ids.
        letters: letters to ids, or None where they are not read.
        labels: tags to ids.
        counts: tokens of each tag in training.
        broken: where training breaks the scheme, so that a CRF must allow it; "" where it does not.
    """

    name: ClassVar[str] = "tag"
    summary: ClassVar[str] = "a tag for each token"
    reads = "words"
    made_of: ClassVar[type] = TagSettings

    def __init__(
        self,
        settings: TagSettings,
        words: TextField,
        letters: TextField | None,
        labels: LabelField,
        *,
        counts: list[int],
        broken: str = "",
    ) -> None:
        self.settings, self.labels, self.counts, self.broken = settings, labels, counts, broken
        self.reader = Reader(words, letters, settings.longest_word)
        self.added: list[str] = []
        self.network = build_network(settings, self.reader, labels, constrained=not broken)
        cells.keep(settings, self.network.recurrent)

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take sentences and their tags; refuse one that is empty, or has not a tag for each word.

        A cell of text has its words and its tags between blanks; without targets it stays text.
        """
        columns = (input, target)
        sentences = table.column(input)
        if target is None:
            read_sequences(table, input)  # which refuses an empty one
            return Examples(sentences, (), table, columns=columns)
        words, tags = (read_sequences(table, name) for name in (input, target))
        for row, (one, other) in enumerate(zip(words, tags, strict=True)):
            if len(one) != len(other):
                message = (
                    f"a tag for each of {len(one)} tokens was wanted, and {len(other)} came: "
                    f"{shown(' '.join(other))}"
                )
                raise table.error(message, row=row, column=target)
        return Examples(words, tags, table, columns=columns)

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int, **settings: Any
    ) -> dict[str, Examples]:
        """Divide the sentences; equal ones stay together."""
        keys = [as_line(words) for words in examples.inputs]
        return divide_rows(examples, keys, shares={"valid": valid, "test": test}, seed=seed)

    @classmethod
    def learn(cls, train: Examples, settings: dict[str, Any], base: Tag | None = None) -> Tag:
        """Learn the vocabularies, the tags and their scheme, and build the network."""
        if not len(train.targets):
            raise DataError("a tagger learns from tags: name their column")
        tags = list(chain.from_iterable(train.targets))
        if base is not None:
            return cls._extended(base, train, settings)
        chosen = build_settings(TagSettings, settings)
        scheme = scheme_of(train.targets, chosen.scheme)
        crf = scheme != NO_SCHEME if chosen.crf == "auto" else chosen.crf
        chosen = replace(chosen, scheme=scheme, crf=crf)
        words = TextField.learn(
            [as_line(words) for words in train.inputs],
            unit="word",
            vocabulary_size=chosen.vocabulary_size,
            min_frequency=chosen.min_frequency,
            lowercase=chosen.lowercase,
        )
        letters = None
        if chosen.characters != NO_CHARACTERS:
            found = spelt(train.inputs, chosen.longest_word)
            letters = TextField.learn(
                found, unit="character", vocabulary_size=_LETTERS, min_frequency=2
            )
        labels = LabelField.learn(tags)
        size = settings.get("embedding_size")
        begun = _begun(chosen.vectors, words, chosen, size)
        return cls._built(chosen, (words, letters, labels), train, begun)

    @classmethod
    def _extended(cls, base: Tag, train: Examples, settings: dict[str, Any]) -> Tag:
        """Go on from a saved tagger: its words, letters and tags stay, and new ones follow."""
        own = fine_tuned(base.settings, settings, fixed=_FIXED)
        chosen = build_settings(TagSettings, own)
        lines = [as_line(words) for words in train.inputs]
        words, file = base.reader.words, settings.get("vectors")
        if file is not None or base.network.embedding.table.weight.requires_grad:
            # where the vectors stay as they are, a new word's would never be learned
            words, _ = words.extended(lines, min_frequency=chosen.min_frequency)
        letters = base.reader.letters
        if letters is not None:
            letters, _ = letters.extended(spelt(train.inputs, chosen.longest_word), min_frequency=2)
        labels = base.labels.extended(list(chain.from_iterable(train.targets)))
        # the words' vectors go on from the saved ones, unless a file is named anew
        begun = _begun(file, words, chosen, chosen.embedding_size)
        return cls._built(chosen, (words, letters, labels), train, begun)

    @classmethod
    def _built(
        cls,
        settings: TagSettings,
        fields: tuple[TextField, TextField | None, LabelField],
        train: Examples,
        begun: Begun | None,
    ) -> Tag:
        words, letters, labels = fields
        if begun is not None:
            words = begun.words
            settings = replace(settings, embedding_size=begun.vectors.size)
        tags = Counter(map(labels.encode, chain.from_iterable(train.targets)))
        counts = [tags[number] for number in range(len(labels))]
        broken = breach(train, settings.scheme)
        task = cls(settings, words, letters, labels, counts=counts, broken=broken)
        if begun is not None:
            begun.put_into(task.network.embedding.table, zero=not settings.train_vectors)
            task.added = begun.notes
        return task

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> Tag:
        """Rebuild a saved task."""
        kept = dict(settings)
        own = {name: kept.pop(name) for name in ("counts", "broken")}
        letters = files.get("letters.json")
        return cls(
            build_settings(TagSettings, kept),
            TextField.from_json(files["tokenizer.json"]),
            None if letters is None else TextField.from_json(letters),
            LabelField.from_json(files["labels.json"]),
            **own,
        )

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: 4 to 40 passes, fewer over more tokens, though more steps in all."""
        tokens = sum(map(len, train.inputs))
        epochs = max(4, min(40, round(_PASSES / tokens**0.5)))
        return Plan(epochs=epochs, batch_size=batch_for(len(train), epochs=epochs, most=32))

    def saved_settings(self) -> dict[str, Any]:
        """Give what ``restore`` needs."""
        file = self.settings.vectors
        own = {"counts": self.counts, "broken": self.broken}
        return asdict(self.settings) | own | {"vectors": file and Path(file).name}

    def files(self) -> dict[str, str]:
        """Give the vocabularies as files."""
        found = {
            "tokenizer.json": self.reader.words.to_json(),
            "labels.json": self.labels.to_json(),
        }
        if self.reader.letters is not None:
            found["letters.json"] = self.reader.letters.to_json()
        return found

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        scheme, letters = self.settings.scheme, self.reader.letters
        follow = "no scheme" if scheme == NO_SCHEME else f"the scheme {scheme}"
        together = "together (CRF)" if self.settings.crf else "each by itself"
        spelt = "" if letters is None else f", and their {len(letters)} letters"
        found = [
            f"{len(self.labels)} tags follow {follow}; they are chosen {together}",
            f"a vocabulary of {len(self.reader.words)} words{spelt}",
            *self.added,
        ]
        if self.broken and self.settings.crf:
            found.append(
                f"the CRF allows what the scheme forbids, for training has it: {self.broken}"
            )
        return found

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> TagLearner:
        """Give what the loop trains."""
        return TagLearner(self, train, valid, plan)

    def finish(self, valid: Examples) -> None:
        """Choose nothing: a tagger has no threshold."""

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the tagger beside the majority tag and, where it can be fitted, each word's own."""
        targets = examples.targets
        plain = self.tags(examples.inputs)
        given = plain if quantize is None else self._streamed(examples.inputs, quantize)
        scores = self._scores(given, targets)
        notes = [*self._cut(examples.inputs), *self._unseen(targets)]
        if quantize is not None:
            notes += losses(quantize, scores, self._scores(plain, targets))
        if self.settings.scheme != NO_SCHEME:
            notes += kinds(given, targets, self.settings.scheme)
        often = self.labels.classes[self.counts.index(max(self.counts))]
        rivals = {"majority tag": WordTags({}, often)}
        if train is not None:
            rivals["each word's tag"] = WordTags.fit(train.inputs, train.targets)
        compared = {
            name: self._scores(rival.predict(examples.inputs), targets)
            for name, rival in rivals.items()
        }
        return Evaluation(*beside(scores, compared), notes)

    def _scores(
        self, given: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]
    ) -> dict[str, Score]:
        return tag_scores(given, targets, self.settings.scheme)

    def _cut(self, inputs: Sequence[Sequence[str]]) -> list[str]:
        limits = self.settings
        longer = sum(len(words) > limits.longest for words in inputs)
        words = {word for words in inputs for word in words}
        long = sum(len(word) > limits.longest_word for word in words)
        return [
            *[f"{longer} sentences are read in pieces of {limits.longest} words"] * bool(longer),
            *[f"of {long} words, the first and last letters are read, {limits.longest_word} in all"]
            * bool(long and self.reader.letters),
        ]

    def _unseen(self, targets: Sequence[Sequence[str]]) -> list[str]:
        known = set(self.labels.classes)
        unseen = Counter(tag for tags in targets for tag in tags if tag not in known)
        if not unseen:
            return []
        names = ", ".join(sorted(unseen))
        return [
            f"{unseen.total()} tokens have tags that training has not, and count as wrong: {names}"
        ]

    def questions(self, table: Table, input: str, target: str | None) -> Sequence[Any]:
        """Take what is asked of the model, one a row."""
        return table.column(input)

    def predict(self, inputs: Sequence[Words]) -> list[Tagging]:
        """Tag texts, which are split as ``split_words`` does, or sentences given as words."""
        sentences = [words_of(each) for each in inputs]
        tagged = zip(sentences, self.tags(sentences), strict=True)
        return [Tagging.of(words, tags, self.settings.scheme) for words, tags in tagged]

    def tags(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Give the tags of sentences.

        Args:
            sentences: the words of each.

        Returns:
            As many tags for each.
        """
        self.network.eval()
        found = tag_ids(self.network, self.reader, sentences, longest=self.settings.longest)
        return [[self.labels.classes[number] for number in row] for row in found]

    def stream(self, *, rows: int | None, rewind: int, quantize: str | None) -> TagStream:
        """Keep the model running over words, with a tag after each."""
        why = {
            "reads a sentence from both ends": self.settings.bidirectional,
            "chooses all tags of a sentence together": self.settings.crf,
        }
        reasons = " and ".join(reason for reason, holds in why.items() if holds)
        if reasons:
            raise StreamError(
                f"this tagger {reasons}, so it has no tag before the sentence is whole: predict "
                "whole sentences, or train with bidirectional=false and crf=false"
            )
        self.network.eval()
        parts = (self.network.recurrent, self.network.head)
        stream = Stream(*parts, rows=rows, rewind=rewind, quantize=quantize)
        return TagStream(stream, self.network, self.reader, self.labels.classes)

    def exported(self) -> Exported:
        """Give the tagger as files."""
        return exported_tagger(self)

    def _streamed(self, inputs: Sequence[Sequence[str]], quantize: str) -> list[list[str]]:
        """Give the tags as a quantized stream has them."""
        stream = self.stream(rows=None, rewind=0, quantize=quantize)
        found = []
        for words in inputs:
            stream.reset()
            found.append(stream.steps(words))
        return found

    @torch.no_grad()
    def inspect(self, text: Words) -> Inspection:
        """Show what the layers that read a sentence do, and the tags that they make of it."""
        network = self.network.eval()
        words = words_of(text)[: self.settings.longest]
        batch = self.reader.encode([words]).batch([0])

        def told(y: Any, last: Any, x: Any) -> Any:
            return network.log_probabilities(network.head(y)).transpose(0, 1)

        chosen = torch.tensor(network.decode(network(batch), batch.lengths)[0])
        return Inspection(
            tuple(words),
            network.recurrent,
            network.features(batch)[:, 0],
            Outcome(
                told, LOG_PROBABILITIES, tuple(words), tuple(self.labels.classes), chosen, True
            ),
            text=text if isinstance(text, str) else " ".join(words),
        )

    def check(self, examples: Examples) -> None:
        """Refuse tags that are none of the scheme's, and rows that hold no tag of training's.

        A tag that training lacks is no error by itself: published test parts have such, and count
        them as wrong.
        """
        known, came = set(self.labels.classes), set[str]()
        for row, tags in enumerate(examples.targets):
            new = set(tags) - came - known
            if new and self.settings.scheme != NO_SCHEME:
                try:
                    constraints(sorted(new), self.settings.scheme)
                except DataError as error:
                    raise examples.error(str(error), row, of="target") from error
            came.update(tags)
        if came and known.isdisjoint(came):
            found, wanted = (", ".join(sorted(some)[:_LISTED]) for some in (came, known))
            message = f"tags of training were wanted, such as {wanted}; none is there, but {found}"
            raise examples.error(message, 0, of="target")


def _begun(
    vectors: str | None, words: TextField, settings: TagSettings, size: int | None
) -> Begun | None:
    if vectors is None:
        return None
    most, lowercase = settings.vectors_added, settings.lowercase
    return begin_with(vectors, words, most=most, lowercase=lowercase, size=size)
