"""An experiment by name, in one thread, so that a seed says what comes of it."""

from __future__ import annotations

import torch

from headgate.errors import UnknownNameError
from headgate.study.finding import Finding, Setting
from headgate.study.table import STUDIES


def run(name: str, setting: Setting) -> Finding:
    """Make an experiment.

    The threads of torch and its chance are as they were afterwards.

    Args:
        name: a key of ``STUDIES``.
        setting: what the user says.

    Returns:
        What was found.

    Raises:
        UnknownNameError: there is no such experiment.
    """
    if name not in STUDIES:
        raise UnknownNameError("experiment", name, [*STUDIES, "all"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order, and as fast as two for layers of this size
    try:
        with torch.random.fork_rng(devices=[]):
            return STUDIES[name].run(setting)
    finally:
        torch.set_num_threads(threads)
