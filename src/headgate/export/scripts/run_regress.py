"""Give a number for each input with an exported model.

python run.py "three rooms, a garden"
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
    """An exported regression: a number for each input, in the unit of the targets."""

    def answers(self, scores):
        """Turn scores [B, 1] to answers."""
        values = scores[:, 0].astype(np.float64) * self.facts["scale"] + self.facts["mean"]
        return [{"value": value} for value in values.tolist()]


def main():
    """Answer the arguments, or the lines of the input."""
    main_of(Model())


if __name__ == "__main__":
    main()
