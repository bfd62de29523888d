"""When two programs are the same cell, whatever their blocks are called and however ordered."""

from __future__ import annotations

import hashlib

from headgate.program.graph import Node, Program
from headgate.program.operations import COMMUTATIVE


def match(program: Program, model: Program) -> dict[str, str] | None:
    """Find out whether a program computes what another one does.

    Args:
        program: any program.
        model: the program of a known cell.

    Returns:
        For each block of the model the block of the program in its place; None where they differ.
    """
    if len(program.states) != len(model.states) or program.biased != model.biased:
        return None
    mine, theirs = _blocks(program), _blocks(model)
    if len(mine) != len(theirs):
        return None
    names = dict(zip(mine, theirs, strict=True))
    same = _signature(program, names) == _signature(model, {block: block for block in theirs})
    return {theirs: mine for mine, theirs in names.items()} if same else None


def _signature(program: Program, names: dict[str, str]) -> tuple[str, ...]:
    order = {state: str(place) for place, state in enumerate(program.states)}
    return tuple(_write(result, names, order, {}) for result in program.results)


def _blocks(program: Program) -> list[str]:
    """The blocks in an order that depends on the structure alone."""
    order = {state: str(place) for place, state in enumerate(program.states)}
    erased: dict[Node, str] = {}
    for result in program.results:
        _write(result, {}, order, erased)
    seen: dict[Node, None] = {}
    for result in program.results:
        _collect(result, erased, seen)
    return list(dict.fromkeys(node.block for node in seen if node.block and node.op != "state"))


def _collect(node: Node, erased: dict[Node, str], seen: dict[Node, None]) -> None:
    if node in seen:
        return
    seen[node] = None
    operands = list(node.operands)
    if node.op in COMMUTATIVE:
        operands = [term for term in _terms(node) if isinstance(term, Node)]
        operands.sort(key=lambda operand: erased[operand])
    for operand in operands:
        _collect(operand, erased, seen)


def _write(
    node: Node | float, names: dict[str, str], states: dict[str, str], known: dict[Node, str]
) -> str:
    if not isinstance(node, Node):
        return repr(float(node))
    if node not in known:
        args = _terms(node) if node.op in COMMUTATIVE else list(node.args)
        parts = [_write(arg, names, states, known) for arg in args]
        parts = sorted(parts) if node.op in COMMUTATIVE else parts
        block = states[node.block] if node.op == "state" else names.get(node.block, "")
        # a digest, as a value that is used often would be written out as often
        text = f"{node.op}:{block}({','.join(parts)})"
        known[node] = hashlib.sha256(text.encode()).hexdigest()
    return known[node]


def _terms(node: Node) -> list[Node | float]:
    """The terms of a nested sum or product: a + (b + c) is (a + b) + c."""
    terms: list[Node | float] = []
    for arg in node.args:
        nested = isinstance(arg, Node) and arg.op == node.op
        terms += _terms(arg) if nested else [arg]  # type: ignore[arg-type]
    return terms
