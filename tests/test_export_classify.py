from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.exported import run_alone, script
from tests.tiny import train_classifier, write_reviews

import headgate as hg
from headgate.errors import StreamError
from headgate.export.comparison import compare, compare_steps
from headgate.export.parts import Input, Part
from headgate.export.stream import stream_to_onnx
from headgate.layers import Recurrent
from headgate.models import Classifier, TokenEmbedding
from headgate.models.pooling import POOLS
from headgate.streaming.parts import links_of
from headgate.tasks import exporting
from headgate.tasks.classify import Classify

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

GOLDEN = Path(__file__).parent / "golden"
TEXTS = ["a warm film", "dull", "따뜻한 영화 number 7"]


def golden() -> tuple[hg.Model, Any]:
    model = hg.load(GOLDEN / "classify")
    assert isinstance(model.task, Classify)
    return model, model.task


def assert_answers(found: list[Any], wanted: Any) -> None:
    assert [each["label"] for each in found] == [each.label for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one["probabilities"] == pytest.approx(other.probabilities, abs=1e-5)


def opened(graph: Any) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exported") / "out"
    exporting.export(golden()[1], place, stream=False, source=None)
    return place


def test_a_text_classifier_answers_alone_as_it_does_here(out: Path) -> None:
    model, task = golden()
    assert exporting.verify(task, out) < exporting.TOLERANCE
    found = run_alone(out, text="\n".join(TEXTS) + "\n")
    assert_answers(found, model.predict(TEXTS))


def test_many_inputs_are_answered_in_their_order(out: Path) -> None:
    alone, texts = script("run", out).Model(), TEXTS * 30
    assert_answers(alone.predict(texts), golden()[0].predict(texts))
    assert alone.predict([]) == []


def test_a_step_answers_alone_as_the_stream_does_here(tmp_path: Path) -> None:
    model = train_classifier(write_reviews(tmp_path), bidirectional=False, longest=3)
    out = tmp_path / "out"
    exporting.export(model.task, out, stream=True, source=None)
    assert exporting.verify(model.task, out) < exporting.TOLERANCE
    assert_answers(run_alone(out, *TEXTS), model.predict(TEXTS))
    long = "a warm film, warm and lovely number 7"  # a stream reads on where predict cuts
    assert_answers(list(script("run", out).Model().stream(long)), model.stream().steps(long))


def test_what_reads_from_both_ends_is_no_step(tmp_path: Path) -> None:
    _, task = golden()
    with pytest.raises(StreamError, match="direction"):
        exporting.export(task, tmp_path / "out", stream=True, source=None)
    assert not (tmp_path / "out").exists()


def test_the_threshold_decides_of_two_classes(tmp_path: Path) -> None:
    model, task = golden()
    task.settings.threshold = 0.02
    exporting.export(task, tmp_path / "out", stream=False, source=None)
    found, wanted = script("run", tmp_path / "out").Model().predict(TEXTS), model.predict(TEXTS)
    assert_answers(found, wanted)
    rarer = task.labels.classes[task.rarer]
    assert all(each["label"] == rarer for each in found)


def test_bad_input_is_refused_in_a_line(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = script("run", out)
    refused = "the text is empty, so there is nothing to answer\n"
    monkeypatch.setattr(sys, "argv", ["run.py", "a warm film", " "])
    with pytest.raises(SystemExit) as ended:
        run.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.err) == (2, f"argument 2: {refused}")
    assert len(said.out.splitlines()) == 1
    monkeypatch.setattr(sys, "argv", ["run.py"])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"fine\n\nfine\n")))
    with pytest.raises(SystemExit) as ended:
        run.main()
    assert (ended.value.code, capsys.readouterr().err) == (2, f"line 2: {refused}")


@pytest.mark.parametrize("pool", POOLS)
def test_every_pool_is_written_whole_and_as_a_step(pool: str) -> None:
    embedding, recurrent = TokenEmbedding(9, 6), Recurrent("gru", 6, 5)
    network = Classifier(embedding, recurrent, classes=3, pool=pool).eval()
    if network.pool.score is not None:
        torch.nn.init.normal_(network.pool.score)
    inputs = (Input("x", ("B", "T"), "ids", most=9), Input("lengths", ("B",), "lengths"))
    part = Part("model", network, inputs, ("scores",))
    for found in compare(part, opened(part.to_onnx())):
        assert found.difference < exporting.TOLERANCE, found
    step = stream_to_onnx(links_of(network.parts))
    initial = {name: value.tolist() for name, value in step.initial.items()}
    compared = compare_steps(network.parts, opened(step.model), initial)
    assert compared.difference < exporting.TOLERANCE
