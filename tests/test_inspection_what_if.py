"""What if: beside loops by hand in float64, and as laws over a saved model of every task."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import golden
from tests.test_inspection_trace import TASKS, asked, model_of
from tests.tolerances import assert_equal
from torch import Tensor, sigmoid, tanh

import headgate as hg
from headgate import LSTM, Recurrent
from headgate.equations import CELLS
from headgate.errors import DataError, ShapeError, UnknownNameError
from headgate.inspection.agreement import matched
from headgate.inspection.clamp import parse_clamp
from headgate.inspection.labels import display_width
from headgate.inspection.other_text import replaced
from headgate.inspection.trace import Inspection, look
from headgate.inspection.what_if import Clamp, WhatIf, what_if

STEPS = 7


def seen(cell: Any, size: int = 4, **how: Any) -> Inspection:
    torch.manual_seed(6)
    layers = Recurrent(cell, 3, size, **how).double()
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.normal_(std=0.6)
    return look(layers, torch.randn(STEPS, 3).double())


def lstm_by_hand(found: Inspection, forget: float | None, *, cut: bool = False) -> Tensor:
    """The outputs of one layer; with ``cut`` unit 1 of h is zero from step 3 to 5."""
    assert isinstance(found.layers, Recurrent)
    weights = {n.removesuffix("_l0"): v.detach() for n, v in found.layers.named_parameters()}
    h = c = torch.zeros(4).double()
    outputs = []
    blocks = found.layers.program.blocks("input")
    for step, x in enumerate(found.inputs, 1):
        sums = weights["weight_ih"] @ x + weights["weight_hh"] @ h + weights["bias"]
        parts = dict(zip(blocks, sums.chunk(4), strict=True))
        kept = sigmoid(parts["forget"]) if forget is None else forget
        c = kept * c + sigmoid(parts["input"]) * tanh(parts["candidate"])
        h = sigmoid(parts["output"]) * tanh(c)
        if cut and 3 <= step <= 5:
            h = h * torch.tensor([1.0, 0.0, 1.0, 1.0]).double()
        outputs.append(h)
    return torch.stack(outputs)


def test_a_gate_that_is_held_by_hand() -> None:
    found = seen("lstm")
    view = what_if(found, "forget=1")
    assert_equal(view.before, lstm_by_hand(found, None), "output")
    assert_equal(view.after, lstm_by_hand(found, 1.0), "output")
    assert_equal(found.what_if(Clamp("forget", 0.25)).after, lstm_by_hand(found, 0.25), "output")


def test_a_unit_that_is_silenced_for_some_steps_by_hand() -> None:
    found = seen("lstm")
    view = found.what_if("h[1]@3:5=0")
    assert_equal(view.after, lstm_by_hand(found, None, cut=True), "output")
    wanted = (view.after - view.before).abs().max(1).values
    assert_equal(view.arrays()["change"], wanted, "bits")
    assert_equal(view.score, torch.stack([view.before.sum(), view.after.sum()]), "output")
    assert view.change[:2].eq(0).all()
    assert view.change[2:].gt(0).all()


def test_a_silent_unit_is_a_unit_without_outgoing_weights() -> None:
    """Of a vanilla network: in the layer's own matrix, and in what the next layer reads."""
    found = seen("rnn", num_layers=2)
    view = found.what_if("1.h[2]=0")
    assert isinstance(found.layers, Recurrent)
    with torch.no_grad():
        for name, parameter in found.layers.named_parameters():
            if name in ("weight_hh_l0", "weight_ih_l1"):
                parameter[:, 2] = 0.0
    wanted = look(found.layers, found.inputs).answer
    assert_equal(view.after, wanted, "output")
    assert not torch.allclose(view.before, wanted)


def test_a_state_that_is_exchanged_is_a_run_from_that_state() -> None:
    found = seen("lstm")
    h, c = torch.randn(2, 4).double()
    view = found.what_if(Clamp("h", h, steps=3), Clamp("c", c, steps=3))
    with torch.no_grad():
        rest, _ = found.layers(found.inputs[3:, None], (h[None, None], c[None, None]))
    assert_equal(view.after[3:], rest[:, 0], "output")
    assert_equal(view.after[2], h, "bits")
    assert_equal(view.after[:2], view.before[:2], "bits")


