from __future__ import annotations

import functools
import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.sounds import RATE, tone, write_wav
from tests.tiny import write_csv
from tests.tolerances import assert_equal

from headgate.data.examples import Examples
from headgate.data.sources import read_table
from headgate.decoding.ctc import frames_needed
from headgate.errors import DataError, StreamError, UnknownNameError
from headgate.model import Model, load, train
from headgate.tasks import TASKS, infer
from headgate.tasks.protocol import Prediction, Task, TaskStream
from headgate.tasks.transcribe import Transcribe

PITCHES = {"a": 400.0, "b": 900.0, "물": 1700.0, " ": 0.0}
SMALL: dict[str, Any] = {"task": "transcribe", "hidden_size": 24, "num_layers": 1, "dropout": 0.0}


def spoken(text: str) -> torch.Tensor:
    """A tone a letter, and silence between; a blank is a longer one."""
    pause = torch.zeros(RATE // 25)
    tones = [tone(PITCHES[c], 0.08, loud=0.5 if c != " " else 0.0) for c in text]
    return torch.cat([pause, *itertools.chain(*((each, pause) for each in tones))])


def texts(count: int = 40) -> list[str]:
    words = ["".join(each) for n in (1, 2, 3) for each in itertools.product("ab물", repeat=n)]
    return words[:count]


def write_spoken(folder: Path, said: list[str] | None = None) -> Path:
    rows = []
    for n, text in enumerate(texts() if said is None else said):
        write_wav(folder / "소리" / f"{n}.wav", spoken(text))
        rows.append([f"소리/{n}.wav", text])
    return write_csv(folder / "list.csv", rows, ["sound", "text"])


def _train(data: Path, **changed: Any) -> Model:
    given = SMALL | {"input": "sound", "target": "text", "say": lambda line: None, "epochs": 60}
    return train(data, **(given | changed))


@functools.cache
def transcriber() -> Model:
    """One model of one direction for all tests that only ask it."""
    with tempfile.TemporaryDirectory() as folder:
        return _train(write_spoken(Path(folder)), bidirectional=False, stack=3)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    said = ["ab", "물b물", "a a"]
    return [str(write_wav(tmp_path / f"{n}.wav", spoken(text))) for n, text in enumerate(said)]


def test_letters_are_heard_in_new_orders(files: list[str]) -> None:
    model = transcriber()
    assert isinstance(model.task, Task)
    assert model.metrics["test"]["character_error_rate"]["value"] < 0.1
    assert model.metrics["baselines"]["empty text"]["character_error_rate"] == 1
    answers = model.predict(files[:2])
    assert [str(each) for each in answers] == ["ab", "물b물"]
    assert isinstance(answers[0], Prediction)
    assert answers[0].row().keys() == {"prediction", "log_probability"}
    assert -0.5 < answers[0].log_probability <= 0


def test_scores_stand_beside_baselines(tmp_path: Path) -> None:
    found = transcriber().evaluate(write_spoken(tmp_path, ["ab", "b", "c", "c c"][:2]))
    assert list(found.scores) == ["character_error_rate", "word_error_rate", "exact_match"]
    assert found.scores["word_error_rate"].baseline == 1
    assert found.baselines.keys() == {"most frequent text", "empty text"}


def test_labels_that_training_lacks_are_said(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "l.csv", [["a.wav", "aXbX"]], ["sound", "text"])
    write_wav(tmp_path / "a.wav", spoken("ab"))
    found = transcriber().evaluate(data)
    assert found.notes == ["2 characters were not in training, and count as wrong: 'X'"]
    assert found.scores["character_error_rate"].value == 0.5


def test_a_saved_model_says_the_same_and_goes_on(files: list[str], tmp_path: Path) -> None:
    model = transcriber()
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.predict(files) == model.predict(files)
    data = write_spoken(tmp_path / "more", ["ab", "ba", "a b", "b a", "aa b", "b", "a", "bb"])
    more = _train(data, base=tmp_path / "model", epochs=1, valid=0.25, test=0.25)
    task = more.task
    assert isinstance(task, Transcribe)
    assert task.text.encode("a") == again.task.text.encode("a")  # type: ignore[attr-defined]
    assert task.settings.stack == 3
    assert len(task.text) == len(again.task.text) + 1  # type: ignore[attr-defined]


def test_rows_of_a_batch_do_not_change_each_other(files: list[str]) -> None:
    task = transcriber().task
    together = task.predict(files)
    alone = [task.predict([file])[0] for file in files]
    assert [each.text for each in together] == [each.text for each in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)


def test_several_answers_come_best_first(files: list[str]) -> None:
    task = transcriber().task
    assert isinstance(task, Transcribe)
    [found] = task.search(files[:1], n_best=3)
    assert len(found) == 3
    assert found[0] == task.predict(files[:1])[0]
    values = [each.log_probability for each in found]
    assert values == sorted(values, reverse=True)
    [[greedy]] = task.search(files[:1], beam_width=1)
    assert greedy.text == found[0].text


def test_a_stream_says_what_the_whole_says(files: list[str]) -> None:
    model = transcriber()
    task = model.task
    assert isinstance(task, Transcribe)
    stream = model.stream(rewind=5)
    assert isinstance(stream, TaskStream)
    for file in files:
        stream.reset()
        steps = task.reading.encode_rows([file])[0]
        [[greedy]] = task.search([file], beam_width=1)
        said = [stream.step(step) for step in steps[:2]]
        state, fork = stream.state, stream.fork()
        rest = stream.steps(steps[2:])
        assert "".join([*said, *rest]) == greedy.text
        assert fork.steps(steps[2:]) == rest
        stream.state = state
        assert stream.steps(steps[2:7]) == rest[:5]
        stream.rewind(5)
        assert stream.steps(steps[2:]) == rest
        assert "".join(stream.answer(file)) == greedy.text
    assert stream.steps(torch.zeros(0, 120)) == []


def test_a_quantized_stream_is_judged(tmp_path: Path) -> None:
    found = transcriber().evaluate(write_spoken(tmp_path, ["ab", "b"]), quantize="int8")
    assert "int8 loses" in found.notes[0]


def test_what_has_no_stream_says_why(tmp_path: Path, files: list[str]) -> None:
    model = _train(write_spoken(tmp_path, texts(12)), epochs=1, unit="word")
    with pytest.raises(StreamError, match=r"from both ends.*train with bidirectional=false"):
        model.stream()
    with pytest.raises(StreamError, match="from both ends"):
        model.evaluate(tmp_path / "list.csv", quantize="int8")
    for wrong, message in (({"rows": 2}, "transcriber"), ({"source": "a"}, "has no source")):
        with pytest.raises(StreamError, match=message):
            transcriber().stream(**wrong)  # type: ignore[arg-type]
    assert model.task.notes()[-1] == "texts as words, 10 of them"


def test_gates_are_shown_over_the_steps(files: list[str]) -> None:
    seen = transcriber().inspect(files[0])
    assert "".join(dict.fromkeys(seen.tokens)).replace("·", "") == "ab"
    assert seen.trace["update"].shape == (1, len(seen.tokens), 24)


def test_the_loss_is_that_of_every_path() -> None:
    """The mean nats of a label, from the definition: the sum over all paths of three steps."""
    model = transcriber()
    task = model.task
    assert isinstance(task, Transcribe)
    frames = torch.randn(1, 3, task.reading.embedding.output_size)  # type: ignore[arg-type]
    lengths, labels = torch.tensor([3]), torch.tensor(task.text.encode("ab"))[None]
    with torch.no_grad():
        said = task.network(frames, lengths)
        nats = task.network.nats(said, lengths, labels, torch.tensor([2]))
    a, b = labels[0].tolist()
    paths = [(a, a, b), (a, b, b), (0, a, b), (a, 0, b), (a, b, 0)]
    values = torch.stack([said[range(3), 0, list(path)].sum() for path in paths])
    assert_equal(nats, -values.logsumexp(0)[None], "gradient")


def test_a_text_that_is_too_long_for_its_sound_is_refused_with_its_row(tmp_path: Path) -> None:
    said = texts(12)
    data = write_spoken(tmp_path, said)
    write_wav(tmp_path / "소리" / "9.wav", spoken("a"))
    steps = len(spoken("a")) // (RATE // 100) // 4
    text = "ab" * steps + "aa"
    rows = [[f"소리/{n}.wav", text if n == 9 else each] for n, each in enumerate(said)]
    write_csv(data, rows, ["sound", "text"])
    held = write_csv(tmp_path / "held.csv", rows[:3], ["sound", "text"])
    needed = frames_needed([ord(c) for c in text])
    message = (
        rf"list\.csv, row 11, column 'text': the text has {len(text)} labels, which need "
        rf"{needed} steps at least .*, and its sound has \d+ of 20 ms"
    )
    with pytest.raises(DataError, match=message):
        _train(data, epochs=1, valid=held, test=0)


def test_texts_are_compared_in_one_spelling(tmp_path: Path) -> None:
    write_spoken(tmp_path, ["a", "b"])
    rows = [["소리/0.wav", "  A \n B"], ["소리/1.wav", "물"]]
    table = read_table(write_csv(tmp_path / "l.csv", rows, ["sound", "text"]))
    assert Transcribe.read(table, "sound", "text").targets == ["A B", "물"]
    assert infer(table, "sound", "text")[0] == "transcribe"


@pytest.mark.parametrize(
    ("target", "said"), [(None, "learns from texts"), ("text", r"row 3, column 'text': .*empty")]
)
def test_rows_without_a_text_are_refused(target: str | None, said: str, tmp_path: Path) -> None:
    write_spoken(tmp_path, ["a", "b"])
    rows = [["소리/0.wav", "a"], ["소리/1.wav", " "]]
    table = read_table(write_csv(tmp_path / "l.csv", rows, ["sound", "text"]))
    with pytest.raises(DataError, match=said):
        Transcribe.read(table, "sound", target)


def test_rows_of_one_file_stay_together() -> None:
    examples = Examples([Path("a.wav"), Path("b.wav")] * 20, ["a", "b"] * 20)
    parts = Transcribe.divide(examples, valid=0.5, test=0.0, seed=1)
    assert {len({str(file) for file in parts[name].inputs}) for name in ("train", "valid")} == {1}


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown unit 'phone'; known: character, word"):
        Transcribe.made_of(unit="phone")
    assert TASKS["transcribe"] is Transcribe
