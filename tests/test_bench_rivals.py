"""A rival is timed only where it computes what torch.nn computes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.bench import field, jax_scan, keras_layer, onnx_runtime
from headgate.bench.field import inference_field, missing, training_field
from headgate.bench.rivals import (
    OURS,
    CellLoop,
    Problem,
    disagreement,
    inference,
    loop_seconds,
    problem,
    training,
)
from headgate.bench.sizes import Sizes

SMALL = Sizes(4, 3, 2, 5)
every_cell = pytest.mark.parametrize("cell", OURS)


def _wanted(given: Problem) -> Tensor:
    return inference(given.theirs, given.x)()


@every_cell
def test_a_problem_is_the_same_for_all_and_at_every_call(cell: str) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, other = problem(cell, SMALL), problem(cell, SMALL)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.x, other.x)
    assert_equal(one.ours.state_dict(), dict(one.theirs.state_dict()), "bits")
    assert_equal(inference(one.ours, one.x)(), _wanted(one), "output")


@every_cell
def test_the_loop_is_torchs_layer_step_by_step(cell: str) -> None:
    given = problem(cell, SMALL)
    loop = CellLoop(cell, given.theirs)
    assert_equal(inference(loop, given.x)(), _wanted(given), "output")
    ours, theirs = (training(layer, given.x, given.gradient)() for layer in (loop, given.theirs))
    assert_equal(ours, theirs, "gradient")


@every_cell
def test_training_gives_the_gradient_of_the_input_and_of_every_parameter(cell: str) -> None:
    given = problem(cell, SMALL)
    found = training(given.ours, given.x, given.gradient)()
    assert isinstance(found, tuple)
    wanted = [given.x, *given.ours.parameters()]
    assert [each.shape for each in found] == [each.shape for each in wanted]
    assert all(each.grad is None for each in wanted), "no round adds to the one before"


def test_a_loops_time_grows_with_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate.bench.rivals.single", lambda call: 0.25)
    given = problem("rnn", Sizes(1000, 1, 2, 2))
    assert loop_seconds(CellLoop("rnn", given.theirs), given) == 0.25 * 1000 / 10
    assert "loop" in training_field(given, (1,)).absent


def test_who_disagrees_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    given = problem("lstm", SMALL)
    with torch.no_grad():
        given.ours.get_parameter("bias_ih_l0")[0] += 1.0
    for made in (training_field(given, (1,)), inference_field(given, (1,))):
        assert "its output differs from torch.nn's by" in made.absent["ours"]
        assert "ours" not in {each.name for each in made.contestants}
        assert "torch" in {each.name for each in made.contestants}


def test_disagreement_says_what_is_wrong() -> None:
    x = torch.zeros(2, 3)
    assert disagreement(x + 1e-5, x) is None
    assert disagreement(x + 0.5, x) == "its output differs from torch.nn's by 0.5"
    assert disagreement(x * float("nan"), x) is not None
    assert disagreement(x[:1], x) == "its output is (1, 3), torch.nn's (2, 3)"


def test_equal_threads_stand_side_by_side() -> None:
    made = training_field(problem("gru", SMALL), (1, 2))
    plain = [each.key for each in made.contestants if each.name in ("torch", "ours", "loop")]
    assert plain == ["torch@1", "ours@1", "loop@1", "torch@2", "ours@2", "loop@2"]
    threads = [each.threads for each in made.contestants]
    assert threads == sorted(threads)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax_scan, "NEEDS", ("no_such_package", "json", "nor_this"))
    assert missing("jax") == "not installed: no_such_package, nor_this"
    assert missing("torch") is None
    made = training_field(problem("rnn", SMALL), (1,))
    assert made.absent["jax"] == "not installed: no_such_package, nor_this"


def test_a_rival_that_fails_is_left_out_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise ValueError("no such device\nand more")

    monkeypatch.setattr(jax_scan, "NEEDS", ())
    monkeypatch.setattr(jax_scan, "inference", broken)
    assert inference_field(problem("rnn", SMALL), (1,)).absent["jax"] == (
        "ValueError: no such device"
    )


@pytest.mark.parametrize(("cores", "takes_part"), [(1, True), (7, False)])
def test_a_rival_on_every_core_meets_only_as_many_threads(
    cores: int, takes_part: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = problem("rnn", SMALL)
    monkeypatch.setattr(field, "usable_cores", lambda: cores)
    monkeypatch.setattr(jax_scan, "NEEDS", ())
    monkeypatch.setattr(jax_scan, "inference", lambda *_: (lambda: None, _wanted(given)))
    made = inference_field(given, (1,))
    assert ("jax" in {each.name for each in made.contestants}) is takes_part
    assert made.absent.get("jax") == (
        None if takes_part else "runs on all 7 cores, but torch has 1 threads"
    )


@every_cell
def test_onnx_runtime_computes_what_torch_does(cell: str) -> None:
    for package in onnx_runtime.NEEDS:
        pytest.importorskip(package, reason=f"{package} is not installed")
    given = problem(cell, SMALL)
    call = onnx_runtime.inference(given.ours, given.x, 1)
    assert_equal(call(), _wanted(given), "output")
    assert "onnx@1" in {each.key for each in inference_field(given, (1,)).contestants}


def _numpy_as_jax() -> Any:
    """As much of JAX as a scan needs, step by step in NumPy."""

    def scan(step: Any, state: Any, pieces: Any) -> Any:
        outputs = []
        for piece in pieces:
            state, output = step(state, piece)
            outputs.append(output)
        return state, numpy.stack(outputs)

    return SimpleNamespace(
        numpy=numpy,
        nn=SimpleNamespace(sigmoid=lambda a: 1 / (1 + numpy.exp(-a))),
        lax=SimpleNamespace(scan=scan),
    )


@every_cell
def test_the_scan_for_jax_is_torchs_cell(cell: str) -> None:
    given = problem(cell, SMALL)
    jax = _numpy_as_jax()
    weights, x = jax_scan._given(jax, given.theirs, given.x)
    found = jax_scan._CELLS[cell](jax, weights, x)
    assert_equal(torch.from_numpy(found), _wanted(given), "output")


@every_cell
def test_jax_computes_what_torch_does(cell: str) -> None:
    pytest.importorskip("jax", reason="jax is not installed")
    given = problem(cell, SMALL)
    for _, output in (
        jax_scan.inference(cell, given.theirs, given.x),
        jax_scan.training(cell, given.theirs, given.x, given.gradient),
    ):
        assert_equal(output, _wanted(given), "output")


@every_cell
def test_keras_computes_what_torch_does(cell: str) -> None:
    pytest.importorskip("keras", reason="keras is not installed")
    given = problem(cell, SMALL)
    assert_equal(keras_layer.inference(cell, given.theirs, given.x)[1], _wanted(given), "output")


def test_keras_weights_have_keras_shapes() -> None:
    shapes = {
        cell: [
            tuple(weight.shape)
            for weight in keras_layer._weights(
                cell, problem(cell, SMALL).theirs, keras_layer._FORMS[cell][1]
            )
        ]
        for cell in OURS
    }
    assert shapes == {
        "gru": [(2, 15), (5, 15), (2, 15)],
        "lstm": [(2, 20), (5, 20), (20,)],
        "rnn": [(2, 5), (5, 5), (5,)],
    }
