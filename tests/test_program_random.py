"""Programs that nobody wrote: random steps under random modifiers, natively as by the reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.equations import Equation
from headgate.equations.notation import named, normalize
from headgate.kernels import cpu, native, scan, using
from headgate.program import (
    Program,
    modifiers,
    parameters,
    shape_of,
    size_of,
    state_widths,
    trace,
)
from headgate.program.graph import GIVEN, ROW
from headgate.program.plan import supports
from headgate.program.sizes import widths

pytestmark = pytest.mark.skipif(not native.available, reason="the native part is not built")

Values = dict[str, Tensor]
SEEDS = range(60)
M = 3
WIDE = "hidden"
UNITS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40]  # panels have 8 or 16
UNARY = [torch.tanh, torch.sigmoid, torch.sin, torch.abs, torch.square]
UNARY += [lambda v: -v, lambda v: 1 - v]


@dataclass
class _Step:
    """A random step of three states, of which two may have a width of their own."""

    chance: Random
    sizes: dict[str, int]
    x: Any = None
    W: Any = None
    b: Any = None
    p: Any = None
    values: dict[str, list[Any]] = field(default_factory=dict)
    operands: dict[str, str] = field(default_factory=dict)
    count: int = 0  # of named values

    def __call__(self, x: Any, W: Any, b: Any, p: Any, h: Any, s: Any, c: Any) -> Any:
        self.x, self.W, self.b, self.p = x, W, b, p
        self.values = {width: [self._input(width)] for width in (WIDE, *self.sizes)}
        states = [(h, WIDE), *((v, self.chance.choice([*self.values])) for v in (s, c))]
        for state, width in states:
            self.values[width].append(state)
        self.operands["a"] = WIDE
        self.values[WIDE].append(torch.tanh(x.a + W.a(h)))
        for _ in range(self.chance.randint(3, 10)):
            width = self.chance.choice([*self.values])
            self.values[width].append(self._named(self._value(width)))
        return tuple(self._result(state, width) for state, width in states)

    def _input(self, width: str) -> Any:
        return self.x.a if width == WIDE else getattr(self.x, width)

    def _result(self, before: Any, width: str) -> Any:
        """A new value that is as wide as it says, which an idle state alone would not tell."""
        kind, new = self.chance.randrange(6), self._pick(width)
        told = 0.1 * self._input(width)
        if kind == 0:
            return before * 0.5 + told
        if kind == 1:
            return self._input(width)
        return (torch.tanh(new) if kind < 5 else normalize(new)) + told

    def _pick(self, width: str) -> Any:
        # the last ones oftener, so that the graph is deep
        values = self.values[width]
        return values[max(self.chance.randrange(len(values)) for _ in range(2))]

    def _named(self, value: Any) -> Any:
        if self.chance.random() < 0.25:
            self.count += 1
            return named(f"value{self.count}", value)
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
    leaves: Values
    given: Values
    lengths: Tensor
    reverse: bool
    trace: bool
    seed: int

    @staticmethod
    def of(seed: int) -> _Problem:
        chance = Random(seed)
        torch.manual_seed(seed)
        hidden, own = chance.choice(UNITS), chance.sample(["u", "v"], chance.randrange(3))
        sizes = {width: chance.choice(UNITS) for width in own}

        def run(x: Any, W: Any, b: Any, p: Any, h: Any, s: Any, c: Any) -> Any:
            return _Step(Random(seed), sizes)(x, W, b, p, h, s, c)

        program = _modified(trace(Equation(run, sizes=sizes), bias=chance.random() < 0.8), chance)
        steps, rows = chance.randint(1, 5), chance.randint(1, 7)
        units = {"input_size": M, "hidden_size": hidden}
        leaves = {"x": _draw(steps, rows, M)}
        for state, width in zip(program.states, state_widths(program), strict=True):
            leaves[f"state {state}"] = _draw(rows, size_of(program, width, **units))
        for name, parameter in parameters(program).items():
            shape = shape_of(program, parameter, **units)
            leaves[name] = _draw(*shape) * 0.7 / shape[-1] ** 0.5
        size = {n: size_of(program, w, **units) for n, w in widths(program).items() if w != ROW}
        given = {
            f"{node.op}.{node.block}": _given(node.op, steps, rows, size.get(node, 1))
            for node in program.nodes
            if node.op in GIVEN
        }
        lengths = torch.tensor([chance.randint(0, steps) for _ in range(rows)])
        return _Problem(
            program, leaves, given, lengths, chance.random() < 0.5, chance.random() < 0.5, seed
        )

    def row(self, row: int) -> _Problem:
        """One row alone."""
        place = slice(row, row + 1)
        leaves = {
            n: v[:, place] if n == "x" else v[place] if n.startswith("state ") else v
            for n, v in self.leaves.items()
        }
        given = {
            n: v[place] if n.startswith("mask") else v[:, place] for n, v in self.given.items()
        }
        return replace(self, leaves=leaves, given=given, lengths=self.lengths[place])

    def run(self, *, grad: bool = True, checkpoint: bool = False, dense: bool = False) -> Values:
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
        results = {"outputs": found.outputs}
        results |= {f"last {n}": v for n, v in zip(self.program.states, found.states, strict=True)}
        results |= {f"trace {name}": value for name, value in (found.trace or {}).items()}
        return results | (self._gradients(leaves, results) if grad else {})

    def _gradients(self, leaves: Values, results: Values) -> Values:
        torch.manual_seed(self.seed)
        loss = sum(((r * torch.randn_like(r)).sum() for r in results.values()), torch.zeros(()))
        sources = list(leaves.values())
        found = torch.autograd.grad(loss, sources, allow_unused=True, materialize_grads=True)
        return {f"d {name}": d for name, d in zip(leaves, found, strict=True)}


def _draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def _given(kind: str, steps: int, rows: int, units: int) -> Tensor:
    shape = (rows, units) if kind == "mask" else (steps, rows, units)
    drawn = (torch.rand(shape) < 0.6).double()
    return drawn * 1.5 if kind == "mask" else drawn


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _same_for_every_count_of_threads(problem: _Problem, found: Values, *, dense: bool) -> None:
    own = [n for n in found if not n.startswith("d ") or n == "d x" or n.startswith("d state")]
    for threads in (2, 3):
        with _threads(threads):
            more = problem.run(dense=dense)
        assert_equal([more[name] for name in own], [found[name] for name in own], "bits")


def check(seed: int) -> None:
    """Compare a random program's runs: by the reference, from checkpoints, by rows, by threads."""
    problem = _Problem.of(seed)
    assert cpu.serves(problem.program, *problem.leaves.values()) == supports(problem.program)
    if not supports(problem.program):
        return
    plain: Values = {}
    for dense in (False, True):
        with using("reference"):
            expected = problem.run(dense=dense)
        found = problem.run(dense=dense)
        assert_equal(found, expected, "gradient")
        assert_equal(problem.run(dense=dense, checkpoint=True), found, "gradient")
        _same_for_every_count_of_threads(problem, found, dense=dense)
        plain = problem.run(dense=dense, grad=False)
        assert_equal(plain, {name: found[name] for name in plain}, "bits")
    for row in range(len(problem.lengths)):
        place = slice(row, row + 1)
        alone = problem.row(row).run(dense=True, grad=False)
        batch = {n: v[place] if n.startswith("last") else v[:, place] for n, v in plain.items()}
        assert_equal(alone, batch, "bits")


def test_the_random_programs_differ_and_most_are_native() -> None:
    programs = [_Problem.of(seed).program for seed in SEEDS]
    operations = {node.op for program in programs for node in program.nodes}
    assert operations >= {"normalize", "matmul", "vector", "masked", *GIVEN}
    assert sum(supports(program) for program in programs) > 0.8 * len(programs)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_program_runs_natively_as_by_the_reference(seed: int) -> None:
    check(seed)
