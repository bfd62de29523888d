"""Measures of the installed package beside its rivals, taken so that they can be believed.

timing      who is measured runs in turn with its rivals: all meet the same noise
peak        what the machine can do at all: its matrix products, beside every row
rivals      torch.nn and the loop over torch's cells; onnx, xla, keras where they are installed
grid …      the sections, one file each
report      what is printed and what is written
"""

from __future__ import annotations
