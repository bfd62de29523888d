"""The native kernel: the reference's values and gradients, and bits that a batch does not move."""

from __future__ import annotations

import gc
import multiprocessing
import threading
import warnings
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from tests.cases import Case, as_tuple, draw, draw_states, every_case, every_cell
from tests.tolerances import assert_equal
from torch import Tensor, nn

import headgate as hg
from headgate.equations import Equation, equation
from headgate.kernels import cpu, native, scan, using
from headgate.kernels.span import code_of
from headgate.layers import Recurrent
from headgate.program import Program, trace
from headgate.program.derivatives import BACKWARD
from headgate.program.operations import EVERY
from headgate.program.plan import plan

pytestmark = pytest.mark.skipif(not native.available, reason="the native part is not built")

NAN, INF = float("nan"), float("inf")
RAGGED = [5, 1, 0, 4, 5, 2, 3, 5, 1, 4, 2]


def _leaves(layer: Recurrent, steps: int, rows: int) -> list[Tensor]:
    dtype = next(layer.parameters()).dtype
    x = draw(steps, rows, layer.input_size, dtype=dtype)
    return [x, *draw_states(layer, rows)]


def _results(layer: Recurrent, x: Tensor, *states: Tensor, **options: Any) -> list[Tensor]:
    outputs, last, *traced = layer(x, states or None, **options)
    named = [value for found in traced for value in found.values()]
    return [outputs, *as_tuple(last), *named]


def _gradients(layer: Recurrent, leaves: list[Tensor], **options: Any) -> list[Tensor]:
    return _both(layer, leaves, **options)[1]


def _both(
    layer: Recurrent, leaves: list[Tensor], **options: Any
) -> tuple[list[Tensor], list[Tensor]]:
    """The results and the gradients of one run."""
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    results = _results(layer, *leaves, **options)
    chance = torch.Generator().manual_seed(1)
    draws = (torch.randn(r.shape, dtype=r.dtype, generator=chance) for r in results)
    loss = sum((r * d).sum() for r, d in zip(results, draws, strict=True))
    assert isinstance(loss, Tensor)
    sources = [*leaves, *layer.parameters()]
    found = torch.autograd.grad(loss, sources, allow_unused=True, materialize_grads=True)
    return [result.detach() for result in results], list(found)


def _small(case: Case, **arguments: Any) -> Recurrent:
    """A layer of odd widths, with weights so small that rounding does not grow over time."""
    sizes: dict[str, Any] = {"input_size": 5, "hidden_size": 37}
    layer = case.layer(**(sizes | arguments))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(0.2)
    return layer


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def test_every_operation_is_native() -> None:
    assert {*EVERY, *BACKWARD} <= native.operations().keys()


@every_case
def test_every_case_is_served(case: Case) -> None:
    layer = case.layer()
    assert cpu.serves(layer.program, *layer.parameters())


@pytest.mark.parametrize(
    ("dtype", "lengths", "traced"),
    [
        pytest.param(torch.float64, None, False, id="f64-dense"),
        pytest.param(torch.float64, RAGGED, True, id="f64-ragged-traced"),
        pytest.param(torch.float32, RAGGED, False, id="f32-ragged"),
        pytest.param(torch.float32, None, True, id="f32-dense-traced"),
    ],
)
@every_case
def test_values_and_gradients_are_the_reference_s(
    case: Case, dtype: torch.dtype, lengths: list[int] | None, traced: bool
) -> None:
    layer = _small(case, dtype=dtype, bidirectional=True)
    leaves = _leaves(layer, 5, len(RAGGED))
    options: dict[str, Any] = {"lengths": lengths, "trace": traced}
    with using("reference"):
        results, gradients = _both(layer, leaves, **options)
    assert_equal(_results(layer, *leaves, **options), results, "output")
    assert_equal(_gradients(layer, leaves, **options), gradients, "gradient")


