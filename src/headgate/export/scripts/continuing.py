"""Texts as a language model reads and writes them."""

from __future__ import annotations

import codecs
import re
import unicodedata

from texts import EOS, UNK, Texts

LINES = re.compile(r"[^\n]*\n|[^\n]+")


class RunningTexts:
    """Text to ids, as it goes on and on.

    Args:
        graphs: the model.
    """

    def __init__(self, graphs):
        facts = graphs.facts["reading"]
        self.texts = Texts(graphs.folder / "tokenizer.json", facts["unit"])
        self.start, self.end, self.never = facts["start"], facts["end"], facts["never"]
        self.words, self.several = facts["unit"] == "word", facts["several"]
        spelt = facts["unit"] in ("byte", "subword")
        self.spellings = [
            ((self.texts.bytes.get(name) if spelt else None) or name.encode()) * (place > EOS)
            for place, name in enumerate(self.texts.names)
        ]

    def ids(self, text):
        """Give the ids of a text's beginning; line by line, as in training."""
        if self.words and self.several:
            return self.texts.ids(text)
        if self.words:
            *closed, last = text.split("\n")
            before = [place for line in closed for place in (*self.texts.ids(line), EOS)]
            return before + self.texts.ids(last)
        found = [place for line in LINES.findall(text) for place in self.texts.ids(line)]
        if UNK in found:
            unknown = [c for c in unicodedata.normalize("NFC", text) if UNK in self.texts.ids(c)]
            raise ValueError(f"the text has what the training text has not: {unknown[:10]}")
        return found

    def name(self, place):
        """Name a token for a reader."""
        spelling = self.spellings[place]
        whole = len(spelling) > 1 or spelling.isascii()
        return (spelling.decode() if whole else f"<0x{spelling[0]:02X}>") or self.texts.names[place]


class Continued:
    """A text on its way.

    Args:
        running: how it is spelt.
        before: the ids that were read.
        stop: strings that end it and are left out.
    """

    def __init__(self, running, before, stop=()):
        if "" in stop:
            raise ValueError("a stop string is empty")
        self.running, self.text, self.over = running, "", False
        self.stops = [unicodedata.normalize("NFC", each) for each in stop]
        self.letters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.inside = bool(before) and before[-1] != EOS  # of a line, for words

    def take(self, place):
        """Go on by a token."""
        if place == self.running.end:
            self.close()
        elif not self.running.words:
            self._add(self.letters.decode(self.running.spellings[place]))
        elif place == EOS:
            self.inside = False
            self._add("\n")
        else:
            self._add(" " * self.inside + self.running.spellings[place].decode())
            self.inside = True

    def close(self):
        """End the text: half a character becomes U+FFFD."""
        if not self.over:
            self._add(self.letters.decode(b"", final=True))
            self.over = True

    def _add(self, piece):
        begun = len(self.text)
        self.text += piece
        places = [
            (at + len(stop), at)
            for stop in self.stops
            if (at := self.text.find(stop, max(0, begun - len(stop) + 1))) >= 0
        ]
        if places:  # the one that is whole first
            self.text, self.over = self.text[: min(places)[1]], True
