"""Modifiers of any cell: its program, with something more at a state, a matmul or a gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from headgate.equations.notation import Equation
from headgate.program.graph import Node, Program, walk
from headgate.program.portable import rebuilt
from headgate.program.sizes import check_sizes

Change = Callable[[Node, Node], Node]


def zoneout(program: Program, rates: Mapping[str, float], *, training: bool) -> Program:
    """Let each unit of each state keep its old value now and then (Krueger et al. 2017).

        hₜ = ζₜ ⊙ hₜ₋₁ + (1 - ζₜ) ⊙ h̃ₜ

    What the step computes of the new states it computes as before: an LSTM's h̃ₜ sees the c̃ₜ that
    no zone has touched.

    Args:
        program: the program.
        rates: the probability that a unit keeps its value, for each state that has one.
        training: ζ is given to the run as "noise.STATE", zeros and ones; else it is the rate.

    Returns:
        The program.
    """
    results = []
    for state, result in zip(program.states, program.results, strict=True):
        rate = float(rates.get(state, 0.0))
        zone = Node("noise", block=state)
        old, new = (Node("state", block=state), result)
        if rate and training:
            old, new = Node("mul", (zone, old)), Node("mul", (Node("sub", (1.0, zone)), new))
        elif rate:
            old, new = Node("mul", (rate, old)), Node("mul", (1.0 - rate, new))
        results.append(Node("add", (old, new)) if rate else result)
    return _rebuild(program, tuple(results), program.names)


def recurrent_dropout(program: Program) -> Program:
    """Hide units of a state from every matrix, the same ones at all steps (Gal & Ghahramani 2016).

    A state, or a gate times a state, is masked where a matrix multiplies it; what reads the state
    without a matrix sees it whole. The mask is given to the run as "mask.STATE": zero, or what
    makes up for the zeros.

    Args:
        program: the program.

    Returns:
        The program.
    """

    def change(old: Node, new: Node) -> Node:
        state = _state_of(old.operands[0]) if old.op == "matmul" else None
        if state is None:
            return new
        return replace(new, args=(Node("masked", (new.args[0], Node("mask", block=state))),))

    return _rewrite(program, change)


def _state_of(operand: Node) -> str | None:
    if operand.op == "mul":
        found = (_state_of(factor) for factor in operand.operands)
        return next((state for state in found if state is not None), None)
    return operand.block if operand.op == "state" else None


def resets(program: Program, *, learned: bool) -> Program:
    """Let the states begin anew in the middle of a sequence.

    The run is given "mark.keep": 0 at the steps before which a row begins anew, 1 elsewhere. What
    was there before has no effect, also where it is NaN.

    Args:
        program: the program.
        learned: the states begin from the vectors "initial_STATE", not from zero; the run is then
            given "mark.begin" too, 1 where the other mark is 0.

    Returns:
        The program.
    """

    def change(old: Node, new: Node) -> Node:
        if old.op != "state":
            return new
        kept = Node("masked", (new, Node("mark", block="keep")))
        if not learned:
            return kept
        first = Node("vector", block=f"initial_{old.block}")
        return Node("add", (kept, Node("masked", (first, Node("mark", block="begin")))))

    return _rewrite(program, change)


def layer_norm(program: Program) -> Program:
    """Normalize what comes out of the matrices, as Ba, Kiros and Hinton (2016) do.

        LN(W_x x) + LN(W_h h) + b    for every x.g + W.g(h)
        hₜ = o ⊙ tanh(LN(cₜ))        where another state leaves through an activation

    Gates whose sums have one recurrent operand are normalized together, as one row; other
    projections alone. Each gate has gains of its own, "norm_ih" and "norm_hh", and one bias; a
    state that leaves has "norm_state" and "norm_state_bias". What is carried on stays as it is, and
    so does a matrix whose product is a state, such as an LSTM's projection.

    Args:
        program: the program.

    Returns:
        The program.
    """
    together = _together(program)

    def change(old: Node, new: Node) -> Node:
        if old.op not in ("input", "matmul") or old in program.results:
            return new
        side = "ih" if old.op == "input" else "hh"
        group = tuple(replace(new, block=block) for block in together.get(old, (old.block,)))
        normal = _gained(new, group, f"norm_{side}.{old.block}")
        biased = old.op == "input" and program.biased
        return (
            Node("add", (normal, Node("vector", block=f"bias.{old.block}"))) if biased else normal
        )

    found = _rewrite(program, change)
    results = tuple(_leave(found, result) for result in found.results)
    return replace(_rebuild(found, results, found.names), biased=False)


def _gained(value: Node, group: tuple[Node, ...], gain: str) -> Node:
    sums = (Node("mean", group), Node("scale", group))
    return Node("mul", (Node("normalize", (value, *sums)), Node("vector", block=gain)))


def _together(program: Program) -> dict[Node, tuple[str, ...]]:
    """For each projection that is added to a matmul of its block: the blocks of that operand."""
    groups: dict[Node, dict[str, tuple[Node, Node]]] = {}
    for sum_ in program.nodes:
        terms = _terms(sum_) if sum_.op == "add" else []
        inputs = {term.block: term for term in terms if term.op == "input"}
        for term in terms:
            if term.op == "matmul" and term.block in inputs:
                pair = (inputs[term.block], term)
                groups.setdefault(term.operands[0], {})[term.block] = pair
    return {
        node: tuple(block for block in program.blocks("matmul") if block in group)
        for group in groups.values()
        for pair in group.values()
        for node in pair
    }


def _terms(node: Node) -> list[Node]:
    found: list[Node] = []
    for arg in node.operands:
        found += _terms(arg) if arg.op == "add" else [arg]
    return found


def _leave(program: Program, result: Node) -> Node:
    """Normalize another state's new value where it leaves through activations and products."""
    others = {
        node: state
        for state, node in zip(program.states, program.results, strict=True)
        if node is not result
    }

    def visit(node: Node, *, active: bool) -> Node:
        if node in others and active:
            state = others[node]
            normal = _gained(node, (node,), f"norm_state.{state}")
            bias = Node("vector", block=f"norm_state_bias.{state}")
            return Node("add", (normal, bias)) if program.biased else normal
        unary = len(node.args) == 1 and node.op not in ("state", "neg")
        if node.op != "mul" and not unary:
            return node
        inner = active or (unary and node.op != "matmul")
        args = (visit(a, active=inner) if isinstance(a, Node) else a for a in node.args)
        return replace(node, args=tuple(args))

    return visit(result, active=False)


def _rewrite(program: Program, change: Change) -> Program:
    """Put something in the place of nodes, arguments first."""
    new: dict[Node, Node] = {}
    for node in program.nodes:
        args = (new[arg] if isinstance(arg, Node) else arg for arg in node.args)
        new[node] = change(node, replace(node, args=tuple(args)))
    names = {name: new[node] for name, node in program.names.items()}
    return _rebuild(program, tuple(new[result] for result in program.results), names)


def _rebuild(program: Program, results: tuple[Node, ...], names: Mapping[str, Node]) -> Program:
    """Make the program of other results; a gate named as a state that it is no more is dropped."""
    after = dict(zip(program.states, results, strict=True))
    names = {name: node for name, node in names.items() if after.get(name, node) == node}
    nodes = walk((*names.values(), *results))
    # of no name: a user's own cell is what was registered, not what is made of it here
    equation = Equation(rebuilt, **program.equation.said())
    return check_sizes(
        Program(equation, program.states, results, nodes, dict(names), program.biased)
    )
