"""Exported models, run where neither torch nor headgate can be imported, or in this process."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

# what must not be there is refused before the script begins
_ALONE = """
import runpy, sys
for name in ("torch", "headgate"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_alone(folder: Path, *arguments: str, text: str = "") -> list[Any]:
    """Start a model's run.py; give the JSON of each line that it prints."""
    words = [sys.executable, "-W", "error", "-c", _ALONE, str(folder / "run.py"), *arguments]
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def script(name: str, folder: Path | None = None) -> Any:
    """Import a file that stands beside exported models, or is to; what it imports is not kept."""
    place = folder or Path(str(resources.files("headgate.export.scripts")))
    names = {path.stem for path in place.glob("*.py")}
    hidden = {each: sys.modules.pop(each) for each in names & set(sys.modules)}
    sys.path.insert(0, str(place))
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(place))
        for each in names & set(sys.modules):
            del sys.modules[each]
        sys.modules.update(hidden)
