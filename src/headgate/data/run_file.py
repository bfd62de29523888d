"""A run as a file of YAML: what ``train`` is asked for, one key a line, each with a comment.

The file is one flat mapping of the names that ``train`` takes; ``options``, the cell's own, is the
one group in it. What YAML 1.1 reads by surprise is read as it looks: ``no`` and ``on`` are text,
``1e-3`` is a number, ``12:30`` and ``2026-11-21`` are text. Paths are taken from where the command
runs, as those on the command line are.
"""

from __future__ import annotations

import inspect
import math
import os
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import yaml

from headgate.data.columns import shown
from headgate.errors import DataError, OutputError, UnknownNameError

Entries = Mapping[str, tuple[Any, str]]

_WIDTH = 96  # characters of a line of comment
_PLAIN = re.compile(r"[A-Za-z_][\w./+@-]*", re.ASCII)  # text that needs no quotes …
_SPOKEN = {
    "y",
    "n",
    "yes",
    "no",
    "on",
    "off",
    "true",
    "false",
    "null",
}  # … unless it is one of these
_TRUTH = {"y": "true", "yes": "true", "on": "true", "n": "false", "no": "false", "off": "false"}
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a group of names with values",
    list: "a list",
    tuple: "a list",
    NoneType: "null",
}


def write_run(
    entries: Entries, *, head: str = "", headings: Mapping[str, str] | None = None
) -> str:
    """Write a run as YAML that ``read_run`` reads back.

    Args:
        entries: for each key its value and the comment above it. A value is None, a truth value,
            a number, text, a path, a list of these or one group of names with them.
        head: a comment at the top.
        headings: comments that part the keys, each under the key that it stands before.

    Returns:
        The content of the file.

    Raises:
        OutputError: a value has no form in YAML.

    Example:
        >>> print(write_run({"epochs": (20, "passes at most"), "minutes": (None, "")}), end="")
        # passes at most
        epochs: 20
        minutes: null
    """
    parts = [_comment(head)] if head else []
    block: list[str] = []
    for name, (value, comment) in entries.items():
        if headings and name in headings:
            parts.append("\n".join(block))
            block = [_comment(headings[name]), ""]
        block += [_comment(comment)] if comment else []
        block.append(_line(name, value))
    parts.append("\n".join(block))
    return "\n\n".join(part for part in parts if part) + "\n"


