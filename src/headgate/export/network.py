"""A network as one ONNX graph: torch follows it, and a table writes what it did."""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._dynamo.exc import UserError
from torch.export import Dim, ExportedProgram, default_decompositions, export
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx.experimental.symbolic_shapes import is_concrete_int

from headgate.errors import CellError, ShapeError
from headgate.export import aten_layers, aten_pointwise, aten_shapes
from headgate.export.aten import TABLE, Call
from headgate.export.graph import LARGEST, Graph, Value, onnx

_FILLED = (aten_layers, aten_pointwise, aten_shapes)
_ARITHMETIC = {
    operator.add: "Add",
    operator.sub: "Sub",
    operator.mul: "Mul",
    operator.floordiv: "Div",
    operator.neg: "Neg",
}


def network_to_onnx(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
    *,
    notes: Mapping[str, str] | None = None,
) -> Any:
    """Write a network as an ONNX model.

    Args:
        network: takes the inputs in their order, gives a tensor or a flat tuple of them; it is
            followed in evaluation mode, and left as it was.
        inputs: an example of each input, by name; the lengths of its axes that vary are at least
            2, and no two of them alike that mean different things.
        outputs: the names of what comes out.
        axes: which axes of an input vary, and what each is called; by the input's name.
        notes: what the file says of itself.

    Returns:
        An ``onnx.ModelProto``, checked.

    Raises:
        CellError: the network does what ONNX cannot say, or what depends on values; the message
            names the operation and its line.
        ShapeError: a name stands twice, there are more or fewer outputs than names, or the model
            is larger than a file of ONNX may be.
        MissingExtraError: onnx is not installed.
    """
    names = [*inputs, *outputs]
    for name in names:
        if names.count(name) > 1:
            raise ShapeError(f"{name!r} is named twice: what goes in and out has names of its own")
    ends = list(inputs), outputs, axes
    writer = _Writer(_followed(network, inputs, axes))
    made = writer.write(*ends, network, dict(notes or {}))
    if writer.fixed:
        # torch tells of a fixed length only while it follows, and often it fixed nothing in effect
        other = _Writer(_followed(network, _other(inputs, axes), axes))
        check_same(made, other.write(*ends, network, {}), writer.fixed)
    if made.ByteSize() > LARGEST:
        raise ShapeError(
            f"the model has {made.ByteSize() / 2**30:.1f} GiB, and a file of ONNX 2 at most: "
            "export a smaller one"
        )
    return made


def _followed(
    network: nn.Module, inputs: Mapping[str, Tensor], axes: Mapping[str, Mapping[int, str]]
) -> ExportedProgram:
    training = {module: module.training for module in network.modules()}
    dynamic = tuple(
        dict.fromkeys(axes[name], Dim.DYNAMIC) if axes.get(name) else None for name in inputs
    )
    network.eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own parts about each other
            arguments = tuple(inputs.values())
            whole = export(_Flat(network), arguments, dynamic_shapes=(dynamic,), strict=False)
            return _decomposed(whole.run_decompositions({}))
    except (RuntimeError, UserError) as error:
        raise CellError(
            "torch cannot follow the network for lengths that vary: a branch or a shape depends "
            f"on a value. {str(error).strip().splitlines()[0]}"
        ) from error
    finally:
        for module, was in training.items():
            module.training = was


def _decomposed(whole: ExportedProgram) -> ExportedProgram:
    """Have torch take apart what the table lacks, as far as torch knows how."""
    known = default_decompositions()
    while True:
        nodes = (node for node in whole.graph.nodes if node.op == "call_function")
        lacking: set[Any] = {node.target for node in nodes if str(node.target) not in TABLE}
        parts = {target: known[target] for target in lacking if target in known}
        if not parts:
            return whole
        whole = whole.run_decompositions(parts)


