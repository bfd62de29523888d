"""What a stream reads from modules, and what it refuses when it is made."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.streams import draw_input, whole
from tests.tolerances import assert_equal
from torch import Tensor, nn

import headgate as hg
from headgate.errors import CellError, ShapeError, StreamError
from headgate.kernels.links import Cell, Lookup, Projection, features_of, width_of
from headgate.layers import GRU, LSTM, RNN, Linear, Output, Recurrent
from headgate.models.embedding import TokenEmbedding
from headgate.models.pooling import Pool
from headgate.streaming import Stream
from headgate.streaming.parts import links_of


def _kinds(*modules: nn.Module) -> list[type]:
    return [type(link) for link in links_of(modules)]


def test_every_module_becomes_its_links() -> None:
    assert _kinds(nn.Embedding(4, 3)) == [Lookup]
    assert _kinds(TokenEmbedding(4, 3)) == [Lookup]
    assert _kinds(Recurrent("gru", 3, 4, num_layers=3)) == [Cell] * 3
    assert _kinds(LSTM(3, 4, num_layers=2)) == [Cell] * 2
    assert _kinds(Linear(3, 4)) == _kinds(nn.Linear(3, 4)) == [Projection]
    assert _kinds(Output(3, 4)) == [Projection]
    assert _kinds(Output(3, 4, activation="tanh")) == [Cell]
    assert _kinds(Recurrent("gru", 3, 4), Pool("last")) == [Cell]
    assert _kinds(Recurrent("gru", 3, 4), Pool("mean")) == [Cell] * 2
    inner = nn.Sequential(nn.Dropout(0.5), nn.Sequential(Linear(4, 2), nn.Identity()))
    assert _kinds(Recurrent("gru", 3, 4), inner) == [Cell, Projection]
    assert _kinds(nn.Sequential(nn.Embedding(4, 3), Recurrent("gru", 3, 4), Pool("max"))) == [
        Lookup, Cell, Cell
    ]  # fmt: skip


def test_links_tell_what_goes_in_and_out() -> None:
    links = links_of([nn.Embedding(9, 3), LSTM(3, 8, proj_size=5), Pool("mean+max"), Linear(10, 2)])
    assert [features_of(link) for link in links] == [None, 3, 5, 10]
    assert [width_of(link) for link in links] == [3, 5, 10, 2]
    residual = links_of([Recurrent("gru", 4, 4, num_layers=3, residual=True)])
    assert [isinstance(link, Cell) and link.residual for link in residual] == [False, True, True]


def test_a_stream_shows_what_it_takes_and_gives() -> None:
    assert repr(Stream(nn.Embedding(9, 3))) == "<Stream of ids to 3, rows=None>"
    assert repr(Stream(Linear(4, 2), rows=5)) == "<Stream of 4 features to 2, rows=5>"
    stream = Stream(Linear(4, 2), rows=5)
    assert (stream.rows, stream.output_size, stream.position) == (5, 2, [0] * 5)
    with stream as same:
        assert same is stream
    assert hg.Stream is Stream


def test_modes_and_random_states_are_those_of_evaluation() -> None:
    layer = Recurrent("gru", 3, 4, initial_state="random", zoneout=0.3, recurrent_dropout=0.4)
    assert layer.training
    x = draw_input([layer], 4, 1)
    expected = whole([layer], x)[:, 0]
    assert_equal(Stream(layer).steps(x[:, 0]), expected, "output")
    assert_equal(Stream(layer.eval()).steps(x[:, 0]), expected, "output")


def test_an_own_cell_runs() -> None:
    @hg.cell(name="leaky")
    def leaky(x: Any, W: Any, h: Any) -> Any:
        return 0.5 * h + 0.5 * torch.tanh(x.candidate + W.candidate(h))

    layer = Recurrent(leaky, 3, 4, num_layers=2)
    x = draw_input([layer], 5, 1)
    assert_equal(Stream(layer).steps(x[:, 0]), whole([layer], x)[:, 0], "output")


def test_weights_from_a_parametrization_are_read() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    x = torch.randn(5, 3)
    with torch.no_grad():
        assert_equal(Stream(layer).steps(x), layer(x), "output")


class _Doubled(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


class _Around(nn.Sequential):
    def forward(self, input: Tensor) -> Tensor:
        return input + super().forward(input)


class _Named(Linear):
    """Linear by another name: its forward is Linear's own."""


def _patched() -> nn.Module:
    layer = Linear(3, 3)
    layer.forward = lambda input: input  # type: ignore[method-assign]
    return layer


@pytest.mark.parametrize("module", [_Doubled(3, 3), _Around(Linear(3, 3)), _patched()])
def test_a_forward_of_its_own_is_no_stream(module: nn.Module) -> None:
    for modules in ([module], [nn.Sequential(module)]):
        with pytest.raises(StreamError, match="has a forward of its own"):
            Stream(*modules)


def test_a_subclass_that_runs_as_its_base_is_read() -> None:
    layer = _Named(3, 2)
    x = torch.randn(3)
    with torch.no_grad():
        assert_equal(Stream(layer).step(x), layer(x), "output")


