"""The words for what a step holds and a program cannot: what came, and what to write instead."""

from __future__ import annotations

import difflib
import inspect
import linecache
import os
from collections.abc import Callable, Iterable
from types import FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch.nn import functional

from headgate.equations.notation import NAMESPACES
from headgate.errors import CellError

PARTS = (
    "A value of the step is whole: it has no parts to take, to join or to count. A block with "
    "rows of its own is x.name or W.name(v), and sizes={'name': rows} says how many"
)
SIZES = (
    "One step is traced for every size, so a value has none yet; what depends on a size is "
    "chosen when the cell is built"
)
NUMBERS = (
    "While the step is traced its values are symbols, not numbers: use torch's functions, not "
    "those of math; look at numbers with hg.using('eager'), where the step runs on tensors"
)
PLACE = "A value never changes in place: write v = v + …, which is a new value"
COMPARE = (
    "A step has no truth values. Choose when the cell is built, or compute both sides: "
    "m * a + (1 - m) * b with a smooth m, such as a sigmoid; or torch.maximum and torch.minimum"
)
CHANCE = "Random numbers do not trace: noise belongs to a modifier of the layer"
PRODUCT = "The product with a matrix of parameters is W.name(v)"
UNITS = "Over all units of a row there is normalize, of headgate.equations.notation"
BOUNDS = "Bounds are functional.hardtanh, torch.relu, or torch.maximum and torch.minimum"
NUMPY = "numpy's functions do not trace, torch's do: torch.tanh for numpy.tanh"
GRADIENT = "Gradients pass through every value of a step"

_HINTS: dict[str, tuple[str, ...]] = {
    PARTS: (
        *("getitem", "chunk", "split", "narrow", "select", "index_select", "gather", "unbind"),
        *("cat", "concat", "stack", "hstack", "vstack", "reshape", "view", "transpose", "t"),
        *("permute", "squeeze", "unsqueeze", "flatten", "unflatten", "T", "mT", "H", "roll"),
        *("tensor_split", "expand", "repeat"),
    ),
    SIZES: ("shape", "size", "dim", "ndim", "numel", "nelement", "device", "dtype", "is_cuda"),
    NUMBERS: ("item", "tolist", "numpy", "cpu", "cuda", "to", "float", "double", "half", "type"),
    COMPARE: (
        *("gt", "lt", "ge", "le", "eq", "ne", "where", "and_", "or_", "xor", "invert", "not_"),
        *("logical_and", "logical_or", "logical_not", "any", "all", "isnan", "sign", "heaviside"),
        *("masked_fill", "greater", "less"),
    ),
    CHANCE: (
        *("rand_like", "randn_like", "randint_like", "bernoulli", "normal", "multinomial"),
        *("dropout", "alpha_dropout", "rrelu", "poisson", "gumbel_softmax"),
    ),
    PRODUCT: ("matmul", "mm", "bmm", "linear", "einsum", "addmm", "mv", "dot", "bilinear"),
    UNITS: (
        *("mean", "sum", "var", "std", "norm", "softmax", "layer_norm", "prod", "amax"),
        *("amin", "log_softmax", "logsumexp", "rms_norm", "batch_norm", "normalize"),
    ),
    BOUNDS: ("clamp", "clip", "max", "min", "relu6", "threshold", "fmin", "fmax"),
    GRADIENT: ("detach", "data", "grad", "requires_grad", "requires_grad_", "clone", "backward"),
}
_HINT_OF = {name: hint for hint, names in _HINTS.items() for name in names}
_SIGNS = {"gt": ">", "lt": "<", "ge": ">=", "le": "<=", "eq": "==", "ne": "!=", "matmul": "@"}
_SIGNS |= {
    "getitem": "[…]",
    "and_": "&",
    "or_": "|",
    "xor": "^",
    "invert": "~",
    "mod": "%",
    "floordiv": "//",
}


def place(filename: str, line: int) -> str:
    """Name a line of a user's code.

    Args:
        filename: as the code object has it.
        line: the line, counted from 1.

    Returns:
        file:line; with the line's text where it stands in no file, as in a notebook.
    """
    text = "" if os.path.exists(filename) else linecache.getline(filename, line).strip()
    return f"{filename}:{line} [{text}]" if text else f"{filename}:{line}"


def start_of(step: Any) -> str:
    """Name the line where a function starts.

    Args:
        step: the function.

    Returns:
        file:line, or the name of the object where it has no code of its own.
    """
    code = getattr(inspect.unwrap(step), "__code__", None)
    return place(code.co_filename, code.co_firstlineno) if code else repr(step)


