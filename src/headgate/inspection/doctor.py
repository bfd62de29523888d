"""A doctor for recurrent layers: while they train, and for a model at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from headgate.inspection.findings import Finding, judge
from headgate.inspection.passes import Layers, States
from headgate.inspection.trace import Inspection
from headgate.inspection.vitals import measure
from headgate.layers import GRU, LSTM, RNN, Recurrent

ROWS, STEPS = 4, 200  # that are looked at


def examine(inspection: Inspection, *, name: str = "") -> list[Finding]:
    """Look for what ails the layers of a model.

    Args:
        inspection: the layers with an input at hand; of an encoder its decoder is examined, too.
        name: what the layers are called where there are others.

    Returns:
        The findings, none where all is well.

    Example:
        >>> from headgate.inspection.trace import look
        >>> examine(look(Recurrent("lstm", 3, 5), torch.randn(30, 3)))
        []
    """
    decoder = inspection.decoder
    own = name or ("encoder" if decoder is not None else "")
    x = inspection.inputs[:STEPS, None]
    found = _examined(inspection.layers, x, inspection.start, own)
    return found + ([] if decoder is None else examine(decoder, name="decoder"))


def _examined(layers: Layers, x: Tensor, start: States | None, name: str) -> list[Finding]:
    found: list[Finding] = []
    for vitals in measure(layers, x, start):
        layer = f"layer {vitals.name}"
        found += judge(vitals, f"{name}, {layer}" if name else layer)
    return found


@dataclass(eq=False)
class _Heard:
    """What layers read in one step of a training, in one call or in several that follow."""

    inputs: list[Tensor] = field(default_factory=list)
    start: States | None = None

    @property
    def steps(self) -> int:
        return sum(map(len, self.inputs))


class Doctor:
    """Looks at the layers of a network while it trains, and changes nothing.

    While it listens it copies a little of what the layers read; when it visits it runs the layers
    on that alone. What it finds at two visits, one after the other, it tells.
    """

    def __init__(self) -> None:
        self._heard: dict[str, tuple[Layers, _Heard]] = {}
        self._before: set[tuple[str, str]] = set()

    @contextmanager
    def listening(self, network: nn.Module) -> Iterator[None]:
        """Keep a few rows and steps of what recurrent layers read inside the block.

        Args:
            network: whose layers they are.

        Yields:
            Nothing.
        """
        self._heard = {}
        with ExitStack() as hooks:
            for name, part in network.named_modules():
                if isinstance(part, Recurrent | RNN | LSTM | GRU):
                    heard = _Heard()
                    self._heard[name] = part, heard
                    hook = part.register_forward_pre_hook(_ear(heard), with_kwargs=True)
                    hooks.callback(hook.remove)
            yield

    def visit(self, step: int) -> list[Finding]:
        """Examine the layers with what they read last.

        Args:
            step: of the training.

        Returns:
            What was found now and at the visit before.
        """
        found: list[Finding] = []
        for name, (layers, heard) in self._heard.items():
            if heard.inputs:
                x = torch.cat(heard.inputs)[:STEPS]
                found += _examined(layers, x, heard.start, name or "the network")
        self._heard = {}
        again = [each for each in found if (each.kind, each.where) in self._before]
        self._before = {(each.kind, each.where) for each in found}
        return [replace(each, step=step) for each in again]


def _ear(heard: _Heard) -> Any:
    """Make what a layer calls with its arguments before it runs."""

    def listen(layers: Layers, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        x = args[0] if args else kwargs.get("x", kwargs.get("input"))
        if not isinstance(x, Tensor) or x.dim() != 3 or heard.steps >= STEPS:
            return
        x = x.detach().transpose(0, 1) if layers.batch_first else x.detach()
        if heard.inputs and (len(x) > 1 or x.shape[1] < heard.inputs[0].shape[1]):
            return  # another run of the layers, and no next step of the first
        rows, steps = _longest(kwargs.get("lengths"), x)
        state = args[1] if len(args) > 1 else kwargs.get("state", kwargs.get("hx"))
        if not heard.inputs and state is not None:
            states = (state,) if isinstance(state, Tensor) else tuple(state)
            heard.start = tuple(each.detach()[:, rows].clone() for each in states)
        heard.inputs.append(x[:steps, rows].clone())

    return listen


def _longest(lengths: Any, x: Tensor) -> tuple[Tensor, int]:
    """Choose the longest rows, and the steps that they all have."""
    count = min(ROWS, x.shape[1])
    if lengths is None:
        return torch.arange(count, device=x.device), min(STEPS, len(x))
    sizes, rows = torch.as_tensor(lengths).cpu().topk(count)
    return rows.to(x.device), min(STEPS, max(1, int(sizes[-1])))
