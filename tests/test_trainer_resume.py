"""Trainings of the command line that are killed, interrupted, and gone on with."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.killed import Kill, run, weights
from tests.tiny import command, train_classifier, write_reviews

from headgate.artifacts.checkpoint import FILE
from headgate.errors import ModelDirectoryError, OutputError
from headgate.model import load

SET = ("hidden_size=8", "embedding_size=8", "unit=word", "batch_size=32", "patience=1000")
EVERY_STEP = ("--set", "save_every=0")
LONG = ("--epochs", 8, *(word for each in SET for word in ("--set", each)))


def words(data: Path, out: Path, *more: object) -> list[object]:
    return ["train", data, "--input", "review", "--target", "label", "--out", out, *LONG, *more]


@pytest.mark.slow
def test_killed_anywhere_and_resumed_ends_with_the_same_weights(tmp_path: Path) -> None:
    data = write_reviews(tmp_path)
    assert command(*words(data, tmp_path / "one")) == 0
    for kill in (Kill(place="write", count=3), Kill(0.0)):
        assert not run(words(data, tmp_path / "two", "--resume", *EVERY_STEP), kill)
        with pytest.raises(ModelDirectoryError, match="is no model"):
            load(tmp_path / "two")
    assert run(words(data, tmp_path / "two", "--resume"))
    assert weights(tmp_path / "two") == weights(tmp_path / "one")
    names = [{entry.name for entry in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert names[0] == names[1]
    assert FILE not in names[0]


def test_resume_before_the_first_checkpoint_begins_and_after_the_end_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reviews(tmp_path)
    assert command(*words(data, tmp_path / "m", "--resume")) == 0
    before = weights(tmp_path / "m")
    assert "goes on from its checkpoint" not in capsys.readouterr().err
    assert command(*words(data, tmp_path / "m", "--resume")) == 0
    assert "m is a finished model: there is nothing to go on with" in capsys.readouterr().out
    assert weights(tmp_path / "m") == before


def test_ctrl_c_leaves_a_model_and_a_training_to_go_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_reviews(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("headgate.training.console.Console.validation", _struck)
        assert command(*words(data, tmp_path / "two")) == 0
    assert load(tmp_path / "two").metrics["training"]["reason"] == "interrupted"
    assert command(*words(data, tmp_path / "two")) == 2
    assert "was interrupted: --resume" in capsys.readouterr().err
    assert command(*words(data, tmp_path / "two", "--resume")) == 0
    assert "goes on from its checkpoint: epoch" in capsys.readouterr().err
    assert command(*words(data, tmp_path / "one")) == 0
    assert weights(tmp_path / "two") == weights(tmp_path / "one")
    histories = [load(tmp_path / name).history for name in ("one", "two")]
    timeless = [[{**row, "seconds": 0} for row in each] for each in histories]
    assert timeless[0] == timeless[1]


def _struck(*arguments: object, **options: object) -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"epochs": 9}, r"epochs: 8 then, 9 now"),
        ({"seed": 7}, r"seed: 42 then, 7 now"),
        ({"hidden_size": 9}, r"hidden_size: 8 then, 9 now"),
        ({"data": "other"}, r"sha256: '.*' then, '.*' now"),
    ],
)
def test_what_another_training_left_is_not_gone_on_with(
    changed: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_reviews(tmp_path)
    settings: dict[str, Any] = {"out": tmp_path / "m", "epochs": 8, "save_every": 0}
    with monkeypatch.context() as patch:
        patch.setattr("headgate.trainer.Trainer.judge", _killed)
        with pytest.raises(KeyboardInterrupt):
            train_classifier(data, **settings)
    kept = (tmp_path / "m" / FILE).read_bytes()
    if changed.pop("data", None):
        data.write_text(data.read_text(encoding="utf-8").replace("film", "book"), encoding="utf-8")
        data.write_text(data.read_text(encoding="utf-8") + "one more,good\n", encoding="utf-8")
    with pytest.raises(ModelDirectoryError, match=rf"another training.*{said}"):
        train_classifier(data, resume=True, **settings | changed)
    assert (tmp_path / "m" / FILE).read_bytes() == kept


def _killed(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_resume_needs_a_place(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="name it with out"):
        train_classifier(write_reviews(tmp_path), resume=True)


def test_a_model_goes_on_with_new_words_and_labels(tmp_path: Path) -> None:
    first = train_classifier(write_reviews(tmp_path), out=tmp_path / "m")
    rows = [(f"a new grand 그림 number {n}", "grand" if n % 2 else "good") for n in range(60)]
    (tmp_path / "new").mkdir()
    said: list[str] = []
    second = train_classifier(
        write_reviews(tmp_path / "new", rows), base=tmp_path / "m", say=said.append, epochs=1
    )
    one: Any = first.task
    two: Any = second.task
    assert two.labels.classes == (*one.labels.classes, "grand")
    assert two.reading.text.encode("warm") == one.reading.text.encode("warm")
    assert len(two.reading.text) > len(one.reading.text)
    assert two.settings.hidden_size == one.settings.hidden_size
    assert any(line.startswith("embedding.table.weight has grown: (") for line in said)
    assert json.dumps(second.config)


def test_a_model_that_goes_on_keeps_its_sizes(tmp_path: Path) -> None:
    data = write_reviews(tmp_path)
    base = train_classifier(data)
    with pytest.raises(Exception, match=r"hidden_size is 8 in the saved model.*16 came"):
        train_classifier(data, base=base, hidden_size=16)


def test_weights_begin_where_the_saved_ones_ended(tmp_path: Path) -> None:
    base = train_classifier(write_reviews(tmp_path), epochs=6)
    same = {"hidden_size": 8, "embedding_size": 8, "unit": "word"}
    second = train_classifier(
        write_reviews(tmp_path), base=base, learning_rate=1e-12, average=0.0, epochs=1, **same
    )
    for name, weight in base.task.network.state_dict().items():
        assert (second.task.network.state_dict()[name] - weight).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"seed": 7}, "seed: 42 then, 7 now"), ({"hidden_size": 9}, "hidden_size: 8 then, 9 now")],
)
def test_a_finished_training_is_not_taken_for_another(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    data = write_reviews(tmp_path)
    train_classifier(data, out=tmp_path / "m", seed=42)
    assert train_classifier(data, out=tmp_path / "m", resume=True, seed=42)
    with pytest.raises(ModelDirectoryError, match=f"finished, and was another.*{said}"):
        train_classifier(data, out=tmp_path / "m", resume=True, **changed)
    data.write_text(data.read_text(encoding="utf-8") + "one more,good\n", encoding="utf-8")
    with pytest.raises(ModelDirectoryError, match=r"the data: reviews\.csv was another"):
        train_classifier(data, out=tmp_path / "m", resume=True)
