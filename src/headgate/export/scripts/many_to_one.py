"""A model that gives one answer for an input."""

from __future__ import annotations

from pathlib import Path

from graphs import Graphs, Stream
from reading import Reader

AT_ONCE = 64  # inputs


class ManyToOne:
    """An exported model; ``answers`` says what its numbers mean."""

    def __init__(self, folder=Path(__file__).parent):
        self.graphs = Graphs(folder)
        self.reader, self.facts = Reader(self.graphs), self.graphs.facts

    def parse(self, line):
        """Take an input from a line of text."""
        return self.reader.parse(line)

    def predict(self, inputs):
        """Answer each input; a list of them."""
        if self.facts["stream"]:
            read = (self.reader.batch([each])[0][0] for each in inputs)
            return [list(self._over(steps))[-1] for steps in read]
        found = []
        for first in range(0, len(inputs), AT_ONCE):
            x, lengths = self.reader.batch(inputs[first : first + AT_ONCE])
            found += self.answers(self.graphs("model", x=x, lengths=lengths)["scores"])
        return found

    def stream(self, given):
        """Answer after each step of an input, however long; the model was exported as a stream."""
        return self._over(self.reader.steps(given))

    def _over(self, steps):
        stream = Stream(self.graphs)
        for step in steps:
            yield self.answers(stream.step(step[None]))[0]
