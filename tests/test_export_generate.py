from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exported import run_alone, script
from tests.tiny import generator, reviews, verses
from tests.tolerances import assert_equal

from headgate.data.examples import Examples
from headgate.decoding.sampling import Sampling
from headgate.tasks import exporting
from headgate.tasks.continuation import Row
from headgate.tasks.generate import Generate

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

ROWS = [text for text, _ in reviews(20)]
SAMPLING = script("sampling")
GREEDY = Sampling(temperature=0)
PROMPTS = ["", "warm ", "lovely"]
VARIANTS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "words of texts, tied": (ROWS, {"unit": "word", "tie": True}),
    "words of a document": (
        [verses()],
        {"unit": "word", "cell": "gru", "options": {"reset": "before"}},
    ),
    "a learned first state": (ROWS, {"unit": "byte", "options": {"initial_state": "learned"}}),
    "adaptive softmax": ([verses()], {"unit": "character", "cutoffs": [6, 12]}),
    "bytes of texts, two layers": (ROWS, {"unit": "byte", "cell": "lstm", "num_layers": 2}),
    "subwords of a document": ([verses()], {"unit": "subword", "vocabulary_size": 300}),
}
STREAMS = (
    "adaptive softmax",
    "bytes of texts, two layers",
    "subwords of a document",
    "a learned first state",
)


@functools.cache
def language(variant: str) -> Generate:
    """A language model with weights as they may come, wide enough apart for greedy choices."""
    texts, changed = VARIANTS[variant]
    torch.manual_seed(0)
    given = {"hidden_size": 16, "embedding_size": 8} | changed
    task = Generate.learn(Examples(texts), given)
    for name, parameter in task.network.named_parameters():
        # recurrent weights as large as the others would make rounding grow over the steps
        small = "recurrent" in name or "bias" in name
        torch.nn.init.normal_(parameter, std=0.4 if small else 2.0)
    return task


def model_of(task: Any, out: Path, *, stream: bool = False, **options: Any) -> Any:
    if not out.exists():
        exporting.export(task, out, stream=stream, source=None)
    return script("run", out).Model(**options)


def test_a_text_goes_on_alone_as_it_does_here(tmp_path: Path) -> None:
    model = generator()
    exporting.export(model.task, tmp_path / "out", stream=False, source=None)
    assert exporting.verify(model.task, tmp_path / "out") < exporting.TOLERANCE
    options = ("--temperature", "0", "--length", "40", "--stop", "\n")
    found = run_alone(tmp_path / "out", *options, text="warm is\na\n")
    for prompt, each in zip(["warm is", "a"], found, strict=True):
        wanted = "".join(model.generate(prompt, temperature=0, length=40, stop=["\n"]))
        assert each["prediction"] == wanted


def assert_goes_on(task: Generate, model: Any) -> None:
    """The same texts, long and of several tokens, also where what came is made less likely."""
    wanted = task.complete(PROMPTS, length=25, sampling=GREEDY)
    assert [each["prediction"] for each in model.predict(PROMPTS)] == wanted
    penalized = Sampling(temperature=0, repetition_penalty=1.7)
    [other] = task.complete(["warm"], length=25, sampling=penalized)
    assert model.generate("warm", temperature=0, repetition_penalty=1.7) == other
    assert len(set("".join([*wanted, other]))) > 3


@pytest.mark.parametrize("variant", list(VARIANTS)[:4])
def test_every_model_goes_on_as_it_does_here(variant: str, tmp_path: Path) -> None:
    task = language(variant)
    model = model_of(task, tmp_path / "out", length=25, temperature=0)
    assert exporting.verify(task, tmp_path / "out") < exporting.TOLERANCE
    assert_goes_on(task, model)


@pytest.mark.parametrize("variant", STREAMS)
def test_every_step_goes_on_as_the_whole(variant: str, tmp_path: Path) -> None:
    task = language(variant)
    model = model_of(task, tmp_path / "out", stream=True, length=25, temperature=0)
    assert exporting.verify(task, tmp_path / "out") < exporting.TOLERANCE
    assert_goes_on(task, model)


