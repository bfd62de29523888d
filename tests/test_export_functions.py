"""The activations of ONNX and Keras against their texts, number by number."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.tolerances import assert_equal

from headgate.equations.activations import ACTIVATIONS
from headgate.errors import CellError, UnknownNameError
from headgate.export.cells import Cell
from headgate.export.functions import KERAS, KERAS_2, Function, onnx_calls, onnx_function
from headgate.kernels import scan
from headgate.program import parameters
from headgate.program.identity import match
from headgate.program.parameters import names_of

POINTS = [-40.0, -6.5, -3.0, -1.0, -0.25, -1e-3, 0.0, 1e-3, 0.25, 0.5, 1.0, 2.5, 3.0, 6.5, 40.0]


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v))


def softplus(v: float) -> float:
    return max(v, 0.0) + math.log1p(math.exp(-abs(v)))


def elu(v: float, alpha: float = 1.0) -> float:
    return v if v >= 0 else alpha * math.expm1(v)


def clip(v: float, low: float, high: float) -> float:
    return min(max(v, low), high)


Scalar = Callable[[float], float]
ONNX: list[tuple[str, list[float], list[float], Scalar]] = [
    ("Affine", [0.7], [-0.2], lambda v: 0.7 * v - 0.2),
    ("Affine", [1.0], [0.0], lambda v: v),
    ("Elu", [], [], elu),
    ("Elu", [0.6], [], lambda v: elu(v, 0.6)),
    ("HardSigmoid", [], [], lambda v: clip(0.2 * v + 0.5, 0, 1)),
    ("HardSigmoid", [0.3], [0.4], lambda v: clip(0.3 * v + 0.4, 0, 1)),
    ("HardSigmoid", [1 / 6], [0.5], lambda v: clip(v / 6 + 0.5, 0, 1)),
    ("LeakyRelu", [], [], lambda v: v if v >= 0 else 0.01 * v),
    ("LeakyRelu", [0.3], [], lambda v: v if v >= 0 else 0.3 * v),
    ("Relu", [], [], lambda v: max(v, 0.0)),
    ("ScaledTanh", [1.7], [0.6], lambda v: 1.7 * math.tanh(0.6 * v)),
    ("ScaledTanh", [1.0], [1.0], math.tanh),
    ("Sigmoid", [], [], sigmoid),
    ("Softplus", [], [], softplus),
    ("Softsign", [], [], lambda v: v / (1 + abs(v))),
    ("tanh", [], [], math.tanh),
    ("ThresholdedRelu", [0.5], [], lambda v: v if v > 0.5 else 0.0),
    ("ThresholdedRelu", [-1.0], [], lambda v: v if v > -1 else 0.0),
    ("ThresholdedRelu", [0.0], [], lambda v: max(v, 0.0)),
]
_SELU = 1.0507009873554805
KERAS_TEXT: dict[str, Scalar] = {
    "celu": elu,
    "elu": elu,
    "exponential": math.exp,
    "gelu": lambda v: v / 2 * (1 + math.erf(v / math.sqrt(2))),
    "hard_sigmoid": lambda v: clip(v + 3, 0, 6) / 6,
    "hard_silu": lambda v: v * clip(v + 3, 0, 6) / 6,
    "hard_swish": lambda v: v * clip(v + 3, 0, 6) / 6,
    "hard_tanh": lambda v: clip(v, -1, 1),
    "leaky_relu": lambda v: v if v >= 0 else 0.2 * v,
    "linear": lambda v: v,
    "log_sigmoid": lambda v: -softplus(-v),
    "mish": lambda v: v * math.tanh(softplus(v)),
    "relu": lambda v: max(v, 0.0),
    "relu6": lambda v: clip(v, 0, 6),
    "selu": lambda v: _SELU * elu(v, 1.6732632423543772),
    "sigmoid": sigmoid,
    "silu": lambda v: v * sigmoid(v),
    "softplus": softplus,
    "softsign": lambda v: v / (1 + abs(v)),
    "squareplus": lambda v: (v + math.sqrt(v * v + 4)) / 2,
    "swish": lambda v: v * sigmoid(v),
    "tanh": math.tanh,
    "tanh_shrink": lambda v: v - math.tanh(v),
}


def check(function: Function, text: Scalar) -> None:
    """Compare a function, run as a layer's kernel does, with its text."""
    program = Cell("rnn", function).program(biased=False)
    x = torch.tensor(POINTS, dtype=torch.float64)[None, :, None]
    one = torch.ones(1, 1, dtype=torch.float64)
    weights = dict.fromkeys(names_of(program), one) | {"weight_hh": 0 * one}
    run = scan(program, x, weights, (torch.zeros(len(POINTS), 1, dtype=torch.float64),))
    wanted = torch.tensor([text(v) for v in POINTS], dtype=torch.float64)
    # torch's softplus is its argument past 20, which is off by 2e-9 there
    close = torch.allclose(run.outputs[0, :, 0], wanted, rtol=1e-8, atol=1e-8)
    assert close, list(zip(POINTS, run.outputs[0, :, 0].tolist(), wanted.tolist(), strict=True))


