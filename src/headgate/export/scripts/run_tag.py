"""Tag sentences with an exported model.

python run.py "Ada Lovelace wrote to Charles Babbage."
python run.py '["Ada", "Lovelace", "wrote"]'
python run.py < sentences.txt

A sentence is a text, which is split into words, or its words as a list of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from entities import chunks
from graphs import Graphs, main_of
from running import Running
from texts import UNK, Texts, padded
from viterbi import Chain
from words import as_line, spell, split_words

AT_ONCE = 64


class Model:
    """An exported tagger."""

    def __init__(self, folder=Path(__file__).parent):
        self.graphs = Graphs(folder)
        self.facts, folder = self.graphs.facts, self.graphs.folder
        self.words = Texts(folder / "tokenizer.json", "word")
        spelt = self.facts["letters"]
        self.letters = Texts(folder / "letters.json", "character") if spelt else None
        self.chain = None if self.facts["crf"] is None else Chain(self.facts["crf"])

    def parse(self, line):
        """Take a line of input: a text, or its words as a list."""
        try:
            found = json.loads(line)
        except ValueError:  # a text may begin as a list does
            return line
        return found if isinstance(found, list) else line

    def predict(self, inputs):
        """Give a tag for each word of each sentence, and the entities that the tags mark."""
        sentences = [self._split(each) for each in inputs]
        longest = self.facts["longest"]
        pieces = [
            (row, words[start : start + longest])
            for row, words in enumerate(sentences)
            for start in range(0, len(words), longest)
        ]
        tags = [[] for _ in sentences]
        for first in range(0, len(pieces), AT_ONCE):
            part = pieces[first : first + AT_ONCE]
            scores = self._scores([words for _, words in part])
            for (row, _), each in zip(part, scores, strict=True):
                best = each.argmax(1) if self.chain is None else self.chain.best(each)
                tags[row] += [self.facts["tags"][place] for place in best]
        return [self._answer(*each) for each in zip(sentences, tags, strict=True)]

    def stream(self, text):
        """Tag each word of a text when it comes; the model was exported as a stream."""
        running = Running(self.graphs)
        for word in self._split(text):
            [[scores]] = running.read(self._read([word]))
            yield self.facts["tags"][int(scores.argmax())]

    def _split(self, given):
        if isinstance(given, str) and not given.strip():
            raise ValueError("the text is empty, so there is nothing to answer")
        words = (split_words(given) or [given]) if isinstance(given, str) else given
        if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
            raise ValueError(f"a sentence is a text or its words, not {given!r:.80}")
        return words

    def _ids(self, words):
        return np.array(self.words.ids(as_line(words)), np.int64)

    def _read(self, words):
        """Give what a step reads of each word: its id, [1, T], or its features, [1, T, M]."""
        x = self._ids(words)[None]
        if self.letters is None:
            return x
        letters, sizes = self._spelt([words], len(words))
        found = self.graphs("features", x=x, letters=letters, sizes=sizes)["features"]
        return found.transpose(1, 0, 2)

    def _scores(self, sentences):
        """Give the scores of each sentence's tags, [T, L]."""
        if self.facts["stream"]:
            return [Running(self.graphs).read(self._read(each))[:, 0] for each in sentences]
        x, lengths = padded([self._ids(each).tolist() for each in sentences])
        given = {"x": x, "lengths": lengths}
        if self.letters is not None:
            given["letters"], given["sizes"] = self._spelt(sentences, x.shape[1])
        found = self.graphs("model", **given)["scores"]
        return [found[: len(words), row] for row, words in enumerate(sentences)]

    def _spelt(self, sentences, steps):
        """Give the letters of each word, [B, T, S], and how many they are, [B, T]."""
        words = [word for each in sentences for word in [*each, *[""] * (steps - len(each))]]
        ids = [self.letters.ids(spell(word, self.facts["longest_word"])) for word in words]
        letters, sizes = padded(ids, least=UNK)
        return letters.reshape(len(sentences), steps, -1), sizes.reshape(len(sentences), steps)

    def _answer(self, words, tags):
        found = {"prediction": tags, "tokens": words}
        if self.facts["scheme"]:
            marked = chunks(tags, self.facts["scheme"])
            if marked:
                texts = [f"{kind}: {' '.join(words[start:end])}" for kind, start, end in marked]
                found["entities"] = "; ".join(texts)
        return found


def main():
    """Tag the arguments, or the lines of the input."""
    main_of(Model())


if __name__ == "__main__":
    main()
