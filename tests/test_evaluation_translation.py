"""BLEU, chrF and exact match, against sacrebleu itself."""

from __future__ import annotations

import random
import sys

import pytest
import torch

from headgate.errors import (
    DataError,
    HeadgateError,
    MissingExtraError,
    ShapeError,
    UnknownNameError,
)
from headgate.evaluation.ngram_statistics import bleu_of_sums, chrf_of_sums, chrf_statistics
from headgate.evaluation.translation import (
    bleu,
    bleu_by_length,
    choose_tokenizer,
    chrf,
    exact_match,
)

sacrebleu = pytest.importorskip("sacrebleu")

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "tree", "then", "."]


def corpus(rows: int = 60, references: int = 1) -> tuple[list[str], list[list[str]]]:
    """Sentences with a few words changed; no row has as many references as the next."""
    rng = random.Random(rows + references)
    targets = [[rng.choice(WORDS) for _ in range(rng.randint(1, 14))] for _ in range(rows)]

    def near(words: list[str]) -> str:
        return " ".join(word if rng.random() < 0.8 else rng.choice(WORDS) for word in words)

    hypotheses = [near(words) for words in targets]
    several = [[near(w) for _ in range(1 + row % references)] for row, w in enumerate(targets)]
    return hypotheses, several


@pytest.mark.parametrize("references", [1, 3])
def test_the_counts_give_sacrebleus_score(references: int) -> None:
    hypotheses, several = corpus(references=references)
    streams = [[(t + [None] * 3)[n] for t in several] for n in range(references)]
    score = bleu(hypotheses, several, tokenize="13a")
    theirs = sacrebleu.BLEU()
    assert score.score.value == theirs.corpus_score(hypotheses, streams).score
    assert score.signature == str(theirs.get_signature())
    assert f"nrefs:{'var' if references > 1 else 1}|" in score.signature
    assert score.score.low < score.score.value < score.score.high

    rows = [chrf_statistics(*pair) for pair in zip(hypotheses, several, strict=True)]
    total = torch.tensor(rows, dtype=torch.float64).sum(0, keepdim=True)
    found = chrf(hypotheses, several)
    assert float(chrf_of_sums(total)) == pytest.approx(found.score.value)
    assert found.score.value == sacrebleu.CHRF().corpus_score(hypotheses, streams).score
    assert found.score.low < found.score.value < found.score.high


def test_bleu_of_sums_is_sacrebleus() -> None:
    rng = random.Random(0)
    rows = [[0] * 10, [5, 6, 0, 0, 0, 0, 5, 4, 3, 2], [2, 2, 2, 1, 0, 0, 2, 1, 0, 0]]
    for _ in range(300):
        totals = sorted((rng.randint(0, 9) for _ in range(4)), reverse=True)
        matches = [rng.randint(0, total) for total in totals]
        rows.append([totals[0], rng.randint(1, 12), *matches, *totals])
    expected = [
        sacrebleu.BLEU.compute_bleu(r[2:6], r[6:], r[0], r[1], smooth_method="exp").score
        for r in rows
    ]
    found = bleu_of_sums(torch.tensor(rows, dtype=torch.float64)).tolist()
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_interval_is_that_of_drawn_sentences() -> None:
    hypotheses, several = corpus(rows=60)
    texts = [each[0] for each in several]
    score = bleu(hypotheses, texts, tokenize="13a").score
    rng = random.Random(1)
    values = []
    for _ in range(100):
        rows = [rng.randrange(60) for _ in range(60)]
        drawn = [hypotheses[r] for r in rows], [[texts[r] for r in rows]]
        values.append(sacrebleu.corpus_bleu(*drawn, force=True).score)
    ends = torch.tensor(values).quantile(torch.tensor([0.025, 0.975]))
    assert (score.low, score.high) == pytest.approx(ends.tolist(), abs=2.5)


