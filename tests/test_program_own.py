"""A cell of the user's own: its name, its options, its pickles and its errors."""

from __future__ import annotations

import asyncio
import copy
import functools
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import sigmoid, tanh
from torch.nn import functional

import headgate as hg
from headgate.equations import CELLS, Equation, equation
from headgate.equations.activations import lookup
from headgate.errors import CellError, UnknownNameError
from headgate.program import as_text, trace
from headgate.program.own import BUILT_IN, Own

FILE = Path(__file__).name


def gated(x, W, h):
    u = sigmoid(x.update + W.update(h))
    return u * h + (1 - u) * tanh(x.candidate + W.candidate(u * h))


def scaled(*, scale: float = 2.0, activation: str = "tanh"):
    """A cell with options.

    Args:
        scale: of the input.
        activation: in place of tanh.
    """
    φ = lookup(activation)

    def step(x, W, h):
        return φ(scale * x.hidden + W.hidden(h))

    return Equation(step, source="A paper", initial={"hidden": 1.0})


def test_a_marked_step_is_an_equation_and_has_a_name() -> None:
    own = hg.cell(gated)
    assert isinstance(own, Equation)
    assert own.step is gated
    assert equation("gated") is own is equation(own)
    x = torch.randn(3, 2, 4)
    torch.manual_seed(1)
    by_name = hg.Recurrent("gated", 4, 5)(x)[0]
    torch.manual_seed(1)
    assert torch.equal(by_name, hg.Recurrent(own, 4, 5)(x)[0])
    assert repr(own) == f"<cell 'gated' at {__file__}:{gated.__code__.co_firstlineno}>"


def test_what_is_said_in_brackets_is_the_equations() -> None:
    said: dict[str, Any] = {"source": "Me 2020", "layout": ["candidate", "update"]}
    own = hg.cell(name="mine", **said, initial={"update": 1.5}, sizes={})(gated)
    assert "gated" not in CELLS
    assert own.name == "mine"
    assert (own.source, own.layout, own.initial) == (
        "Me 2020",
        ("candidate", "update"),
        {"update": 1.5},
    )
    bias = hg.Recurrent("mine", 2, 3).weights()[0][0]["bias"]
    assert bias.tolist() == [0, 0, 0, 1.5, 1.5, 1.5]


def test_a_function_with_options_is_built_with_them() -> None:
    own = hg.cell(scaled)
    formulas = [
        as_text(trace(built))[0]
        for built in (own, own(scale=3), equation("scaled", scale=4), equation(own, scale=5))
    ]
    assert [line.split()[2] for line in formulas] == ["tanh(2", "tanh(3", "tanh(4", "tanh(5"]
    assert hg.Recurrent("scaled", 2, 3, activation="relu").program.nodes[-1].op == "relu"
    for wrong in (lambda: own(scal=1), lambda: equation("scaled", scal=1)):
        with pytest.raises(UnknownNameError, match="'scaled' 'scal'; did you mean 'scale'"):
            wrong()


def test_a_name_given_again_means_the_new_cell_and_built_layers_keep_theirs() -> None:
    first = hg.cell(name="mine")(gated)
    layer = hg.Recurrent(first, 2, 3)
    second = hg.cell(name="mine")(lambda x, W, h: tanh(x.a + W.a(h)))
    assert equation("mine") is second
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert again.cell is first
        x = torch.randn(2, 1, 2)
        assert torch.equal(again(x)[0], layer(x)[0])


def test_no_name_of_a_built_in_cell_is_taken() -> None:
    assert {"lstm", "gru", "rnn"} <= BUILT_IN
    with pytest.raises(CellError, match=rf"{FILE}:\d+: 'gru' is a cell of headgate's own"):
        hg.cell(name="gru")(gated)
    assert equation("gru").source.startswith("Cho")


def test_options_come_back_from_a_pickle() -> None:
    layer = hg.Recurrent(hg.cell(scaled)(scale=7), 2, 3)
    again = pickle.loads(pickle.dumps(layer))
    assert again.cell is layer.cell
    assert again.cell.options == {"scale": 7}