@pytest.mark.parametrize(
    "module", [nn.ReLU(), nn.LayerNorm(3), nn.Conv1d(3, 3, 1), nn.Flatten(), nn.GRUCell(3, 3)]
)
def test_what_has_no_stream_is_named_with_what_has(module: nn.Module) -> None:
    with pytest.raises(StreamError, match=rf"^{type(module).__name__} cannot be run.*Recurrent"):
        Stream(module)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_torchs_own_layers_are_pointed_to_their_twins(name: str) -> None:
    layer = getattr(nn, name)(3, 4)
    with pytest.raises(StreamError, match=rf"torch\.nn\.{name}.*accelerate"):
        Stream(layer)
    hg.accelerate(layer)
    assert Stream(layer).output_size == 4


def test_both_directions_have_no_stream_and_two_ways_out() -> None:
    twins = [kind(3, 4, bidirectional=True) for kind in (RNN, LSTM, GRU)]
    for module in (Recurrent("gru", 3, 4, bidirectional=True), *twins):
        with pytest.raises(StreamError, match=r"bidirectional=False, or give it whole pieces"):
            Stream(module)


def test_an_embedding_stands_first() -> None:
    for modules in (
        [Linear(3, 3), nn.Embedding(4, 3)],
        [nn.Sequential(nn.Embedding(4, 3), nn.Embedding(4, 3))],
        [nn.Embedding(4, 3), nn.Sequential(TokenEmbedding(4, 3))],
    ):
        with pytest.raises(StreamError, match="stands first"):
            Stream(*modules)


def test_a_pool_does_not_stand_first() -> None:
    for name in ("last", "mean"):
        with pytest.raises(StreamError, match="does not stand first"):
            Stream(Pool(name))
    with pytest.raises(StreamError, match="does not stand first"):
        Stream(nn.Dropout(), nn.Sequential(Pool("max")))


def test_nothing_is_no_stream() -> None:
    for modules in ([], [nn.Sequential()], [nn.Dropout(), nn.Identity()]):
        with pytest.raises(StreamError, match="at least one module"):
            Stream(*modules)


def test_what_is_no_module_is_named(unchecked: None) -> None:
    for bad in (3, None, [Linear(2, 2)], "gru"):
        with pytest.raises(StreamError, match=rf"^{type(bad).__name__} cannot be run"):
            Stream(bad)  # type: ignore[arg-type]


def test_sizes_follow_one_another() -> None:
    message = "takes 5 features, but the one before gives 4"
    with pytest.raises(ShapeError, match=message):
        Stream(Recurrent("gru", 3, 4), Linear(5, 2))
    with pytest.raises(ShapeError, match=message):
        Stream(nn.Embedding(9, 4), nn.Sequential(Recurrent("gru", 5, 5)))
    with pytest.raises(ShapeError, match="takes 4 features, but the one before gives 8"):
        Stream(Recurrent("gru", 3, 4), Pool("mean+max"), Linear(4, 2))


def test_types_of_number_are_alike() -> None:
    with pytest.raises(StreamError, match=r"not of torch\.float32 on cpu and torch\.float64"):
        Stream(nn.Embedding(9, 4), Recurrent("gru", 4, 5).double())
    head = Linear(5, 2)
    assert head.bias is not None
    head.bias.data = head.bias.data.double()
    with pytest.raises(StreamError, match="alike in dtype"):
        Stream(Recurrent("gru", 4, 5), head)


@pytest.mark.parametrize("size", [1, 3, 9])
def test_a_bias_fits_its_weight(size: int) -> None:
    head = Linear(5, 4)
    head.bias = nn.Parameter(torch.zeros(size))
    with pytest.raises(ShapeError, match=rf"weight \(4, 5\) and a bias \({size},\) differ"):
        Stream(head)


def test_an_embedding_that_changes_as_it_is_read_is_refused() -> None:
    with pytest.raises(StreamError, match="max_norm"):
        Stream(nn.Embedding(4, 3, max_norm=1.0))


def test_softmax_is_taken_behind_the_stream() -> None:
    with pytest.raises(StreamError, match="take the softmax of what comes out"):
        Stream(Output(3, 4, activation="softmax"))


def test_an_output_whose_function_is_no_equation_says_so() -> None:
    with pytest.raises(CellError):
        Stream(Output(3, 4, activation=lambda a: a.cumsum(-1)))


@pytest.mark.parametrize("bad", [0, -1, 2.0, "3"])
def test_rows_and_rewind_are_whole_numbers(bad: Any, unchecked: None) -> None:
    with pytest.raises(ShapeError, match="rows is a positive integer"):
        Stream(Linear(2, 2), rows=bad)
    if bad != 0:
        with pytest.raises(ShapeError, match="rewind is a number of steps"):
            Stream(Linear(2, 2), rewind=bad)


def test_hooks_would_go_unseen_so_they_are_refused() -> None:
    layer = Linear(3, 4)
    handle = layer.register_forward_hook(lambda *given: given[-1])
    with pytest.raises(StreamError, match="Linear has forward hooks"):
        Stream(layer)
    handle.remove()
    assert Stream(layer).output_size == 4


@pytest.mark.parametrize("make", [lambda: nn.LazyLinear(3), lambda: nn.Linear(2, 3, device="meta")])
def test_weights_without_numbers_are_refused(make: Any) -> None:
    with pytest.raises(StreamError, match="has no numbers yet"):
        Stream(make())


def test_a_cell_without_parameters_streams() -> None:
    @hg.cell
    def counter(x, h):
        return h + 1

    layer = hg.Recurrent(counter, 4, 3)
    hg.CELLS.pop("counter")
    stream = Stream(Linear(4, 4), layer)
    assert stream.steps(torch.zeros(3, 4))[:, 0].tolist() == [1.0, 2.0, 3.0]
