"""Each cell once more, from the equations of its paper: one row, one step, no graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from headgate.layers import Recurrent

Values = dict[str, Tensor]
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda a: a,
    "relu": lambda a: a * (a > 0),
    "sigmoid": lambda a: 1 / (1 + (-a).exp()),
    "silu": lambda a: a / (1 + (-a).exp()),
    "softsign": lambda a: a / (1 + a.abs()),
    "tanh": lambda a: (a.exp() - (-a).exp()) / (a.exp() + (-a).exp()),
}
σ = FUNCTIONS["sigmoid"]


class Sums:
    """W_x x + W_h h + b of each gate, from the stacked weights in the order of the paper's code."""

    def __init__(self, layer: Recurrent, order: list[str]) -> None:
        weights = {name.removesuffix("_l0"): value for name, value in layer.named_parameters()}
        self.extra = weights
        self.x = dict(zip(order, weights["weight_ih"].chunk(len(order)), strict=True))
        self.h = dict(zip(order, weights["weight_hh"].chunk(len(order)), strict=True))
        zeros = weights["weight_ih"].new_zeros(len(weights["weight_ih"]))
        bias = weights.get("bias", zeros).chunk(len(order))
        self.b = dict(zip(order, bias, strict=True))

    def __call__(self, gate: str, x: Tensor, h: Tensor) -> Tensor:
        return self.x[gate] @ x + self.h[gate] @ h + self.b[gate]

    def bias(self, name: str) -> Tensor | float:
        return self.extra.get(name, 0.0)


