from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.exported import run_alone, script
from tests.golden import write_tones

import headgate as hg
from headgate.data.examples import Examples
from headgate.decoding.ctc import best_path, collapse, prefix_search
from headgate.errors import StreamError
from headgate.tasks import exporting
from headgate.tasks.transcribe import Transcribe

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

GOLDEN = Path(__file__).parent / "golden"
SAID = ("ab", "ba", "abba", "b")


def sounds(folder: Path) -> list[str]:
    return [write_tones(folder, said, number) for number, said in enumerate(SAID)]


def lively(files: list[str], **settings: Any) -> Transcribe:
    """A transcriber that learned nothing, with weights wide enough to say something."""
    torch.manual_seed(5)
    given = {"hidden_size": 8, "num_layers": 2, "bidirectional": False} | settings
    task = Transcribe.learn(Examples([Path(f) for f in files], [*SAID], kind="audio"), given)
    with torch.no_grad():
        for weight in task.network.parameters():
            weight.mul_(2)
    return task


def agree(found: list[Any], wanted: list[Any]) -> None:
    assert [(each["text"], each["finished"]) for each in found] == [
        (each.text, each.finished) for each in wanted
    ]
    numbers = [each.log_probability for each in wanted]
    assert [each["log_probability"] for each in found] == pytest.approx(numbers, rel=1e-4, abs=1e-3)


def test_a_saved_transcriber_answers_alone_as_it_does_here(tmp_path: Path) -> None:
    files, model = sounds(tmp_path), hg.load(GOLDEN / "transcribe")
    task: Any = model.task
    exporting.export(task, tmp_path / "out", stream=False, source=None)
    assert exporting.verify(task, tmp_path / "out") < exporting.TOLERANCE
    agree(run_alone(tmp_path / "out", *files), model.predict(files))
    with pytest.raises(StreamError, match="is no chain that takes one step"):
        exporting.export(task, tmp_path / "stream", stream=True, source=None)
    assert not (tmp_path / "stream").exists()


@pytest.mark.parametrize("settings", [{"beam_width": 1, "unit": "word"}, {"beam_width": 4}])
def test_a_transcriber_of_one_direction_streams_alone(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    files, out = sounds(tmp_path), tmp_path / "out"
    task = lively(files, **settings)
    exporting.export(task, out, stream=True, source=None)
    assert exporting.verify(task, out) < exporting.TOLERANCE
    agree(run_alone(out, *files), task.predict(files))
    model = script("run", out).Model()
    stream = task.stream(rows=None, rewind=0, quantize=None)
    said = ["".join(stream.answer(file)) for file in files]
    assert ["".join(model.stream(file)) for file in files] == said
    assert any(said)


@pytest.mark.parametrize("seed", range(8))
def test_both_searches_find_the_same_labelling(seed: int) -> None:
    alone = script("ctc")
    generator = torch.Generator().manual_seed(seed)
    said = (2 * torch.randn(3 + seed, 5, generator=generator)).log_softmax(1)
    for width in (1, 2, 6):
        [wanted] = prefix_search(said, blank=1, width=width)
        labels, nats = alone.prefix_search(said.numpy(), 1, width)
        assert labels == wanted.labels
        assert nats == pytest.approx(wanted.log_probability, abs=1e-12)
    labels, nats = alone.best_path(said.numpy(), 1)
    best = best_path(said, blank=1)
    assert labels == best.labels
    assert nats == pytest.approx(best.log_probability, abs=1e-5)


def test_a_wide_beam_sums_over_all_paths() -> None:
    alone, generator = script("ctc"), torch.Generator().manual_seed(11)
    said = torch.randn(5, 3, generator=generator).log_softmax(1).double().numpy()
    sums: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(3), repeat=5):
        labels = collapse(path, 0)
        sums[labels] = sums.get(labels, 0.0) + math.exp(said[np.arange(5), path].sum())
    labels, nats = alone.prefix_search(said, 0, 100)
    assert labels == max(sums, key=lambda each: sums[each])
    assert nats == pytest.approx(math.log(sums[labels]), abs=1e-12)
