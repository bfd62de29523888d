"""Write what is said in sounds with an exported model.

python run.py speech.wav
python run.py < paths.txt
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from ctc import best_path, prefix_search
from graphs import Graphs, Stream, main_of
from reading import Reader
from texts import PAD, Texts


class Model:
    """An exported transcriber: a text for each sound."""

    def __init__(self, folder=Path(__file__).parent):
        self.graphs = Graphs(folder)
        self.reader, self.facts = Reader(self.graphs), self.graphs.facts
        self.texts = Texts(self.graphs.folder / "tokenizer.json", self.facts["unit"])

    def parse(self, line):
        """Take an input from a line of text."""
        return self.reader.parse(line)

    def predict(self, inputs):
        """Write down each sound: the text, its log-probability, and that it came to its end."""
        return [self._written(self._expected(each)) for each in inputs]

    def stream(self, given):
        """Say each label when it is sure, by the likeliest path; exported as a stream."""
        stream, last = Stream(self.graphs), PAD
        between = " " if self.facts["unit"] == "word" else ""
        for step in self.reader.steps(given):
            label = int(stream.step(step[None])[0].argmax())
            if label not in (PAD, last):
                yield self.texts.text([label]) + between
            last = label

    def _expected(self, given):
        """Give the log-probability of each label at each step, [T, V]."""
        if not self.facts["stream"]:
            x, lengths = self.reader.batch([given])
            return self.graphs("model", x=x, lengths=lengths)["log_probabilities"][:, 0]
        stream = Stream(self.graphs)
        scores = np.stack([stream.step(step[None])[0] for step in self.reader.steps(given)])
        scores = scores - scores.max(1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(1, keepdims=True))

    def _written(self, expected):
        width = self.facts["beam_width"]
        found = best_path(expected, PAD) if width == 1 else prefix_search(expected, PAD, width)
        labels, log_probability = found
        text = " ".join(self.texts.text(labels).split())
        return {"text": text, "log_probability": log_probability, "finished": True}


def main():
    """Answer the arguments, or the lines of the input."""
    main_of(Model())


if __name__ == "__main__":
    main()
