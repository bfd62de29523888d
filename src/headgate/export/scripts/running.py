"""A model that reads on and on, whether it was exported whole or as a step."""

from __future__ import annotations

import numpy as np
from graphs import Stream


class Running:
    """A model with its states, for B rows at once.

    Args:
        graphs: the model.
        rows: B.
        **given: further inputs of the graph, each with a row for each of B.
    """

    def __init__(self, graphs, rows=1, **given):
        self.graphs, self.given = graphs, given
        self.step = Stream(graphs, rows) if graphs.facts["stream"] else None
        self.states = {
            name: np.repeat(np.array(value, np.float32)[:, None], rows, 1)
            for name, value in graphs.facts["initial"].items()
            if self.step is None
        }

    def read(self, x):
        """Read some steps of every row, [B, T] or [B, T, M]; give what came out, [T, B, V]."""
        if self.step is not None:
            return np.stack([self._headed(self.step.step(x[:, at])) for at in range(x.shape[1])])
        found = self.graphs("model", x=x, **self.given, **self.states)
        self.states = {name: found.pop(f"{name}_next") for name in self.states}
        return next(iter(found.values()))

    def _headed(self, y):
        """Give what the head makes of a step, where it stands beside it."""
        return self.graphs("head", y=y)["logits"] if "head" in self.graphs.sessions else y

    def spread(self, rows):
        """Go on with so many rows in place of each."""
        self.given = {name: np.repeat(value, rows, 0) for name, value in self.given.items()}
        self.states = {name: np.repeat(value, rows, 1) for name, value in self.states.items()}
        if self.step is not None:
            states = self.step.states.items()
            self.step.states = {name: np.repeat(value, rows, 0) for name, value in states}
