"""The doctor with networks that are known to be sick, and with healthy ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.cases import ALONE, Case
from tests.tolerances import assert_equal
from torch import Tensor, nn

from headgate.inspection.checkup import check_history, check_weights
from headgate.inspection.doctor import Doctor, examine
from headgate.inspection.findings import Finding, vanished_after
from headgate.inspection.trace import look
from headgate.inspection.vitals import Vitals, measure, spaced
from headgate.layers import LSTM, Recurrent


def inputs(steps: int = 60, features: int = 3) -> Tensor:
    return torch.randn(steps, features, generator=torch.Generator().manual_seed(7))


def rnn(radius: float, *, bias: float = 0.0, **options: Any) -> Recurrent:
    """A vanilla network whose recurrent weights are a rotation times the radius."""
    torch.manual_seed(1)
    layers = Recurrent("rnn", 3, 16, **options)
    with torch.no_grad():
        layers.get_parameter("weight_hh_l0").mul_(radius)
        layers.get_parameter("bias_l0").add_(bias)
    return layers


def lstm(**biases: float) -> Recurrent:
    """An LSTM of which some gates have another bias."""
    torch.manual_seed(2)
    layers = Recurrent("lstm", 3, 16)
    order = layers.program.blocks("input")
    with torch.no_grad():
        for gate, bias in biases.items():
            first = 16 * order.index(gate)
            layers.get_parameter("bias_l0")[first : first + 16] = bias
    return layers


def kinds(findings: list[Finding]) -> set[str]:
    return {finding.kind for finding in findings}


def test_tiny_recurrent_weights_vanish() -> None:
    (found,) = examine(look(rnn(0.05), inputs()))
    assert (found.kind, found.where, found.number) == ("vanishing", "layer 1", 3)
    assert found.sentence.startswith("layer 1: 3 of 60 steps back the gradient is under a thou")
    assert found.sentence.endswith(
        "a cell that keeps its state, such as lstm or gru, carries it further"
    )


def test_a_shut_forget_gate_vanishes_and_is_named() -> None:
    found = {f.kind: f for f in examine(look(lstm(forget=-9.0), inputs()))}
    assert "start the gate forget further open" in found["vanishing"].sentence


def test_a_great_radius_without_a_bound_explodes_and_grows() -> None:
    found = {f.kind: f for f in examine(look(rnn(3.0, activation="relu"), inputs(40)))}
    assert found.keys() >= {"exploding", "growing"}
    assert found["exploding"].number > 1e3
    assert found["growing"].number > 100


def test_a_state_that_is_no_longer_finite_is_said() -> None:
    found = {f.kind: f for f in examine(look(rnn(30.0, activation="relu"), inputs(200)))}
    assert "the state h is no longer finite after 200 steps" in found["growing"].sentence


def test_gates_that_never_move_are_saturated() -> None:
    found = {f.kind: f for f in examine(look(lstm(forget=50, input=-50, output=50), inputs()))}
    assert found["saturated"].number == 1.0
    assert "no gate moves (forget, input, output): 100%" in found["saturated"].sentence


def test_a_gate_that_stands_open_for_a_memory_is_none() -> None:
    assert examine(look(lstm(forget=50.0, input=-5.0), inputs())) == []


def test_units_that_a_bias_holds_at_zero_are_dead() -> None:
    found = {f.kind: f for f in examine(look(rnn(1.0, bias=-100.0, activation="relu"), inputs()))}
    assert found["dead"].number == 1.0
    assert "16 of 16 units of the state h never change" in found["dead"].sentence


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "janet", "lem", "mgu"])
@pytest.mark.parametrize("steps", [1, 5, 30, 120])
def test_of_healthy_layers_nothing_is_found(cell: str, steps: int) -> None:
    torch.manual_seed(3)
    layers = Recurrent(cell, 3, 32, num_layers=2, bidirectional=True)
    assert kinds(examine(look(layers, inputs(steps)))) - {"vanishing"} == set()
    if cell != "rnn":
        assert examine(look(layers, inputs(steps))) == []


@pytest.mark.parametrize("case", ALONE, ids=lambda case: case.id)
def test_every_cell_can_be_measured(case: Case) -> None:
    layers = case.layer(num_layers=2, bidirectional=True)
    found = measure(layers, torch.randn(12, 2, 2, dtype=torch.float64))
    assert [each.name for each in found] == ["1", "1 reverse", "2", "2 reverse"]
    assert all(math.isfinite(ratio) for each in found for ratio in each.ratios)


def test_a_silent_input_says_nothing_of_gates_or_units() -> None:
    layers = lstm(forget=50, input=-50, output=50)
    assert kinds(examine(look(layers, torch.zeros(60, 3)))) & {"saturated", "dead"} == set()


def test_sounds_that_begin_silent_do_not_grow() -> None:
    layers = rnn(0.5, activation="relu")
    x = inputs() * torch.cat([torch.full((20, 1), 1e-3), torch.full((40, 1), 60.0)])
    assert "growing" not in kinds(examine(look(layers, x)))


def test_encoder_and_decoder_are_both_examined() -> None:
    sick, healthy = look(rnn(0.05), inputs()), look(lstm(), inputs())
    assert [f.where for f in examine(replace(healthy, decoder=sick))] == ["decoder, layer 1"]
    assert [f.where for f in examine(replace(sick, decoder=healthy))] == ["encoder, layer 1"]


@pytest.mark.parametrize("reverse", [False, True])
def test_the_gradient_is_that_of_a_loop_written_out(reverse: bool) -> None:
    """An LSTM of torch.nn, in float64, one step after the other."""
    torch.manual_seed(4)
    layers = LSTM(3, 5, bidirectional=True).double()
    x = torch.randn(30, 2, 3, dtype=torch.float64)
    vitals = measure(layers, x)[int(reverse)]
    end = "_reverse" if reverse else ""
    weights = [getattr(layers, f"{name}_l0{end}") for name in ("weight_ih", "weight_hh")]
    biases = getattr(layers, f"bias_ih_l0{end}") + getattr(layers, f"bias_hh_l0{end}")
    states = [[torch.zeros(2, 5, dtype=torch.float64, requires_grad=True) for _ in "hc"]]
    for step in x.flip(0) if reverse else x:
        h, c = states[-1]
        i, f, g, o = (step @ weights[0].T + h @ weights[1].T + biases).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        # a state of its own: what c does to the same step's h is no way through time
        states.append([o.sigmoid() * c.tanh(), c.clone()])
    along = torch.randn(2, 5, generator=torch.Generator().manual_seed(0)).double()
    flat = [state for pair in states[:-1] for state in pair]
    slopes = torch.autograd.grad((states[-1][0] * along).sum(), flat)
    sizes = [torch.cat(slopes[n : n + 2], 1).norm(dim=1).mean() for n in range(0, 60, 2)]
    wanted = [float(sizes[30 - d] / along.norm(dim=1).mean()) for d in vitals.distances]
    assert vitals.distances == spaced(30)
    assert_equal(torch.tensor(vitals.ratios).double(), torch.tensor(wanted).double(), "gradient")


def test_distances_reach_from_one_step_to_all() -> None:
    assert spaced(1) == (1,)
    assert spaced(8) == (1, 2, 3, 4, 6, 8)
    assert spaced(200)[-3:] == (128, 181, 200)
    assert spaced(128)[-2:] == (91, 128)


@pytest.mark.parametrize(
    ("ratio", "wanted"),
    [
        (lambda d: 0.5**d, 10),
        (lambda d: 0.9**d, 66),
        (lambda d: 0.99**d, None),
        (lambda d: 0.0, 1),
        (lambda d: 1e-9 if d < 100 else 1.0, None),
    ],
)
def test_where_a_gradient_has_vanished(ratio: Any, wanted: int | None) -> None:
    layers = Recurrent("rnn", 1, 1)
    steps = spaced(150)
    made = Vitals("1", layers.program, torch.zeros(150, 1, 1), {}, steps, tuple(map(ratio, steps)))
    assert vanished_after(made) == wanted


def test_looking_changes_nothing() -> None:
    layers = Recurrent("gru", 3, 8, dropout=0.5, num_layers=2, zoneout=0.3)
    layers.train()
    x = torch.randn(20, 4, 3)
    layers(x)[0].sum().backward()
    doctor, weights = Doctor(), [p.detach().clone() for p in layers.parameters()]
    slopes = [p.grad for p in layers.parameters()]
    copies = [None if g is None else g.clone() for g in slopes]
    with doctor.listening(layers):
        torch.manual_seed(5)
        layers(x)
    chance = torch.get_rng_state()
    doctor.visit(1)
    assert torch.equal(chance, torch.get_rng_state())
    torch.manual_seed(5)
    layers(x)
    assert torch.equal(chance, torch.get_rng_state()), "listening drew"
    assert layers.training
    assert_equal([p.detach() for p in layers.parameters()], weights, "bits")
    assert all(p.grad is g for p, g in zip(layers.parameters(), slopes, strict=True))
    assert_equal([g for g in slopes if g is not None], [g for g in copies if g is not None], "bits")
    assert not layers._forward_pre_hooks


def test_what_is_found_twice_is_told() -> None:
    layers, doctor = rnn(0.05), Doctor()
    told = []
    for step in (3, 7, 9):
        with doctor.listening(layers):
            layers(inputs()[:, None])
        told.append(doctor.visit(step))
    assert [kinds(each) for each in told] == [set(), {"vanishing"}, {"vanishing"}]
    assert [found.step for found in told[1]] == [7]
    assert told[1][0].where == "the network, layer 1"


class Told(nn.Module):
    """Layers with a name, called step by step or with rows of different lengths."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.reader = Recurrent("rnn", 3, 16, **options)


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_longest_rows_are_heard(batch_first: bool) -> None:
    network, doctor = Told(batch_first=batch_first), Doctor()
    x = torch.randn(300, 6, 3)
    lengths = [1, 290, 2, 280, 270, 260]
    with doctor.listening(network):
        network.reader(x.transpose(0, 1) if batch_first else x, lengths=lengths)
    ((_, heard),) = doctor._heard.values()
    (kept,) = heard.inputs
    assert_equal(kept, x[:200, [1, 3, 4, 5]], "bits")


