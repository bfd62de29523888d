"""A network kept running: one step needs only its state."""

from __future__ import annotations

from headgate.streaming.stream import Stream

__all__ = ["Stream"]
