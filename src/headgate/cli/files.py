"""A user's own cells from the user's own file: FILE.py, or FILE.py:NAME."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from headgate.errors import CellError, DataError, HeadgateError, UnknownNameError

_FILE = re.compile(r"(?P<file>.*\.py)(?::(?P<name>.*))?", re.DOTALL)
_LOADED = "headgate_user_"


def names_of(text: str) -> list[str]:
    """Give the cells that a word on the command line names.

    Args:
        text: a cell's name, FILE.py or FILE.py:NAME.

    Returns:
        Their names, which ``CELLS`` then knows; for FILE.py all that the file defines.

    Raises:
        DataError: there is no such file.
        CellError: the file cannot be run, or defines no cell; the message names the line.
        UnknownNameError: the file defines no cell of that name.
    """
    found = _FILE.fullmatch(text)
    if not found:
        return [text]
    path, name = Path(found["file"]), found["name"]
    names = _cells_in(path)
    if name is None:
        return names
    if name not in names:
        raise UnknownNameError(f"cell of {path}", name, names)
    return [name]


def name_of(text: str) -> str:
    """Give the one cell that a word on the command line names.

    Args:
        text: a cell's name, FILE.py or FILE.py:NAME.

    Returns:
        Its name, which ``CELLS`` then knows.

    Raises:
        CellError: a file has several cells and none is named.
    """
    names = names_of(text)
    if len(names) > 1:
        listed = ", ".join(f"{text}:{name}" for name in names)
        raise CellError(f"{text} defines {len(names)} cells; name one: {listed}")
    return names[0]


def _cells_in(path: Path) -> list[str]:
    """Run a file and list the cells that its names stand for, in its order."""
    from headgate.equations import CELLS
    from headgate.program.own import Own

    if not path.is_file():
        raise DataError("there is no such file to take a cell from", path=path)
    module = _run(path)
    own = (value for value in vars(module).values() if isinstance(value, Own))
    names = list(dict.fromkeys(each.name for each in own if CELLS.get(each.name)))
    if not names:
        raise CellError(
            f"{path} defines no cell: put @hg.cell, of import headgate as hg, above the step, as "
            "in def mine(x, W, h)"
        )
    return names


def _run(path: Path) -> ModuleType:
    """Run a file as a module; what goes wrong in it is an error with its line."""
    where = path.resolve()
    spec = importlib.util.spec_from_file_location(_LOADED + where.stem, where)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _beside(where.parent):
        sys.modules[module.__name__] = module
        try:
            spec.loader.exec_module(module)
        except HeadgateError:
            raise
        except SyntaxError as error:
            raise CellError(f"{error.filename}:{error.lineno}: {error.msg}") from error
        except SystemExit as error:
            raise CellError(
                f"{_line(error, where)}: the file ends the process while it is read; what a "
                "script does stands under if __name__ == '__main__':"
            ) from error
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise CellError(f"{_line(error, where)}: the file fails with {text}") from error
    return module


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Let a file import what lies beside it."""
    sys.path.insert(0, os.fspath(folder))
    try:
        yield
    finally:
        sys.path.remove(os.fspath(folder))


def _line(error: BaseException, path: Path) -> str:
    """Name the last line of the user's folder that an error came through."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent == path.parent
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else os.fspath(path)
