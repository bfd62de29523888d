from __future__ import annotations

import pytest
from tests.taggers import ONE_WAY, learn, people, reader

from headgate.errors import DataError, StreamError


@pytest.mark.parametrize("characters", ["recurrent", "none"])
def test_a_stream_gives_the_tags_of_the_whole(characters: str) -> None:
    task = reader(characters)
    stream = task.stream(rows=None, rewind=2, quantize=None)
    words = people(1, 8).inputs[0]
    whole = task.tags([words])[0]
    assert [stream.step(word) for word in words] == whole
    stream.rewind(2)
    fork = stream.fork()
    assert stream.steps(words[-2:]) == fork.steps(words[-2:]) == whole[-2:]
    stream.reset()
    assert stream.steps(words) == whole
    stream.reset()
    said = " ".join(f"{word}/{tag}" for word, tag in zip(words, whole, strict=True))
    assert "".join(stream.answer(" ".join(words))) == said
    assert (list(stream.answer("")), stream.position) == ([], 0)
    with pytest.raises(DataError, match="a step takes a word, not ' '"):
        stream.step(" ")


def test_streams_run_side_by_side() -> None:
    task = reader()
    stream = task.stream(rows=2, rewind=0, quantize=None)
    one, other = ("Anna", "Kim", "ran"), ("집에", "Bo", "갔다")
    steps = [list(pair) for pair in zip(one, other, strict=True)]
    found = [stream.step(steps[0]), *stream.steps(steps[1:])]
    assert list(map(list, zip(*found, strict=True))) == task.tags([one, other])
    with pytest.raises(DataError, match="a word for each of 2 rows"):
        stream.step("Anna")


def test_a_tagger_that_reads_whole_sentences_has_no_stream() -> None:
    message = (
        "reads a sentence from both ends and chooses .* predict whole sentences, or train with"
    )
    with pytest.raises(StreamError, match=message):
        learn().stream(rows=None, rewind=0, quantize=None)
    with pytest.raises(StreamError, match="no source"):
        learn(**ONE_WAY).stream(rows=None, rewind=0, quantize=None).begin("a")


def test_a_quantized_tagger_says_what_it_loses() -> None:
    found = reader().evaluate(people(20, 9), None, quantize="int8")
    assert [note.split(" of ")[1].split(" ")[0].rstrip(":") for note in found.notes] == [
        "f1",
        "precision",
        "recall",
        "accuracy",
    ]
    assert all(note.startswith("int8 loses ") for note in found.notes)
