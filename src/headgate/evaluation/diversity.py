"""How much of what a model says is the same again."""

from __future__ import annotations

from collections.abc import Sequence


def distinct(texts: Sequence[str], n: int) -> float:
    """Give distinct-n: the distinct runs of n words among all runs of n words.

    Source: Li et al., "A diversity-promoting objective function for neural conversation models",
    2016. It falls with the number of texts, so that it is compared at equal numbers alone.

    Args:
        texts: the texts; what stands between white space is a word.
        n: the words of a run.

    Returns:
        The share, from 0 to 1; 0 where no text has n words.

    Example:
        >>> distinct(["yes I do", "yes I know"], 1), distinct(["yes I do", "yes I know"], 2)
        (0.6666666666666666, 0.75)
    """
    runs = [
        tuple(words[at : at + n])
        for words in map(str.split, texts)
        for at in range(len(words) - n + 1)
    ]
    return len(set(runs)) / len(runs) if runs else 0.0