class _Flat(nn.Module):
    """A network that takes its inputs as one row, whatever they are called."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Any:
        return self.network(*inputs)


class _Writer:
    """Writes what torch saw.

    Args:
        followed: the network as torch saw it.
    """

    def __init__(self, followed: ExportedProgram) -> None:
        self.followed, self.graph = followed, Graph()
        self.values: dict[fx.Node, Any] = {}  # names, tuples of names, or numbers
        self.known: dict[str, Tensor] = {}  # tensors without an input in them, by node
        self.fixed: list[str] = []  # axes that do not vary any more, as torch has it

    def write(
        self,
        inputs: Sequence[str],
        outputs: Sequence[str],
        axes: Mapping[str, Mapping[int, str]],
        network: nn.Module,
        notes: dict[str, str],
    ) -> Any:
        for name in (*inputs, *outputs):
            self.graph.name(name)
        nodes = list(self.followed.graph.nodes)
        places = [node for node in nodes if node.op == "placeholder"]
        users, ends = self._placed(places, inputs), self._ends(nodes[-1], len(outputs))
        for node in nodes:
            if node.op == "call_function":
                self.values[node] = self._call(node)
        given = [
            _value(name, node.meta["val"], axes.get(name, {}))
            for name, node in zip(inputs, users, strict=True)
        ]
        self.fixed = _fixed(users, given)
        names = _named(users, given)
        results = []
        for name, node in zip(outputs, ends, strict=True):
            self.graph.nodes.append(_identity(self._name(node), name))
            results.append(_output(name, node.meta["val"], names))
        return self.graph.model(given, results, name=type(network).__name__, notes=notes)

    def _placed(self, places: Sequence[fx.Node], inputs: Sequence[str]) -> list[fx.Node]:
        """Give the inputs their names, and take in the weights."""
        specs = self.followed.graph_signature.input_specs
        held: dict[str, Any] = self.followed.state_dict | self.followed.constants
        users = []
        for node, spec in zip(places, specs, strict=True):
            if spec.kind == InputKind.USER_INPUT:
                self.values[node] = inputs[len(users)]
                users.append(node)
            elif spec.target in held:
                self.known[node.name] = held[spec.target]
            else:
                raise CellError(
                    "the network does something besides computing its outputs, such as a check of "
                    "values inside an operation of torch, which a graph of ONNX cannot hold"
                )
        return users

    def _ends(self, last: fx.Node, wanted: int) -> list[fx.Node]:
        """What the network gives; what it changed in itself comes out of torch's graph, too."""
        specs = self.followed.graph_signature.output_specs
        pairs = zip(last.args[0], specs, strict=True)  # type: ignore[arg-type]
        found: list[Any] = [node for node, spec in pairs if spec.kind == OutputKind.USER_OUTPUT]
        if len(found) != wanted or not all(isinstance(each, fx.Node) for each in found):
            tensors = sum(isinstance(each, fx.Node) for each in found)
            raise ShapeError(
                f"{wanted} outputs are named, and the network gives {len(found)} values, of which "
                f"{tensors} are tensors: name each, and give tensors alone"
            )
        return found

    def _call(self, node: fx.Node) -> Any:
        if node.target is operator.getitem:
            source, place = node.args
            return self.values[source][place]  # type: ignore[index]
        if node.target in _ARITHMETIC:
            return self._length(node)
        if self._is_known(node):
            self.known[node.name] = node.target(  # type: ignore[operator]
                *fx.map_arg(node.args, lambda n: self.known[n.name]),
                **fx.map_arg(node.kwargs, lambda n: self.known[n.name]),
            )
            return None
        target = str(node.target)
        call = Call(self.graph, node, self.known)
        if target not in TABLE:
            raise call.refuse("no entry of the table knows it")
        args = [self._argument(arg) for arg in node.args]
        options = {key: self._argument(value) for key, value in node.kwargs.items()}
        return TABLE[target](call, *args, **options)

    def _is_known(self, node: fx.Node) -> bool:
        """Whether a call has no input in it, so that it can be made now."""
        values = node.all_input_nodes
        tensor = isinstance(node.meta.get("val"), Tensor)
        return bool(values) and tensor and all(each.name in self.known for each in values)

    def _length(self, node: fx.Node) -> str:
        """Write the arithmetic of lengths."""
        names = []
        for arg in node.args:
            value = self._argument(arg)
            names.append(value if isinstance(value, str) else self._number(value))
        return self.graph.add(_ARITHMETIC[node.target], *names)  # type: ignore[index]

    def _number(self, value: int) -> str:
        return self.graph.weight(torch.tensor(value))

    def _argument(self, arg: Any) -> Any:
        if isinstance(arg, fx.Node):
            return self._name(arg)
        if isinstance(arg, list | tuple):
            return [self._argument(each) for each in arg]
        return arg

    def _name(self, node: fx.Node) -> Any:
        if node.name in self.known:
            return self.graph.weight(self.known[node.name], node.name.removeprefix("p_network_"))
        return self.values[node]


