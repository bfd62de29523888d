"""Keras: its layer with the weights of torch.nn's, on the backend that the user has set."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

NEEDS = ("keras",)
_FORMS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    # Keras's name; its gates by their places in torch's order; options
    "gru": ("GRU", (1, 0, 2), {"reset_after": True}),  # z r h, of r z n
    "lstm": ("LSTM", (0, 1, 2, 3), {}),  # i f c o
    "rnn": ("SimpleRNN", (0,), {}),
}


def inference(cell: str, layer: nn.RNNBase, x: Tensor) -> tuple[Callable[[], object], Tensor]:
    """Make a forward pass by ``predict_on_batch``, which compiles where the backend can.

    Args:
        cell: "gru", "lstm" or "rnn".
        layer: torch.nn's layer.
        x: the input, [T, B, M].

    Returns:
        The call, and the outputs of one, [T, B, N].
    """
    keras: Any = importlib.import_module("keras")
    name, order, options = _FORMS[cell]
    steps, _, inputs = x.shape
    made = getattr(keras.layers, name)(layer.hidden_size, return_sequences=True, **options)
    model = keras.Sequential([keras.Input((steps, inputs)), made])
    made.set_weights([value.numpy() for value in _weights(cell, layer, order)])
    given = x.detach().transpose(0, 1).contiguous().numpy()

    def call() -> Any:
        return model.predict_on_batch(given)

    return call, torch.from_numpy(call()).transpose(0, 1)


def _weights(cell: str, layer: nn.RNNBase, order: tuple[int, ...]) -> list[Tensor]:
    """Give torch's weights as Keras has them: transposed, its two biases one but in a GRU."""

    def ordered(name: str) -> Tensor:
        blocks = getattr(layer, name).detach().chunk(len(order))
        return torch.cat([blocks[place] for place in order])

    inner, outer = ordered("bias_ih_l0"), ordered("bias_hh_l0")
    bias = torch.stack([inner, outer]) if cell == "gru" else inner + outer
    return [ordered("weight_ih_l0").T, ordered("weight_hh_l0").T, bias]
