"""What a value was computed from, at one place of a run."""

from __future__ import annotations

from torch import Tensor

from headgate.inspection.nan_place import Origin, Place, label
from headgate.inspection.nan_walk import Moment
from headgate.program import Node
from headgate.program.graph import REDUCTIONS, ROW
from headgate.program.sizes import widths


def origin_of(moment: Moment, node: Node, index: tuple[int, ...]) -> Origin:
    """Name the operation that made a value, and its operands there.

    A sum has many operands: of a matmul, an input's projection and a mean come the greatest ones.

    Args:
        moment: the step.
        node: the value.
        index: the place among the moment's rows, and the unit.

    Returns:
        The origin.
    """
    if node.op in ("input", "matmul"):
        found = _of_product(moment, node, index)
    else:
        found = tuple(_operand(moment, node, arg, index) for arg in node.args)
    return Origin(node.op, node.line, found, place_of(moment, node, index))


def place_of(moment: Moment, node: Node, index: tuple[int, ...]) -> Place:
    """Name a place of a value.

    Args:
        moment: the step.
        node: the value.
        index: the place among the moment's rows, and the unit.

    Returns:
        The place in the run; without a unit where a row has one value.
    """
    row, unit = index
    alone = widths(moment.step.program)[node] == ROW
    unit = None if alone else unit
    return Place(moment.layer, moment.reverse, moment.times[row], moment.rows[row], unit)


def _operand(
    moment: Moment, node: Node, arg: Node | float, index: tuple[int, ...]
) -> tuple[str, float]:
    if not isinstance(arg, Node):
        return "the number", float(arg)
    row, unit = index
    name, value = label(arg, moment.step.program), moment.value(arg)[row]
    if node.op in REDUCTIONS:
        return f"the largest |{name}|", _largest(value)
    return name, value[unit if len(value) > 1 else 0].item()


def _of_product(
    moment: Moment, node: Node, index: tuple[int, ...]
) -> tuple[tuple[str, float], ...]:
    row, unit = index
    parts = moment.step.parts
    weight = parts[node.op, node.block][unit]
    if node.op == "matmul":
        name = label(node.operands[0], moment.step.program)
        read = moment.value(node.operands[0])[row]
        return (
            (f"the largest |{name}|", _largest(read)),
            (f"the largest |W.{node.block}|", _largest(weight)),
        )
    found = [("the largest |xₜ|", _largest(moment.x[row]))]
    found.append((f"the largest |W_x {node.block}|", _largest(weight)))
    if ("input_bias", node.block) in parts:
        found.append(("its bias", parts["input_bias", node.block][unit].item()))
    return tuple(found)


def _largest(values: Tensor) -> float:
    return values.abs().max().item()
