"""What a doctor costs a training, and what it finds: with no option but columns and minutes."""

from __future__ import annotations

import argparse
import time
from typing import Any
from unittest import mock

import headgate as hg
from headgate.inspection.doctor import Doctor
from headgate.inspection.findings import Finding


class Timed(Doctor):
    """The doctor with a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.visits, self.seconds = 0, 0.0

    def visit(self, step: int) -> list[Finding]:
        """Visit, and count."""
        began = time.monotonic()
        try:
            return super().visit(step)
        finally:
            self.seconds += time.monotonic() - began
            self.visits += 1


def share(name: str, data: str, **options: Any) -> None:
    """Train once; print the doctor's share of the time and its findings."""
    doctor = Timed()
    with mock.patch("headgate.trainer.Doctor", return_value=doctor):
        model = hg.train(data, say=lambda line: None, **options)
    training = model.metrics["training"]
    whole = training["seconds"]
    print(
        f"{name:<12} {whole:6.1f} s  {training['steps']:6.0f} steps  {doctor.visits:4} visits  "
        f"{doctor.seconds:6.3f} s  {doctor.seconds / whole:.2%}",
        flush=True,
    )
    for sentence in training["doctor"]:
        print(f"    {sentence}", flush=True)


def main(arguments: list[str]) -> None:
    """Measure a language model, a classifier and a translator; those whose data is given."""
    parser = argparse.ArgumentParser("doctor", description=__doc__)
    parser.add_argument("--text", help="a running text, of which a language model learns")
    parser.add_argument("--messages", help="a table without a header: class, message")
    parser.add_argument("--pairs", help="a table without a header: source, target")
    parser.add_argument("--minutes", type=float, default=3.0)
    wanted = parser.parse_args(arguments)
    limit = {"minutes": wanted.minutes}
    if wanted.text:
        share("generate", wanted.text, task="generate", **limit)
    if wanted.messages:
        share("classify", wanted.messages, input="2", target="1", **limit)
    if wanted.pairs:
        share("translate", wanted.pairs, input="1", target="2", task="translate", **limit)
