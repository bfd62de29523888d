"""Units that follow a pattern: planted by hand, found, and scored where they were not chosen."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import torch
from sklearn.metrics import roc_auc_score
from tests import golden, tiny
from tests.tolerances import assert_equal

from headgate import Recurrent
from headgate.errors import DataError, ShapeError
from headgate.inspection.labels import display_width
from headgate.inspection.trace import Inspection, look
from headgate.inspection.unit_scores import area_interval
from headgate.inspection.units import query
from headgate.model import load

LETTERS = "ab().\n"
INSIDE = r"\([^)]*"


def written(count: int, seed: int) -> str:
    """Sentences of letters with some in brackets, in lines."""
    chance = torch.Generator().manual_seed(seed)
    text = []
    for _ in range(count):
        sizes = torch.randint(1, 7, (3,), generator=chance).tolist()
        text.append(f"{'ab' * sizes[0]}({'a' * sizes[1]}){'b' * sizes[2]}.\n")
    return "".join(text)


def of(text: str, layers: Recurrent) -> Inspection:
    x = torch.nn.functional.one_hot(torch.tensor([LETTERS.index(c) for c in text]), len(LETTERS))
    return replace(look(layers, x.float(), tokens=list(text)), text=text)


def planted() -> Recurrent:
    """An LSTM whose c[2] is 1 from "(" to ")", and whose c[4] counts from the last newline."""
    torch.manual_seed(0)
    layers = Recurrent("lstm", len(LETTERS), 5)
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.mul_(0.3)
        layers.get_parameter("weight_hh_l0").zero_()
        weight, bias = layers.get_parameter("weight_ih_l0"), layers.get_parameter("bias_l0")
        i, f, g = (5 * block for block in range(3))
        for unit in (2, 4):
            weight[[i + unit, f + unit, g + unit]] = 0.0
            bias[f + unit] = bias[g + unit] = 20.0
        bias[i + 2], weight[i + 2, LETTERS.index("(")] = -20.0, 40.0
        weight[f + 2, LETTERS.index(")")] = -40.0
        bias[i + 4], weight[f + 4, LETTERS.index("\n")] = -2.0, -40.0
    return layers.eval()


def test_a_planted_unit_is_found() -> None:
    found = of(written(40, seed=1), planted())
    view = query(found, INSIDE, most=4)
    best = view.rankings["inside"]
    assert {(name, unit) for name, unit in zip(best.names, best.units.tolist(), strict=True)} >= {
        ("h", 2),
        ("c", 2),
    }
    assert (best.names[0], int(best.units[0]), int(best.signs[0])) == ("h", 2, 1)
    assert float(best.first[0]) == float(best.held_out[0]) == 1.0
    assert best.interval[0].tolist() == [1.0, 1.0]
    assert best.first.tolist() == sorted(best.first.tolist(), reverse=True)


def test_the_place_in_the_line_is_found_and_no_inside_is_told() -> None:
    view = query(of(written(40, seed=1), planted()), r"\n[^\n]*", most=3)
    assert list(view.rankings) == ["place"]
    best = view.best
    assert (best.names[0], int(best.units[0]), int(best.signs[0])) == ("c", 4, 1)
    assert min(best.first[0], best.held_out[0], best.interval[0, 0]) > 0.9999
    low, high = best.interval[2].tolist()
    assert low < float(best.held_out[2]) < high


@pytest.mark.parametrize("separate", [False, True])
def test_scores_are_of_their_own_parts(separate: bool) -> None:
    layers = planted()
    found = of(written(30, seed=1), layers)
    other = of(written(25, seed=2), layers) if separate else None
    view = query(found, "a+", held_out=other, most=7)
    cut = len(found.tokens) if separate else len(found.tokens) // 2
    whole = other or found
    start = 0 if separate else cut
    assert view.tokens == whole.tokens[start:]
    assert "".join(view.parts) == "".join(view.tokens)
    best = view.rankings["inside"]
    for place in range(7):
        name, unit, sign = best.names[place], int(best.units[place]), int(best.signs[place])
        first = found.trace[name][0, :cut, unit] * sign
        second = whole.trace[name][0, start:, unit] * sign
        marks = [token == "a" for token in found.tokens[:cut]]
        held = torch.tensor([token == "a" for token in view.tokens])
        assert float(best.first[place]) == pytest.approx(float(roc_auc_score(marks, first)))
        assert float(best.held_out[place]) == pytest.approx(float(roc_auc_score(held, second)))
        assert_equal(best.interval[place], area_interval(second, held, 0), "bits")
        assert_equal(best.values[place], second * sign, "bits")
    assert best.signs.min() == -1


def test_the_place_in_a_match_is_pearsons_correlation() -> None:
    found = of(written(30, seed=1), planted())
    best = query(found, "[ab]+", most=2).rankings["place"]
    cut, place = len(found.tokens) // 2, 0
    depth, values = [], []
    for token, value in zip(
        found.tokens, found.trace[best.names[0]][0, :, int(best.units[0])].tolist(), strict=True
    ):
        place = place + 1 if token in "ab" else 0
        depth.append(place)
        values.append(value)
    for start, end, score in ((0, cut, best.first[0]), (cut, None, best.held_out[0])):
        rows = [(d, v) for d, v in zip(depth[start:end], values[start:end], strict=True) if d]
        wanted = torch.corrcoef(torch.tensor(rows).double().T)[0, 1] * int(best.signs[0])
        assert_equal(score, wanted, "output")


def test_what_cannot_be_asked_is_refused() -> None:
    layers = planted()
    found = of(written(20, seed=1), layers)
    with pytest.raises(DataError, match="matches nothing in the part that units are chosen on"):
        query(found, "z")
    late = of("ab.\n" * 13 + "a(b)\n" * 10, layers)
    with pytest.raises(DataError, match=r"the part that units are chosen on, 51 tokens"):
        query(late, r"\(b")
    early = of("a(b)\n" * 10 + "ab.\n" * 15, layers)
    with pytest.raises(DataError, match=r"the part that is held out, 55 tokens"):
        query(early, r"\(b")
    with pytest.raises(DataError, match="matches everywhere"):
        query(found, "(?s).")
    with pytest.raises(DataError, match="no regular expression"):
        query(found, "[a")
    with pytest.raises(DataError, match="this input is none"):
        query(replace(found, text=None), "a")
    with pytest.raises(DataError, match="this input is none"):
        query(found, "a", held_out=replace(found, text=None))
    with pytest.raises(DataError, match="1 or more, not 0"):
        query(found, "a", most=0)
    with pytest.raises(ShapeError, match=r"layers 1 with forget, .* are wanted"):
        query(found, "a", held_out=of("ab", Recurrent("gru", len(LETTERS), 5)))


def test_nothing_is_changed_and_the_same_comes_again() -> None:
    found = of(written(20, seed=1), planted())
    before = {name: value.clone() for name, value in found.layers.state_dict().items()}
    state, training = torch.get_rng_state(), found.layers.training
    one, two = query(found, INSIDE), query(found, INSIDE)
    assert_equal(dict(one.arrays()), dict(two.arrays()), "bits")
    assert_equal(dict(found.layers.state_dict()), before, "bits")
    assert torch.equal(torch.get_rng_state(), state)
    assert found.layers.training == training
    assert all(parameter.grad is None for parameter in found.layers.parameters())
    json.dumps(one.to_dict(), allow_nan=False)


@pytest.mark.parametrize("width", [30, 100])
def test_the_text_fits_and_says_what_is_seen(width: int) -> None:
    view = query(of(written(40, seed=1), planted()), INSIDE, most=3)
    text = view.as_text(width=width)
    assert all(display_width(line) <= width for line in text.splitlines())
    if width < 60:
        return
    said = " ".join(text.split())
    assert r"layer 1: h[2] follows \([^)]* best: area under the ROC curve 1.000" in said
    assert "1.000 (1.000 to 1.000) on the other part" in said
    assert re.search(r"1 +h\[2\] +\+ +1\.000 +1\.000 \(1\.000 to 1\.000\)", text)
    shown = view.as_text(width=width, colour=True)
    assert "\x1b[" in shown
    assert "\x1b[" not in text


def test_pictures_show_the_unit_and_the_matches() -> None:
    pytest.importorskip("plotly")
    view = query(of(written(40, seed=1), planted()), INSIDE)
    shade, line = view.figure().data
    assert line.y.tolist() == pytest.approx(view.best.values[0].tolist())
    assert shade.y.tolist() == view.matches.inside.float().tolist()
    lines = query(of(written(40, seed=1), planted()), r"[^\n]*\n").figure().data[0]
    assert lines.name == "every second match"
    assert 0.3 < sum(lines.y) / len(lines.y) < 0.7
    drawn = view.as_svg(first=0, last=40)
    assert "layer 1: h[2] follows" in drawn
    assert len(drawn) < len(view.as_svg())


@pytest.mark.parametrize("task", ["classify", "generate", "tag"])
def test_a_saved_model_is_asked(task: str) -> None:
    text = tiny.verses(12) if task == "generate" else "warm and lovely, dull and cold " * 3
    found = load(golden.HERE / task).inspect(text)
    view = found.query("[aeiou]" if task == "generate" else "lovely|cold|dull", most=2)
    assert str(view).startswith("Of ")
    assert len(view.tokens) == len(found.tokens) - len(found.tokens) // 2
