"""The rooms of headgate and what each may import; how long a file and a function may be.

Imports point down only. Every import counts: inside functions, for type checkers alone, and by
``import_module`` with a literal name.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "headgate"

WORDS = {"errors", "shapes"}
PROGRAM = WORDS | {"equations", "program"}
LAYERS = PROGRAM | {"kernels", "layers"}
MODELS = LAYERS | {"models"}
SIDE = {"data", "decoding", "training", "evaluation", "artifacts"}
VIEWS = {"streaming", "inspection", "export"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "shapes": set(),
    "equations": WORDS,
    "program": WORDS | {"equations"},
    "kernels": PROGRAM | {"_native"},
    "layers": LAYERS,
    "models": MODELS,
    "data": WORDS,
    "decoding": WORDS,
    "training": WORDS,
    "evaluation": WORDS,
    "artifacts": WORDS,
    "streaming": MODELS,
    "inspection": MODELS,
    "export": MODELS | {"streaming"},
    "tasks": MODELS | SIDE | VIEWS,
    "trainer": MODELS | SIDE | VIEWS | {"tasks"},
    "model": MODELS | SIDE | VIEWS | {"tasks", "trainer"},
    "configuration": WORDS | {"data", "tasks", "trainer", "model"},
    "server": WORDS | {"model", "data", "tasks", "streaming", "decoding", "training", "inspection"},
    "bench": {"errors", "equations", "program", "kernels", "layers", "streaming", "export"},
    "study": WORDS | {"equations", "layers", "models", "decoding", "evaluation", "inspection"},
    "cli": WORDS
    | {"model", "configuration", "data", "server", "inspection", "export", "equations", "program"}
    | {"bench", "study"},
    "__main__": {"cli"},
    "__init__": MODELS | SIDE | VIEWS | {"tasks", "model"},
}
ANYONE = {"headgate.__version__"}

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
WHY_LONG = "# Long: "

PYTHON = sorted(
    path for part in ("src", "tests", "benchmarks") for path in (ROOT / part).rglob("*.py")
)
TEXT = [
    *PYTHON,
    *(path for part in ("native", "scripts", "docs", ".ci") for path in (ROOT / part).rglob("*")),
    *(path for path in ROOT.iterdir() if path.suffix in {".md", ".toml", ".txt"}),
]
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|WI" r"P)\b")


def room_of(path: Path) -> str:
    """Return the first part of a file's path inside the package."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _package_of(path: Path) -> list[str]:
    return ["headgate", *path.relative_to(SOURCE).parts[:-1]]