def read_run(path: str | os.PathLike[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """Read a run.

    Args:
        path: a file as ``write_run`` writes it, or a person does; keys may be left out.
        known: the keys there are, each with its kind as a type hint: ``int``, ``float | None``,
            ``dict[str, Any]`` or ``Any``. A hint of float takes a whole number, too.

    Returns:
        The values by name, in the order of the file.

    Raises:
        DataError: the file is missing, empty, no UTF-8, no YAML or no mapping; a key is unknown or
            stands twice; a value is of the wrong kind. The message has the line.
    """
    place = Path(path)
    root = _parsed(_text_of(place), place)
    if not isinstance(root, yaml.MappingNode):
        message = "names with values were wanted, one a line, such as epochs: 20, and none came"
        raise DataError(message, path=place, row=root.start_mark.line + 1)
    found = _mapping(root, place)
    for name, (row, _) in found.items():
        if name not in known:
            message = str(UnknownNameError("key", name, known))
            raise DataError(message, path=place, row=row)
    values: dict[str, Any] = {}
    for name, (row, node) in found.items():
        value = _built(node, place)
        if not _fits(value, known[name]):
            message = f"{name} is {_wanted(known[name])}, not {_came(value, known[name])}"
            raise DataError(message, path=place, row=row)
        values[name] = float(value) if _is_whole_for(value, known[name]) else value
    return values


def overruled(run: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Let what the command line gives go before what a file says.

    Args:
        run: as ``read_run`` gives it.
        given: values by name; None stands for what was not given. A group takes the place of
            those names that it has, and leaves the others.

    Returns:
        The run that is meant.

    Example:
        >>> overruled({"epochs": 9, "options": {"a": 1}}, {"epochs": None, "options": {"b": 2}})
        {'epochs': 9, 'options': {'a': 1, 'b': 2}}
    """
    whole = dict(run)
    for name, value in given.items():
        old = whole.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            whole[name] = {**old, **value}
        elif value is not None:
            whole[name] = value
    return whole


def explained(kind: type) -> dict[str, str]:
    """Take from a class's docstring, and from those of its bases, what is said of each argument.

    Args:
        kind: a class with a Google-style docstring; what it says goes before what its bases say.

    Returns:
        For each argument a sentence, on one line.

    Example:
        >>> from headgate.data.delimited import Wishes
        >>> explained(Wishes)["quoting"]
        'a name of ``QUOTING``; None goes by the separator.'
    """
    said: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        said |= _arguments_in(inspect.cleandoc(each.__doc__ or ""))
    return said


def _arguments_in(text: str) -> dict[str, str]:
    found = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    parts = re.split(r"^    (\w+): ", found[1] if found else "", flags=re.MULTILINE)[1:]
    return {
        name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def _comment(text: str) -> str:
    """Fold a comment; a line end of its own stays, and what YAML may not have becomes a space."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        clean = "".join(letter if letter.isprintable() else " " for letter in paragraph)
        lines += textwrap.wrap(clean, _WIDTH, break_on_hyphens=False) or [""]
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _line(name: str, value: Any) -> str:
    if isinstance(value, Mapping) and value:
        inner = "\n".join(f"  {_scalar(str(key))}: {_flow(each)}" for key, each in value.items())
        return f"{_scalar(name)}:\n{inner}"
    return f"{_scalar(name)}: {_flow(value)}"


def _flow(value: Any) -> str:
    """Write a value on one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_scalar(str(key))}: {_flow(each)}" for key, each in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise OutputError(f"a run file has text, numbers and lists of them, not {value!r}")
    if _PLAIN.fullmatch(value) and value.lower() not in _SPOKEN:
        return value
    quoted = yaml.dump(value, default_style='"', allow_unicode=True, width=math.inf)
    return quoted.removesuffix("\n")


def _number(value: float) -> str:
    """Write a number so that readers of YAML 1.1 and of YAML 1.2 take it for one."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    digits, e, exponent = repr(value).partition("e")
    if not e:
        return digits
    sign = "" if exponent[0] == "-" else "+"
    return f"{digits if '.' in digits else f'{digits}.0'}e{sign}{exponent.lstrip('+')}"


_TAG = "tag:yaml.org,2002:"
_BUILDERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": lambda text: float(re.sub(r"\.(?=[inIN])", "", text)),
    "bool": lambda text: text.lower() == "true",
    "null": lambda text: None,
}


class _Loader(yaml.SafeLoader):
    """YAML with the plain scalars of version 1.2: no surprise in ``no`` or ``1e-3``."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _form, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"null|Null|NULL|~|", "nN~"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _pattern = re.compile(rf"(?:{_form})\Z", re.ASCII)
    _Loader.add_implicit_resolver(f"{_TAG}{_tag}", _pattern, [*_first, ""])


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise DataError(message, path=path, row=row) from error


def _parsed(text: str, path: Path) -> yaml.Node:
    """Parse the text; an anchor is refused, since a few of them can stand for a whole disk."""
    try:
        for event in yaml.parse(text, _Loader):
            if isinstance(event, yaml.AliasEvent):
                message = f"*{event.anchor} refers to another place: write the value itself"
                raise DataError(message, path=path, row=event.start_mark.line + 1)
        root = yaml.compose(text, _Loader)
    except yaml.YAMLError as error:
        raise _bad_yaml(error, text, path) from error
    except RecursionError as error:
        raise DataError("brackets stand too deep in one another", path=path) from error
    if root is None:
        raise DataError("the file is empty: give at least one key", path=path)
    return root


def _bad_yaml(error: yaml.YAMLError, text: str, path: Path) -> DataError:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        hint = ": indent with spaces" if "'\\t'" in str(error.problem) else ""
        row = error.problem_mark.line + 1
        return DataError(f"not YAML ({error.problem}{hint})", path=path, row=row)
    place = getattr(error, "position", 0)
    message = f"not YAML (U+{ord(text[place]):04X} is no character of a text)"
    return DataError(message, path=path, row=text.count("\n", 0, place) + 1)


def _mapping(node: yaml.MappingNode, path: Path) -> dict[str, tuple[int, yaml.Node]]:
    """List a mapping's names, each with its row and its node; each name stands once."""
    found: dict[str, tuple[int, yaml.Node]] = {}
    for key, value in node.value:
        row = key.start_mark.line + 1
        if key.tag != f"{_TAG}str":
            came = shown(key.value) if isinstance(key, yaml.ScalarNode) else "a group"
            raise DataError(f"a key is a name, not {came}", path=path, row=row)
        if key.value in found:
            message = f"{key.value} stood in row {found[key.value][0]} already: keep one of the two"
            raise DataError(message, path=path, row=row)
        found[key.value] = row, value
    return found


def _built(node: yaml.Node, path: Path) -> Any:
    """Build a value of the kinds that a run has, and of no other that YAML can name."""
    build = _BUILDERS.get(node.tag.removeprefix(_TAG))
    try:
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return {key: _built(each, path) for key, (_, each) in _mapping(node, path).items()}
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [_built(each, path) for each in node.value]
        if isinstance(node, yaml.ScalarNode) and build is not None:
            return build(node.value)
    except ValueError as error:
        message = f"{shown(node.value)} is no {node.tag.removeprefix(_TAG)}"
        raise DataError(message, path=path, row=node.start_mark.line + 1) from error
    message = f"a run has text, numbers, lists and groups, and {node.tag} came"
    raise DataError(message, path=path, row=node.start_mark.line + 1)


def _fits(value: Any, hint: Any) -> bool:
    if len(kinds := _kinds_of(hint)) > 1:
        return any(_fits(value, each) for each in kinds)
    if hint is None:
        return value is None
    kind = get_origin(hint) or hint
    if kind is Any:
        return True
    if kind in (tuple, list):
        return isinstance(value, list)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _is_whole_for(value: Any, hint: Any) -> bool:
    """Say whether a whole number came where any number is meant."""
    kinds = _kinds_of(hint)
    return type(value) is int and float in kinds and int not in kinds


def _kinds_of(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _wanted(hint: Any) -> str:
    spoken = [_KINDS.get(get_origin(kind) or kind) for kind in _kinds_of(hint)]
    return " or ".join(dict.fromkeys(name for name in spoken if name)) or "of another kind"


def _came(value: Any, hint: Any) -> str:
    """Say what came; how a truth value is written only where one is wanted."""
    if isinstance(value, str):
        truth = _TRUTH.get(value.lower()) if bool in _kinds_of(hint) else None
        return f"the text {shown(value)}" + (f": write {truth}" if truth else "")
    if isinstance(value, dict | list):
        return "a group" if isinstance(value, dict) else "a list"
    return f"{_scalar(value)}"
