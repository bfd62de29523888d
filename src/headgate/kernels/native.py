"""The one door to the native part: what imports ``_native`` imports it from here.

An install without a C++ compiler has no native part. It works all the same, slower, and says so
once, when this module is first imported.
"""

from __future__ import annotations

import warnings

_ABSENT = (
    "headgate runs without its native part ({reason}): results agree, but recurrent layers on the "
    "CPU use the slower reference loop. To get it, install a C++17 compiler (g++, clang++ or MSVC) "
    "and headgate again: pip install --force-reinstall --no-deps --no-cache-dir headgate "
    "(in a checkout, . in place of headgate)"
)

try:
    import headgate._native as _native
except ImportError as error:
    _native = None
    warnings.warn(_ABSENT.format(reason=error), RuntimeWarning, stacklevel=2)

available: bool = _native is not None
"""Whether the native part is built and loads."""


def instruction_sets() -> list[str]:
    """Name the instruction sets that the native part can use on this machine.

    Returns:
        The names in rising order, of ``"portable"``, ``"avx2"`` and ``"avx512"``; the last one's
        kernels run. Empty without the native part.
    """
    return _native.instruction_sets() if _native is not None else []