def _imported(node: ast.AST, package: list[str]) -> Iterator[str]:
    """Yield the full dotted names that one statement or call imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        yield from (arg.value for arg in node.args[:1] if _is_text(arg))  # pyright: ignore


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def wrong_imports(code: str, path: Path) -> list[str]:
    """List the imports of a file that its room does not allow."""
    room = room_of(path)
    allowed = MAY_IMPORT[room] | {room}
    wrong = []
    for node in ast.walk(ast.parse(code)):
        for name in _imported(node, _package_of(path)):
            parts = name.split(".")
            inside = parts[0] == "headgate" and name not in ANYONE
            if inside and (len(parts) < 2 or parts[1] not in allowed):
                wrong.append(f"{path}:{getattr(node, 'lineno', 0)}: {room} may not import {name}")
    return wrong


def _sources() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_every_file_stands_in_a_room() -> None:
    homeless = [str(path) for path in _sources() if room_of(path) not in MAY_IMPORT]
    assert homeless == [], f"a new room needs a line in MAY_IMPORT; known: {sorted(MAY_IMPORT)}"


def test_every_folder_is_a_package() -> None:
    """An editable install finds a folder by its ``__init__.py`` alone."""
    bare = {str(path.parent) for path in _sources() if not (path.parent / "__init__.py").exists()}
    assert bare == set()


def test_the_rooms_stand_in_an_order() -> None:
    """Every room may import only rooms that the table names before it, so there is no circle."""
    seen = {"_native", "server"}  # `server` stands beside `cli`
    for room, allowed in MAY_IMPORT.items():
        assert allowed - {room} <= seen, room
        seen.add(room)


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down_only(path: Path) -> None:
    if room_of(path) in MAY_IMPORT:
        assert wrong_imports(path.read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("data/csv.py", "from headgate.models import language"),
        ("data/csv.py", "import headgate.layers.recurrent"),
        ("data/csv.py", "def f():\n    from ..training import loop"),
        ("data/csv.py", "from .. import tasks"),
        ("data/csv.py", "if TYPE_CHECKING:\n    from headgate import LSTM"),
        ("data/csv.py", "import headgate"),
        ("data/csv.py", "importlib.import_module('headgate.model')"),
        ("layers/lstm.py", "from headgate._native import best"),
        ("errors.py", "from .shapes import Mask"),
    ],
)
def test_a_wrong_import_is_found(file: str, code: str) -> None:
    assert len(wrong_imports(code, SOURCE / file)) == 1


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("data/csv.py", "from headgate import __version__\nfrom headgate.errors import DataError"),
        ("data/csv.py", "from .fields import Field\nfrom . import batches\nimport torch"),
        ("data/formats/csv.py", "from ..fields import Field\nfrom ...errors import DataError"),
        ("layers/lstm.py", "from headgate.equations import CELLS"),
    ],
)
def test_a_right_import_passes(file: str, code: str) -> None:
    assert wrong_imports(code, SOURCE / file) == []


def test_only_one_file_imports_the_native_module() -> None:
    importers = [
        path.relative_to(SOURCE).as_posix()
        for path in _sources()
        if re.search(r"import .*\b_native\b|from headgate\._native", path.read_text("utf-8"))
    ]
    assert importers == ["kernels/native.py"]


def test_the_package_itself_imports_only_the_standard_library() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text("utf-8"))
    eager = [name for node in tree.body for name in _imported(node, ["headgate"])]
    heavy = [name for name in eager if name.split(".")[0] not in sys.stdlib_module_names]
    assert heavy == [], "headgate/__init__.py imports its names when they are first asked for"


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and _is_text(first.value)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def long_functions(code: str) -> list[str]:
    """Name the functions that are too long and hold no comment that says why."""
    lines = code.splitlines()
    functions = (
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [
        f"{node.name}, line {node.lineno}: {_code_lines(node)} lines"
        for node in functions
        if _code_lines(node) > LONGEST_FUNCTION
        and not any(WHY_LONG in line for line in lines[node.lineno - 1 : node.end_lineno])
    ]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    assert len(code.splitlines()) <= LONGEST_FILE
    assert long_functions(code) == [], f"split it, or say why after {WHY_LONG!r} inside it"


def test_an_error_is_made_where_it_is_raised() -> None:
    """One that is kept grows by a traceback each time, and holds what stood in its frames."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in PYTHON
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id.isupper()
    ]
    assert found == []


def test_native_files_are_short() -> None:
    files = [path for path in (ROOT / "native").rglob("*") if path.suffix in {".cpp", ".hpp"}]
    assert files
    long = [str(path) for path in files if len(path.read_text().splitlines()) > LONGEST_FILE]
    assert long == []


def test_a_long_function_is_found_unless_it_says_why() -> None:
    body = "    x = 1\n" * (LONGEST_FUNCTION - 1)
    assert long_functions(f"def f():\n{body}") == []
    assert long_functions(f'def f():\n    """A.\n\n    B.\n    """\n{body}') == []
    assert long_functions(f"def f():\n{body}    y = 2\n") == ["f, line 1: 41 lines"]
    assert long_functions(f"def f():\n    {WHY_LONG}one table\n{body}") == []


def test_nothing_is_left_unfinished() -> None:
    found = []
    for path in TEXT:
        if path.is_file() and path.suffix not in {".png", ".svg", ".wav"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.relative_to(ROOT)}: {word}" for word in UNFINISHED.findall(text)]
    assert found == []
