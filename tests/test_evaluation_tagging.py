from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
import torch

from headgate.errors import DataError, ShapeError, UnknownNameError
from headgate.evaluation.intervals import wilson
from headgate.evaluation.tagging import (
    Chunk,
    WordTags,
    chunk_f1_by_kind,
    chunk_scores,
    chunk_values,
    chunks,
    tag_accuracy,
)

MARKS = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES"}


def labels(scheme: str) -> list[str]:
    return ["O", *(f"{mark}-{kind}" for mark in MARKS[scheme] for kind in "XY")]


def is_chunk(tags: list[str], scheme: str, kind: str, start: int, end: int) -> bool:
    """Say from the definition alone, looking at all tags at once, whether a run is a chunk."""
    marks = [tag[0] for tag in tags[start:end]]
    if any(tag[2:] != kind or tag == "O" for tag in tags[start:end]):
        return False
    before = tags[start - 1] if start else "O"
    after = tags[end] if end < len(tags) else "O"
    if scheme == "BIOES":
        return marks == ["S"] or (marks[0] + marks[-1] == "BE" and set(marks[1:-1]) <= {"I"})
    ended = after != f"I-{kind}"
    if scheme == "BIO":
        return marks[0] == "B" and set(marks[1:]) <= {"I"} and ended
    in_one = before[2:] == kind
    if marks[0] == "B":  # allowed only right after a chunk of its type
        begun = in_one
    else:  # behind an I of its type it would go on with that chunk
        begun = before != f"I-{kind}"
        if before == f"B-{kind}":  # such a B stands out of place, else it would have begun this
            begun = not (start > 1 and tags[start - 2][2:] == kind)
    clash = marks[-1] == "B" and after[0] == "B" and after[2:] != kind
    return begun and set(marks[1:]) <= {"I"} and ended and not clash


def oracle(tags: list[str], scheme: str) -> set[Chunk]:
    spans = itertools.combinations(range(len(tags) + 1), 2)
    return {
        Chunk(kind, start, end)
        for start, end in spans
        for kind in "XY"
        if is_chunk(tags, scheme, kind, start, end)
    }


def all_tags(scheme: str, longest: int) -> Iterator[list[str]]:
    for size in range(1, longest + 1):
        yield from map(list, itertools.product(labels(scheme), repeat=size))


