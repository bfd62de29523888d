"""What every test gets: shapes checked at each call, a fixed seed, one thread."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import jaxtyping
import pytest
import torch
from tests.checking import install

SOURCE = Path(__file__).resolve().parent.parent / "src" / "headgate"

# Equations are called with proxies while they are traced, so their signatures are not checked.
UNCHECKED = {"__init__", "__main__", "__pycache__", "_native", "equations"}
# Graphs hold no tensors, and are walked so often that checks would take most of the tests' time.
GRAPHS = {"backward", "graph", "modifiers", "plan", "portable", "schedule"}


def _names(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in folder.iterdir()} - UNCHECKED


def _checked_rooms() -> list[str]:
    rooms = [f"headgate.{name}" for name in sorted(_names(SOURCE) - {"program"})]
    program = _names(SOURCE / "program") - GRAPHS
    return rooms + [f"headgate.program.{name}" for name in sorted(program)]


install(_checked_rooms())  # before anything imports headgate

torch.set_num_threads(1)  # pytest-xdist runs a worker on each core
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # to start others takes ten seconds

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_finish() -> None:
    # what stands now stands until the end: the collector need not look through it again and again
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(0)
    # torch.manual_seed keeps a note for every kind of device that is not there
    torch.default_generator.manual_seed(0)


@pytest.fixture(autouse=True)
def _cells() -> Iterator[None]:
    """Leave the table of cells as it was, whatever test comes next on this worker."""
    from headgate.equations import CELLS

    before = dict(CELLS)
    yield
    CELLS.clear()
    CELLS.update(before)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Call as users do, with no type checker in front: for tests of our own errors."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
