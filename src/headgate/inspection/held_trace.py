"""Every gate and state while some are held: what a change in one of them does to the others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.inspection.clamp import Clamp, held, names_held
from headgate.inspection.passes import Pass, States, run_passes
from headgate.inspection.trace import Inspection
from headgate.kernels import Run, scan
from headgate.program.interventions import interventions


def held_trace(
    inspection: Inspection, clamps: Sequence[Clamp]
) -> dict[str, Float[Tensor, "D T _"]]:
    """Run the layers once more with gates and states held, and see all of them.

    Args:
        inspection: the layers with their input.
        clamps: what is held, as ``what_if`` takes it.

    Returns:
        Every gate and state at every step, on the CPU, each [D, T, N]; as ``Inspection.trace``.

    Raises:
        DataError: there is no such unit or step.

    Example:
        >>> from headgate.inspection.trace import look
        >>> from headgate.layers import Recurrent
        >>> found = look(Recurrent("lstm", 3, 5), torch.ones(4, 3))
        >>> held_trace(found, [Clamp("forget", 1.0)])["forget"].unique().tolist()
        [1.0]
    """
    traces: list[dict[str, Tensor]] = []

    def turn(side: Pass, x: Tensor, states: States) -> Run:
        given = held(inspection, side, clamps)
        program = interventions(side.program, names_held(given)) if given else side.program
        run = scan(
            program, x, side.weights, states, reverse=side.reverse, trace=True, given=given or None
        )
        traces.append({name: value[:, 0] for name, value in (run.trace or {}).items()})
        return run

    with torch.no_grad():
        run_passes(inspection.layers, inspection.inputs[:, None], turn, inspection.start_of(1))
    return {name: torch.stack([each[name] for each in traces]).cpu() for name in inspection.names}