def test_a_baseline_stands_beside() -> None:
    hypotheses, several = corpus()
    baseline = ["the cat"] * len(hypotheses)
    streams = [[each[0] for each in several]]
    score = bleu(hypotheses, several, baseline=baseline, tokenize="13a").score
    assert score.baseline == sacrebleu.BLEU(force=True).corpus_score(baseline, streams).score
    score = chrf(hypotheses, several, baseline=baseline).score
    assert score.baseline == sacrebleu.CHRF().corpus_score(baseline, streams).score
    assert exact_match(["a", "b"], ["a", "c"], baseline=["x", "c"]).baseline == 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Il pleut.", "13a"),
        ("Привет, мир", "13a"),
        ("비가 와요.", "char"),
        ("我喜欢猫。", "char"),
        ("ฉันชอบแมว", "char"),
        ("カタカナとひらがな", "char"),
        ("the word 猫 means cat", "13a"),
        ("1999-12-31", "13a"),
        ("", "13a"),
    ],
)
def test_the_tokenizer_follows_the_script(text: str, expected: str) -> None:
    assert choose_tokenizer([text]) == expected
    assert choose_tokenizer([[text, text]]) == expected


def test_korean_is_scored_by_character_and_says_so() -> None:
    score = bleu(["나는 고양이를 좋아한다."], ["나는 고양이가 좋다."])
    assert "tok:char" in score.signature
    assert 0 < score.score.value < 100


def test_exact_match_knows_one_text_in_two_forms() -> None:
    decomposed = "cafe\u0301"
    score = exact_match([decomposed, "b ", "c"], ["café", ["x", "b"], "d"])
    assert score.value == pytest.approx(2 / 3)
    assert 0 < score.low < 2 / 3 < score.high < 1


def test_empty_and_perfect_translations() -> None:
    assert bleu(["", ""], ["a b c d", "e"]).score.value == 0.0
    assert chrf(["", ""], ["a b c d", "e"]).score.value == 0.0
    perfect = bleu(["a b c d e"], ["a b c d e"]).score
    assert perfect.value == pytest.approx(100) == perfect.low


def test_buckets_by_source_length() -> None:
    hypotheses, several = corpus(rows=9)
    lengths = [3, 10, 11, 20, 21, 99, 1, 100, 0]
    buckets = bleu_by_length(lengths, hypotheses, several, edges=(10, 20, 30, 40))
    assert [(b.shortest, b.longest, b.count) for b in buckets] == [
        (0, 10, 4),
        (11, 20, 2),
        (21, 30, 1),
        (41, None, 2),
    ]
    rows = [5, 7]
    chosen = [hypotheses[r] for r in rows], [several[r] for r in rows]
    assert buckets[-1].bleu == bleu(*chosen, tokenize="13a").score


def test_bad_input_is_named() -> None:
    with pytest.raises(ShapeError, match="2 translations and references of 1 sources"):
        bleu(["a", "b"], ["a"])
    with pytest.raises(DataError, match="row 2: at least one reference"):
        chrf(["a", "b"], [["a"], []])
    with pytest.raises(DataError, match="at least one row"):
        exact_match([], [])
    with pytest.raises(UnknownNameError, match="unknown tokenizer 'chars'; did you mean 'char'"):
        bleu(["a"], ["a"], tokenize="chars")
    with pytest.raises(ShapeError, match="1 lengths are wanted, got 2"):
        bleu_by_length([1, 2], ["a"], ["a"])
    with pytest.raises(HeadgateError, match=r"edges must rise, got \[5, 5\]"):
        bleu_by_length([1], ["a"], ["a"], edges=(5, 5))


def test_a_tokenizer_without_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise RuntimeError(f"{name} requires extra dependencies")

    monkeypatch.setattr("sacrebleu.metrics.bleu._get_tokenizer", missing)
    with pytest.raises(HeadgateError, match=r"'ko-mecab' is not ready: .* extra dependencies"):
        bleu(["a"], ["a"], tokenize="ko-mecab")


def test_without_sacrebleu_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(MissingExtraError, match=r"headgate\[text\]"):
        bleu(["a"], ["a"])
