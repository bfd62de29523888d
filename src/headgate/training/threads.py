"""How many threads a network gets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

SMALL = 1_000_000  # parameters


@contextmanager
def threads_for(network: nn.Module, wanted: int | None = None) -> Iterator[int]:
    """Run a block with the threads that suit a network, then give torch back what it had.

    A small network gets one: its products are over before a second thread has woken, and where
    another program wants the second core, threads that wait for each other cost twenty times.

    Args:
        network: what is run in the block.
        wanted: a number of the user's; where None one below a million parameters, else torch's.

    Yields:
        The number of threads.
    """
    before = torch.get_num_threads()
    small = sum(parameter.numel() for parameter in network.parameters()) < SMALL
    torch.set_num_threads(wanted or (1 if small else before))
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
