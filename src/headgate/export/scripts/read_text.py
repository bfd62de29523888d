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
        path = graphs.folder / "tokenizer.json"
        self.texts = Texts(path, reading["unit"], reading["longest"])

    def parse(self, line):
        """Take a line of input: the text."""
        return line

    def steps(self, given):
        """Give what a stream reads of an input, one step after the other."""
        return padded([self.texts.ids(given)])[0][0]

    def batch(self, inputs):
        """Lay inputs out as a batch, with their lengths."""
        return padded([self.texts.ids(each) for each in inputs])
