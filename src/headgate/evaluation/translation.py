"""How near translations are to their references: BLEU, chrF and exact match.

BLEU and chrF are sacrebleu's, and come with its signature: numbers under different signatures
cannot be compared. Their intervals are bootstrapped over sentences.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import (
    DataError,
    HeadgateError,
    MissingExtraError,
    ShapeError,
    UnknownNameError,
)
from headgate.evaluation.intervals import Interval, bootstrap, wilson
from headgate.evaluation.ngram_statistics import bleu_of_sums, chrf_of_sums, chrf_statistics
from headgate.evaluation.scores import Score

References = Sequence[str | Sequence[str]]


# As the Unicode names of their letters begin.
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
_BY_CHARACTER = (*_WITHOUT_SPACES, "HANGUL")


@dataclass(frozen=True)
class SignedScore:
    """A score, and the signature that says how it was computed.

    Attributes:
        score: the score, from 0 to 100.
        signature: sacrebleu's, such as
            ``nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0``.
    """

    score: Score
    signature: str


@dataclass(frozen=True)
class LengthBucket:
    """The BLEU of the sources of one range of lengths.

    Attributes:
        shortest: the length from which a source belongs here.
        longest: the length up to which it does; None for any.
        count: how many sources there are.
        bleu: their BLEU.
    """

    shortest: int
    longest: int | None
    count: int
    bleu: Score


def choose_tokenizer(references: References) -> str:
    """Choose how BLEU splits the targets into tokens.

    "13a", sacrebleu's default, splits at spaces and at punctuation. Where half of the letters
    or more are of a script without spaces between words, "char" takes each character for a token.

    Korean has spaces, but is "char" too. What stands between its spaces is a word with its
    particles and endings, so that one wrong particle would cost the whole word, and most short
    sentences would have no four of them for BLEU to compare. "ko-mecab", the other custom, needs
    a dictionary: ask for it by name to compare with results that used it.

    Args:
        references: the references of each source.

    Returns:
        "13a" or "char".

    Example:
        >>> choose_tokenizer(["Il pleut."]), choose_tokenizer(["비가 와요."])
        ('13a', 'char')
    """
    letters = [c for each in references for text in _several(each) for c in text if c.isalpha()]
    dense = sum(unicodedata.name(letter, "").startswith(_BY_CHARACTER) for letter in letters)
    return "char" if letters and 2 * dense >= len(letters) else "13a"


def bleu(
    hypotheses: Sequence[str],
    references: References,
    *,
    tokenize: str | None = None,
    baseline: Sequence[str] | None = None,
    seed: int = 0,
) -> SignedScore:
    """Give corpus BLEU, from 0 to 100.

    Args:
        hypotheses: the translation of each source.
        references: the references of each source.
        tokenize: the name of a tokenizer of sacrebleu; by default ``choose_tokenizer`` chooses.
        baseline: a baseline's translation of each source.
        seed: the seed of the bootstrap.

    Returns:
        The score with its signature.
    """
    several = _check(hypotheses, references)
    sacrebleu = _sacrebleu()
    # Sentences' counts do not hang on the effective order; sacrebleu only wants it asked for.
    names = {"tokenize": _tokenizer(sacrebleu, tokenize or choose_tokenizer(references))}
    counter = _built(sacrebleu.BLEU, effective_order=True, **names)
    rows = []
    for hypothesis, texts in zip(hypotheses, several, strict=True):
        counts = counter.sentence_score(hypothesis, texts)
        rows.append([counts.sys_len, counts.ref_len, *counts.counts, *counts.totals])
    interval = _interval(rows, bleu_of_sums, seed)
    return _signed(_built(sacrebleu.BLEU, **names), hypotheses, several, baseline, interval)


def chrf(
    hypotheses: Sequence[str],
    references: References,
    *,
    baseline: Sequence[str] | None = None,
    seed: int = 0,
) -> SignedScore:
    """Give corpus chrF, from 0 to 100: the F2 of character n-grams of orders 1 to 6.

    Args:
        hypotheses: the translation of each source.
        references: the references of each source.
        baseline: a baseline's translation of each source.
        seed: the seed of the bootstrap.

    Returns:
        The score with its signature.
    """
    several = _check(hypotheses, references)
    rows = [chrf_statistics(*pair) for pair in zip(hypotheses, several, strict=True)]
    interval = _interval(rows, chrf_of_sums, seed)
    return _signed(_sacrebleu().CHRF(), hypotheses, several, baseline, interval)


def exact_match(
    hypotheses: Sequence[str],
    references: References,
    *,
    baseline: Sequence[str] | None = None,
) -> Score:
    """Give the share of sources whose translation is one of the references.

    Two texts are the same if their NFC forms are, but for spaces at the ends.

    Args:
        hypotheses: the translation of each source.
        references: the references of each source.
        baseline: a baseline's translation of each source.

    Returns:
        The score, from 0 to 1, with Wilson's interval.
    """
    several = _check(hypotheses, references)
    hits = _matches(hypotheses, several)
    beside = None
    if baseline is not None:
        beside = _matches(baseline, _check(baseline, references)) / len(several)
    return Score(hits / len(several), *wilson(hits, len(several)), beside)


def bleu_by_length(
    lengths: Sequence[int],
    hypotheses: Sequence[str],
    references: References,
    *,
    edges: Sequence[int] = (10, 20, 30, 40, 50),
    tokenize: str | None = None,
    seed: int = 0,
) -> list[LengthBucket]:
    """Give the BLEU of short, longer and long sources, each for itself.

    Args:
        lengths: the length of each source, in the tokens that the model reads.
        hypotheses: the translation of each source.
        references: the references of each source.
        edges: the longest length of each bucket but the last, rising.
        tokenize: the name of a tokenizer of sacrebleu; by default ``choose_tokenizer`` chooses
            one, for all buckets.
        seed: the seed of the bootstrap.

    Returns:
        The buckets that hold a source, by rising length.

    Raises:
        ShapeError: if there is not one length a source.
        HeadgateError: if the edges do not rise.
    """
    _check(hypotheses, references)
    if len(lengths) != len(hypotheses):
        raise ShapeError(f"{len(hypotheses)} lengths are wanted, got {len(lengths)}")
    if any(a >= b for a, b in pairwise(edges)):
        raise HeadgateError(f"edges must rise, got {list(edges)}")
    tokenize = tokenize or choose_tokenizer(references)
    buckets = []
    for low, high in zip([0, *(e + 1 for e in edges)], [*edges, None], strict=True):
        rows = [r for r, n in enumerate(lengths) if n >= low and (high is None or n <= high)]
        if rows:
            chosen = [hypotheses[r] for r in rows], [references[r] for r in rows]
            score = bleu(*chosen, tokenize=tokenize, seed=seed).score
            buckets.append(LengthBucket(low, high, len(rows), score))
    return buckets


def _several(references: str | Sequence[str]) -> Sequence[str]:
    return [references] if isinstance(references, str) else references


def _check(hypotheses: Sequence[str], references: References) -> list[Sequence[str]]:
    """Give the references as lists, if there are some for each hypothesis."""
    if len(hypotheses) != len(references):
        raise ShapeError(
            f"one translation a source is wanted; got {len(hypotheses)} translations and "
            f"references of {len(references)} sources"
        )
    if not hypotheses:
        raise DataError("a score needs at least one row, got none")
    several = [_several(each) for each in references]
    for row, texts in enumerate(several, start=1):
        if not texts:
            raise DataError("at least one reference is wanted, got none", row=row)
    return several


def _sacrebleu() -> ModuleType:
    try:
        import sacrebleu
    except ImportError as error:
        raise MissingExtraError("sacrebleu", "text") from error
    return sacrebleu


def _tokenizer(sacrebleu: ModuleType, name: str) -> str:
    if name not in sacrebleu.BLEU.TOKENIZERS:
        raise UnknownNameError("tokenizer", name, sacrebleu.BLEU.TOKENIZERS)
    return name


def _built(metric: Callable[..., Any], **options: object) -> Any:
    try:
        return metric(**options)
    except (RuntimeError, ImportError) as error:  # a tokenizer that needs a package of its own
        raise HeadgateError(
            f"sacrebleu's tokenizer {options['tokenize']!r} is not ready: {str(error).strip()}"
        ) from error


def _signed(
    metric: Any,
    hypotheses: Sequence[str],
    several: list[Sequence[str]],
    baseline: Sequence[str] | None,
    interval: Interval,
) -> SignedScore:
    # The first reference of every source, then the second; None where there are not as many.
    most = max(len(texts) for texts in several)
    streams = [[t[n] if n < len(t) else None for t in several] for n in range(most)]
    value = metric.corpus_score(list(hypotheses), streams).score
    signature = str(metric.get_signature())
    beside = None
    if baseline is not None:
        _check(baseline, several)
        beside = metric.corpus_score(list(baseline), streams).score
    return SignedScore(Score(value, *interval, beside), signature)


def _interval(
    rows: list[list[int]], metric: Callable[[Float[Tensor, "R C"]], Float[Tensor, "R"]], seed: int
) -> Interval:
    counts = torch.tensor(rows, dtype=torch.float64)
    return bootstrap(lambda weights: metric(weights @ counts), len(rows), seed=seed)


def _matches(hypotheses: Sequence[str], several: list[Sequence[str]]) -> int:
    pairs = zip(hypotheses, several, strict=True)
    return sum(_plain(text) in {_plain(each) for each in texts} for text, texts in pairs)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()
