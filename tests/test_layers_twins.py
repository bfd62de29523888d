"""RNN, LSTM and GRU against torch.nn, over all that torch.nn takes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from tests.cases import B, M, N, T
from tests.tolerances import assert_equal
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import headgate.layers as ours
from headgate.errors import ShapeError
from headgate.kernels import using
from headgate.layers import accelerate

pytestmark = pytest.mark.filterwarnings(
    "ignore:LSTM with projections is not supported with oneDNN:UserWarning"
)
MODES: dict[str, tuple[str, dict[str, Any]]] = {
    "GRU": ("GRU", {}),
    "LSTM": ("LSTM", {}),
    "LSTM-proj": ("LSTM", {"proj_size": 2}),
    "RNN-relu": ("RNN", {"nonlinearity": "relu"}),
    "RNN-tanh": ("RNN", {}),
}
SWITCHES = {
    "num_layers": (1, 2),
    "bias": (True, False),
    "batch_first": (False, True),
    "bidirectional": (False, True),
}
SHAPES = [dict(zip(SWITCHES, values, strict=True)) for values in product(*SWITCHES.values())]
ARGUMENTS: list[tuple[str, dict[str, Any]]] = [
    *((mode, {**shape, "dtype": torch.float64}) for mode in MODES for shape in SHAPES),
    *((mode, {"num_layers": 2, "bidirectional": True, "dtype": torch.float32}) for mode in MODES),
    *((mode, {"dtype": torch.bfloat16}) for mode in MODES),
]
every_mode = pytest.mark.parametrize("mode", MODES)
FORMS = ["single", "batch", "packed", "packed in order"]


def _pair(mode: str, **arguments: Any) -> tuple[nn.RNNBase, nn.RNNBase]:
    """torch's layer and ours, drawn from the same seed."""
    name, options = MODES[mode]
    layers = []
    for home in (nn, ours):
        torch.manual_seed(5)
        layers.append(getattr(home, name)(M, N, **options, **arguments))
    return layers[0], layers[1]


def _states(layer: nn.RNNBase, dtype: torch.dtype, rows: int | None) -> tuple[Tensor, ...]:
    depth = layer.num_layers * (1 + layer.bidirectional)
    sizes = [layer.proj_size or N, N][: 1 + (layer.mode == "LSTM")]
    return tuple(torch.randn(depth, *([rows] if rows else []), s).to(dtype) for s in sizes)


def _input(form: str, layer: nn.RNNBase, dtype: torch.dtype) -> Tensor:
    if form == "single":
        return torch.randn(T, M).to(dtype)
    batch = torch.randn(T, B, M).to(dtype)
    return batch.transpose(0, 1) if layer.batch_first else batch


def _wrapped(form: str, layer: nn.RNNBase, x: Tensor) -> Tensor | PackedSequence:
    if not form.startswith("packed"):
        return x
    sort = form == "packed in order"
    lengths = [3, 2] if sort else [2, 3]
    return pack_padded_sequence(
        x, torch.tensor(lengths), batch_first=layer.batch_first, enforce_sorted=sort
    )


def _everything(
    layer: nn.RNNBase, form: str, x: Tensor, states: tuple[Tensor, ...]
) -> tuple[list[Any], list[Tensor]]:
    """Outputs and states; gradients to the input, the states and every parameter."""
    leaves = [leaf.clone().requires_grad_() for leaf in (x, *states)]
    given = tuple(leaves[1:])
    y, last = layer(_wrapped(form, layer, leaves[0]), _hidden(given) if given else None)
    packed = isinstance(y, PackedSequence)
    results = [*(y if packed else (y,)), *(last if isinstance(last, tuple) else (last,))]
    values = [r for r in results if isinstance(r, Tensor) and r.is_floating_point()]
    torch.manual_seed(2)
    loss = torch.stack([(v * torch.randn_like(v)).sum() for v in values]).sum()
    return results, list(torch.autograd.grad(loss, [*leaves, *layer.parameters()]))


@pytest.mark.parametrize(("mode", "arguments"), ARGUMENTS, ids=lambda value: str(value)[:90])
def test_names_draws_results_and_gradients_are_torchs(mode: str, arguments: dict[str, Any]) -> None:
    theirs, mine = _pair(mode, **arguments)
    assert_equal(dict(mine.state_dict()), dict(theirs.state_dict()), "bits")
    assert isinstance(mine, type(theirs))
    assert repr(mine) == repr(theirs)
    dtype = arguments["dtype"]
    for form, given in product(FORMS, [True, False]):
        x = _input(form, mine, dtype)
        rows = None if form == "single" else B
        states = _states(mine, dtype, rows) if given else ()
        results, gradients = _everything(mine, form, x, states)
        expected, expected_gradients = _everything(theirs, form, x, states)
        assert_equal(results, expected, "output")
        assert_equal(gradients, expected_gradients, "gradient")


