from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.tiny import classifier, reviews, table_of, translator

from headgate.data.columns import Table
from headgate.errors import DataError, UnknownNameError
from headgate.model import Model
from headgate.tasks import TASKS, infer, task_named
from headgate.tasks.classify import ClassifySettings
from headgate.tasks.protocol import Evaluation, Prediction, Task, build_settings


def test_every_task_stands_under_its_name() -> None:
    assert {name: task.name for name, task in TASKS.items()} == {name: name for name in TASKS}
    assert all(task_named(name) is TASKS[name] for name in TASKS)


def test_an_unknown_task_lists_the_known() -> None:
    with pytest.raises(
        UnknownNameError,
        match=r"unknown task 'tagg'.*known: caption, chat, classify, forecast, generate, regress",
    ):
        task_named("tagg")


@pytest.mark.parametrize("make", [classifier, translator])
def test_the_tasks_keep_the_protocol(make: Callable[[], Model]) -> None:
    assert isinstance(make().task, Task)
    assert isinstance(make().predict("a film"), Prediction)


def test_an_evaluation_is_what_the_protocol_says(tmp_path: Path) -> None:
    table = table_of(tmp_path, reviews(), ["review", "label"])
    assert isinstance(classifier().evaluate(table), Evaluation)


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (["a", "b"] * 5, "classify"),
        (["a", "b", "c", "d"] * 5, "classify"),
        (["only"], "classify"),
        ([f"no. {n}" for n in range(20)], "translate"),
        ([f"no. {n // 4}" for n in range(20)], "translate"),
        ([str(n) for n in range(20)], "regress"),
        ([str(n / 4) for n in range(20)], "regress"),
        ([str(n // 5) for n in range(20)], "classify"),
    ],
)
def test_the_task_follows_from_the_targets(targets: list[str], task: str) -> None:
    table = Table("", ("text", "label"), [["", target] for target in targets], [], True)
    name, why = infer(table, "text", "label")
    assert name == task
    assert why.startswith(f"{len(set(targets))} distinct targets in {len(targets)} rows are ")


def test_sequences_are_tags() -> None:
    table = Table("", ("words", "tags"), [[("a", "b"), ("X", "Y")]], [1], False)
    assert infer(table, "words", "tags") == ("tag", "every target is a sequence")


def test_a_running_text_is_gone_on_with_and_a_column_alone_is_asked_about() -> None:
    table = Table("a.txt", ("text",), [["to be"]], [1], False, roles=("text", None))
    assert infer(table, "text", None)[0] == "generate"
    with pytest.raises(
        DataError, match=r"a\.txt: which column is the target of 'text'\?.*--task gen"
    ):
        infer(replace(table, roles=None), "text", None)


def test_an_unknown_setting_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match=r"'hiden_size'.*'hidden_size'.*pool"):
        build_settings(ClassifySettings, {"hiden_size": 3})
