"""The loop that trains, over protocols: it knows no task."""

from __future__ import annotations

from headgate.training.console import Console
from headgate.training.loop import History, fit
from headgate.training.plan import Plan
from headgate.training.protocol import Learner, Moment, Reporter, Validation

__all__ = ["Console", "History", "Learner", "Moment", "Plan", "Reporter", "Validation", "fit"]
