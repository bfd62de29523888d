"""The graphs of an exported model in ONNX Runtime, by their names."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import onnxruntime


class Graphs:
    """An exported model.

    Args:
        folder: where model.json and the graphs lie.
        threads: of a graph; as many as ONNX Runtime likes where 0.
    """

    def __init__(self, folder=".", threads=0):
        self.folder = Path(folder)
        self.facts = json.loads((self.folder / "model.json").read_text(encoding="utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.sessions = {
            name: onnxruntime.InferenceSession(
                str(self.folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
            )
            for name in self.facts["graphs"]
        }

    def __call__(self, graph, **given):
        """Run a graph: arrays in by name, arrays out by name."""
        session = self.sessions[graph]
        names = [each.name for each in session.get_outputs()]
        wanted = {each.name for each in session.get_inputs()}
        given = {name: value for name, value in given.items() if name in wanted}
        return dict(zip(names, session.run(names, given), strict=True))


class Stream:
    """A model kept running, for B rows at once.

    Args:
        graphs: a model that was exported with its step.
        rows: B.
    """

    def __init__(self, graphs, rows=1):
        self.graphs, self.rows = graphs, rows
        self.reset()

    def reset(self):
        """Begin anew."""
        self.states = {
            name: np.tile(np.array(value, np.float32), (self.rows, 1))
            for name, value in self.graphs.facts["initial"].items()
        }

    def step(self, x):
        """Take one step of every row: ids [B] or features [B, M] in, [B, V] out."""
        found = self.graphs("step", x=x, **self.states)
        self.states = {name: found[f"{name}_next"] for name in self.states}
        return found["y"]


def main_of(model, words=None):
    """Answer the arguments, or the lines of the input, each with a line of JSON.

    Args:
        model: has ``predict`` of a list of inputs, and, where an input is more than a text,
            ``parse`` from a line. Either raises ValueError for what it does not answer.
        words: what stands for the arguments, where some of them are options.
    """
    sys.stdout.reconfigure(encoding="utf-8")
    words = sys.argv[1:] if words is None else words
    try:
        for number, line in enumerate(words or _lines(), start=1):
            try:
                answer = _answered(model, line)
            except (ValueError, OverflowError) as error:
                said = " ".join(str(error).split())
                print(f"{'argument' if words else 'line'} {number}: {said}", file=sys.stderr)
                sys.exit(2)
            print(json.dumps(answer, ensure_ascii=False), flush=True)
    except BrokenPipeError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lines():
    return () if sys.stdin is None else sys.stdin.buffer


def _answered(model, line):
    text = line.rstrip(b"\r\n").decode() if isinstance(line, bytes) else line
    text.encode()  # an argument of other bytes than UTF-8 is no text
    (answer,) = model.predict([getattr(model, "parse", str)(text)])
    return answer
