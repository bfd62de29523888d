from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import command

import headgate as hg
from headgate.export.comparison import TOLERANCE

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and what it was exported to, once."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(GOLDEN / "classify", folder / "model")
    assert command("export", folder / "model", "--out", folder / "out") == 0
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "own")
    return tmp_path / "own" / "out"


def test_what_is_exported_is_verified_at_other_sizes(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = bundle.parent / "other"
    assert command("export", bundle.parent / "model", "--out", other) == 0
    assert f"headgate verify {other} compares it" in capsys.readouterr().out
    assert (other / "model.onnx").read_bytes() == (bundle / "model.onnx").read_bytes()
    assert command("verify", bundle) == 0
    *runs, last = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in runs] == [
        ["model", "B=1", "T=1"],
        ["model", "B=2", "T=9"],
        ["model", "B=5", "T=2"],
        ["model", "B=1", "T=33"],
    ]
    said, number = last.rsplit(" ", 1)
    assert said == "largest difference"
    assert 0 <= float(number) <= TOLERANCE
    # where it stands may change, together with the model's place or by its name
    moved = bundle.rename(bundle.parent / "moved")
    assert command("verify", moved) == 0
    shutil.copytree(moved, bundle.parent / "a" / "b")
    assert command("verify", bundle.parent / "a" / "b") == 2
    assert "was exported from" in capsys.readouterr().err
    assert command("verify", bundle.parent / "a" / "b", "--model", bundle.parent / "model") == 0


def test_a_graph_that_says_something_else_fails(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnx
    from onnx import numpy_helper

    path = bundle / "model.onnx"
    made: Any = onnx.load(path)
    weight = max(made.graph.initializer, key=lambda each: each.ByteSize())
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1.01, weight.name))
    onnx.save(made, path)
    assert command("verify", bundle) == 2
    assert "differs from the model: scores of model.onnx by" in capsys.readouterr().err


def without(facts: dict[str, Any], name: str, value: Any = None) -> str:
    return json.dumps({**facts, name: value})


def test_damage_and_other_weights_are_named(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = hg.load(bundle.parent / "model")
    with torch.no_grad():
        next(model.task.network.parameters()).add_(1)
    model.save(bundle.parent / "other")
    assert command("verify", bundle, "--model", bundle.parent / "other") == 2
    assert "was exported from another model: its weights are" in capsys.readouterr().err
    whole = (bundle / "model.onnx").read_bytes()
    (bundle / "model.onnx").write_bytes(whole[: len(whole) // 2])
    assert command("verify", bundle) == 2
    assert "model.onnx is damaged: " in capsys.readouterr().err
    (bundle / "model.onnx").unlink()
    assert command("verify", bundle) == 2
    assert "lacks its graph model.onnx: copy the directory whole" in capsys.readouterr().err
    facts = json.loads((bundle / "model.json").read_text(encoding="utf-8"))
    for text, said in (
        ("{", "is damaged"),
        ('{"format": 9}', "is not of an exported model of format 1"),
        ("[]", "is not of an exported model of format 1"),
        (without(facts, "weights"), "was changed: weights is None; export the model again"),
        (without(facts, "graphs", ["zzz"]), "its graphs are ['zzz'], and ['model'] were written"),
        (without(facts, "stream", 1), "was changed: stream is 1; export the model again"),
        (without(facts, "model", 5), "was changed: model is 5; export the model again"),
        (without(facts, "stream", True), "and ['step'] were written; export the model again"),
    ):
        (bundle / "model.json").write_text(text, encoding="utf-8")
        assert command("verify", bundle) == 2
        assert said in capsys.readouterr().err
    assert command("verify", bundle.parent) == 2
    assert "is no exported model: it has no model.json" in capsys.readouterr().err


def test_a_graph_of_another_network_is_named(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    regressor = hg.load(GOLDEN / "regress")
    regressor.export(bundle.parent / "regress")
    shutil.copy(bundle.parent / "regress" / "model.onnx", bundle / "model.onnx")
    assert command("verify", bundle) == 2
    assert "has a graph that is not of this model: " in capsys.readouterr().err


def test_a_run_that_is_killed_leaves_nothing_under_the_name(bundle: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "import headgate as hg\n"
        "from headgate.tasks import exporting\n"
        "real, left = exporting.write_file, [2]\n"
        "def struck(*given):\n"
        "    real(*given)\n"
        "    left[0] -= 1\n"
        "    if not left[0]:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "exporting.write_file = struck\n"
        "hg.load(sys.argv[1]).export(sys.argv[2])\n"
    )
    model, new = bundle.parent / "model", bundle.parent / "new"
    done = subprocess.run([sys.executable, "-c", code, model, new], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not new.exists()
    assert command("export", model, "--out", new) == 0  # what is left of the first does not bar it
    assert command("verify", new) == 0


def test_nothing_is_overwritten_and_nothing_half_written(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file.name: file.read_bytes() for file in bundle.iterdir()}
    assert json.loads(before["model.json"])["graphs"] == ["model"]
    assert command("export", bundle.parent / "model", "--out", bundle) == 2
    assert {file.name: file.read_bytes() for file in bundle.iterdir()} == before
    assert command("export", bundle.parent / "model", "--out", bundle / "x", "--to", "tflite") == 2
    assert "unknown format 'tflite'; known: onnx" in capsys.readouterr().err
    new = bundle.parent / "new"
    assert command("export", bundle.parent / "model", "--out", new, "--stream") == 2
    assert "reads the whole sequence before its first answer" in capsys.readouterr().err
    assert not new.exists()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("headgate.tasks.exporting.write_file", full)
    assert command("export", bundle.parent / "model", "--out", new) == 2
    assert "could not be written: No space left on device" in capsys.readouterr().err
    assert not new.exists()
