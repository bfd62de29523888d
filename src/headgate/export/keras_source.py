"""The recurrent layers of a Keras model: of a ``.keras`` file, or of live objects.

Neither needs keras: a file is read by h5py alone, and a live layer is asked for its config and its
weights. A file is a zip of config.json, which lists the layers, and model.weights.h5, where layers
stand under the names of their classes, counted in the order of the list.
"""

from __future__ import annotations

import importlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from headgate.errors import DataError, MissingExtraError

KINDS = ("SimpleRNN", "LSTM", "GRU")
Arrays = list[np.ndarray]
Config = Mapping[str, Any]
_NESTED = ("layers", "_layer_checkpoint_dependencies")
"""Where model.weights.h5 holds the layers of a model: in Keras 3, and in Keras 2.12 to 2.15."""


@dataclass(frozen=True)
class Found:
    """A recurrent layer of Keras, whatever it was read from.

    Args:
        name: its own, after those of the models it stands in: "encoder/lstm".
        kind: one of ``KINDS``.
        config: of the layer, or of a Bidirectional's forward layer.
        read: gives the arrays of the layer, or of "forward_layer" or "backward_layer".
        both: of a Bidirectional, its own config; None for a layer alone.
        backward: of a Bidirectional, the config of its backward layer, with its class.
        major: the version of Keras, before the first dot.
    """

    name: str
    kind: str
    config: Config
    read: Callable[[str], Arrays]
    both: Config | None = None
    backward: tuple[str, Config] | None = None
    major: int = 3


def in_file(path: str | PathLike[str]) -> Iterator[Found]:
    """Find the recurrent layers of a ``.keras`` file.

    Args:
        path: of the file.

    Yields:
        The layers, in the order of the models.

    Raises:
        MissingExtraError: h5py is not installed.
        DataError: the file is none that Keras wrote.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise MissingExtraError("h5py", "keras") from error
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            version = json.loads(archive.read("metadata.json"))["keras_version"]
            weights = io.BytesIO(archive.read("model.weights.h5"))
    except FileNotFoundError:
        raise DataError("there is no such file", path=path) from None
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError(
            "a .keras file is wanted, a zip of config.json, metadata.json and model.weights.h5; "
            f"open an older file in Keras and save it as .keras ({error})",
            path=path,
        ) from error
    try:
        with h5py.File(weights, "r") as store:
            yield from _listed(config, _Store(store, str(path), int(version.split(".")[0])), "", "")
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise DataError(
            f"config.json or model.weights.h5 is not as Keras writes it: {error!r}", path=path
        ) from error


@dataclass(frozen=True)
class _Store:
    """The arrays of a file."""

    file: Any
    path: str
    major: int

    def below(self, group: str) -> str:
        """Give the place of a model's layers."""
        return next((f"{group}{name}/" for name in _NESTED if f"{group}{name}" in self.file), group)

    def arrays(self, group: str) -> Arrays:
        """Read the variables of a layer's cell."""
        place = f"{group}/cell/vars"
        if place not in self.file:
            raise DataError(f"model.weights.h5 has no {place!r}", path=self.path)
        held = self.file[place]
        return [np.array(held[name]) for name in sorted(held, key=int)]


def _listed(model: Config, store: _Store, group: str, above: str) -> Iterator[Found]:
    """Walk the config of a model, with the place of each layer's arrays."""
    place, counts = store.below(group), dict[str, int]()
    for layer in _layers_of(model, store.path):
        kind, config = layer["class_name"], layer["config"]
        snake = _snake(kind)
        counts[snake] = counts.get(snake, -1) + 1
        own = f"{place}{snake}_{counts[snake]}" if counts[snake] else f"{place}{snake}"
        name = above + config.get("name", layer.get("name", snake))
        if isinstance(config.get("layers"), list):
            yield from _listed(layer, store, f"{own}/", f"{name}/")
        elif kind in KINDS:
            yield Found(name, kind, config, _reader(store, own), major=store.major)
        elif kind == "Bidirectional" and config["layer"]["class_name"] in KINDS:
            first = config["layer"]
            second = config.get("backward_layer") or first
            backward = (second["class_name"], second["config"])
            yield Found(
                *(name, first["class_name"], first["config"], _reader(store, own)),
                *(config, backward, store.major),
            )


def _layers_of(model: Config, path: str) -> list[Config]:
    layers = model.get("config", {}).get("layers")
    if not isinstance(layers, list):
        raise DataError(
            f"config.json lists no layers of the model {model.get('class_name')!r}: a class of "
            "one's own keeps them to itself. Load it in Keras, and give the layers one by one",
            path=path,
        )
    return layers


def _reader(store: _Store, place: str) -> Callable[[str], Arrays]:
    # the file is closed when a caller reads: what is wanted of it is read now
    sides = [s for s in ("forward_layer", "backward_layer") if f"{place}/{s}" in store.file]
    held = {side: store.arrays(f"{place}/{side}") for side in sides} or {"": store.arrays(place)}
    return held.__getitem__


def _snake(name: str) -> str:
    """Write the name of a class as Keras names its group."""
    name = re.sub(r"\W+", "", name.rpartition(">")[2])
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def live(source: Any) -> Iterator[Found]:
    """Find the recurrent layers of a live Keras model, or read one layer.

    Args:
        source: a model or a layer.

    Yields:
        The layers, in the order of the models.
    """
    major, layers = _major(source), getattr(source, "layers", None)
    for layer in [source] if layers is None else layers:
        yield from _living(layer, "", major)


def _living(source: Any, above: str, major: int) -> Iterator[Found]:
    kind, name = type(source).__name__, f"{above}{source.name}"
    if kind in KINDS:
        config = source.get_config()
        yield Found(name, kind, config, lambda side: source.get_weights(), major=major)
    elif kind == "Bidirectional" and type(source.forward_layer).__name__ in KINDS:
        first, second = source.forward_layer, source.backward_layer
        yield Found(
            *(name, type(first).__name__, first.get_config()),
            read=lambda side: getattr(source, side).get_weights(),
            both={"merge_mode": source.merge_mode},
            backward=(type(second).__name__, second.get_config()),
            major=major,
        )
    else:
        for layer in getattr(source, "layers", ()):
            yield from _living(layer, f"{name}/", major)


def _major(source: Any) -> int:
    package = sys.modules.get(type(source).__module__.partition(".")[0])
    return int(str(getattr(package, "__version__", "3")).split(".")[0])
