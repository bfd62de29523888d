"""ONNX Runtime: its own operator with the weights of our layer, and nothing around it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from headgate.export.graph import Graph, Value
from headgate.export.operators import find

NEEDS = ("onnx", "onnxruntime")


def put(
    graph: Graph, layers: Any, number: int, given: Sequence[str], results: Sequence[str]
) -> tuple[str, ...]:
    """Write the node of one layer.

    Args:
        graph: where it goes.
        layers: ``RNN``, ``LSTM`` or ``GRU``.
        number: which layer.
        given: the names of its input, and of its states where it is given them.
        results: hints for the names of what comes out; an empty one is not wanted.

    Returns:
        The names of what comes out.
    """
    [weights] = layers.weights()[number]
    operator = find(layers.program, weights)
    assert operator is not None, "ONNX has each of torch's layers"
    names = [graph.weight(value, key) for key, value in operator.weights.items()]
    first, *states = given
    inputs = [first, *names, *(["", *states] if states else [])]
    told = operator.attributes
    return graph.several(operator.name, inputs, results, hidden_size=layers.hidden_size, **told)


def model(layer: nn.RNNBase) -> bytes:
    """Write a layer as an ONNX model of one node, from X [T, B, M] to Y [T, 1, B, N].

    Args:
        layer: ``RNN``, ``LSTM`` or ``GRU``.

    Returns:
        The model, serialised.
    """
    graph = Graph()
    x = Value(graph.name("X"), torch.float32, ("T", "B", layer.input_size))
    [name] = put(graph, layer, 0, [x.name], ["Y"])
    y = Value(name, torch.float32, ("T", 1, "B", layer.hidden_size))
    return graph.model([x], [y], name="layer").SerializeToString()


def inference(layer: nn.RNNBase, x: Tensor, threads: int) -> Callable[[], Tensor]:
    """Make a forward pass in ONNX Runtime.

    Args:
        layer: ``RNN``, ``LSTM`` or ``GRU``.
        x: the input, [T, B, M].
        threads: those of the session.

    Returns:
        The call; it gives the outputs, [T, B, N].
    """
    session = open_session(model(layer), threads)
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
