"""RNN, LSTM and GRU as torch.nn has them, over our own scan.

They are torch.nn's classes with another ``forward``: constructor, initialisation, parameters and
state_dict are torch's own, so a checkpoint moves both ways and ``isinstance`` stays true.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from headgate.equations import equation
from headgate.errors import ShapeError
from headgate.layers.checks import check_lengths
from headgate.layers.stack import Stack, Weights
from headgate.program import Program
from headgate.program import trace as trace_equation
from headgate.program.graph import constant

_CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "GRU": ("gru", {}),
    "LSTM": ("lstm", {}),
    "RNN_RELU": ("rnn", {"activation": "relu"}),
    "RNN_TANH": ("rnn", {}),
}


_PROGRAMS: dict[tuple[str, bool, int], Program] = {}


def _program(mode: str, bias: bool, projection: int) -> Program:
    _trace(mode, bias, projection)
    return _PROGRAMS[mode, bias, projection]


@constant
def _trace(mode: str, bias: bool, projection: int) -> bool:
    """Trace a cell where it is not known yet."""
    if (mode, bias, projection) not in _PROGRAMS:
        cell, options = _CELLS[mode]
        options = options | ({"projection": projection} if projection else {})
        _PROGRAMS[mode, bias, projection] = trace_equation(equation(cell, **options), bias=bias)
    return True


class _Twin(nn.RNNBase):
    """The forward that the three share."""

    def forward(  # type: ignore[override]
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | tuple[Tensor, ...] | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        trace: bool = False,
        checkpoint: bool = False,
    ) -> Any:
        """Run the layers as torch.nn does.

        Args:
            input: [T, B, M]; [B, T, M] if ``batch_first``; [T, M] for one sequence; or packed.
            hx: the state before the first step, [layers · directions, B, N], for an LSTM (h, c);
                zeros where None.
            lengths: the steps of each row, [B], in any order; past them the output is zero.
            trace: also give every gate and state at every step.
            checkpoint: keep √T of the states for the gradient and compute the others again.

        Returns:
            The output and the last state, as torch.nn; and if asked for the trace, for each
            name [layers · directions, T, B, N], the axes of T and B as in the input.

        Raises:
            ShapeError: lengths were given for a packed or a single sequence, or do not fit.
        """
        if lengths is not None and (isinstance(input, PackedSequence) or input.dim() == 2):
            raise ShapeError("lengths go with a padded batch; a packed sequence has its own")
        states = None if hx is None else (hx,) if isinstance(hx, Tensor) else tuple(hx)
        if isinstance(input, PackedSequence):
            return self._packed(input, states, trace=trace, checkpoint=checkpoint)
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D instead"
            )
        if input.dim() == 2:
            return self._single(input, states, trace=trace, checkpoint=checkpoint)
        x = input.transpose(0, 1) if self.batch_first else input
        found = check_lengths(lengths, rows=x.shape[1], steps=x.shape[0])
        y, states, kept = self._run(x, states, lengths=found, trace=trace, checkpoint=checkpoint)
        if self.batch_first:
            y = y.transpose(0, 1)
            kept = {name: value.transpose(1, 2) for name, value in kept.items()}
        return (y, _hidden(states), kept) if trace else (y, _hidden(states))

    def _single(
        self, x: Tensor, states: tuple[Tensor, ...] | None, *, trace: bool, checkpoint: bool
    ) -> Any:
        if states is not None:
            for state in states:
                if state.dim() != 2:
                    raise RuntimeError(
                        f"For unbatched 2-D input, hx should also be 2-D but got {state.dim()}-D"
                    )
            states = tuple(state[:, None] for state in states)
        y, last, kept = self._run(
            x[:, None], states, lengths=None, trace=trace, checkpoint=checkpoint
        )
        hidden = _hidden(tuple(state[:, 0] for state in last))
        kept = {name: value[:, :, 0] for name, value in kept.items()}
        return (y[:, 0], hidden, kept) if trace else (y[:, 0], hidden)

    def _packed(
        self,
        packed: PackedSequence,
        states: tuple[Tensor, ...] | None,
        *,
        trace: bool,
        checkpoint: bool,
    ) -> Any:
        x, lengths = pad_packed_sequence(packed)
        y, last, kept = self._run(x, states, lengths=lengths, trace=trace, checkpoint=checkpoint)
        if packed.sorted_indices is not None:
            y, lengths = y[:, packed.sorted_indices], lengths[packed.sorted_indices.cpu()]
        data = pack_padded_sequence(y, lengths).data
        output = PackedSequence(
            data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices
        )
        return (output, _hidden(last), kept) if trace else (output, _hidden(last))

    def _run(
        self,
        x: Tensor,
        states: tuple[Tensor, ...] | None,
        *,
        lengths: Tensor | None,
        trace: bool,
        checkpoint: bool,
    ) -> tuple[Tensor, tuple[Tensor, ...], dict[str, Tensor]]:
        shaped = x.transpose(0, 1) if self.batch_first else x
        given = self._zeros(x) if states is None else states
        # torch's own checks, so that a wrong shape has torch's own message
        self.check_forward_args(shaped, _hidden(given), None)  # type: ignore[arg-type]
        if not x.shape[0]:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        stack = Stack(self.program, self.dropout if self.training else 0.0)
        run = stack.run(
            x, self.weights(), given, lengths=lengths, trace=trace, checkpoint=checkpoint
        )
        return run.outputs, run.states, run.trace or {}

    def _zeros(self, x: Tensor) -> tuple[Tensor, ...]:
        depth = self.num_layers * (1 + self.bidirectional)
        return tuple(x.new_zeros(depth, x.shape[1], size) for size in self.state_sizes())

    def state_sizes(self) -> list[int]:
        """Give the units of each state.

        Returns:
            The sizes, in the order of the states.
        """
        sizes = [self.proj_size or self.hidden_size, self.hidden_size]
        return sizes[: len(self.program.states)]

    @property
    def program(self) -> Program:
        """The cell."""
        return _program(self.mode, self.bias, self.proj_size)

    def weights(self) -> list[list[Weights]]:
        """Give the parameters as a stack takes them.

        Returns:
            For each layer, for each direction, the parameters by the program's names.
        """
        ends = ["", "_reverse"] if self.bidirectional else [""]
        return [
            [self._direction(f"_l{layer}{end}") for end in ends] for layer in range(self.num_layers)
        ]

    def _direction(self, end: str) -> Weights:
        """Give torch's tensors of one layer and direction under the names of the program."""
        weights = {name: getattr(self, name + end) for name in ("weight_ih", "weight_hh")}
        if self.proj_size:
            weights["weight_project"] = getattr(self, f"weight_hr{end}")
        if not self.bias:
            return weights
        inner, outer = getattr(self, f"bias_ih{end}"), getattr(self, f"bias_hh{end}")
        if self.mode != "GRU":
            return weights | {"bias": inner + outer}
        # the candidate's recurrent bias stands inside the reset gate's product
        gates = 2 * self.hidden_size
        folded = torch.cat([inner[:gates] + outer[:gates], inner[gates:]])
        return weights | {"bias": folded, "bias_candidate": outer[gates:]}


