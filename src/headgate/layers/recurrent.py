"""Any cell as a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headgate.equations import Equation
from headgate.errors import UnknownNameError
from headgate.layers.checks import (
    check_features,
    check_lengths,
    check_positive,
    check_probability,
    check_states,
)
from headgate.layers.noise import Noise, check_resets, marks
from headgate.layers.programs import layer_normed, modified, traced
from headgate.layers.stack import Stack, Weights
from headgate.program import (
    Program,
    names_of,
    parameters,
    shape_of,
    size_of,
    split,
    state_widths,
)
from headgate.program.graph import constant
from headgate.program.own import Own
from headgate.program.portable import rebuilt

Output = Float[Tensor, "_ _ N"]
States = Float[Tensor, "_ _ _"] | tuple[Float[Tensor, "_ _ _"], ...]
INITIAL = ("learned", "random", "zeros")
_BUILT = ("cell", "program", "_programs", "_traced")  # from the recipe


class Recurrent(nn.Module):
    """A stack of any cell, in one or both directions.

    A parameter is named after its layer and direction, as in torch.nn: ``weight_hh_l0``,
    ``weight_hh_l0_reverse``; `parameters` of the program lists the names. Each block's input
    weights start as Glorot and Bengio (2010) draw them, its recurrent weights orthogonal (Saxe
    2014), its bias zero, or one where the cell says so, as for a forget gate (Jozefowicz 2015).

    Args:
        cell: a key of ``CELLS``, an equation, or a program.
        input_size: features M of a step.
        hidden_size: units N of the state.
        num_layers: layers, each fed by the one below.
        bidirectional: run each layer in both directions; the outputs stand side by side.
        bias: whether the blocks have biases.
        batch_first: input and output are [B, T, …] in place of [T, B, …].
        dropout: the probability that a unit between two layers is dropped in training.
        residual: from the second layer on, a layer adds its input to its output.
        initial_state: "zeros", "learned", or "random": normal in training, zero in evaluation.
        layer_norm: normalize what comes out of the matrices, before the gates, and a state that
            leaves through an activation (Ba 2016).
        zoneout: the probability that a unit keeps its old value for a step, of every state or by
            the state's name (Krueger 2017); in evaluation the mean of both values.
        recurrent_dropout: the probability that a unit of a state is hidden from the recurrent
            matrices, the same units at all steps of a sequence (Gal 2016).
        **options: the cell's own, such as ``reset="before"``.

    Raises:
        UnknownNameError: the cell, its option, the kind of initial state or the state of a
            zoneout is not known.
        ShapeError: a size is not positive.

    Example:
        >>> rnn = Recurrent("gru", 5, 7, reset="before", num_layers=2)
        >>> outputs, h = rnn(torch.zeros(3, 2, 5), lengths=[3, 1])
        >>> outputs.shape, h.shape
        (torch.Size([3, 2, 7]), torch.Size([2, 2, 7]))
    """

    def __init__(  # noqa: PLR0913 - the names of torch.nn's own layers
        self,
        cell: str | Equation | Program,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        residual: bool = False,
        initial_state: str = "zeros",
        layer_norm: bool = False,
        zoneout: float | Mapping[str, float] = 0.0,
        recurrent_dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        check_positive(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        check_probability(dropout=dropout, recurrent_dropout=recurrent_dropout)
        if initial_state not in INITIAL:
            raise UnknownNameError("initial_state", initial_state, INITIAL)
        self._recipe = (cell, options, bias, layer_norm)
        self._build()
        if isinstance(self.cell, Own):
            # its name may mean another cell by the time that this one is copied
            self._recipe = (self.cell, {}, bias, layer_norm)
        self.noise = Noise.of(self.program, zoneout=zoneout, recurrent_dropout=recurrent_dropout)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.batch_first, self.dropout = bidirectional, batch_first, dropout
        self.residual, self.initial_state = residual, initial_state
        self._register()
        self.reset_parameters()

    def _build(self) -> None:
        cell, options, bias, layer_norm = self._recipe
        self._traced = traced(cell, options, bias=bias)
        self.cell = self._traced.equation
        self.program = layer_normed(self._traced) if layer_norm else self._traced
        self._programs: dict[tuple[bool, ...], Program] = {}

    def __getstate__(self) -> dict[str, Any]:
        # a cell of ours is a closure, which does not pickle: what it was made from does
        return {name: value for name, value in self.__dict__.items() if name not in _BUILT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._build()

    @property
    def output_size(self) -> int:
        """Features of the output: the first state's units, for both directions."""
        return self.state_sizes()[0] * (1 + self.bidirectional)

    def forward(
        self,
        x: Float[Tensor, "_ _ M"],
        state: Tensor | tuple[Tensor, ...] | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
        trace: bool = False,
        checkpoint: bool = False,
    ) -> tuple[Output, States] | tuple[Output, States, dict[str, Tensor]]:
        """Run the layers over a batch of sequences.

        Args:
            x: the input, [T, B, M], or [B, T, M] if ``batch_first``.
            state: the state before the first step, [layers · directions, B, N]; a tuple of them
                where the cell has several; as ``initial_state`` says where None.
            lengths: the steps of each row, [B], in any order; past them the output is zero.
            resets: the steps before which a row begins anew, as if a sequence began there, from a
                learned state or from zero: true or false, [T, B], or [B, T] if ``batch_first``.
            trace: also give every gate and state at every step.
            checkpoint: keep √T of the states for the gradient and compute the others again: a
                third more time, and memory that grows with √T. On a CPU alone.

        Returns:
            The outputs, [T, B, N · directions] (or [B, T, …]); the state after each row's last
            step; and, if asked for, the trace: for each name [layers · directions, T, B, N]
            (or [layers · directions, B, T, N]).

        Raises:
            ShapeError: the input, the state, the lengths or the resets do not fit.
        """
        check_features(x, self.input_size)
        x = x.transpose(0, 1) if self.batch_first else x
        steps, rows = x.shape[:2]
        lengths = check_lengths(lengths, rows=rows, steps=steps)
        if resets is not None:
            resets = check_resets(resets, lengths, x.shape[:2], batch_first=self.batch_first)
        program = self._program(resets=resets is not None)
        run = Stack(program, self.dropout if self.training else 0.0, self.residual).run(
            x,
            self._weights(program),
            self._start(state, x),
            self._given(program, x, resets),
            lengths=lengths,
            trace=trace,
            checkpoint=checkpoint,
        )
        last = run.states[0] if len(run.states) == 1 else run.states
        outputs = run.outputs.transpose(0, 1) if self.batch_first else run.outputs
        if run.trace is None:
            return outputs, last
        order = (0, 2, 1, 3) if self.batch_first else (0, 1, 2, 3)
        return outputs, last, {name: value.permute(order) for name, value in run.trace.items()}

    def weights(self) -> list[list[Weights]]:
        """Give the parameters as a stack takes them.

        Returns:
            For each layer, for each direction, the parameters by name.
        """
        return self._weights(self.program)

    def _weights(self, program: Program) -> list[list[Weights]]:
        names, place, found = names_of(program), count(), []
        initial = {f"vector_initial_{state}": f"initial_{state}" for state in program.states}
        for suffixes in self._suffixes():
            layer: list[Weights] = []
            for suffix, depth in zip(suffixes, place, strict=False):
                layer.append(
                    {
                        name: getattr(self, initial[name])[depth]
                        if name in initial
                        else getattr(self, name + suffix)
                        for name in names
                    }
                )
            found.append(layer)
        return found

    def _program(self, *, resets: bool) -> Program:
        """The program with the modifiers that change from run to run."""
        _modify(self, resets)
        return self._programs[self.training, resets]

    def _given(
        self, program: Program, x: Tensor, resets: Tensor | None
    ) -> list[list[dict[str, Tensor]]]:
        sizes = dict(zip(program.states, self.state_sizes(), strict=True))
        return [
            [
                self.noise.draw(program, x, sizes) | marks(program, resets, x, reverse=reverse)
                for reverse in range(len(suffixes))
            ]
            for suffixes in self._suffixes()
        ]

    def state_sizes(self) -> list[int]:
        """Give the units of each state.

        Returns:
            The sizes, in the order of the states.
        """
        sizes = {"input_size": self.input_size, "hidden_size": self.hidden_size}
        return [size_of(self.program, width, **sizes) for width in state_widths(self.program)]

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw every parameter anew."""
        for layer in self.weights():
            for direction in layer:
                parts = split(self.program, direction)
                for (kind, block), part in parts.items():
                    # of two biases that add up one is enough
                    second = kind == "bias" and ("input_bias", block) in parts
                    _draw(kind, block, part, {} if second else self.cell.initial)
        for name, parameter in self.named_parameters():
            if name.startswith("initial_"):
                nn.init.zeros_(parameter)

    def extra_repr(self) -> str:
        """Describe the layer in its printed form.

        Returns:
            The sizes, and what differs from the defaults.
        """
        flags = ("bidirectional", "batch_first", "dropout", "residual")
        changed = [f"{flag}={getattr(self, flag)}" for flag in flags if getattr(self, flag)]
        changed += ["layer_norm=True"] * self._recipe[3] + self.noise.changed()
        changed += [f"num_layers={self.num_layers}"] if self.num_layers > 1 else []
        return ", ".join([self._name(), str(self.input_size), str(self.hidden_size), *changed])

    def _name(self) -> str:
        if isinstance(self.cell, Own):
            return self.cell.name
        built = self.cell.step is not rebuilt
        return self.cell.step.__qualname__.split(".")[0] if built else "a program"

    def _suffixes(self) -> list[list[str]]:
        ends = ["", "_reverse"] if self.bidirectional else [""]
        return [[f"_l{layer}{end}" for end in ends] for layer in range(self.num_layers)]

    def _register(self) -> None:
        for layer, suffixes in enumerate(self._suffixes()):
            features = self.output_size if layer else self.input_size
            sizes = {"input_size": features, "hidden_size": self.hidden_size}
            for suffix in suffixes:
                for name, parameter in parameters(self.program).items():
                    shape = shape_of(self.program, parameter, **sizes)
                    self.register_parameter(name + suffix, nn.Parameter(torch.empty(shape)))
        if self.initial_state == "learned":
            depth = self.num_layers * (1 + self.bidirectional)
            for name, size in zip(self.program.states, self.state_sizes(), strict=True):
                self.register_parameter(f"initial_{name}", nn.Parameter(torch.zeros(depth, size)))

    def _start(self, state: Tensor | tuple[Tensor, ...] | None, x: Tensor) -> tuple[Tensor, ...]:
        depth, rows = self.num_layers * (1 + self.bidirectional), x.shape[1]
        shapes = [(depth, rows, size) for size in self.state_sizes()]
        names = self.program.states
        if state is not None:
            given = (state,) if isinstance(state, Tensor) else tuple(state)
            check_states(given, names=names, shapes=shapes)
            return given
        if self.initial_state == "learned":
            learned = (getattr(self, f"initial_{name}") for name in names)
            return tuple(s[:, None].expand(-1, rows, -1) for s in learned)
        if self.initial_state == "random" and self.training:
            return tuple(torch.randn(shape, dtype=x.dtype, device=x.device) for shape in shapes)
        return tuple(x.new_zeros(shape) for shape in shapes)


@constant
def _modify(layer: Recurrent, resets: bool) -> bool:
    """Make a layer's program with the modifiers of a run where it is not known yet."""
    wish = (layer.training, resets)
    if wish not in layer._programs:
        learned = layer.initial_state == "learned"
        layer._programs[wish] = modified(
            layer.program, layer.noise, training=layer.training, resets=resets, learned=learned
        )
    return True


def _draw(kind: str, block: str, part: Tensor, initial: Mapping[str, float]) -> None:
    family, dot, own = block.partition(".")
    if dot:
        # what belongs to a layer norm: its gains, its biases
        start = initial.get(own, 0.0) if family == "bias" else float(not family.endswith("bias"))
        nn.init.constant_(part, start)
    elif kind == "input":
        nn.init.xavier_uniform_(part)
    elif kind == "matmul":
        nn.init.orthogonal_(part)
    elif kind == "vector":
        nn.init.uniform_(part, -(part.numel() ** -0.5), part.numel() ** -0.5)
    else:
        nn.init.constant_(part, initial.get(block, 0.0))
