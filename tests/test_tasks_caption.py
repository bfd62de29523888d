"""Captions: learned from a manifest, judged beside models that see no picture, saved and shown."""

from __future__ import annotations

import functools
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.pictures import block, nobody, save, write_captions, write_rows
from torch import Tensor

from headgate.data.columns import Table
from headgate.data.examples import Examples, key_of
from headgate.errors import CellError, DataError, HeadgateError, StreamError, UnknownNameError
from headgate.model import Model, load, train
from headgate.tasks.caption import Caption
from headgate.tasks.caption_rows import CaptionRows, Grouped, picture_nats
from headgate.tasks.caption_settings import CaptionSettings
from headgate.tasks.caption_sight import PictureSight

pytest.importorskip("PIL", reason="pillow is not installed")

SMALL: dict[str, Any] = {
    "task": "caption",
    "hidden_size": 24,
    "embedding_size": 12,
    "place_size": 12,
    "convolutions": 4,
    "beam_width": 2,
}
NUMBERS = ("one", "two", "three")


def train_captioner(data: Path, **changed: Any) -> Model:
    settings = {"input": "image", "target": "caption", "say": nobody} | SMALL | changed
    return train(data, **settings)


@functools.cache
def learned() -> tuple[Model, Path]:
    """A captioner that has learned, and the folder that it learned from."""
    folder = Path(tempfile.mkdtemp())
    data = write_captions(folder, 60)
    wishes = {"mirror": False, "shift": 0.0, "dropout": 0.0, "average": 0.9, "epochs": 30}
    return train_captioner(data, learning_rate=0.01, batch_size=16, **wishes), folder


def table_of(features: list[Tensor], captions: list[str]) -> Table:
    rows: Any = list(zip(features, captions, strict=True))
    return Table("a.npz", ("x", "y"), rows, list(range(1, len(rows) + 1)), True)


def feature_examples(count: int = 24) -> Examples:
    """Features of places whose first one says which word is right; two captions a source."""
    sources, captions = [], []
    for number in range(count):
        places = torch.randn(2 + number % 3, 4)
        places[0, 0] = 6.0 * (number % 3 - 1)
        sources += [places, places]
        captions += [f"number {NUMBERS[number % 3]}", f"it is {NUMBERS[number % 3]}"]
    return Caption.read(table_of(sources, captions), "x", "y")


def small_task(**changed: Any) -> Caption:
    settings = {name: value for name, value in SMALL.items() if name != "task"}
    torch.manual_seed(0)
    return Caption.learn(feature_examples(), settings | changed)


def test_a_captioner_learns_colour_and_side() -> None:
    model, folder = learned()
    path = save(folder / "new.png", block("green", "right", seed=99))
    assert set(model.predict([str(path)])[0].text.split()) >= {"green", "right"}
    path = save(folder / "other.png", block("red", "left", seed=98))
    assert set(model.predict([str(path)])[0].text.split()) >= {"red", "left"}


def test_its_scores_stand_beside_models_that_see_nothing() -> None:
    own = learned()[0].metrics
    test, baselines = own["test"], own["baselines"]
    assert test["perplexity"]["value"] < test["perplexity"]["baseline"]
    assert test["perplexity"]["baseline"] == min(
        baselines[name]["perplexity"] for name in ("unigram", "Kneser-Ney, order 3")
    )
    assert test["right_picture"]["low"] > 0
    assert test["right_picture"]["baseline"] == 0
    assert any("nats by which a caption is likelier" in note for note in own["notes"])
    if "bleu" in test:
        assert {"most frequent caption", "caption of the nearest picture"} <= baselines.keys()
        assert any(note.startswith("bleu: nrefs:2|") for note in own["notes"])


def test_all_captions_of_a_picture_stay_on_one_side(tmp_path: Path) -> None:
    rows = [(f"pictures/{n % 10}.png", f"caption {n}") for n in range(40)]
    for number in range(10):
        save(tmp_path / f"pictures/{number}.png", block("red", "left", seed=number))
    path = write_rows(tmp_path / "list.csv", ("image", "caption"), rows)
    table = Table(str(path), ("image", "caption"), [list(r) for r in rows], range(2, 42), True)
    examples = Caption.read(table, "image", "caption")
    parts = Caption.divide(examples, valid=0.2, test=0.2, seed=3)
    sides = [{key_of(each) for each in part.inputs} for part in parts.values()]
    assert [len(side) for side in sides] == [6, 2, 2]
    assert len(set.union(*sides)) == 10
    grouped = Grouped.of(parts["test"])
    assert [len(rows) for rows in grouped.captions] == [4, 4]


