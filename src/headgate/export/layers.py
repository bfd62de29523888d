"""Recurrent layers as an ONNX model of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from headgate.export.parts import Input, Part
from headgate.export.states import Layers, as_row, as_state, states_in, states_out
from headgate.export.stream import stream_to_onnx
from headgate.streaming.parts import links_of


class _Flat(nn.Module):
    """Layers that take and give their states as single tensors."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor, lengths: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        outputs, last = self.layers(x, as_state(states), lengths=lengths)[:2]
        return outputs, *as_row(last)


def layers_as_part(layers: Layers, name: str = "layers") -> Part:
    """Give layers as a graph that can be written and compared.

    Args:
        layers: the layers.
        name: of the graph.

    Returns:
        The graph's network, and what goes in and out; see ``to_onnx``.
    """
    steps = ("B", "T") if layers.batch_first else ("T", "B")
    x, lengths = Input("x", (*steps, layers.input_size)), Input("lengths", ("B",), "lengths")
    outputs = ("outputs", *states_out(layers))
    return Part(name, _Flat(layers), (x, lengths, *states_in(layers)), outputs)


def to_onnx(layers: Layers, *, stream: bool = False) -> Any:
    """Write recurrent layers as an ONNX model; ``onnx.save`` makes a file of it.

    Where the cell is one that ONNX has, its LSTM, GRU or RNN runs it; any other cell is written
    step by step into a ``Scan``. Any batch and any number of steps go in:

        x        [T, B, M], or [B, T, M] if ``batch_first``
        lengths  [B] of int64, the steps of each row; past them the output is zero
        h, c …   each state before the first step, [layers · directions, B, N]
        outputs  [T, B, N · directions], or [B, T, …]
        h_next … each state after each row's last step

    As a stream a graph is one step: x [B, M] and each state of each layer [B, N] ("h_0", "h_1" …)
    in, y [B, N] and the states ("h_0_next" …) out.

    Args:
        layers: ``Recurrent``, ``RNN``, ``LSTM`` or ``GRU``; they are written as they are in
            evaluation.
        stream: as one step.

    Returns:
        An ``onnx.ModelProto``.

    Raises:
        StreamError: a stream of layers that read in both directions.
        CellError: the cell has no form in ONNX.
        MissingExtraError: onnx is not installed.
    """
    if stream:
        modules: Sequence[nn.Module] = (layers,)
        return stream_to_onnx(links_of(modules)).model
    return layers_as_part(layers).to_onnx()
