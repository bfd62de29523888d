"""A server that is killed under load is found again as it had answered: a small ``serve_kills``."""

from __future__ import annotations

import pytest
from benchmarks.serve_kills import PLACES, Kill, run
from tests.golden import HERE


@pytest.mark.slow
def test_what_was_answered_is_there_after_a_kill() -> None:
    kills = [Kill(20.0, place, 9) for place in PLACES] + [Kill(0.2), Kill(20.0, "before", 0)]
    found = run(kills, HERE / "generate", clients=4, seed=3)
    assert not [what for what in found if "WRONG" in what], found
    assert [found[f"killed {place} a commit"] for place in PLACES] == [1] * len(PLACES)
    assert found["killed at a moment"] == found["killed at the opening of the file"] == 1
    assert sum(count for what, count in found.items() if what.startswith("durable: as")) > 0
    assert found["requests"] > 30
