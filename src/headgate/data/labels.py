"""Labels to classes and back, saved as one JSON file."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence

from headgate.data.columns import shown
from headgate.errors import DataError, ModelDirectoryError

_LISTED = 20  # classes that a message names


class LabelField:
    """Labels to classes 0, 1, … in sorted order, and back; saved as a ``vocabulary.json``.

    White space at a label's ends is dropped, and its text brought to NFC: neither is seen, so
    neither makes a class.

    Args:
        classes: the distinct labels, in the order of their ids.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self._ids = {label: index for index, label in enumerate(self.classes)}

    @classmethod
    def learn(cls, labels: Sequence[str]) -> LabelField:
        """Collect the classes.

        Args:
            labels: one label a row.

        Returns:
            The field.

        Raises:
            DataError: a label is empty, or there are fewer than two classes.

        Example:
            >>> LabelField.learn(["spam", "ham", "ham"]).classes
            ('ham', 'spam')
        """
        classes = sorted(set(_filled(labels)))
        if len(classes) < 2:
            came = f"only {classes[0]!r}" if classes else "none"
            raise DataError(f"a classifier needs at least two classes, and {came} came")
        return cls(classes)

    @classmethod
    def from_json(cls, text: str) -> LabelField:
        """Read what ``to_json`` wrote.

        Args:
            text: the content of a vocabulary.json.

        Returns:
            The field.

        Raises:
            ModelDirectoryError: the JSON is damaged, or has no list of distinct classes.
        """
        try:
            classes = json.loads(text)["classes"]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelDirectoryError(f"vocabulary.json is damaged: {error!r}") from error
        texts = isinstance(classes, list) and all(isinstance(label, str) for label in classes)
        if not texts or len(set(classes)) != len(classes) or len(classes) < 2:
            came = shown(json.dumps(classes, ensure_ascii=False))
            raise ModelDirectoryError(
                f"vocabulary.json is damaged: two or more distinct classes were wanted, {came} came"
            )
        return cls(classes)

    def __len__(self) -> int:
        return len(self.classes)

    def to_json(self) -> str:
        """Write the classes.

        Returns:
            The content of a vocabulary.json.
        """
        return json.dumps({"classes": list(self.classes)}, ensure_ascii=False, indent=1)

    def extended(self, labels: Sequence[str]) -> LabelField:
        """Add the classes of further labels; every old class keeps its number.

        Args:
            labels: one label a row; there may be none.

        Returns:
            The field: the old classes, then the new ones in sorted order.

        Raises:
            DataError: a label is empty.

        Example:
            >>> LabelField(["ham", "spam"]).extended(["spam", "eggs"]).classes
            ('ham', 'spam', 'eggs')
        """
        new = sorted(set(_filled(labels)) - set(self.classes))
        return LabelField((*self.classes, *new))

    def encode(self, label: str) -> int:
        """Turn a label to its class.

        Args:
            label: one of the classes.

        Returns:
            The id, from 0.

        Raises:
            DataError: the label was not among those learned; the message lists them.
        """
        index = self._ids.get(_clean(label))
        if index is None:
            known = ", ".join(self.classes[:_LISTED])
            more = ", …" if len(self.classes) > _LISTED else ""
            raise DataError(f"unknown label {label!r}; known: {known}{more}")
        return index

    def decode(self, index: int) -> str:
        """Turn a class to its label.

        Args:
            index: the id, from 0.

        Returns:
            The label.

        Raises:
            DataError: there is no such class.
        """
        if not 0 <= index < len(self.classes):
            raise DataError(f"class {index} is none of the {len(self.classes)} that were learned")
        return self.classes[index]


def _filled(labels: Sequence[str]) -> list[str]:
    """Clean every label, and refuse an empty one."""
    clean = [_clean(label) for label in labels]
    if "" in clean:
        raise DataError(f"label {clean.index('') + 1} of {len(clean)} is empty: give each one")
    return clean


def _clean(label: str) -> str:
    return unicodedata.normalize("NFC", label).strip()