@pytest.mark.parametrize(("scheme", "longest"), [("BIO", 4), ("IOB1", 4), ("BIOES", 3)])
def test_chunks_are_those_of_the_definition(scheme: str, longest: int) -> None:
    for tags in all_tags(scheme, longest):
        found = chunks(tags, scheme)
        assert set(found) == oracle(tags, scheme), tags
        assert found == sorted(found, key=lambda chunk: chunk.start)
        assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("scheme", "tags", "wanted"),
    [
        # the examples of strict evaluation's own documentation and tests
        ("BIO", "B-PER I-PER O B-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),
        ("BIO", "O O O B-MISC I-MISC I-MISC O", [("MISC", 3, 6)]),
        ("BIO", "I-PER O", []),
        ("BIO", "O I-PER", []),
        ("BIO", "B-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)]),
        ("BIO", "B-PER I-ORG", [("PER", 0, 1)]),
        ("IOB1", "I-PER I-PER", [("PER", 0, 2)]),
        ("IOB1", "I-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)]),
        ("IOB1", "I-PER I-ORG", [("PER", 0, 1), ("ORG", 1, 2)]),
        ("IOB1", "B-PER O", []),
        ("IOB1", "B-PER I-PER", [("PER", 1, 2)]),
        ("BIOES", "S-PER", [("PER", 0, 1)]),
        ("BIOES", "B-PER E-PER", [("PER", 0, 2)]),
        ("BIOES", "B-PER I-PER E-PER O S-LOC", [("PER", 0, 3), ("LOC", 4, 5)]),
        ("BIOES", "B-PER I-PER", []),
        ("BIOES", "B-PER E-ORG", []),
        ("BIOES", "I-PER E-PER", []),
        ("BIO", "B I O B", [("", 0, 2), ("", 3, 4)]),
        ("BIO", "B-a-b I-a-b I-a", [("a-b", 0, 2)]),
    ],
)
def test_chunks_by_hand(scheme: str, tags: str, wanted: list[tuple[str, int, int]]) -> None:
    assert [tuple(chunk) for chunk in chunks(tags.split(), scheme)] == wanted


def test_scores_by_hand() -> None:
    """Two of three that were found are right; two of four that are there were found."""
    wanted = [["B-X", "I-X", "O", "B-Y"], ["B-X", "B-X", "O"]]
    given = [["B-X", "I-X", "O", "B-X"], ["B-X", "O", "O"]]
    scores = chunk_scores(given, wanted, scheme="BIO")
    assert scores["precision"].value == pytest.approx(2 / 3)
    assert scores["recall"].value == pytest.approx(2 / 4)
    assert scores["f1"].value == pytest.approx(4 / 7)
    assert chunk_values(given, wanted, scheme="BIO") == {k: s.value for k, s in scores.items()}
    by_kind = chunk_f1_by_kind(given, wanted, scheme="BIO")
    assert {kind: (score.value, n) for kind, (score, n) in by_kind.items()} == {
        "X": (pytest.approx(2 * 2 / (3 + 3)), 3),
        "Y": (0.0, 1),
    }
    assert list(by_kind) == ["X", "Y"]
    assert tag_accuracy(given, wanted).value == pytest.approx(5 / 7)


def sentences(count: int, seed: int, scheme: str = "BIO") -> list[list[str]]:
    rng = random.Random(seed)
    return [rng.choices(labels(scheme), k=rng.randint(1, 9)) for _ in range(count)]


def noisy(sentences: list[list[str]], seed: int) -> list[list[str]]:
    rng = random.Random(seed)
    return [[tag if rng.random() < 0.8 else "O" for tag in tags] for tags in sentences]


@pytest.mark.parametrize("scheme", list(MARKS))
def test_f1_is_that_of_the_sets_of_chunks(scheme: str) -> None:
    wanted = sentences(60, 1, scheme)
    given = noisy(wanted, 2)
    pairs = [(oracle(g, scheme), oracle(w, scheme)) for g, w in zip(given, wanted, strict=True)]
    hits = sum(len(g & w) for g, w in pairs)
    found, real = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    values = chunk_values(given, wanted, scheme=scheme)
    assert values == {
        "f1": pytest.approx(2 * hits / (found + real)),
        "precision": pytest.approx(hits / found),
        "recall": pytest.approx(hits / real),
    }
    assert 0 < values["f1"] < 1


def test_the_interval_is_over_sentences() -> None:
    """The same sentences ten times over have an interval that is √10 times as narrow."""
    wanted = sentences(80, 3)
    given = noisy(wanted, 4)
    one = chunk_scores(given, wanted, scheme="BIO")["f1"]
    ten = chunk_scores(given * 10, wanted * 10, scheme="BIO")["f1"]
    assert one.low < one.value < one.high
    assert ten.value == pytest.approx(one.value)
    assert (one.high - one.low) / (ten.high - ten.low) == pytest.approx(10**0.5, rel=0.2)


def test_an_interval_keeps_its_width_when_all_is_right() -> None:
    wanted = [["B-X", "O"]] * 20
    scores = chunk_scores(wanted, wanted, scheme="BIO")
    low = wilson(20, 20).low
    assert (scores["recall"].low, scores["recall"].high) == (pytest.approx(low), 1.0)
    assert scores["f1"].low == pytest.approx(2 * low / (1 + low))
    assert tag_accuracy(wanted, wanted).low == pytest.approx(wilson(40, 40).low)


def test_nothing_found_is_a_score_of_zero() -> None:
    scores = chunk_scores([["O", "O"]], [["B-X", "O"]], scheme="BIO")
    assert [score.value for score in scores.values()] == [0.0, 0.0, 0.0]
    assert all(0 <= score.low <= score.high <= 1 for score in scores.values())


def test_a_seed_repeats_the_interval_and_leaves_torch_alone() -> None:
    wanted = sentences(40, 5)
    given = noisy(wanted, 6)
    before = torch.get_rng_state()
    first = chunk_scores(given, wanted, scheme="BIO", seed=1)
    assert first == chunk_scores(given, wanted, scheme="BIO", seed=1)
    assert first["f1"] != chunk_scores(given, wanted, scheme="BIO", seed=2)["f1"]
    assert torch.equal(before, torch.get_rng_state())


def test_each_words_own_tag() -> None:
    rule = WordTags.fit([["a", "b", "a"], ["a", "c"]], [["X", "Y", "Z"], ["X", "Z"]])
    assert rule.tags == {"a": "X", "b": "Y", "c": "Z"}
    assert rule.other == "X"
    assert rule.predict([["b", "new", "c"]]) == [["Y", "X", "Z"]]


def test_errors() -> None:
    with pytest.raises(UnknownNameError, match="unknown tag scheme 'IOB2'"):
        chunks(["O"], "IOB2")
    with pytest.raises(ShapeError, match="got 1 in 1 sentences for 2 in 1"):
        chunk_scores([["O"]], [["O", "O"]], scheme="BIO")
    with pytest.raises(ShapeError, match="a tag for each token"):
        tag_accuracy([["O"]], [["O"], ["O"]])
    with pytest.raises(DataError, match="at least one token"):
        tag_accuracy([], [])
