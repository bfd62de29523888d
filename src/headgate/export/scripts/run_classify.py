"""Classify inputs with an exported model.

python run.py "a film to remember"
python run.py < inputs.txt
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from graphs import main_of
from many_to_one import ManyToOne


class Model(ManyToOne):
    """An exported classifier: the class of each input, with the probabilities of all."""

    def answers(self, scores):
        """Turn scores [B, V] to answers."""
        parts = np.exp(scores - scores.max(1, keepdims=True))
        names = self.facts["classes"]
        return [
            {
                "label": names[self._decided(row)],
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
    main_of(Model())


if __name__ == "__main__":
    main()
