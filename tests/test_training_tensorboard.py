from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from tests.tiny import reviews, train_classifier, write_reviews

from headgate.errors import DataError
from headgate.training import Moment, Validation
from headgate.training.tensorboard import tensorboard

INSTALLED = importlib.util.find_spec("tensorboard") is not None
needs_tensorboard = pytest.mark.skipif(not INSTALLED, reason="tensorboard is not installed")


def test_without_a_place_nothing_is_written() -> None:
    assert tensorboard(None) == []


def test_without_the_package_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert tensorboard(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@needs_tensorboard
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_curves_are_written_and_read_back(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (reporter,) = tensorboard(tmp_path)
    for step in (1, 2, 3):
        reporter.step(Moment(1, step, step / 3, float(step), 1 / step))
    found = Validation(0.5, {"valid_loss": 0.25})
    reporter.validation(Moment(1, 3, 1.0, 3.0, 1 / 3), found, best=True)
    reporter.end("1 epochs")
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [each.step for each in events.Scalars("train_loss")] == [1, 2, 3]
    assert [each.value for each in events.Scalars("train_loss")] == pytest.approx([1, 1 / 2, 1 / 3])
    assert [each.value for each in events.Scalars("valid_loss")] == [0.25]


@needs_tensorboard
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_curves_stand_in_the_runs_directory_and_go_with_it(tmp_path: Path) -> None:
    data = write_reviews(tmp_path)
    train_classifier(data, out=tmp_path / "m")
    assert list((tmp_path / "m" / "tensorboard").iterdir())
    few = write_reviews(tmp_path, [*reviews()[:20], *[(f"{n}", "odd") for n in range(9)]])
    with pytest.raises(DataError, match="parts two classes, but there are 3"):
        train_classifier(few, out=tmp_path / "none", threshold="tune")
    assert not (tmp_path / "none").exists()
