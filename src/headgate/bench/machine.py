"""What a figure is worth nothing without: the machine, the versions, the date."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from headgate import __version__
from headgate.kernels.native import instruction_sets


def usable_cores() -> int:
    """Count the cores that this process may run on.

    Returns:
        The number, which a container or `taskset` may make smaller than the machine's.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name the processor.

    Args:
        cpuinfo: where Linux describes it.

    Returns:
        Its name, or what Python knows of it elsewhere.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def describe() -> dict[str, Any]:
    """Describe the machine and what runs on it, now.

    Returns:
        Names to plain values.
    """
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "instruction_sets": instruction_sets(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "headgate": __version__,
    }
