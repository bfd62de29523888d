from __future__ import annotations

import copy

from tests.tiny import classifier

from headgate.artifacts.card import write_card


def card(**metrics: object) -> str:
    model = classifier()
    config = model.config | {"settings": model.task.saved_settings()}
    return write_card(config, copy.deepcopy(model.metrics) | metrics)


def test_every_score_stands_beside_interval_and_baseline() -> None:
    text = card()
    for name, score in classifier().metrics["test"].items():
        interval = f"{score['low']:.3f} to {score['high']:.3f}"
        assert f"| {name} | {score['value']:.3f} | {interval} | {score['baseline']:.3f} |" in text


def test_data_training_and_seed_are_named() -> None:
    text, data = card(), classifier().config["data"]
    assert f"reviews.csv (SHA-256 {data['sha256'][:16]}…): 60 rows" in text
    assert (
        f"train {data['train']}, validation {data['valid']}, test {data['test']}; seed 42" in text
    )
    assert "ended by: 2 epochs" in text
    assert "(gru, " in text
    assert "parameters), trained with headgate" in text


def test_without_a_test_part_there_is_no_score() -> None:
    text = card(test={})
    assert "There was no test part." in text
    assert "accuracy" not in text


def test_notes_stand_in_a_list() -> None:
    lines = card(notes=["bleu: nrefs:1", "2 texts are read to their token 512"]).splitlines()
    assert "- bleu: nrefs:1" in lines
    assert lines[lines.index("- bleu: nrefs:1") - 1] == ""


def test_a_score_without_a_baseline_has_an_empty_cell() -> None:
    score = {"value": 0.5, "low": 0.25, "high": 0.75, "baseline": None}
    assert "| auc | 0.500 | 0.250 to 0.750 |  |" in card(test={"auc": score})
