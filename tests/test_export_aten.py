"""Every operation of the table, as torch calls it, beside ONNX Runtime at other lengths."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor, nn
from torch.nn import functional as F

from headgate.errors import CellError
from headgate.export import network
from headgate.export.aten import TABLE
from headgate.export.network import network_to_onnx

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'headgate[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: headgate[onnx]")

W, IDS = torch.linspace(-1, 1, 12).view(3, 4), torch.tensor([2, 0, 2])
Call = Callable[[Tensor], Any]
# x is [B, T, 4] of float32, B and T vary; what is asked, and the entries of the table that write it
CALLS: list[tuple[str, Call]] = [
    ("abs.default", lambda x: x.abs()),
    ("adaptive_avg_pool1d.default", lambda x: F.adaptive_avg_pool1d(x, 3)),
    ("adaptive_avg_pool2d.default", lambda x: F.adaptive_avg_pool2d(square(x), (3, 2))),
    ("add.Tensor", lambda x: x + x.exp()),
    ("add.Tensor", lambda x: torch.add(x, x, alpha=0.5)),
    ("add.Tensor", lambda x: x + 2 + (x > 0)),
    ("addmm.default", lambda x: torch.addmm(W[0, :3], x[:, 0], W.T)),
    ("alias.default", lambda x: torch.ops.aten.alias(x) * 1),
    ("all.dim", lambda x: (x > -1).all(1)),
    ("amax.default", lambda x: x.amax((0, 2), keepdim=True)),
    ("amin.default", lambda x: x.amin(-1)),
    ("any.dim", lambda x: (x > 1).any(2, keepdim=True)),
    ("arange.default", lambda x: torch.arange(x.shape[1])),
    ("arange.start", lambda x: torch.arange(1, x.shape[1] + 3)),
    ("arange.start_step", lambda x: torch.arange(0, 2 * x.shape[0], 2, dtype=torch.float32)),
    ("argmax.default", lambda x: x.argmax(1)),
    ("argmax.default", lambda x: x.argmax()),
    ("argmin.default", lambda x: x.argmin(2, keepdim=True)),
    ("baddbmm.default", lambda x: torch.baddbmm(x, x, W[0].expand(x.shape[0], 4, 4))),
    ("__and__.Tensor", lambda x: (x > 0) & (x < 1)),
    ("bitwise_and.Tensor", lambda x: torch.bitwise_and(x > 0, x < 1)),
    ("bitwise_not.default", lambda x: ~(x > 0)),
    ("__or__.Tensor", lambda x: (x > 1) | (x < 0)),
    ("bitwise_or.Tensor", lambda x: torch.bitwise_or(x > 1, x < 0)),
    ("__xor__.Tensor", lambda x: (x > 0) ^ (x < 1)),
    ("bitwise_xor.Tensor", lambda x: torch.bitwise_xor(x > 0, x < 1)),
    ("bmm.default", lambda x: torch.bmm(x, x.transpose(1, 2))),
    ("cat.default", lambda x: torch.cat([x, x > 0, x * 2], -1)),
    ("ceil.default", lambda x: x.ceil()),
    ("split.Tensor", lambda x: x.chunk(2, -1)),
    ("clamp.default", lambda x: x.clamp(-0.5, 0.5)),
    ("clamp.Tensor", lambda x: x.clamp(W[0], W[2] + 1)),
    ("clamp_max.default", lambda x: x.clamp_max(0.25)),
    ("clamp_min.default", lambda x: (x > 0).sum(1).clamp_min(2)),
    ("clamp_min.Tensor", lambda x: torch.clamp_min(x, W[1])),
    ("clone.default", lambda x: x.clone()),
    ("pad.default", lambda x: F.pad(x, (1, 2, 0, 3), value=0.5)),
    ("conv1d.default", lambda x: F.conv1d(x.transpose(1, 2), W[..., None], stride=2)),
    ("conv1d.default", lambda x: F.conv1d(x.mT, W.view(4, 1, 3), W[0], padding=1, groups=4)),
    ("conv2d.default", lambda x: F.conv2d(square(x), W.view(1, 1, 3, 4), padding=(2, 1))),
    ("conv3d.default", lambda x: F.conv3d(square(x)[:, :, None], W.view(1, 1, 1, 3, 4))),
    ("convolution.default", lambda x: F.conv1d(x.mT, W.view(3, 4, 1), padding="same")),
    ("cos.default", lambda x: x.cos()),
    ("cumsum.default", lambda x: x.cumsum(1)),
    ("cumsum.default", lambda x: (x > 0).cumsum(0)),
    ("detach.default", lambda x: x.detach() * 1),
    ("div.Tensor", lambda x: (x > 0).sum(1) / x.shape[1]),
    ("clone.default", lambda x: F.dropout(x, 0.5, training=False)),
    ("elu.default", lambda x: F.elu(x, 0.5)),
    ("embedding.default", lambda x: F.embedding((x > 0).long() + 1, W)),
    ("dot.default", lambda x: torch.dot(x[:, 0, 0], x[:, 1, 0])),
    ("eq.Scalar", lambda x: x.floor() == 0),
    ("eq.Tensor", lambda x: x.floor() == x.ceil()),
    ("erf.default", lambda x: x.erf()),
    ("exp.default", lambda x: x.exp()),
    ("expand.default", lambda x: x[:, None].expand(-1, 3, -1, 4)),
    ("flip.default", lambda x: x.flip(0, 2)),
    ("floor.default", lambda x: x.floor()),
    ("full.default", lambda x: torch.full((x.shape[0], 2), 3.5)),
    ("full_like.default", lambda x: torch.full_like(x, 2)),
    ("gather.default", lambda x: x.gather(2, (x > 0).long() * 3)),
    ("ge.Scalar", lambda x: x >= 0),
    ("ge.Tensor", lambda x: x >= W[1]),
    ("gelu.default", lambda x: F.gelu(x)),
    ("gt.Scalar", lambda x: (x > 0).sum(1) > 1.5),
    ("gt.Tensor", lambda x: x > x.exp() - 1),
    ("hardsigmoid.default", lambda x: F.hardsigmoid(4 * x)),
    ("hardtanh.default", lambda x: F.hardtanh(x)),
    ("index.Tensor", lambda x: x[:, :, IDS]),
    ("index.Tensor", lambda x: x[(x[:, 0, 0] > 0).long()]),
    ("index.Tensor", lambda x: x[torch.arange(x.shape[0]), x[..., 0].argmax(1)]),
    ("index_select.default", lambda x: x.index_select(2, IDS)),
    ("layer_norm.default", lambda x: F.layer_norm(x, (4,), W[0], W[1])),
    ("layer_norm.default", lambda x: F.layer_norm(x, (4,), eps=1e-3)),
    ("le.Scalar", lambda x: x <= 0),
    ("le.Tensor", lambda x: x <= W[1]),
    ("leaky_relu.default", lambda x: F.leaky_relu(x, 0.2)),
    ("linear.default", lambda x: F.linear(x, W, W[0, :3])),
    ("linear.default", lambda x: F.linear(x, W)),
    ("log.default", lambda x: x.exp().log()),
    ("log1p.default", lambda x: x.abs().log1p()),
    ("log_softmax.int", lambda x: x.log_softmax(1)),
    ("logical_and.default", lambda x: torch.logical_and(x > 0, x < 1)),
    ("logical_not.default", lambda x: torch.logical_not(x > 0)),
    ("logical_or.default", lambda x: torch.logical_or(x > 1, x < 0)),
    ("logical_xor.default", lambda x: torch.logical_xor(x > 0, x < 1)),
    ("logsumexp.default", lambda x: x.logsumexp((1, 2))),
    ("lt.Scalar", lambda x: torch.arange(x.shape[1]) < 2),
    ("lt.Tensor", lambda x: torch.arange(4) < x),
    ("masked_fill.Scalar", lambda x: x.masked_fill(x > 0, -torch.inf)),
    ("matmul.default", lambda x: x @ W.T),
    ("max_pool1d.default", lambda x: F.max_pool1d(x, 2)),
    ("max_pool2d.default", lambda x: F.max_pool2d(square(x), 2, stride=1, padding=1)),
    ("maximum.default", lambda x: torch.maximum(x, W[1])),
    ("mean.default", lambda x: x.mean()),
    ("mean.dim", lambda x: x.mean((0, 2))),
    ("minimum.default", lambda x: torch.minimum(x, W[1])),
    ("mm.default", lambda x: torch.mm(x[:, 0], W.T)),
    ("masked_fill.Tensor", lambda x: x.masked_fill(x > 0, W[0, 0])),
    ("mul.Tensor", lambda x: x * (x > 0) * 3),
    ("mul.Tensor", lambda x: x * torch.tensor([1.0, 2.0, 3.0, 4.0])),
    ("mv.default", lambda x: torch.mv(x[:, 0], W[0])),
    ("ne.Scalar", lambda x: x.floor() != 0),
    ("ne.Tensor", lambda x: x.floor() != x.ceil()),
    ("neg.default", lambda x: -x),
    ("new_full.default", lambda x: x.new_full((x.shape[1], 2), 7.0)),
    ("new_ones.default", lambda x: x.new_ones(x.shape[0])),
    ("new_zeros.default", lambda x: x.new_zeros(3, x.shape[1])),
    ("ones.default", lambda x: torch.ones(x.shape[0], 2)),
    ("ones_like.default", lambda x: torch.ones_like(x)),
    ("permute.default", lambda x: x.permute(2, 0, 1)),
    ("pow.Tensor_Scalar", lambda x: x.abs() ** 1.5),
    ("pow.Tensor_Tensor", lambda x: x.abs() ** x),
    ("prod.dim_int", lambda x: x.prod(2)),
    ("reciprocal.default", lambda x: x.exp().reciprocal()),
    ("relu.default", lambda x: x.relu()),
    ("repeat.default", lambda x: x.repeat(2, 1, 1, 3)),
    ("rsqrt.default", lambda x: x.exp().rsqrt()),
    ("rsub.Scalar", lambda x: torch.rsub(x, 2)),
    ("where.ScalarSelf", lambda x: torch.where(x > 0, 1.0, x)),
    ("select.int", lambda x: x[:, -1]),
    ("sigmoid.default", lambda x: x.sigmoid()),
    ("sign.default", lambda x: x.sign()),
    ("silu.default", lambda x: F.silu(x)),
    ("sin.default", lambda x: x.sin()),
    ("slice.Tensor", lambda x: x[:, :-1, 1::2]),
    ("softmax.int", lambda x: x.softmax(-1)),
    ("softplus.default", lambda x: F.softplus(40 * x)),
    ("split.Tensor", lambda x: x.split(3, -1)),
    ("split_with_sizes.default", lambda x: x.split([1, 3], 2)),
    ("sqrt.default", lambda x: x.abs().sqrt()),
    ("squeeze.dim", lambda x: x[:, None].squeeze(1)),
    ("squeeze.dims", lambda x: x[:, None, ..., None].squeeze((1, 4))),
    ("square.default", lambda x: x.square()),
    ("stack.default", lambda x: torch.stack([x, 2 * x], 1)),
    ("sub.Tensor", lambda x: torch.sub(x, W[0], alpha=2)),
    ("sum.default", lambda x: (x > 0).sum()),
    ("sum.dim_IntList", lambda x: x.sum((0, 1), keepdim=True)),
    ("sym_size.int", lambda x: x * (x.shape[0] * 2 - x.shape[1])),
    ("t.default", lambda x: x[:, 0].t()),
    ("tanh.default", lambda x: x.tanh()),
    ("transpose.int", lambda x: x.transpose(0, -1)),
    ("type_as.default", lambda x: (x > 0).type_as(x)),
    ("unbind.int", lambda x: x.unbind(2)),
    ("unsqueeze.default", lambda x: x.unsqueeze(-2)),
    ("view.default", lambda x: x.reshape(x.shape[0], x.shape[1] * 4)),
    ("view.default", lambda x: x.flatten(0, 1).unflatten(0, (-1, x.shape[1]))),
    ("where.self", lambda x: torch.where(x > 0, x, W[0])),
    ("where.Scalar", lambda x: torch.where(x > 0, 2.0, 1.0)),
    ("where.ScalarOther", lambda x: torch.where(x > 0, x, 1.0)),
    ("zeros.default", lambda x: torch.zeros(x.shape[1], dtype=torch.int64)),
    ("zeros_like.default", lambda x: torch.zeros_like(x)),
    ("_unsafe_view.default", lambda x: torch.ops.aten._unsafe_view(x, [x.shape[0], -1])),
    ("_to_copy.default", lambda x: x.double().floor().long()),
]


def square(x: Tensor) -> Tensor:
    """Pictures of one channel, [B, 1, 4, 4], whatever T is."""
    return x.sum(1)[:, None, :, None] * W[0]


class Asked(nn.Module):
    """A network that does one thing."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: Tensor) -> Any:
        return self.call(x)


