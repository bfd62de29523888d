"""The law of streams, for stacks, chains and sizes: cut anywhere, a stream is the whole run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.cases import Case, every_dtype, every_option
from tests.streams import ODD, draw_input, drawn_pool, equal, in_pieces, keeps_the_law, whole
from tests.tolerances import assert_equal
from torch import nn

from headgate.equations.activations import ACTIVATIONS
from headgate.layers import GRU, LSTM, RNN, Linear, Output, Recurrent
from headgate.models.embedding import TokenEmbedding
from headgate.models.pooling import POOLS, Pool
from headgate.streaming import Stream


def _token_chain() -> list[nn.Module]:
    embedding = TokenEmbedding(11, 5, dropout=0.3, token_dropout=0.3)
    layers = Recurrent("gru", 5, 7, num_layers=2, dropout=0.4)
    return [embedding, layers, nn.Sequential(nn.Dropout(0.5), Linear(7, 4), nn.Identity())]


def _pooled(pool: str) -> list[nn.Module]:
    layer, wide = Recurrent("lstm", 3, 5), POOLS[pool].width * 5
    return [layer, drawn_pool(pool, 5), nn.Sequential(nn.Dropout(0.2), Linear(wide, 4))]


@every_option
def test_a_residual_stack_of_learned_states(case: Case) -> None:
    layer = case.layer(num_layers=2, residual=True, initial_state="learned").eval()
    keeps_the_law([layer.float()], steps=5)


TWINS: dict[str, Callable[[], nn.Module]] = {
    "lstm": lambda: LSTM(3, 7, num_layers=2, dropout=0.5),
    "lstm-proj": lambda: LSTM(3, 7, proj_size=4, num_layers=2),
    "lstm-bias": lambda: LSTM(3, 7, bias=False, batch_first=True),
    "gru": lambda: GRU(3, 7, num_layers=2),
    "gru-bias": lambda: GRU(3, 7, bias=False),
    "rnn": lambda: RNN(3, 7, batch_first=True),
    "rnn-relu": lambda: RNN(3, 7, nonlinearity="relu", num_layers=2),
}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
@every_dtype
@pytest.mark.parametrize("name", TWINS)
def test_the_layers_of_torch_in_pieces_are_the_whole_run(name: str, dtype: torch.dtype) -> None:
    keeps_the_law([TWINS[name]().to(dtype)])


CHAINS: dict[str, Callable[[], list[nn.Module]]] = {
    "tokens": _token_chain,
    "embedding": lambda: [nn.Embedding(6, 3), Recurrent("lem", 3, 4), Output(4, 2)],
    "bottleneck": lambda: [
        Linear(3, 9), Recurrent("lstm", 9, 33), Linear(33, 2, bias=False),
        Recurrent("gru", 2, 17, layer_norm=True), Linear(17, 5),
    ],
    "linear": lambda: [Linear(7, 5)],
    "lookup": lambda: [nn.Embedding(6, 3)],
    "pooled lookup": lambda: [nn.Embedding(6, 3), Pool("mean+max"), Linear(6, 2)],
    "two pools": lambda: [
        Recurrent("gru", 2, 3), Pool("mean"), Recurrent("rnn", 3, 4), Pool("max")
    ],
    "batch first": lambda: [Recurrent("mgu", 3, 4, batch_first=True, num_layers=2), Linear(4, 4)],
    **{f"pool {name}": (lambda name=name: _pooled(name)) for name in POOLS},
}  # fmt: skip


@every_dtype
@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_in_pieces_is_the_whole_run(name: str, dtype: torch.dtype) -> None:
    keeps_the_law([module.to(dtype) for module in CHAINS[name]()], steps=70)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_output_of_any_activation_is_near_the_whole_run(activation: str, bias: bool) -> None:
    modules = [Recurrent("rnn", 3, 5), Output(5, 4, activation=activation, bias=bias)]
    x = draw_input(modules, 6, 3)
    assert_equal(in_pieces(Stream(*modules, rows=3), x), whole(modules, x), "output")


@every_dtype
@pytest.mark.parametrize("units", ODD)
@pytest.mark.parametrize("features", ODD)
def test_odd_sizes_keep_the_law(features: int, units: int, dtype: torch.dtype) -> None:
    modules = [GRU(features, units), LSTM(units, features), Linear(features, units)]
    keeps_the_law([module.to(dtype) for module in modules], steps=4)


@pytest.mark.parametrize("rows", ODD)
def test_a_row_alone_is_that_row_of_any_batch(rows: int) -> None:
    modules = [Recurrent("lstm", 5, 33, layer_norm=True), Pool("mean+max"), Linear(66, 7)]
    x = draw_input(modules, 67, rows)
    stream = Stream(*modules, rows=rows)
    found = in_pieces(stream, x)
    equal(found, whole(modules, x))
    for row in {0, rows // 2, rows - 1}:
        equal(in_pieces(Stream(*modules), x[:, row]), found[:, row])


def test_a_long_chunk_is_its_steps() -> None:
    modules = _token_chain()
    x = draw_input(modules, 3001, 1)
    one, all_at_once = Stream(*modules), Stream(*modules)
    found = all_at_once.steps(x[:, 0])
    equal(torch.stack([one.step(id) for id in x[:, 0]]), found)
    assert one.state == all_at_once.state


def test_training_mode_and_gradients_change_nothing() -> None:
    modules = _token_chain()
    assert all(module.training for module in modules)
    x = draw_input(modules, 5, 3)
    found = Stream(*modules, rows=3).steps(x)
    equal(found, whole(modules, x))
    assert not found.requires_grad
