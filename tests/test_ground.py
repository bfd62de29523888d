"""What a user meets first: a light import, a quick help page, a true list of names."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import beartype
import jaxtyping
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import headgate
from headgate.errors import UnknownNameError
from headgate.evaluation.classification import confusion_matrix
from headgate.layers.noise import Noise


def _imports_torch(code: str) -> bool:
    """Run code in a fresh process and ask it, at its end, whether torch was imported."""
    report = "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules))\n"
    done = subprocess.run(
        [sys.executable, "-c", report + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1] == "True"


def test_import_does_not_import_torch() -> None:
    assert not _imports_torch("import headgate")


def test_the_import_check_sees_torch() -> None:
    assert _imports_torch("sys.modules['torch'] = None")


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_does_not_import_torch(arguments: list[str]) -> None:
    call = f"sys.argv = ['headgate', *{arguments!r}]\nfrom headgate.cli import main\nmain()"
    assert not _imports_torch(call)


def test_the_public_names_are_sorted_and_resolve() -> None:
    assert headgate.__all__ == sorted(set(headgate.__all__))
    assert [name for name in headgate.__all__ if not hasattr(headgate, name)] == []


def test_dir_lists_the_public_names() -> None:
    assert set(headgate.__all__) <= set(dir(headgate))


def test_an_unknown_name_is_an_attribute_error_that_says_it() -> None:
    with pytest.raises(AttributeError, match="grru"):
        _ = headgate.grru  # pyright: ignore[reportAttributeAccessIssue]


def test_the_version_is_the_installed_one() -> None:
    try:
        installed = metadata.version("headgate")
    except metadata.PackageNotFoundError:
        pytest.skip("headgate runs from its source tree, not installed")
    assert headgate.__version__ == installed


def test_signatures_are_checked_while_tests_run() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="parameter known=5 violates"):
        UnknownNameError("cell", "grru", 5)  # pyright: ignore[reportArgumentType]


@pytest.mark.usefixtures("unchecked")
def test_the_unchecked_fixture_calls_as_users_do() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        UnknownNameError("cell", "grru", 5)  # pyright: ignore[reportArgumentType]


def test_the_axes_of_a_signature_are_compared() -> None:
    good = torch.zeros(3, dtype=torch.long)
    with pytest.raises(jaxtyping.TypeCheckError, match="B=3"):
        confusion_matrix(good, good[:2], classes=2)


def test_what_is_returned_is_checked() -> None:
    def wrong() -> int:
        return "one"  # pyright: ignore[reportReturnType]

    def shaped() -> Float[Tensor, "B N"]:
        return torch.zeros(3)

    for function in (wrong, shaped):
        with pytest.raises(jaxtyping.TypeCheckError):
            jaxtyping.jaxtyped(typechecker=beartype.beartype)(function)()


def test_what_a_data_class_is_made_of_is_checked() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="zoneout"):
        Noise(zoneout=1.0, recurrent_dropout=0.0)  # pyright: ignore[reportArgumentType]
