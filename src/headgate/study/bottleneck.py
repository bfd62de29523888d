"""A whole sentence through one vector, and a decoder that may look back instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from headgate.decoding import Rows, greedy
from headgate.evaluation.intervals import wilson
from headgate.models import EncoderDecoder, TokenEmbedding, build_encoder_decoder
from headgate.study.finding import Finding, Setting
from headgate.study.panels import Lines
from headgate.study.training import fit, size_of, smallest
from headgate.study.wording import listed, written

TITLE = "The bottleneck, and attention"
QUESTION = "How long a sequence fits through the one vector between encoder and decoder?"
SOURCES = (
    "Sutskever, Vinyals & Le 2014, Sequence to sequence learning with neural networks",
    "Cho et al. 2014, On the properties of neural machine translation: encoder–decoder approaches",
    "Bahdanau, Cho & Bengio 2015, Neural machine translation by jointly learning to align and "
    "translate",
    "Luong, Pham & Manning 2015, Effective approaches to attention-based neural machine "
    "translation",
)
PAD, BOS, EOS, SYMBOLS = 0, 1, 2, 10
MODELS = ("plain", "with attention")
_FEATURES, _ROWS, _RATE = 32, 64, 0.005


@dataclass(frozen=True)
class Plan:
    """How large the experiment is.

    Args:
        units: of the decoder with attention.
        longest: the longest source that is learned.
        steps: of training.
        seeds: how many networks of each kind.
        tested: sources of each length that each network is asked for.
    """

    units: int
    longest: int
    steps: int
    seeds: int
    tested: int

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths that are tested; the last two were never learned."""
        return tuple(range(2, self.longest + 5, 2))


FULL = Plan(units=64, longest=16, steps=600, seeds=2, tested=100)
QUICK = Plan(units=8, longest=4, steps=5, seeds=1, tested=10)


def bottleneck(setting: Setting) -> Finding:
    """Train both kinds of encoder-decoder to turn random strings round.

    Args:
        setting: what the user says.

    Returns:
        What was found.
    """
    plan = QUICK if setting.quick else FULL
    widths = _widths(plan)
    right: dict[str, list[list[int]]] = {name: [] for name in MODELS}
    for seed in range(plan.seeds):
        for name in MODELS:
            setting.say(f"bottleneck: {name}, run {seed + 1} of {plan.seeds}")
            network = _train(name, widths[name], plan, seed=setting.seed + seed)
            right[name].append([_right(network, length, plan.tested) for length in plan.lengths])
    shares = {
        name: [sum(each) / (plan.tested * plan.seeds) for each in zip(*runs, strict=True)]
        for name, runs in right.items()
    }
    sizes = {name: size_of(_build(name, widths[name])) for name in MODELS}
    named = listed(
        [f"{widths[name]} units ({name}, {sizes[name]:,} parameters)" for name in MODELS]
    )
    return Finding(
        TITLE,
        QUESTION,
        ("length", *(part for name in MODELS for part in (name, "95 % interval"))),
        tuple(_row(place, plan, shares) for place in range(len(plan.lengths))),
        (_panel(plan, shares),),
        tell(plan, shares),
        SOURCES,
        f"Strings of {SYMBOLS} symbols, 1 to {plan.longest} long, are written backwards. GRU, the "
        f"encoder in both directions, {named}; {plan.steps} steps of {_ROWS} fresh strings, Adam "
        f"from {_RATE:g}; runs of each: {plan.seeds}; strings tested, a length and run: "
        f"{plan.tested}. Greedy search; the intervals are Wilson's over strings, not over runs.",
    )


def draw(
    rows: int, chance: torch.Generator, *, longest: int, length: int | None = None
) -> tuple[Int[Tensor, "B S"], Int[Tensor, "B"], Int[Tensor, "B S"]]:
    """Draw strings and what they are backwards.

    Args:
        rows: how many.
        chance: of every draw.
        longest: the length of the longest; the others are 1 and more.
        length: of all, where they are to have one.

    Returns:
        Sources, [B, S]; their lengths, [B]; targets, [B, S], without marks.
    """
    lengths = torch.randint(1, longest + 1, (rows,), generator=chance)
    lengths = lengths if length is None else torch.full((rows,), length)
    at = torch.arange(int(lengths.max()))
    ids = torch.randint(EOS + 1, EOS + 1 + SYMBOLS, (rows, len(at)), generator=chance)
    ids = ids.masked_fill(at >= lengths[:, None], PAD)
    back = lengths[:, None] - 1 - at
    return ids, lengths, ids.gather(1, back.clamp(min=0)).masked_fill(back < 0, PAD)


def _build(name: str, units: int) -> EncoderDecoder:
    source, target = (TokenEmbedding(EOS + 1 + SYMBOLS, _FEATURES) for _ in range(2))
    score = None if name == "plain" else "general"
    return build_encoder_decoder(source, target, hidden_size=units, attention=score, cell="gru")


