"""Every example runs as it stands and says what it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SAID = {
    "adding.py": ["rnn: 0.", "lstm: 0.00", "gru: 0.00"],
    "hello.py": ["step 60 ", "hell → ello", "from h alone, step by step: hello"],
    "sentiment.py": ["good (0.", "bad (0.", "not  update gate 0."],
    "sine.py": ["step 41: ", "close over 50 steps"],
    "spoken_word.py": ["a longer one: up high down low", "step by step: low up high"],
    "tagging.py": ["PER: Ada Bell", "LOC: Rio Verde", "LOC: Bath", "PER: Tomas"],
    "chat.py": ["The gate opens at nine.", "The gate closes at noon."],
    "caption.py": ["said: a red square on the left"],
    "video.py": ["accuracy: 1.0", "left: said left", "right: said right"],
}


def test_every_example_is_listed() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == SAID.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", SAID)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    place = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    found = subprocess.run(
        words, check=False, capture_output=True, text=True, cwd=tmp_path, env=place
    )
    assert found.returncode == 0, found.stderr
    for said in SAID[name]:
        assert said in found.stdout
