"""A layer that runs from the last step to the first, as ONNX and Keras have it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headgate.errors import CellError
from headgate.kernels import scan
from headgate.layers.checks import check_features, check_lengths
from headgate.layers.recurrent import Output, Recurrent, States


class Reversed(nn.Module):
    """One layer and direction, run from each row's last step to its first.

    It is no ``Recurrent``, since what runs step by step or looks into time goes forward.

    Args:
        layer: what runs; of one layer and direction, without noise.
        aligned: an output stands at the step whose input it saw last, as in ONNX and in torch.nn's
            second direction; else in the order of computation, the last step first, as Keras
            leaves it after ``go_backwards``.

    Raises:
        CellError: the layer has several layers, directions, or noise.

    Example:
        >>> outputs, h = Reversed(Recurrent("gru", 5, 7))(torch.zeros(3, 2, 5), lengths=[3, 1])
        >>> outputs.shape, h.shape
        (torch.Size([3, 2, 7]), torch.Size([1, 2, 7]))
    """

    def __init__(self, layer: Recurrent, *, aligned: bool = True) -> None:
        super().__init__()
        if layer.num_layers > 1 or layer.bidirectional or layer.noise.changed():
            raise CellError(f"one layer, one direction and no noise are turned round, not {layer}")
        self.layer, self.aligned = layer, aligned

    @property
    def output_size(self) -> int:
        """Features of the output."""
        return self.layer.output_size

    def forward(
        self,
        x: Float[Tensor, "_ _ M"],
        state: Tensor | tuple[Tensor, ...] | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Output, States]:
        """Run over a batch of sequences.

        Args:
            x: the input, [T, B, M], or [B, T, M] if the layer is ``batch_first``.
            state: the state before the last step, [1, B, N]; a tuple of them where the cell has
                several; the layer's own where None.
            lengths: the steps of each row, [B], in any order; past them the output is zero.

        Returns:
            The outputs, [T, B, N] (or [B, T, N]), and the state after the first step.

        Raises:
            ShapeError: the input, the state or the lengths do not fit.
        """
        layer = self.layer
        check_features(x, layer.input_size)
        x = x.transpose(0, 1) if layer.batch_first else x
        steps, rows = x.shape[:2]
        found = check_lengths(lengths, rows=rows, steps=steps)
        before = tuple(each[0] for each in layer._start(state, x))
        weights = layer.weights()[0][0]
        run = scan(layer.program, x, weights, before, lengths=found, reverse=True)
        outputs = run.outputs if self.aligned else _turned(run.outputs, found)
        last = tuple(each[None] for each in run.states)
        outputs = outputs.transpose(0, 1) if layer.batch_first else outputs
        return outputs, last[0] if len(last) == 1 else last

    def extra_repr(self) -> str:
        """Describe the layer in its printed form.

        Returns:
            What differs from the defaults.
        """
        return "" if self.aligned else "aligned=False"


def _turned(outputs: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn each row round within its own steps."""
    if lengths is None:
        return outputs.flip(0)
    time = torch.arange(len(outputs), device=outputs.device)[:, None]
    last = lengths.to(outputs.device) - 1
    order = torch.where(time <= last, last - time, time)
    return outputs.gather(0, order[..., None].expand_as(outputs))
