"""Where each word of a caption looked: the picture once for each word, bright where it looked.

One SVG without scripts. The picture stands in it once, as a PNG; each word has it again with a veil
over each place, the thicker the less the word looked there. The place of the most weight has a
frame, for eyes to which shades say little.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from html import escape

from jaxtyping import UInt8
from torch import Tensor

from headgate.errors import ShapeError
from headgate.inspection.attention import AttentionMap, strongest
from headgate.inspection.labels import clip, visible

_COLUMNS, _GAP, _WORD, _WIDTH = 5, 10, 20, 150  # of the drawing: pictures in a row, and pixels
_VEIL = 0.82  # the opacity over a place without weight

_STYLE = """
.hg-looks { --ground: #ffffff; --text: #1f2933; --veil: #10151b; --ring: #ffd34d;
  font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono CJK KR", monospace; }
@media (prefers-color-scheme: dark) { .hg-looks { --ground: #14181d; --text: #e6ebf0; } }
.hg-looks .ground { fill: var(--ground); }
.hg-looks text { fill: var(--text); }
.hg-looks .veil { fill: var(--veil); }
.hg-looks .ring { fill: none; stroke: var(--ring); stroke-width: 2; }
.hg-looks image { image-rendering: auto; }
"""


def as_overlays(
    attention: AttentionMap,
    picture: UInt8[Tensor, "_ _ _"],
    grid: tuple[int, int],
    *,
    name: str = "picture",
) -> str:
    """Draw a picture once for each word.

    Args:
        attention: of each word over the places, L target by S source tokens.
        picture: bytes, [channels, H, W], of grey or of red, green and blue.
        grid: places up and across; their product is S.
        name: the id of the picture; give each drawing of a page its own.

    Returns:
        The element; it is a whole file too.

    Raises:
        ShapeError: the places are not those of the grid, or the picture has other channels.
    """
    _check(attention, picture, grid)
    tall = round(_WIDTH * picture.shape[1] / picture.shape[2])
    count = 1 + len(attention.target)  # the picture alone stands first
    across = min(count, _COLUMNS)
    width = across * (_WIDTH + _GAP) + _GAP
    height = -(-count // across) * (tall + _WORD + _GAP) + _GAP
    said = escape(clip(" ".join(map(visible, attention.target)), 200))
    data = base64.b64encode(as_png(picture)).decode("ascii")
    name = escape(name)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hg-looks" role="img"'
        f' viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{said}</title>",
        f"<style>{_STYLE}</style>",
        f'<defs><image id="{name}" width="{_WIDTH}" height="{tall}" preserveAspectRatio="none"'
        f' href="data:image/png;base64,{data}"/></defs>',
        f'<rect class="ground" width="{width}" height="{height}" rx="6"/>',
    ]
    veils = [[], *_all_veils(attention, grid, tall)]
    for number, (word, veil) in enumerate(zip(["", *attention.target], veils, strict=True)):
        x = _GAP + number % across * (_WIDTH + _GAP)
        y = _GAP + number // across * (tall + _WORD + _GAP)
        label = escape(clip(visible(word), 18)) if word else ""
        middle = f'x="{_WIDTH / 2:g}" y="{tall + 15}" text-anchor="middle"'
        parts.append(f'<g transform="translate({x} {y})"><use href="#{name}"/>')
        parts += [*veil, f"<text {middle}>{label}</text>", "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _check(attention: AttentionMap, picture: Tensor, grid: tuple[int, int]) -> None:
    rows, columns = grid
    if attention.weights.shape[1] != rows * columns:
        raise ShapeError(
            f"the grid has {rows} by {columns} places, but the attention is over "
            f"{attention.weights.shape[1]}"
        )
    if len(picture) not in (1, 3):
        raise ShapeError(f"a picture has 1 or 3 channels here, not {len(picture)}")


def _all_veils(attention: AttentionMap, grid: tuple[int, int], tall: int) -> Iterator[list[str]]:
    side = (_WIDTH / grid[1], tall / grid[0])
    for weights, peak in zip(attention.weights.tolist(), strongest(attention), strict=True):
        yield list(_veils(weights, peak, grid, side))


def _veils(
    weights: list[float], peak: int | None, grid: tuple[int, int], side: tuple[float, float]
) -> Iterator[str]:
    """Veil each place by how much less than the most it was looked at."""
    largest = max(weights) or 1.0
    for place, weight in enumerate(weights):
        row, column = divmod(place, grid[1])
        at = f'x="{column * side[0]:.2f}" y="{row * side[1]:.2f}"'
        size = f'width="{side[0]:.2f}" height="{side[1]:.2f}"'
        title = f"<title>{row + 1},{column + 1}: {weight:.3f}</title>"
        veil = _VEIL * (1 - weight / largest)
        yield f'<rect class="veil" {at} {size} fill-opacity="{veil:.3f}">{title}</rect>'
        if place == peak:
            yield f'<rect class="ring" {at} {size}/>'


def as_png(picture: UInt8[Tensor, "_ _ _"]) -> bytes:
    """Write a picture as a PNG file.

    Args:
        picture: bytes, [channels, H, W], of grey or of red, green and blue.

    Returns:
        The file.
    """
    channels, height, width = picture.shape
    lines = picture.cpu().permute(1, 2, 0).reshape(height, -1)
    raw = b"".join(b"\0" + bytes(line.tolist()) for line in lines)  # each line without a filter
    kind = 0 if channels == 1 else 2
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + check
