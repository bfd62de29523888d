from __future__ import annotations

import gzip
import hashlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.test_cli_app import start
from tests.tiny import (
    classifier,
    command,
    norms,
    reviews,
    write_csv,
    write_norms,
    write_reviews,
)

from headgate.errors import ModelDirectoryError
from headgate.model import load

COLUMNS = ["--input", "review", "--target", "label"]
TINY = ["--set", "hidden_size=8", "--set", "embedding_size=8", "--set", "unit=word"]
ONCE = [*COLUMNS, *TINY, "--epochs", "1"]


def said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Run a command that must fail with an error of the user's, and give the error."""
    assert command(*words) == 2
    return capsys.readouterr().err


def test_train_saves_a_model_and_says_what_it_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_reviews(tmp_path), tmp_path / "m"
    assert command("train", data, *ONCE, "--seed", 7, "--cell", "mgu", "--out", out) == 0
    page = capsys.readouterr().out
    assert "2 distinct targets in 60 rows are classes" in page
    assert "seed 7" in page
    assert "test accuracy: " in page
    assert "baseline " in page
    assert f"headgate predict {out} {data}" in page
    model = load(out)
    assert model.config["plan"]["seed"] == 7
    assert (model.task.settings.cell, model.task.settings.hidden_size) == ("mgu", 8)
    assert set(model.metrics["test"]["accuracy"]) == {"value", "low", "high", "baseline"}


def test_without_out_the_directory_is_named_after_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    packed = tmp_path / "reviews.csv.gz"
    packed.write_bytes(gzip.compress(write_reviews(tmp_path).read_bytes()))
    assert command("train", packed, *ONCE) == 0
    assert "saved: reviews-model" in capsys.readouterr().out
    assert load(tmp_path / "reviews-model").task.name == "classify"


def test_columns_may_be_numbers(tmp_path: Path) -> None:
    data = tmp_path / "plain.tsv"
    lines = [f"{label}\t{text}" for text, label in reviews()]
    data.write_text("\n".join(lines), encoding="utf-8")
    words = ["--input", 2, "--target", 1, *TINY, "--epochs", 1, "--out", tmp_path / "m"]
    assert command("train", data, *words) == 0
    assert load(tmp_path / "m").config["data"]["rows"] == 60


def test_parts_may_be_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_reviews(tmp_path)
    head = ["review", "label"]
    valid = write_csv(tmp_path / "valid.csv", reviews(75)[60:], head)
    test = write_csv(tmp_path / "test.csv", reviews(81)[75:], head)
    assert (
        command("train", data, *ONCE, "--valid", valid, "--test", test, "--out", tmp_path / "m")
        == 0
    )
    assert "train 60, valid 15, test 6" in capsys.readouterr().out


def test_a_share_of_nothing_leaves_the_test_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        command("train", write_reviews(tmp_path), *ONCE, "--test", 0, "--out", tmp_path / "m") == 0
    )
    assert "test 0" in capsys.readouterr().out
    assert load(tmp_path / "m").metrics["test"] == {}


