"""The task: what it divides, learns, says and keeps."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import (
    generator,
    table_of,
    train_generator,
    verses,
    write_csv,
    write_verses,
)
from tests.tolerances import assert_equal

from headgate.data.examples import Examples
from headgate.decoding.sampling import Sampling
from headgate.errors import DataError, HeadgateError, ModelDirectoryError, ShapeError
from headgate.model import load
from headgate.tasks import generate_judge, generate_learner
from headgate.tasks.generate import Generate
from headgate.tasks.protocol import Task
from headgate.training import fit

TEXT = verses()
SMALL: dict[str, Any] = {"hidden_size": 16, "embedding_size": 8, "bptt": 10}


@pytest.fixture(autouse=True)
def _short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a validation writes for the eye takes longer than what it judges."""
    monkeypatch.setattr(generate_learner, "_SAMPLED", 3)


def learned(*texts: str, **settings: Any) -> Generate:
    return Generate.learn(Examples(list(texts) or [TEXT]), SMALL | settings)


def trained(*texts: str, epochs: int, **settings: Any) -> Generate:
    train = Examples(list(texts))
    torch.manual_seed(0)
    task = Generate.learn(train, SMALL | settings)
    plan = replace(
        task.plan(train), epochs=epochs, batch_size=4, learning_rate=0.04, average=0.5, patience=99
    )
    fit(task.learner(train, train, plan), plan)
    return task


def test_it_keeps_the_protocol() -> None:
    assert isinstance(learned(), Task)


def test_a_document_is_divided_in_its_order_at_line_ends() -> None:
    parts = Generate.divide(Examples([TEXT]), valid=0.1, test=0.2, seed=1)
    texts = [parts[name].inputs[0] for name in ("train", "valid", "test")]
    assert "".join(texts) == TEXT
    assert all(text.endswith("\n") for text in texts)
    shares = [len(text) / len(TEXT) for text in texts]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=20 / len(TEXT))  # a line


def test_a_document_without_lines_is_cut_where_it_is() -> None:
    parts = Generate.divide(Examples(["abcdefghij"]), valid=0.2, test=0.1, seed=1)
    assert [part.inputs for part in parts.values()] == [["abcdefg"], ["hi"], ["j"]]
    parts = Generate.divide(Examples([TEXT]), valid=0.0, test=0.0, seed=1)
    assert [list(part.inputs) for part in parts.values()] == [[TEXT], [], []]


def test_too_short_a_document_is_named() -> None:
    with pytest.raises(DataError, match="5 characters is too short: its valid part"):
        Generate.divide(Examples(["a\nb c"]), valid=0.1, test=0.1, seed=1)
    with pytest.raises(DataError, match="below 1 in all"):
        Generate.divide(Examples([TEXT]), valid=0.5, test=0.5, seed=1)


def test_rows_are_divided_by_chance_and_equal_ones_stay_together() -> None:
    rows = [f"row {number % 40}" for number in range(80)]
    parts = Generate.divide(Examples(rows), valid=0.2, test=0.2, seed=1)
    sides = [set(part.inputs) for part in parts.values()]
    assert sum(map(len, sides)) == 40
    assert all(sides)


def test_a_target_is_refused(tmp_path: Path) -> None:
    table = table_of(tmp_path, [("a", "b")], ["text", "label"])
    with pytest.raises(DataError, match="'label' came as its target: leave the target out"):
        Generate.read(table, "text", "label")
    assert list(Generate.read(table, "text", None).inputs) == ["a"]


@pytest.mark.parametrize(
    ("text", "unit"),
    [(TEXT, "character"), ("".join(map(chr, range(0x4E00, 0x4E00 + 600))) * 2, "subword")],
)
def test_the_unit_is_chosen_by_the_alphabet(text: str, unit: str) -> None:
    assert learned(text).field.unit == unit


@pytest.mark.parametrize(("unit", "epochs"), [("character", 12), ("word", 9)])
def test_it_learns_a_text_by_heart(unit: str, epochs: int) -> None:
    line = "ab c" * 2 + "\n"
    task = trained(line * 80, epochs=epochs, unit=unit, vocabulary_size=300)
    said = "".join(task.generate("ab", length=12, sampling=Sampling(0)))
    assert (line * 6).startswith("ab" + said)
    assert len(said) >= 12
    scores = task.evaluate(Examples([line * 5]), Examples([line * 30])).scores
    assert scores["perplexity"].value < 1.5
    assert scores["perplexity"].baseline is not None