# what torch takes apart into entries of the table
TAKEN_APART: list[Call] = [
    lambda x: torch.einsum("btm,nm->bnt", x, W),
    lambda x: F.logsigmoid(x),
    lambda x: F.mish(x),
    lambda x: F.selu(x),
    lambda x: F.glu(x),
    lambda x: torch.outer(x[:, 0, 0], W[0]),
    lambda x: torch.lerp(x, 2 * x, 0.3),
    lambda x: x.addcmul(x, x),
]
AXES = {"x": {0: "B", 1: "T"}}


def made_of(call: Call, count: int = 1) -> Any:
    names = [f"y{place}" for place in range(count)]
    return network_to_onnx(Asked(call), {"x": torch.randn(11, 13, 4)}, names, AXES)


ASKED = [*CALLS, *(("", call) for call in TAKEN_APART)]
AT_ONCE = 12  # following a network costs more than an operation in it
SOME = [ASKED[first : first + AT_ONCE] for first in range(0, len(ASKED), AT_ONCE)]


@pytest.mark.parametrize("some", SOME, ids=[some[0][0] for some in SOME])
def test_operations_are_torchs_at_other_lengths(
    some: list[tuple[str, Call]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def together(x: Tensor) -> tuple[Tensor, ...]:
        each = (call(x) for _, call in some)
        return tuple(y for found in each for y in (found if isinstance(found, tuple) else (found,)))

    followed, seen = network._followed, set[str]()

    def watched(*given: Any) -> Any:
        found = followed(*given)
        seen.update(str(node.target) for node in found.graph.nodes)
        return found

    monkeypatch.setattr(network, "_followed", watched)
    runtime: Any = importlib.import_module("onnxruntime")
    made = made_of(together, len(together(torch.ones(2, 2, 4))))
    assert {f"aten.{name}" for name, _ in some if name} <= seen
    session = runtime.InferenceSession(made.SerializeToString())
    for rows, steps in ((2, 5), (5, 2)):
        x = torch.randn(rows, steps, 4)
        found = [torch.from_numpy(value) for value in session.run(None, {"x": x.numpy()})]
        assert_equal(found, together(x), "output")


def test_every_entry_of_the_table_is_asked_for() -> None:
    """But two: a message to the compiler, and a run of layers."""
    others = {"_assert_tensor_metadata.default", "headgate.scan.default"}
    asked = {name if name.startswith("headgate") else f"aten.{name}" for name, _ in CALLS}
    asked |= {name if name.startswith("headgate") else f"aten.{name}" for name in others}
    assert asked == set(TABLE)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: F.gelu(x, approximate="tanh"), "of gelu the exact form is known"),
        (lambda x: F.softplus(x, beta=2), "softplus has a beta"),
        (lambda x: x[x > 0], "torch cannot follow the network|a mask chooses elements"),
        (lambda x: F.conv_transpose1d(x.mT, W.mT[..., None]), "a transposed convolution"),
        (lambda x: x.norm(dim=1), "no entry of the table knows it; it is called in File"),
        (lambda x: F.pad(x, (1, 1), mode="reflect"), "padding of the kind 'reflect'"),
    ],
)
def test_what_an_entry_does_not_know_is_refused(call: Call, said: str) -> None:
    with pytest.raises(CellError, match=said):
        made_of(call)
