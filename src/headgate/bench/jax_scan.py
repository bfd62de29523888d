"""JAX: a jitted ``lax.scan`` with the weights of torch.nn's layer.

The input's projection is one product outside the scan, as a careful user of JAX writes it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

NEEDS = ("jax",)


def _lstm(jax: Any, p: dict[str, Any], x: Any) -> Any:
    zeros = jax.numpy.zeros((x.shape[1], p["weight_hh"].shape[1]), x.dtype)

    def step(state: Any, a: Any) -> Any:
        h, c = state
        i, f, g, o = jax.numpy.split(a + h @ p["weight_hh"].T, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
        h = jax.nn.sigmoid(o) * jax.numpy.tanh(c)
        return (h, c), h

    projected = x @ p["weight_ih"].T + p["bias_ih"] + p["bias_hh"]
    return jax.lax.scan(step, (zeros, zeros), projected)[1]


def _gru(jax: Any, p: dict[str, Any], x: Any) -> Any:
    zeros = jax.numpy.zeros((x.shape[1], p["weight_hh"].shape[1]), x.dtype)

    def step(h: Any, a: Any) -> Any:
        x_r, x_u, x_g = jax.numpy.split(a, 3, axis=-1)
        h_r, h_u, h_g = jax.numpy.split(h @ p["weight_hh"].T + p["bias_hh"], 3, axis=-1)
        u = jax.nn.sigmoid(x_u + h_u)
        g = jax.numpy.tanh(x_g + jax.nn.sigmoid(x_r + h_r) * h_g)
        h = u * h + (1 - u) * g
        return h, h

    return jax.lax.scan(step, zeros, x @ p["weight_ih"].T + p["bias_ih"])[1]


def _rnn(jax: Any, p: dict[str, Any], x: Any) -> Any:
    zeros = jax.numpy.zeros((x.shape[1], p["weight_hh"].shape[1]), x.dtype)

    def step(h: Any, a: Any) -> Any:
        h = jax.numpy.tanh(a + h @ p["weight_hh"].T)
        return h, h

    return jax.lax.scan(step, zeros, x @ p["weight_ih"].T + p["bias_ih"] + p["bias_hh"])[1]


_CELLS: dict[str, Callable[[Any, dict[str, Any], Any], Any]] = {
    "gru": _gru,
    "lstm": _lstm,
    "rnn": _rnn,
}


def _given(jax: Any, layer: nn.RNNBase, x: Tensor) -> tuple[dict[str, Any], Any]:
    weights = {
        name.removesuffix("_l0"): jax.numpy.asarray(value.detach().numpy())
        for name, value in layer.named_parameters()
    }
    return weights, jax.numpy.asarray(x.detach().numpy())


def _tensor(value: Any) -> Tensor:
    numpy: Any = importlib.import_module("numpy")
    return torch.from_numpy(numpy.array(value))


def inference(cell: str, layer: nn.RNNBase, x: Tensor) -> tuple[Callable[[], object], Tensor]:
    """Make a compiled forward pass.

    Args:
        cell: "gru", "lstm" or "rnn".
        layer: torch.nn's layer.
        x: the input, [T, B, M].

    Returns:
        The call, and the outputs of one, [T, B, N].
    """
    jax: Any = importlib.import_module("jax")
    weights, given = _given(jax, layer, x)
    run = jax.jit(lambda p, x: _CELLS[cell](jax, p, x))

    def call() -> Any:
        return run(weights, given).block_until_ready()

    return call, _tensor(call())


def training(
    cell: str, layer: nn.RNNBase, x: Tensor, gradient: Tensor
) -> tuple[Callable[[], object], Tensor]:
    """Make a compiled forward and backward pass, to the weights and to the input.

    Args:
        cell: "gru", "lstm" or "rnn".
        layer: torch.nn's layer.
        x: the input, [T, B, M].
        gradient: what backward starts from, [T, B, N].

    Returns:
        The call, and the outputs of one, [T, B, N].
    """
    jax: Any = importlib.import_module("jax")
    weights, given = _given(jax, layer, x)
    start = jax.numpy.asarray(gradient.numpy())

    def loss(p: dict[str, Any], x: Any) -> Any:
        y = _CELLS[cell](jax, p, x)
        return (y * start).sum(), y

    run = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))

    def call() -> Any:
        return jax.block_until_ready(run(weights, given))

    (_, outputs), _ = call()
    return call, _tensor(outputs)