def test_single_steps_are_heard_as_one_sequence() -> None:
    network, doctor = Told(), Doctor()
    x, state = torch.randn(10, 2, 3), torch.randn(1, 2, 16)
    with doctor.listening(network):
        last = state
        for step in x:
            last = network.reader(step[None], last)[1]
    ((_, heard),) = doctor._heard.values()
    assert_equal(torch.cat(heard.inputs), x, "bits")
    assert heard.start is not None
    assert_equal(heard.start[0], state, "bits")
    assert doctor.visit(1) == []


def rows(*losses: tuple[float, float]) -> list[dict[str, float]]:
    """Validations: the loss of training and that of validation."""
    return [
        {"epoch": n, "step": 10.0 * n, "train_loss": train, "valid_loss": valid}
        for n, (train, valid) in enumerate(losses, 1)
    ]


@pytest.mark.parametrize(
    ("losses", "kind", "number"),
    [
        ([(3, 3), (2, 2), (1, 2.5), (0.5, 3)], "overfit", 2),
        ([(3, 3), (1, 1), (2.5, 2.6), (2.9, 3)], "risen loss", 2.9),
        ([(4 - n / 3, 4 - n / 3) for n in range(10)], "unfinished", 1 / 9),
    ],
)
def test_how_a_training_went(losses: Any, kind: str, number: float) -> None:
    (found,) = check_history(rows(*losses))
    assert found.kind == kind
    assert found.number == pytest.approx(number)