def test_a_stream_expects_what_it_does_here(tmp_path: Path) -> None:
    task = language("bytes of texts, two layers")
    found = list(model_of(task, tmp_path / "out", stream=True).stream("따뜻한 a"))
    kept = task.stream(rows=None, rewind=0, quantize=None)
    wanted = [each.row() for each in kept.steps("따뜻한 a")]
    assert [each["prediction"] for each in found] == [each["prediction"] for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        value = torch.tensor(float(other["log_probability"]))
        assert_equal(torch.tensor(one["log_probability"]), value, "printed")


SETTINGS = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([0.0, 1e-3, 0.7, 1.0, 3.0]),
        "top_k": st.none() | st.integers(1, 12),
        "top_p": st.none() | st.floats(0.01, 1.0),
        "repetition_penalty": st.sampled_from([1.0, 1.3, 0.5]),
    }
)
LOGITS = st.lists(st.sampled_from([-np.inf, -2.0, 0.0, 0.5, 0.5, 3.0]), min_size=3, max_size=9)


@settings(max_examples=200)
@given(SETTINGS, LOGITS, st.lists(st.integers(0, 2)))
def test_a_token_is_drawn_of_the_same_distribution(
    given: dict[str, Any], logits: list[float], seen: list[int]
) -> None:
    row = np.array([1.0, *logits])
    found = SAMPLING.Sampling(**given).probabilities(row, seen)
    wanted = Sampling(**given).probabilities(torch.tensor(row)[None], [seen])[0]
    assert_equal(torch.from_numpy(found), wanted, "output")


def test_draws_come_as_often_as_they_should() -> None:
    logits = np.array([0.0, 1.0, -np.inf, 2.0, -1.0])
    chosen = SAMPLING.Sampling(temperature=0.8, top_p=0.95, seed=1)
    shares = chosen.probabilities(logits)
    counts = np.bincount([chosen.draw(logits) for _ in range(4000)], minlength=5)
    deviation = np.sqrt(4000 * shares * (1 - shares))
    assert (np.abs(counts - 4000 * shares) <= 4.5 * deviation).all()
    again = [SAMPLING.Sampling(seed=3).draw(logits) for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_tokens_are_spelt_and_stopped_as_here(variant: str) -> None:
    """Tokens by chance: half characters, marks and stop strings that come in pieces."""
    task, continuing = language(variant), script("continuing")
    running = object.__new__(continuing.RunningTexts)
    running.start, running.end, running.never = task.text.start, task.text.end, task.text.never
    running.words, running.spellings = task.text.words, task.text.spellings
    generator = np.random.default_rng(0)
    usual = [n for n in range(len(task.field)) if n not in task.text.never and n != task.text.end]
    for number in range(60):
        ids = generator.choice(usual, 12).tolist()
        ends = [] if task.text.end is None or number % 3 else [task.text.end]
        whole = Row(task.text, [], stop=(), length=12)
        text = "".join(whole.take(token) for token in ids)
        stop = [text[at : at + 3] for at in generator.integers(0, len(text) - 2, number % 3)]
        row = Row(task.text, ids[:1], stop=stop, length=11 + len(ends))
        found, wanted = continuing.Continued(running, ids[:1], stop), ""
        for token in [*ids[1:], *ends]:
            wanted += row.take(token)
            found.take(token)
            assert found.over == (not row.open and (row.left > 0 or found.over))
            if not row.open:
                break
        found.close()
        assert found.text == wanted


def test_what_cannot_be_read_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exporting.export(generator().task, tmp_path / "out", stream=False, source=None)
    run = script("run", tmp_path / "out")
    capsys.readouterr()  # of a training that may just have been
    for words, said in (
        (
            ["--length", "2", "warm", "w§"],
            "argument 2: the text has what the training text has not",
        ),
        (["--top-p", "2", "warm"], "argument 1: top_k is 1 or more, and top_p above 0"),
        (["--stop", "", "warm"], "argument 1: a stop string is empty"),
    ):
        monkeypatch.setattr(sys, "argv", ["run.py", *words])
        with pytest.raises(SystemExit) as ended:
            run.main()
        assert ended.value.code == 2
        assert capsys.readouterr().err.startswith(said)
