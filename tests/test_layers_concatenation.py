"""Weights as papers write them: the step by hand, there and back, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.cases import CASES, B, Case, M, N, as_tuple, draw, draw_states, every_option
from tests.tolerances import assert_equal
from torch import Tensor, nn

import headgate as hg
from headgate.equations.activations import ACTIVATIONS
from headgate.errors import HeadgateError, ShapeError, UnknownNameError
from headgate.layers.concatenation import concatenated, load_concatenated

ROOT = Path(__file__).resolve().parent.parent
Tensors = Mapping[str, Tensor]
GATES = ("input", "forget", "candidate", "output")


def _gate(w: Tensors, name: str, v: Tensor, x: Tensor, *, end: str = "_l0") -> Tensor:
    product = torch.cat([v, x], 1) @ w[f"weight_{name}{end}"].T
    return product + w[f"bias_{name}{end}"] if f"bias_{name}{end}" in w else product


def _activation(options: dict[str, Any], name: str = "activation") -> Callable[[Tensor], Tensor]:
    return ACTIVATIONS[options.get(name, "tanh")]


def _lstm(w: Tensors, options: dict[str, Any], x: Tensor, h: Tensor, c: Tensor) -> list[Tensor]:
    def gate(name: str, cell: Tensor) -> Tensor:
        seen = w[f"vector_{name}_l0"] * cell if options.get("peephole") else 0.0
        return torch.sigmoid(_gate(w, name, h, x) + seen)

    f = gate("forget", c) if options.get("forget", True) else torch.ones_like(c)
    i = 1 - f if options.get("coupled") else gate("input", c)
    g = _activation(options, "candidate")(_gate(w, "candidate", h, x))
    c = f * c + i * g
    h = gate("output", c) * _activation(options)(c)
    return [h @ w["weight_project_l0"].T if options.get("projection") else h, c]


def _gru(w: Tensors, options: dict[str, Any], x: Tensor, h: Tensor) -> list[Tensor]:
    r, u = (torch.sigmoid(_gate(w, name, h, x)) for name in ("reset", "update"))
    if options.get("reset") == "before":
        a = _gate(w, "candidate", r * h, x)
    else:
        recurrent, inner = w["weight_candidate_l0"].split([N, M], 1)
        own = w.get("recurrent_bias_candidate_l0", torch.zeros(()))
        a = x @ inner.T + w.get("bias_candidate_l0", 0.0) + r * (h @ recurrent.T + own)
    g = _activation(options)(a)
    return [(1 - u) * h + u * g if options.get("update") == "write" else u * h + (1 - u) * g]


def _mgu(w: Tensors, options: dict[str, Any], x: Tensor, h: Tensor) -> list[Tensor]:
    f = torch.sigmoid(_gate(w, "forget", h, x))
    return [(1 - f) * h + f * _activation(options)(_gate(w, "candidate", f * h, x))]


def _rnn(w: Tensors, options: dict[str, Any], x: Tensor, h: Tensor) -> list[Tensor]:
    return [_activation(options)(_gate(w, "hidden", h, x))]


def _jordan(w: Tensors, options: dict[str, Any], x: Tensor, y: Tensor) -> list[Tensor]:
    h = _rnn(w, options, x, y)[0]
    return [_activation(options)(h @ w["weight_output_l0"].T + w.get("bias_output_l0", 0.0))]


BY_HAND: dict[str, Callable[..., list[Tensor]]] = {
    "gru": _gru,
    "jordan": _jordan,
    "lstm": _lstm,
    "mgu": _mgu,
    "rnn": _rnn,
}
WRITTEN = [
    c for c in CASES if c.cell in BY_HAND and not c.changed.keys() & {"layer_norm", "zoneout"}
]


def _same(one: nn.Module, other: nn.Module) -> None:
    """The parameters of two layers are equal in every bit."""
    for (name, left), (twin, right) in zip(
        one.named_parameters(), other.named_parameters(), strict=True
    ):
        assert name == twin
        assert torch.equal(left, right), name


@pytest.mark.parametrize("case", WRITTEN, ids=[case.id for case in WRITTEN])
def test_the_step_by_hand_has_the_results_of_the_layer(case: Case) -> None:
    layer = case.layer()
    x, states = draw(1, B, M), draw_states(layer, B)
    with torch.no_grad():
        _, last = layer(x, states)
    before = [state[0] for state in states]
    found = BY_HAND[case.cell](concatenated(layer), case.options, x[0], *before)
    assert_equal(found, [state[0] for state in as_tuple(last)], "output")


def _normal(v: Tensor) -> Tensor:
    return (v - v.mean(-1, keepdim=True)) / (v.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()


def test_the_gains_and_biases_of_a_layer_norm_by_hand() -> None:
    layer, gates = Case("lstm", {"layer_norm": True}).layer(), GATES
    x, h, c = draw(B, M), draw(B, N), draw(B, N)
    with torch.no_grad():
        _, last = layer(x[None], (h[None], c[None]))
    for w in (concatenated(layer), _apart(concatenated(layer, order=gates), gates)):
        halves = [w[f"weight_{gate}_l0"].split([N, M], 1) for gate in gates]
        hs = _normal(torch.cat([h @ own.T for own, _ in halves], 1)).split(N, 1)
        xs = _normal(torch.cat([x @ own.T for _, own in halves], 1)).split(N, 1)
        sums = [
            xs[k] * w[f"norm_ih_{gate}_l0"] + hs[k] * w[f"norm_hh_{gate}_l0"] + w[f"bias_{gate}_l0"]
            for k, gate in enumerate(gates)
        ]
        i, f, o = (torch.sigmoid(sums[k]) for k in (0, 1, 3))
        cell = f * c + i * torch.tanh(sums[2])
        shown = _normal(cell) * w["norm_state_c_l0"] + w["norm_state_bias_c_l0"]
        assert_equal([o * torch.tanh(shown), cell], [state[0] for state in last], "output")


def _apart(w: Tensors, gates: tuple[str, ...]) -> dict[str, Tensor]:
    """Take what is stacked in an order apart again."""
    found = {name: value for name, value in w.items() if name not in ("weight_l0", "bias_l0")}
    for kind in ("weight", "bias"):
        parts = w[f"{kind}_l0"].chunk(len(gates))
        found |= {f"{kind}_{gate}_l0": part for gate, part in zip(gates, parts, strict=True)}
    return found


@every_option
def test_there_and_back_is_the_same_in_every_bit(case: Case, tmp_path: Path) -> None:
    arguments = {"num_layers": 2, "bidirectional": True, "initial_state": "learned"}
    layer, other = case.layer(**arguments), case.layer(**arguments)
    save_file(concatenated(layer), tmp_path / "weights.safetensors")
    load_concatenated(other, load_file(tmp_path / "weights.safetensors"))
    _same(layer, other)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        hg.GRU,
        hg.LSTM,
        hg.RNN,
        lambda *sizes, **options: hg.LSTM(*sizes, proj_size=2, **options),
        lambda *sizes, **options: hg.RNN(*sizes, nonlinearity="relu", **options),
    ],
)
def test_a_twin_has_one_bias_where_torch_has_two_that_add(
    make: Callable[..., Any], bias: bool
) -> None:
    options: dict[str, Any] = {"num_layers": 2, "bidirectional": True, "bias": bias}
    layer, other = (make(M, N, **options) for _ in range(2))
    weights = concatenated(layer)
    load_concatenated(other, weights)
    assert_equal(concatenated(other), weights, "bits")
    x = draw(4, B, M, dtype=torch.float32)
    assert_equal(other(x), layer(x), "bits")


def test_a_gru_of_torch_keeps_both_biases_of_its_candidate() -> None:
    layer = hg.GRU(M, N)
    weights = concatenated(layer)
    own = layer.state_dict()
    inner, outer = own["bias_ih_l0"], own["bias_hh_l0"]
    assert torch.equal(weights["bias_reset_l0"], inner[:N] + outer[:N])
    assert torch.equal(weights["bias_candidate_l0"], inner[2 * N :])
    assert torch.equal(weights["recurrent_bias_candidate_l0"], outer[2 * N :])
    other = hg.Recurrent("gru", M, N)
    load_concatenated(other, weights)
    x = draw(4, B, M, dtype=torch.float32)
    assert_equal(other(x), layer(x), "output")


def test_h_stands_before_x() -> None:
    layer = hg.LSTM(M, N)
    weight, own = concatenated(layer)["weight_forget_l0"], layer.state_dict()
    assert torch.equal(weight[:, :N], own["weight_hh_l0"][N : 2 * N])
    assert torch.equal(weight[:, N:], own["weight_ih_l0"][N : 2 * N])


def test_what_came_out_is_a_copy() -> None:
    layer = hg.Recurrent("lstm", M, N)
    weights = concatenated(layer)
    before = {name: value.clone() for name, value in weights.items()}
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(1.0)
    assert_equal(weights, before, "bits")
    assert not any(value.requires_grad for value in weights.values())


@pytest.mark.parametrize(
    ("cell", "options", "order"),
    [
        ("lstm", {"peephole": True, "projection": 2}, ("output", "input", "candidate", "forget")),
        ("lstm", {"coupled": True, "bias": False}, ("forget", "candidate", "output")),
        ("lstm", {"forget": False}, ("candidate", "input", "output")),
        ("gru", {}, ("update", "candidate", "reset")),
        ("jordan", {"output": 2}, ("hidden",)),
    ],
)
def test_gates_are_stacked_in_any_order(
    cell: str, options: dict[str, Any], order: tuple[str, ...]
) -> None:
    layer, other = (hg.Recurrent(cell, M, N, num_layers=2, **options) for _ in range(2))
    apart, stacked = concatenated(layer), concatenated(layer, order=order)
    wanted = torch.cat([apart[f"weight_{gate}_l1"] for gate in order])
    assert torch.equal(stacked["weight_l1"], wanted)
    assert ("bias_l1" in stacked) is options.get("bias", True)
    alone = [
        name for name in apart if not any(f"t_{g}" in name or f"bias_{g}" in name for g in order)
    ]
    for name in alone:
        assert torch.equal(stacked[name], apart[name])
    load_concatenated(other, stacked, order=order)
    _same(layer, other)


def test_a_cell_of_ones_own_in_blocks() -> None:
    def step(x, W, b, p, h, c):
        a = torch.tanh(x.both + W.both(h) + b.both)
        c = a + p.scale * torch.sigmoid(W.recurrent(c) + b.recurrent)
        return torch.tanh(c + x.alone), c

    layer, other = (hg.Recurrent(hg.Equation(step), M, N) for _ in range(2))
    weights = concatenated(layer)
    assert {name: tuple(value.shape) for name, value in weights.items()} == {
        "weight_both_l0": (N, N + M),
        "weight_alone_l0": (N, M),
        "bias_both_l0": (N,),
        "bias_alone_l0": (N,),
        "weight_recurrent_l0": (N, N),
        "recurrent_bias_both_l0": (N,),
        "bias_recurrent_l0": (N,),
        "vector_scale_l0": (N,),
    }
    load_concatenated(other, weights)
    _same(layer, other)


def test_arrays_of_another_kind_take_the_layers() -> None:
    layer = hg.Recurrent("rnn", M, N)
    weights = {name: value.double().numpy() for name, value in concatenated(layer).items()}
    other = hg.Recurrent("rnn", M, N)
    load_concatenated(other, weights)
    _same(layer, other)
    for parameter in other.parameters():
        assert parameter.dtype is torch.float32
        assert parameter.requires_grad


def test_tensors_that_lie_in_the_layer_itself() -> None:
    layer = hg.RNN(M, N)
    own = layer.state_dict()
    wanted = own["bias_hh_l0"].clone()
    load_concatenated(layer, concatenated(layer) | {"bias_hidden_l0": own["bias_hh_l0"]})
    assert torch.equal(own["bias_ih_l0"], wanted)
    assert torch.equal(own["bias_hh_l0"], torch.zeros(N))


def _without(weights: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: value for key, value in weights.items() if key != name}


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (
            lambda w: _without(w, "bias_forget_l0"),
            ShapeError,
            "the layer also takes bias_forget_l0 (3,), but only",
        ),
        (lambda w: {}, ShapeError, "but only nothing came; nothing was loaded"),
        (
            lambda w: w | {"weight_forgot_l0": torch.zeros(3, 5)},
            UnknownNameError,
            "unknown tensor of the layer 'weight_forgot_l0'; did you mean 'weight_forget_l0'?",
        ),
        (
            lambda w: w | {"weight_output_l0": torch.zeros(5, 3)},
            ShapeError,
            "weight_output_l0 is (3, 5), not (5, 3); nothing was loaded",
        ),
    ],
)
@pytest.mark.parametrize("make", [hg.LSTM, lambda *sizes: hg.Recurrent("lstm", *sizes)])
def test_what_does_not_fit_is_refused_before_anything_changes(
    make: Callable[..., nn.Module],
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    error: type[HeadgateError],
    said: str,
) -> None:
    layer = make(M, N)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    weights = {name: value + 1 for name, value in concatenated(layer).items()}
    with pytest.raises(error, match=re.escape(said)):
        load_concatenated(layer, change(weights))
    assert_equal(dict(layer.state_dict()), before, "bits")


@pytest.mark.parametrize(
    ("order", "error", "said"),
    [
        (("hiden",), UnknownNameError, "unknown gate in the order 'hiden'; did you mean 'hidden'?"),
        ((), ShapeError, "the order names each of the gates hidden, second once, not"),
        (("hidden", "hidden", "second"), ShapeError, "once, not hidden, hidden, second"),
        (
            ("hidden", "second"),
            ShapeError,
            "multiply values of one width, but these have hidden 3, second 2: load without order",
        ),
    ],
)
def test_a_wrong_order_is_refused(
    order: tuple[str, ...], error: type[HeadgateError], said: str
) -> None:
    def step(x, W, h):
        a = W.down(torch.tanh(x.hidden + W.hidden(h)))
        return torch.tanh(x.second + W.second(a))

    layer = hg.Recurrent(hg.Equation(step, sizes={"down": 2}), M, N)
    with pytest.raises(error, match=re.escape(said)):
        concatenated(layer, order=order)


def test_another_layer_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown layer of headgate 'Linear'; known: GRU"):
        concatenated(nn.Linear(2, 3))


def test_the_page_about_weights_says_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "weights.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(blocks[0], "weights.md", "exec"), found)
    assert_equal(found["h_next"], found["h_last"][0].detach(), "output")
    assert_equal(found["c_next"], found["c_last"][0].detach(), "output")
    assert found["stacked"]["weight_l0"].shape == (28, 12)
    assert_equal(hg.concatenated(found["other"]), found["weights"], "bits")
