"""A server that is killed under load is found again as it had answered: a small ``serve_kills``."""

from __future__ import annotations

import pytest
from benchmarks.serve_kills import Kill, run
from tests.golden import HERE


@pytest.mark.slow
def test_what_was_answered_is_there_after_a_kill() -> None:
    kills = [Kill(20.0, "amid", 9), Kill(20.0, "after", 30)]
    found = run(kills, HERE / "generate", clients=4, seed=3)
    assert not [what for what in found if "WRONG" in what], found
    assert (found["killed amid a commit"], found["killed after a commit"]) == (1, 1)
    assert sum(count for what, count in found.items() if what.startswith("durable: as")) > 0
    assert found["requests"] > 30
