"""What a live object of Keras answers, its equations step by step, and its files, without keras."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

T, B, M, N = 4, 3, 2, 5
GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
Arrays = list[np.ndarray]


def sigmoid(v: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-v))


FUNCTIONS = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda v: np.maximum(v, 0),
    "hard_sigmoid": lambda v: np.clip(v / 6 + 0.5, 0, 1),
    "selu": lambda v: 1.0507009873554805 * np.where(v > 0, v, 1.6732632423543772 * np.expm1(v)),
}


def run(kind: str, config: dict[str, Any], arrays: Arrays, x: np.ndarray) -> np.ndarray:
    """Run a layer of Keras as its documentation writes it, step by step: [B, T, M] to [B, T, N]."""
    kernel, recurrent, bias = [*arrays, np.zeros(1)][:3]
    act = FUNCTIONS[config.get("activation", "tanh")]
    rec = FUNCTIONS[config.get("recurrent_activation", "sigmoid")]
    h, c = np.zeros((len(x), N)), np.zeros((len(x), N))
    outputs = []
    for step in x.swapaxes(0, 1)[:: -1 if config.get("go_backwards") else 1]:
        if kind == "SimpleRNN":
            h = act(step @ kernel + h @ recurrent + bias)
        elif kind == "LSTM":
            i, f, g, o = np.split(step @ kernel + h @ recurrent + bias, 4, 1)
            c = rec(f) * c + rec(i) * act(g)
            h = rec(o) * act(c)
        elif config.get("reset_after", True):
            inner, outer = np.broadcast_to(bias, (2, 3 * N))
            xz, xr, xh = np.split(step @ kernel + inner, 3, 1)
            hz, hr, hh = np.split(h @ recurrent + outer, 3, 1)
            z, r = rec(xz + hz), rec(xr + hr)
            h = z * h + (1 - z) * act(xh + r * hh)
        else:
            xz, xr, xh = np.split(step @ kernel + bias, 3, 1)
            z, r = rec(xz + h @ recurrent[:, :N]), rec(xr + h @ recurrent[:, N : 2 * N])
            h = z * h + (1 - z) * act(xh + (r * h) @ recurrent[:, 2 * N :])
        outputs.append(h)
    return np.stack(outputs, 1)


class Fake:
    """What a live object of Keras answers, without keras."""

    def __init__(self, config: dict[str, Any], arrays: Arrays, **more: Any) -> None:
        self.config, self.arrays, self.name = config, arrays, config.get("name", "rnn")
        self.__dict__.update(more)

    def get_config(self) -> dict[str, Any]:
        return {"units": N, "use_bias": True, "activation": "tanh"} | self.config

    def get_weights(self) -> Arrays:
        return self.arrays


def fake(kind: str, config: dict[str, Any] | None = None, **more: Any) -> Any:
    """Build a layer of some class, with weights that are drawn."""
    config = config or {}
    arrays = draw(kind, config) if kind in GATES else []
    return type(kind, (Fake,), {})(config, more.pop("arrays", arrays), **more)


def draw(kind: str, config: dict[str, Any]) -> Arrays:
    rows = GATES[kind] * N
    two = kind == "GRU" and config.get("reset_after", True)
    shapes: list[tuple[int, ...]] = [(M, rows), (N, rows), (2, rows) if two else (rows,)]
    count = 2 + config.get("use_bias", True)
    return [torch.randn(shape).double().numpy() * 0.5 for shape in shapes[:count]]


def both(kind: str, config: dict[str, Any] | None = None, **more: Any) -> Any:
    forward = fake(kind, config)
    backward = fake(kind, (config or {}) | {"go_backwards": True})
    told = {"merge_mode": "concat", "forward_layer": forward, "backward_layer": backward}
    return fake("Bidirectional", {"name": "both"}, **(told | more))


def outputs(layer: Any, x: np.ndarray) -> torch.Tensor:
    return layer(torch.from_numpy(x))[0].detach()


def inputs() -> np.ndarray:
    return torch.randn(B, T, M).double().numpy()


def model() -> Any:
    """Build a model with a model inside, and two layers of one class."""
    inner = fake("Sequential", {"name": "encoder"}, layers=[fake("Dense"), fake("GRU")])
    own = [fake("LSTM", {"name": name}) for name in ("first", "second")]
    layers = [fake("Dense"), own[0], both("SimpleRNN"), inner, own[1]]
    return fake("Functional", {"name": "whole"}, layers=layers)


def config_of(layer: Any) -> dict[str, Any]:
    """Write the config of a fake as config.json has it."""
    config = layer.get_config() | {"name": layer.name}
    if hasattr(layer, "layers"):
        config = {"name": layer.name, "layers": [config_of(each) for each in layer.layers]}
    if hasattr(layer, "forward_layer"):
        config = {"name": layer.name, "merge_mode": layer.merge_mode}
        config |= {"layer": config_of(layer.forward_layer)}
        config |= {"backward_layer": config_of(layer.backward_layer)}
    return {"class_name": type(layer).__name__, "config": config, "name": layer.name}


def placed(layer: Any, place: str, nested: str) -> Iterator[tuple[str, Arrays]]:
    """Yield where model.weights.h5 holds the arrays of a fake: by class, counted."""
    counts: dict[str, int] = {}
    for each in layer.layers:
        kind = type(each).__name__
        snake = {"SimpleRNN": "simple_rnn"}.get(kind, kind.lower())
        number = counts[snake] = counts.get(snake, -1) + 1
        own = f"{place}{nested}/{snake}" + (f"_{number}" if number else "")
        if kind in GATES:
            yield f"{own}/cell/vars", each.arrays
        elif kind == "Bidirectional":
            yield f"{own}/forward_layer/cell/vars", each.forward_layer.arrays
            yield f"{own}/backward_layer/cell/vars", each.backward_layer.arrays
        elif hasattr(each, "layers"):
            yield from placed(each, f"{own}/", nested)


def write(path: Path, whole: Any, *, version: str = "3.5.0", nested: str = "layers") -> Path:
    """Write a .keras file."""
    h5py: Any = pytest.importorskip("h5py")
    held = io.BytesIO()
    with h5py.File(held, "w") as store:
        for place, arrays in placed(whole, "", nested):
            for number, array in enumerate(arrays):
                store[f"{place}/{number}"] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config_of(whole)))
        archive.writestr("model.weights.h5", held.getvalue())
    return path
