"""A model from text to text."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from beam import Decoder, search
from graphs import Graphs
from texts import UNK, Texts, padded

WHITE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


class Pairs:
    """An exported model: a text for each text."""

    def __init__(self, folder=Path(__file__).parent):
        self.graphs = Graphs(folder)
        self.facts, folder = self.graphs.facts, self.graphs.folder
        source, self.search = self.facts["source"], self.facts["search"]
        self.source = Texts(folder / "tokenizer.json", source["unit"], source["longest"])
        self.target = Texts(folder / source["target"], self.search["unit"])
        self.decoder = Decoder(self.graphs)

    def predict(self, inputs):
        """Answer each text: the answer, its log-probability, and whether it came to its end."""
        return [self._answer(text) for text in inputs]

    def _answer(self, text):
        if not text.strip():
            raise ValueError("the text is empty, so there is nothing to answer")
        source, lengths = padded([self.source.ids(text)])
        memory = self.decoder.start(source=source, lengths=lengths)
        found = search(self.decoder, memory, self.search)
        return {
            "text": self._written(text, int(lengths[0]), memory, found.tokens),
            "log_probability": found.log_probability,
            "finished": found.finished,
        }

    def _written(self, text, count, memory, tokens):
        """Write ids out, with the source's own word for each that is unknown."""
        words = [w for w in WHITE.split(unicodedata.normalize("NFC", text)) if w]
        if not self.facts["copies"] or UNK not in tokens or len(words) < count:
            return self.target.text(tokens)
        places = self.decoder.looked_at(memory, tokens)
        pieces = [
            words[place] if token == UNK else self.target.text([token])
            for token, place in zip(tokens, places, strict=True)
        ]
        return " ".join(piece for piece in pieces if piece)
