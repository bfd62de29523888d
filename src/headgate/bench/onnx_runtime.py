"""ONNX Runtime: a model of one node with the weights of torch.nn's layer."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

NEEDS = ("onnx", "onnxruntime")
Axes = tuple[int | str, ...]
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
    weights = weights_of(cell, layer, 0)
    whole = {"X": ("T", "B", layer.input_size)}, {"Y": ("T", 1, "B", layer.hidden_size)}
    return assemble([node(cell, layer, ["X", *weights], ["Y"])], *whole, weights)


def node(cell: str, layer: nn.RNNBase, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """Make the node of one layer.

    Args:
        cell: a key of ``FORMS``.
        layer: torch.nn's layer.
        inputs: names of values in the order of ONNX's operator; an empty one is not given.
        outputs: the same.

    Returns:
        The node.
    """
    operator, _, attributes = FORMS[cell]
    make: Any = importlib.import_module("onnx.helper").make_node
    return make(operator, inputs, outputs, hidden_size=layer.hidden_size, **attributes)


def assemble(
    nodes: Sequence[Any],
    inputs: Mapping[str, Axes],
    outputs: Mapping[str, Axes],
    weights: Mapping[str, Tensor],
) -> bytes:
    """Write a model.

    Args:
        nodes: its nodes.
        inputs: the axes of what goes in, by name; an axis is a length or a name.
        outputs: the axes of what comes out, by name.
        weights: by name.

    Returns:
        The model, serialised.
    """
    helper: Any = importlib.import_module("onnx.helper")
    numpy_helper: Any = importlib.import_module("onnx.numpy_helper")
    number = importlib.import_module("onnx").TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info(name, number, axes) for name, axes in inputs.items()],
        [helper.make_tensor_value_info(name, number, axes) for name, axes in outputs.items()],
        [numpy_helper.from_array(value.numpy(), name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return made.SerializeToString()


def weights_of(cell: str, layer: nn.RNNBase, number: int) -> dict[str, Tensor]:
    """Give torch's weights in ONNX's order, each with the axis of directions before it.

    Args:
        cell: a key of ``FORMS``.
        layer: torch.nn's layer.
        number: which of its layers.

    Returns:
        The weights of the input, of the state, and the biases; a name ends in the number.
    """
    order = FORMS[cell][1]

    def ordered(name: str) -> Tensor:
        blocks = getattr(layer, f"{name}_l{number}").detach().chunk(len(order))
        return torch.cat([blocks[place] for place in order])

    biases = torch.cat([ordered("bias_ih"), ordered("bias_hh")])
    made = {"W": ordered("weight_ih"), "R": ordered("weight_hh"), "B": biases}
    return {f"{name}{number}": value[None].contiguous() for name, value in made.items()}


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
    session = open_session(model(cell, layer), threads)
    given = {"X": x.detach().numpy()}

    def call() -> Tensor:
        return torch.from_numpy(session.run(None, given)[0])[:, 0]

    return call


def open_session(model: bytes, threads: int) -> Any:
    """Open a model in ONNX Runtime on the CPU.

    Args:
        model: the model, serialised.
        threads: those of the session.

    Returns:
        The session.
    """
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    # its threads would else spin on into the next contestant's time
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
