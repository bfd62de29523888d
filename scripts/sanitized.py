"""Run pytest with the native part of build/sanitize in place of the installed one."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch  # noqa: F401 - first: the native part calls the OpenMP library that torch loads

BUILT = Path(__file__).resolve().parent.parent / "build" / "sanitize" / "headgate"


def main() -> int:
    """Load the sanitized part under the name that headgate imports, and test.

    Returns:
        The exit code of pytest.
    """
    (path,) = BUILT.glob("_native.*")
    spec = spec_from_file_location("headgate._native", path)
    assert spec is not None
    assert spec.loader is not None
    native = module_from_spec(spec)
    spec.loader.exec_module(native)
    sys.modules["headgate._native"] = native
    return int(pytest.main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
