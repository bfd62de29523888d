"""A cell of the user's own: ``@hg.cell`` marks its step, and it then has a name as ours have."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any, overload
from weakref import WeakValueDictionary

from headgate.equations import CELLS
from headgate.equations.notation import NAMESPACES, Equation, Step
from headgate.errors import CellError, UnknownNameError
from headgate.program.refusals import start_of, states_of
from headgate.program.trace import trace

BUILT_IN = frozenset(CELLS)


@dataclass(frozen=True, eq=False, repr=False)
class Own(Equation):
    """The equation of a user's own cell, which knows its name and where it was defined.

    It pickles by name, as a class does: where it is read, its module is imported. In the process
    that wrote it the very same cell comes back, also when the name means another by then.

    Args:
        definition: what is registered under the name.
        options: those that it was built with.
        token: what this very equation is known by in this process.
    """

    definition: Definition = field(kw_only=True)
    options: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    token: str = field(default_factory=lambda: uuid.uuid4().hex, kw_only=True)

    def __post_init__(self) -> None:
        _ALIVE[self.token] = self

    @property
    def name(self) -> str:
        """What it is registered as."""
        return self.definition.name

    def __call__(self, **options: Any) -> Own:
        """Build the same cell with other options.

        Args:
            **options: those of the function that was marked.

        Returns:
            The equation.

        Raises:
            UnknownNameError: there is no such option.
        """
        return self.definition(**options)

    def __repr__(self) -> str:
        changed = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"<cell {self.name!r}{changed} at {start_of(self.step)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        function = self.definition.function
        home = (function.__module__, function.__qualname__)
        return _find, (self.token, self.name, home, dict(self.options))


class Definition:
    """What stands in ``CELLS`` for a user's cell: called with options, it gives the equation.

    Args:
        name: what it is registered as.
        function: what the user marked: a step, or a function that builds an equation.
        build: from options to an equation.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], build: Callable[..., Equation]
    ) -> None:
        self.name, self.function, self._build = name, function, build
        self.__doc__ = inspect.getdoc(function)
        # what a cell of ours has as a function
        self.__kwdefaults__ = dict(getattr(inspect.unwrap(build), "__kwdefaults__", None) or {})
        self.default = self._wrap({})

    def __call__(self, **options: Any) -> Own:
        """Build the equation.

        Args:
            **options: those of the function, where it has any.

        Returns:
            The equation.

        Raises:
            UnknownNameError: there is no such option.
        """
        for option in options:
            if option not in self.__kwdefaults__:
                kind = f"option of the cell {self.name!r}"
                raise UnknownNameError(kind, option, self.__kwdefaults__)
        return self._wrap(options) if options else self.default

    def _wrap(self, options: dict[str, Any]) -> Own:
        built = self._build(**options)
        if not isinstance(built, Equation):
            raise CellError(
                f"{start_of(self.function)}: a function whose arguments are all by keyword builds "
                f"a cell and returns Equation(step), but {self.function.__name__} returned "
                f"{built!r}; a step itself has the arguments x, W, b, p as it needs them, and its "
                "states"
            )
        own = Own(built.step, **built.said(), definition=self, options=options)
        trace(own)
        return own


_ALIVE: WeakValueDictionary[str, Own] = WeakValueDictionary()


@overload
def cell(step: Step, /) -> Own: ...


@overload
def cell(
    *,
    name: str | None = None,
    source: str = "",
    layout: Iterable[str] = (),
    sizes: Mapping[str, int] | None = None,
    initial: Mapping[str, float] | None = None,
) -> Callable[[Step], Own]: ...


def cell(step: Step | None = None, /, **said: Any) -> Any:
    """Mark a function as a cell, which every layer, task and command then takes by its name.

    The function is traced at once, so that what a program cannot hold is an error here. A step
    has the arguments x, W, b and p as it needs them, and its states; a function whose arguments
    are all by keyword has options, and returns the ``Equation`` of a step that it builds.

    Args:
        step: the function; a name given again means the new one, built layers keep theirs.
        **said: of a step, in brackets: ``name`` where it is not the function's own; ``source``,
            ``layout``, ``sizes`` and ``initial`` as an ``Equation`` has them.

    Returns:
        The equation; for a function with options the one of their defaults, and called with
        others it gives theirs.

    Raises:
        CellError: it cannot be traced, or its name is taken; the message names the line.

    Example:
        >>> from torch import sigmoid, tanh
        >>> @cell(initial={"forget": 1.0})
        ... def light(x, W, h):
        ...     f = sigmoid(x.forget + W.forget(h))
        ...     return f * h + (1 - f) * tanh(x.candidate)
        >>> light.name
        'light'
        >>> _ = CELLS.pop("light")
    """
    return partial(_mark, **said) if step is None else _mark(step, **said)


