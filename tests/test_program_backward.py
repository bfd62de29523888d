"""The gradient of a step as a graph is the gradient that torch finds by running the step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from itertools import product
from math import nan
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import B, Case, M, N, draw, every_case
from tests.tolerances import assert_equal
from torch import Tensor
from torch.nn import functional

from headgate.equations import Equation, equation
from headgate.equations.notation import named, normalize
from headgate.errors import CellError
from headgate.program import Node, Program, size_of, trace
from headgate.program.backward import Backward, differentiate
from headgate.program.derivatives import BACKWARD, RULES
from headgate.program.graph import GIVEN, REDUCTIONS
from headgate.program.operations import EVERY, OPERATIONS
from headgate.program.sizes import widths

Values = dict[Node, Tensor]
Weights = Mapping[str, Tensor]
Gradients = dict[str, Tensor | None]


def _rows(program: Program, node: Node) -> int:
    return size_of(program, widths(program)[node], input_size=M, hidden_size=N)


def _leaves(program: Program) -> tuple[Values, dict[str, Tensor]]:
    """Draw a value for each leaf of a step, and the weights of its matmuls."""
    values: Values = {}
    weights: dict[str, Tensor] = {}
    for node in program.nodes:
        if node.op in ("bias", "vector"):
            values[node] = draw(_rows(program, node))
        elif node.op in GIVEN:
            values[node] = (draw(B, _rows(program, node)) > 0).double()
        elif node.op in ("input", "state"):
            values[node] = draw(B, _rows(program, node))
        elif node.op == "matmul" and node.block not in weights:
            weights[node.block] = draw(_rows(program, node), _rows(program, node.operands[0]))
    return values, weights


def _seeds(program: Program, *, traced: bool) -> Values:
    """Draw the gradient of each result, and of each named value that is none."""
    ends = dict(zip(program.states, program.results, strict=True))
    inner = {n: node for n, node in program.names.items() if node not in program.results}
    ends |= {f"trace.{name}": node for name, node in inner.items()} if traced else {}
    return {Node("seed", block=n): draw(B, _rows(program, node)) for n, node in ends.items()}


def _evaluate(nodes: tuple[Node, ...], leaves: Values, weights: Weights) -> Values:
    """Run a graph, forward or backward, one node after the other."""
    values = dict(leaves)
    for node in nodes:
        if node in values:
            continue
        args = [values[arg] if isinstance(arg, Node) else arg for arg in node.args]
        if node.op == "matmul":
            values[node] = functional.linear(values[node.operands[0]], weights[node.block])
        elif node.op == "transposed":
            pairs = zip(node.operands, node.block.split(","), strict=True)
            values[node] = sum((values[d] @ weights[b] for d, b in pairs), torch.zeros(()))
        else:
            run = EVERY[node.op].run if node.op in EVERY else BACKWARD[node.op]
            values[node] = run(*args)
    return values


def _derived(
    program: Program, backward: Backward, leaves: Values, weights: Weights, seeds: Values
) -> Gradients:
    """The gradient of every leaf and weight from the backward graph; None where it has none."""
    values = _evaluate(backward.nodes, leaves | seeds, weights)
    found: Gradients = dict.fromkeys([*map(_key, leaves), *(f"W {b}" for b in weights)])
    for state, d in zip(program.states, backward.states, strict=True):
        if isinstance(d, Node):
            found[f"state {state}"] = values[d]
    for node, d in backward.results.items():
        if node.op == "input":
            found[_key(node)] = values[d]
        else:
            operand = values[node.operands[0]].expand(B, -1)
            before, dw = found[f"W {node.block}"], values[d].T @ operand
            found[f"W {node.block}"] = dw if before is None else before + dw
    for leaf, d in backward.sums.items():
        found[_key(leaf)] = values[d].sum(0)
    return found


def _key(leaf: Node) -> str:
    return f"{leaf.op} {leaf.block}"


def _expected(program: Program, leaves: Values, weights: Weights, seeds: Values) -> Gradients:
    """The same gradients by torch's autograd."""
    leaves = {node: value.clone().requires_grad_() for node, value in leaves.items()}
    weights = {block: value.clone().requires_grad_() for block, value in weights.items()}
    values = _evaluate(program.nodes, leaves, weights)
    ends = dict(zip(program.states, program.results, strict=True))
    ends |= {f"trace.{name}": node for name, node in program.names.items()}
    outputs = [values[ends[seed.block]].expand(B, -1) for seed in seeds]
    names = [*map(_key, leaves), *(f"W {block}" for block in weights)]
    wanted = [*leaves.values(), *weights.values()]
    found = torch.autograd.grad(outputs, wanted, list(seeds.values()), allow_unused=True)
    return dict(zip(names, found, strict=True))


