"""Curves for TensorBoard, where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from headgate.training.protocol import Moment, Note, Reporter, Validation


def tensorboard(out: Path | None) -> list[Reporter]:
    """Report to TensorBoard if it is installed and there is a place for its files.

    Args:
        out: the run's directory, or None.

    Returns:
        One reporter, or none.
    """
    if out is None or importlib.util.find_spec("tensorboard") is None:
        return []
    return [_TensorBoard(out / "tensorboard")]


class _TensorBoard:
    def __init__(self, place: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(place))

    def resumed(self, moment: Moment) -> None:
        """Its files go on by themselves."""

    def step(self, moment: Moment) -> None:
        self._writer.add_scalar("train_loss", moment.loss, moment.step)

    def validation(self, moment: Moment, validation: Validation, *, best: bool) -> None:
        for name, value in validation.values.items():
            self._writer.add_scalar(name, value, moment.step)

    def note(self, moment: Moment, note: Note) -> None:
        self._writer.add_text("doctor", note.sentence, moment.step)

    def end(self, reason: str) -> None:
        self._writer.close()
