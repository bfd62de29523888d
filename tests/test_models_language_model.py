"""A language model: what it may see, what it carries, what it shares, and that it learns."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from tests.tolerances import assert_equal
from torch import nn
from torch.nn import functional

from headgate.errors import ShapeError
from headgate.layers import Recurrent
from headgate.models import LanguageModel, TokenEmbedding
from headgate.streaming import Stream

V, E, N = 11, 5, 7
KINDS = {
    "apart": {"tie": False, "units": N},
    "tied": {"tie": True, "units": E},
    "tied through a projection": {"tie": True, "units": N},
}


def build(kind: str = "apart", *, cell: str = "lstm", **options: Any) -> LanguageModel:
    chosen = KINDS[kind]
    recurrent = Recurrent(cell, E, chosen["units"], num_layers=2)
    model = LanguageModel(TokenEmbedding(V, E), recurrent, tie=chosen["tie"], **options)
    assert isinstance(model.output, nn.Linear)
    nn.init.normal_(model.output.bias)
    return model


def tokens(rows: int = 3, steps: int = 6) -> torch.Tensor:
    return torch.randint(1, V, (rows, steps))


@pytest.mark.parametrize("kind", KINDS)
def test_the_parts_one_after_another_are_the_model(kind: str) -> None:
    model, ids = build(kind), tokens()
    logits, _ = model(ids)
    y: Any = ids
    for part in model.parts:
        y = part(y)[0] if isinstance(part, Recurrent) else part(y)
    assert logits.shape == (6, 3, V)
    assert_equal(y, logits, "bits")


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_takes_the_parts(kind: str) -> None:
    model, ids = build(kind, dropout=0.5).eval(), tokens(rows=1)
    whole = model(ids)[0].detach()
    assert_equal(Stream(*model.parts).steps(ids[0]), whole[:, 0], "output")


def test_its_logits_are_those_of_the_equations() -> None:
    model, ids = build("tied through a projection"), tokens()
    table = model.embedding.table.weight
    y, _ = model.recurrent(table[ids.T])
    projected = y @ model.projection.weight.T + model.projection.bias  # type: ignore[operator]
    assert_equal(model(ids)[0], projected @ table.T + model.output.bias, "output")


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_text_in_two_parts_is_the_whole_text(cell: str) -> None:
    model, ids = build(cell=cell), tokens()
    whole, end = model(ids)
    first, state = model(ids[:, :2])
    second, last = model(ids[:, 2:], state)
    assert_equal(torch.cat([first, second]), whole, "output")
    assert_equal(last, end, "output")


def test_no_logit_sees_a_later_token() -> None:
    model, ids = build(), tokens()
    other = ids.clone()
    other[:, 4] = ids[:, 4] % (V - 1) + 1
    one, two = model(ids)[0], model(other)[0]
    assert_equal(one[:4], two[:4], "bits")
    assert (one[4:] != two[4:]).any(-1).all()


def test_a_short_row_is_scored_as_if_alone() -> None:
    model, ids, lengths = build(), tokens(), torch.tensor([6, 2, 4])
    logits, (h, c) = model(ids, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        alone, (h_alone, c_alone) = model(ids[row : row + 1, :length])
        assert_equal(logits[:length, row], alone[:, 0], "output")
        assert_equal((h[:, row], c[:, row]), (h_alone[:, 0], c_alone[:, 0]), "output")


@pytest.mark.parametrize("kind", KINDS)
def test_tied_weights_are_one_parameter_at_both_ends(kind: str) -> None:
    model = build(kind)
    tied = KINDS[kind]["tie"]
    assert (model.output.weight is model.embedding.table.weight) == tied
    assert isinstance(model.projection, nn.Linear) == (kind == "tied through a projection")
    unseen = V - 1  # no input, so that its gradient comes from the output alone
    logits, _ = model(torch.ones(1, 4, dtype=torch.long))
    functional.cross_entropy(logits[:, 0], torch.full((4,), unseen)).backward()
    gradient = model.embedding.table.weight.grad
    assert gradient is not None
    assert bool(gradient[unseen].any()) == tied


@pytest.mark.parametrize("kind", KINDS)
def test_its_weights_are_saved_once_and_come_back_tied(kind: str) -> None:
    model, ids = build(kind), tokens()
    parent = nn.ModuleDict({"inside": build(kind)})
    again = build(kind)
    again.load_state_dict(load(save(model.state_dict())))
    parent.load_state_dict({f"inside.{name}": each for name, each in model.state_dict().items()})
    copies = (copy.deepcopy(model), pickle.loads(pickle.dumps(model)))
    for other in (again, parent["inside"], *copies):
        assert isinstance(other, LanguageModel)
        assert_equal(other(ids)[0], model(ids)[0], "bits")
        assert len(list(other.parameters())) == len(list(model.parameters()))
        assert list(other.state_dict()) == list(model.state_dict())
        other.load_state_dict(build(kind).state_dict())
        assert (other.output.weight is other.embedding.table.weight) == KINDS[kind]["tie"]


def test_a_missing_table_is_named_when_weights_are_loaded() -> None:
    state = build("tied").state_dict()
    del state["embedding.table.weight"]
    with pytest.raises(RuntimeError, match=r"Missing key.*embedding\.table\.weight"):
        build("tied").load_state_dict(state)


def test_units_are_dropped_in_training_alone() -> None:
    model, ids = build(dropout=1.0), tokens()
    bias: Any = model.output.bias
    assert_equal(model(ids)[0], bias.expand(6, 3, V), "output")
    model.eval()
    plain = build()
    plain.load_state_dict(model.state_dict())
    assert_equal(model(ids)[0], plain(ids)[0], "bits")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("bidirectional", "one direction.*would read what they predict; leave bidirectional"),
        ("batch_first", "time first.*leave batch_first"),
    ],
)
def test_layers_that_cannot_predict_are_refused(option: str, message: str) -> None:
    options: dict[str, Any] = {option: True}
    with pytest.raises(ShapeError, match=message):
        LanguageModel(TokenEmbedding(V, E), Recurrent("gru", E, N, **options))


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_what_no_pair_of_tokens_tells(kind: str) -> None:
    """After a 1 come 2 and 3 in turn; which one, only the state can know."""
    text = torch.tensor([1, 2, 1, 3]).repeat(301)
    tie, units = KINDS[kind]["tie"], 8 if kind == "tied" else 16
    torch.manual_seed(1)
    model = LanguageModel(TokenEmbedding(V, 8), Recurrent("lstm", 8, units), tie=tie)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    state, loss = None, torch.tensor(torch.inf)
    for begin in range(0, 1200, 12):
        logits, last = model(text[None, begin : begin + 12], state)
        loss = functional.cross_entropy(logits[:, 0], text[begin + 1 : begin + 13])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = tuple(each.detach() for each in last)
    assert loss.item() < 0.1  # pairs alone leave ln 2 / 2 = 0.35


def test_a_row_that_begins_anew_is_scored_as_if_alone() -> None:
    model, ids = build(), tokens()
    resets = torch.zeros(6, 3, dtype=torch.bool)
    resets[2, 1] = resets[4, 1] = True
    whole, _ = model(ids, resets=resets)
    pieces = [model(ids[1:2, a:b])[0][:, 0] for a, b in ((0, 2), (2, 4), (4, 6))]
    assert_equal(whole[:, 1], torch.cat(pieces), "output")
    assert_equal(whole[:, 0], model(ids[:1])[0][:, 0], "output")


HEADS: dict[str, dict[str, Any]] = {
    **{kind: {} for kind in KINDS},
    "adaptive": {"cutoffs": [3, 6], "places": torch.tensor([7, 9, 0, 3, 10, 1, 8, 4, 2, 6, 5])},
}


def with_head(head: str) -> LanguageModel:
    if head != "adaptive":
        return build(head)
    recurrent = Recurrent("lstm", E, 16, num_layers=2)
    return LanguageModel(TokenEmbedding(V, E), recurrent, **HEADS[head])


@pytest.mark.parametrize("head", HEADS)
def test_the_surprise_of_a_token_is_its_log_probability(head: str) -> None:
    model, ids, targets = with_head(head), tokens(), tokens()
    targets[0, :] = torch.arange(6)
    nats, last = model.nats(ids, targets)
    scores, state = model(ids)
    wanted = -scores.log_softmax(-1).gather(2, targets.T[..., None])[..., 0]
    assert nats.shape == (6, 3)
    assert_equal(nats, wanted, "output")
    assert_equal(last, state, "bits")


@pytest.mark.parametrize("head", HEADS)
def test_what_the_parts_give_becomes_log_probabilities(head: str) -> None:
    model, ids = with_head(head).eval(), tokens(rows=1)
    streamed = model.log_probabilities(Stream(*model.parts).steps(ids[0]))
    assert streamed.shape == (6, V)
    assert_equal(streamed.exp().sum(-1), torch.ones(6), "output")
    assert_equal(streamed, model(ids)[0][:, 0].log_softmax(-1).detach(), "output")


def test_tied_weights_and_an_adaptive_softmax_exclude_each_other() -> None:
    with pytest.raises(ShapeError, match="leave tie or cutoffs out"):
        LanguageModel(TokenEmbedding(V, E), Recurrent("gru", E, 16), tie=True, cutoffs=[3])


def test_an_adaptive_softmax_learns_as_a_whole_one() -> None:
    text = torch.tensor([1, 9, 2, 10, 3]).repeat(200)
    model = LanguageModel(TokenEmbedding(V, 8), Recurrent("gru", 8, 16), cutoffs=[4, 8])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.03)
    nats = torch.tensor(torch.inf)
    for begin in range(0, 800, 20):
        nats = model.nats(text[None, begin : begin + 20], text[None, begin + 1 : begin + 21])[0]
        optimizer.zero_grad()
        nats.mean().backward()
        optimizer.step()
    assert nats[1:].mean().item() < 0.3  # five tokens alone leave ln 5 = 1.6
