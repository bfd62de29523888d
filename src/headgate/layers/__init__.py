"""Parameters round a kernel, and the layers that stand beside it."""

from __future__ import annotations

from headgate.layers.attention import Attention
from headgate.layers.concatenation import concatenated, load_concatenated
from headgate.layers.crf import CRF
from headgate.layers.linear import Linear
from headgate.layers.output import Output
from headgate.layers.recurrent import Recurrent
from headgate.layers.twins import GRU, LSTM, RNN, accelerate

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "Attention",
    "Linear",
    "Output",
    "Recurrent",
    "accelerate",
    "concatenated",
    "load_concatenated",
]
