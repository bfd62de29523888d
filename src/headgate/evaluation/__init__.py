"""Scores that are never alone: a baseline and an interval stand beside each."""

from __future__ import annotations
