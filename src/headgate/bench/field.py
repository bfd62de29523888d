"""Who takes part in a row: ours, torch.nn, and every rival that is installed and agrees."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

from torch import Tensor

from headgate.bench import jax_scan, keras_layer, onnx_runtime
from headgate.bench.machine import usable_cores
from headgate.bench.rivals import (
    CLOSE,
    LONGEST,
    CellLoop,
    Problem,
    disagreement,
    inference,
    loop_seconds,
    training,
)
from headgate.bench.timing import Contestant

OPTIONAL: dict[str, ModuleType] = {"onnx": onnx_runtime, "jax": jax_scan, "keras": keras_layer}
TRAINING = ("torch", "loop", "jax")
INFERENCE = ("torch", "onnx", "jax", "keras")
Made = tuple[Callable[[], object], Tensor]


@dataclass
class Field:
    """Who takes part in a row.

    Args:
        contestants: those who do, in the order of each round.
        absent: why a rival does not, by name.
    """

    contestants: list[Contestant] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, call: Callable[[], object], threads: int) -> None:
        """Let a contestant take part.

        Args:
            name: its name.
            call: its work.
            threads: torch's threads while it runs.
        """
        self.contestants.append(Contestant(name, call, threads))


def missing(name: str) -> str | None:
    """Say why a rival cannot be measured in this installation.

    Args:
        name: a rival.

    Returns:
        What is not installed; None where nothing is missing.
    """
    needs: tuple[str, ...] = OPTIONAL[name].NEEDS if name in OPTIONAL else ()
    lacking = [need for need in needs if importlib.util.find_spec(need) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else None


def training_field(given: Problem, threads: tuple[int, ...]) -> Field:
    """Gather who takes part in a row of training.

    Args:
        given: the cell, the weights and the input.
        threads: the numbers of threads.

    Returns:
        The field.
    """
    made = Field()
    x, gradient = given.x, given.gradient
    wanted = inference(given.theirs, x)()
    loop = CellLoop(given.cell, given.theirs)
    ours = training(given.ours, x, gradient)
    slow = _too_slow(loop, given)
    made.absent |= _reasons(
        {
            "ours": disagreement(inference(given.ours, x)(), wanted),
            "loop": slow or disagreement(inference(loop, x)(), wanted),
        }
    )
    for count in threads:
        made.add("torch", training(given.theirs, x, gradient), count)
        made.add("ours", ours, count)
        made.add("loop", training(loop, x, gradient), count)
    _add_xla(made, "jax", lambda: jax_scan.training(given.cell, given.theirs, x, gradient), wanted)
    return settled(made, threads)


def inference_field(given: Problem, threads: tuple[int, ...]) -> Field:
    """Gather who takes part in a row of inference.

    Args:
        given: the cell, the weights and the input.
        threads: the numbers of threads.

    Returns:
        The field.
    """
    made = Field()
    x = given.x
    wanted, ours = inference(given.theirs, x)(), inference(given.ours, x)
    made.absent |= _reasons({"ours": disagreement(ours(), wanted)})
    for count in threads:
        made.add("torch", inference(given.theirs, x), count)
        made.add("ours", ours, count)
        _add_onnx(made, given, wanted, count)
    _add_xla(made, "jax", lambda: jax_scan.inference(given.cell, given.theirs, x), wanted)
    _add_xla(made, "keras", lambda: keras_layer.inference(given.cell, given.theirs, x), wanted)
    return settled(made, threads)


def _reasons(found: dict[str, str | None]) -> dict[str, str]:
    return {name: reason for name, reason in found.items() if reason is not None}


def _too_slow(loop: CellLoop, given: Problem) -> str | None:
    spent = loop_seconds(loop, given)
    return None if spent <= LONGEST else f"about {spent:.1f} s a call, more than {LONGEST:.0f} s"


def _add_onnx(made: Field, given: Problem, wanted: Tensor, threads: int) -> None:
    def build() -> Made:
        call = onnx_runtime.inference(given.ours, given.x, threads)
        return call, call()

    admit(made, "onnx", build, wanted, threads)


def _add_xla(made: Field, name: str, build: Callable[[], Made], wanted: Tensor) -> None:
    """Add a rival that runs on every core: no call of its own limits its threads."""
    admit(made, name, build, wanted, usable_cores())


def admit(
    made: Field,
    name: str,
    build: Callable[[], Made],
    wanted: Tensor,
    threads: int,
    close: float = CLOSE,
) -> None:
    """Let a contestant take part if it can be built and agrees; else say why it does not.

    Args:
        made: the field.
        name: the contestant's.
        build: gives its work and an output of it.
        wanted: what the output has to be.
        threads: those that it runs on.
        close: how far the output may lie from what is wanted.
    """
    reason = missing(name)
    if reason is None:
        try:
            call, output = build()
        except Exception as error:  # a rival that fails, in whatever way, must not end the measure
            reason = f"{type(error).__name__}: {_first_line(error)}"
        else:
            reason = disagreement(output, wanted, close)
            made.add(name, call, threads)
    if reason is not None:
        made.absent[name] = reason


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")[:200]


def settled(made: Field, threads: tuple[int, ...]) -> Field:
    """Leave out who disagrees or runs on other threads; put equal threads side by side.

    Args:
        made: the field.
        threads: the numbers of threads of its row.

    Returns:
        The same field.
    """
    for each in made.contestants:
        if each.threads not in threads:
            made.absent.setdefault(
                each.name, f"runs on all {each.threads} cores, but torch has {threads[-1]} threads"
            )
    taking = [each for each in made.contestants if each.name not in made.absent]
    made.contestants = sorted(taking, key=lambda each: each.threads)
    return made
