"""A decoder over a memory as two graphs: what reads the source, and one step of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from headgate.data.fields import TextField
from headgate.export.parts import Input, Part
from headgate.export.stream import NEXT
from headgate.layers.attention import Keys
from headgate.models import AttentiveDecoder, Memory
from headgate.tasks.pair_settings import Search

Axis = int | str
HELPERS = ("beam.py", "texts.py")
"""Files of the export's scripts that write an answer."""


class _Forms:
    """The tensors of a memory in their order, each with a name.

    Args:
        network: whose memory it is.
    """

    def __init__(self, network: AttentiveDecoder) -> None:
        self.states = tuple(network.decoder.program.states)
        self.attends = network.attention is not None
        self.projects = network.attention is not None and network.attention.score.key
        self.feeds = network.order == "input_feeding"

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each tensor that ``flat`` gives."""
        own = ("values", "keys") if self.projects else ("values",)
        found = (*self.states, *own, "mask") if self.attends else self.states
        return (*found, "fed") if self.feeds else found

    @property
    def changing(self) -> tuple[str, ...]:
        """The names of those that a step changes."""
        return (*self.states, "fed") if self.feeds else self.states

    def flat(self, memory: Memory) -> tuple[Tensor, ...]:
        """Give the tensors of a memory.

        Args:
            memory: what ``encode`` left.

        Returns:
            The tensors, without the sum of the attention, which a search keeps itself.
        """
        found = list(memory.states)
        if memory.keys is not None and memory.keys.mask is not None:
            keys = memory.keys
            own = [keys.values, keys.projected] if self.projects else [keys.values]
            found += [*own, keys.mask]
        return tuple(found if memory.fed is None else [*found, memory.fed])

    def memory(self, flat: tuple[Tensor, ...]) -> Memory:
        """Put a memory together again.

        Args:
            flat: what ``flat`` gave.

        Returns:
            The memory.
        """
        given = dict(zip(self.names, flat, strict=True))
        states = tuple(given[name] for name in self.states)
        if not self.attends:
            return Memory(states)
        keys = Keys(given["values"], given.get("keys", given["values"]), given["mask"])
        return Memory(states, keys, fed=given.get("fed"))


class _Reads(nn.Module):
    """From a source to the tensors of a memory.

    Args:
        network: what has ``encode``.
    """

    def __init__(self, network: AttentiveDecoder) -> None:
        super().__init__()
        self.network, self.forms = network, _Forms(network)

    def forward(self, *source: Tensor) -> tuple[Tensor, ...]:
        return self.forms.flat(self.network.encode(*source))  # type: ignore[operator]


class _Writes(nn.Module):
    """From a token of each hypothesis and the memory to what comes next.

    Args:
        network: the network.
    """

    def __init__(self, network: AttentiveDecoder) -> None:
        super().__init__()
        self.network, self.forms = network, _Forms(network)

    def forward(self, tokens: Tensor, *flat: Tensor) -> tuple[Tensor, ...]:
        memory = self.forms.memory(flat)
        features, after, weights = self.network.decode(tokens[:, None], memory)
        expected = self.network.logits(features[:, 0]).log_softmax(-1)
        changed = after.states if after.fed is None else (*after.states, after.fed)
        return (expected, *changed) if weights is None else (expected, *changed, weights[:, 0])


def parts_of(
    network: AttentiveDecoder, source: tuple[Input, ...], places: Axis, limits: Mapping[str, int]
) -> tuple[Part, Part]:
    """Give both graphs of a network.

    Args:
        network: the network.
        source: what ``encode`` takes.
        places: how many things there are to look at, or the name of that axis.
        limits: the greatest length of an axis.

    Returns:
        "encoder", and "decoder": tokens [B] and the memory to log-probabilities [B, V], what of
        the memory changes, and the attention [B, S].
    """
    forms = _Forms(network)
    vocabulary = network.target.table.num_embeddings
    tokens = Input("tokens", ("B",), "ids", most=vocabulary)
    outputs = ("log_probabilities", *(f"{name}{NEXT}" for name in forms.changing))
    outputs += ("attention",) if forms.attends else ()
    taken = tuple(_input(network, name, places) for name in forms.names)
    return (
        Part("encoder", _Reads(network), source, forms.names, limits),
        Part("decoder", _Writes(network), (tokens, *taken), outputs, limits),
    )


def _input(network: AttentiveDecoder, name: str, places: Axis) -> Input:
    """Describe a tensor of the memory."""
    decoder, states = network.decoder, network.decoder.program.states
    if name in states:
        units = decoder.state_sizes()[states.index(name)]
        return Input(name, (decoder.num_layers, "B", units))
    attention = network.attention
    assert attention is not None
    if name == "mask":
        return Input(name, ("B", places), "mask")
    if name == "fed":
        return Input(name, ("B", network.combine.weight.shape[0]))
    width = network.combine.weight.shape[1] - decoder.output_size
    if name == "keys":
        assert isinstance(attention.key, nn.Linear)
        width = attention.key.out_features
    return Input(name, ("B", places, width))


def search_facts(
    network: AttentiveDecoder, target: TextField, search: Search, *, length: int, unknown: bool
) -> dict[str, Any]:
    """Give what a search has to know.

    Args:
        network: the network.
        target: answers to ids.
        search: how answers are looked for.
        length: tokens of an answer at most, but its least number at least.
        unknown: whether the unknown token may come.

    Returns:
        Plain data.
    """
    barred = [target.pad, target.bos] if unknown else [target.pad, target.bos, target.unk]
    return {
        "states": list(_Forms(network).states),
        "unit": target.unit,
        "beam_width": search.width,
        "length_penalty": search.length_penalty,
        "coverage_penalty": search.coverage_penalty,
        "min_length": search.min_length,
        "max_length": max(length, search.min_length) + 1,
        "barred": barred,
    }