def _mark(
    step: Step,
    *,
    name: str | None = None,
    source: str = "",
    layout: Iterable[str] = (),
    sizes: Mapping[str, int] | None = None,
    initial: Mapping[str, float] | None = None,
) -> Own:
    if not inspect.isroutine(step):
        raise CellError(
            f"@cell marks a function, not {step!r}; a name of its own stands in brackets: "
            "@cell(name='mine')"
        )
    where = start_of(step)
    name = _checked_name(step.__name__ if name is None else name, where)
    options = {"source": source, "layout": tuple(layout)}
    options |= {"sizes": dict(sizes or {}), "initial": dict(initial or {})}
    if _has_options(step, where):
        given = [option for option, value in options.items() if value]
        if given:
            raise CellError(
                f"{where}: {', '.join(given)} are said in the Equation that {step.__name__} "
                "returns, not in the brackets of @cell"
            )
        definition = Definition(name, step, step)
    else:
        definition = Definition(name, step, partial(_plain, Equation(step, **options)))
        if options["layout"] or options["sizes"] or options["initial"]:
            _check_blocks(definition.default, where)
    CELLS[name] = definition
    return definition.default


def _plain(equation: Equation) -> Equation:
    return equation


def _checked_name(name: Any, where: str) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise CellError(
            f"{where}: {name!r} is no name for a cell: give one of letters, digits and _, as in "
            "cell(name='mine')"
        )
    if name in BUILT_IN:
        raise CellError(
            f"{where}: {name!r} is a cell of headgate's own: call yours another name, or give one, "
            "as in @cell(name='mine')"
        )
    return name


def _has_options(step: Step, where: str) -> bool:
    """Tell a function that builds a cell from a step, and check what only one of them has."""
    arguments = inspect.signature(step).parameters
    options = [each for each in arguments.values() if each.kind is each.KEYWORD_ONLY]
    if len(options) == len(arguments):
        for each in options:
            if each.default is each.empty:
                raise CellError(
                    f"{where}: the option {each.name} needs a default, so that the cell can be "
                    f"built by its name alone: {each.name}=…"
                )
        return True
    states_of(step)  # other faults of the arguments come first
    if "x" not in arguments:
        raise CellError(
            f"{where}: {step.__name__} has no argument x, so it would never see its input; a step "
            f"is written as def {step.__name__}(x, W, h), where each argument but "
            f"{', '.join(NAMESPACES)} is a state"
        )
    return False


def _check_blocks(own: Own, where: str) -> None:
    """Refuse a layout, a size or an initial bias for a block that the step does not have."""
    program = trace(own)
    blocks = {node.block for node in program.nodes if node.block and node.op != "state"}
    for kind in ("layout", "sizes", "initial"):
        for block in getattr(own, kind):
            if block not in blocks:
                close = difflib.get_close_matches(str(block), blocks, n=1)
                near = f" did you mean {close[0]!r}?" if close else ""
                raise CellError(
                    f"{where}: {kind} names the block {block!r}, which the step does not have;"
                    f"{near} its blocks: {', '.join(sorted(blocks))}"
                )
    for block, size in own.sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise CellError(f"{where}: sizes[{block!r}] is a positive integer, not {size!r}")


def _find(token: str, name: str, home: tuple[str, str], options: dict[str, Any]) -> Equation:
    """Find the cell of a pickle: the very same one, or what its module defines now."""
    if token in _ALIVE:
        return _ALIVE[token]
    module, path = home
    try:
        place = sys.modules.get(module) or importlib.import_module(module)
        found = reduce(getattr, path.split("."), place)
    except (AttributeError, ImportError):
        found = None
    found = found.definition if isinstance(found, Own) else CELLS.get(name)
    if not isinstance(found, Definition):
        raise CellError(
            f"the cell {name!r} was defined in {module} as {path}, which is not here: run or "
            "import what defines it first. A model directory opens without it: model.save(…)"
        )
    return found(**options)
