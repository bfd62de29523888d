"""Classify inputs with an exported model.

python run.py "a film to remember"
python run.py < inputs.txt
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from graphs import Graphs, Stream
from reading import Reader


class Model:
    """An exported classifier."""

    def __init__(self, folder=Path(__file__).parent):
        self.graphs = Graphs(folder)
        self.reader, self.facts = Reader(self.graphs), self.graphs.facts

    def predict(self, inputs):
        """Give the class of each input, with the probabilities of all."""
        if not self.facts["stream"]:
            x, lengths = self.reader.batch(inputs)
            return self._answers(self.graphs("model", x=x, lengths=lengths)["scores"])
        return [answer for each in inputs for answer in list(self.stream(each))[-1:]]

    def stream(self, given):
        """Answer after each step of an input; the model was exported as a stream."""
        stream = Stream(self.graphs)
        for step in self.reader.steps(given):
            yield self._answers(stream.step(step[None]))[0]

    def _answers(self, scores):
        parts = np.exp(scores - scores.max(1, keepdims=True))
        names = self.facts["classes"]
        return [
            {
                "class": names[self._decided(row)],
                "probabilities": dict(zip(names, row.tolist(), strict=True)),
            }
            for row in parts / parts.sum(1, keepdims=True)
        ]

    def _decided(self, row):
        rarer, threshold = self.facts["rarer"], self.facts["threshold"]
        if threshold is None:
            return int(row.argmax())
        return rarer if row[rarer] >= threshold else 1 - rarer


def main():
    """Answer the arguments, or the lines of the input."""
    model = Model()
    for line in sys.argv[1:] or (line.rstrip("\n") for line in sys.stdin):
        print(json.dumps(model.predict([model.reader.parse(line)])[0], ensure_ascii=False))


if __name__ == "__main__":
    main()
