"""What a step takes: checked before anything is done, and in the shape that the runner reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from headgate.errors import ShapeError
from headgate.streaming.engine import Engine


class Inputs:
    """The inputs of some rows.

    Args:
        engine: the network.
        rows: the streams that step together, or None for one without an axis of rows.
    """

    def __init__(self, engine: Engine, rows: int | None) -> None:
        self.ids, self.entries, self.device = engine.ids, engine.entries, engine.device
        self.dtype = torch.int64 if engine.ids else engine.dtype
        self.shape, _ = engine.shapes(rows)

    def step(self, x: Any) -> Tensor:
        """Take the input of one step.

        Args:
            x: what a user gave.

        Returns:
            Ids or features in the shape of a step, contiguous.

        Raises:
            ShapeError: it does not fit.
        """
        x = self._taken(x)
        if x.shape != self.shape:
            raise self._misfit(x, "a step takes ")
        return x if x.is_contiguous() else x.contiguous()

    def together(self, several: Sequence[Any]) -> Tensor:
        """Take the inputs of one step of several streams.

        Args:
            several: what a user gave for each of K streams.

        Returns:
            Ids [K] or features [K, M], contiguous; each id is one of the embedding's.

        Raises:
            ShapeError: one of them does not fit.
        """
        if self.ids and all(type(x) is int and 0 <= x < self.entries for x in several):
            return torch.tensor(several)
        if not self.ids and all(map(self._is_plain, several)):
            with torch.no_grad():
                return torch.stack(list(several))
        found = torch.stack([self.step(x) for x in several])
        if self.ids:
            wrong = ((found < 0) | (found >= self.entries)).nonzero()
            if len(wrong):
                raise self.no_id(found, int(wrong[0]))
        return found.detach()

    def _is_plain(self, x: Any) -> bool:
        """Whether an input needs no conversion."""
        if type(x) is not Tensor or x.is_nested or x.layout is not torch.strided:
            return False
        return x.dtype is self.dtype and x.device == self.device and x.shape == self.shape

    def alike(self, out: Tensor, blank: Tensor) -> bool:
        """Tell whether memory can take an answer.

        Args:
            out: the memory.
            blank: what an answer looks like.

        Returns:
            Whether shape, type and device are those, with no gaps.
        """
        if not isinstance(out, Tensor) or out.layout is not torch.strided or out.is_nested:
            return False
        same = out.shape == blank.shape and out.dtype is blank.dtype
        plain = not out.is_neg() and not out._is_zerotensor() and not out.requires_grad
        return same and plain and out.device == self.device and out.is_contiguous()

    def chunk(self, x: Any) -> Tensor:
        """Take the inputs of several steps.

        Args:
            x: what a user gave.

        Returns:
            Ids or features, an axis of steps before those of a step, contiguous.

        Raises:
            ShapeError: they do not fit.
        """
        x = self._taken(x)
        if not x.dim() or x.shape[1:] != self.shape:
            raise self._misfit(x, "steps, one after the other, each of which takes ")
        return x.contiguous()

    def no_id(self, x: Tensor, place: int) -> ShapeError:
        """Say which id the embedding does not have.

        Args:
            x: the ids.
            place: where it is among them.

        Returns:
            The error.
        """
        found = int(x.reshape(-1)[place])
        return ShapeError(
            f"{found} is no id of the embedding, which has 0 to {self.entries - 1}; no step was "
            "taken"
        )

    def _taken(self, x: Any) -> Tensor:
        if type(x) is not Tensor:
            x = self._converted(x)
        return self._cast(x)

    def _converted(self, x: Any) -> Tensor:
        if isinstance(x, Tensor):
            return x.detach().as_subclass(Tensor)
        if not getattr(getattr(x, "flags", None), "writeable", True):
            x = x.copy()  # of an array that is not to be written to torch warns
        try:
            found = torch.as_tensor(x, device="cpu")
        except (TypeError, ValueError, RuntimeError) as error:
            raise ShapeError(f"a step takes {self._wanted()}, not {x!r:.80}: {error}") from error
        empty = not found.numel()
        fits = empty or _whole(found.dtype) if self.ids else not found.is_complex()
        return found.to(self.dtype) if fits else found

    def _cast(self, x: Tensor) -> Tensor:
        if self.ids and not _whole(x.dtype):
            raise ShapeError(f"ids are whole numbers, not {x.dtype}")
        if not self.ids and x.dtype is not self.dtype:
            raise ShapeError(
                f"the network is of {self.dtype}, but the input of {x.dtype}: give x.to(…)"
            )
        if x.layout is not torch.strided or x.is_nested or x.is_meta:
            raise ShapeError(
                f"a step takes {self._wanted()}, dense and with numbers, not {x.layout}"
            )
        x = x.to(self.device, self.dtype).resolve_neg()
        return torch.zeros(x.shape, dtype=x.dtype) if x._is_zerotensor() else x

    def _wanted(self) -> str:
        if self.shape == ():
            return "an id"
        return f"{'ids' if self.ids else 'features'} of the shape {tuple(self.shape)}"

    def _misfit(self, x: Tensor, what: str) -> ShapeError:
        return ShapeError(
            f"wanted: {what}{self._wanted()}; what came has the shape {tuple(x.shape)}"
        )


def _whole(dtype: torch.dtype) -> bool:
    return not (dtype.is_floating_point or dtype.is_complex or dtype is torch.bool)
