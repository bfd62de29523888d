"""What a regression is made of, and its defaults."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.tasks.many_to_one import ManyToOneSettings


@dataclass
class RegressSettings(ManyToOneSettings):
    """What a network from many steps to a number is made of: ``dropout`` is less."""

    dropout: float = 0.1
