"""Sentences that differ in the order of their words alone, and what can tell them apart."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from headgate.evaluation.intervals import wilson
from headgate.layers import Linear, Recurrent
from headgate.models import Classifier, TokenEmbedding
from headgate.models.pooling import Pool
from headgate.study.finding import Finding, Setting
from headgate.study.panels import Dots
from headgate.study.training import fit, size_of, smallest
from headgate.study.wording import listed, written

TITLE = "Word order"
QUESTION = "What is lost where the words of a sentence are only counted?"
SOURCES = (
    "Harris 1954, Distributional structure (the bag of words)",
    "Elman 1990, Finding structure in time",
    "Pham et al. 2021, Out of order: how important is the sequential order of words in a sentence "
    "in natural language understanding tasks? (shuffled words)",
)
MODELS = ("bag of words", "rnn", "gru")
GUESSING = 0.5
_ANIMALS = ("dog", "cat", "horse", "goose", "parrot", "donkey", "wolf", "monkey")
_PEOPLE = ("man", "woman", "child", "nurse", "farmer", "teacher", "guest", "king")
_VERBS = ("bites", "sees", "follows", "hears", "wakes", "greets")
_THINGS = ("film", "song", "meal", "room", "book", "game", "play", "trip")
_GOOD = ("good", "warm", "bright", "lively", "fine", "clever")
_BAD = ("bad", "cold", "dark", "dull", "poor", "stupid")
_FEATURES, _UNITS, _ROWS, _RATE = 16, 32, 32, 0.01


class Pair(NamedTuple):
    """Two sentences of the same words, of which only the first is a case of what is asked."""

    yes: tuple[str, ...]
    no: tuple[str, ...]


def roles() -> list[Pair]:
    """Write who does something to whom.

    Returns:
        Pairs; the answer is whether the animal is the one who does it.
    """
    return [
        Pair(("the", a, verb, "the", b), ("the", b, verb, "the", a))
        for a, b, verb in itertools.product(_ANIMALS, _PEOPLE, _VERBS)
    ]


def negations() -> list[Pair]:
    """Write what something is and what it is not.

    Returns:
        Pairs; the answer is whether it is praised.
    """
    return [
        Pair(
            ("the", thing, "is", "not", bad, "but", good),
            ("the", thing, "is", "not", good, "but", bad),
        )
        for thing, good, bad in itertools.product(_THINGS, _GOOD, _BAD)
    ]


QUESTIONS: dict[str, Callable[[], list[Pair]]] = {
    "who bites whom": roles,
    "what is negated": negations,
}


class Bag(nn.Module):
    """The mean of the words' vectors, and a network over it that knows no order.

    Args:
        embedding: from ids to vectors.
        units: of the layer between the mean and the classes.
    """

    def __init__(self, embedding: TokenEmbedding, units: int) -> None:
        super().__init__()
        self.embedding, self.pool = embedding, Pool("mean")
        features = embedding.output_size
        self.head = nn.Sequential(Linear(features, units), nn.ReLU(), Linear(units, 2))

    def forward(self, ids: Int[Tensor, "B T"], lengths: Int[Tensor, "B"]) -> Float[Tensor, "B V"]:
        """Score the classes.

        Args:
            ids: word ids, [B, T].
            lengths: words of each sentence, [B].

        Returns:
            Logits, [B, 2].
        """
        valid = torch.arange(ids.shape[1])[:, None] < lengths
        # in one order whatever the sentence's, so that rounding cannot tell it either
        return self.head(self.pool(self.embedding(ids.sort(1).values), valid))


@dataclass(frozen=True)
class Score:
    """How many sentences are answered rightly, and of how many."""

    right: int
    asked: int

    @property
    def share(self) -> float:
        """The accuracy."""
        return self.right / self.asked

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of it."""
        return wilson(self.right, self.asked)


Key = tuple[str, str, bool]  # the question, the model, whether the words are shuffled
Examples = tuple[Tensor, Tensor]  # ids, [B, T], and labels, [B]


def word_order(setting: Setting) -> Finding:
    """Train a bag of words, an rnn and a gru on both questions, with the words in order and not.

    Args:
        setting: what the user says.

    Returns:
        What was found.
    """
    steps = 10 if setting.quick else 300
    scores: dict[Key, Score] = {}
    for question, pairs in QUESTIONS.items():
        setting.say(f"word_order: {question}")
        learned, asked, vocabulary = _divided(pairs(), setting.seed)
        for shuffled, name in itertools.product((False, True), MODELS):
            parts = (learned, asked)
            if shuffled:  # each part by draws of its own: none may be known from the other
                parts = tuple(_shuffled(part, (setting.seed, n)) for n, part in enumerate(parts))
            torch.manual_seed(setting.seed)
            network = _network(name, vocabulary)
            _teach(network, parts[0], steps=steps, seed=setting.seed)
            scores[question, name, shuffled] = _ask(network, parts[1])
    return Finding(
        TITLE,
        QUESTION,
        ("question", "model", "words", "accuracy", "95 % interval", "sentences"),
        tuple(_row(key, score) for key, score in scores.items()),
        (_panel(scores),),
        tell(scores),
        SOURCES,
        "Each sentence stands beside another one of the same words with the other answer, in the "
        "same part of the data; a fourth of the pairs is kept for the test. Which words stand "
        "together there, none has learned; every word it has. All networks have about as many "
        f"parameters; {steps} steps of {_ROWS} sentences, Adam from {_RATE:g}, one run each. "
        "For the control the words of every sentence are shuffled, before learning and before "
        "the test.",
    )


