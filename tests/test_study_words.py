"""The paragraphs follow the numbers, also where a run turns out the other way."""

from __future__ import annotations

import math

from headgate.study import bottleneck, bounded, memory, vanishing, word_order
from headgate.study.bounded import ACTIVATIONS, Growth
from headgate.study.vanishing import Decay
from headgate.study.word_order import MODELS, QUESTIONS, Score


def decays(**factors: float) -> dict[str, Decay]:
    """Lines that fall by a factor a step, over ten steps."""
    found = {}
    for name, factor in factors.items():
        line = tuple(factor**at for at in range(11))
        reach = next((at for at, share in enumerate(line) if share < vanishing.SMALL), None)
        found[name.replace("_open", ", gates open")] = Decay(line, factor, reach)
    return found


def test_vanishing_names_the_cells_that_let_more_through() -> None:
    found = decays(rnn=0.3, lstm=0.8, gru=0.29, lstm_open=0.97, gru_open=0.96)
    measured, follows = vanishing.tell(found)
    assert "0.3 (rnn), 0.8 (lstm) and 0.29 (gru)" in measured
    assert "after 6 steps (rnn) and 6 steps (gru)" in measured
    assert "So the lstm lets more through than the rnn." in follows
    assert "the untrained gru lets no more through" in follows
    assert "not the gate, but that it is open" in follows


def test_vanishing_does_not_praise_gates_that_do_not_help() -> None:
    found = decays(rnn=0.95, lstm=0.8, gru=0.7, lstm_open=0.6, gru_open=0.75)
    measured, follows = vanishing.tell(found)
    assert "In none of them does it fall below a thousandth." in measured
    assert "more through than the rnn." not in follows.replace("no more through", "")
    assert "the untrained lstm and gru let no more through" in follows
    assert "0.8 to 0.6 (lstm)" in follows
    assert "but that it is open" not in follows


def memories(rnn: float, lstm: float, gru: float) -> dict[str, dict[str, list[float]]]:
    """Scores at two lengths: from 0, who remembers nothing, to 1, who remembers all."""
    shares = {"rnn": rnn, "lstm": lstm, "gru": gru}
    ends = {"copying": (memory.CHANCE, 1.0), "adding": (memory.MEAN, 0.0)}
    return {
        name: {cell: [high, low + (high - low) * share] for cell, share in shares.items()}
        for name, (low, high) in ends.items()
    }


def test_memory_says_how_far_each_cell_got() -> None:
    measured, follows = memory.tell([10, 50], memories(0.1, 0.9, 1.0), steps=300)
    assert "up to 10 steps by the rnn, up to 50 steps by the lstm" in measured
    assert "In copying the lstm and gru got further than the rnn." in follows
    assert "got further (copying and adding)" in follows


def test_memory_says_where_the_simple_network_wins_or_all_are_alike() -> None:
    _, follows = memory.tell([10, 50], memories(0.9, 0.2, 1.0), steps=300)
    assert "In adding the lstm did not get as far as the rnn." in follows
    assert "got further" not in follows
    _, follows = memory.tell([10, 50], memories(0.9, 0.8, 1.0), steps=300)
    assert "In copying all three got equally far" in follows


def test_memory_counts_a_length_only_after_the_shorter_ones() -> None:
    scores = memories(1.0, 1.0, 1.0)
    scores["adding"]["gru"] = [memory.MEAN, 0.0]
    assert "at no length by the gru" in memory.tell([10, 50], scores, steps=3)[0]


def growths(norm: float, failed: float) -> dict[tuple[str, float], Growth]:
    """The same of every activation but tanh, at two radii."""
    calm = Growth((1.0, 2.0), 0.5, 0.0)
    wild = Growth((1.0, norm), math.inf, failed)
    return {
        (activation, radius): calm if activation == "tanh" or radius < 1 else wild
        for activation in ACTIVATIONS
        for radius in (0.5, 2.0)
    }


def test_bounded_says_at_which_radii_the_loss_was_lost() -> None:
    measured, follows = bounded.tell((0.5, 2.0), growths(math.inf, 0.5), trained=3)
    assert "2 (tanh), ∞ (relu) and ∞ (linear)" in measured
    assert "With tanh the loss stayed finite in every run." in follows
    assert "or all: 50% at 2." in follows
    assert "grows by a factor a step" in follows


def test_bounded_claims_no_growth_that_was_not_there() -> None:
    _, follows = bounded.tell((0.5, 2.0), growths(3.0, 0.0), trained=3)
    assert follows.count("stayed finite in every run") == len(ACTIVATIONS)
    assert "grows by" not in follows


def test_bottleneck_says_which_one_is_ahead() -> None:
    plan = bottleneck.QUICK  # lengths 2, 4 are learned; 6 and 8 are not
    shares = {"plain": [1.0, 0.25, 0.0, 0.0], "with attention": [1.0, 0.75, 0.5, 0.25]}
    measured, follows = bottleneck.tell(plan, shares)
    assert "The plain one falls below a half at 4." in measured
    assert "The attentive one falls below a half at 8." in measured
    assert "The attentive one is furthest ahead at a length of 4, by 0.5." in follows
    assert "no longer grows with the source" in follows
    assert "does not by itself carry over" in follows


def test_bottleneck_does_not_praise_attention_that_loses() -> None:
    shares = {"plain": [1.0, 1.0, 1.0, 1.0], "with attention": [0.5, 0.5, 0.5, 0.5]}
    measured, follows = bottleneck.tell(bottleneck.QUICK, shares)
    assert "The plain one stays at a half or above" in measured
    assert "The plain one is furthest ahead" in follows
    assert "no longer grows" not in follows
    assert "has no place there" not in follows
    assert "carry over" not in follows


def answers(
    ordered: dict[str, int], shuffled: dict[str, int]
) -> dict[tuple[str, str, bool], Score]:
    return {
        (question, name, mixed): Score(right[name], 100)
        for question in QUESTIONS
        for mixed, right in ((False, ordered), (True, shuffled))
        for name in MODELS
    }


GUESSES = {"bag of words": 50, "rnn": 50, "gru": 50}


def test_word_order_is_in_the_state_where_it_was_learned() -> None:
    found = answers({"bag of words": 50, "rnn": 100, "gru": 52}, GUESSES)
    measured, follows = word_order.tell(found)
    assert "0.5 (bag of words), 1 (rnn) and 0.52 (gru)" in measured
    assert "exactly one of the two" in follows
    assert "The rnn reads one word after the other" in follows
    assert "The gru could have done so, but" in follows
    assert "no interval leaves guessing out" in follows


def test_a_control_that_fails_is_said() -> None:
    ordered = {"bag of words": 55, "rnn": 100, "gru": 100}
    found = answers(ordered, {"bag of words": 50, "rnn": 80, "gru": 50})
    follows = word_order.tell(found)[1]
    assert "exactly one of the two" not in follows
    assert "The rnn and gru read one word after the other" in follows
    assert "rnn on who bites whom and rnn on what is negated leaves guessing out" in follows
    below = answers(ordered, {"bag of words": 50, "rnn": 50, "gru": 30})
    assert "gru on what is negated leaves guessing out" in word_order.tell(below)[1]
