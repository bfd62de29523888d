"""What every view has: named arrays, a plain form for a terminal, a figure for a notebook."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from headgate.errors import MissingExtraError

Labels = Mapping[str, Sequence[str]]


class View(ABC):
    """A view of what a model did: read-only, and made of plain arrays.

    ``print(view)`` draws it for a terminal; a notebook shows its figure, where plotly is installed.
    """

    title: str

    @abstractmethod
    def arrays(self) -> Mapping[str, Tensor]:
        """Give what was found, by name, on the CPU."""

    @abstractmethod
    def labels(self) -> Labels:
        """Give the names of rows and columns: lists of names by what they are, such as "tokens"."""

    @abstractmethod
    def as_text(self, *, width: int | None = None, colour: bool = False) -> str:
        """Draw it for a terminal.

        Args:
            width: columns of the terminal; its present width where None.
            colour: whether 256 colours may be used.

        Returns:
            Lines without a newline at the end.
        """

    @abstractmethod
    def figure(self) -> Any:
        """Draw it with plotly.

        Returns:
            A ``plotly.graph_objects.Figure``.

        Raises:
            MissingExtraError: plotly is not installed.
        """

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data, ready for ``json.dumps``; what is not finite is None.

        Returns:
            The title, the labels and the arrays as nested lists.
        """
        arrays = {name: _plain(value.tolist()) for name, value in self.arrays().items()}
        names = {name: list(each) for name, each in self.labels().items()}
        return {"title": self.title, "labels": names, "arrays": arrays}

    def __str__(self) -> str:
        return self.as_text()

    def _repr_mimebundle_(self, **_: Any) -> Any:
        """Show the figure in a notebook; without plotly the plain form."""
        try:
            found = self.figure()
        except MissingExtraError:
            return {"text/plain": str(self)}
        return found._repr_mimebundle_()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    finite = not isinstance(value, float) or value - value == 0.0
    return value if finite else None


def graphs() -> Any:
    """Import plotly.

    Returns:
        The module ``plotly.graph_objects``.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module("plotly.graph_objects")
    except ImportError as error:
        raise MissingExtraError("plotly", "plot") from error
