"""The best tags of a sentence, chosen together by a linear-chain CRF."""

from __future__ import annotations

import numpy as np


class Chain:
    """The scores of tags beside each other.

    Args:
        facts: "start" [L], "transitions" [L, L] from the tag of the row to that of the column, and
            "end" [L]; None stands for what is forbidden.
    """

    def __init__(self, facts):
        self.start, self.transitions, self.end = (
            np.nan_to_num(np.array(facts[name], np.float32), nan=-np.inf)
            for name in ("start", "transitions", "end")
        )

    def best(self, scores):
        """Give the best tags, [T], for the scores of each word's, [T, L]."""
        best, pointers = self.start + scores[0], []
        for emission in scores[1:]:
            values = best[:, None] + self.transitions
            pointers.append(values.argmax(0))
            best = values.max(0) + emission
        path = [int((best + self.end).argmax())]
        for pointer in reversed(pointers):
            path.append(int(pointer[path[-1]]))
        return path[::-1]
