"""Data sets of the Hugging Face hub, with the parts that their authors chose.

An address is hf:[OWNER/]NAME[:CONFIG][@REVISION][#SPLIT]:

    hf:stanfordnlp/imdb              every split that is a part: train, validation, test
    hf:nyu-mll/glue:sst2             one configuration of several
    hf:stanfordnlp/imdb@1c2d3e4      as it was at a commit, a tag or a branch
    hf:stanfordnlp/imdb#test         one split alone, as the whole of the data

Code that a data set brings is never run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headgate.data.arrow import arrow, class_names
from headgate.data.arrow_table import ArrowSource, read_arrow
from headgate.data.columns import Table
from headgate.errors import DataError, MissingExtraError

_SCHEME = "hf:"
_WORD = r"[A-Za-z0-9][\w.-]*"
_ADDRESS = re.compile(
    rf"hf:(?P<name>(?:{_WORD}/)?{_WORD})(?::(?P<config>[^:@#/\n]+))?"
    r"(?:@(?P<revision>[^:@#\s]+))?(?:#(?P<split>\w+(?:\.\w+)*))?",
    re.ASCII,
)
_FORM = "hf:[OWNER/]NAME[:CONFIG][@REVISION][#SPLIT], such as hf:nyu-mll/glue:sst2#validation"
_PARTS = {  # the splits' names on the hub
    "train": "train",
    "validation": "valid",
    "valid": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}
_AT_ONCE = 8192
_SECRET = -1  # the class of every row of a test part whose answers are kept secret


@dataclass(frozen=True)
class Address:
    """A data set of the hub.

    Args:
        name: with its owner, where it has one.
        config: one of several configurations, or None.
        revision: a commit, a tag or a branch; None is the newest.
        split: the one split that is meant, or None for all.
    """

    name: str
    config: str | None = None
    revision: str | None = None
    split: str | None = None

    def __str__(self) -> str:
        marks = ((":", self.config), ("@", self.revision), ("#", self.split))
        return f"{_SCHEME}{self.name}" + "".join(f"{mark}{word}" for mark, word in marks if word)


def is_hub(path: object) -> bool:
    """Say whether data is named by an address of the hub.

    Args:
        path: what the user wrote.

    Returns:
        Whether it begins with "hf:".
    """
    return isinstance(path, str) and path.startswith(_SCHEME)


def parse_address(text: str) -> Address:
    """Take an address apart.

    Args:
        text: hf:[OWNER/]NAME[:CONFIG][@REVISION][#SPLIT].

    Returns:
        Its parts.

    Raises:
        DataError: it has another form.

    Example:
        >>> parse_address("hf:nyu-mll/glue:sst2@main#validation")
        Address(name='nyu-mll/glue', config='sst2', revision='main', split='validation')
    """
    found = _ADDRESS.fullmatch(text)
    if not found:
        raise DataError(f"an address of the hub is {_FORM}, not {text!r}")
    return Address(**found.groupdict())


def read_hub(address: str, *, columns: Sequence[str] = ()) -> dict[str, Table]:
    """Fetch a data set, or take it from the cache, as tables.

    Numbers of classes become their names. A part whose classes are all kept secret, as those of
    competitions are, is left out, with a note.

    Args:
        address: hf:[OWNER/]NAME[:CONFIG][@REVISION][#SPLIT].
        columns: the columns to read, by name or number; each is then called as it is here. Empty
            reads all that have text in every row.

    Returns:
        The parts that the data set has, of "train", "valid" and "test"; of a data set with one
        split, or where the address names one, this alone as "train".

    Raises:
        DataError: the address has another form; there is no such data set, configuration,
            revision, split or column; it cannot be fetched; a row has no value.
        MissingExtraError: the datasets library is not installed.
    """
    wanted = parse_address(address)
    splits = _load(wanted)
    parts, notes = _parts(splits, wanted)
    sources = {part: _source(splits[name], wanted, name) for part, name in parts.items()}
    for part in [part for part in sources if part != "train" and _is_secret(sources[part])]:
        notes.append(f"{sources.pop(part).path} is left out: its classes are kept secret")
    tables = {
        part: read_arrow([source], path=source.path, columns=columns)
        for part, source in sources.items()
    }
    first = next(iter(tables))
    tables[first] = replace(tables[first], notes=(*notes, *tables[first].notes))
    return tables


def _load(wanted: Address) -> Mapping[str, Any]:
    """Ask the library; all that can go wrong there is an error of ours."""
    arrow()
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "data") from error
    if os.path.exists(wanted.name):
        raise DataError(
            f"{wanted.name!r} is a place on this disk, too, and the datasets library would read "
            "that: start from another folder, or name the files themselves",
            path=wanted,
        )
    try:
        found: Any = datasets.load_dataset(wanted.name, wanted.config, revision=wanted.revision)
    except Exception as error:  # the library and those below it raise many kinds
        raise DataError(_reason(error, wanted), path=wanted) from error
    if not isinstance(found, Mapping) or not found:
        raise DataError("the data set has no split to read", path=wanted)
    return found


def _reason(error: Exception, wanted: Address) -> str:
    """Say what went wrong and what to do, in one line."""
    said = " ".join(str(error).split()) or type(error).__name__
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "DatasetNotFoundError" in kinds:
        return f"there is no such data set, or it needs a login to the hub first ({said})"
    if kinds & {"ConnectionError", "TransportError", "Timeout"}:
        return (
            "it is not in the cache, and the hub cannot be reached: fetch it where there is a "
            f"network, or name a file instead ({said})"
        )
    if "Config name is missing" in said:
        return f"it has several configurations: name one, as in hf:{wanted.name}:NAME ({said})"
    if "BuilderConfig" in said:
        return f"it has no configuration {wanted.config!r} ({said})"
    if "scripts are no longer supported" in said:
        return f"it is a program that makes the data, and such programs are not run ({said})"
    return f"the datasets library cannot read it ({type(error).__name__}: {said})"


def _parts(splits: Mapping[str, Any], wanted: Address) -> tuple[dict[str, str], list[str]]:
    """Choose which split is which part."""
    sizes = ", ".join(f"{name} {len(rows)}" for name, rows in splits.items())
    notes = [f"{wanted}: {sizes}"]
    if wanted.split is not None:
        if wanted.split not in splits:
            raise DataError(f"no split {wanted.split!r}; splits: {sizes}", path=wanted)
        return {"train": wanted.split}, notes
    if len(splits) == 1:
        return {"train": next(iter(splits))}, notes
    found: dict[str, str] = {}
    for name in (name for name in _PARTS if name in splits):
        found.setdefault(_PARTS[name], name)
    if "train" not in found:
        raise DataError(
            f"no split is named train: name one after #, as in {wanted}#{next(iter(splits))}; "
            f"splits: {sizes}",
            path=wanted,
        )
    rest = [name for name in splits if name not in found.values()]
    if rest:
        notes.append(f"splits that are not read: {', '.join(rest)}")
    return found, notes


def _source(rows: Any, wanted: Address, split: str) -> ArrowSource:
    """Read a split as Arrow, in the order that it has."""
    plain = rows.with_format("arrow")
    schema = rows.features.arrow_schema

    def batches(columns: list[str]) -> Iterator[Any]:
        for table in plain.select_columns(columns).iter(_AT_ONCE):
            yield from table.to_batches()

    return ArrowSource(str(replace(wanted, split=split)), schema, batches)


def _is_secret(source: ArrowSource) -> bool:
    """Say whether every row's class is missing, in a column of classes."""
    types = arrow().types
    for name in class_names(source.schema):
        if types.is_integer(source.schema.field(name).type) and _all_secret(source, name):
            return True
    return False


def _all_secret(source: ArrowSource, name: str) -> bool:
    seen = False
    for batch in source.batches([name]):
        values = batch.column(name).to_pylist()
        if any(value != _SECRET for value in values):
            return False
        seen = seen or bool(values)
    return seen
