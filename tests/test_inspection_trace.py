"""What is seen is what the model does: for a saved model of every task."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import golden
from tests.tiny import train_generator, write_verses
from tests.tolerances import assert_equal
from torch import Tensor

from headgate import CELLS, LSTM, Recurrent
from headgate.errors import DataError, ShapeError, UnknownNameError
from headgate.inspection.passes import first_states, plain, run_passes
from headgate.inspection.trace import Inspection, look
from headgate.model import Model, load
from headgate.program.retention import retention

TASKS = sorted(golden.ASKED)


@cache
def model_of(task: str) -> Model:
    return load(golden.HERE / task)


def asked(task: str, folder: Path) -> Any:
    first = golden.ASKED[task][0]
    if task == "transcribe":
        return golden.write_tones(folder, first)
    if task == "caption":
        return golden.write_bar(folder, first)
    return torch.tensor(first) if task in ("regress", "forecast") else first


def seen_by_hooks(model: Model, question: Any) -> tuple[Inspection, Tensor, dict[str, Tensor]]:
    """Inspect, then run what the layers read through the layers themselves."""
    found = model.inspect(question)
    outputs, _, trace = found.layers(
        found.inputs[:, None],
        None if found.start is None else found.start[0] if len(found.start) == 1 else found.start,
        trace=True,
    )
    return found, outputs, trace


@pytest.mark.parametrize("task", TASKS)
def test_the_trace_is_that_of_the_layers(task: str, tmp_path: Path) -> None:
    found, outputs, trace = seen_by_hooks(model_of(task), asked(task, tmp_path))
    assert len(found.tokens) == len(outputs)
    assert set(found.trace) == set(trace)
    for name, value in trace.items():
        assert_equal(found.trace[name], value[:, :, 0].detach(), "output")


@pytest.mark.parametrize("task", TASKS)
def test_rows_side_by_side_answer_as_one_alone(task: str, tmp_path: Path) -> None:
    found = model_of(task).inspect(asked(task, tmp_path))
    rows = found.answers(found.inputs[:, None].repeat(1, 3, 1))
    assert rows.shape == (3, *found.answer.shape)
    for row in rows:
        assert_equal(row.detach(), found.answer, "output")
    if found.outcome.targets is not None:
        assert_equal(found.answer.exp().sum(1), torch.ones(len(found.answer)), "output")


def test_a_classifier_answers_with_its_probabilities() -> None:
    model = model_of("classify")
    [text, *_] = golden.ASKED["classify"]
    found, said = model.inspect(text), model.predict(text)
    wanted = torch.tensor([[said.probabilities[name] for name in found.outcome.choices]])
    assert_equal(found.answer.exp(), wanted, "output")
    assert found.outcome.targets is not None
    assert found.outcome.choices[int(found.outcome.targets)] == said.label
    assert_equal(found.scores(found.answer[None]), found.answer.max()[None], "bits")


def test_a_regression_answers_in_the_unit_of_its_targets() -> None:
    model, numbers = model_of("regress"), torch.tensor(golden.ASKED["regress"][0])
    assert float(model.inspect(numbers).answer) == pytest.approx(model.predict([numbers])[0].value)


def test_an_encoder_and_its_decoder_answer_alike() -> None:
    found = model_of("translate").inspect("no. 123")
    assert found.decoder is not None
    assert_equal(found.decoder.answer, found.answer, "output")
    assert found.decoder.outcome.places == found.outcome.places
    assert "".join(found.decoder.tokens[1:]) == model_of("translate").predict("no. 123").text


def test_the_tags_that_are_judged_are_those_that_are_predicted() -> None:
    model = model_of("tag")
    [text, *_] = golden.ASKED["tag"]
    found = model.inspect(text)
    assert found.outcome.targets is not None
    names = [found.outcome.choices[tag] for tag in found.outcome.targets.tolist()]
    assert names == list(model.predict(text).tags)


@pytest.mark.parametrize("unit", ["byte", "subword", "word", "character"])
def test_every_unit_of_text_has_names_for_its_choices(unit: str, tmp_path: Path) -> None:
    model = train_generator(write_verses(tmp_path), unit=unit, epochs=1)
    found = model.inspect("a warm film")
    assert len(found.outcome.choices) == found.answer.shape[1]
    assert len(set(found.outcome.choices)) == len(found.outcome.choices)


def cells() -> list[str]:
    return sorted(CELLS)


@pytest.mark.parametrize("cell", cells())
def test_passes_give_what_the_layers_give(cell: str) -> None:
    torch.manual_seed(3)
    layers = Recurrent(
        cell, 6, 6, num_layers=2, bidirectional=True, zoneout=0.2, initial_state="learned"
    ).eval()
    with torch.no_grad():
        for name, parameter in layers.named_parameters():
            if name.startswith("initial_"):
                parameter.normal_()
    x = torch.randn(5, 3, 6)
    outputs, last = layers(x)[:2]
    found, states = run_passes(layers, x, plain)
    assert_equal(found, outputs, "bits")
    assert_equal(states, (last,) if isinstance(last, Tensor) else last, "bits")


def test_a_residual_stack_and_a_twin_are_passes_too() -> None:
    torch.manual_seed(1)
    for layers in (Recurrent("gru", 4, 4, num_layers=3, residual=True), LSTM(4, 5, proj_size=2)):
        x = torch.randn(6, 2, 4)
        assert_equal(run_passes(layers, x, plain)[0], layers(x)[0], "bits")
        assert len(first_states(layers, 2)) == len(layers.program.states)


@pytest.mark.parametrize("cell", cells())
def test_what_is_kept_is_what_the_old_value_is_multiplied_by(cell: str) -> None:
    """Beside the factors that a reader of the equations names."""
    torch.manual_seed(5)
    layers = Recurrent(cell, 4, 4)
    found = look(layers, torch.randn(7, 4))
    assert set(found.kept) == set(retention(layers.program))
    for state, factor in found.kept.items():
        assert factor.shape == found.trace[state].shape
        assert_equal(factor, BY_HAND[cell](found.trace)[state], "output")


def _lem(t: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"y": 1 - t["step_y"], "z": 1 - t["step_z"]}


def _fslstm(t: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"c_fast": t["forget_2"] * t["forget_1"], "c_slow": t["forget_slow"]}


BY_HAND: dict[str, Callable[[dict[str, Tensor]], dict[str, Tensor]]] = {
    "fslstm": _fslstm,
    "gru": lambda t: {"h": t["update"]},
    "janet": lambda t: {"h": t["forget"]},
    "lem": _lem,
    "ligru": lambda t: {"h": t["update"]},
    "lstm": lambda t: {"c": t["forget"]},
    "mgu": lambda t: {"h": 1 - t["forget"]},
    "mlstm": lambda t: {"c": t["forget"]},
    "rhn": lambda t: {"h": (1 - t["transform_1"]) * (1 - t["transform_2"])},
    "sru": lambda t: {"c": t["forget"]},
}


def test_a_vanilla_network_keeps_nothing_and_a_zone_keeps_its_share() -> None:
    assert look(Recurrent("rnn", 3, 4), torch.zeros(2, 3)).kept == {}
    zoned = look(Recurrent("rnn", 3, 4, zoneout=0.25).double(), torch.zeros(2, 3).double()).kept
    assert_equal(zoned["h"], torch.full((1, 2, 4), 0.25).double(), "bits")
    both = look(Recurrent("mgu", 3, 4, zoneout=0.25, layer_norm=True), torch.randn(5, 3))
    assert_equal(both.kept["h"], 0.25 + 0.75 * (1 - both.trace["forget"]), "output")


def test_nothing_of_the_model_is_touched() -> None:
    torch.manual_seed(0)
    layers = Recurrent("lstm", 3, 4, dropout=0.5, num_layers=2)
    before = {name: value.clone() for name, value in layers.state_dict().items()}
    chance = torch.get_rng_state()
    found = look(layers, torch.randn(9, 3, generator=torch.Generator().manual_seed(1)))
    assert found.trace
    assert found.kept
    assert found.answer.shape == (9, 4)
    assert torch.equal(torch.get_rng_state(), chance)
    assert layers.training
    assert_equal(dict(layers.state_dict()), before, "bits")
    assert all(parameter.grad is None for parameter in layers.parameters())


def test_errors_say_what_there_is() -> None:
    found = look(Recurrent("gru", 3, 4, num_layers=2, bidirectional=True), torch.zeros(5, 3))
    assert found.passes == ("1", "1 reverse", "2", "2 reverse")
    with pytest.raises(UnknownNameError, match="unknown gate or state 'forget'; known: candidate,"):
        found.named("forget")
    with pytest.raises(UnknownNameError, match="unknown layer '3'; known: 1, 1 reverse, 2, 2"):
        found.pass_of("3")
    assert found.pass_of(2) == 2
    assert found.pass_of(None) == 2
    with pytest.raises(DataError, match=r"there is no answer 5: the model gives 5 .* 0 to 4"):
        found.place_of(5)
    assert found.place_of(-1) == 4
    with pytest.raises(ShapeError, match=r"the layers read \[T, 3\], and \(5, 2\) came"):
        look(Recurrent("rnn", 3, 4), torch.zeros(5, 2))
    with pytest.raises(DataError, match="the input is empty"):
        look(Recurrent("rnn", 3, 4), torch.zeros(0, 3))
    with pytest.raises(ShapeError, match="5 steps have 1 names"):
        look(Recurrent("rnn", 3, 4), torch.zeros(5, 3), ["a"])


def test_an_answer_that_is_no_number_is_measured_by_no_view() -> None:
    layers = Recurrent("lstm", 3, 4)
    with torch.no_grad():
        layers.get_parameter("weight_hh_l0")[0] = float("nan")
    found = look(layers, torch.ones(5, 3))
    for view in (found.gradients, found.memory, found.attribution):
        with pytest.raises(DataError, match="the model answers this input with NaN"):
            view()
    assert "is not a number in " in str(found.gates())