def rnn(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    h = FUNCTIONS[o["activation"]](Sums(layer, ["hidden"])("hidden", x, s["h"]))
    return {"hidden": h, "h": h}


def jordan(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    f, sums = FUNCTIONS[o["activation"]], Sums(layer, ["hidden"])
    own = sums.extra.get("weight_output")  # an output as wide as h is stacked under W_h
    hidden, out = sums.h["hidden"].chunk(2) if own is None else (sums.h["hidden"], own)
    h = f(sums.x["hidden"] @ x + hidden @ s["y"] + sums.b["hidden"])
    y = f(out @ h + sums.bias("bias_output"))
    return {"hidden": h, "output": y, "y": y}


def mgu(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    sums, h = Sums(layer, ["forget", "candidate"]), s["h"]
    f = σ(sums("forget", x, h))
    g = FUNCTIONS[o["activation"]](sums("candidate", x, f * h))
    return {"forget": f, "candidate": g, "h": (1 - f) * h + f * g}


def gru(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    sums, h = Sums(layer, ["reset", "update", "candidate"]), s["h"]
    r, u = σ(sums("reset", x, h)), σ(sums("update", x, h))
    if o["reset"] == "before":
        a = sums("candidate", x, r * h)
    else:
        past = sums.h["candidate"] @ h + sums.bias("bias_candidate")
        a = sums.x["candidate"] @ x + r * past + sums.b["candidate"]
    g = FUNCTIONS[o["activation"]](a)
    new = u * h + (1 - u) * g if o["update"] == "keep" else (1 - u) * h + u * g
    return {"reset": r, "update": u, "candidate": g, "h": new}


def lstm(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    absent = {"input": o["coupled"], "forget": not o["forget"]}
    order = [g for g in ("input", "forget", "candidate", "output") if not absent.get(g)]
    sums, (h, c) = Sums(layer, order), (s["h"], s["c"])

    def gate(name: str, cell: Tensor) -> Tensor:
        seen = sums.extra[f"vector_{name}"] * cell if o["peephole"] else 0.0
        return σ(sums(name, x, h) + seen)

    found: Values = {}
    f = torch.ones_like(c)
    if o["forget"]:
        f = found["forget"] = gate("forget", c)
    i = found["input"] = 1 - f if o["coupled"] else gate("input", c)
    g = found["candidate"] = FUNCTIONS[o["candidate"]](sums("candidate", x, h))
    new = f * c + i * g
    out = found["output"] = gate("output", new)
    leaving = out * FUNCTIONS[o["activation"]](new)
    leaving = sums.extra["weight_project"] @ leaving if o["projection"] else leaving
    return found | {"h": leaving, "c": new}


def stacked(layer: Recurrent, name: str, order: list[str]) -> Values:
    """Take stacked parameters apart; zeros where the layer has none."""
    own = dict(layer.named_parameters())
    found = own.get(f"{name}_l0")
    if found is None:
        found = own["weight_ih_l0"].new_zeros(len(order) * layer.hidden_size)
    return dict(zip(order, found.chunk(len(order)), strict=True))


def indrnn(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    own = {name.removesuffix("_l0"): value for name, value in layer.named_parameters()}
    u, b = own["vector_hidden"], own.get("bias", 0.0)
    h = FUNCTIONS[o["activation"]](own["weight_ih"] @ x + u * s["h"] + b)
    return {"hidden": h, "h": h}


def janet(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    sums, c = Sums(layer, ["forget", "candidate"]), s["h"]
    a = sums("forget", x, c)
    wanted = torch.tanh(sums("candidate", x, c))
    kept, let = σ(a), 1 - σ(a - o["beta"])
    return {"forget": kept, "input": let, "candidate": wanted, "h": kept * c + let * wanted}


def ligru(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    sums, h = Sums(layer, ["update", "candidate"]), s["h"]
    z, new = σ(sums("update", x, h)), FUNCTIONS[o["activation"]](sums("candidate", x, h))
    return {"update": z, "candidate": new, "h": z * h + (1 - z) * new}


def mlstm(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    sums = Sums(layer, ["multiplicative", "input", "forget", "candidate", "output"])
    own = sums.x["multiplicative"] @ x + sums.b["multiplicative"]
    m = own * (sums.h["multiplicative"] @ s["h"])
    f, i, out = (σ(sums(gate, x, m)) for gate in ("forget", "input", "output"))
    g = torch.tanh(sums("candidate", x, m))
    c = f * s["c"] + i * g
    gates = {"multiplicative": m, "forget": f, "input": i, "candidate": g, "output": out}
    return gates | {"h": torch.tanh(c) * out, "c": c}


def rhn(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    kinds = ["candidate", "transform"] + ["carry"] * (not o["coupled"])
    first = [f"{kind}_1" for kind in kinds]
    every = [f"{kind}_{n}" for n in range(1, o["depth"] + 1) for kind in kinds]
    w, r = stacked(layer, "weight_ih", first), stacked(layer, "weight_hh", every)
    b = stacked(layer, "bias", first) | {
        name.removeprefix("bias_").removesuffix("_l0"): value
        for name, value in layer.named_parameters()
        if name.startswith("bias_") and name != "bias_l0"
    }
    found, y = Values(), s["h"]
    for n in range(1, o["depth"] + 1):
        a = {k: r[f"{k}_{n}"] @ y + b.get(f"{k}_{n}", 0.0) for k in kinds}
        a = {k: v + w[f"{k}_1"] @ x for k, v in a.items()} if n == 1 else a
        h, t = torch.tanh(a["candidate"]), σ(a["transform"])
        c = 1 - t if o["coupled"] else σ(a["carry"])
        y = h * t + y * c
        named = {"candidate": h, "transform": t, "carry": c, "hidden": y}
        shown = kinds + ["hidden"] * (n < o["depth"])
        found |= {f"{k}_{n}": named[k] for k in shown}
    return found | {"h": y}


def sru(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    order = ["candidate", "forget", "reset", "skip"]
    w, b = stacked(layer, "weight_ih", order), stacked(layer, "bias", order)
    u = {name: w[name] @ x + b[name] for name in order}
    v = {name: dict(layer.named_parameters())[f"vector_{name}_l0"] for name in ("forget", "reset")}
    f, r = (σ(u[gate] + v[gate] * s["c"]) for gate in ("forget", "reset"))
    c = f * s["c"] + (1 - f) * u["candidate"]
    h = r * c + (1 - r) * u["skip"]
    return {"candidate": u["candidate"], "forget": f, "reset": r, "c": c, "h": h}


def fslstm(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    gates = ["input", "forget", "candidate", "output"]
    cells = [f"{g}_{cell}" for cell in ("1", "up", "slow", "down", "2") for g in gates]
    own = {name.removesuffix("_l0"): value for name, value in layer.named_parameters()}
    w = stacked(layer, "weight_ih", gates)
    r = stacked(layer, "weight_hh", cells)
    b = stacked(layer, "bias", gates)
    found = Values()

    def lstm_cell(cell: str, seen: Values, c: Tensor) -> tuple[Tensor, Tensor]:
        made = {g: torch.tanh(a) if g == "candidate" else σ(a) for g, a in seen.items()}
        found.update({f"{g}_{cell}": value for g, value in made.items()})
        c = made["forget"] * c + made["input"] * made["candidate"]
        return made["output"] * torch.tanh(c), c

    def fed(cell: str, feed: str, v: Tensor, h: Tensor) -> Values:
        bias = {g: own.get(f"bias_{g}_{cell}", 0.0) for g in gates}
        return {g: r[f"{g}_{feed}"] @ v + r[f"{g}_{cell}"] @ h + bias[g] for g in gates}

    entering = {g: w[g] @ x + r[f"{g}_1"] @ s["h"] + b[g] for g in gates}
    h, c = found["hidden_1"], found["cell_1"] = lstm_cell("1", entering, s["c_fast"])
    h_slow, c_slow = lstm_cell("slow", fed("slow", "up", h, s["h_slow"]), s["c_slow"])
    h, c = lstm_cell("2", fed("2", "down", h_slow, h), c)
    return found | {"h": h, "c_fast": c, "h_slow": h_slow, "c_slow": c_slow}


def lem(layer: Recurrent, o: dict[str, Any], x: Tensor, s: Values) -> Values:
    sums = Sums(layer, ["step_z", "step_y", "candidate_z", "candidate_y"])
    y, z = s["y"], s["z"]
    fine, coarse = (o["dt"] * σ(sums(name, x, y)) for name in ("step_z", "step_y"))
    into_z = torch.tanh(sums("candidate_z", x, y))
    z = z + fine * (into_z - z)
    into_y = torch.tanh(sums("candidate_y", x, z))
    y = y + coarse * (into_y - y)
    steps = {"step_z": fine, "step_y": coarse}
    return steps | {"candidate_z": into_z, "candidate_y": into_y, "y": y, "z": z}


ORACLES = {
    "fslstm": fslstm,
    "gru": gru,
    "indrnn": indrnn,
    "janet": janet,
    "jordan": jordan,
    "lem": lem,
    "ligru": ligru,
    "lstm": lstm,
    "mgu": mgu,
    "mlstm": mlstm,
    "rhn": rhn,
    "rnn": rnn,
    "sru": sru,
}
