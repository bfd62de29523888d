"""How the model reads a text."""

from __future__ import annotations

from texts import Texts, padded


class Reader:
    """Turns texts to what the graph takes.

    Args:
        graphs: the model.
    """

    def __init__(self, graphs):
        reading = graphs.facts["reading"]
        self.texts = Texts(graphs.folder / "tokenizer.json", reading["unit"])
        self.longest = reading["longest"]

    def parse(self, line):
        """Take a line of input: the text."""
        return line

    def steps(self, given):
        """Give what a stream reads of a text, one token after the other."""
        return padded([self._ids(given)])[0][0]

    def batch(self, inputs):
        """Lay texts out as a batch, with their lengths."""
        return padded([self._ids(each)[: self.longest] for each in inputs])

    def _ids(self, text):
        if not text.strip():
            raise ValueError("the text is empty, so there is nothing to answer")
        return self.texts.ids(text)