def test_an_encoding_is_obeyed(tmp_path: Path) -> None:
    data = write_reviews(tmp_path)
    data.write_bytes(data.read_text(encoding="utf-8").encode("cp949"))
    words = [*ONCE, "--encoding", "cp949", "--out", tmp_path / "m"]
    assert command("train", data, *words) == 0
    assert "영화" in (tmp_path / "m" / "tokenizer.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [["--input", "review"], ["--target", "label"], []])
def test_missing_columns_are_listed(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = said(capsys, "train", write_reviews(tmp_path), *words, "--out", tmp_path / "m")
    if "--input" in words:
        assert "which column is the target of 'review'? Name it (--target COL)" in error
    elif "--target" in words:
        assert "the target 'label' is of which input? Name its column, too" in error
    else:
        assert "(--input COL --target COL); columns: 'review', 'label'" in error


def test_a_wrong_column_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--input", "reveiw", "--target", "label", "--out", tmp_path / "m"]
    error = said(capsys, "train", write_reviews(tmp_path), *words)
    assert "no column 'reveiw'; did you mean 'review'? columns: 'review', 'label'" in error
    assert not (tmp_path / "m").exists()


def test_a_missing_file_is_named_with_its_neighbour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_reviews(tmp_path)
    error = said(capsys, "train", tmp_path / "review.csv", *ONCE, "--out", tmp_path / "m")
    assert "there is no such file; did you mean 'reviews.csv'?" in error


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([(text, "good") for text, _ in reviews()], "needs at least two classes, and only 'good'"),
        ([*reviews(), ("", "good")], "row 62, column 'review': the input is empty"),
        ([*reviews(), ("a film", " ")], "row 62, column 'label': the target is empty"),
    ],
)
def test_rows_to_learn_nothing_from_are_named(
    rows: list[tuple[str, str]], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reviews(tmp_path, rows)
    error = said(capsys, "train", data, *ONCE, "--out", tmp_path / "m")
    assert f"headgate: {data}" in error
    assert problem in error
    assert not (tmp_path / "m").exists()


def test_an_empty_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "empty.csv"
    data.touch()
    error = said(capsys, "train", data, *ONCE, "--out", tmp_path / "m")
    assert error == f"headgate: {data}: the file is empty\n"


@pytest.mark.parametrize(
    ("text", "encoding", "byte"),
    [("정말 좋은 영화를 보았다", "cp949", "0xc1"), ("a café near the cinéma", "cp1252", "0xe9")],
)
def test_a_foreign_byte_is_placed_and_the_encoding_guessed(
    text: str, encoding: str, byte: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "old.csv"
    data.write_bytes(f"review,label\nfine,good\n{text},bad\n".encode(encoding))
    error = said(capsys, "train", data, *ONCE, "--out", tmp_path / "m")
    assert f"{data}, row 3: byte {byte}" in error
    assert f"the file looks like {encoding}: read it with --encoding {encoding}" in error


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--cell", "grru"], "unknown cell 'grru'; did you mean 'gru'? known: fslstm, gru"),
        (["--task", "clasify"], "unknown task 'clasify'; did you mean 'classify'?"),
        (["--set", "hiden_size=4"], "unknown setting 'hiden_size'; did you mean 'hidden_size'?"),
        (["--set", "options.rest=x"], "unknown option of the cell 'gru' 'rest'"),
        (["--set", "class_weights=equal"], "unknown class_weights 'equal'"),
        (["--set", "threshold=best"], "unknown threshold 'best'"),
        (["--encoding", "utf-9"], "unknown encoding 'utf-9'"),
        (["--target", "review"], "the input and the target are one column, 'review'"),
        (["--target", "1"], "the input and the target are one column, 'review'"),
        (["--quoting", "some"], "unknown quoting 'some'; known: all, minimal, none"),
        (["--epochs", "0"], "epochs is at least 1, not 0"),
        (["--minutes", "0"], "minutes is more than 0, not 0"),
        (["--valid", "0.6", "--test", "0.5"], "below 1 in all"),
    ],
)
def test_what_is_unknown_is_said_before_any_work(
    words: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*COLUMNS, *TINY, "--out", tmp_path / "m", *words]
    assert problem in said(capsys, "train", write_reviews(tmp_path), *given)
    assert not (tmp_path / "m").exists()


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("content", ["a model of mine", ""])
def test_what_stands_at_out_is_untouched(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_reviews(tmp_path), tmp_path / "m"
    out.mkdir()
    (out / "config.json").write_text(content)
    before = digests(out)
    error = said(capsys, "train", data, *ONCE, "--out", out)
    assert f"{out} is there already and nothing in it was touched" in error
    assert digests(out) == before


def test_a_file_at_out_is_untouched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_reviews(tmp_path)
    before = data.read_bytes()
    assert "is there already" in said(capsys, "train", data, *ONCE, "--out", data)
    assert data.read_bytes() == before


def test_a_loss_that_is_not_finite_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_norms(tmp_path, norms(400)), tmp_path / "m"
    words = ["--input", "text", "--target", "norm", "--task", "translate", "--epochs", 3]
    wild = ["--set", "learning_rate=1e30", "--set", "warmup=0", "--set", "hidden_size=8"]
    error = said(capsys, "train", data, *words, *wild, "--out", out)
    assert "before anything was learned: a smaller learning_rate than 1e+30" in error
    assert "at step 2" in error or "at step 3" in error
    assert not out.exists()


@pytest.fixture
def long_run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a training that ends only when it is stopped, and wait for its first validation."""
    data = write_reviews(tmp_path)
    words = [*COLUMNS, *TINY, "--epochs", "100000", "--set", "patience=100000"]
    with start("train", data, *words, "--out", tmp_path / "m") as process:
        try:
            assert process.stderr is not None
            while "epoch" not in (line := process.stderr.readline()):
                assert line, "the training ended before its first validation"
            yield process
        finally:
            process.kill()


def test_ctrl_c_saves_the_best_so_far_and_judges_it(
    tmp_path: Path, long_run: subprocess.Popen[str]
) -> None:
    long_run.send_signal(signal.SIGINT)
    out, errors = long_run.communicate(timeout=60)
    assert long_run.returncode == 0, errors
    assert "stopped: interrupted; the best weights (*) are kept" in errors
    assert "test accuracy" in out
    assert load(tmp_path / "m").metrics["training"]["reason"] == "interrupted"


def test_what_is_being_written_is_refused_and_what_was_killed_is_no_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], long_run: subprocess.Popen[str]
) -> None:
    again = ["train", tmp_path / "reviews.csv", *ONCE, "--out", tmp_path / "m"]
    assert "is being written by another training" in said(capsys, *again)
    assert long_run.poll() is None
    long_run.kill()
    long_run.wait()
    with pytest.raises(ModelDirectoryError, match=r"is no model: it has no config\.json"):
        load(tmp_path / "m")
    assert "was left by a training that was killed: --resume" in said(capsys, *again)


def test_settings_reach_the_model(tmp_path: Path) -> None:
    extra = ["--set", "options.reset=before", "--set", "lowercase=true", "--set", "batch_size=7"]
    extra += ["--set", "class_weights=balanced", "--set", "threshold=tune"]
    assert command("train", write_reviews(tmp_path), *ONCE, *extra, "--out", tmp_path / "m") == 0
    config = json.loads((tmp_path / "m" / "config.json").read_text(encoding="utf-8"))
    assert config["settings"]["options"] == {"reset": "before"}
    assert config["settings"]["lowercase"] is True
    assert config["plan"]["batch_size"] == 7
    assert 0 < config["settings"]["threshold"] < 1
    assert torch.isfinite(next(load(tmp_path / "m").task.network.parameters())).all()


def test_time_ends_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = time.monotonic()
    words = [*COLUMNS, *TINY, "--epochs", 100000, "--minutes", 0.005, "--out", tmp_path / "m"]
    assert command("train", write_reviews(tmp_path), *words) == 0
    assert "stopped: 0.005 minutes" in capsys.readouterr().err
    assert time.monotonic() - begin < 30


def test_columns_that_are_given_go_before_those_of_the_saved_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier().save(tmp_path / "base")
    data = write_csv(tmp_path / "other.csv", reviews(), ["text", "stars"])
    words = ["train", data, "--from", tmp_path / "base", "--epochs", 1, "--out", tmp_path / "m"]
    assert "no column 'review'; columns: 'text', 'stars'" in said(capsys, *words)
    assert "no column 'label'; columns: 'text', 'stars'" in said(capsys, *words, "--input", "text")
    assert command(*words, "--input", "text", "--target", "stars") == 0
    found = load(tmp_path / "m").config["data"]
    assert (found["input"], found["target"]) == ("text", "stars")


@pytest.mark.parametrize(
    "place", ["Trainer.divide", "Trainer.reporters", "Trainer.judge", "Source.read"]
)
def test_ctrl_c_outside_the_steps_says_what_is_saved(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def struck(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"headgate.trainer.{place}", struck)
    words = ["train", write_reviews(tmp_path), *ONCE, "--out", tmp_path / "m"]
    assert command(*words) == 130
    error = capsys.readouterr().err.splitlines()[-1]
    if place == "Trainer.judge":
        assert error == (
            f"headgate: interrupted; {tmp_path / 'm'} has a checkpoint: the same command with "
            "--resume goes on"
        )
    else:
        assert error == (
            "headgate: interrupted before anything was saved: the same command begins anew"
        )
    monkeypatch.undo()
    assert command(*words, "--resume") == 0
