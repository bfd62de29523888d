"""The measure of the recurrent layers: its sections."""

from __future__ import annotations

from headgate.bench.cells import CELLS_ALONE
from headgate.bench.grid import GRID, INFERENCES
from headgate.bench.own import OWN
from headgate.bench.ragged import RAGGED
from headgate.bench.section import Section
from headgate.bench.trace import TRACE
from headgate.bench.variants import VARIANTS

SECTIONS: dict[str, Section] = {
    "grid": GRID,
    "variants": VARIANTS,
    "cells": CELLS_ALONE,
    "own": OWN,
    "ragged": RAGGED,
    "trace": TRACE,
    "inference": INFERENCES,
}
