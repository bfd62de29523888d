"""Programs that nobody wrote: random steps under random modifiers, natively as by the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.equations import Equation
from headgate.equations.notation import named, normalize
from headgate.kernels import cpu, native, scan, using
from headgate.program import Node, Program, modifiers, parameters, shape_of, size_of, trace
from headgate.program.graph import GIVEN
from headgate.program.portable import from_text, to_text
from headgate.program.sizes import widths

pytestmark = pytest.mark.skipif(not native.available, reason="the native part is not built")

M = 3
WIDE = "hidden"
UNITS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40]  # panels have 8 or 16
UNARY = [torch.tanh, torch.sigmoid, torch.sin, torch.abs, torch.square, lambda v: -v, lambda v: 1 - v]


@dataclass
class _Step:
    """A random step of three states, of which one or two may have a width of their own."""

    chance: Random
    sizes: dict[str, int]
    x: Any = None
    W: Any = None
    b: Any = None
    p: Any = None
    values: dict[str, list[Any]] = field(default_factory=dict)
    operands: dict[str, str] = field(default_factory=dict)
    named: int = 0

    def __call__(self, x: Any, W: Any, b: Any, p: Any, h: Any, s: Any, c: Any) -> Any:
        self.x, self.W, self.b, self.p = x, W, b, p
        home = self.chance.choice([WIDE, *self.sizes])
        of = {"h": WIDE, "s": self.chance.choice([WIDE, *self.sizes]), "c": home}
        self.values = {width: [] for width in (WIDE, *self.sizes)}
        for width, state in zip(of.values(), (h, s, c), strict=True):
            self.values[width].append(state)
        self.values[WIDE].append(torch.tanh(x.a + W.a(h)))
        self.operands["a"] = WIDE
        for width in self.sizes:
            self.values[width].append(getattr(x, width))
        for _ in range(self.chance.randint(3, 10)):
            width = self.chance.choice([*self.values])
            self.values[width].append(self._named(self._value(width)))
        states = dict(zip(of, (h, s, c), strict=True))
        return tuple(self._result(of[state], before) for state, before in states.items())

    def _result(self, width: str, before: Any) -> Any:
        kind = self.chance.randrange(6)
        if kind == 0:
            return before * 0.5 if self.chance.random() < 0.5 else before + 0 * self._pick(width)
        new = self._pick(width)
        return torch.tanh(new) if kind < 5 else normalize(new)

    def _pick(self, width: str) -> Any:
        # the last ones oftener, so that the graph is deep
        values = self.values[width]
        return values[max(self.chance.randrange(len(values)) for _ in range(2))]

    def _named(self, value: Any) -> Any:
        if self.chance.random() < 0.25:
            self.named += 1
            return named(f"value{self.named}", value)
        return value

    def _value(self, width: str) -> Any:
        kind, left, right = self.chance.randrange(10), self._pick(width), self._pick(width)
        if kind < 3:
            return normalize(left)
        if kind < 5:
            return torch.tanh(self._matmul(width))
        if kind == 5:
            return self.chance.choice(UNARY)(torch.tanh(left))
        if kind == 6:
            block = width if width != WIDE else self.chance.choice("abde")
            return getattr(self.b if self.chance.random() < 0.3 else self.x, block) + left
        if kind == 7:
            # a name for each width: a vector has one
            return getattr(self.p, f"v_{width}") * left
        return torch.tanh(left) * torch.tanh(right) if kind == 8 else (left - right) * 0.5

    def _matmul(self, width: str) -> Any:
        blocks = [width] if width != WIDE else list("abde")
        block = self.chance.choice(blocks)
        source = self.operands.setdefault(block, self.chance.choice([*self.values]))
        return getattr(self.W, block)(self._pick(source))


def _modified(program: Program, chance: Random) -> Program:
    rates = {state: chance.choice([0.0, 0.3, 1.0]) for state in program.states}
    changes = [
        modifiers.layer_norm,
        modifiers.recurrent_dropout,
        lambda p: modifiers.zoneout(p, rates, training=chance.random() < 0.8),
        lambda p: modifiers.resets(p, learned=chance.random() < 0.5),
    ]
    for change in chance.sample(changes, chance.choice([0, 0, 1, 2, 2, 3, 4])):
        program = change(program)
    return program


@dataclass
class _Problem:
    """A random program with everything that a run of it needs."""

    program: Program
    leaves: dict[str, Tensor]
    given: dict[str, Tensor]
    lengths: Tensor
    reverse: bool
    trace: bool
    seed: int

    @staticmethod
    def of(seed: int) -> _Problem:
        chance = Random(seed)
        torch.manual_seed(seed)
        hidden, own = chance.choice(UNITS), chance.sample(["u", "v"], chance.randrange(3))
        step = _Step(chance, {width: chance.choice(UNITS) for width in own})
        program = _modified(trace(Equation(step, sizes=step.sizes), bias=chance.random() < 0.8), chance)
        steps, rows = chance.randint(1, 5), chance.randint(1, 7)
        sizes = {"input_size": M, "hidden_size": hidden}
        leaves = {"x": _draw(steps, rows, M)}
        for state, result in zip(program.states, program.results, strict=True):
            size = size_of(program, widths(program)[result], **sizes)
            leaves[f"state {state}"] = _draw(rows, size)
        for name, parameter in parameters(program).items():
            shape = shape_of(program, parameter, **sizes)
            leaves[name] = _draw(*shape) * 0.7 / shape[-1] ** 0.5
        given = {
            f"{node.op}.{node.block}": _given(
                node.op, steps, rows, 1 if node.op == "mark" else size_of(program, widths(program)[node], **sizes)
            )
            for node in program.nodes
            if node.op in GIVEN
        }
        lengths = torch.tensor([chance.randint(0, steps) for _ in range(rows)])
        return _Problem(
            program, leaves, given, lengths, chance.random() < 0.5, chance.random() < 0.5, seed
        )

    def run(self, *, grad: bool = True, checkpoint: bool = False, dense: bool = False) -> dict[str, Tensor]:
        """Every value that a run gives, and, if wanted, every gradient."""
        leaves = {name: leaf.clone().requires_grad_(grad) for name, leaf in self.leaves.items()}
        x, *others = leaves.values()
        count = len(self.program.states)
        weights = dict(zip([*leaves][1 + count :], others[count:], strict=True))
        found = scan(
            self.program,
            x,
            weights,
            tuple(others[:count]),
            lengths=None if dense else self.lengths,
            reverse=self.reverse,
            trace=self.trace,
            checkpoint=checkpoint,
            given=self.given,
        )
        results = {"outputs": found.outputs} | {
            f"last {state}": last for state, last in zip(self.program.states, found.states, strict=True)
        }
        results |= {f"trace {name}": value for name, value in (found.trace or {}).items()}
        if not grad:
            return results
        torch.manual_seed(self.seed + 1)
        loss = sum(((r * torch.randn_like(r)).sum() for r in results.values()), torch.zeros(()))
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
        return {n: r.detach() for n, r in results.items()} | {
            f"d {name}": d for name, d in zip(leaves, found, strict=True)
        }


def _draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def _given(kind: str, steps: int, rows: int, units: int) -> Tensor:
    drawn = torch.rand(rows, units) if kind == "mask" else torch.rand(steps, rows, units)
    return (drawn < 0.6).double() * (1.0 if kind == "noise" else 1.5 if kind == "mask" else 1.0)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check(seed: int) -> None:
    problem = _Problem.of(seed)
    for dense in (False, True):
        with using("reference"):
            expected = problem.run(dense=dense)
        found = problem.run(dense=dense)
        assert_equal(found, expected, "gradient")
        again = problem.run(dense=dense, checkpoint=True)
        assert_equal(again, found, "gradient")
        for threads in (2, 3):
            with _threads(threads):
                more = problem.run(dense=dense)
            values = [name for name in found if not name.startswith("d ") or name == "d x" or " state " in name]
            assert_equal([more[n] for n in values], [found[n] for n in values], "bits")
        plain = problem.run(dense=dense, grad=False)
        assert_equal(plain, {n: found[n] for n in plain}, "bits")


@pytest.mark.parametrize("seed", range(40))
def test_random(seed: int) -> None:
    check(seed)
