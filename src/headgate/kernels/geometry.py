"""Where each block and each gradient lies in the tensors of a layer: found once for its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from headgate.program.graph import ROW, Program, once
from headgate.program.parameters import parameters
from headgate.program.plan import Plan
from headgate.program.schedule import Place

Buffer = tuple[str, str]


@dataclass(frozen=True)
class Block:
    """Rows of a parameter.

    Args:
        name: the parameter.
        row: the first row.
        rows: how many.
    """

    name: str
    row: int
    rows: int


@dataclass(frozen=True)
class Product:
    """A gradient of weights: a product of the gradients of adjacent blocks and their operand.

    Args:
        block: the rows of the parameter.
        column: the first column of the gradient.
        operand: what the blocks multiply.
    """

    block: Block
    column: int
    operand: Place


@dataclass(frozen=True, eq=False)
class Geometry:
    """The sizes of a layer's program.

    Args:
        sizes: the units of each width.
        blocks: each block's rows, by operation and name.
        columns: the first column of each input's projection among all of them.
    """

    sizes: Mapping[str, int]
    blocks: Mapping[tuple[str, str], Block]
    columns: Mapping[str, int]


def geometry(program: Program, rows: tuple[int, ...]) -> Geometry:
    """Find the sizes of a program with parameters.

    Args:
        program: the program.
        rows: the rows of each parameter, in their order.

    Returns:
        The geometry; the same for the same rows.
    """
    found = _geometries(program)
    if rows not in found:
        found[rows] = _measure(program, rows)
    return found[rows]


@once
def _geometries(program: Program) -> dict[tuple[int, ...], Geometry]:
    """Hold the geometries of a program, made as they are asked for."""
    return {}


def _measure(program: Program, rows: tuple[int, ...]) -> Geometry:
    own = program.equation.sizes
    sizes: dict[str, int] = {**own, ROW: 1}
    blocks: dict[tuple[str, str], Block] = {}
    for (name, parameter), count in zip(parameters(program).items(), rows, strict=True):
        plain = [width for width in parameter.rows if width not in own]
        for width in plain:
            sizes[width] = (count - sum(own.get(w, 0) for w in parameter.rows)) // len(plain)
        row = 0
        for block, width in zip(parameter.blocks, parameter.rows, strict=True):
            blocks[parameter.kind, block] = Block(name, row, sizes[width])
            row += sizes[width]
    columns = {b: blocks["input", b].row for b in program.blocks("input")}
    return Geometry(sizes, blocks, columns)


@dataclass(frozen=True, eq=False)
class GradientRows:
    """One matrix for the gradients of all projections, then of the other matmuls.

    Args:
        width: its columns.
        columns: the first column of each gradient.
        products: the gradients of the recurrent weights.
    """

    width: int
    columns: Mapping[Buffer, int]
    products: tuple[Product, ...]


@lru_cache(maxsize=256)
def gradient_rows(plan: Plan, found: Geometry) -> GradientRows:
    """Lay out the gradients of a plan.

    Args:
        plan: the plan.
        found: the sizes.

    Returns:
        The columns, and the products that they are part of.
    """
    gradient = plan.gradient
    assert gradient is not None
    columns: dict[Buffer, int] = {
        ("gradient", f"input.{block}"): column for block, column in found.columns.items()
    }
    end = sum(found.blocks["input", block].rows for block in found.columns)
    for node, _, place in gradient.products:
        if place.buffer not in columns:
            columns[place.buffer] = end
            end += found.blocks["matmul", node.block].rows
    products: list[Product] = []
    for node, operand, place in gradient.products:
        block, column = found.blocks["matmul", node.block], columns[place.buffer]
        last = products[-1] if products else None
        if last and _continues(last, block, column, operand):
            joined = Block(block.name, last.block.row, last.block.rows + block.rows)
            products[-1] = Product(joined, last.column, operand)
        else:
            products.append(Product(block, column, operand))
    return GradientRows(end, columns, tuple(products))


def _continues(last: Product, block: Block, column: int, operand: Place) -> bool:
    """Whether a block follows another in the parameter and in the gradient: one matmul for both."""
    beside = last.column + last.block.rows == column
    below = last.block.name == block.name and last.block.row + last.block.rows == block.row
    return beside and below and last.operand == operand
