"""Small convolutional networks: their equations, and that padded frames cost and change nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tolerances import assert_equal
from torch import Tensor

from headgate.errors import ShapeError
from headgate.layers.convolution import Convolutions, FrameEncoder, PlaceEncoder, grid_of

MEAN, SCALE = [100.0, 120.0, 90.0], [50.0, 60.0, 40.0]


def pixels(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def by_hand(network: Convolutions, picture: Tensor) -> Tensor:
    """The maps of one picture by plain loops, from the definition of a convolution."""
    x = torch.stack([(picture[c].double() - MEAN[c]) / SCALE[c] for c in range(len(picture))])
    for layer in network.layers:
        own: Any = layer
        weight, bias = own.weight.double(), own.bias.double()
        _, height, width = x.shape
        rows, columns = grid_of(height, width, halved=1)
        made = torch.zeros(len(weight), rows, columns, dtype=torch.float64)
        for out in range(len(weight)):
            for row in range(rows):
                for column in range(columns):
                    total = bias[out].clone()
                    for down in range(3):
                        for right in range(3):
                            y, z = 2 * row + down - 1, 2 * column + right - 1
                            if 0 <= y < height and 0 <= z < width:
                                total += (weight[out, :, down, right] * x[:, y, z]).sum()
                    made[out, row, column] = total.clamp(min=0)
        x = made
    return x


def test_convolutions_are_what_their_definition_says() -> None:
    network = Convolutions(3, (2, 3), mean=MEAN, scale=SCALE).double()
    picture = pixels(3, 7, 10)
    with torch.no_grad():
        assert_equal(network(picture[None])[0], by_hand(network, picture), "output")


def test_a_frame_is_encoded_by_itself() -> None:
    encoder = FrameEncoder(3, 5, mean=MEAN, scale=SCALE).double()
    clips = pixels(2, 4, 3, 12, 16)
    found = encoder(clips)
    assert found.shape == (4, 2, 5)
    for row in range(2):
        for step in range(4):
            alone = encoder.encode(clips[row, step][None])[0]
            assert_equal(found[step, row], alone, "output")


@pytest.mark.parametrize("blank", [0, 1, 5])
def test_frames_of_zeros_are_seen_once(blank: int) -> None:
    """The convolutions run on as many frames as hold something, and on one blank at most."""
    encoder = FrameEncoder(1, 5, mean=[80.0], scale=[30.0]).double()
    clips = torch.cat([pixels(2, 3, 1, 8, 8).clamp(min=1), pixels(2, blank, 1, 8, 8) * 0], 1)
    seen = []
    encoder.convolutions.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    found = encoder(clips)
    assert seen == [6 + (blank > 0)]
    assert_equal(found[:3], encoder(clips[:, :3]), "output")
    for step in range(3, 3 + blank):
        assert_equal(found[step, 0], encoder.encode(torch.zeros(1, 1, 8, 8))[0], "output")


def test_blank_frames_have_the_gradient_of_all() -> None:
    """Seen once for all, a blank frame still counts as often as it comes."""
    encoder = FrameEncoder(1, 2, mean=[80.0], scale=[30.0]).double()
    clips = torch.cat([pixels(1, 2, 1, 8, 8).clamp(min=1), pixels(1, 3, 1, 8, 8) * 0], 1)
    encoder(clips).sum().backward()
    found = [p.grad.clone() for p in encoder.parameters()]  # type: ignore[union-attr]
    encoder.zero_grad()
    encoder.encode(clips[0]).sum().backward()
    assert_equal(found, [p.grad for p in encoder.parameters()], "gradient")


def test_places_are_of_the_picture_from_the_top_left() -> None:
    encoder = PlaceEncoder(3, grid_of(32, 48), 4, mean=MEAN, scale=SCALE, width=2).double()
    places = encoder(picture := pixels(1, 3, 32, 48))
    assert places.shape == (1, 2 * 3, 4)
    changed = picture.clone()
    changed[..., :2, 46:] = 255 - changed[..., :2, 46:]  # the top right corner
    differs = (encoder(changed) - places).abs().sum(-1)[0] > 0
    assert differs.nonzero().flatten().tolist() == [2]
    with torch.no_grad():
        encoder.where[4] += 1.0
    assert ((encoder(picture) - places).abs().sum(-1)[0] > 0).nonzero().flatten().tolist() == [4]


def test_a_mean_for_each_channel_is_wanted() -> None:
    with pytest.raises(ShapeError, match=r"for each of 3 channels .* not 1 and 3"):
        Convolutions(3, (4,), mean=[0.0], scale=SCALE)
    with pytest.raises(ShapeError, match="output_size"):
        FrameEncoder(3, 0, mean=MEAN, scale=SCALE)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (28, 28), (64, 96)])
def test_pictures_of_any_size_are_seen(size: tuple[int, int]) -> None:
    assert FrameEncoder(3, 6, mean=MEAN, scale=SCALE)(pixels(1, 2, 3, *size)).shape == (2, 1, 6)
    rows, columns = grid_of(*size)
    found = PlaceEncoder(3, (rows, columns), 6, mean=MEAN, scale=SCALE, width=4)(
        pixels(1, 3, *size)
    )
    assert found.shape == (1, rows * columns, 6)
