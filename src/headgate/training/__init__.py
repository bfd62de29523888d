"""The loop that trains, over protocols: it knows no task."""

from __future__ import annotations

from headgate.training.console import Console
from headgate.training.loop import History, fit
from headgate.training.plan import Plan
from headgate.training.protocol import Doctor, Learner, Moment, Note, Reporter, Validation

__all__ = [
    "Console",
    "Doctor",
    "History",
    "Learner",
    "Moment",
    "Note",
    "Plan",
    "Reporter",
    "Validation",
    "fit",
]
