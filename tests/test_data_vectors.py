from __future__ import annotations

import gzip
import random
import tracemalloc
from pathlib import Path

import pytest
import torch
from tests.tolerances import assert_equal

from headgate.data.vectors import read_vectors
from headgate.errors import DataError

GLOVE = "the 0.1 0.2 0.3\ncat 1 -2 3e-1\n서울 4 5 6\nParis 7 8 9\n"


def write(folder: Path, text: str | bytes, name: str = "v.txt") -> Path:
    path = folder / name
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("header", ["", "4 3\n"])
@pytest.mark.parametrize("name", ["v.txt", "v.vec.gz"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
def test_only_the_wanted_words_are_kept(tmp_path: Path, header: str, name: str, end: str) -> None:
    path = write(tmp_path, (header + GLOVE).replace("\n", end), name)
    found = read_vectors(path, ["서울", "cat", "dog"])
    assert found.words == ("서울", "cat")
    assert_equal(found.values, torch.tensor([[4.0, 5.0, 6.0], [1.0, -2.0, 0.3]]), "output")
    assert (found.found, found.by_case, found.total, found.size) == (2, 0, 4, 3)


def test_another_case_serves_where_the_word_itself_is_missing(tmp_path: Path) -> None:
    text = "Apple 1\nAPPLE 2\napple 3\nPARIS 4\nParis 5\nRome 6\nROME 7\n"
    found = read_vectors(write(tmp_path, text), ["Apple", "aPPle", "paris", "Rome"])
    values = dict(zip(found.words, found.values[:, 0].tolist(), strict=True))
    assert values == {"Apple": 1.0, "aPPle": 3.0, "paris": 4.0, "Rome": 6.0}
    assert (found.found, found.by_case) == (4, 2)


def test_further_words_are_the_first_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a 1\nB 2\nb 3\nc 4\nd 5\n")
    assert read_vectors(path, ["c"], others=2).words == ("c", "a", "B")
    folded = read_vectors(path, ["c"], others=2, lowercase=True)
    assert folded.words == ("c", "a", "b")
    assert (folded.values[:, 0].tolist(), folded.found) == ([4.0, 1.0, 2.0], 1)


def test_a_word_may_hold_blanks_and_is_brought_to_nfc(tmp_path: Path) -> None:
    found = read_vectors(write(tmp_path, "e\u0301te\u0301 1 2\n. . . 3 4\n"), ["été", ". . ."])
    assert found.words == ("été", ". . .")
    assert found.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_the_first_of_equal_words_counts(tmp_path: Path) -> None:
    assert read_vectors(write(tmp_path, "a 1\na 2\n"), ["a"]).values.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 1\n", r"row 2: a word and 2 numbers were wanted, as the first line says, and 1"),
        ("a 1 2\nb 1 2 3\n", r"row 2: a word and 2 numbers .* and 3 came"),
        ("2 2\na 1\n", r"row 2: a word and 2 numbers .* and 1 came"),
        ("\na 1 2\nb 1\n", r"row 3: a word and 2 numbers were wanted, as row 2 has, and 1 came"),
        ("a\n", r"row 1: a word and 0 numbers"),
        ("a 1 x\n", r"row 1: finite numbers were wanted after the word, and 'x' came"),
        ("b 1 2\na nan 1\n", r"row 2: finite numbers were wanted"),
        ("b 1 2\na 1e99 1\n", r"row 2: finite numbers were wanted"),
        (b"b 1\n\xff\xfe 2\n", r"row 2: the word is not UTF-8 \(invalid start byte\)"),
        ("", r"the file has no vector"),
        ("3 2\n", r"the file has no vector"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=rf"v\.txt(, |: ){message}"):
        read_vectors(write(tmp_path, text), ["a"])


def test_a_missing_or_broken_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read: No such file"):
        read_vectors(tmp_path / "v.txt", ["a"])
    path = write(tmp_path, "a 1\n" * 999, "v.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="the gzip data is broken or cut off"):
        read_vectors(path, ["a"])


def test_the_file_is_never_held_whole(tmp_path: Path) -> None:
    rng = random.Random(0)
    numbers = " ".join(f"{rng.random():.5f}" for _ in range(200))
    path = write(tmp_path, "".join(f"word{n} {numbers}\n" for n in range(2000)))
    tracemalloc.start()
    read_vectors(path, ["word7", "word1999"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 5
