"""What a run is given beside its input: the noise of modifiers, and where a row begins anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from headgate.errors import ShapeError, UnknownNameError
from headgate.layers.checks import check_probability
from headgate.program import Program, modifiers


@dataclass(frozen=True)
class Noise:
    """The modifiers of a layer that draw at each run in training.

    Args:
        zoneout: the probability that a unit keeps its value, for each state.
        recurrent_dropout: the probability that a unit is hidden from the recurrent matrices.
    """

    zoneout: Mapping[str, float]
    recurrent_dropout: float

    @staticmethod
    def of(
        program: Program, *, zoneout: float | Mapping[str, float], recurrent_dropout: float
    ) -> Noise:
        """Read what a user gave.

        Args:
            program: the cell.
            zoneout: one rate for every state, or rates by the states' names.
            recurrent_dropout: one rate.

        Returns:
            The modifiers.

        Raises:
            UnknownNameError: the cell has no such state.
            ShapeError: a rate is no probability.
        """
        rates = dict(zoneout) if isinstance(zoneout, Mapping) else {}
        for state in rates:
            if state not in program.states:
                raise UnknownNameError("state of the cell for zoneout", state, program.states)
        if not isinstance(zoneout, Mapping):
            rates = dict.fromkeys(program.states, zoneout)
        check_probability(**{f"zoneout of {state}": rate for state, rate in rates.items()})
        return Noise({s: float(rate) for s, rate in rates.items() if rate}, recurrent_dropout)

    def modify(self, program: Program, *, training: bool) -> Program:
        """Put the modifiers into a program.

        Args:
            program: the cell.
            training: whether the run draws, or takes the mean.

        Returns:
            The program.
        """
        if self.recurrent_dropout and training:
            program = modifiers.recurrent_dropout(program)
        return (
            modifiers.zoneout(program, self.zoneout, training=training) if self.zoneout else program
        )

    def draw(self, program: Program, x: Tensor, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """Draw what a program reads.

        Args:
            program: a cell with these modifiers.
            x: the input, [T, B, M].
            sizes: the units N of each state.

        Returns:
            Ones where a unit keeps its value, [T, B, N]; masks, [B, N].
        """
        found: dict[str, Tensor] = {}
        kept = 1.0 - self.recurrent_dropout
        for node in program.nodes:
            size = sizes.get(node.block, 0)
            if node.op == "noise":
                ones = _draw((*x.shape[:2], size), self.zoneout[node.block], like=x)
                found[f"noise.{node.block}"] = ones
            elif node.op == "mask":
                ones = _draw((x.shape[1], size), kept, like=x)
                # where nothing is kept there is nothing to make up for
                found[f"mask.{node.block}"] = ones.div_(kept or 1.0)
        return found

    def changed(self) -> list[str]:
        """Name what differs from the defaults.

        Returns:
            Arguments as a user writes them.
        """
        zoneout = [f"zoneout={self.zoneout}"] if self.zoneout else []
        dropout = self.recurrent_dropout
        return zoneout + ([f"recurrent_dropout={dropout}"] if dropout else [])


def _draw(shape: tuple[int, ...], rate: float, *, like: Tensor) -> Tensor:
    """Draw ones with a probability; twice as fast as bernoulli_, and exact for every dtype."""
    return torch.rand(shape, dtype=torch.float32, device=like.device).lt_(rate).to(like.dtype)


def check_resets(
    resets: Tensor, lengths: Tensor | None, shape: Sequence[int], *, batch_first: bool
) -> Tensor:
    """Check where rows begin anew, and leave out what stands in the padding.

    Args:
        resets: true or false, [T, B], or [B, T] if ``batch_first``.
        lengths: the steps of each row, [B].
        shape: T and B.
        batch_first: whether the rows come first.

    Returns:
        Booleans, [T, B].

    Raises:
        ShapeError: it is no tensor of booleans, or has another shape.
    """
    wanted = tuple(shape[::-1] if batch_first else shape)
    if not isinstance(resets, Tensor) or resets.dtype != torch.bool or resets.shape != wanted:
        came = f"{tuple(resets.shape)} of {resets.dtype}" if isinstance(resets, Tensor) else resets
        axes = "[B, T]" if batch_first else "[T, B]"
        raise ShapeError(f"resets are booleans for each step and row, {axes} = {wanted}: {came}")
    resets = resets.t() if batch_first else resets
    if lengths is None:
        return resets
    time = torch.arange(shape[0], device=resets.device)[:, None]
    return resets & (time < lengths.to(resets.device))


def marks(
    program: Program, resets: Tensor | None, x: Tensor, *, reverse: bool | int
) -> dict[str, Tensor]:
    """Write where rows begin anew as a program reads it.

    Args:
        program: a cell with resets.
        resets: booleans, [T, B].
        x: the input, [T, B, M], whose dtype and device the marks get.
        reverse: the run goes from the last step to the first, so that the border before step t is
            crossed on the way to t - 1.

    Returns:
        The marks by name, each [T, B, 1].
    """
    if resets is None:
        return {}
    if reverse:
        resets = torch.cat([resets[1:], torch.zeros_like(resets[:1])])
    begin = resets[..., None].to(x)
    found = {"mark.keep": 1 - begin, "mark.begin": begin}
    read = {f"mark.{node.block}" for node in program.nodes if node.op == "mark"}
    return {name: value for name, value in found.items() if name in read}
