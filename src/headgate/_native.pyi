"""
The native part of headgate; headgate.kernels.native is its one importer.
"""

from collections.abc import Sequence


def instruction_sets() -> list[str]:
    """
    The instruction sets that this processor and operating system run, in rising order.
    """

def best() -> str:
    """The last of them: the one whose kernels run."""

def operations() -> list[str]:
    """The names of the bytecode's operations; the place of each is its code."""

def project(target: str, doubles: bool, input: int, input_stride: int, weight: tuple[int, int, int, int, bool], bias: int, output: int, output_stride: int, rows: int, threads: int) -> None:
    """Multiply all rows of an input by a weight and add a bias."""

def unary(target: str, doubles: bool, operation: int, input: int, output: int, count: int) -> None:
    """Apply one operation of the bytecode to contiguous numbers."""

class Plan:
    """Stages of products and pointwise code, ready to run over time."""

    def __init__(self, stages: Sequence[tuple[int, Sequence[tuple[int, Sequence[tuple[int, int]]]], Sequence[Sequence[int]]]], constants: Sequence[float], registers: int) -> None: ...

    def run(self, target: str, doubles: bool, views: Sequence[tuple[int, int, int, int, int]], weights: Sequence[tuple[int, int, int, int, bool]], widths: Sequence[int], offsets: int, steps: int, walk: int, direction: int, threads: int, columns: bool) -> None:
        """Run over time; addresses are those of live, suitably sized arrays."""

class Chain:
    """Layers with frozen weights, which streams share."""

    def __init__(self, target: str, doubles: bool, bytes: bool, features: int, state: int, parts: Sequence[tuple[tuple[int, int, int], tuple[int, int, int, int, bool], int, Plan, Sequence[tuple[int, int, int, int, int]], Sequence[tuple[int, int, int, int, bool]], Sequence[int], Sequence[tuple[int, int]], bool]]) -> None: ...

    @property
    def weight_bytes(self) -> int:
        """The memory of the frozen weights."""

class Stream:
    """A chain kept running, with all the memory that it needs."""

    def __init__(self, chain: Chain, rows: int, ring: int, slots: int, input: Sequence[int], output: Sequence[int], tensor: type) -> None: ...

    def step(self, x: object | None, out: object | None, slot: int) -> object:
        """
        Take one step of a tensor that needs no conversion, into another or a new one; None, and nothing done, for all else.
        """

    def run(self, input: int, steps: int, slot: int, output: int) -> int:
        """
        Take steps from the states in a slot; give the place of the first id that is none of the table's, before anything is done, or -1.
        """
