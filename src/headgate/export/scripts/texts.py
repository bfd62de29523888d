"""Texts to ids and back, by the model's own tokenizer.json."""

from __future__ import annotations

import numpy as np
from tokenizers import Tokenizer

PAD, UNK, BOS, EOS = range(4)


class Texts:
    """A vocabulary.

    Args:
        path: a tokenizer.json.
        unit: what an id stands for: "subword", "word", "character" or "byte".
        longest: tokens of a text that are read; all where None.
    """

    def __init__(self, path, unit, longest=None):
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.encode_special_tokens = True  # "<eos>" in a text ends nothing
        self.unit, self.longest = unit, longest
        added = self.tokenizer.get_added_tokens_decoder()
        self.special = set(added)
        size = self.tokenizer.get_vocab_size()
        self.names = [self.tokenizer.id_to_token(place) or "" for place in range(size)]
        self.bytes = {f"<0x{byte:02X}>": bytes([byte]) for byte in range(256)}

    def ids(self, text):
        """Give the ids of a text."""
        found = self.tokenizer.encode(text, add_special_tokens=False).ids
        if self.unit == "word":  # a word that is spelt like a special piece is an unknown word
            found = [UNK if place in self.special else place for place in found]
        return found[: self.longest]

    def text(self, ids):
        """Give the text of ids, without the special ones."""
        names = [self.names[place] for place in ids if place not in self.special]
        if self.unit in ("word", "character"):
            return (" " if self.unit == "word" else "").join(names)
        return b"".join(self.bytes.get(name) or name.encode() for name in names).decode(
            errors="replace"
        )


def padded(rows, least=UNK):
    """Lay rows of ids out as a batch [B, T], with their lengths [B]; an empty row gets one id."""
    rows = [row or [least] for row in rows]
    lengths = np.array([len(row) for row in rows], np.int64)
    batch = np.full((len(rows), lengths.max(initial=0)), PAD, np.int64)
    for place, row in enumerate(rows):
        batch[place, : len(row)] = row
    return batch, lengths