def _divided(pairs: Sequence[Pair], seed: int) -> tuple[Examples, Examples, int]:
    """Part the pairs, and write their words as numbers: what is learned, what is asked, words."""
    words = sorted({word for pair in pairs for sentence in pair for word in sentence})
    ids = {word: number for number, word in enumerate(words, 1)}
    drawn = random.Random(seed).sample(pairs, len(pairs))
    cut = len(drawn) // 4

    def examples(part: Sequence[Pair]) -> Examples:
        sentences = [[ids[word] for word in sentence] for pair in part for sentence in pair]
        return torch.tensor(sentences), torch.tensor([1, 0] * len(part))

    return examples(drawn[cut:]), examples(drawn[:cut]), len(words) + 1


def _shuffled(examples: Examples, seed: tuple[int, int]) -> Examples:
    ids, labels = examples
    chance = torch.Generator().manual_seed(1_000_003 * (seed[1] + 1) + seed[0])
    order = torch.rand(ids.shape, generator=chance).argsort(1)
    return ids.gather(1, order), labels


def _network(name: str, vocabulary: int) -> nn.Module:
    """Build a network with the parameters of the gru's, or the fewest above them."""

    def build(units: int) -> nn.Module:
        embedding = TokenEmbedding(vocabulary, _FEATURES)
        if name == "bag of words":
            return Bag(embedding, units)
        layer = Recurrent(name, _FEATURES, units)
        return Classifier(embedding, layer, classes=2, pool="last")

    if name == "gru":
        return build(_UNITS)
    return build(smallest(build, size_of(_network("gru", vocabulary))))


def _lengths(ids: Tensor) -> Tensor:
    return torch.full((len(ids),), ids.shape[1])


def _teach(network: nn.Module, examples: Examples, *, steps: int, seed: int) -> None:
    ids, labels = examples
    chance = torch.Generator().manual_seed(seed)

    def loss() -> Tensor:
        rows = torch.randint(0, len(ids), (_ROWS,), generator=chance)
        return functional.cross_entropy(network(ids[rows], _lengths(ids[rows])), labels[rows])

    fit(network, loss, steps=steps, rate=_RATE)
    network.eval()


@torch.no_grad()
def _ask(network: nn.Module, examples: Examples) -> Score:
    ids, labels = examples
    right = int((network(ids, _lengths(ids)).argmax(1) == labels).sum())
    return Score(right, len(labels))


def _row(key: Key, score: Score) -> tuple[str | int | float, ...]:
    question, name, shuffled = key
    low, high = score.interval
    words = "shuffled" if shuffled else "in order"
    return question, name, words, score.share, f"{low:.3f} to {high:.3f}", score.asked


def _panel(scores: Mapping[Key, Score]) -> Dots:
    rows, groups = list[tuple[str, float, float, float]](), dict[int, str]()
    for number, ((question, name, shuffled), score) in enumerate(scores.items()):
        if number % len(MODELS) == 0:
            groups[number] = f"{question}, words {'shuffled' if shuffled else 'in order'}"
        rows.append((name, score.share, *score.interval))
    return Dots(rows, "accuracy on new sentences", (0.0, 1.0), (GUESSING, "guessing"), groups)


def tell(scores: Mapping[Key, Score]) -> tuple[str, str]:
    """Put the numbers into words.

    Args:
        scores: by the question, the model, and whether the words were shuffled.

    Returns:
        What was measured, and what follows.
    """
    return " ".join(_each(scores, question) for question in QUESTIONS), _meaning(scores)


def _each(scores: Mapping[Key, Score], question: str) -> str:
    def shares(shuffled: bool) -> str:
        said = [f"{written(scores[question, m, shuffled].share)} ({m})" for m in MODELS]
        return listed(said)

    return (
        f"Asked {question}, the share of new sentences answered rightly is {shares(False)} with "
        f"the words in order, and {shares(True)} with the words shuffled."
    )


def _meaning(scores: Mapping[Key, Score]) -> str:
    bags = [scores[question, "bag of words", False] for question in QUESTIONS]
    said = []
    if all(score.share == GUESSING for score in bags):
        said.append(
            "Two sentences of the same words are one and the same to the bag of words, so that it "
            "is right about exactly one of the two, however long it learns."
        )
    above = [name for name in MODELS[1:] if all(_beats(scores, q, name) for q in QUESTIONS)]
    below = [name for name in MODELS[1:] if name not in above]
    if above:
        said.append(
            f"The {listed(above)} {'read' if len(above) > 1 else 'reads'} one word after the "
            "other, and what a word does to the state depends on the state that it meets: the "
            "order is in the state."
        )
    if below:
        said.append(
            f"The {listed(below)} could have done so, but in this run did not get safely above "
            "guessing on both questions."
        )
    said.append(_control(scores))
    return " ".join(said)


def _beats(scores: Mapping[Key, Score], question: str, name: str) -> bool:
    return scores[question, name, False].interval[0] > GUESSING


def _control(scores: Mapping[Key, Score]) -> str:
    told = [f"{key[1]} on {key[0]}" for key, score in scores.items() if key[2] and _off(score)]
    if told:
        return (
            "With the words shuffled there is nothing to be learned, and yet the interval of the "
            f"{listed(told)} leaves guessing out: chance, and more of it than the interval knows "
            "of, as sentences of few words are not independent of each other."
        )
    return (
        "With the words shuffled no interval leaves guessing out: nothing but the order told the "
        "sentences apart."
    )


def _off(score: Score) -> bool:
    low, high = score.interval
    return not low <= GUESSING <= high
