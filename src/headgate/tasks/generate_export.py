"""Models of text and of music as graphs, with what their scripts have to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from headgate.data.piano import KEYS, LOWEST
from headgate.export.parts import Exported, Input, Part
from headgate.export.states import (
    as_row,
    as_state,
    states_at_first,
    states_in,
    states_out,
)
from headgate.layers import Recurrent
from headgate.models import LanguageModel
from headgate.models.adaptive import AdaptiveSoftmax
from headgate.models.frame_model import FrameModel

if TYPE_CHECKING:
    from headgate.tasks.generate import Generate
    from headgate.tasks.generate_frames import GenerateFrames


class _Flat(nn.Module):
    """A network whose states come and go one by one.

    Args:
        network: gives scores, [T, B, V], and the states.
    """

    def __init__(self, network: LanguageModel | FrameModel) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        scores, last = self.network(x, as_state(states))
        return scores, *as_row(last)


def exported_text(task: Generate) -> Exported:
    """Give a language model as files.

    Args:
        task: the trained task.

    Returns:
        The model; an adaptive softmax is no part of a chain, so a graph of it is beside the step.
    """
    text, network = task.text, task.network
    facts = {
        "unit": task.field.unit,
        "several": task.rows,
        "start": text.start,
        "end": text.end,
        "never": text.never,
    }
    scripts = ("texts.py", "sampling.py", "running.py", "continuing.py")
    beside: tuple[Part, ...] = ()
    if isinstance(network.output, AdaptiveSoftmax):
        given = Input("y", ("B", network.recurrent.output_size))
        beside = (Part("head", network.output, (given,), ("logits",)),)
    return Exported(
        (_part(network, Input("x", ("B", "T"), "ids", most=len(task.field))),),
        {"run.py": "run_generate.py", **{name: name for name in scripts}},
        {"reading": facts, "initial": states_at_first(network.recurrent)},
        {"tokenizer.json": task.field.to_json()},
        network.parts,
        beside,
    )


def exported_frames(task: GenerateFrames) -> Exported:
    """Give a model of frames as files.

    Args:
        task: the trained task.

    Returns:
        The model.
    """
    network = task.network
    facts = {
        "keys": KEYS,
        "lowest": LOWEST,
        "step": task.settings.step,
        "initial": states_at_first(network.recurrent),
    }
    return Exported(
        (_part(network, Input("x", ("B", "T", KEYS))),),
        {"run.py": "run_frames.py", "running.py": "running.py", "midi.py": "midi.py"},
        facts,
        chain=network.parts,
    )


def _part(network: LanguageModel | FrameModel, given: Input) -> Part:
    layers: Recurrent = network.recurrent
    names = ("logits", *states_out(layers))
    return Part("model", _Flat(network), (given, *states_in(layers)), names)