def test_one_direction_alone_is_held() -> None:
    found = seen("gru", bidirectional=True)
    view = found.what_if("1 reverse.h@6=0")
    assert_equal(view.after[:, :4], view.before[:, :4], "bits")
    assert view.after[5, 4:].eq(0).all()
    assert_equal(view.after[6], view.before[6], "bits")  # it goes from the end to the beginning
    assert view.change[:6].gt(0).all()
    both = found.what_if("h@6=0")
    assert both.after[5].eq(0).all()


def test_the_later_of_two_changes_counts_whatever_names_they_use() -> None:
    found = seen("rnn")  # its gate hidden is its state h
    for changes in (("h=0", "hidden[0]=1"), ("hidden=0", "h[0]=1")):
        after = found.what_if(*changes).after
        assert_equal(after, torch.tensor([1.0, 0, 0, 0]).double().expand(STEPS, -1), "bits")
    assert found.what_if("hidden[0]=1", "h=0").after.eq(0).all()
    assert found.what_if("h=0", "hidden=1", "h[1]=0").after[:, 1].eq(0).all()


@hg.cell(name="whatif_leaky")
def leaky(x, W, h):
    keep = sigmoid(x.keep + W.keep(h))
    return keep * h + (1 - keep) * tanh(x.candidate)


del CELLS["whatif_leaky"]  # the laws of other files run over the cells that come with headgate


def test_a_cell_of_a_users_own_by_hand() -> None:
    found = seen(leaky)
    assert isinstance(found.layers, Recurrent)
    weights = {n.removesuffix("_l0"): v.detach() for n, v in found.layers.named_parameters()}
    blocks = found.layers.program.blocks("input")
    h, outputs = torch.zeros(4).double(), []
    for x in found.inputs:
        parts = dict(
            zip(blocks, (weights["weight_ih"] @ x + weights["bias"]).chunk(2), strict=True)
        )
        h = 0.5 * h + 0.5 * tanh(parts["candidate"])
        outputs.append(h)
    assert_equal(found.what_if("keep=0.5").after, torch.stack(outputs), "output")


