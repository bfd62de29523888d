"""What a stream of eight-bit weights loses: bits per character and accuracy, before and after.

``--text FILE`` is for a character language model of one LSTM layer: truncated back-propagation, its
state carried from window to window, plain AdamW whose rate falls to zero in a straight line within
the minutes that are given. ``--reviews FOLDER`` is for a sentiment classifier of one direction on
the Stanford Sentiment Treebank, with no other option. Time ends the first training, so that it is
not repeatable to the bit; with ``--out`` the models are kept, and with ``--weights`` the measure is
repeated without training.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import ne
from pathlib import Path
from tempfile import mkdtemp

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

import headgate as hg
from benchmarks.sentiment import tables
from headgate.errors import DataError
from headgate.models import LanguageModel, TokenEmbedding

SHARES = 0.90, 0.05  # of the text, in order: to learn from, to validate; the rest is the test
FEATURES, UNITS, DROPOUT = 64, 256, 0.1
ROWS, STEPS = 32, 100
RATE, DECAY, CLIP = 5e-3, 0.01, 1.0
CHUNK = 1000  # characters that are scored at once
SAID = 30.0  # seconds between two lines
LANGUAGE, SENTIMENT = "language.safetensors", "sentiment"  # in the folder of --out

Figures = dict[str, float]
Read = Callable[[Tensor], Tensor]  # characters [T] to logits of what follows each, [T, V]


@dataclass(frozen=True)
class Text:
    """A text as numbers of characters, from 1 on: 0 is the padding's.

    Args:
        characters: how many there are, and the padding.
        train: the first part.
        valid: the second.
        test: the last.
    """

    characters: int
    train: Tensor
    valid: Tensor
    test: Tensor

    @classmethod
    def read(cls, path: str) -> Text:
        """Read a file, and cut it in three."""
        if not Path(path).is_file():
            raise DataError("there is no such file; name the one that holds the text", path=path)
        text = Path(path).read_text(encoding="utf-8")
        numbers = {character: number for number, character in enumerate(sorted(set(text)), 1)}
        ids = torch.tensor([numbers[character] for character in text])
        train, valid = (int(share * len(ids)) for share in SHARES)
        parts = ids[:train], ids[train : train + valid], ids[train + valid :]
        return cls(len(numbers) + 1, *parts)


def build(characters: int) -> LanguageModel:
    """Make the model with fresh weights."""
    layers = hg.Recurrent("lstm", FEATURES, UNITS)
    return LanguageModel(TokenEmbedding(characters, FEATURES), layers, dropout=DROPOUT)


def bits(logits: Tensor, targets: Tensor) -> Tensor:
    """Give the mean cross-entropy of a character in bits."""
    return F.cross_entropy(logits, targets) / math.log(2)


def windows(text: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Give epoch after epoch its number, and the characters and targets of a window, [B, T]."""
    columns = text[: len(text) // ROWS * ROWS].view(ROWS, -1)
    epoch = 0
    while True:
        epoch += 1
        for begin in range(0, columns.shape[1] - STEPS, STEPS):
            end = begin + STEPS
            yield epoch, columns[:, begin:end], columns[:, begin + 1 : end + 1]


def train(text: Text, *, minutes: float, seed: int) -> LanguageModel:
    """Train for so many minutes, and say how it goes."""
    torch.manual_seed(seed)
    model = build(text.characters)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    start, said, read, state = time.perf_counter(), 0.0, 0, None
    for epoch, ids, targets in windows(text.train):
        seconds = time.perf_counter() - start
        if seconds >= 60 * minutes:
            break
        optimizer.param_groups[0]["lr"] = RATE * (1 - seconds / (60 * minutes))
        logits, last = model(ids, state)
        loss = bits(logits.flatten(0, 1), targets.T.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        state, read = tuple(each.detach() for each in last), read + ids.numel()
        if seconds - said > SAID:
            said = seconds
            print(f"{seconds:5.0f} s  epoch {epoch}  {loss.item():.3f} bits, learning", flush=True)
    print(f"{read:,} characters read in {minutes:g} minutes")
    return model.eval()


@torch.inference_mode()
def score(read: Read, text: Tensor) -> float:
    """Give the bits per character of one run over a text, in chunks."""
    total = 0.0
    for begin in range(0, len(text) - 1, CHUNK):
        window = text[begin : begin + CHUNK + 1]
        total += float(bits(read(window[:-1]), window[1:])) * (len(window) - 1)
    return total / (len(text) - 1)


def layers(model: LanguageModel) -> Read:
    """Read with the layers themselves, the state carried."""
    state = None

    def read(ids: Tensor) -> Tensor:
        nonlocal state
        logits, state = model(ids[None], state)
        return logits[:, 0]

    return read


@torch.inference_mode()
def divergence(exact: Read, rough: Read, text: Tensor) -> float:
    """Give the bits per character by which a guess is worse where the other one is the truth."""
    total = 0.0
    for ids in text.split(CHUNK):
        guess, truth = rough(ids).log_softmax(-1), exact(ids).log_softmax(-1)
        total += float(F.kl_div(guess, truth, reduction="sum", log_target=True))
    return total / math.log(2) / len(text)


def measure(model: LanguageModel, text: Text) -> Figures:
    """Score the test part with the layers, and with a stream of 32 and of 8 bits."""
    exact, rough = hg.Stream(*model.parts), hg.Stream(*model.parts, quantize="int8")
    figures = {
        "valid, layers": score(layers(model), text.valid),
        "test, layers": score(layers(model), text.test),
        "test, float32": score(exact.steps, text.test),
        "test, int8": score(rough.steps, text.test),
    }
    exact.reset()
    rough.reset()
    figures["divergence"] = divergence(exact.steps, rough.steps, text.test)
    return figures | {"loss, %": 100 * (figures["test, int8"] / figures["test, float32"] - 1)}


def language(given: argparse.Namespace) -> Figures:
    """Train or load the language model, and measure it."""
    text = Text.read(given.text)
    if given.weights:
        model = build(text.characters).eval()
        model.load_state_dict(load_file(given.weights / LANGUAGE))
    else:
        model = train(text, minutes=given.minutes, seed=given.seed)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        save_file(model.state_dict(), given.out / LANGUAGE)
    return measure(model, text)


def answers(model: hg.Model, rows: list[list[str]], quantize: str | None) -> list[str]:
    """Give what a stream says after the last token of each text."""
    stream, said = model.stream(quantize=quantize), []
    for _, text in rows:
        stream.reset()
        said.append(stream.steps(text)[-1].label)
    return said


def sentiment(given: argparse.Namespace) -> Figures:
    """Train or load the classifier, and measure it."""
    parts = tables(given.reviews, mkdtemp())
    if given.weights:
        model = hg.load(given.weights / SENTIMENT)
    else:
        files = {"valid": parts["dev"], "test": parts["test"]}
        options = {"bidirectional": False, "seed": given.seed, "threads": 1}
        model = hg.train(parts["train"], input="2", target="1", **files, **options)
    if given.out:
        model.save(given.out / SENTIMENT)
    lines = parts["test"].read_text(encoding="utf-8").split("\n")
    rows = [line.split("\t") for line in lines if line]
    said = {quantize: answers(model, rows, quantize) for quantize in (None, "int8")}
    right = {
        quantize: sum(label == one for one, (label, _) in zip(found, rows, strict=True))
        for quantize, found in said.items()
    }
    return {
        "test, model": model.evaluate(parts["test"]).scores["accuracy"].value,
        "test, float32": right[None] / len(rows),
        "test, int8": right["int8"] / len(rows),
        "answers changed": sum(map(ne, said[None], said["int8"])),
        "loss, %": 100 * (1 - right["int8"] / right[None]),
    }


def arguments_of(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench stream_quality", description=__doc__)
    parser.add_argument("--text", help="a file to learn characters from, its end the test")
    parser.add_argument("--reviews", help="a folder with stsa.binary.train, .dev and .test")
    parser.add_argument("--minutes", type=float, default=6.0, help="of the language model")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--out", type=Path, help="a folder for the trained models")
    parser.add_argument("--weights", type=Path, help="a folder that --out left: no training")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    given = parser.parse_args(arguments)
    if not (given.text or given.reviews):
        parser.error("name what to measure on: --text FILE, --reviews FOLDER, or both")
    return given


def main(arguments: list[str]) -> None:
    """Train or load the models, and print what eight bits cost each."""
    given = arguments_of(arguments)
    torch.set_num_threads(1)
    found: dict[str, Figures] = {}
    if given.text:
        found["bits per character"] = language(given)
    if given.reviews:
        found["accuracy"] = sentiment(given)
    for measured, figures in found.items():
        print(measured)
        for name, value in figures.items():
            print(f"  {name:<18}{value:10.5f}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
