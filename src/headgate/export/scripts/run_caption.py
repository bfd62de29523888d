"""Say what is on pictures with an exported model.

python run.py picture.png
python run.py < paths.txt
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from beam import Decoder, search
from graphs import Graphs, main_of
from reading import Reader
from texts import Texts


class Model:
    """An exported captioner: a sentence for each picture."""

    def __init__(self, folder=Path(__file__).parent):
        self.graphs = Graphs(folder)
        self.reader, self.search = Reader(self.graphs), self.graphs.facts["search"]
        self.texts = Texts(self.graphs.folder / "tokenizer.json", self.search["unit"])
        self.decoder = Decoder(self.graphs)

    def parse(self, line):
        """Take an input from a line of text."""
        return self.reader.parse(line)

    def predict(self, inputs):
        """Caption each input: the text, its log-probability, and whether it came to its end."""
        return [self._caption(each) for each in inputs]

    def _caption(self, given):
        x, lengths = self.reader.batch([given])
        found = search(self.decoder, self.decoder.start(x=x, lengths=lengths), self.search)
        return {
            "text": self.texts.text(found.tokens),
            "log_probability": found.log_probability,
            "finished": found.finished,
        }


def main():
    """Answer the arguments, or the lines of the input."""
    main_of(Model())


if __name__ == "__main__":
    main()
