"""Gates and states that are held from outside: what if the forget gate were open?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from headgate.equations.notation import Equation
from headgate.errors import UnknownNameError
from headgate.program.graph import Node, Program, walk
from headgate.program.portable import rebuilt
from headgate.program.sizes import check_sizes


def interventions(program: Program, names: Iterable[str]) -> Program:
    """Let gates and states be held at values that are given to the run.

        v' = μ ⊙ v + ν    for every value v that has one of the names

    Whatever the step makes of v it makes of v': an LSTM's hₜ is made of the cₜ' that is held. What
    a zero of μ hides has no effect, also where it is NaN. A state's name means its new value; the
    old one, which a step reads, was held when it was new.

    Args:
        program: the program.
        names: gates and states; a name that is both is one value.

    Returns:
        The program; μ and ν are given to its run under the names that ``given_names`` says, each
        [T, B, N].

    Raises:
        UnknownNameError: there is no such gate or state; those there are are listed.
    """
    wanted, carried = _wanted(program, names)
    new: dict[Node, Node] = {}
    for node in program.nodes:
        args = (new[arg] if isinstance(arg, Node) else arg for arg in node.args)
        new[node] = _held(replace(node, args=tuple(args)), wanted.get(node, []))
    results = tuple(
        _held(new[node], [state] if state in carried else [])
        for state, node in zip(program.states, program.results, strict=True)
    )
    known = {name: new[node] for name, node in program.names.items()}
    known |= {s: r for s, r in zip(program.states, results, strict=True) if s in known}
    nodes = walk((*known.values(), *results))
    # its Python function computes what nobody holds: without one it is never called
    equation = Equation(rebuilt, **program.equation.said())
    return check_sizes(Program(equation, program.states, results, nodes, known, program.biased))


def given_names(name: str) -> tuple[str, str]:
    """Say how a run is given what holds a value.

    Args:
        name: of a gate or a state.

    Returns:
        The names of μ and ν.

    Example:
        >>> given_names("forget")
        ('noise.keep.forget', 'noise.put.forget')
    """
    return f"noise.keep.{name}", f"noise.put.{name}"


def _wanted(program: Program, names: Iterable[str]) -> tuple[dict[Node, list[str]], set[str]]:
    """The values that are held, with their names; the states that carry an old value on."""
    new = dict(zip(program.states, program.results, strict=True))
    known = new | program.names
    wanted: dict[Node, list[str]] = {}
    carried: set[str] = set()
    for name in dict.fromkeys(names):
        if name not in known:
            raise UnknownNameError("gate or state", name, known)
        if name in new and new[name].op == "state":
            # held is what goes on, not what this step reads
            carried.add(name)
        else:
            wanted.setdefault(known[name], []).append(name)
    return wanted, carried


def _held(value: Node, names: Iterable[str]) -> Node:
    for name in names:
        keep, put = (Node("noise", block=each.partition(".")[2]) for each in given_names(name))
        value = Node("add", (Node("masked", (value, keep)), put))
    return value
