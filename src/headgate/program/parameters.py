"""The parameters of a cell, by name and shape, as its program asks for them.

    weight_ih       [G·N, M]   every x.g, stacked in the order of the layout
    bias            [G·N]      their biases
    weight_hh       [G·N, N]   every W.g(v) of the commonest shape, stacked likewise
    weight_<block>  [R, C]     each other W.g(v), such as a projection
    bias_<block>    [R]        each b.g
    vector_<block>  [R]        each p.g
    <family>        [G·N]      vectors that belong together, such as the gains of a layer norm

G is the number of blocks that are stacked, R and C the widths of a block on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from headgate.program.graph import HIDDEN, Program, once
from headgate.program.sizes import widths


@dataclass(frozen=True)
class Parameter:
    """A tensor of parameters: blocks stacked along the rows.

    Args:
        kind: "input", "input_bias", "matmul", "bias" or "vector".
        blocks: the blocks, from the first row to the last.
        rows: the width of each block.
        columns: the width of what it multiplies; "input" for x; None for a vector.
    """

    kind: str
    blocks: tuple[str, ...]
    rows: tuple[str, ...]
    columns: str | None = None


@once
def parameters(program: Program) -> dict[str, Parameter]:
    """List the parameters of a program.

    Args:
        program: the program.

    Returns:
        The parameters by name, in the order in which a layer holds them.
    """
    width = widths(program)
    rows = {(node.op, node.block): width[node] for node in program.nodes}
    found: dict[str, Parameter] = {}
    inputs = program.blocks("input")
    if inputs:
        high = tuple(rows["input", block] for block in inputs)
        found["weight_ih"] = Parameter("input", inputs, high, "input")
        if program.biased:
            found["bias"] = Parameter("input_bias", inputs, high)
    found |= _recurrent(program)
    for op in ("bias", "vector"):
        for name, blocks in _families(op, program.blocks(op)).items():
            found[name] = Parameter(op, blocks, tuple(rows[op, block] for block in blocks))
    return found


@once
def names_of(program: Program) -> tuple[str, ...]:
    """List the names of the parameters: plain text, which a compiler can take for a constant.

    Args:
        program: the program.

    Returns:
        The names, in the order in which a layer holds them.
    """
    return tuple(parameters(program))


def _families(op: str, blocks: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Stack the blocks FAMILY.BLOCK of each family; any other has a parameter of its own."""
    found: dict[str, tuple[str, ...]] = {}
    for block in blocks:
        family, dot, _ = block.partition(".")
        name = family if dot else f"{op}_{block}"
        found[name] = (*found.get(name, ()), block)
    return found


def _recurrent(program: Program) -> dict[str, Parameter]:
    """Stack the recurrent blocks of the first shape; the others stand alone."""
    width = widths(program)
    shapes: dict[str, tuple[str, str]] = {}
    for node in program.nodes:
        if node.op == "matmul":
            shapes[node.block] = (width[node], width[node.operands[0]])
    blocks = program.blocks("matmul")
    plain = [block for block in blocks if shapes[block][0] == HIDDEN] or list(blocks)
    stacked = tuple(b for b in plain if shapes[b] == shapes[plain[0]])
    found: dict[str, Parameter] = {}
    if stacked:
        rows = tuple(shapes[block][0] for block in stacked)
        found["weight_hh"] = Parameter("matmul", stacked, rows, shapes[stacked[0]][1])
    for block in blocks:
        if block not in stacked:
            row, column = shapes[block]
            found[f"weight_{block}"] = Parameter("matmul", (block,), (row,), column)
    return found


def size_of(program: Program, width: str, *, input_size: int, hidden_size: int) -> int:
    """Give a width in units.

    Args:
        program: the program.
        width: "input", ``HIDDEN`` or a block's name.
        input_size: M.
        hidden_size: N.

    Returns:
        The number of units.
    """
    if width == "input":
        return input_size
    return hidden_size if width == HIDDEN else program.equation.sizes[width]


def shape_of(
    program: Program, parameter: Parameter, *, input_size: int, hidden_size: int
) -> tuple[int, ...]:
    """Give the shape of a parameter.

    Args:
        program: the program.
        parameter: one of its parameters.
        input_size: M.
        hidden_size: N.

    Returns:
        (rows, columns), or (rows,) for a vector.
    """
    sizes = {"input_size": input_size, "hidden_size": hidden_size}
    rows = sum(size_of(program, width, **sizes) for width in parameter.rows)
    if parameter.columns is None:
        return (rows,)
    return rows, size_of(program, parameter.columns, **sizes)


@once
def state_widths(program: Program) -> tuple[str, ...]:
    """Give the width of each state.

    Args:
        program: the program.

    Returns:
        ``HIDDEN`` or a block's name, for each state.
    """
    width = widths(program)
    return tuple(width[result] for result in program.results)


def split(program: Program, weights: Mapping[str, Tensor]) -> dict[tuple[str, str], Tensor]:
    """Take stacked parameters apart into their blocks, as views.

    Args:
        program: the program.
        weights: its parameters by name.

    Returns:
        The tensors by (operation, block): "input", "input_bias", "matmul", "bias", "vector".
    """
    parts: dict[tuple[str, str], Tensor] = {}
    for name, parameter in parameters(program).items():
        tensor = weights[name]
        own = [program.equation.sizes.get(width, 0) for width in parameter.rows]
        plain = parameter.rows.count(HIDDEN)
        hidden = (tensor.shape[0] - sum(own)) // plain if plain else 0
        rows = [size or hidden for size in own]
        for block, part in zip(parameter.blocks, tensor.split(rows), strict=True):
            parts[parameter.kind, block] = part
    return parts
