"""Tag schemes: what each allows, told by reading chunks; the scheme of a corpus; the errors."""

from __future__ import annotations

import itertools

import pytest
import torch

from headgate.errors import DataError, UnknownNameError
from headgate.layers import CRF
from headgate.layers.tag_schemes import SCHEMES, check_scheme, constraints, infer_scheme

Chunks = frozenset[tuple[int, int, str]]
TYPES = ("PER", "LOC")
LABELS = {
    "BIO": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    "IOB1": ["I-LOC", "O", "B-LOC", "B-PER", "I-PER"],
    "BIOES": ["O", *(f"{mark}-{kind}" for kind in TYPES for mark in "BIES")],
}
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


def _chunkings(steps: int, start: int = 0) -> list[list[tuple[int, int, str]]]:
    """Every way to lay chunks [start, end) of the two types on a sequence."""
    if start == steps:
        return [[]]
    found = _chunkings(steps, start + 1)
    for end in range(start + 1, steps + 1):
        rest = _chunkings(steps, end)
        found = found + [[(start, end, kind), *more] for kind in TYPES for more in rest]
    return found


def _written(chunks: list[tuple[int, int, str]], steps: int, scheme: str) -> tuple[str, ...]:
    """Write chunks in a scheme, as its definition says."""
    labels = ["O"] * steps
    closed: dict[int, str] = {}  # where a chunk ended, its type
    for start, end, kind in chunks:
        marks = ["I"] * (end - start)
        if scheme == "BIO" or (scheme == "IOB1" and closed.get(start) == kind):
            marks[0] = "B"
        if scheme == "BIOES":
            marks = ["B", *marks[2:], "E"] if end - start > 1 else ["S"]
        labels[start:end] = [f"{mark}-{kind}" for mark in marks]
        closed[end] = kind
    return tuple(labels)


@every_scheme
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_what_is_allowed_is_what_chunks_are_written_as(scheme: str, steps: int) -> None:
    labels = LABELS[scheme]
    starts, transitions, ends = constraints(labels, scheme)
    written = {_written(chunks, steps, scheme) for chunks in _chunkings(steps)}
    assert len(written) == len(_chunkings(steps))  # a scheme loses nothing
    for numbers in itertools.product(range(len(labels)), repeat=steps):
        joins = [bool(transitions[i, j]) for i, j in itertools.pairwise(numbers)]
        allowed = bool(starts[numbers[0]]) and all(joins) and bool(ends[numbers[-1]])
        sequence = tuple(labels[number] for number in numbers)
        assert allowed == (sequence in written), sequence
        if allowed:
            check_scheme([sequence], scheme)
        else:
            with pytest.raises(DataError, match=f"sequence 1, step .* in {scheme}"):
                check_scheme([["O"], sequence], scheme)


def test_iob2_by_hand() -> None:
    starts, transitions, ends = constraints(["I-A", "O", "B-A", "I-B"], "BIO")
    assert starts.tolist() == [False, True, True, False]
    assert ends.tolist() == [True] * 4
    assert transitions.int().tolist() == [[1, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 1]]


def test_marks_may_stand_alone_and_types_have_hyphens() -> None:
    _, transitions, ends = constraints(["O", "B", "E", "B-geo-loc", "E-geo-loc", "E-geo"], "BIOES")
    assert transitions[1].tolist() == [False, False, True, False, False, False]
    assert transitions[3].tolist() == [False, False, False, False, True, False]
    assert ends.tolist() == [True, False, True, False, True, True]


@every_scheme
def test_a_crf_decodes_only_what_the_scheme_writes(scheme: str) -> None:
    labels = LABELS[scheme]
    crf = CRF(len(labels), constraints=constraints(labels, scheme))
    paths, _ = crf.decode(5 * torch.randn(7, 40, len(labels)), torch.arange(40) % 7 + 1)
    check_scheme(([labels[tag] for tag in path] for path in paths), scheme)


CORPORA = [
    ([["O", "B-PER", "I-PER"], ["B-LOC", "B-LOC"]], "BIO"),
    ([["B-PER", "I-PER", "B-PER", "O"]], "BIO"),  # one B parts chunks, one begins
    ([["O", "O"], []], "BIO"),
    ([], "BIO"),
    ([["I-PER", "O"]], "IOB1"),
    ([["O", "I-PER", "B-PER", "I-PER"]], "IOB1"),
    ([["B-X", "I-X", "O"], ["I-X"]], "BIO"),  # keeps neither: a B after nothing, an I after nothing
    ([["I-PER", "I-LOC"], ["I-PER", "B-PER"]], "IOB1"),
    ([["O", "S-PER"]], "BIOES"),
    ([["B-PER", "E-PER"]], "BIOES"),
    ([["I-PER"], ["B", "E"]], "BIOES"),
]


@pytest.mark.parametrize(("corpus", "scheme"), CORPORA)
def test_the_scheme_of_a_corpus(corpus: list[list[str]], scheme: str) -> None:
    assert infer_scheme(corpus) == scheme
    assert infer_scheme(iter(corpus)) == scheme


@every_scheme
def test_a_corpus_in_a_scheme_is_found_to_be_in_it(scheme: str) -> None:
    corpus = [_written(chunks, 4, scheme) for chunks in _chunkings(4)]
    assert infer_scheme(corpus) == scheme
    check_scheme(corpus, scheme)


def test_a_breach_is_named_with_its_place() -> None:
    for sequence, scheme, message in [
        (["I-X"], "BIO", "sequence 0, step 0: a sequence may not begin with 'I-X' in BIO"),
        (["O", "B-X", "I-Y"], "BIO", "sequence 0, step 2: 'I-Y' may not follow 'B-X' in BIO"),
        (["O", "B-X"], "BIOES", "sequence 0, step 1: a sequence may not end with 'B-X' in BIOES"),
        (["O", "B"], "IOB1", "sequence 0, step 1: 'B' may not follow 'O' in IOB1"),
        (["O", "S-X"], "BIO", "sequence 0, step 1: a label of BIO is O or one of B-TYPE, I-TYPE"),
    ]:
        with pytest.raises(DataError) as caught:
            check_scheme([sequence], scheme)
        assert str(caught.value).startswith(message)


def test_strange_labels_and_schemes_are_named() -> None:
    with pytest.raises(DataError, match="a label of BIO is O or one of B-TYPE, I-TYPE, not 'E-X'"):
        constraints(["O", "E-X"], "BIO")
    with pytest.raises(DataError, match="not 'B-'"):
        constraints(["O", "B-"], "BIO")
    with pytest.raises(DataError, match="'O' is there twice"):
        constraints(["O", "B-X", "O"], "BIO")
    with pytest.raises(DataError, match="at least one label"):
        constraints([], "BIO")
    for call in (lambda: constraints(["O"], "BILOU"), lambda: check_scheme([], "BILOU")):
        with pytest.raises(UnknownNameError, match=r"tag scheme 'BILOU'.*known: BIO, BIOES, IOB1"):
            call()
    with pytest.raises(DataError, match=r"sequence 1, step 2: .*any scheme.* not 'NOUN'$"):
        infer_scheme([["O"], ["O", "O", "NOUN"]])
    with pytest.raises(DataError, match=r"not 'L-X'; L and U of BILOU are E and S in BIOES"):
        infer_scheme([["B-X", "L-X"]])
