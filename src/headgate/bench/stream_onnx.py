"""ONNX Runtime step by step: a model of one step, its states in and out."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import torch

from headgate.bench.onnx_runtime import open_session, put
from headgate.bench.rivals import Problem
from headgate.bench.stream_steps import Steps
from headgate.export.graph import Graph, Value
from headgate.export.stream import NEXT


@dataclass(frozen=True)
class StepModel:
    """A model of one step.

    Args:
        content: the model, serialised: from X, [1, B, M], and the states to the next states.
        states: the names of the states, each [1, B, N]; the next one's name ends in ``NEXT``.
        output: the name of the next state that is the output of the last layer.
    """

    content: bytes
    states: tuple[str, ...]
    output: str


def step_model(layers: Any) -> StepModel:
    """Write layers as an ONNX model of one step, a node for each.

    Args:
        layers: ``RNN``, ``LSTM`` or ``GRU``.

    Returns:
        The model.
    """
    graph, kinds = Graph(), layers.program.states
    x = Value(graph.name("X"), torch.float32, (1, "B", layers.input_size))
    states: list[str] = []
    given = x.name
    for number in range(layers.num_layers):
        kept = [graph.name(f"{kind}{number}") for kind in kinds]
        # neither lengths go in nor Y comes out: Y_h of a single step is Y
        results = ["", *(f"{name}{NEXT}" for name in kept)]
        given = put(graph, layers, number, [given, *kept], results)[1]
        states += kept

    def value(name: str) -> Value:
        return Value(name, torch.float32, (1, "B", layers.hidden_size))

    ends = [value(f"{name}{NEXT}") for name in states]
    whole = graph.model([x, *map(value, states)], ends, name="step")
    return StepModel(whole.SerializeToString(), tuple(states), given)


def run(given: Problem) -> Steps:
    """Step by ``session.run``: NumPy arrays in, new ones out.

    Args:
        given: the cell, the weights and the input.

    Returns:
        The way.
    """
    model = step_model(given.ours)
    session = open_session(model.content, 1)
    wanted = [f"{name}{NEXT}" for name in model.states]
    place = wanted.index(model.output)
    zeros = torch.zeros(1, given.sizes.rows, given.sizes.units).numpy()
    feed: dict[str, Any] = dict.fromkeys(model.states, zeros)

    def step(x: Any) -> Any:
        feed["X"] = x
        found = session.run(wanted, feed)
        feed.update(zip(model.states, found, strict=True))
        return found[place]

    return Steps(step, _pieces(given))


def bound(given: Problem) -> Steps:
    """Step by IO binding: two sets of states, each read in one step and written in the next.

    Args:
        given: the cell, the weights and the input.

    Returns:
        The way.
    """
    model = step_model(given.ours)
    session = open_session(model.content, 1)
    sizes = given.sizes
    x = torch.zeros(1, sizes.rows, sizes.inputs).numpy()
    sets = [
        {name: torch.zeros(1, sizes.rows, sizes.units).numpy() for name in model.states}
        for _ in range(2)
    ]
    bindings = [_binding(session, x, sets[turn], sets[1 - turn]) for turn in range(2)]
    outputs = [sets[1 - turn][model.output.removesuffix(NEXT)] for turn in range(2)]
    turn = 1

    def step(piece: Any) -> Any:
        nonlocal turn
        turn = 1 - turn
        x[:] = piece
        session.run_with_iobinding(bindings[turn])
        return outputs[turn]

    return Steps(step, _pieces(given))


def _binding(session: Any, x: Any, read: dict[str, Any], written: dict[str, Any]) -> Any:
    """Bind a session to arrays; an OrtValue on the CPU is the array's own memory."""
    value: Any = importlib.import_module("onnxruntime").OrtValue.ortvalue_from_numpy
    binding = session.io_binding()
    for name, array in {"X": x, **read}.items():
        binding.bind_ortvalue_input(name, value(array))
    for name, array in written.items():
        binding.bind_ortvalue_output(f"{name}{NEXT}", value(array))
    return binding


def _pieces(given: Problem) -> list[Any]:
    return [piece.numpy() for piece in given.x.detach().split(1)]
