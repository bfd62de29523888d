"""An encoder-decoder: its equations in every order, and that steps, padding and beams agree."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.decoding import Penalties, Rows, beam, length_norm
from headgate.equations import CELLS
from headgate.equations.attention import SCORES
from headgate.errors import CellError, HeadgateError, ShapeError, UnknownNameError
from headgate.models import ORDERS, EncoderDecoder, Memory, TokenEmbedding, build_encoder_decoder

V_SOURCE, V_TARGET, E, N = 9, 8, 4, 6
LENGTHS = torch.tensor([5, 2, 4])
every_order = pytest.mark.parametrize("order", ORDERS)
every_score = pytest.mark.parametrize("score", sorted(SCORES))


def build(order: str = "luong", *, shared: bool = False, **options: Any) -> EncoderDecoder:
    source = TokenEmbedding(V_TARGET if shared else V_SOURCE, E)
    target = source if shared else TokenEmbedding(V_TARGET, E)
    wishes = {"cell": "lstm", "hidden_size": N, "order": order} | options
    if wishes.get("attention") == "location":
        wishes["max_source"] = 7
    return build_encoder_decoder(source, target, **wishes).double()


def sources() -> Tensor:
    ids = torch.randint(1, V_TARGET, (3, 5))
    return ids * (torch.arange(5) < LENGTHS[:, None])


def targets(steps: int = 4) -> Tensor:
    return torch.randint(1, V_TARGET, (3, steps))


def states(memory: Memory) -> list[Tensor]:
    keys = memory.keys
    parts = [*memory.states, memory.fed, memory.looked]
    parts += [] if keys is None else [keys.values, keys.projected, keys.mask]
    return [part for part in parts if part is not None]


def one_step(network: EncoderDecoder, y: Tensor, memory: Memory, fed: Tensor) -> Any:
    """A step of one row as the papers write it, for a score that needs no preparing."""
    attention: Any = network.attention
    assert memory.keys is not None

    def look(d: Tensor) -> tuple[Tensor, Tensor]:
        scores = torch.stack([d @ (attention.key.weight @ e) for e in memory.keys.values[0]])  # type: ignore[union-attr]
        a = scores.softmax(0)
        return a @ memory.keys.values[0], a  # type: ignore[union-attr]

    x, a, c = network.target.table.weight[y], None, None
    if network.order == "input_feeding":
        x = torch.cat([x, fed])
    if network.order == "bahdanau":
        c, a = look(memory.states[0][-1, 0])
        x = torch.cat([x, c])
    d, last = network.decoder(x[None, None], memory.states)
    if c is None:
        c, a = look(d[0, 0])
    o = (network.combine.weight @ torch.cat([c, d[0, 0]]) + network.combine.bias).tanh()
    return o, a, memory.after(last, memory.fed)


@every_order
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_equations_are_the_papers(order: str, cell: str) -> None:
    network, ids, given = build(order, cell=cell, num_layers=2), sources()[:1], targets()[:1]
    memory = network.encode(ids, LENGTHS[:1])
    features, _, weights = network.decode(given, memory)
    o = torch.zeros(E, dtype=torch.float64)
    assert weights is not None
    for step, y in enumerate(given[0]):
        o, a, memory = one_step(network, y, memory, o)
        assert_equal(features[0, step], o, "output")
        assert_equal(weights[0, step], a, "output")


@every_order
@every_score
@pytest.mark.parametrize("layers", [1, 2])
def test_steps_are_the_whole_run(order: str, score: str, layers: int) -> None:
    network, given = build(order, attention=score, num_layers=layers).eval(), targets()
    memory = network.encode(sources(), LENGTHS)
    features, last, weights = network.decode(given, memory)
    whole = network.logits(features).log_softmax(-1)
    for step in range(given.shape[1]):
        found, memory = network.step(given[:, step], memory)
        assert_equal(found, whole[:, step], "output")
    assert weights is not None
    assert_equal(memory.states, last.states, "output")
    assert_equal(memory.looked, weights.sum(1), "output")
    assert (memory.fed is None) == (last.fed is None) == (order != "input_feeding")


@every_order
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_cell_takes_every_order(order: str, cell: str) -> None:
    network, given = build(order, cell=cell).eval(), targets(3)
    memory = network.encode(sources(), LENGTHS)
    whole = network.logits(network.decode(given, memory)[0]).log_softmax(-1)
    for step in range(3):
        found, memory = network.step(given[:, step], memory)
        assert_equal(found, whole[:, step], "output")


@every_order
@every_score
def test_padding_changes_nothing(order: str, score: str) -> None:
    network, ids, given = build(order, attention=score).eval(), sources(), targets()
    features, _, weights = network.decode(given, network.encode(ids, LENGTHS))
    assert weights is not None
    for row, length in enumerate(LENGTHS.tolist()):
        alone = network.encode(ids[row : row + 1, :length], LENGTHS[row : row + 1])
        one, _, looked = network.decode(given[row : row + 1], alone)
        assert_equal(features[row], one[0], "output")
        assert looked is not None
        assert_equal(weights[row, :, :length], looked[0], "output")
        assert not weights[row, :, length:].any()


@pytest.mark.parametrize("score", [None, "general", "dot"])
@every_order
def test_rows_are_kept_repeated_and_reordered(order: str, score: str | None) -> None:
    if score is None and order != "luong":
        return
    network, given = build(order, attention=score).eval(), targets()
    chosen = torch.tensor([2, 0, 2])
    _, memory = network.step(given[:, 0], network.encode(sources(), LENGTHS))
    picked = network.select(memory, chosen)
    for part, whole in zip(states(picked), states(memory), strict=True):
        layers = any(whole is state for state in memory.states)
        assert torch.equal(part, whole[:, chosen] if layers else whole[chosen])
    following = network.step(given[:, 1], memory)[0][chosen]
    assert_equal(network.step(given[chosen, 1], picked)[0], following, "output")


@every_order
@every_score
def test_a_gradient_reaches_every_parameter(order: str, score: str) -> None:
    network = build(order, attention=score, num_layers=2)
    features = network.decode(targets(), network.encode(sources(), LENGTHS))[0]
    network.logits(features).log_softmax(-1)[..., 3].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@every_order
def test_the_gradient_is_that_of_finite_differences(order: str) -> None:
    network, ids, given = build(order, attention="additive"), sources(), targets(3)
    names = [name for name, _ in network.named_parameters()]

    class Loss(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self) -> Tensor:
            features = self.network.decode(given, self.network.encode(ids, LENGTHS))[0]
            return self.network.logits(features).log_softmax(-1)[..., 2].mean()

    def run(*weights: Tensor) -> Any:
        named = {f"network.{name}": each for name, each in zip(names, weights, strict=True)}
        return torch.func.functional_call(Loss(), named, ())

    leaves = tuple(p.detach().clone().requires_grad_() for p in network.parameters())
    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)


def test_what_is_fed_back_is_what_the_output_layer_took() -> None:
    network = build("input_feeding")
    memory = network.encode(sources(), LENGTHS)
    assert memory.fed is not None
    assert not memory.fed.any()
    features, after, _ = network.decode(targets(), memory)
    assert after.fed is not None
    assert torch.equal(after.fed, features[:, -1])


@every_order
@torch.no_grad()
def test_a_search_sees_how_the_source_was_looked_at(order: str) -> None:
    network, ids = build(order).eval(), sources()
    penalties, start = Penalties(0.7, 0.5), network.encode(ids, LENGTHS)
    found = beam(network, start, Rows(3, bos=2, eos=3, max_length=3), width=3, penalties=penalties)
    for row, length in enumerate(LENGTHS.tolist()):
        best = found[row][0]
        given = torch.tensor([[2, *best.tokens][: len(best.tokens) + best.finished]])
        memory = network.encode(ids[row : row + 1, :length], LENGTHS[row : row + 1])
        weights = network.decode(given, memory)[2]
        assert weights is not None
        looked = weights[0].sum(0).clamp(max=1.0).log().sum().item()
        norm = length_norm(given.shape[1], 0.7)
        assert best.score == pytest.approx(best.log_probability / norm + 0.5 * looked)
        assert looked < 0 or length < 4


def test_without_attention_there_is_nothing_to_cover() -> None:
    network = build(attention=None).eval()
    memory = network.encode(sources(), LENGTHS)
    assert network.coverage(memory) is None
    assert memory.keys is None
    with pytest.raises(HeadgateError, match="has no attention"):
        beam(network, memory, Rows(3, bos=2, eos=3, max_length=4), penalties=Penalties(1.0, 0.5))


def test_one_table_for_both_sides_is_kept_once() -> None:
    network, other = build(shared=True), build(shared=True)
    state = network.state_dict()
    assert "target.table.weight" in state
    assert "source.table.weight" not in state
    other.load_state_dict(load(save(state)))
    assert other.source is other.target
    ids, given = sources(), targets()
    for each in (other, copy.deepcopy(network)):
        features = each.decode(given, each.encode(ids, LENGTHS))[0]
        wanted = network.decode(given, network.encode(ids, LENGTHS))[0]
        assert_equal(features, wanted, "bits")
        assert each.source.table.weight is each.target.table.weight
    apart = sum(p.numel() for p in build().parameters()) - V_SOURCE * E
    assert sum(p.numel() for p in network.parameters()) == apart


WRONG: list[tuple[dict[str, Any], type[HeadgateError], str]] = [
    ({"order": "luon"}, UnknownNameError, "unknown order of attention 'luon'; did you mean"),
    ({"order": "bahdanau", "attention": None}, CellError, "and there is none: name an attention"),
    ({"order": "input_feeding", "attention": None}, CellError, "'input_feeding' takes what"),
    (
        {"order": "bahdanau", "recurrent_dropout": 0.1},
        CellError,
        "same units at every step, but in the order 'bahdanau'",
    ),
    ({"hidden_size": 5}, ShapeError, "it is even, not 5"),
]


@pytest.mark.parametrize(("options", "error", "message"), WRONG)
def test_what_does_not_fit_is_named(
    options: dict[str, Any], error: type[HeadgateError], message: str
) -> None:
    with pytest.raises(error, match=message):
        build(**options)
