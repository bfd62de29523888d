"""The native part: what it reports of this machine, its stub, and life without it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest

import headgate.kernels
from headgate.kernels import native

SOURCE = Path(__file__).resolve().parent.parent / "src" / "headgate"
ORDER = ["portable", "avx2", "avx512"]
FLAGS = {
    "avx2": {"avx", "avx2", "fma", "f16c"},
    "avx512": {"avx512f", "avx512dq", "avx512bw", "avx512vl"},
}

needs_native = pytest.mark.skipif(not native.available, reason="the native part is not built")


def test_instruction_sets_rise_and_the_best_is_the_last() -> None:
    compiled = pytest.importorskip("headgate._native", reason="the native part is not built")
    names = native.instruction_sets()
    assert names == ORDER[: len(names)]
    assert compiled.best() == names[-1]


@needs_native
@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="needs Linux's /proc/cpuinfo")
def test_instruction_sets_are_those_that_linux_reports() -> None:
    words = set(Path("/proc/cpuinfo").read_text().split())
    avx2 = FLAGS["avx2"] <= words
    expected = {"portable": True, "avx2": avx2, "avx512": avx2 and FLAGS["avx512"] <= words}
    assert native.instruction_sets() == [name for name in ORDER if expected[name]]


@needs_native
@pytest.mark.skipif(not importlib.util.find_spec("nanobind"), reason="needs nanobind's stubgen")
def test_the_committed_stub_is_the_generated_one(tmp_path: Path) -> None:
    made = tmp_path / "_native.pyi"
    # torch first: its OpenMP is the one that the native part calls
    call = "import torch; from nanobind.stubgen import main; main(['-q', *{words}])"
    words = ["-m", "headgate._native", "-o", str(made)]
    subprocess.run([sys.executable, "-c", call.format(words=words)], check=True)
    assert made.read_text() == (SOURCE / "_native.pyi").read_text(), (
        f'regenerate it: python -c "{call.format(words=[*words[:3], "src/headgate/_native.pyi"])}"'
    )


@pytest.mark.skipif(not os.environ.get("CI"), reason="an install by hand may be pure Python")
@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler on the PATH")
def test_ci_tests_the_native_part() -> None:
    assert native.available, "the build failed: pip install -v -e . shows why"


def _import_twice_without_native(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the door afresh, as a process does where nothing was built."""
    monkeypatch.setitem(sys.modules, "headgate._native", None)
    monkeypatch.delitem(sys.modules, "headgate.kernels.native")
    monkeypatch.delattr(headgate.kernels, "native")
    importlib.import_module("headgate.kernels.native")
    return importlib.import_module("headgate.kernels.native")


def test_without_the_native_part_there_is_one_warning_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        door = _import_twice_without_native(monkeypatch)
    assert [warning.category for warning in caught] == [RuntimeWarning]
    message = str(caught[0].message)
    assert "headgate._native" in message
    assert "install a C++17 compiler" in message
    assert "pip install" in message
    assert door.available is False
    assert door.instruction_sets() == []