@pytest.mark.parametrize(
    "more", [{"layer_norm": True}, {"zoneout": 0.2}, {"recurrent_dropout": 0.2}, {}], ids=str
)
def test_a_modified_layer_of_an_own_cell_is_copied_and_pickled(more: dict[str, Any]) -> None:
    layer = hg.Recurrent(hg.cell(gated), 3, 4, **more).eval()
    x, resets = torch.randn(5, 2, 3), torch.zeros(5, 2, dtype=torch.bool)
    resets[3] = True
    wanted = layer(x, resets=resets)[0]
    for same in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(same(x, resets=resets)[0], wanted)
        assert same.cell is layer.cell


CELL_FILE = """
import headgate as hg
from torch import sigmoid, tanh


@hg.cell
def filed(x, W, h):
    u = sigmoid(x.update + W.update(h))
    return u * h + (1 - u) * tanh(x.candidate)


@hg.cell
def wide(*, scale=1.0):
    def step(x, W, h):
        return tanh(scale * x.a + W.a(h))

    return hg.Equation(step)
"""
READ = """
import pickle, sys, torch
layers, x, wanted = pickle.load(open("layers.pickle", "rb"))
for layer, y in zip(layers, wanted):
    assert torch.equal(layer(x)[0], y)
print(layers[1].cell.options)
"""


