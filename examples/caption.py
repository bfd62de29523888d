"""Captions: pictures of shapes, from a table of paths and sentences to words and where they looked.

Needs pillow: pip install 'headgate[image]'.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

import headgate as hg

# The pictures: a shape of a colour on the left or on the right, never twice at one place.
folder = Path(tempfile.mkdtemp())
colours, shapes, sides = ("red", "green", "blue"), ("square", "disc"), ("left", "right")
rows = ["picture,caption"]
for number, (colour, shape, side, lift) in enumerate(
    itertools.product(colours, shapes, sides, range(2, 18, 2))
):
    image = Image.new("RGB", (48, 32), "white")
    left = (4 if side == "left" else 28) + number % 5
    draw = ImageDraw.Draw(image)
    (draw.rectangle if shape == "square" else draw.ellipse)(
        (left, lift, left + 12, lift + 12), fill=colour
    )
    image.save(folder / f"{number}.png")
    rows.append(f"{number}.png,a {colour} {shape} on the {side}")
data = folder / "captions.csv"
data.write_text("\n".join(rows) + "\n", encoding="utf-8")

model = hg.train(
    data, task="caption", input="picture", target="caption", mirror=False, shift=0.0,
    hidden_size=48, place_size=32, embedding_size=32, convolutions=8, dropout=0.0, epochs=60,
)  # fmt: skip
print("what the right picture is worth in nats:", model.metrics["test"]["right_picture"]["value"])
picture = folder / "3.png"
print(f"said: {model.predict([str(picture)])[0]}")
attention = model.task.inspect(str(picture)).attention
print(f"each of {len(attention.target)} words looked at {len(attention.source)} places: looks.svg")
(folder / "looks.svg").write_text(model.task.figure(str(picture)), encoding="utf-8")
