"""Let texts go on with an exported language model.

python run.py --temperature 0.7 --length 100 "ROMEO:"
python run.py < beginnings.txt
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from continuing import Continued, RunningTexts
from graphs import Graphs, main_of
from running import Running
from sampling import Sampling


class Model:
    """An exported language model.

    Args:
        folder: where it lies.
        length: tokens of a continuation at most.
        stop: strings that end one.
        **sampling: how each token is chosen, as ``Sampling`` takes it; ``seed`` is 0 if not given.
    """

    def __init__(self, folder=Path(__file__).parent, length=200, stop=(), **sampling):
        self.graphs = Graphs(folder)
        self.texts, self.length, self.stop = RunningTexts(self.graphs), length, stop
        self.sampling = {"seed": 0, **sampling}

    def parse(self, line):
        """Take a line of input: the beginning of a text."""
        return line

    def predict(self, inputs):
        """Go on from texts; the same text always has the same answer."""
        return [{"prediction": self.generate(each, **self.sampling)} for each in inputs]

    def generate(self, prompt="", length=None, stop=None, **sampling):
        """Give what comes after a text."""
        ids, chosen = self.texts.ids(prompt), Sampling(**sampling)
        text = Continued(self.texts, ids, self.stop if stop is None else stop)
        running, seen, read = Running(self.graphs), list(ids), [self.texts.start, *ids]
        for _ in range(self.length if length is None else length):
            logits = running.read(np.array([read], np.int64))[-1, 0]
            logits[self.texts.never] = -np.inf
            place = chosen.draw(logits, seen)
            seen.append(place)
            text.take(place)
            if text.over:
                break
            read = [place]
        text.close()
        return text.text

    def stream(self, text):
        """Say after each token of a text what is expected next, and how surely."""
        running = Running(self.graphs)
        running.read(np.array([[self.texts.start]], np.int64))
        for place in self.texts.ids(text):
            [[logits]] = running.read(np.array([[place]], np.int64))
            best = int(logits.argmax())
            rest = np.log(np.exp((logits - logits[best]).astype(np.float64)).sum())
            yield {"prediction": self.texts.name(best), "log_probability": -float(rest)}


def main():
    """Go on from the arguments, or from the lines of the input."""
    options = argparse.ArgumentParser(description="let texts go on")
    options.add_argument("texts", nargs="*")
    options.add_argument("--length", type=int, default=200)
    options.add_argument("--temperature", type=float, default=1.0)
    options.add_argument("--top-k", type=int)
    options.add_argument("--top-p", type=float)
    options.add_argument("--repetition-penalty", type=float, default=1.0)
    options.add_argument("--stop", action="append", default=[])
    options.add_argument("--seed", type=int, default=0)
    given = vars(options.parse_args())
    words = given.pop("texts")
    main_of(Model(**given), words)


if __name__ == "__main__":
    main()