@every_mode
def test_the_reference_kernel_is_torchs_too(mode: str) -> None:
    theirs, mine = _pair(mode, num_layers=2, bidirectional=True, dtype=torch.float64)
    x, states = _input("batch", mine, torch.float64), _states(mine, torch.float64, B)
    expected = _everything(theirs, "batch", x, states)
    for kernel in ("reference", "eager"):
        with using(kernel):
            results, gradients = _everything(mine, "batch", x, states)
        assert_equal(results, expected[0], "output")
        assert_equal(gradients, expected[1], "gradient")


@every_mode
def test_dropout_draws_what_torch_draws(mode: str) -> None:
    theirs, mine = _pair(mode, num_layers=3, dropout=0.5, dtype=torch.float64)
    x = _input("batch", mine, torch.float64)
    torch.manual_seed(7)
    expected = theirs(x)
    torch.manual_seed(7)
    assert_equal(mine(x), expected, "output")
    assert (mine(x)[0] - expected[0]).abs().max() > 1e-6  # the next draw is another
    theirs.eval()
    mine.eval()
    assert_equal(mine(x), theirs(x), "output")


@every_mode
def test_a_checkpoint_moves_both_ways(mode: str) -> None:
    theirs, mine = _pair(mode, num_layers=2, bidirectional=True)
    x = torch.randn(T, B, M)
    for source, target in ((theirs, mine), (mine, theirs)):
        with torch.no_grad():
            for parameter in source.parameters():
                parameter.normal_()
        target.load_state_dict(source.state_dict())
        assert_equal(mine(x), theirs(x), "output")


@every_mode
def test_autocast_gives_torchs_types(mode: str) -> None:
    theirs, mine = _pair(mode)
    x = torch.randn(T, B, M)
    whole = theirs(x)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, last = mine(x)
        assert (y.float() - whole).abs().max() < 0.02
        if mode == "LSTM" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return  # torch.nn's own LSTM raises here
        expected, state = theirs(x)
    pairs = zip((y, *last), (expected, *state), strict=True)
    assert all(one.dtype == other.dtype for one, other in pairs)


WRONG: dict[str, Callable[[nn.RNNBase], Any]] = {
    "features": lambda layer: layer(torch.zeros(T, B, M + 1)),
    "one axis": lambda layer: layer(torch.zeros(M)),
    "four axes": lambda layer: layer(torch.zeros(1, T, B, M)),
    "no step": lambda layer: layer(torch.zeros(0, B, M)),
    "no step of one": lambda layer: layer(torch.zeros(0, M)),
    "type": lambda layer: layer(torch.zeros(T, B, M).double()),
    "rows of the state": lambda layer: layer(
        torch.zeros(T, B, M), _hidden(_states(layer, torch.float32, B + 1))
    ),
    "axes of the state": lambda layer: layer(
        torch.zeros(T, B, M), _hidden(_states(layer, torch.float32, None))
    ),
    "axes of one's state": lambda layer: layer(
        torch.zeros(T, M), _hidden(_states(layer, torch.float32, B))
    ),
    "type of the state": lambda layer: layer(
        torch.zeros(T, B, M), _hidden(_states(layer, torch.float64, B))
    ),
}


def _hidden(states: tuple[Tensor, ...]) -> Any:
    return states[0] if len(states) == 1 else states


@pytest.mark.parametrize("wrong", WRONG)
@every_mode
def test_wrong_inputs_raise_what_torch_raises(mode: str, wrong: str) -> None:
    theirs, mine = _pair(mode)
    with pytest.raises(Exception) as expected:  # noqa: PT011 - torch's own, whatever it is
        WRONG[wrong](theirs)
    with pytest.raises(expected.type):
        WRONG[wrong](mine)


@every_mode
def test_an_empty_batch_is_torchs(mode: str) -> None:
    theirs, mine = _pair(mode, num_layers=2, bidirectional=True)
    x = torch.zeros(T, 0, M)
    assert_equal(mine(x), theirs(x), "bits")
    assert_equal(mine(x, lengths=torch.zeros(0, dtype=torch.int64)), theirs(x), "bits")