def test_rows_end_and_begin_anew() -> None:
    rows = ["one two", "three four", "five six"] * 20
    task = trained(*rows, epochs=14)
    said = [
        "".join(task.generate("", sampling=Sampling(0.4, seed=seed), length=30))
        for seed in range(12)
    ]
    assert set(said) <= set(rows)
    assert len(set(said)) > 1
    assert task.complete(["one", "three", "f"], sampling=Sampling(0)) == [
        " two",
        " four",
        "ive six",
    ]
    joined = task.evaluate(Examples(rows[:3]), None).scores["perplexity"].value
    assert joined < 1.3


def test_the_same_seed_says_the_same_and_torch_notices_nothing() -> None:
    task: Any = generator().task
    before = torch.random.get_rng_state()
    said = ["".join(task.generate("warm", sampling=Sampling(seed=3), length=50)) for _ in range(2)]
    assert said[0] == said[1]
    assert said[0] != "".join(task.generate("warm", sampling=Sampling(seed=4), length=50))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_several_at_once_are_as_each_alone() -> None:
    task: Any = generator().task
    prompts, how = ["warm is", "", "fine", "따뜻한 is co", "d"], Sampling(0.9, seed=5)
    together = task.complete(prompts, length=40, sampling=how, stop=["."])
    alone = [
        "".join(task.generate(p, length=40, sampling=replace(how, seed=5 + row), stop=["."]))
        for row, p in enumerate(prompts)
    ]
    assert together == alone
    assert len({len(text) for text in alone}) > 1  # they end at different steps
    assert task.complete([], length=5) == []
    assert task.complete(["warm"], length=0) == [""]


def test_more_prompts_than_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    task: Any = generator().task
    prompts = ["warm", "fine", "lovely", "co", "d"]
    whole = task.complete(prompts, length=8, sampling=Sampling(seed=1))
    monkeypatch.setattr("headgate.tasks.generate._AT_ONCE", 2)
    assert task.complete(prompts, length=8, sampling=Sampling(seed=1)) == whole


def test_the_marks_are_never_written() -> None:
    task = learned()
    network: Any = task.network
    with torch.no_grad():
        network.output.bias[:4] = 50.0
    assert len("".join(task.generate("", length=100))) == 100


def test_the_likeliest_is_that_of_the_whole_run() -> None:
    task: Any = generator().task
    said = "".join(task.generate("warm", length=12, sampling=Sampling(0)))
    ids = torch.tensor([[task.text.start, *task.text.prompt("warm" + said)]])
    with torch.inference_mode():
        scores = task.network(ids)[0][:, 0]
    scores = scores.clone()
    scores[:, task.text.never] = -torch.inf
    assert scores.argmax(1)[4:-1].tolist() == ids[0, 5:].tolist()


def test_what_cannot_be_gone_on_with_is_named() -> None:
    task: Any = generator().task
    with pytest.raises(DataError, match="the prompt has what the training text has not: 'X'"):
        task.generate("X")
    with pytest.raises(DataError, match="a stop string is empty"):
        task.generate("warm", stop=[""])
    with pytest.raises(ShapeError, match="length"):
        task.complete(["warm"], length=-1)


def test_a_saved_model_says_what_it_said(tmp_path: Path) -> None:
    for name, changed in {
        "plain": {},
        "tied": {"tie": True},
        "adaptive": {"cutoffs": [5, 12]},
        "rows": {"cell": "gru", "num_layers": 2},
    }.items():
        data = write_verses(tmp_path) if name != "rows" else _rows(tmp_path)
        input = "text" if name == "rows" else None
        model = train_generator(data, input=input, epochs=1, **changed)
        model.save(tmp_path / name)
        again: Any = load(tmp_path / name)
        assert [str(each) for each in again.predict(["warm is"])] == [
            str(each) for each in model.predict(["warm is"])
        ]
        assert again.task.notes() == model.task.notes()


def _rows(folder: Path) -> Path:
    return write_csv(folder / "rows.csv", [(line,) for line in TEXT.splitlines()[:25]], ["text"])


def test_damaged_counts_are_named() -> None:
    task = learned()
    files = task.files() | {"counts.json": '{"counts": [1], "places": [0]}'}
    with pytest.raises(ModelDirectoryError, match="has 1 counts for a vocabulary of"):
        Generate.restore(task.saved_settings(), files)