def _fixed(users: Sequence[fx.Node], given: Sequence[Value]) -> list[str]:
    """The axes whose lengths torch holds to be those of the example."""
    return [
        f"{axis} of {value.name} ({int(size)})"
        for node, value in zip(users, given, strict=True)
        for size, axis in zip(node.meta["val"].shape, value.axes, strict=True)
        if isinstance(axis, str) and is_concrete_int(size)
    ]


def _other(
    inputs: Mapping[str, Tensor], axes: Mapping[str, Mapping[int, str]]
) -> dict[str, Tensor]:
    """An example whose axes that vary have other lengths, shorter ones where they can."""
    found = dict(inputs)
    for name, named in axes.items():
        for axis in named:
            size = found[name].shape[axis]
            places = torch.arange(size - 1 if size > 2 else size + 1) % size
            found[name] = found[name].index_select(axis, places.to(found[name].device))
    return found


def check_same(made: Any, again: Any, fixed: Sequence[str]) -> None:
    """Check that two examples of other lengths give one graph.

    Args:
        made: the model of one.
        again: of the other.
        fixed: what torch holds to be fixed.

    Raises:
        CellError: they differ.
    """
    for one, other in ((made, again), (again, made)):
        held = {each.name: each for each in other.graph.initializer}
        same = list(one.graph.node) == list(other.graph.node)
        if not same or any(each != held.get(each.name) for each in one.graph.initializer):
            raise CellError(
                "torch cannot follow the network for lengths that vary: it fixed "
                f"{', '.join(fixed)} as in the example; .contiguous() before a product of "
                "matrices, or .shape[0] in place of len(), may keep it free"
            )


def _value(name: str, meta: Tensor, axes: Mapping[int, str]) -> Value:
    # an axis that varies is not asked for its length: torch would hold it to be fixed from then on
    sizes = tuple(axes[a] if a in axes else int(size) for a, size in enumerate(meta.shape))
    return Value(name, meta.dtype, sizes)


def _named(users: Sequence[fx.Node], given: Sequence[Value]) -> dict[str, str]:
    """What torch's symbols of lengths are called."""
    found: dict[str, str] = {}
    for node, value in zip(users, given, strict=True):
        for symbol, axis in zip(node.meta["val"].shape, value.axes, strict=True):
            if isinstance(axis, str):
                found.setdefault(str(symbol), axis)
    return found


def _output(name: str, meta: Tensor, names: Mapping[str, str]) -> Value:
    def said(size: Any) -> str:  # B, or 2*B
        return re.sub(r"\w+", lambda found: names.get(found[0], found[0]), str(size))

    sizes = tuple(size if isinstance(size, int) else said(size) for size in meta.shape)
    return Value(name, meta.dtype, sizes)


def _identity(source: str, name: str) -> Any:
    return onnx("helper").make_node("Identity", [source], [name], name=name)