def _assert_topological(backward: Backward) -> None:
    seen: set[Node] = set()
    for node in backward.nodes:
        assert seen.issuperset(node.operands)
        assert node not in seen
        seen.add(node)


def _check(program: Program, *, traced: bool) -> Backward:
    backward = differentiate(program, traced=traced)
    _assert_topological(backward)
    leaves, weights = _leaves(program)
    seeds = _seeds(program, traced=traced)
    expected = _expected(program, leaves, weights, seeds)
    assert_equal(_derived(program, backward, leaves, weights, seeds), expected, "gradient")
    return backward


@pytest.mark.parametrize("traced", [False, True])
@every_case
def test_the_gradient_of_every_case_is_torchs(case: Case, traced: bool) -> None:
    program = case.program()
    backward = _check(program, traced=traced)
    known = set(program.nodes)
    seeds = {node for node in backward.nodes if node.op == "seed"}
    assert seeds == _seeds(program, traced=traced).keys()
    for found in (backward.results, backward.sums):
        assert list(found) == [node for node in program.nodes if node in found]
    own = EVERY.keys() | BACKWARD.keys() | {"seed", "transposed"}
    assert {node.op for node in backward.nodes if node not in known} <= own


# One operation at a time: kinks, ties, large values, and NaN.

KINKS = [-50.0, -3.0, -1.0, -0.3, 0.0, 0.7, 1.0, 3.0, 50.0, nan]
UNARY = [op for op in OPERATIONS if OPERATIONS[op].arity == 1 and op != "normalize"]
BINARY = [op for op in OPERATIONS if OPERATIONS[op].arity == 2]


def _gradients(step: Callable[..., Any], **inputs: Tensor) -> tuple[Gradients, Gradients]:
    """The derived and the expected gradients of a step at given projections of the input."""
    program = trace(Equation(step))
    leaves = {node: inputs[node.block] for node in program.nodes if node.op == "input"}
    seeds = {Node("seed", block="h"): torch.randn_like(next(iter(inputs.values())))}
    backward = differentiate(program, traced=False)
    values = _evaluate(backward.nodes, leaves | seeds, {})
    found: Gradients = dict.fromkeys(map(_key, leaves))
    found |= {_key(node): values[d] for node, d in backward.results.items()}
    leaves = {node: value.clone().requires_grad_() for node, value in leaves.items()}
    (y,) = (_evaluate(program.nodes, leaves, {})[node] for node in program.results)
    expected = torch.autograd.grad(y, list(leaves.values()), list(seeds.values()))
    return found, dict(zip(map(_key, leaves), expected, strict=True))


def test_every_operation_has_a_rule_and_every_operation_of_a_gradient_has_its_function() -> None:
    # what is normalized together has its rule together: derivatives.normalized
    assert RULES.keys() == EVERY.keys() - {"normalize", *REDUCTIONS}
    assert not BACKWARD.keys() & EVERY.keys()
    used: set[str] = set()
    for op in RULES:
        args = [Node("input", block=b) for b in "ab"[: EVERY[op].arity]]

        def make(op: str, *args: Node | float) -> Node:
            used.add(op)
            return Node(op, args)

        RULES[op](make, Node("seed"), Node(op, tuple(args)))
    assert used >= BACKWARD.keys() - {"normalize_backward"}
    assert used <= BACKWARD.keys() | EVERY.keys()


@pytest.mark.parametrize("op", UNARY)
def test_the_gradient_of_an_operation_is_torchs_at_every_kink(op: str) -> None:
    a = torch.tensor([KINKS, [-0.0, -20.0, 20.5, 88.0, 1e-9, -1e-9, 2.0, -2.0, 0.5, nan]])
    a = a.nan_to_num(0.0) if op in ("elu", "hardtanh") else a
    found, expected = _gradients(lambda x, h: OPERATIONS[op].run(x.a), a=a.double())
    assert_equal(found, expected, "gradient")


