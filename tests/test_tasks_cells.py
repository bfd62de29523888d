"""A model of a user's own cell: trained by name, kept with its program, opened anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import train_classifier, train_translator, write_norms, write_reviews
from torch import sigmoid, tanh

import headgate as hg
from headgate.equations import CELLS, Equation
from headgate.errors import HeadgateError, ModelDirectoryError
from headgate.model import load
from headgate.program import as_text


def gated(x, W, h):
    u = sigmoid(x.update + W.update(h))
    return u * h + (1 - u) * tanh(x.candidate + W.candidate(u * h))


def scaled(*, scale: float = 2.0):
    def step(x, W, h):
        return tanh(scale * x.hidden + W.hidden(h))

    return Equation(step)


PREDICT = """
import json
import headgate as hg
model = hg.load("model")
assert "gated" not in hg.CELLS
print(json.dumps([a.probabilities for a in model.predict(["a warm film", "cold"])]))
model.save("again")
"""


def test_a_saved_model_opens_where_the_cell_is_not(tmp_path: Path) -> None:
    hg.cell(gated)
    model = train_classifier(write_reviews(tmp_path), cell="gated")
    model.save(tmp_path / "model")
    command = [sys.executable, "-c", PREDICT]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    wanted = [answer.probabilities for answer in model.predict(["a warm film", "cold"])]
    for row, other in zip(json.loads(found.stdout), wanted, strict=True):
        assert row == pytest.approx(other, abs=1e-6)
    config = [json.loads((tmp_path / d / "config.json").read_text()) for d in ("model", "again")]
    assert config[0]["settings"]["cell"] == "gated"
    assert config[0] == config[1]
    config[0]["settings"]["program"] = config[0]["settings"]["program"].replace("tanh", "system")
    (tmp_path / "model" / "config.json").write_text(json.dumps(config[0]))
    with pytest.raises(ModelDirectoryError, match="'system' is not an operation"):
        load(tmp_path / "model")


def test_an_own_cell_trains_with_its_modifiers(tmp_path: Path) -> None:
    options = {"layer_norm": True, "zoneout": 0.1, "recurrent_dropout": 0.1}
    model = train_classifier(write_reviews(tmp_path), cell=hg.cell(gated), options=options)
    model.save(tmp_path / "model")
    CELLS.pop("gated")
    rows = ["a warm film", "cold"]
    wanted, found = model.predict(rows), load(tmp_path / "model").predict(rows)
    assert [each.probabilities for each in found] == [each.probabilities for each in wanted]


def test_a_model_of_a_built_in_cell_keeps_its_name_alone(tmp_path: Path) -> None:
    model = train_classifier(write_reviews(tmp_path), cell="mgu", epochs=1)
    assert (model.task.settings.cell, model.task.settings.program) == ("mgu", None)


def test_every_task_keeps_the_cell_with_its_options(tmp_path: Path) -> None:
    own = hg.cell(scaled)
    model = train_translator(write_norms(tmp_path), cell=own(scale=3), options={"bias": True})
    assert model.task.settings.options == {"scale": 3, "bias": True}
    model.save(tmp_path / "model")
    del CELLS["scaled"]
    again = load(tmp_path / "model")
    texts = ["no. 123", "no. 145"]
    assert [a.text for a in again.predict(texts)] == [a.text for a in model.predict(texts)]
    formula = as_text(again.task.network.encoder.program)
    assert formula == as_text(model.task.network.encoder.program)
    assert formula[0].startswith("hₜ = tanh(3 ⊙")


def test_a_cell_is_trained_by_its_name_alone(tmp_path: Path) -> None:
    data = write_reviews(tmp_path)
    first = hg.cell(gated)
    hg.cell(gated)
    wrong: list[tuple[Callable[..., Any] | Equation, str]] = [
        (first, "'gated' was defined again since"),
        (gated, "mark the step with @hg.cell"),
        (Equation(gated), "mark the step with @hg.cell"),
    ]
    for cell, message in wrong:
        with pytest.raises(HeadgateError, match=message):
            train_classifier(data, cell=cell)
