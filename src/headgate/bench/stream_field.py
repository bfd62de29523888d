"""Who takes part in a row of streams: ours in three ways, torch.nn and ONNX Runtime in two each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from headgate.bench import stream_onnx, stream_steps
from headgate.bench.field import Field, Made, admit, missing, settled
from headgate.bench.rivals import CLOSE, Problem, inference
from headgate.bench.stream_steps import Steps, open_stream, taken

CHECKED = 8  # steps from the beginning whose outputs have to be torch.nn's
INT8_CLOSE = 0.05  # weights of eight bits give other outputs; this finds only what is wrong
WAYS: dict[str, dict[str, Callable[[Problem], Steps]]] = {
    "torch": {"cells": stream_steps.cells, "layer": stream_steps.layer},
    "onnx": {"run": stream_onnx.run, "bound": stream_onnx.bound},
}
"""Each rival's ways to step: the better one stands beside ours."""


def stream_field(given: Problem, count: int) -> Field:
    """Gather who takes part in a row.

    Args:
        given: the cell, the weights and the input.
        count: steps of a timed call.

    Returns:
        The field, on one thread.
    """
    made = Field()
    wanted = inference(given.theirs, given.x[:CHECKED])()
    shape = wanted.shape

    def enter(name: str, make: Callable[[], Made], close: float = CLOSE) -> None:
        admit(made, name, make, wanted, 1, close)

    quantized = partial(stream_steps.ours, quantize="int8")
    enter("ours", partial(_stepping, stream_steps.ours, given, count, shape))
    enter("chunk", partial(_chunk, given, count, shape))
    enter("int8", partial(_stepping, quantized, given, count, shape), INT8_CLOSE)
    for rival, ways in WAYS.items():
        reason = missing(rival)
        if reason is not None:
            made.absent[rival] = reason
            continue
        for name, way in ways.items():
            enter(name, partial(_stepping, way, given, count, shape))
    return settled(made, (1,))


def _stepping(
    way: Callable[[Problem], Steps], given: Problem, count: int, shape: Sequence[int]
) -> Made:
    steps = way(given)
    output = steps.outputs(shape)
    return steps.call(count), output


def _chunk(given: Problem, count: int, shape: Sequence[int]) -> Made:
    """Give a stream all the steps of the row at once."""
    stream, x, passes = open_stream(given), taken(given), chunks(given, count)
    output = stream.steps(x[: shape[0]]).detach().reshape(shape)

    def call() -> None:
        for _ in range(passes):
            stream.steps(x)

    return call, output


def chunks(given: Problem, count: int) -> int:
    """Say how many chunks a timed call takes.

    Args:
        given: the problem; its T are a chunk.
        count: steps of a timed call that takes them one by one.

    Returns:
        At least one.
    """
    return max(1, count // given.sizes.steps)
