from __future__ import annotations

import functools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import taggers
from tests.exported import run_alone, script

from headgate.errors import StreamError
from headgate.evaluation.tagging import chunks
from headgate.layers import CRF
from headgate.layers.tag_schemes import SCHEMES
from headgate.tasks import exporting
from headgate.tasks.tag import Tag
from headgate.tasks.tag_encoding import spell
from headgate.tasks.tag_export import _scores
from headgate.tasks.tagging import split_words

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

TEXTS = [
    "Anna Kim ran home.",
    "지민 서 갔다, with Bo",
    "[sic] Anna ran",
    "“Bo” wasn't " + "unheard-of" * 4,
]
LISTED = [["Anna", "a b", "Kim"], ["집에"], ["and"] * 9]
VARIANTS: dict[str, dict[str, Any]] = {
    "letters by a convolution": {"characters": "convolution", "longest": 3, "longest_word": 9},
    "no CRF": {"crf": False, "cell": "gru", "num_layers": 2},
    "one way": taggers.ONE_WAY,
    "no letters": {"characters": "none", "longest": 4, **taggers.ONE_WAY},
}


@functools.cache
def tagger(variant: str) -> Tag:
    return taggers.train(taggers.learn(**VARIANTS[variant]), taggers.people(), epochs=2)


def rows_of(task: Tag, inputs: list[Any]) -> list[Any]:
    return [json.loads(json.dumps(each.row())) for each in task.predict(inputs)]


def test_a_tagger_answers_alone_as_it_does_here(tmp_path: Path) -> None:
    task = taggers.finder()
    exporting.export(task, tmp_path / "out", stream=False, source=None)
    assert exporting.verify(task, tmp_path / "out") < exporting.TOLERANCE
    lines = [*TEXTS, *(json.dumps(words, ensure_ascii=False) for words in LISTED)]
    found = run_alone(tmp_path / "out", text="\n".join(lines) + "\n")
    wanted = rows_of(task, [*TEXTS, *map(tuple, LISTED)])
    assert found == wanted
    assert any("entities" in each for each in found)
    model = script("run", tmp_path / "out").Model()
    assert model.predict([*TEXTS, *LISTED]) == wanted  # side by side as each alone
    for wrong in ([], [1, 2], {"words": ["Anna"]}):
        with pytest.raises(ValueError, match="a sentence is a text or its words"):
            model.predict([wrong])
    for empty in ("", "   "):
        with pytest.raises(ValueError, match="the text is empty, so there is nothing to answer"):
            model.predict([empty])


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_tagger_answers_as_it_does_here(variant: str, tmp_path: Path) -> None:
    task = tagger(variant)
    exporting.export(task, tmp_path / "out", stream=False, source=None)
    assert exporting.verify(task, tmp_path / "out") < exporting.TOLERANCE
    model = script("run", tmp_path / "out").Model()
    assert model.predict([*TEXTS, *LISTED]) == rows_of(task, [*TEXTS, *map(tuple, LISTED)])


@pytest.mark.parametrize("variant", ["no letters", "one way"])
def test_a_step_tags_as_the_whole_and_as_the_stream(variant: str, tmp_path: Path) -> None:
    task = tagger(variant)
    exporting.export(task, tmp_path / "out", stream=True, source=None)
    assert exporting.verify(task, tmp_path / "out") < exporting.TOLERANCE
    model = script("run", tmp_path / "out").Model()
    assert model.predict([*TEXTS, *LISTED]) == rows_of(task, [*TEXTS, *map(tuple, LISTED)])
    kept = task.stream(rows=None, rewind=0, quantize=None)
    for text in TEXTS[:2]:
        kept.reset()
        assert list(model.stream(text)) == kept.steps(text)


@pytest.mark.parametrize("variant", ["letters by a convolution", "no CRF"])
def test_what_is_no_chain_is_refused_as_a_step(variant: str, tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="export it without stream"):
        exporting.export(tagger(variant), tmp_path / "out", stream=True, source=None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("constrained", [False, True])
def test_the_best_tags_are_those_of_the_crf(constrained: bool) -> None:
    generator, chosen = torch.Generator().manual_seed(0), script("viterbi")
    forbidden = torch.rand(4, 4, generator=generator) < 0.4
    given = (
        torch.tensor([True, True, False, True]),
        ~forbidden,
        torch.tensor([True] * 3 + [False]),
    )
    crf = CRF(4, constraints=given if constrained else None)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    chain = chosen.Chain(json.loads(json.dumps(_scores(crf))))
    for steps in (1, 2, 7, 30):
        scores = torch.randn(steps, 1, 4, generator=generator)
        scores[:, :, 1] = scores[:, :, 0]  # of equal ones the lower is taken
        [wanted] = crf.decode(scores)[0]
        assert chain.best(scores[:, 0].numpy()) == wanted


@pytest.mark.parametrize("scheme", SCHEMES)
def test_entities_are_read_as_here(scheme: str) -> None:
    entities, chance = script("entities"), random.Random(0)
    marks = SCHEMES[scheme][0]
    names = ["O", *marks, *(f"{mark}-{kind}" for mark in marks for kind in ("PER", "A-B"))]
    for _ in range(2000):
        tags = chance.choices(names, k=chance.randint(0, 7))
        assert entities.chunks(tags, scheme) == [tuple(each) for each in chunks(tags, scheme)]


def test_words_are_split_and_spelt_as_here() -> None:
    words, chance = script("words"), np.random.default_rng(0)
    letters = list("ab서'\"“”…-.,$€ \t\n\u00a0¿")
    for size in range(120):
        text = "".join(chance.choice(letters, size % 20))
        assert words.split_words(text) == split_words(text)
        assert words.spell(text, 1 + size % 9) == spell(text, 1 + size % 9)