def states_of(step: Any) -> tuple[str, ...]:
    """Check the arguments of a step.

    Args:
        step: what should be the step of a cell.

    Returns:
        The names of its states, in their order.

    Raises:
        CellError: it is no plain function, or has other arguments than a step has.
    """
    bare = inspect.unwrap(step) if callable(step) else step
    if not isinstance(bare, FunctionType | MethodType):
        raise CellError(f"a step is a function, made by def or lambda, not {step!r}")
    where = start_of(step)
    if inspect.iscoroutinefunction(bare) or inspect.isasyncgenfunction(bare):
        raise CellError(f"{where}: a step is a plain function: write def in place of async def")
    if inspect.isgeneratorfunction(bare):
        raise CellError(f"{where}: a step returns the new states, where this one has a yield")
    parameters = inspect.signature(step).parameters
    for each in parameters.values():
        _check_argument(each, where)
    return tuple(name for name in parameters if name not in NAMESPACES)


def _check_argument(argument: inspect.Parameter, where: str) -> None:
    if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
        raise CellError(
            f"{where}: {argument} stands among the arguments; a step names each: x, W, b and p as "
            "it needs them, then its states, as in (x, W, h)"
        )
    if argument.kind is argument.KEYWORD_ONLY:
        raise CellError(
            f"{where}: {argument.name} is an argument by keyword only. Those are options, and "
            "stand in a function around the step that returns Equation(step)"
        )
    if argument.default is not argument.empty:
        raise CellError(
            f"{where}: {argument} has a default, but every argument of a step is given: a state "
            "starts as the layer says, and an option stands in a function around the step"
        )


def check_results(results: Any, states: tuple[str, ...], where: str) -> tuple[Any, ...]:
    """Check that a step returned one value for each of its states.

    Args:
        results: what it returned.
        states: the names of its states.
        where: where the step starts.

    Returns:
        The values, in the order of the states.

    Raises:
        CellError: there are more, or fewer.
    """
    if isinstance(results, list):
        raise CellError(
            f"{where}: the step returned a list: write return {', '.join(states)}, with no brackets"
        )
    found = results if isinstance(results, tuple) else (results,)
    if not states or len(found) != len(states):
        raise CellError(
            f"{where}: a step returns the new value of each of its states in order; it has "
            f"{len(states)} ({', '.join(states) or 'none'}) and returned {len(found)}. A state is "
            f"each argument but {', '.join(NAMESPACES)}"
        )
    return found


def not_computed(state: str, result: Any) -> str:
    """Say that the new value of a state is none of the step's.

    Args:
        state: the state.
        result: what came.

    Returns:
        The sentence.
    """
    text = f"the new value of {state} is {result!r}, not computed"
    misuse = getattr(result, "_text", "")
    return f"{text}: {'does the step end with return?' if result is None else misuse}".rstrip(": ")


def unknown(called: Any, known: Iterable[str]) -> str:
    """Say that a function or a method is no operation of a program.

    Args:
        called: the function, or the name of the method.
        known: the operations that exist.

    Returns:
        The sentence, with what is near and what to write.
    """
    name = called if isinstance(called, str) else getattr(called, "__name__", str(called))
    names = sorted(known)
    if isinstance(called, str) and name in names:
        return f"torch's tensors have no method .{name}: call the function, as in {name}(v)"
    close = difflib.get_close_matches(name.rstrip("_"), names, n=1, cutoff=0.7)
    near = f" did you mean {close[0]}?" if close and name not in names else ""
    shown = f".{name}" if isinstance(called, str) else _full_name(called, name)
    in_place = name.endswith("_") and not name.endswith("__")
    hint = _HINT_OF.get(name, PLACE if in_place else "")
    listed = f"{shown} is not an operation of a program;{near} known: {', '.join(names)}"
    return f"{listed}. {hint}" if hint else listed


def _full_name(function: Any, name: str) -> str:
    """Write a function as a user does: torch.erf, functional.mish; an operator with its sign."""
    if getattr(function, "__module__", "") in ("_operator", "operator"):
        return f"{_SIGNS[name]}: {name}" if name in _SIGNS else name
    for module, prefix in ((torch, "torch"), (functional, "functional")):
        if getattr(module, name, None) is function:
            return f"{prefix}.{name}"
    return name


def explain(error: Exception) -> str:
    """Say what an exception in a step means.

    Args:
        error: what Python, torch or numpy raised.

    Returns:
        The sentence, with what is near to a name that is wrong.
    """
    text = str(error) or type(error).__name__
    if "__array_ufunc__" in text:
        return NUMPY
    near = ""
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        close = difflib.get_close_matches(str(error.name), dir(error.obj), n=1)
        near = f"; did you mean {close[0]}?" if close else ""
    return f"the step fails with {type(error).__name__}: {text}{near}"


def line_of(error: BaseException, wanted: Callable[[Any], bool]) -> int | None:
    """Find the line at which an exception left some code.

    Args:
        error: the exception.
        wanted: whether a code object is meant.

    Returns:
        The line of the innermost frame that is meant, or None.
    """
    found, trace = None, error.__traceback__
    while trace is not None:
        if wanted(trace.tb_frame.f_code):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
