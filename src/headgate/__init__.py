"""headgate: recurrent networks that you write as the paper does.

    import headgate as hg

    rnn = hg.LSTM(128, 256, num_layers=2)              # torch.nn's, with lengths and gates
    rnn = hg.Recurrent("gru", 128, 256, reset="before")
    model = hg.train("reviews.csv", input="review", target="label")
    model.predict(["a film to remember"])

Names are imported when they are first used, so that ``import headgate`` alone costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headgate.equations import CELLS as CELLS
    from headgate.equations import Equation as Equation
    from headgate.errors import HeadgateError as HeadgateError
    from headgate.export.keras import from_keras as from_keras
    from headgate.export.keras import to_keras as to_keras
    from headgate.export.layers import to_onnx as to_onnx
    from headgate.export.network import network_to_onnx as network_to_onnx
    from headgate.export.onnx_nodes import from_onnx as from_onnx
    from headgate.export.reversed import Reversed as Reversed
    from headgate.export.torch_nn import from_torch as from_torch
    from headgate.export.torch_nn import to_torch as to_torch
    from headgate.inspection.clamp import Clamp as Clamp
    from headgate.inspection.first_nan import find_nan as find_nan
    from headgate.inspection.trace import Inspection as Inspection
    from headgate.inspection.trace import look as look
    from headgate.kernels import using as using
    from headgate.layers import CRF as CRF
    from headgate.layers import GRU as GRU
    from headgate.layers import LSTM as LSTM
    from headgate.layers import RNN as RNN
    from headgate.layers import Attention as Attention
    from headgate.layers import Linear as Linear
    from headgate.layers import Output as Output
    from headgate.layers import Recurrent as Recurrent
    from headgate.layers import accelerate as accelerate
    from headgate.layers import concatenated as concatenated
    from headgate.layers import load_concatenated as load_concatenated
    from headgate.model import Model as Model
    from headgate.model import load as load
    from headgate.model import train as train
    from headgate.program.own import cell as cell
    from headgate.streaming import Stream as Stream

__version__ = "0.1.0"

_HOMES = {
    "Attention": "layers",
    "CELLS": "equations",
    "CRF": "layers",
    "Clamp": "inspection.clamp",
    "Equation": "equations",
    "GRU": "layers",
    "HeadgateError": "errors",
    "Inspection": "inspection.trace",
    "LSTM": "layers",
    "Linear": "layers",
    "Model": "model",
    "Output": "layers",
    "RNN": "layers",
    "Recurrent": "layers",
    "Reversed": "export.reversed",
    "Stream": "streaming",
    "accelerate": "layers",
    "cell": "program.own",
    "concatenated": "layers",
    "find_nan": "inspection.first_nan",
    "from_keras": "export.keras",
    "from_onnx": "export.onnx_nodes",
    "from_torch": "export.torch_nn",
    "load": "model",
    "load_concatenated": "layers",
    "look": "inspection.trace",
    "network_to_onnx": "export.network",
    "to_keras": "export.keras",
    "to_onnx": "export.layers",
    "to_torch": "export.torch_nn",
    "train": "model",
    "using": "kernels",
}

__all__ = [  # noqa: RUF022 - in the order of sorted(), which a test holds
    "Attention",
    "CELLS",
    "CRF",
    "Clamp",
    "Equation",
    "GRU",
    "HeadgateError",
    "Inspection",
    "LSTM",
    "Linear",
    "Model",
    "Output",
    "RNN",
    "Recurrent",
    "Reversed",
    "Stream",
    "accelerate",
    "cell",
    "concatenated",
    "find_nan",
    "from_keras",
    "from_onnx",
    "from_torch",
    "load",
    "load_concatenated",
    "look",
    "network_to_onnx",
    "to_keras",
    "to_onnx",
    "to_torch",
    "train",
    "using",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'headgate' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"headgate.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