def test_a_training_that_went_well() -> None:
    good = [(3 * 0.5**n + 1, 3 * 0.5**n + 1.1) for n in range(12)]
    assert check_history(rows(*good)) == []
    assert check_history(rows(*good[:2])) == []
    assert check_history([{"epoch": 1.0, "step": 1.0, "train_loss": 1.0}] * 5) == []


def test_the_weights_alone() -> None:
    found, radii = check_weights(rnn(5.0))
    assert radii == {"layer 1, hidden": pytest.approx(5.0, rel=1e-4)}
    assert kinds(found) == {"spectral radius"}
    assert kinds(check_weights(rnn(0.01))[0]) == {"spectral radius"}
    assert check_weights(rnn(1.0))[0] == check_weights(lstm())[0] == []


def test_weights_that_are_nan_or_zero() -> None:
    layers = rnn(1.0)
    with torch.no_grad():
        layers.get_parameter("weight_ih_l0")[3] = 0
        layers.get_parameter("weight_hh_l0")[3] = 0
    ((found,), _) = check_weights(layers)
    assert (found.kind, found.number) == ("idle", 1)
    with torch.no_grad():
        layers.get_parameter("weight_hh_l0")[0, 0] = math.nan
    assert "weight_hh_l0: 1 of 256 weights are not finite" in check_weights(layers)[0][0].sentence