def fresh(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process that knows nothing of this one."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_layer_pickles_into_a_process_that_has_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "filed_cells.py").write_text(CELL_FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = __import__("filed_cells")
    layers = [hg.Recurrent(module.filed, 2, 3), hg.Recurrent(module.wide(scale=3), 2, 3)]
    x = torch.randn(4, 2, 2)
    wanted = [layer(x)[0].detach() for layer in layers]
    (tmp_path / "layers.pickle").write_bytes(pickle.dumps((layers, x, wanted)))
    found = fresh(READ, tmp_path)
    assert (found.stdout, found.stderr[-500:]) == ("{'scale': 3}\n", "")
    (tmp_path / "filed_cells.py").write_text("")
    found = fresh(READ, tmp_path)
    assert "the cell 'filed' was defined in filed_cells as filed, which is not here" in found.stderr


# What a step may not hold: its body, and what the message says. The line is checked as well.
BODIES = [
    ("return x.g if h > 0 else h", "a branch depends on a value.*m \\* a"),
    ("while h.sum() > 0: pass", "a branch depends"),
    ("return x.g and h", "a branch depends"),
    ("return x.g if bool(h) else h", "a branch depends"),
    ("return max(h, x.g)", "torch.maximum\\(a, b\\) for max"),
    ("return torch.erf(x.g)", "torch.erf is not an operation of a program; known: abs, add"),
    ("return torch.sigmod(x.g)", "no attribute 'sigmod'; did you mean sigmoid"),
    ("return torch.hypot(h, x.g)", "torch.hypot is not an operation"),
    ("return functional.hardswish(h)", "functional.hardswish is not an operation"),
    ("return functional.softmin(h, -1)", "functional.softmin is not an operation"),
    ("return functional.hardtanh_(h)", "did you mean hardtanh\\?.*never changes in place"),
    ("return np.tanh(x.g)", "numpy's functions do not trace"),
    ("return np.where(h, 1, 0)", "numpy's functions do not trace"),
    ("return np.ones(2) * h", r"a tensor of shape \(2,\) stands"),
    ("return h.add_(1)", ".add_ is not an operation.*never changes in place"),
    ("return tanh(h[0])", "getitem is not an operation.*no parts.*sizes="),
    ("return h[:, :3]", "getitem is not an operation"),
    ("h[0] = 1", r"v\[…\] = … changes a value.*never changes in place"),
    ("return h * len(h)", r"len\(\) is asked"),
    ("return sum(v for v in h)", "cannot be taken apart or iterated"),
    ("a, b = h", "cannot be taken apart or iterated"),
    ("return float(h)", "turned to a number.*using\\('eager'\\)"),
    ("return math.tanh(h)", "not those of math"),
    ("return h.item() * h", ".item is not an operation.*symbols, not numbers"),
    ("return h * h.shape[0]", ".shape is not an operation.*no|none yet"),
    ("return h * h.size(0)", ".size is not an operation.*One step is traced for every size"),
    ("return torch.cat([h, x.g], -1)", "torch.cat is not an operation.*no parts"),
    ("return torch.ones(3) * h", r"a tensor of shape \(3,\) stands"),
    ("return torch.where(h > 0, h, x.g)", ">: gt is not an operation.*no truth values"),
    ("return torch.rand_like(h) * h", "rand_like is not an.*Random numbers do not trace"),
    ("return functional.dropout(h)", "dropout is not.*noise belongs to a modifier"),
    ("return h @ h", "@: matmul is not an operation.*is W.name"),
    ("return h.mean(-1)", ".mean is not an operation.*there is normalize"),
    ("return h.clamp(0, 1)", ".clamp is not an operation.*Bounds are"),
    ("return h.elu()", "torch's tensors have no method .elu: call the function"),
    ("return torch.nn.Linear(3, 3)(h)", r"a tensor of shape \(3, 3\) stands.*W.name"),
    ("return tanh(x(h))", "x is a namespace and no value.*write x.name"),
    ("return tanh(W(h))", r"W is a namespace and no value.*write W.name\(v\)"),
    ("return tanh(W.g + x.g)", r"W.g is a matrix and no value.*W.g\(h\)"),
    ("return tanh(W.g)", "W.g is a matrix and no value"),
    ("return torch.tanh(x)", "x is a namespace and no value"),
    ("return h + x", "x is a namespace and no value"),
    ("return h @ W", "W is a namespace and no value"),
    ("return b * h", "b is a namespace and no value.*write b.name"),
    ("return x[0]", "x is a namespace and no value"),
    ("return x.g() + h", "a value of the step is called.*no brackets"),
    ("return W.g(h, h)", "W.g takes one value of the step, and 2 came"),
    ("return W.g(x)", "x is a namespace and no value"),
    ("return W.g(0.5)", "W.g takes a value of the step, not 0.5"),
    ("return x.g + h.tanh", r".tanh is a method and is not called here: write v.tanh\(\)"),
    ("x.g = h", "g is assigned to a namespace"),
    ("return functional.elu(x.g, alpha=0.5)", "elu takes no options here"),
    ("return h + None", "add takes values of the step and numbers, not None"),
    ("return tanh(x.g, h)", "the step fails with TypeError: tanh"),
    ("return missing", "the step fails with NameError: name 'missing' is not defined"),
    ("return tanh(x.h + W.h(h)) * 2", "the gate 'h' has the name of a state"),
]


@pytest.mark.parametrize(("body", "message"), BODIES, ids=[body for body, _ in BODIES])
def test_what_a_step_cannot_hold_is_said_with_its_line(body: str, message: str) -> None:
    code = f"def step(x, W, b, p, h):\n    before = x.other\n    {body}\n    return h\n"
    names = {"np": np, "math": math, "torch": torch, "functional": functional, "tanh": tanh}
    exec(compile(code, "typed.py", "exec"), names)
    with pytest.raises(CellError, match=message) as found:
        hg.cell(names["step"])
    assert str(found.value).startswith("typed.py:3: ")
    assert "step" not in CELLS


# What is wrong with the whole step: how it is written, and what the message says.
WHOLES = [
    ("lambda x, W, h: (h, h)", r"it has 1 \(h\) and returned 2"),
    ("lambda x, W, h: [x.g]", "returned a list: write return h"),
    ("lambda x, W, h: None", "None, not computed: does the step end with return"),
    ("lambda x, W, h: 1.0", "the new value of h is 1.0, not computed"),
    ("lambda x, W, h: W.g", r"h is W.g, not computed: W.g is a matrix"),
    ("lambda x, W: x.g", r"it has 0 \(none\).*A state is each argument but x, W, b, p"),
    ("lambda W, h: W.g(h)", "has no argument x, so it would never see its input"),
    ("lambda *args: args[0]", r"\*args stands among the arguments"),
    ("lambda x, W, h, **more: h", r"\*\*more stands among the arguments"),
    ("lambda x, W, h=0: h", "h=0 has a default, but every argument of a step is given"),
    ("lambda x, W, *, h: h", "h is an argument by keyword only"),
    ("lambda *, k: None", "the option k needs a default"),
    ("lambda *, k=1: None", "builds a cell and returns Equation.*returned None"),
    ("generator", "where this one has a yield"),
    ("later", "write def in place of async def"),
]


def generator(x, W, h):
    yield h


async def later(x, W, h):
    await asyncio.sleep(0)


@pytest.mark.parametrize(("code", "message"), WHOLES, ids=[code for code, _ in WHOLES])
def test_a_step_that_is_no_step_is_refused(code: str, message: str) -> None:
    step = eval(code, dict(globals()))
    with pytest.raises(CellError, match=message) as found:
        hg.cell(name="mine")(step)
    file, line = step.__code__.co_filename, step.__code__.co_firstlineno
    assert str(found.value).startswith(f"{file}:{line}: ")
    assert "mine" not in CELLS


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "thing", ["mine", 3, functools.partial(gated), torch.nn.Linear(1, 1), Equation(gated), Own]
)
def test_what_is_no_function_is_refused(thing: Any) -> None:
    with pytest.raises(CellError, match="@cell marks a function, not"):
        hg.cell(thing)