def test_where_torch_has_two_answers_for_nan_there_is_one() -> None:
    # one for what fills a vector of the processor, another for the rest
    a = torch.tensor([[nan]], dtype=torch.float64)
    found, _ = _gradients(lambda x, h: functional.elu(x.a), a=a)
    assert_equal(found, {"input a": a}, "bits")
    found, _ = _gradients(lambda x, h: functional.hardtanh(x.a), a=a)
    assert_equal(found, {"input a": torch.zeros_like(a)}, "bits")


@pytest.mark.parametrize("op", BINARY)
def test_the_gradient_of_an_operation_on_two_values_is_torchs_at_every_tie(op: str) -> None:
    pairs = torch.tensor([*product(KINKS, KINKS)], dtype=torch.float64)
    a, b = pairs.T[:, None]
    found, expected = _gradients(lambda x, h: OPERATIONS[op].run(x.a, x.b), a=a, b=b)
    assert_equal(found, expected, "gradient")
    found, expected = _gradients(lambda x, h: OPERATIONS[op].run(x.a, x.a), a=a)
    assert_equal(found, expected, "gradient")


@pytest.mark.parametrize("number", [-1.5, -1, 0.5, 2, 3])
@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "pow"])
def test_the_gradient_of_an_operation_with_a_number_is_torchs(op: str, number: float) -> None:
    run, a = OPERATIONS[op].run, torch.tensor([KINKS], dtype=torch.float64)
    for step in (lambda x, h: run(x.a, number), lambda x, h: run(number, x.a)):
        found, expected = _gradients(step, a=a)
        assert_equal(found, expected, "gradient")


def test_the_gradient_of_a_power_of_zero_is_torchs() -> None:
    found, expected = _gradients(lambda x, h: 0.0**x.a, a=torch.tensor([KINKS]).double())
    assert_equal(found, expected, "gradient")
    assert expected["input a"] is not None
    assert expected["input a"].isinf().any()


def test_the_gradient_of_a_normalized_row_is_torchs() -> None:
    a = torch.stack([draw(5), 50 * draw(5) + 50, torch.ones(5), torch.tensor([nan, *KINKS[:4]])])
    found, expected = _gradients(lambda x, h: normalize(x.a), a=a)
    assert_equal(found, expected, "gradient")


def test_an_operation_keeps_the_dtype_of_its_arguments() -> None:
    values = torch.tensor([KINKS])
    for name, run in BACKWARD.items():
        args = (values,) * len(inspect.signature(run).parameters) if name != "sign" else (values,)
        assert run(*args).dtype == torch.float32


# Structures.


def _exchanged(x, W, h, c):  # each state is the other one, or made of it
    return torch.tanh(x.a + W.a(c)), h


def _twice(x, W, h, c):
    h = torch.tanh(x.a + W.a(h) + c)
    return h, h


def _one_weight_two_operands(x, W, h, c):
    return torch.tanh(x.a + W.a(h) + W.a(c)), W.b(h) * torch.sigmoid(W.b(c))


def _vectors_alone(x, W, b, p, h):
    return torch.tanh(W.a(normalize(p.v) * b.v) + W.b(1 - p.v)) + (p.v**2) * h


def _square_of_a_gate(x, W, h):
    f = torch.sigmoid(x.f + W.f(h))
    return f * f + f**3 - (-f) * torch.cos(f) - (1 - f) * h


def _normalized(x, W, h):
    return torch.tanh(normalize(x.a + W.a(h))) + normalize(W.b(normalize(h)))


STRUCTURES = [_exchanged, _twice, _one_weight_two_operands]
STRUCTURES += [_vectors_alone, _square_of_a_gate, _normalized]


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("step", STRUCTURES)
def test_the_gradient_of_an_odd_step_is_torchs(step: Callable[..., Any], traced: bool) -> None:
    _check(trace(Equation(step)), traced=traced)


def test_a_state_that_nothing_reads_has_the_number_zero() -> None:
    def step(x, W, h, c):
        return torch.tanh(x.a + W.a(h)), torch.sigmoid(x.b)

    backward = _check(trace(Equation(step)), traced=False)
    assert isinstance(backward.states[0], Node)
    assert backward.states[1] == 0.0


def test_a_named_value_of_no_influence_has_a_gradient_in_a_trace_only() -> None:
    def step(x, W, p, h):
        named("aside", torch.sin(x.a + W.a(h)) * p.v)
        return torch.tanh(x.b + W.b(h))

    program = trace(Equation(step))
    silent = _check(program, traced=False)
    assert [node.block for node in silent.results] == ["b", "b"]
    assert not silent.sums
    traced = _check(program, traced=True)
    assert {node.block for node in traced.results} == {"a", "b"}
    assert [node.block for node in traced.sums] == ["v"]


