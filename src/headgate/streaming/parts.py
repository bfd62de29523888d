"""From modules to the links of a chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from headgate.equations.activations import identity
from headgate.equations.notation import Equation
from headgate.errors import ShapeError, StreamError
from headgate.kernels.links import (
    Cell,
    Link,
    Lookup,
    Projection,
    features_of,
    tensors_of,
    width_of,
)
from headgate.layers import GRU, LSTM, RNN, Linear, Output, Recurrent
from headgate.layers.output import softmax
from headgate.layers.twins import TWINS
from headgate.models.embedding import FrameEmbedding, TokenEmbedding
from headgate.models.pooling import Pool
from headgate.program import trace

_NOTHING = (nn.Dropout, nn.Identity, FrameEmbedding)  # in evaluation
_READ = (
    *_NOTHING, nn.Sequential, TokenEmbedding, nn.Embedding, Recurrent, RNN, LSTM, GRU, nn.Linear,
    Linear, Output, Pool,
)  # fmt: skip
_KNOWN = (
    "an embedding, Recurrent, RNN, LSTM, GRU, Linear, Output, Pool, Dropout, Identity, or a "
    "Sequential of these"
)


_FORWARDS = {kind.forward for kind in _READ}


def links_of(modules: Sequence[nn.Module]) -> list[Link]:
    """Read a chain of modules as it is in evaluation.

    Args:
        modules: what each step goes through, in order.

    Returns:
        The links.

    Raises:
        StreamError: a module cannot be run step by step, or there is none, or they are of several
            types of number.
        ShapeError: a module does not take what the one before it gives.
    """
    links: list[Link] = []
    for module in modules:
        for link in _read(module, links):
            if isinstance(link, Lookup) and links:
                raise StreamError("an embedding reads ids, so it stands first in a stream")
            links.append(link)
    if not links:
        raise StreamError(f"a stream runs at least one module: {_KNOWN}")
    for before, after in pairwise(links):
        wanted, came = features_of(after), width_of(before)
        if wanted is not None and wanted != came:
            raise ShapeError(f"a module takes {wanted} features, but the one before gives {came}")
    kinds = {(str(t.dtype), str(t.device)) for link in links for t in tensors_of(link).values()}
    if len(kinds) > 1:
        found = " and ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
        raise StreamError(f"the modules of a stream are alike in dtype and device, not of {found}")
    return links


def _read(module: nn.Module, before: Sequence[Link]) -> Iterator[Link]:
    _check_known(module)
    _check_hooks(module)
    if isinstance(module, nn.Sequential):
        read = list(before)
        for part in module:
            for link in _read(part, read):
                read.append(link)
                yield link
    elif isinstance(module, (TokenEmbedding, nn.Embedding)):
        yield Lookup(_table(module))
    elif isinstance(module, (Recurrent, RNN, LSTM, GRU)):
        yield from _layers(module)
    elif isinstance(module, nn.Linear):
        yield _projection(module)
    elif isinstance(module, Output):
        yield from _output(module)
    elif isinstance(module, Pool):
        yield from _pool(module, before)


def _check_known(module: nn.Module) -> None:
    """Refuse what cannot be read, and what has a forward of its own, which would go unseen."""
    name = type(module).__name__
    if type(module) in TWINS:
        raise StreamError(f"torch.nn.{name} has no stream: headgate.accelerate(model) gives it one")
    if not isinstance(module, _READ):
        raise StreamError(
            f"{name} cannot be run step by step here; what can: {_KNOWN}. Put what is yours behind "
            "the stream, or write it as a cell"
        )
    if type(module).forward not in _FORWARDS or "forward" in vars(module):
        raise StreamError(
            f"{name} has a forward of its own, which a stream cannot read: put it behind the "
            "stream, or write it as a cell"
        )


def _check_hooks(module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        if isinstance(parameter, nn.UninitializedParameter) or parameter.is_meta:
            raise StreamError(
                f"{type(module).__name__}.{name} has no numbers yet: a stream needs them"
            )
    if module._forward_hooks or module._forward_pre_hooks:
        raise StreamError(
            f"{type(module).__name__} has forward hooks, which a stream would not see: take them "
            "off; for weight_norm and the like use torch.nn.utils.parametrizations"
        )


def _table(module: TokenEmbedding | nn.Embedding) -> Tensor:
    table = module.table if isinstance(module, TokenEmbedding) else module
    if table.max_norm is not None:
        raise StreamError("an embedding with max_norm changes as it is read: set it to None")
    return table.weight


def _layers(module: Recurrent | RNN | LSTM | GRU) -> Iterator[Link]:
    if module.bidirectional:
        raise StreamError(
            "a bidirectional layer reads the whole sequence before its first answer, so it has no "
            "stream. Two ways out: train the model with bidirectional=False, or give it whole "
            "pieces, cut where nothing is lost, such as sentences, to predict"
        )
    ours = isinstance(module, Recurrent)
    program = module.noise.modify(module.program, training=False) if ours else module.program
    residual = ours and module.residual
    for layer, (weights,) in enumerate(module.weights()):
        initial = tuple(_initial(module, layer, i) for i in range(len(program.states)))
        yield Cell(program, weights, initial, residual=residual and layer > 0)


def _initial(module: Recurrent | RNN | LSTM | GRU, layer: int, state: int) -> Tensor:
    like = next(module.parameters(), torch.empty(0))
    name = f"initial_{module.program.states[state]}"
    if isinstance(module, Recurrent) and module.initial_state == "learned":
        return getattr(module, name)[layer]
    return like.new_zeros(module.state_sizes()[state])


def _projection(linear: nn.Linear) -> Projection:
    if linear.bias is not None and linear.bias.shape != linear.weight.shape[:1]:
        raise ShapeError(
            f"a weight {tuple(linear.weight.shape)} and a bias {tuple(linear.bias.shape)} differ"
        )
    return Projection(linear.weight, linear.bias)


def _output(module: Output) -> Iterator[Link]:
    linear = module.linear
    activation = module.activation
    if activation is identity:
        yield _projection(linear)
        return
    if activation is softmax:
        raise StreamError(
            "softmax looks at all units of an output at once: stream an Output without it, and "
            "take the softmax of what comes out"
        )

    def output(x, y):
        return activation(x.output)

    program = trace(Equation(output), bias=linear.bias is not None)
    bias = {} if linear.bias is None else {"bias": linear.bias}
    weights = {"weight_ih": linear.weight} | bias
    yield Cell(program, weights, (linear.weight.new_zeros(len(linear.weight)),))


def _pool(module: Pool, before: Sequence[Link]) -> Iterator[Link]:
    pooling = module.pooling
    if not before:
        raise StreamError("a pool reads the outputs of a layer, so it does not stand first")
    if pooling.step is None:
        return
    program = trace(pooling.step, bias=False)
    like, width = next(_floats(before[-1])), width_of(before[-1])
    initial = [like.new_full((width,), pooling.initial.get(s, 0.0)) for s in program.states]
    yield Cell(program, module.weights(), tuple(initial), outputs=pooling.width)


def _floats(link: Link) -> Iterator[Tensor]:
    if isinstance(link, Cell):
        yield from link.initial
    else:
        yield link.table if isinstance(link, Lookup) else link.weight
