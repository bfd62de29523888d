from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.tiny import CLASSIFY, command, write_reviews

from headgate.configuration import configured
from headgate.data.run_file import explained, read_run
from headgate.model import train
from headgate.tasks import TASKS
from headgate.tasks.keys import kinds, names

COLUMNS = ("--input", "review", "--target", "label")
KNOWN: dict[str, Any] = {**kinds(), "data": str, "task": str, "out": str, "base": str}


def run_of(capsys: pytest.CaptureFixture[str], path: Path, *words: object) -> dict[str, Any]:
    assert command("config", *words) == 0
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return read_run(path, KNOWN)


def test_a_run_has_every_default_and_what_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reviews(tmp_path)
    options = ("--cell", "lstm", "--set", "options.peephole=true", "--valid", "0.2", "--out", "m")
    found = run_of(capsys, tmp_path / "run.yaml", data, *COLUMNS, *options, "--seed", 7)
    assert (found["data"], found["task"], found["input"]) == (str(data), "classify", "review")
    assert (found["cell"], found["options"], found["out"]) == ("lstm", {"peephole": True}, "m")
    assert (found["valid"], found["seed"]) == (0.2, 7)
    whole = configured(data, input="review", target="label", say=lambda _: None)
    assert set(found) == {*whole, "out"}
    text = (tmp_path / "run.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["learning_rate"] == found["learning_rate"]
    for name in set(found) - {"out", "task"}:
        above = text.split(f"\n{name}:")[0].splitlines()[-1]
        assert above.startswith("# "), f"{name} has no comment"


def test_a_run_that_is_read_trains_the_same_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reviews(tmp_path)
    settings = [f"{name}={value}" for name, value in CLASSIFY.items() if name != "epochs"]
    words = [word for setting in settings for word in ("--set", setting)]
    found = run_of(capsys, tmp_path / "run.yaml", data, *COLUMNS, *words, "--epochs", 1)
    say: Any = lambda _: None  # noqa: E731
    again = train(**found, say=say)
    first = train(data, input="review", target="label", say=say, **{**CLASSIFY, "epochs": 1})
    assert again.config == first.config
    assert again.metrics["test"] == first.metrics["test"]


def test_what_has_an_option_of_its_own_is_not_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("config", write_reviews(tmp_path), *COLUMNS, "--set", "epochs=3") == 2
    assert "epochs is not for --set: the command takes it itself" in capsys.readouterr().err


def test_one_column_for_both_sides_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reviews(tmp_path)
    for target in ("review", "1"):
        assert command("config", data, "--input", "review", "--target", target) == 2
        error = capsys.readouterr().err
        assert f"headgate: {data}: the input and the target are one column, 'review'" in error


def test_every_setting_of_every_task_is_explained() -> None:
    for task in TASKS.values():
        for name in names(task.made_of):
            assert explained(task.made_of).get(name), f"{task.name}: {name} has no sentence"
