"""A translator of every order of attention and every score, and one that copies words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.test_export_pairs import TEXTS, compared
from tests.tiny import norms, reviews

from headgate.data.examples import Examples
from headgate.errors import CellError
from headgate.tasks import exporting
from headgate.tasks.translate import Translate

SMALL: dict[str, Any] = {"hidden_size": 8, "embedding_size": 6, "unit": "character"}


def lively(pairs: list[tuple[str, str]], **settings: Any) -> Translate:
    """A translator that learned nothing, whose weights are wide enough to say different things."""
    torch.manual_seed(1)
    sources, targets = zip(*pairs, strict=True)
    task = Translate.learn(Examples(list(sources), list(targets)), SMALL | settings)
    with torch.no_grad():
        for weight in task.network.parameters():
            weight.mul_(3)
    return task


@pytest.mark.parametrize(
    "settings",
    [
        {"attention": None, "cell": "gru", "num_layers": 2},
        {"attention": "additive", "order": "bahdanau", "coverage_penalty": 0.4, "min_length": 3},
        {"attention": "location", "longest": 7, "beam_width": 1},
        {"attention": "dot", "order": "input_feeding", "length_penalty": 0.2, "beam_width": 3},
    ],
    ids=lambda settings: str(settings["attention"]),
)
def test_every_order_and_score(settings: dict[str, Any], tmp_path: Path) -> None:
    said = compared(lively(norms(), **settings), tmp_path / "out", TEXTS)
    assert len({each.text for each in said}) > 1


def test_a_source_too_short_to_vary_is_refused(tmp_path: Path) -> None:
    task = lively(norms(), attention="location", longest=2)
    with pytest.raises(CellError, match="the axis S of encoder has at most 2 steps, too few"):
        exporting.export(task, tmp_path / "out", stream=False, source=None)
    assert not (tmp_path / "out").exists()


def test_an_unknown_word_is_taken_from_the_source(tmp_path: Path) -> None:
    pairs = [(text, " ".join(reversed(text.split()))) for text, _ in reviews()]
    task = lively(pairs, unit="word", vocabulary_size=30, beam_width=3, min_length=3)
    with torch.no_grad():
        task.network.bias[task.target.unk] += 3
    texts = ["a mauve kettle of fish", "an unheard\u2009영화", "wort, or beer"]
    assert task.copies
    said = " ".join(each.text for each in compared(task, tmp_path / "out", texts)).split()
    known = {word for text, _ in pairs for word in text.split()}
    assert set(said) & known
    assert set(said) & set(" ".join(texts).split()) - known