def test_functions_that_are_no_steps_are_refused_in_an_equation_too() -> None:
    for thing in (functools.partial(gated), torch.nn.Linear(1, 1), len):
        with pytest.raises(CellError, match="a step is a function, made by def or lambda, not"):
            trace(Equation(thing))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"sizes": {"updat": 2}}, "sizes names the block 'updat'.*did you mean 'update'"),
        ({"layout": ["new"]}, "layout names the block 'new'.*its blocks: candidate, update"),
        ({"initial": {"new": 1}}, "initial names the block 'new'"),
        ({"sizes": {"update": 2}}, "mul meets a value of .*2 .*update"),
        ({"sizes": {"update": 0, "candidate": 0}}, "is a positive integer, not 0|meets"),
        ({"name": "my cell"}, "'my cell' is no name for a cell"),
        ({"name": "mine.py"}, "'mine.py' is no name for a cell"),
    ],
)
def test_what_is_said_in_brackets_fits_the_step(said: dict[str, Any], message: str) -> None:
    with pytest.raises(CellError, match=message) as found:
        hg.cell(**said)(gated)
    assert f"{FILE}:" in str(found.value)
    assert "gated" not in CELLS


def test_a_lambda_needs_a_name_and_options_need_no_brackets() -> None:
    with pytest.raises(CellError, match=r"'<lambda>' is no name.*name='mine'"):
        hg.cell(lambda x, W, h: tanh(x.a))
    with pytest.raises(CellError, match="source are said in the Equation that scaled returns"):
        hg.cell(source="Me")(scaled)


def test_numbers_of_numpy_rebinding_and_printing_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def step(x, W, h):
        h += np.float32(0.5) * x.a
        print(f"{h:.2f}")
        return np.sqrt(2.0) * tanh(h) + math.sqrt(4)

    lines = as_text(trace(hg.cell(step)))
    assert lines == ["hₜ = 1.41421 ⊙ tanh(hₜ₋₁ + 0.5 ⊙ (W_xa xₜ + b_a)) + 2"]
    assert f"<a value of the step, from {__file__}:" in capsys.readouterr().out


def test_a_line_that_stands_in_no_file_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, whose cells Python knows by a made-up name."""
    code = "def step(x, W, h):\n    return x.a if h > 0 else h\n"
    names: dict[str, Any] = {}
    lines = code.splitlines(keepends=True)
    monkeypatch.setitem(__import__("linecache").cache, "<cell 3>", (len(code), None, lines, ""))
    exec(compile(code, "<cell 3>", "exec"), names)
    with pytest.raises(CellError) as found:
        hg.cell(names["step"])
    assert str(found.value).startswith("<cell 3>:2 [return x.a if h > 0 else h]: a branch")


def test_a_bare_function_is_told_of_both_ways() -> None:
    cell: Any = gated
    with pytest.raises(CellError, match=r"Equation\(gated\); or marked by @cell"):
        equation(cell)
