"""How wide each value of a step is: as the hidden state, or as a block with rows of its own."""

from __future__ import annotations

from headgate.errors import CellError
from headgate.program.graph import HIDDEN, REDUCTIONS, ROW, Node, Program, once


@once
def widths(program: Program) -> dict[Node, str]:
    """Infer the width of every value.

    Args:
        program: the program.

    Returns:
        For each node ``HIDDEN``, or the name of the block whose rows it has.

    Raises:
        CellError: two values of different widths meet; the message names the line.
    """
    known: dict[Node, str] = {}
    for _ in range(len(program.nodes) + 1):
        before = dict(known)
        for node in program.nodes:
            _infer(node, program, known)
        for node in reversed(program.nodes):
            _hand_down(node, known)
        for state, result in zip(program.states, program.results, strict=True):
            if result in known:
                known[Node("state", block=state)] = known[result]
        if known == before:
            break
    return {node: known.get(node, HIDDEN) for node in program.nodes}


def _infer(node: Node, program: Program, known: dict[Node, str]) -> None:
    sizes = program.equation.sizes
    if node.op in ("input", "matmul", "bias"):
        known[node] = node.block if node.block in sizes else HIDDEN
        return
    if node.op in ("mark", *REDUCTIONS):
        known[node] = ROW
        return
    found = {known[operand]: operand for operand in node.operands if operand in known}
    found.pop(ROW, None)
    if len(found) > 1:
        first, second = found
        raise CellError(
            f"{node.line}: {node.op} meets a value of {_size(first, sizes)} units and one of "
            f"{_size(second, sizes)}; a matrix W.name(v) stands between widths"
        )
    if found:
        known[node] = next(iter(found))


def _hand_down(node: Node, known: dict[Node, str]) -> None:
    """Give operands the width of their value: a peephole is as wide as the cell that it meets."""
    if node.op in ("matmul", *REDUCTIONS) or node not in known:
        return
    for operand in node.operands:
        known.setdefault(operand, known[node])


def _size(width: str, sizes: object) -> str:
    return "hidden_size" if width == HIDDEN else f"{sizes[width]} ({width})"  # type: ignore[index]


def check_sizes(program: Program) -> Program:
    """Check that widths agree and that names are one thing each.

    Args:
        program: the program.

    Returns:
        The same program.

    Raises:
        CellError: two widths meet, one matrix multiplies two widths, or a block and a state share
            a name.
    """
    _check_matrices(program)
    new = dict(zip(program.states, program.results, strict=True))
    for name, node in program.names.items():
        if name in new and new[name] is not node:
            raise CellError(
                f"{node.line}: the gate {name!r} has the name of a state with another value; "
                "give the block another name"
            )
    return program


def _check_matrices(program: Program) -> None:
    width, columns = widths(program), dict[str, str]()
    for node in program.nodes:
        if node.op == "matmul":
            new = width[node.operands[0]]
            old = columns.setdefault(node.block, new)
            if old != new:
                sizes = program.equation.sizes
                raise CellError(
                    f"{node.line}: W.{node.block} multiplies a value of {_size(old, sizes)} units "
                    f"and one of {_size(new, sizes)}; give one of them a block of its own"
                )
