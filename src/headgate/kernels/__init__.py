"""A program run over time, behind one door: ``scan``."""

from __future__ import annotations

from headgate.kernels.protocol import Run
from headgate.kernels.scan import KERNELS, scan, using

__all__ = ["KERNELS", "Run", "scan", "using"]
