"""What a step is run on while it is traced: symbols that write down what is done to them.

Python and torch let a symbol do much that a program cannot hold. Each such thing is refused where
it happens, so that the message names the line.
"""

from __future__ import annotations

import os
import sys
from numbers import Real
from typing import Any, NoReturn

import torch
from torch import fx
from torch.fx.proxy import GraphAppendingTracer

from headgate.errors import CellError
from headgate.program import refusals
from headgate.program.operations import OPERATIONS

_LEAVES = {"x": "input", "b": "bias", "p": "vector"}
_TORCH = os.path.dirname(torch.__file__)
_HERE = os.path.dirname(__file__)
_MISUSES = (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "rpow", "neg"),
    *("matmul", "rmatmul", "abs", "lt", "le", "gt", "ge", "getitem", "setitem", "iter", "len"),
    *("bool", "float", "int", "mod", "rmod", "floordiv", "rfloordiv", "and", "rand", "or", "ror"),
)


class Tracer(GraphAppendingTracer):
    """torch.fx with our namespaces; each node remembers its line in the user's file.

    Args:
        code: the code of the step.
    """

    def __init__(self, code: Any) -> None:
        super().__init__(fx.Graph())
        self.code = code

    def create_node(self, kind: str, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        """Write a node down with its line.

        Args:
            kind: "call_function" or "call_method".
            target: what is called.
            *args: as torch.fx passes them.
            **kwargs: likewise.

        Returns:
            The node.
        """
        node = super().create_node(kind, target, *args, **kwargs)
        node.meta["line"] = self.line()
        return node

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """Give the symbol of a node.

        Args:
            node: the node.

        Returns:
            The symbol.
        """
        return Symbol(node, self)

    def create_arg(self, a: Any) -> Any:
        """Take an argument of an operation, or refuse it.

        Args:
            a: a symbol, a number, or what should not be there.

        Returns:
            What a node holds of it.
        """
        if isinstance(a, torch.Tensor) or type(a).__name__ == "ndarray":
            self.refuse(
                f"a tensor of shape {tuple(a.shape)} stands in the equation. A constant is a "
                "Python number, a parameter is p.name or W.name(v); random values do not trace"
            )
        if isinstance(a, Misused):
            a.refuse()
        if isinstance(a, Real) and not isinstance(a, int | float):
            return float(a)  # a number of numpy's
        return super().create_arg(a)

    def to_bool(self, obj: fx.Proxy) -> bool:
        """Refuse a branch.

        Args:
            obj: what it depends on.

        Returns:
            Nothing: it raises.
        """
        self.refuse(
            "a branch depends on a value of the step, which one graph cannot hold: if, while, "
            "and, or, not, assert, Python's max and min. Choose when the cell is built, or compute "
            "both sides: m * a + (1 - m) * b; torch.maximum(a, b) for max(a, b)"
        )

    def iter(self, obj: fx.Proxy) -> Any:
        """Refuse a loop over a value.

        Args:
            obj: the value.

        Returns:
            Nothing: it raises.
        """
        self.refuse(
            "a value of the step cannot be taken apart or iterated: getitem is not an operation of "
            f"a program. {refusals.PARTS}"
        )

    def refuse(self, text: str) -> NoReturn:
        """Raise an error that names the line which runs now.

        Args:
            text: what is wrong and what to do.

        Raises:
            CellError: always.
        """
        raise CellError(f"{self.line()}: {text}")

    def line(self) -> str:
        """Name the line of the equation that runs now, or of the function it called last.

        Returns:
            file:line.
        """
        frame, inner = sys._getframe(1), None
        while frame is not None:
            inner = inner or (frame if is_users(frame.f_code) else None)
            if frame.f_code is self.code:
                return refusals.place(self.code.co_filename, frame.f_lineno)
            frame = frame.f_back
        line = inner.f_lineno if inner else self.code.co_firstlineno
        return refusals.place(self.code.co_filename, line)

    def leaf(self, kind: str, block: str, *args: Any) -> fx.Proxy:
        """Write down a projection, a bias, a vector or a state.

        Args:
            kind: the operation of a ``Node``.
            block: the block, or the state.
            *args: what a matrix multiplies.

        Returns:
            Its symbol.
        """
        return self.create_proxy("call_function", leaf, (kind, block, *args), {})


def is_users(code: Any) -> bool:
    """Say whether code is neither torch's nor the tracer's.

    Args:
        code: a code object.

    Returns:
        True for the user's.
    """
    return not code.co_filename.startswith((_TORCH, _HERE))


def leaf(kind: str, block: str, *args: Any) -> None:
    """Stand in the graph for a projection, a bias, a vector or a state; never run.

    Args:
        kind: the operation.
        block: the block, or the state.
        *args: what a matrix multiplies.
    """


class Symbol(fx.Proxy):
    """A value of the step."""

    tracer: Tracer  # type: ignore[assignment]
    __array_ufunc__ = None  # numpy leaves its scalars' arithmetic to us, and refuses the rest

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not callable(getattr(torch.Tensor, name, None)):
            self.tracer.refuse(refusals.unknown(name, OPERATIONS))
        return _Method(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.tracer.refuse(
            "a value of the step is called: x.name, b.name and p.name are values themselves, with "
            "no brackets; W.name(v) alone is called"
        )

    def __iter__(self) -> Any:
        return self.tracer.iter(self)

    def __len__(self) -> int:  # noqa: PLE0303 - it raises
        self.tracer.refuse(f"len() is asked of a value of the step. {refusals.PARTS}")

    def __setitem__(self, place: Any, value: Any) -> None:
        self.tracer.refuse(f"v[…] = … changes a value. {refusals.PLACE}. {refusals.PARTS}")

    def __contains__(self, item: Any) -> bool:
        return self.tracer.iter(self)

    def __float__(self) -> float:
        self.tracer.refuse(f"a value of the step is turned to a number. {refusals.NUMBERS}")

    __int__ = __index__ = __round__ = __complex__ = __float__  # type: ignore[assignment]

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        self.tracer.refuse(refusals.NUMPY)

    __array_function__ = __array__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __repr__(self) -> str:
        return f"<a value of the step, from {self.node.meta['line']}>"


class Misused:
    """What is no value and stands where a value should.

    Args:
        tracer: who knows the line.
        text: what to say of a misuse.
    """

    _tracer: Tracer
    _text: str

    def __init__(self, tracer: Tracer, text: str) -> None:
        self.__dict__["_tracer"], self.__dict__["_text"] = tracer, text

    def refuse(self, *args: Any) -> NoReturn:
        """Raise the error of a misuse.

        Args:
            *args: the operands, if any.
        """
        self._tracer.refuse(self._text)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        found = (a for a in (*args, *(kwargs or {}).values()) if isinstance(a, Misused))
        next(found).refuse()

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        self.refuse()

    def __setattr__(self, name: str, value: Any) -> None:
        self._tracer.refuse(
            f"{name} is assigned to a namespace or a value, which are only read: choose a name of "
            "your own, v = …, or named('gate', v) of headgate.equations.notation"
        )


for _name in _MISUSES:
    setattr(Misused, f"__{_name}__", Misused.refuse)


class _Method(Misused):
    """A method of a value that has still to be called."""

    _symbol: Symbol
    _name: str

    def __init__(self, symbol: Symbol, name: str) -> None:
        text = f".{name} is a method and is not called here: write v.{name}()"
        super().__init__(symbol.tracer, text)
        self.__dict__["_symbol"], self.__dict__["_name"] = symbol, name

    def __call__(self, *args: Any, **kwargs: Any) -> fx.Proxy:
        return self._tracer.create_proxy("call_method", self._name, (self._symbol, *args), kwargs)


class _Matrix(Misused):
    """W.name, which is called on a value."""

    _block: str

    def __init__(self, tracer: Tracer, block: str) -> None:
        text = f"W.{block} is a matrix and no value: it multiplies one, as in W.{block}(h)"
        super().__init__(tracer, text)
        self.__dict__["_block"] = block

    def __call__(self, *args: Any, **kwargs: Any) -> fx.Proxy:
        if len(args) != 1 or kwargs:
            came = len(args) + len(kwargs)
            self._tracer.refuse(f"W.{self._block} takes one value of the step, and {came} came")
        if isinstance(args[0], Misused):
            args[0].refuse()
        if not isinstance(args[0], fx.Proxy):
            text = f"W.{self._block} takes a value of the step, not {args[0]!r}"
            self._tracer.refuse(text)
        return self._tracer.leaf("matmul", self._block, args[0])

    def __repr__(self) -> str:
        return f"W.{self._block}"


class Namespace(Misused):
    """x, W, b or p of a step.

    Args:
        tracer: who writes down.
        kind: which of them.
    """

    _kind: str

    def __init__(self, tracer: Tracer, kind: str) -> None:
        use = "W.name(v)" if kind == "W" else f"{kind}.name"
        text = f"{kind} is a namespace and no value: for a block of your naming write {use}"
        super().__init__(tracer, text)
        self.__dict__["_kind"] = kind

    def __getattr__(self, block: str) -> Any:
        if block.startswith("__"):
            raise AttributeError(block)
        if self._kind == "W":
            return _Matrix(self._tracer, block)
        return self._tracer.leaf(_LEAVES[self._kind], block)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.refuse()

    def __repr__(self) -> str:
        return self._kind


class Nothing:
    """The biases of a cell without bias."""

    def __getattr__(self, block: str) -> float:
        return 0.0