def test_a_zero_factor_and_a_zero_exponent_end_the_gradient() -> None:
    def step(x, W, h):
        return x.a * 0 + x.b**0 + 1**x.c + W.d(h) * 0.0 + x.e

    backward = differentiate(trace(Equation(step)), traced=False)
    assert [node.block for node in backward.results] == ["e"]
    assert backward.states == (0.0,)


def test_the_matmuls_of_an_operand_come_back_as_one_in_the_order_of_the_layout() -> None:
    backward = differentiate(trace(equation("lstm")), traced=False)
    found = [node for node in backward.nodes if node.op == "transposed"]
    assert [node.block for node in found] == ["input,forget,candidate,output"]
    by_block = {node.block: d for node, d in backward.results.items() if node.op == "matmul"}
    assert found[0].operands == tuple(by_block[block] for block in found[0].block.split(","))
    assert all(by_block[n.block] is d for n, d in backward.results.items() if n.op == "input")


def test_equal_values_are_one_and_neutral_operands_are_dropped() -> None:
    program = trace(equation("gru"))
    backward = differentiate(program, traced=False)
    forward = {id(node) for node in program.nodes}
    assert {id(node) for node in backward.nodes if node in set(program.nodes)} <= forward
    assert len({id(node) for node in backward.nodes}) == len(set(backward.nodes))
    own = [node for node in backward.nodes if node not in set(program.nodes)]
    # u ⊙ h + (1 - u) ⊙ g: one side of the update's gradient is taken from the other
    assert [node.op for node in own].count("sub") == 1
    assert not any(node.op == "neg" for node in own)
    assert not any(isinstance(arg, (int, float)) for node in own for arg in node.args)
    twice = differentiate(trace(Equation(lambda x, h: 0.5 - (0.5 - x.a))), traced=False)
    assert list(twice.results.values()) == [Node("seed", block="h")]


def test_the_same_program_has_the_same_gradient_each_time() -> None:
    first, second = (
        differentiate(trace(equation("lstm", peephole=True)), traced=True) for _ in range(2)
    )
    assert first.nodes == second.nodes
    assert first.states == second.states
    assert list(first.results.items()) == list(second.results.items())


def test_an_operation_without_a_rule_is_named_with_its_line() -> None:
    program = trace(Equation(lambda x, h: torch.tanh(x.a)))
    rounded = Node("round", program.results, line="cell.py:3")
    odd = Program(program.equation, ("h",), (rounded,), (*program.nodes, rounded), {}, True)
    with pytest.raises(CellError, match=r"cell\.py:3: no rule gives the gradient of round"):
        differentiate(odd, traced=False)


UNARY_LAW: dict[str, Callable[[Any], Any]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "cos": torch.cos,
    "abs": abs,
    "neg": lambda a: -a,
    "scaled": lambda a: 0.5 * a,
}
BINARY_LAW: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda a, b: a + b,
    "difference": lambda a, b: a - b,
    "product": lambda a, b: torch.tanh(a) * torch.sin(b),
    "quotient": lambda a, b: torch.sin(a) / (1.5 + torch.cos(b)),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}
MOVES = st.tuples(st.sampled_from([*UNARY_LAW, *BINARY_LAW, "W"]), st.integers(), st.integers())


@settings(max_examples=60)
@given(moves=st.lists(MOVES, min_size=1, max_size=12), traced=st.booleans())
def test_the_gradient_of_any_step_is_torchs(
    moves: list[tuple[str, int, int]], traced: bool
) -> None:
    def step(x, W, b, p, h, c):
        values = [h, c, x.a, x.b, b.a, p.v]
        for op, i, j in moves:
            left, right = values[i % len(values)], values[j % len(values)]
            if op == "W":
                values.append(torch.tanh(getattr(W, f"w{j % 3}")(left)))
            elif op in UNARY_LAW:
                values.append(UNARY_LAW[op](left))
            else:
                values.append(BINARY_LAW[op](left, right))
            values[-1] = named(f"v{len(values)}", values[-1])
        return values[-1] + h, values[-1] * c

    torch.manual_seed(0)
    _check(trace(Equation(step)), traced=traced)