@every_mode
def test_lengths_are_what_packing_gives(mode: str) -> None:
    theirs, mine = _pair(mode, num_layers=2, bidirectional=True, dtype=torch.float64)
    x = torch.randn(T, B, M, dtype=torch.float64)
    packed = pack_padded_sequence(x, torch.tensor([2, 3]), enforce_sorted=False)
    y, last = theirs(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(y)
    x[2, 0] = float("nan")
    assert_equal(mine(x, lengths=[2, 3]), (expected, last), "output")


def test_lengths_go_with_a_batch() -> None:
    layer = ours.GRU(M, N)
    packed = pack_padded_sequence(torch.zeros(T, B, M), torch.tensor([3, 2]))
    for x in (torch.zeros(T, M), packed):
        with pytest.raises(ShapeError, match="lengths go with a padded batch"):
            layer(x, lengths=[3, 2])
    with pytest.raises(ShapeError, match="from 0 to the 3 steps of the input, not 9"):
        layer(torch.zeros(T, B, M), lengths=[3, 9])


def _gates(layer: nn.RNNBase, x: Tensor, h: Tensor) -> list[Tensor]:
    """torch's sums of one step, gate by gate."""
    count = {"LSTM": 4, "GRU": 3}.get(layer.mode, 1)
    named = dict(layer.named_parameters())
    first = x @ named["weight_ih_l0"].T + named["bias_ih_l0"]
    second = h @ named["weight_hh_l0"].T + named["bias_hh_l0"]
    return [
        torch.stack(p) for p in zip(first.chunk(count, -1), second.chunk(count, -1), strict=True)
    ]


@every_mode
def test_the_gates_are_torchs_own_sums(mode: str) -> None:
    theirs, mine = _pair(mode, dtype=torch.float64)
    x = torch.randn(T, B, M, dtype=torch.float64)
    y, last, trace = mine(x, trace=True)
    expected_y, expected_last = theirs(x)
    assert_equal((y, last), (expected_y, expected_last), "output")
    before = torch.cat([torch.zeros_like(y[:1]), y[:-1]])
    for t in range(T):
        sums = _gates(theirs, x[t], before[t])
        if mode == "GRU":
            r, u = sums[0].sum(0).sigmoid(), sums[1].sum(0).sigmoid()
            g = (sums[2][0] + r * sums[2][1]).tanh()
            expected = {"reset": r, "update": u, "candidate": g}
        elif theirs.mode == "LSTM":
            i, f, g, o = (s.sum(0) for s in sums)
            expected = {
                "forget": f.sigmoid(),
                "input": i.sigmoid(),
                "candidate": g.tanh(),
                "output": o.sigmoid(),
            }
        else:
            a = sums[0].sum(0)
            expected = {"hidden": a.relu() if mode == "RNN-relu" else a.tanh()}
        found = {name: trace[name][0, t] for name in trace if name in expected}
        assert_equal(found, expected, "output")


@pytest.mark.parametrize("form", FORMS)
@every_mode
def test_a_trace_has_the_axes_of_its_input(mode: str, form: str) -> None:
    _, mine = _pair(mode, num_layers=2, batch_first=True)
    x = _input(form, mine, torch.float32)
    _, last, trace = mine(_wrapped(form, mine, x), trace=True)
    plain, same = mine(_wrapped(form, mine, x))
    assert_equal([*last], [*same], "output")
    axes = {"single": (2, T), "batch": (2, B, T)}.get(form, (2, T, B))
    assert {value.shape[:-1] for value in trace.values()} == {axes}
    if form in ("single", "batch"):
        assert_equal(trace["h"][1], plain, "output")


# --- accelerate ------------------------------------------------------------------------------


class _Own(nn.LSTM):
    pass


def _model() -> nn.Module:
    inner = nn.ModuleDict({"gru": nn.GRU(M, N), "own": _Own(M, N)})
    return nn.ModuleList([nn.LSTM(M, N, num_layers=2), nn.RNN(M, N), inner, nn.Linear(2, 2)])


def test_accelerate_changes_the_classes_and_nothing_else() -> None:
    model = _model()
    before = list(model.named_parameters())
    modules = list(model.modules())
    assert accelerate(model) is model
    after = list(model.named_parameters())
    assert [name for name, _ in after] == [name for name, _ in before]
    assert all(one is other for (_, one), (_, other) in zip(after, before, strict=True))
    assert all(one is other for one, other in zip(model.modules(), modules, strict=True))
    kinds = [type(module) for module in model.modules() if isinstance(module, nn.RNNBase)]
    assert kinds == [ours.LSTM, ours.RNN, ours.GRU, _Own]
    accelerate(model)
    assert [type(m) for m in model.modules() if isinstance(m, nn.RNNBase)] == kinds


def test_accelerate_serves_a_layer_by_itself_with_the_same_results() -> None:
    for layer in (nn.LSTM(M, N, bidirectional=True), nn.GRU(M, N), nn.RNN(M, N, batch_first=True)):
        x = torch.randn(T, B, M)
        expected = layer(x)
        assert_equal(accelerate(layer)(x), expected, "output")


def test_accelerate_keeps_hooks_and_what_an_optimizer_holds() -> None:
    layer = nn.LSTM(M, N)
    seen: list[Any] = []
    layer.register_forward_hook(lambda module, args, result: seen.append(module))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    accelerate(layer)
    before = [p.detach().clone() for p in layer.parameters()]
    layer(torch.randn(T, B, M))[0].sum().backward()
    optimizer.step()
    assert seen == [layer]
    pairs = zip(before, layer.parameters(), strict=True)
    assert all((old - new).abs().max() > 0 for old, new in pairs)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_twin_copies_and_pickles(how: Callable[[Any], Any]) -> None:
    layer, x = ours.LSTM(M, N, num_layers=2), torch.randn(T, B, M)
    other = how(layer)
    assert type(other) is ours.LSTM
    assert_equal(other(x), layer(x), "bits")