def _hidden(states: tuple[Tensor, ...]) -> Any:
    return states[0] if len(states) == 1 else states


class RNN(_Twin, nn.RNN):
    """torch.nn.RNN, with lengths and a trace.

    Takes what torch.nn.RNN takes; ``forward`` also takes ``lengths`` and ``trace``.

    Example:
        >>> y, h = RNN(5, 7)(torch.zeros(3, 2, 5), lengths=[3, 1])
    """


class LSTM(_Twin, nn.LSTM):
    """torch.nn.LSTM, with lengths and a trace.

    Takes what torch.nn.LSTM takes; ``forward`` also takes ``lengths`` and ``trace``.

    Example:
        >>> y, (h, c), trace = LSTM(5, 7)(torch.zeros(3, 2, 5), trace=True)
        >>> trace["forget"].shape
        torch.Size([1, 3, 2, 7])
    """


class GRU(_Twin, nn.GRU):
    """torch.nn.GRU, with lengths and a trace.

    Takes what torch.nn.GRU takes; ``forward`` also takes ``lengths`` and ``trace``.

    Example:
        >>> y, h = GRU(5, 7)(torch.zeros(3, 2, 5), lengths=[3, 1])
    """


TWINS: dict[type[nn.RNNBase], type[_Twin]] = {nn.GRU: GRU, nn.LSTM: LSTM, nn.RNN: RNN}


def accelerate(module: nn.Module) -> nn.Module:
    """Turn every torch.nn RNN, LSTM and GRU in a model into its twin, in place.

    Only the class changes: parameters, buffers, hooks and the module object stay what they are. A
    subclass of torch.nn's layers is left alone, since its ``forward`` is its own.

    Args:
        module: the model.

    Returns:
        The same model.
    """
    for part in module.modules():
        if type(part) in TWINS:
            part.__class__ = TWINS[type(part)]  # type: ignore[index]
    return module