@pytest.mark.parametrize(("name", "alphas", "betas", "text"), ONNX)
def test_an_activation_of_onnx_is_what_its_text_says(
    name: str, alphas: list[float], betas: list[float], text: Scalar
) -> None:
    (call,) = onnx_calls([name], alphas, betas)
    check(onnx_function(call), text)


@pytest.mark.parametrize("name", KERAS)
def test_an_activation_of_keras_is_what_its_text_says(name: str) -> None:
    check(KERAS[name], KERAS_TEXT[name])


def test_before_keras_3_the_hard_sigmoid_was_steeper() -> None:
    check(KERAS_2["hard_sigmoid"], lambda v: clip(0.2 * v + 0.5, 0, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_threshold_is_exact_to_the_last_digit(dtype: torch.dtype) -> None:
    edge = torch.tensor(0.375, dtype=dtype)  # a number that both precisions hold
    up, down = torch.tensor(1.0, dtype=dtype), torch.tensor(0.0, dtype=dtype)
    near = [torch.nextafter(edge, down), edge, torch.nextafter(edge, up)]
    (call,) = onnx_calls(["ThresholdedRelu"], [0.375], [])
    program = Cell("rnn", onnx_function(call)).program(biased=False)
    one = torch.ones(1, 1, dtype=dtype)
    x = torch.stack(near).reshape(1, 3, 1)
    found = scan(program, x, {"weight_ih": one, "weight_hh": 0 * one}, (0 * x[0],)).outputs
    assert_equal(found.flatten(), torch.stack([down, down, near[2]]), "bits")


def test_a_function_that_we_have_goes_by_our_name() -> None:
    calls = onnx_calls(
        ["Elu", "HardSigmoid", "LeakyRelu", "Affine", "ScaledTanh", "ThresholdedRelu"],
        [1.0, float(np.float32(1 / 6)), float(np.float32(0.01)), 1.0, 1.0, 0.0],
        [0.5, 0.0, 1.0],
    )
    names = ["elu", "hardsigmoid", "leaky_relu", "linear", "tanh", "relu"]
    assert [onnx_function(call) for call in calls] == names
    assert {name for name in KERAS.values() if isinstance(name, str)} <= ACTIVATIONS.keys()


def test_numbers_go_to_those_that_take_them_in_order() -> None:
    calls = onnx_calls(["Sigmoid", "leakyrelu", "HardSigmoid", "Elu"], [0.3, 0.1], [0.4])
    wanted = [("Sigmoid", ()), ("LeakyRelu", (0.3,)), ("HardSigmoid", (0.1, 0.4)), ("Elu", (1.0,))]
    assert calls == wanted


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="activation of ONNX 'Tahn'; did you mean 'Tanh'"):
        onnx_calls(["Tahn"], [], [])
    for name, missing in (
        ("Affine", "alpha"),
        ("ScaledTanh", "alpha"),
        ("ThresholdedRelu", "alpha"),
    ):
        with pytest.raises(
            CellError, match=f"{name} has no {missing}: .* activation_{missing} into"
        ):
            onnx_calls([name], [], [1.0])
    with pytest.raises(CellError, match="Affine has no beta"):
        onnx_calls(["Affine"], [1.0], [])


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("biased", [True, False])
def test_a_free_cell_has_the_parameters_of_the_known_one(kind: str, biased: bool) -> None:
    def gate(a: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(a)

    known = Cell(kind).program(biased=biased)
    free = Cell(kind, activation=torch.tanh, gates=gate).program(biased=biased)
    assert Cell(kind).known
    assert not Cell(kind, activation=torch.tanh).known
    assert parameters(free) == parameters(known)
    assert match(free, known) == {block: block for block in match(known, known) or {}}