def test_a_saved_captioner_says_the_same(tmp_path: Path) -> None:
    model, folder = learned()
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    path = str(folder / "pictures/7.png")
    assert again.predict([path]) == model.predict([path])
    assert again.task.figure(path) == model.task.figure(path)  # type: ignore[attr-defined]
    found = again.evaluate(folder / "captions.csv")
    assert found.scores["right_picture"].low > 0
    assert "Kneser-Ney, order 3" not in found.baselines


def test_each_word_shows_where_it_looked() -> None:
    model, folder = learned()
    seen = model.task.inspect(str(folder / "pictures/3.png"))
    sight = model.task.sight  # type: ignore[attr-defined]
    assert isinstance(sight, PictureSight)
    assert seen.attention is not None
    assert len(seen.attention.source) == math.prod(sight.grid)
    assert seen.attention.source[:2] == ("1,1", "1,2")
    assert seen.attention.target == (*seen.tokens[1:], "⏎")
    assert " ".join(seen.tokens[1:]) == model.predict([str(folder / "pictures/3.png")])[0].text
    assert seen.attention.weights.sum(1).tolist() == pytest.approx([1.0] * len(seen.tokens))
    assert seen.trace["forget"].shape == (1, len(seen.tokens), 24)


def test_the_right_picture_is_compared_with_another_one() -> None:
    """By hand: each picture's captions with each picture shown, none with its own."""
    model, folder = learned()
    task: Any = model.task
    table = model.evaluate(folder / "captions.csv").scores["right_picture"]
    examples = Caption.read(
        Table(
            str(folder / "captions.csv"),
            ("image", "caption"),
            [[f"pictures/{n}.png", f"a {c} block on the {s}"] for n, c, s in (
                (0, "red", "left"), (1, "green", "left"), (3, "red", "right"))],
            [2, 3, 4],
            True,
        ),
        "image",
        "caption",
    )  # fmt: skip
    rows = task.rows(examples)
    right, tokens = picture_nats(task.network, task.sight, rows)
    wrong, _ = picture_nats(task.network, task.sight, rows, shown=[1, 2, 0])
    assert tokens.tolist() == [7, 7, 7]
    assert bool((wrong > right).all())
    assert 0 < table.low < table.value < table.high


def test_nats_are_the_sum_over_a_pictures_captions() -> None:
    task = small_task()
    task.network.eval()
    examples = feature_examples(4)
    rows = CaptionRows.of(examples, task.sight, task.field)
    nats, tokens = picture_nats(task.network, task.sight, rows)
    assert tokens.tolist() == [7, 7, 7, 7]
    for picture, captions in enumerate(rows.captions):
        total = 0.0
        for row in captions:
            memory = task.network.encode(examples.inputs[row][None])
            last = torch.tensor([task.field.bos])
            for token in (*rows.ids[row], task.field.eos):
                found, memory = task.network.step(last, memory)
                total -= float(found[0, token].detach())
                last = torch.tensor([token])
        assert float(nats[picture]) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("order", ["luong", "input_feeding", "bahdanau"])
@pytest.mark.parametrize("attention", ["general", "additive"])
def test_features_are_taken_in_place_of_pictures(order: str, attention: str) -> None:
    task = small_task(order=order, attention=attention)
    inputs = feature_examples(3).inputs
    assert [each.text for each in task.predict(inputs)] == [
        best[0].text for best in task.search(inputs, n_best=2)
    ]
    seen = task.inspect(inputs[0])
    assert seen.attention is not None
    assert seen.attention.source == ("1", "2")
    assert all(len(value[0]) == len(seen.tokens) for value in seen.trace.values())
    with pytest.raises(DataError, match="a figure is of pictures and attention"):
        task.figure(inputs[0])


def test_without_attention_there_is_no_map() -> None:
    task = small_task(attention=None)
    assert task.inspect(feature_examples(1).inputs[0]).attention is None
    assert "no attention" in task.notes()[1]


def test_rare_words_are_never_written() -> None:
    task = small_task(min_frequency=17)  # "one", "two" and "three" come 16 times each
    assert "one" not in "".join(task.field.to_json())
    found = task.search(feature_examples(3).inputs, n_best=4, beam_width=4)
    assert not any("<unk>" in each.text for best in found for each in best)


