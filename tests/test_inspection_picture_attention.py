"""A picture once for each word: a whole SVG, its picture a PNG that others read."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
import torch

from headgate.errors import ShapeError
from headgate.inspection.attention import attention_map
from headgate.inspection.picture_attention import as_overlays, as_png

SVG = "{http://www.w3.org/2000/svg}"
PLACES = ["1,1", "1,2", "1,3", "2,1", "2,2", "2,3"]


def picture(channels: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (channels, 8, 12), dtype=torch.uint8)


def drawing(weights: list[list[float]], words: list[str], pixels: torch.Tensor) -> Any:
    text = as_overlays(attention_map(weights, source=PLACES, target=words), pixels, (2, 3))
    return ElementTree.fromstring(text)


def test_each_word_has_the_picture_veiled_where_it_did_not_look() -> None:
    weights = [[0.0, 0.4, 0.1, 0.0, 0.3, 0.2], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    root = drawing(weights, ["<b>", "끝"], picture())
    groups = root.findall(f"{SVG}g")
    assert [group.find(f"{SVG}text").text for group in groups] == [None, "<b>", "끝"]  # type: ignore[union-attr]
    veils = [group.findall(f"{SVG}rect[@class='veil']") for group in groups]
    assert [len(each) for each in veils] == [0, 6, 6]
    thickness = [float(veil.get("fill-opacity", "")) for veil in veils[1]]
    assert thickness[1] == 0  # where it looked most
    order = sorted(range(6), key=lambda place: -weights[0][place])
    assert sorted(range(6), key=lambda place: thickness[place]) == order
    rings = [group.find(f"{SVG}rect[@class='ring']") for group in groups]
    assert rings[0] is None
    assert (rings[1].get("x"), rings[1].get("y")) == ("50.00", "0.00")  # type: ignore[union-attr]
    assert (rings[2].get("x"), rings[2].get("y")) == ("0.00", "0.00")  # type: ignore[union-attr]
    shown = veils[1][4].find(f"{SVG}title")
    assert shown is not None
    assert shown.text == "2,2: 0.300"


def test_the_picture_stands_in_it_once() -> None:
    root = drawing([[0.5] * 6] * 4, list("abcd"), pixels := picture())
    images = list(root.iter(f"{SVG}image"))
    assert len(images) == 1
    data = images[0].get("href", "").removeprefix("data:image/png;base64,")
    assert base64.b64decode(data) == as_png(pixels)
    assert len(root.findall(f".//{SVG}use")) == 5
    assert not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_is_read_back_by_pillow(channels: int) -> None:
    library: Any = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    image = library.open(io.BytesIO(as_png(pixels := picture(channels))))
    assert image.mode == ("L" if channels == 1 else "RGB")
    read = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    assert torch.equal(read.view(8, 12, channels).permute(2, 0, 1), pixels)


def test_a_word_without_weight_has_no_ring() -> None:
    root = drawing([[0.0] * 6], ["w"], picture(1))
    assert root.find(f".//{SVG}rect[@class='ring']") is None


def test_what_does_not_fit_is_refused() -> None:
    attention = attention_map([[1.0] * 6], source=PLACES, target=["w"])
    with pytest.raises(ShapeError, match="2 by 2 places, but the attention is over 6"):
        as_overlays(attention, picture(), (2, 2))
    with pytest.raises(ShapeError, match="1 or 3 channels here, not 2"):
        as_overlays(attention, picture(2), (2, 3))


def test_every_element_is_drawn_inside() -> None:
    text = as_overlays(
        attention_map([[1.0] * 6] * 7, source=PLACES, target=list("abcdefg")), picture(), (2, 3)
    )
    width, height = (int(n) for n in re.findall(r'viewBox="0 0 (\d+) (\d+)"', text)[0])
    for x, y in re.findall(r"translate\((\d+) (\d+)\)", text):
        assert int(x) + 150 <= width
        assert int(y) + 100 <= height