@pytest.mark.parametrize("changed", [{}, {"tie": True}, {"cutoffs": [4, 12]}])
def test_a_saved_model_goes_on_with_new_letters(tmp_path: Path, changed: dict[str, Any]) -> None:
    base = train_generator(write_verses(tmp_path), **changed)
    other = tmp_path / "other.txt"
    other.write_text(TEXT.replace("warm", "XYZ"), encoding="utf-8")
    old: Any = base.task
    task = Generate.learn(Examples([TEXT.replace("warm", "XYZ")]), {}, old)
    assert len(task.field) == len(old.field) + 3
    assert task.text.prompt("fine.") == old.text.prompt("fine.")
    assert task.settings.cutoffs == old.settings.cutoffs
    own, known = task.network.state_dict(), old.network.state_dict()
    assert list(own) == list(known)
    for name, value in own.items():
        assert all(n >= o for n, o in zip(value.shape, known[name].shape, strict=True))
    assert task.places[: len(old.field)].tolist() == old.places.tolist()
    with pytest.raises(HeadgateError, match="in the saved model"):
        Generate.learn(Examples([TEXT]), {"hidden_size": 99}, old)
    with pytest.raises(HeadgateError, match=r"tie is .* in the saved model"):
        Generate.learn(Examples([TEXT]), {"tie": not old.settings.tie}, old)


def test_settings_that_do_not_fit_are_named() -> None:
    with pytest.raises(HeadgateError, match="tie and cutoffs exclude each other"):
        learned(tie=True, cutoffs=[4])
    with pytest.raises(HeadgateError, match="unknown cutoffs 'often'"):
        learned(cutoffs="often")
    with pytest.raises(ShapeError, match="bptt"):
        learned(bptt=0)


def test_large_vocabularies_get_an_adaptive_softmax() -> None:
    words = " ".join(f"w{number} w{number}" for number in range(20_001))
    task = learned(words, unit="word", hidden_size=16)
    assert task.settings.cutoffs == [1000, 5001]
    assert "adaptive softmax" in task.notes()[-1]
    assert learned(words, unit="word", tie=True).settings.cutoffs is None


def test_the_plan_has_fewer_passes_for_more_text_and_larger_networks() -> None:
    small, large = learned(), learned(hidden_size=512)
    train = Examples([TEXT])
    assert small.plan(train).epochs == 200
    assert 1 <= large.plan(train).epochs <= 200
    long = [learned(TEXT * 300, hidden_size=size).plan(train).epochs for size in (256, 512)]
    assert 200 > long[0] > 3 * long[1] >= 3


def test_the_gates_are_shown_with_the_surprise_of_each_token() -> None:
    model = train_generator_of_two_layers()
    seen, task = model.inspect("warm"), model.task
    assert seen.tokens == ("w", "a", "r", "m")
    assert seen.trace["forget"].shape == (2, 4, 16)
    assert seen.surprise is not None
    ids = torch.tensor([[task.text.start, *task.text.prompt("warm")]])
    with torch.inference_mode():
        expected = task.network(ids)[0][:-1, 0].log_softmax(-1)
    bits = -expected.gather(1, ids[0, 1:, None])[:, 0] / torch.log(torch.tensor(2.0))
    assert_equal(seen.surprise, bits, "output")
    with torch.inference_mode():
        after = task.network(ids)[0][1:, 0].log_softmax(-1)
    assert_equal(seen.answer, after, "output")
    assert seen.outcome.targets is not None
    assert seen.outcome.targets.tolist() == [*ids[0, 2:].tolist(), int(after[-1].argmax())]


def test_to_look_into_a_long_text_takes_no_logits_of_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, rows = train_generator_of_two_layers(), list[int]()
    model.task.network.output.register_forward_hook(lambda _, x, y: rows.append(len(y)))
    monkeypatch.setattr(generate_judge, "_STEPS", 5)
    model.inspect("warm is cold" * 3)
    assert max(rows) == 5


def train_generator_of_two_layers() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return train_generator(write_verses(Path(folder)), num_layers=2, epochs=1)


def test_of_several_prompts_the_one_with_unknown_letters_is_named() -> None:
    task = learned("warm is cold\n" * 9)
    with pytest.raises(DataError, match=r"^row 2: the prompt has .*: 'X'"):
        task.complete(["warm", "Xx", "cold"])
    with pytest.raises(DataError, match=r"^the prompt has .*: 'X'"):
        task.complete(["X"])