@pytest.mark.parametrize("target", native.instruction_sets())
@every_cell
def test_every_instruction_set_agrees(
    case: Case, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = _small(case, dtype=torch.float32, hidden_size=53)
    leaves = _leaves(layer, 6, 13)
    with using("reference"):
        results, gradients = _both(layer, leaves)
    monkeypatch.setattr(native, "target", lambda: target)
    assert_equal(_results(layer, *leaves), results, "output")
    assert_equal(_gradients(layer, leaves), gradients, "gradient")


@pytest.mark.parametrize("rows", [1, 2, 13, 40])
@every_cell
def test_the_bits_depend_neither_on_threads_nor_on_batch_mates(case: Case, rows: int) -> None:
    layer = _small(case, dtype=torch.float32, input_size=19, hidden_size=300)
    leaves = _leaves(layer, 4, rows)
    with _threads(1):
        alone = [_results(layer, *(leaf[:, r : r + 1] for leaf in leaves)) for r in range(rows)]
    for threads in (1, 2, 3):
        with _threads(threads):
            found = _results(layer, *leaves)
        for row, expected in enumerate(alone):
            assert_equal([value[:, row : row + 1] for value in found], expected, "bits")


@every_cell
def test_ragged_rows_have_the_bits_of_each_row_alone(case: Case) -> None:
    layer = _small(case, dtype=torch.float32, bidirectional=True)
    x, *states = _leaves(layer, 5, len(RAGGED))
    outputs, *last = _results(layer, x, *states, lengths=RAGGED)
    for row, length in enumerate(RAGGED):
        own = [state[:, row : row + 1] for state in states]
        alone = _results(layer, x[:length, row : row + 1], *own) if length else [None, *own]
        if length:
            assert_equal(outputs[:length, row : row + 1], alone[0], "bits")
        assert_equal([state[:, row : row + 1] for state in last], alone[1:], "bits")


@every_cell
def test_a_checkpoint_changes_memory_alone(case: Case) -> None:
    layer = _small(case, bidirectional=True)
    leaves = _leaves(layer, 17, 4)
    for lengths in (None, [17, 3, 0, 11]):
        plain = _results(layer, *leaves, lengths=lengths)
        saved = _results(layer, *leaves, lengths=lengths, checkpoint=True)
        assert_equal(saved, plain, "bits")
        expected = _gradients(layer, leaves, lengths=lengths, trace=True)
        found = _gradients(layer, leaves, lengths=lengths, trace=True, checkpoint=True)
        assert_equal(found, expected, "gradient")


@every_cell
def test_a_second_backward_is_the_first(case: Case) -> None:
    layer = _small(case)
    x = draw(5, 3, 5).requires_grad_()
    outputs, _, traced = layer(x, trace=True)
    before = {name: value.detach().clone() for name, value in traced.items()}
    loss = outputs.square().sum()
    first = torch.autograd.grad(loss, [x, *layer.parameters()], retain_graph=True)
    assert_equal({name: value.detach() for name, value in traced.items()}, before, "bits")
    assert_equal(torch.autograd.grad(loss, [x, *layer.parameters()]), first, "bits")


def test_what_a_user_changes_in_place_is_noticed() -> None:
    layer = Recurrent("lstm", 3, 4)
    outputs, _ = layer(draw(5, 2, 3, dtype=torch.float32))
    outputs.relu_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()
    with torch.no_grad():
        outputs, (h, _) = layer(draw(5, 2, 3, dtype=torch.float32))
        kept = h.clone()
        outputs.zero_()
    assert_equal(h, kept, "bits")


@every_cell
def test_the_gradient_of_the_gradient_is_the_reference_s(case: Case) -> None:
    layer, x = _small(case), draw(4, 3, 5)

    def twice() -> list[Tensor]:
        leaf = x.clone().requires_grad_()
        (first,) = torch.autograd.grad(layer(leaf)[0].sin().sum(), leaf, create_graph=True)
        return list(torch.autograd.grad(first.square().sum(), [leaf, *layer.parameters()]))

    with using("reference"):
        expected = twice()
    assert_equal(twice(), expected, "gradient")


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_torch_s_transforms_give_the_reference_s_values() -> None:
    layer, x, along = _small(Case("gru")), draw(4, 3, 5), draw(4, 3, 5)

    def run(value: Tensor) -> Tensor:
        return layer(value)[0]

    def everything() -> list[Tensor]:
        batch = torch.stack([x, along])
        return [
            torch.func.jvp(run, (x,), (along,))[1],
            torch.func.vmap(run)(batch),
            torch.func.grad(lambda value: run(value).sum())(x),
        ]

    with using("reference"):
        expected = everything()
    assert_equal(everything(), expected, "gradient")


def test_a_cell_without_parameters_runs_all_the_same() -> None:
    program = trace(Equation(lambda h: torch.tanh(h)))
    h = draw(2, 3)
    found = scan(program, draw(4, 2, 1), {}, (h,))
    assert_equal(found.outputs[1], h.tanh().tanh(), "output")


def test_only_what_is_wanted_has_a_gradient() -> None:
    layer = _small(Case("lstm"))
    layer.requires_grad_(False)
    x = draw(4, 3, 5).requires_grad_()
    layer(x)[0].sum().backward()
    assert x.grad is not None
    assert all(parameter.grad is None for parameter in layer.parameters())
    layer.weight_hh_l0.requires_grad_(True)
    layer(x.detach())[0].sum().backward()
    assert layer.weight_hh_l0.grad is not None
    assert layer.weight_ih_l0.grad is None


def _saved_bytes(layer: nn.Module, x: Tensor) -> int:
    seen: dict[int, int] = {}
    own = {parameter.data_ptr() for parameter in layer.parameters()} | {x.data_ptr()}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        outputs = layer(x)[0]
    seen[outputs.untyped_storage().data_ptr()] = outputs.untyped_storage().nbytes()
    return sum(seen.values())


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_what_is_kept_for_the_gradient_is_at_most_torch_s(name: str) -> None:
    x = torch.randn(50, 8, 64, requires_grad=True)
    ours, theirs = (getattr(home, name)(64, 64, bias=False) for home in (hg, nn))
    assert _saved_bytes(ours, x) <= _saved_bytes(theirs, x)


def test_a_checkpoint_keeps_the_root_of_the_states() -> None:
    x = torch.randn(400, 2, 8, requires_grad=True)

    class Saving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = hg.LSTM(8, 16, bias=False)

        def forward(self, value: Tensor) -> Any:
            return self.rnn(value, checkpoint=True)

    outputs = 400 * 2 * 16 * 4
    assert _saved_bytes(Saving(), x) <= outputs + 2 * 22 * 2 * 16 * 4  # 20 spans, both ends


@every_cell
def test_numbers_that_are_none_spread_as_in_the_reference(case: Case) -> None:
    layer = _small(case, dtype=torch.float32)
    for value in (NAN, INF, -INF, 50.0, -50.0, 1e-39):
        x, *states = _leaves(layer, 4, 7)
        x[2, 3, 1] = value
        with using("reference"):
            expected = _results(layer, x, *states)
        assert_equal(_results(layer, x, *states), expected, "output")


def test_denormals_outside_stay_what_they_were() -> None:
    tiny = torch.tensor([1e-39])
    _small(Case("gru"), dtype=torch.float32)(draw(3, 2, 5, dtype=torch.float32))
    assert (tiny * 1.0).item() == tiny.item() > 0


def _renamed(x, W, s, m):
    """The LSTM with other names, in another order."""
    out = torch.sigmoid(W.four(s) + x.four)
    new = torch.tanh(x.three + W.three(s))
    keep = torch.sigmoid(x.one + W.one(s))
    let = torch.sigmoid(W.two(s) + x.two)
    m = new * let + keep * m
    return torch.tanh(m) * out, m


def _work(program: Program) -> list[tuple[int, int]]:
    """How many products and instructions each stage has, forward and backward."""
    found = plan(program, grad=True, traced=False, outer=frozenset(program.states[:1]))
    assert found.gradient is not None
    stages = [*found.forward.schedule.stages, *found.gradient.schedule.stages]
    return [(len(s.matmuls), len(s.nodes) + len(s.loads) + len(s.stores)) for s in stages]


def test_a_cell_by_another_name_is_the_same_work() -> None:
    mine, theirs = trace(Equation(_renamed)), trace(equation("lstm"))
    assert _work(mine) == _work(theirs)
    assert mine.states == ("s", "m")


def test_an_input_is_projected_into_the_memory_of_its_gate() -> None:
    program = trace(equation("lstm"))
    found = plan(program, grad=True, traced=False)
    assert {place.buffer[0] for place in found.forward.kept.values()} == {"input"}
    assert code_of(found.forward.schedule) is code_of(found.forward.schedule)


def test_several_threads_of_python_at_once() -> None:
    layer = _small(Case("lstm"), dtype=torch.float32, hidden_size=64)
    inputs = [draw(20, 8, 5, dtype=torch.float32) for _ in range(8)]
    expected = [_gradients(layer, [x]) for x in inputs]
    start = threading.Barrier(4)

    def work(number: int) -> list[list[Tensor]]:
        start.wait()
        return [_gradients(layer, [x]) for x in inputs[number::4]]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    for number, gradients in enumerate(found):
        assert_equal(gradients, expected[number::4], "gradient")


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("lengths", [None, [4, 2, 5]], ids=["dense", "ragged"])
def test_a_graph_is_freed_with_its_outputs(lengths: list[int] | None, checkpoint: bool) -> None:
    layer, x = _small(Case("lstm")), draw(5, 3, 5).requires_grad_()
    alive = weakref.ref(x)
    gc.disable()
    try:
        found = layer(x, lengths=lengths, trace=True, checkpoint=checkpoint)
        del x, found
        assert alive() is None
    finally:
        gc.enable()


def test_a_forked_child_uses_one_thread_and_does_not_hang() -> None:
    layer, x = _small(Case("gru"), dtype=torch.float32), draw(6, 16, 5, dtype=torch.float32)
    with _threads(2):
        expected = _results(layer, x)
        context = multiprocessing.get_context("fork")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
            receive, send = context.Pipe(duplex=False)

            def work() -> None:
                with torch.no_grad():
                    send.send(bool(torch.equal(_results(layer, x)[0], expected[0])))

            child = context.Process(target=work)
            child.start()
        assert receive.poll(60)
        assert receive.recv()
        child.join()
