"""The cells of other libraries, whose gates may pass another function than the sigmoid.

One that is a cell of ours goes by its name, so that every kernel and writer knows it. Any other is
a program without a Python function, so that a layer of it can be copied and saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headgate.equations import equation
from headgate.equations.activations import Activation, lookup
from headgate.equations.notation import Equation, named
from headgate.export.functions import Function
from headgate.program import Program, trace
from headgate.program.portable import from_text, to_text


@dataclass(frozen=True)
class Cell:
    """An LSTM, GRU or RNN as another library writes it.

    Args:
        kind: "lstm", "gru" or "rnn".
        activation: of an LSTM's cell as it leaves, of a GRU's candidate, of an RNN's state.
        candidate: of an LSTM's candidate.
        gates: of every gate.
        peephole: an LSTM's gates also see the cell.
        coupled: an LSTM's forget gate is 1 - i.
        reset: of a GRU, "after" the recurrent product or "before" it.
    """

    kind: str
    activation: Function = "tanh"
    candidate: Function = "tanh"
    gates: Function = "sigmoid"
    peephole: bool = False
    coupled: bool = False
    reset: str = "after"

    @property
    def known(self) -> bool:
        """Whether it is a cell of ours."""
        written = not (isinstance(self.activation, str) and isinstance(self.candidate, str))
        return not written and (self.kind == "rnn" or self.gates == "sigmoid")

    def options(self) -> dict[str, Any]:
        """Give the options of our cell.

        Returns:
            What ``Recurrent`` takes beside the cell's name.
        """
        if self.kind == "lstm":
            own = {"candidate": self.candidate, "peephole": self.peephole, "coupled": self.coupled}
            return {"activation": self.activation} | own
        own = {"reset": self.reset} if self.kind == "gru" else {}
        return {"activation": self.activation} | own

    def program(self, *, biased: bool) -> Program:
        """Trace the cell.

        Args:
            biased: whether the blocks have biases.

        Returns:
            The program.
        """
        if self.known:
            return trace(equation(self.kind, **self.options()), bias=biased)
        free = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}[self.kind](self)
        return from_text(to_text(trace(free, bias=biased)))


def _peephole(a: Any, p: Any, c: Any) -> Any:
    return a + p * c


def _blind(a: Any, p: Any, c: Any) -> Any:
    return a


def _own_gate(i: Any, a: Any, gate: Activation) -> Any:
    return gate(a)


def _coupled(i: Any, a: Any, gate: Activation) -> Any:
    return 1 - i


def _lstm(cell: Cell) -> Equation:
    φ, κ, gate = lookup(cell.activation), lookup(cell.candidate), lookup(cell.gates)
    see = _peephole if cell.peephole else _blind
    forgetting = _coupled if cell.coupled else _own_gate

    def step(x, W, p, h, c):
        i = named("input", gate(see(x.input + W.input(h), p.input, c)))
        f = named("forget", forgetting(i, see(x.forget + W.forget(h), p.forget, c), gate))
        g = named("candidate", κ(x.candidate + W.candidate(h)))
        c = f * c + i * g
        o = named("output", gate(see(x.output + W.output(h), p.output, c)))
        return o * φ(c), c

    return Equation(step, layout=("input", "forget", "candidate", "output"))


def _reset_after(W: Any, b: Any, r: Any, h: Any) -> Any:
    return r * (W.candidate(h) + b.candidate)


def _reset_before(W: Any, b: Any, r: Any, h: Any) -> Any:
    return W.candidate(r * h)


def _gru(cell: Cell) -> Equation:
    φ, gate = lookup(cell.activation), lookup(cell.gates)
    remembered = {"after": _reset_after, "before": _reset_before}[cell.reset]

    def step(x, W, b, h):
        r = named("reset", gate(x.reset + W.reset(h)))
        u = named("update", gate(x.update + W.update(h)))
        g = named("candidate", φ(x.candidate + remembered(W, b, r, h)))
        return u * h + (1 - u) * g

    return Equation(step, layout=("reset", "update", "candidate"))


def _rnn(cell: Cell) -> Equation:
    φ = lookup(cell.activation)

    def step(x, W, h):
        return φ(x.hidden + W.hidden(h))

    return Equation(step)
