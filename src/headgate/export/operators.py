"""ONNX's own LSTM, GRU and RNN, for the programs that are theirs, whatever their blocks' names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from headgate.equations import equation
from headgate.program.graph import Program, once
from headgate.program.identity import match
from headgate.program.parameters import split
from headgate.program.trace import trace

ACTIVATIONS: dict[str, tuple[str, float | None, float | None]] = {
    # ONNX's name, alpha and beta
    "elu": ("Elu", 1.0, None),
    "hardsigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "leaky_relu": ("LeakyRelu", 0.01, None),
    "relu": ("Relu", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "softsign": ("Softsign", None, None),
    "tanh": ("Tanh", None, None),
}
Parts = Mapping[tuple[str, str], Tensor]


@dataclass(frozen=True)
class Operator:
    """One of ONNX's operators with all that it is told.

    Args:
        name: "LSTM", "GRU" or "RNN".
        attributes: without the direction and the size.
        weights: W [1, G·N, M], R [1, G·N, N], B [1, 2·G·N] and, for a peephole, P [1, 3·N].
    """

    name: str
    attributes: dict[str, Any]
    weights: dict[str, Tensor]


@dataclass(frozen=True)
class Form:
    """A built-in cell as ONNX has it.

    Args:
        name: ONNX's operator.
        cell: our cell.
        options: its options.
        gates: our blocks in ONNX's order.
        activations: of gates, candidate and state, as ONNX lists them.
        attributes: what else the operator is told.
    """

    name: str
    cell: str
    options: dict[str, Any]
    gates: tuple[str, ...]
    activations: tuple[str, ...]
    attributes: dict[str, Any]

    def program(self, *, biased: bool) -> Program:
        """Give the program of the cell."""
        return trace(equation(self.cell, **self.options), bias=biased)


def _forms(used: tuple[str, ...]) -> Iterator[Form]:
    """All forms whose activations are among some."""
    for name in used:
        yield Form("RNN", "rnn", {"activation": name}, ("hidden",), (name,), {})
        for reset, update in product(("after", "before"), ("keep", "write")):
            options = {"activation": name, "reset": reset, "update": update}
            order = {"linear_before_reset": int(reset == "after")}
            gates = ("update", "reset", "candidate")
            yield Form("GRU", "gru", options, gates, ("sigmoid", name), order)
    for first, last, peephole, coupled in product(used, used, (False, True), (False, True)):
        options = {"candidate": first, "activation": last, "peephole": peephole}
        gates = ("input", "output", "forget", "candidate")
        activations = ("sigmoid", first, last)
        yield Form("LSTM", "lstm", options | {"coupled": coupled}, gates, activations, {})


@once
def _find(program: Program) -> tuple[Form, dict[str, str]] | None:
    used = tuple(name for name in ACTIVATIONS if any(node.op == name for node in program.nodes))
    for form in _forms(used):
        blocks = match(program, form.program(biased=program.biased))
        if blocks is not None:
            return form, blocks
    return None


def find(program: Program, weights: Mapping[str, Tensor]) -> Operator | None:
    """Find the operator that computes a program.

    Args:
        program: the cell.
        weights: its parameters by name.

    Returns:
        The operator with the weights in its order; None where ONNX has none.
    """
    found = _find(program)
    if found is None:
        return None
    form, blocks = found
    parts = split(program, weights)
    if form.options.get("update") == "write":  # ONNX keeps by z, and 1 - σ(a) is σ(-a)
        parts = {key: -v if key[1] == blocks["update"] else v for key, v in parts.items()}
    attributes = form.attributes | _activations(form)
    return Operator(form.name, attributes, _weights(form, blocks, parts, biased=program.biased))


def _activations(form: Form) -> dict[str, Any]:
    """The activations; where they are the operator's own, nothing has to be said."""
    usual = {"RNN": ("tanh",), "GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh")}
    if form.activations == usual[form.name]:
        return {}
    names, alphas, betas = zip(*(ACTIVATIONS[name] for name in form.activations), strict=True)
    numbers = {"activation_alpha": alphas, "activation_beta": betas}
    # a runtime gives them in their order to the functions that take one, and to no other
    given = {key: [each for each in found if each is not None] for key, found in numbers.items()}
    return {"activations": list(names)} | {key: found for key, found in given.items() if found}


def _weights(
    form: Form, blocks: Mapping[str, str], parts: Parts, *, biased: bool
) -> dict[str, Tensor]:
    """The weights in ONNX's order, each with the axis of directions before it."""

    def gate(kind: str, name: str) -> Tensor:
        if name == "input" and form.options.get("coupled"):
            # 1 - σ(a) is σ(-a); of ONNX's input_forget runtimes have two opinions
            return -gate(kind, "forget")
        return parts[kind, blocks[name]]

    def stacked(kind: str) -> Tensor:
        return torch.cat([gate(kind, name) for name in form.gates])

    made = {"W": stacked("input"), "R": stacked("matmul")}
    if biased:
        second = torch.zeros_like(stacked("input_bias"))
        if form.attributes.get("linear_before_reset"):
            own = gate("bias", "candidate")
            second[-len(own) :] = own
        made["B"] = torch.cat([stacked("input_bias"), second])
    if form.options.get("peephole"):
        made["P"] = torch.cat([gate("vector", name) for name in ("input", "output", "forget")])
    return {name: value[None] for name, value in made.items()}