def test_a_captioner_goes_on_from_another() -> None:
    base = small_task()
    more = feature_examples(3)
    targets = ["a quite new caption"] * len(more)
    grown = Caption.learn(Examples(more.inputs, targets, kind="series"), {}, base)
    assert grown.settings.hidden_size == base.settings.hidden_size
    assert grown.sight == base.sight
    old = base.field.encode("number one")
    assert grown.field.encode("number one") == old
    assert grown.kept.length == max(base.kept.length, 4)
    with pytest.raises(HeadgateError, match="place_size is 12 in the saved model"):
        Caption.learn(more, {"place_size": 13}, base)
    pictured = Examples(["a.png"], ["x"], kind="image")
    with pytest.raises(DataError, match="trained on features of places, and pictures came"):
        base.check(pictured)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (torch.zeros(0, 4), r"row 2, column 'x': features of places .* \(0, 4\) came"),
        (torch.zeros(2, 5), r"row 2, column 'x': features of places were wanted, \[places, 4\]"),
        (torch.zeros(4), "row 2, column 'x'"),
        ("a.png", "row 2, column 'x': features of places were wanted"),
        (torch.full((1, 4), float("nan")), "row 2, column 'x': a feature is no finite number"),
    ],
)
def test_wrong_features_are_named_by_their_row(cell: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Caption.read(table_of([torch.zeros(2, 4), cell], ["a b", "c d"]), "x", "y")


def test_wrong_rows_of_a_manifest_are_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", block("red", "left"))
    (tmp_path / "b.png").write_bytes(b"no picture")
    head = ("image", "caption")
    for name, caption, said in (
        ("aa.png", "x y", r"row 3, column 'image': there is no such file .* did you mean 'a.png'"),
        ("b.png", "x y", r"row 3, column 'image'\): this is no PNG or JPEG"),
        ("a.png", " ", r"row 3, column 'caption': the target is empty"),
    ):
        rows = [["a.png", "a block"], [name, caption]]
        with pytest.raises(DataError, match=said):
            Caption.read(Table(str(tmp_path / "l.csv"), head, rows, [2, 3], True), *head)
    with pytest.raises(DataError, match="captions are wanted"):
        Caption.read(
            Table(str(tmp_path / "l.csv"), head, [["a.png", "x"]], [2], True), "image", None
        )


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"order": "loung"}, UnknownNameError, "loung"),
        ({"order": "bahdanau", "attention": None}, CellError, "needs attention"),
        ({"shift": 1.5}, HeadgateError, "shift"),
        ({"place_size": 0}, HeadgateError, "place_size"),
        ({"beam_width": 0}, HeadgateError, "beam_width"),
    ],
)
def test_wrong_settings_are_refused(changed: dict[str, Any], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        CaptionSettings(**changed)


def test_a_picture_is_moved_by_chance_in_training_alone() -> None:
    task: Any = learned()[0].task
    source = torch.randint(0, 256, (6, 3, 16, 24), dtype=torch.uint8)
    still = CaptionSettings(mirror=False, shift=0.0)
    assert torch.equal(task.sight.moved(source, still), source)
    turned = task.sight.moved(source, CaptionSettings(mirror=True, shift=0.0))
    flipped = [not torch.equal(a, b) for a, b in zip(turned, source, strict=True)]
    assert any(flipped)
    for row, is_flipped in enumerate(flipped):
        assert torch.equal(turned[row], source[row].flip(-1) if is_flipped else source[row])
    shifted = task.sight.moved(source, CaptionSettings(mirror=False, shift=0.1))
    assert shifted.shape == source.shape
    assert not torch.equal(shifted, source)
    inside = source[0, :, 4:10, 6:14]
    windows = shifted[0].unfold(1, 6, 1).unfold(2, 8, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
    assert any(torch.equal(window, inside) for window in windows)


def test_it_has_no_stream() -> None:
    task = small_task()
    with pytest.raises(StreamError, match="sees a picture whole"):
        task.stream(rows=None, rewind=0, quantize=None)
    with pytest.raises(StreamError, match="not quantized"):
        task.evaluate(feature_examples(2), None, quantize="int8")
    with pytest.raises(DataError, match="location score needs a fixed number"):
        small_task(attention="location")
    assert task.predict([]) == []
