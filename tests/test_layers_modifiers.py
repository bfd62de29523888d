"""Modifiers of any cell: alone and in pairs, by their papers, and at every cell."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.cases import MODIFIED, Case, as_tuple, draw, draw_states, every_cell, every_modifier
from tests.tolerances import assert_equal
from torch import Tensor
from torch.nn import functional

from headgate.errors import ShapeError, UnknownNameError
from headgate.kernels import cpu, native, scan, using
from headgate.layers import Recurrent

NAN = float("nan")
# resets are a modifier too: with each other one, and the others in pairs
PAIRS = [(case, False) for case in MODIFIED]
PAIRS += [(case, True) for case in MODIFIED if len(case.changed) == 1]
RAGGED = [5, 1, 0, 4, 5, 2, 3]
SIZES: dict[str, Any] = {"input_size": 5, "hidden_size": 37}


def _layer(case: Case, **arguments: Any) -> Recurrent:
    """A layer that trains, with weights so small that rounding does not grow over time."""
    layer = case.layer(**(SIZES | arguments)).train()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(0.3)
    return layer


def _run(layer: Recurrent, x: Tensor, *states: Tensor, **options: Any) -> list[Tensor]:
    torch.manual_seed(1)
    outputs, last, *traced = layer(x, states or None, **options)
    return [outputs, *as_tuple(last), *(value for found in traced for value in found.values())]


def _gradients(layer: Recurrent, leaves: list[Tensor], **options: Any) -> list[Tensor]:
    return _both(layer, leaves, **options)[1]


def _both(
    layer: Recurrent, leaves: list[Tensor], **options: Any
) -> tuple[list[Tensor], list[Tensor]]:
    """The results and the gradients of one run."""
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    results = _run(layer, *leaves, **options)
    chance = torch.Generator().manual_seed(2)
    draws = (torch.randn(r.shape, dtype=r.dtype, generator=chance) for r in results)
    loss = sum(((r * d).sum() for r, d in zip(results, draws, strict=True)), torch.zeros(()))
    sources = [*leaves, *layer.parameters()]
    found = torch.autograd.grad(loss, sources, allow_unused=True, materialize_grads=True)
    return [result.detach() for result in results], list(found)


def _resets(*shape: int) -> Tensor:
    found = torch.rand(shape, generator=torch.Generator().manual_seed(3)) < 0.4
    assert found.any()
    assert not found.all()
    return found


# In training: every modifier, alone and in pairs, at every cell.


@pytest.mark.skipif(not native.available, reason="the native part is not built")
@pytest.mark.parametrize(("case", "resets"), PAIRS, ids=[f"{c.id}-{r}" for c, r in PAIRS])
def test_the_native_kernel_has_the_reference_s_values_and_gradients(
    case: Case, resets: bool
) -> None:
    layer = _layer(case, bidirectional=True, initial_state="learned" if resets else "zeros")
    leaves = [draw(5, len(RAGGED), 5), *draw_states(layer, len(RAGGED))]
    assert cpu.serves(layer.program, *leaves)
    wishes: list[dict[str, Any]] = [
        {"lengths": RAGGED, "trace": True},
        {"checkpoint": True, "lengths": None},
    ]
    for wish in wishes:
        options = wish | {"resets": _resets(5, len(RAGGED)) if resets else None}
        with using("reference"):
            results, gradients = _both(layer, leaves, **options)
        assert_equal(_run(layer, *leaves, **options), results, "output")
        assert_equal(_gradients(layer, leaves, **options), gradients, "gradient")


@every_modifier
def test_a_row_in_a_batch_is_the_row_alone_with_its_own_noise(case: Case) -> None:
    layer = _layer(case, bidirectional=True)
    x, states = draw(5, len(RAGGED), 5), draw_states(layer, len(RAGGED))
    program = layer._program(resets=True)
    (given, *_), *_ = layer._given(program, x, _resets(5, len(RAGGED)))
    weights, lengths = layer.weights()[0][0], torch.tensor(RAGGED)
    before = tuple(state[0] for state in states)

    def run(rows: slice, steps: int, **options: Any) -> list[Tensor]:
        held = {
            name: value[rows] if name.startswith("mask") else value[:steps, rows]
            for name, value in given.items()
        }
        own = tuple(state[rows] for state in before)
        found = scan(program, x[:steps, rows], weights, own, given=held, **options)
        return [found.outputs, *found.states]

    for reverse in (False, True):
        outputs, *last = run(slice(None), 5, lengths=lengths, reverse=reverse)
        for row, length in enumerate(RAGGED):
            place = slice(row, row + 1)
            if length:
                alone, *ends = run(place, length, reverse=reverse)
                assert_equal(outputs[:length, place], alone, "bits")
                assert_equal([state[place] for state in last], ends, "bits")


@every_modifier
def test_a_second_run_in_training_draws_anew_and_one_in_evaluation_does_not(case: Case) -> None:
    layer, x = _layer(case), draw(4, 3, 5)
    noisy = bool({"zoneout", "recurrent_dropout"} & case.changed.keys())
    drawn = bool(layer._given(layer._program(resets=False), x, None)[0][0])
    assert drawn <= noisy
    assert torch.equal(layer(x)[0], layer(x)[0]) == (not drawn)
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@every_cell
def test_a_reset_is_a_new_sequence(case: Case) -> None:
    layer = _layer(case, num_layers=1, bidirectional=True, initial_state="learned")
    size = layer.output_size // 2
    x = draw(7, 2, 5)
    resets = torch.zeros(7, 2, dtype=torch.bool)
    resets[3] = True
    x[2, 0] = NAN  # what comes before has no effect, whatever it is
    outputs = _run(layer, x, resets=resets)[0]
    after, before = _run(layer, x[3:])[0], _run(layer, x[:3])[0]
    assert_equal(outputs[3:], after, "bits")
    assert_equal(outputs[:3, :, size:], before[..., size:], "bits")
    lengths, late = [5, 7], resets.clone()
    late[5:, 0] = True  # in the padding
    assert_equal(
        _run(layer, x, lengths=lengths, resets=late),
        _run(layer, x, lengths=lengths, resets=resets),
        "bits",
    )


def test_a_reset_without_a_learned_state_begins_at_zero() -> None:
    layer = Recurrent("gru", 3, 4, batch_first=True)
    x = draw(2, 6, 3, dtype=torch.float32)
    x[0, 1] = NAN
    resets = torch.zeros(2, 6, dtype=torch.bool)
    resets[:, 2] = True
    given = draw(1, 2, 4, dtype=torch.float32)
    outputs, _ = layer(x, given, resets=resets)
    assert_equal(outputs[:, 2:], layer(x[:, 2:])[0], "bits")


@pytest.mark.parametrize("kernel", ["native", "reference"])
def test_what_a_run_is_given_has_the_dtype_of_the_run(kernel: str) -> None:
    layer = Recurrent("gru", 3, 4, recurrent_dropout=0.4)
    x, program = torch.randn(2, 2, 3), layer._program(resets=False)
    wrong = {"mask.h": torch.ones(2, 4, dtype=torch.float64)}
    with using(kernel), pytest.raises(RuntimeError, match="dtype"):
        scan(program, x, layer.weights()[0][0], (torch.zeros(2, 4),), given=wrong)


# Against the papers, by code that knows no program.


def _of(layer: Recurrent, name: str) -> Tensor:
    return layer.get_parameter(name)


def _named(layer: Recurrent) -> dict[str, Tensor]:
    return {name.removesuffix("_l0"): value for name, value in layer.named_parameters()}


def _gates(layer: Recurrent, name: str, count: int) -> tuple[Tensor, ...]:
    return _of(layer, f"{name}_l0").chunk(count)


def _normal(rows: Tensor) -> Tensor:
    return functional.layer_norm(rows, rows.shape[-1:])


def test_layer_norm_of_an_lstm_is_ba_s() -> None:
    layer = _layer(Case("lstm", {"layer_norm": True}))
    w = _named(layer)
    x, (h, c) = draw(4, 3, 5), draw_states(layer, 3)
    outputs = layer(x, (h, c))[0]
    h, c = h[0], c[0]
    for t in range(4):
        # the gates are one row of 4N, in Ba's equations (20) to (22)
        rows = _normal(x[t] @ w["weight_ih"].T) * w["norm_ih"]
        rows = rows + _normal(h @ w["weight_hh"].T) * w["norm_hh"] + w["bias"]
        i, f, g, o = rows.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * (_normal(c) * w["norm_state"] + w["norm_state_bias"]).tanh()
        assert_equal(outputs[t], h, "output")


@pytest.mark.parametrize("reset", ["after", "before"])
def test_layer_norm_of_a_gru_is_ba_s(reset: str) -> None:
    layer = _layer(Case("gru", {"layer_norm": True, "reset": reset}))
    v = _named(layer)
    x, (h,) = draw(4, 3, 5), draw_states(layer, 3)
    outputs, h = layer(x, h)[0], h[0]
    w, u = _gates(layer, "weight_ih", 3), _gates(layer, "weight_hh", 3)
    a, b, bias = (_gates(layer, name, 3) for name in ("norm_ih", "norm_hh", "bias"))
    for t in range(4):
        # r and u are one row of 2N, the candidate one of its own: Ba's equations (27) to (29)
        left = _normal(x[t] @ torch.cat(w[:2]).T) * torch.cat(a[:2])
        right = _normal(h @ torch.cat(u[:2]).T) * torch.cat(b[:2])
        r, z = (left + right + torch.cat(bias[:2])).sigmoid().chunk(2, -1)
        inner = _normal((r * h if reset == "before" else h) @ u[2].T) * b[2]
        if reset == "after":
            inner = r * (inner + v["bias_candidate"])
        g = (_normal(x[t] @ w[2].T) * a[2] + bias[2] + inner).tanh()
        h = z * h + (1 - z) * g
        assert_equal(outputs[t], h, "output")


def _lstm_step(layer: Recurrent, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    w = _named(layer)
    rows = x @ w["weight_ih"].T + w["bias"] + h @ w["weight_hh"].T
    i, f, g, o = rows.chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@pytest.mark.parametrize("training", [True, False])
def test_zoneout_is_krueger_s(training: bool) -> None:
    rates = {"h": 0.25, "c": 0.5}
    layer = _layer(Case("lstm", {"zoneout": rates})).train(training)
    x, (h, c) = draw(4, 3, 5), draw_states(layer, 3)
    program = layer._program(resets=False)
    torch.manual_seed(1)
    given = layer._given(program, x, None)[0][0]
    assert (given.keys() == {"noise.h", "noise.c"}) == training
    outputs, (last_h, last_c) = _run(layer, x, h, c)[0], _run(layer, x, h, c)[1:]
    h, c = h[0], c[0]
    for t in range(4):
        keep_h, keep_c = (given[f"noise.{s}"][t] if training else rates[s] for s in "hc")
        new_h, new_c = _lstm_step(layer, x[t], h, c)
        h, c = keep_h * h + (1 - keep_h) * new_h, keep_c * c + (1 - keep_c) * new_c
        assert_equal(outputs[t], h, "output")
    assert_equal([last_h[0], last_c[0]], [h, c], "output")


def test_evaluation_with_zoneout_is_the_mean_of_training() -> None:
    torch.manual_seed(0)
    layer = Recurrent("lstm", 3, 4, zoneout=0.3)
    x, states = draw(1, 1, 3, dtype=torch.float32), draw_states(layer, 1)
    rows, many = 40_000, tuple(state.expand(-1, 40_000, -1) for state in states)
    drawn, mean = layer(x.expand(-1, rows, -1), many)[0], layer.eval()(x, states)[0]
    spread = drawn.std(1) / rows**0.5
    assert ((drawn.mean(1) - mean[:, 0]).abs() < 5 * spread + 1e-6).all()


def test_recurrent_dropout_is_one_mask_a_state_shared_by_the_gates() -> None:
    layer = _layer(Case("lstm", {"recurrent_dropout": 0.4}))
    x, (h, c) = draw(4, 3, 5), draw_states(layer, 3)
    torch.manual_seed(1)
    mask = layer._given(layer._program(resets=False), x, None)[0][0]["mask.h"]
    assert set(mask.unique().tolist()) == {0.0, 1 / 0.6}
    outputs, h, c = _run(layer, x, h, c)[0], h[0], c[0]
    for t in range(4):
        h, c = _lstm_step(layer, x[t], h * mask, c)
        assert_equal(outputs[t], h, "output")


def test_recurrent_dropout_masks_a_gated_state_too() -> None:
    layer = _layer(Case("gru", {"recurrent_dropout": 0.4, "reset": "before"}))
    v = _named(layer)
    x, (h,) = draw(3, 2, 5), draw_states(layer, 2)
    torch.manual_seed(1)
    mask = layer._given(layer._program(resets=False), x, None)[0][0]["mask.h"]
    outputs, h = _run(layer, x, h)[0], h[0]
    u = _gates(layer, "weight_hh", 3)
    for t in range(3):
        a = (x[t] @ v["weight_ih"].T + v["bias"]).chunk(3, -1)
        r, z = ((a[k] + (mask * h) @ u[k].T).sigmoid() for k in range(2))
        h = z * h + (1 - z) * (a[2] + (mask * r * h) @ u[2].T).tanh()
        assert_equal(outputs[t], h, "output")


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_the_ends_of_a_rate(rate: float) -> None:
    layer, plain = Recurrent("gru", 3, 4, zoneout=rate), Recurrent("gru", 3, 4)
    plain.load_state_dict(layer.state_dict())
    x, h = draw(5, 2, 3, dtype=torch.float32), draw(1, 2, 4, dtype=torch.float32)
    for each in (layer, layer.eval()):
        expected = h.expand(5, -1, -1) if rate else plain(x, h)[0]
        assert_equal(each(x, h)[0], expected, "bits")
    hidden = Recurrent("rnn", 3, 4, recurrent_dropout=rate)
    assert hidden(x)[0].isfinite().all()


# Errors, and what a user sees.


def test_a_rate_names_its_state() -> None:
    with pytest.raises(UnknownNameError, match=r"zoneout.*'s'.*known: h"):
        Recurrent("gru", 3, 4, zoneout={"s": 0.1})
    with pytest.raises(ShapeError, match=r"zoneout of c is a probability.*1\.5"):
        Recurrent("lstm", 3, 4, zoneout={"c": 1.5})
    with pytest.raises(ShapeError, match="recurrent_dropout is a probability"):
        Recurrent("lstm", 3, 4, recurrent_dropout=-0.1)


@pytest.mark.parametrize(
    "resets", [torch.zeros(4, 2), torch.zeros(2, 4, dtype=torch.bool), [[True, False]] * 4]
)
def test_resets_of_another_shape_or_type_are_refused(resets: Any) -> None:
    layer = Recurrent("gru", 3, 5)
    with pytest.raises((ShapeError, TypeError), match=r"resets|violates"):
        layer(torch.zeros(4, 2, 3), resets=resets)


def test_the_printed_layer_names_its_modifiers() -> None:
    layer = Recurrent("gru", 3, 4, layer_norm=True, zoneout=0.1, recurrent_dropout=0.2)
    assert repr(layer) == (
        "Recurrent(gru, 3, 4, layer_norm=True, zoneout={'h': 0.1}, recurrent_dropout=0.2)"
    )


def test_a_layer_norm_begins_as_none_with_the_cell_s_own_bias() -> None:
    layer = Recurrent("lstm", 3, 4, layer_norm=True)
    assert (_of(layer, "norm_ih_l0") == 1).all()
    assert (_of(layer, "norm_hh_l0") == 1).all()
    assert (_of(layer, "norm_state_l0") == 1).all()
    assert (_of(layer, "norm_state_bias_l0") == 0).all()
    assert _of(layer, "bias_l0").tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
