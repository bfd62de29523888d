"""The network that feeds its output back."""

from __future__ import annotations

from headgate.equations.activations import Activation, lookup
from headgate.equations.notation import Equation


def jordan(*, activation: str | Activation = "tanh", output: int | None = None) -> Equation:
    """The recurrent network of Jordan: the state is the output.

        h = tanh(W_xh xₜ + W_yh yₜ₋₁ + b_h)
        yₜ = tanh(W_ho h + b_o)

    Args:
        activation: what stands in place of tanh.
        output: units L of the output y; as many as of h where None.

    Returns:
        The equation, with the state y.
    """
    f = lookup(activation)

    def step(x, W, b, y):
        h = f(x.hidden + W.hidden(y))
        return f(W.output(h) + b.output)

    sizes = {} if output is None else {"output": output}
    return Equation(step, source="Jordan 1986", layout=("hidden", "output"), sizes=sizes)
