"""A program as text and back: what a compiler carries in a graph, and what a saved file holds.

The text is JSON in one form only. A node is ``[operation, block, arguments]``; an argument is the
place of an earlier node, or a number in quotes with all its digits. So equal programs have equal
texts, and the text can stand for the program in a table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn

from headgate.equations.notation import Equation
from headgate.errors import CellError
from headgate.program.graph import GIVEN, REDUCTIONS, Node, Program, once
from headgate.program.operations import EVERY
from headgate.program.sizes import check_sizes

VERSION = 1
LONGEST = 2**24
"""Characters of a text; a cell of a thousand operations has a few ten thousand."""
_BLOCKS = ("input", "bias", "vector", "state", "matmul")
_NODES_ONLY = ("matmul", "maximum", "minimum", "normalize", "masked", *REDUCTIONS)
_KEYS = frozenset(
    ("bias", "initial", "layout", "names", "nodes")
    + ("results", "sizes", "source", "states", "version")
)


@once
def to_text(program: Program) -> str:
    """Write a program as text, without the lines of the file that it came from.

    Args:
        program: the program.

    Returns:
        ASCII, equal for equal programs.

    Raises:
        CellError: the program holds what no step does, such as a value after its use.

    Example:
        >>> from headgate.equations import equation
        >>> from headgate.program import trace
        >>> from_text(to_text(trace(equation("gru")))).states
        ('h',)
    """
    cell = program.equation
    place = {node: number for number, node in enumerate(program.nodes)}
    if len(place) < len(program.nodes):
        raise CellError("the program cannot be written as text: equal values stand in it twice")
    try:
        whole = {
            "version": VERSION,
            "bias": program.biased,
            "states": program.states,
            "results": [place[result] for result in program.results],
            "names": [[name, place[node]] for name, node in program.names.items()],
            "nodes": [
                [node.op, node.block, [_write(arg, place) for arg in node.args]]
                for node in program.nodes
            ],
            "source": cell.source,
            "layout": list(cell.layout),
            "sizes": {block: int(size) for block, size in cell.sizes.items()},
            "initial": {block: repr(float(value)) for block, value in cell.initial.items()},
        }
        return json.dumps(whole, sort_keys=True, separators=(",", ":"))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CellError(f"the program cannot be written as text: {error!r}") from error


def _write(arg: Node | float, place: Mapping[Node, int]) -> int | str:
    if isinstance(arg, Node):
        return place[arg]
    if not isinstance(arg, (int, float)):
        raise TypeError(f"an argument is a value or a number, not {arg!r}")
    return repr(float(arg))


def rebuilt() -> NoReturn:
    """Stand for the Python function of a cell that was rebuilt from text.

    Raises:
        CellError: always.
    """
    raise CellError(
        "the cell was rebuilt from a saved program and has no Python function to step through; "
        'use the kernel "reference", or build the cell from its equation'
    )


@lru_cache(maxsize=1024)
def from_text(text: str) -> Program:
    """Build a program from its text.

    It runs, trains and traces as the first one did; its equation has no Python function.

    Args:
        text: what ``to_text`` wrote.

    Returns:
        The program; the same object for the same text, while it is remembered.

    Raises:
        CellError: the text is no program, or not in the form that ``to_text`` gives it.
    """
    whole = _parse(text)
    states = _strings(whole["states"], "states")
    nodes = _nodes(whole["nodes"], states)
    results = tuple(nodes[_place(p, len(nodes), "results")] for p in _list(whole["results"]))
    _check(0 < len(set(states)) == len(states) == len(results), "each state has one new value")
    names: dict[str, Node] = {}
    for entry in _list(whole["names"]):
        name, number = _list(entry, 2)
        _check(isinstance(name, str), "a name is a text")
        names[name] = nodes[_place(number, len(nodes), "names")]
    _check(isinstance(whole["bias"], bool), "bias is true or false")
    _check(isinstance(whole["source"], str), "source is a text")
    cell = Equation(
        rebuilt,
        source=whole["source"],
        layout=_strings(whole["layout"], "layout"),
        sizes=_sizes(whole["sizes"]),
        initial={block: _number(value) for block, value in _mapping(whole["initial"]).items()},
    )
    program = check_sizes(Program(cell, states, results, nodes, names, whole["bias"]))
    # one program has one text: what stands twice, or in another form, would be another key
    _check(to_text(program) == text, "it is in the one form that to_text gives")
    return program


def _check(holds: bool, wanted: str) -> None:
    if not holds:
        raise CellError(
            f"the text is no saved program: wanted is that {wanted}; write it again with to_text"
        )


def _parse(text: str) -> dict[str, Any]:
    _check(isinstance(text, str) and len(text) <= LONGEST, f"it is at most {LONGEST} characters")
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CellError(f"the text is no saved program: it is not JSON: {error}") from error
    _check(isinstance(whole, dict), "it is an object")
    version = whole.get("version")
    if type(version) is not int or version != VERSION:
        raise CellError(
            f"the text is no saved program of version {VERSION}, but of version {version!r:.40}; "
            "read it with the release of headgate that wrote it"
        )
    _check(whole.keys() == _KEYS, f"it has {', '.join(sorted(_KEYS))} and no more")
    return whole


def _nodes(rows: object, states: tuple[str, ...]) -> tuple[Node, ...]:
    nodes: list[Node] = []
    for row in _list(rows):
        op, block, args = _list(row, 3)
        _check(isinstance(op, str) and isinstance(block, str), "a node has an operation, a block")
        values = tuple(_argument(arg, nodes) for arg in _list(args))
        _check_node(op, block, values, states)
        nodes.append(Node(op, values, block))
        hash(nodes[-1])  # kept from here on, so that no later hash walks down the whole graph
    return tuple(nodes)


def _argument(arg: object, nodes: list[Node]) -> Node | float:
    return _number(arg) if isinstance(arg, str) else nodes[_place(arg, len(nodes), "an argument")]


def _check_node(
    op: str, block: str, args: tuple[Node | float, ...], states: tuple[str, ...]
) -> None:
    if op not in EVERY and op not in (*_BLOCKS, *GIVEN):
        known = ", ".join(sorted((*EVERY, *_BLOCKS, *GIVEN)))
        raise CellError(
            f"the text is no saved program: {op!r:.40} is not an operation; known: {known}"
        )
    least, most = _arity(op)
    _check(least <= len(args) <= most, f"{op} takes {least} arguments, not {len(args)}")
    nodes = [arg for arg in args if isinstance(arg, Node)]
    _check(bool(nodes) or most == 0, f"{op} takes a value of the step")
    _check(op not in _NODES_ONLY or len(nodes) == len(args), f"{op} takes no number")
    _check(bool(block) or op not in _BLOCKS, f"{op} has a block")
    _check(not block or op not in EVERY, f"{op} has no block")
    _check(op != "state" or block in states, f"{block!r:.40} is one of the states")
    sums = tuple(node for node in nodes if node.op in REDUCTIONS)
    if op == "normalize":
        ours = nodes[0] not in sums and all(nodes[0] in node.args for node in sums)
        own = tuple(node.op for node in nodes[1:]) == REDUCTIONS and ours
        own = own and len({node.args for node in sums}) == 1
        _check(own, "normalize takes a value, its mean and scale")
    else:
        # their gradients are known together alone
        _check(not sums, f"{op} takes no mean and no scale")


def _arity(op: str) -> tuple[int, int]:
    """The least and the greatest number of arguments."""
    if op in REDUCTIONS:
        return 1, LONGEST
    if op == "normalize":
        return 1 + len(REDUCTIONS), 1 + len(REDUCTIONS)
    count = EVERY[op].arity if op in EVERY else int(op == "matmul")
    return count, count


def _list(value: object, length: int | None = None) -> list[Any]:
    fits = isinstance(value, list) and (length is None or len(value) == length)
    _check(fits, "there is a list" if length is None else f"there is a list of {length}")
    return value  # type: ignore[return-value]


def _mapping(value: object) -> dict[str, Any]:
    _check(isinstance(value, dict), "sizes and initial are objects")
    return value  # type: ignore[return-value]


def _strings(value: object, what: str) -> tuple[str, ...]:
    found = _list(value)
    _check(all(isinstance(each, str) for each in found), f"{what} are texts")
    return tuple(found)


def _place(value: object, count: int, what: str) -> int:
    fits = type(value) is int and 0 <= value < count
    _check(fits, f"{what} is the place of one of the {count} nodes before it")
    return value  # type: ignore[return-value]


def _sizes(value: object) -> dict[str, int]:
    sizes = _mapping(value)
    fits = all(type(size) is int and 0 < size < 2**31 for size in sizes.values())
    _check(fits, "a size is a positive integer")
    return sizes


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, str) else _fail()
    except ValueError:
        return _fail()


def _fail() -> NoReturn:
    raise CellError("the text is no saved program: a number is not written as Python writes it")
