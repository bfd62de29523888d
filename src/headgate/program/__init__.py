"""From an equation to a program: trace it, name its gates, size it, write it as a formula."""

from __future__ import annotations

from headgate.program.formula import as_latex, as_text
from headgate.program.graph import HIDDEN, Node, Program
from headgate.program.parameters import (
    names_of,
    parameters,
    shape_of,
    size_of,
    split,
    state_widths,
)
from headgate.program.trace import trace

__all__ = [
    "HIDDEN",
    "Node",
    "Program",
    "as_latex",
    "as_text",
    "names_of",
    "parameters",
    "shape_of",
    "size_of",
    "split",
    "state_widths",
    "trace",
]
