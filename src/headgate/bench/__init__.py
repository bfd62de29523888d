"""Measures of the installed package beside its rivals, taken so that they can be believed.

timing      who is measured runs in turn with its rivals: all meet the same noise
peak        what the machine can do at all: its matrix products, beside every row
rivals      torch.nn and the loop over torch's cells; onnx, xla, keras where they are installed
grid …      the sections of layers, one file each
stream …    the sections of streams, their rivals and the machine's limit
targets     what can be measured: the sections of layers, those of streams
report      what is printed and what is written
"""

from __future__ import annotations