def _widths(plan: Plan) -> dict[str, int]:
    """The plain one gets as many units as it needs for the parameters of the other."""
    size = size_of(_build("with attention", plan.units))
    plain = smallest(lambda units: _build("plain", units), size, step=2)
    return {"plain": plain, "with attention": plan.units}


def _train(name: str, units: int, plan: Plan, *, seed: int) -> EncoderDecoder:
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    network = _build(name, units)

    def loss() -> Tensor:
        ids, lengths, out = draw(_ROWS, chance, longest=plan.longest)
        given = functional.pad(out, (1, 0), value=BOS)
        wanted = functional.pad(out, (0, 1), value=PAD).scatter(1, lengths[:, None], EOS)
        features = network.decode(given, network.encode(ids, lengths))[0]
        logits = network.logits(features).flatten(0, 1)
        return functional.cross_entropy(logits, wanted.flatten(), ignore_index=PAD)

    fit(network, loss, steps=plan.steps, rate=_RATE)
    return network.eval()


@torch.no_grad()
def _right(network: EncoderDecoder, length: int, rows: int) -> int:
    """How many strings of a length are written backwards without an error."""
    chance = torch.Generator().manual_seed(1_000_003 + length)
    ids, lengths, out = draw(rows, chance, longest=length, length=length)
    wanted = Rows(rows, bos=BOS, eos=EOS, max_length=length + 2)
    found = greedy(network, network.encode(ids, lengths), wanted)
    pairs = zip(found, out.tolist(), strict=True)
    return sum(list(each.tokens) == text for each, text in pairs)


def _row(
    place: int, plan: Plan, shares: Mapping[str, Sequence[float]]
) -> tuple[str | int | float, ...]:
    row: list[str | int | float] = [plan.lengths[place]]
    trials = plan.tested * plan.seeds
    for name in MODELS:
        share = shares[name][place]
        low, high = wilson(round(share * trials), trials)
        row += [share, f"{low:.2f} to {high:.2f}"]
    return tuple(row)


def _panel(plan: Plan, shares: Mapping[str, Sequence[float]]) -> Lines:
    return Lines(
        {
            name: [(float(at), share) for at, share in zip(plan.lengths, line, strict=True)]
            for name, line in shares.items()
        },
        f"length of the source (up to {plan.longest} was learned)",
        "share of strings without an error",
        ticks=[float(length) for length in plan.lengths],
        bounds=(0.0, 1.0),
    )


def tell(plan: Plan, shares: Mapping[str, Sequence[float]]) -> tuple[str, str]:
    """Put the numbers into words.

    Args:
        plan: how large it was.
        shares: of strings without an error, one a length, by the model's name.

    Returns:
        What was measured, and what follows.
    """
    plain, looking = (shares[name] for name in MODELS)
    learned = [n for n, length in enumerate(plan.lengths) if length <= plan.longest]
    first, last = learned[0], learned[-1]
    text = (
        f"Of strings of {plan.lengths[first]} symbols, the share written backwards without an "
        f"error is {written(plain[first])} (plain) and {written(looking[first])} (attentive); of "
        f"strings of {plan.lengths[last]} it is {written(plain[last])} and "
        f"{written(looking[last])}. "
        f"{_half(plan, plain, 'plain')} {_half(plan, looking, 'attentive')}"
    )
    said = []
    if plain[first] - plain[last] > 0.2:
        said.append(
            "The plain one has one vector of fixed size for a source of any length: the longer the "
            "source, the more of it has no place there."
        )
    gaps = [looking[n] - plain[n] for n in learned]
    widest = max(range(len(gaps)), key=lambda n: abs(gaps[n]))
    ahead = "attentive" if gaps[widest] > 0 else "plain"
    if gaps[widest]:
        said.append(
            f"The {ahead} one is furthest ahead at a length of {plan.lengths[widest]}, by "
            f"{written(abs(gaps[widest]))}."
        )
    if mean(gaps) > 0.1 and looking[last] - plain[last] > 0.1:
        said.append(
            "Attention gives the decoder the states of all steps to look at, so that what it has "
            "to remember no longer grows with the source."
        )
    said.append(_beyond(plan, shares))
    return text, " ".join(said)


def _half(plan: Plan, line: Sequence[float], name: str) -> str:
    for length, share in zip(plan.lengths, line, strict=True):
        if share < 0.5:
            return f"The {name} one falls below a half at {length}."
    return f"The {name} one stays at a half or above at every length that was tried."


def _beyond(plan: Plan, shares: Mapping[str, Sequence[float]]) -> str:
    """Say what becomes of lengths that were never learned."""
    plain, looking = (shares[name][-1] for name in MODELS)
    before = shares["with attention"][len(plan.lengths) - 3]
    said = (
        f"At {plan.lengths[-1]}, longer than anything that was learned, {written(plain)} (plain) "
        f"and {written(looking)} (attentive) are right"
    )
    if looking < before - 0.1:
        return f"{said}: attention does not by itself carry over to lengths never seen."
    return f"{said}."