@pytest.mark.parametrize("task", TASKS)
def test_held_at_what_it_was_it_answers_as_before(task: str, tmp_path: Path) -> None:
    found = model_of(task).inspect(asked(task, tmp_path))
    for inspection in filter(None, (found, found.decoder)):
        step = max(1, len(inspection.tokens) // 2)
        for name in inspection.names:
            held = [
                Clamp(name, inspection.trace[name][number, step - 1], layer=layer, steps=step)
                for number, layer in enumerate(inspection.passes)
            ]
            view = inspection.what_if(*held)
            assert_equal(view.before, inspection.answer, "bits")
            assert_equal(view.after, inspection.answer, "output")
        view = inspection.what_if(f"{inspection.names[-1]}=1")
        assert view.change.max() > 0
        assert json.loads(json.dumps(view.to_dict(), allow_nan=False))["labels"]["changes"]


def test_how_far_probabilities_moved_is_their_total_variation() -> None:
    found = model_of("classify").inspect("a warm lovely film")
    view = found.what_if("candidate=0")
    p, q = (each[0].exp().tolist() for each in (view.before, view.after))
    assert float(view.change) == pytest.approx(
        sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
    )
    assert found.outcome.targets is not None
    label = int(found.outcome.targets)
    assert view.score.tolist() == [view.before[0, label].item(), view.after[0, label].item()]
    assert view.labels()["choices"] == ("bad", "good")


def test_another_token_is_another_text() -> None:
    model = model_of("classify")
    found = model.inspect("A warm, lovely film")
    number = found.tokens.index("lovely") + 1
    view = found.what_if_token({number: "dull"}, model.inspect)
    assert_equal(view.after, model.inspect("A warm, dull film").answer, "bits")
    assert_equal(view.before, found.answer, "bits")
    assert view.changes == (f"token {number}=dull",)


def test_a_longer_text_is_compared_where_both_have_an_answer() -> None:
    model = model_of("generate")
    found = model.inspect("a warm film")
    view = found.what_if_token({3: "do"}, model.inspect)
    other = model.inspect("a doarm film")
    assert view.places == (*"a ", *"arm film")
    assert view.numbers == (0, 1, *range(3, 11))
    assert_equal(view.after, other.answer[[0, 1, *range(4, 12)]], "bits")
    assert view.change[:2].eq(0).all()
    assert "10 of 11 answers have a counterpart." in view.as_text(width=200)
    assert found.outcome.targets is not None
    rows = torch.tensor(view.numbers)
    wanted = view.after.gather(1, found.outcome.targets[rows, None]).sum()
    wanted = wanted + found.answer[2, found.outcome.targets[2]]  # it has no counterpart
    assert_equal(view.score[1], wanted, "output")
    with pytest.raises(DataError, match="answer 2 has no counterpart"):
        found.what_if_token({3: "do"}, model.inspect, place=2)


def test_another_translation_says_what_was_written() -> None:
    model = model_of("translate")
    found = model.inspect("no. 123")
    view = found.what_if_token({7: "34567"}, model.inspect)
    assert "Written was “11⏎”, and now “111⏎”; 3 of 3 answers" in view.as_text(width=300)
    assert_equal(view.after, model.inspect("no. 1234567").answer[[0, 1, 3]], "bits")
    assert found.decoder is not None
    with pytest.raises(DataError, match="the input is a text, and this one is none"):
        found.decoder.what_if_token({1: "a"}, model.inspect)
    with pytest.raises(DataError, match="by another model"):
        found.what_if_token({1: "a"}, lambda _: model_of("generate").inspect("a warm film"))


def test_places_that_stand_for_each_other_by_brute_force() -> None:
    chance = random.Random(2)
    for _ in range(300):
        one, other = ("".join(chance.choices("ab", k=chance.randrange(6))) for _ in range(2))
        pairs = matched(one, other)
        if len(one) == len(other):
            assert pairs == [(place, place) for place in range(len(one))]
            continue
        least = min(len(one), len(other))
        head = max(n for n in range(least + 1) if one[:n] == other[:n])
        tail = max(
            n for n in range(least - head + 1) if one[len(one) - n :] == other[len(other) - n :]
        )
        ends = [(len(one) - n, len(other) - n) for n in range(tail, 0, -1)]
        assert pairs == [(place, place) for place in range(head)] + ends


def test_what_is_written_is_what_was_read() -> None:
    for text in ("forget=1", "h[5]=0", "2.c[3,8]@7=-0.5", "1 reverse.update[0:15]@2:6=0.25"):
        assert str(parse_clamp(text)) == text
    read = parse_clamp(" 1 reverse.c [ 3 , 5:7 ] @ 2 = 1e-3 ")
    assert (read.layer, read.name, read.units) == ("1 reverse", "c", (3, 5, 6, 7))
    assert (list(read.steps or ()), read.value) == ([2], 0.001)  # type: ignore[arg-type]
    assert str(Clamp("h", torch.zeros(3), units=[1, 2, 5], steps=4)) == "h[1:2,5]@4=<3 values>"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("forget", r"'forget' is no change: wanted is \[LAYER.\]NAME.* such as forget=1"),
        ("h[5=0", "is no change: wanted is"),
        ("h[]=0", "'' is no number or range"),
        ("h[7:3]=0", "'7:3' is no number or range"),
        ("h[-1]=0", "'-1' is no number or range"),
        ("h=x", "'x' is no number; wanted is"),
        ("h=nan", "'nan' is no number"),
        ("h@=1", "'' is no number or range"),
        ("h[0:999999999,1:999999999]=0", "more than 1000000 units or steps"),
        ("h[4]=0", "there is no unit of h 4: there are 4 units, 0 to 3"),
        ("h[0:999999999999]=0", "there is no unit of h 999999999999: there are 4 units"),
        ("h@8=0", "there is no step 8: there are 7 steps, 1 to 7"),
        ("h@0=0", "there is no step 0: there are 7 steps, 1 to 7"),
    ],
)
def test_a_change_that_cannot_be_is_refused(change: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        seen("gru").what_if(change)


def test_more_errors_say_what_there_is() -> None:
    found = seen("gru", num_layers=2)
    with pytest.raises(UnknownNameError, match="unknown layer '3'; known: 1, 2"):
        found.what_if("3.h=0")
    with pytest.raises(UnknownNameError, match="gate or state 'forget'; known: candidate, h, re"):
        found.what_if("forget=0")
    with pytest.raises(DataError, match="no change is named: wanted is"):
        found.what_if()
    with pytest.raises(ShapeError, match=r"4 units, so one number is wanted or 4, and \(3,\) came"):
        found.what_if(Clamp("h", torch.zeros(3)))
    with pytest.raises(DataError, match="a value that is held is finite"):
        found.what_if(Clamp("h", float("inf")))
    with pytest.raises(DataError, match="no unit of h is named"):
        found.what_if(Clamp("h", 0.0, units=[]))
    with pytest.raises(DataError, match="there is no answer 7"):
        found.what_if("h=0", place=7)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "no token is changed"),
        ({5: "x"}, "there is no token 5: the text has 4, 1 to 4"),
        ({0: "x"}, "there is no token 0"),
        ({4: "x"}, "token 4, '</s>', stands for no characters"),
        ({2: "x", 3: "y"}, "token 2, 'é.1/2.', stands for the same characters"),
    ],
)
def test_a_token_that_cannot_be_changed(changes: dict[int, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        replaced("aé", ["a", "é[1/2]", "é[2/2]", "</s>"], changes)


def test_what_stands_between_tokens_stays() -> None:
    tokens = ["a", "dull", ",", "dull", "film"]
    assert replaced("A dull,  dull film!", tokens, {4: "fine", 1: "The"}) == "The dull,  fine film!"


def test_a_projected_twin_knows_how_wide_each_value_is() -> None:
    torch.manual_seed(1)
    found = look(LSTM(3, 5, proj_size=2), torch.randn(4, 3))
    assert found.what_if("h[1]=0").after[:, 1].eq(0).all()
    found.what_if("c[4]=0")
    with pytest.raises(DataError, match="there are 2 units, 0 to 1"):
        found.what_if("h[2]=0")


def test_nothing_of_the_model_is_touched() -> None:
    torch.manual_seed(0)
    layers = Recurrent("lstm", 3, 4, dropout=0.5, num_layers=2)
    before = {name: value.clone() for name, value in layers.state_dict().items()}
    found = look(layers, torch.randn(STEPS, 3))
    chance, inputs = torch.get_rng_state(), found.inputs.clone()
    view = found.what_if("forget=1", "h[0]@2=5")
    assert not any(value.requires_grad for value in view.arrays().values())
    assert torch.equal(torch.get_rng_state(), chance)
    assert_equal(dict(layers.state_dict()), before, "bits")
    assert_equal(found.inputs, inputs, "bits")
    assert layers.training
    assert all(parameter.grad is None for parameter in layers.parameters())


@cache
def views() -> list[WhatIf]:
    generate = model_of("generate")
    found = generate.inspect("a warm lovely film.")
    numbers = model_of("forecast").inspect(torch.tensor(golden.ASKED["forecast"][0]))
    return [
        found.what_if("forget=1", "c[0:3]=-1"),
        found.what_if("forget=1", place=3),
        found.what_if_token({3: "\x1b"}, lambda _: generate.inspect("a darm")),
        numbers.what_if("candidate=1"),
        numbers.what_if("h=0", place=-1),
        model_of("classify").inspect("a warm film").what_if("candidate=-1"),
        seen("gru").what_if("h[0]=0"),
        seen("gru").what_if(Clamp("h", seen("gru").trace["h"][0, 2], steps=3)),
    ]


def test_the_text_fits_and_says_what_changed() -> None:
    for view in views():
        for width in (30, 80, 130):
            text = view.as_text(width=width, colour=True)
            assert max(map(display_width, text.split("\n"))) <= width
            assert "\x1b" not in text
    first, second, *_, classified, _, same = (view.as_text(width=120) for view in views())
    assert first.startswith("What if forget=1 and c[0:3]=-1?\n\nanswer  place  change  before")
    assert "of 19 answers change by more than 0.01" in first
    assert "The log-probability of the whole answer goes from " in first
    assert len(first.split("\n\n")[1].split("\n")) == 11
    assert "The answer “" in second
    assert classified.count("good 0.") == 2
    assert "None of the 7 answers changes by more than 1% of the greatest." in same


def test_the_figure_has_the_numbers() -> None:
    pytest.importorskip("plotly")
    for view in views():
        drawn = view.figure()
        before, after = drawn.data[:2]
        assert (before.name, after.name) == ("before", "after")
        assert drawn.to_json()
    view = views()[1]
    before, _ = view.figure().data
    reach = view.before[3].maximum(view.after[3]).exp()
    chosen = reach.topk(10).indices
    assert_equal(torch.tensor(before.y), view.before[3].exp()[chosen], "output")
    lines = views()[3].figure().data
    assert lines[0].mode == "lines"
    assert list(lines[1].y) == pytest.approx(views()[3].after[:, 0].tolist())
