"""Measures, each a command: ``scripts/bench NAME``. They are no tests."""

from __future__ import annotations
