"""ONNX Runtime: a model of one node with the weights of torch.nn's layer."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

NEEDS = ("onnx", "onnxruntime")
OPSET, IR_VERSION = 17, 8
FORMS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    # ONNX's name; its gates by their places in torch's order; attributes
    "gru": ("GRU", (1, 0, 2), {"linear_before_reset": 1}),  # z r h, of r z n
    "lstm": ("LSTM", (0, 3, 1, 2), {}),  # i o f c, of i f g o
    "rnn": ("RNN", (0,), {}),
}


def model(cell: str, layer: nn.RNNBase) -> bytes:
    """Write a layer as an ONNX model of one node, from X [T, B, M] to Y [T, 1, B, N].

    Args:
        cell: a key of ``FORMS``.
        layer: torch.nn's layer.

    Returns:
        The model, serialised.
    """
    helper: Any = importlib.import_module("onnx.helper")
    numpy_helper: Any = importlib.import_module("onnx.numpy_helper")
    number = importlib.import_module("onnx").TensorProto.FLOAT
    operator, order, attributes = FORMS[cell]
    node = helper.make_node(
        operator, ["X", "W", "R", "B"], ["Y"], hidden_size=layer.hidden_size, **attributes
    )
    weights = _weights(layer, order)
    graph = helper.make_graph(
        [node],
        cell,
        [helper.make_tensor_value_info("X", number, ["T", "B", layer.input_size])],
        [helper.make_tensor_value_info("Y", number, ["T", 1, "B", layer.hidden_size])],
        [numpy_helper.from_array(value.numpy(), name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return made.SerializeToString()


def _weights(layer: nn.RNNBase, order: tuple[int, ...]) -> dict[str, Tensor]:
    """Give torch's weights in ONNX's order, each with the axis of directions before it."""

    def ordered(name: str) -> Tensor:
        blocks = getattr(layer, name).detach().chunk(len(order))
        return torch.cat([blocks[place] for place in order])

    biases = torch.cat([ordered("bias_ih_l0"), ordered("bias_hh_l0")])
    made = {"W": ordered("weight_ih_l0"), "R": ordered("weight_hh_l0"), "B": biases}
    return {name: value[None].contiguous() for name, value in made.items()}


def inference(cell: str, layer: nn.RNNBase, x: Tensor, threads: int) -> Callable[[], Tensor]:
    """Make a forward pass in ONNX Runtime.

    Args:
        cell: a key of ``FORMS``.
        layer: torch.nn's layer.
        x: the input, [T, B, M].
        threads: those of the session.

    Returns:
        The call; it gives the outputs, [T, B, N].
    """
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    # its threads would else spin on into the next contestant's time
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = runtime.InferenceSession(
        model(cell, layer), options, providers=["CPUExecutionProvider"]
    )
    given = {"X": x.detach().numpy()}

    def call() -> Tensor:
        return torch.from_numpy(session.run(None, given)[0])[:, 0]

    return call
