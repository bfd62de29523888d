"""Networks of layers, one for each shape of task."""

from __future__ import annotations

from headgate.models.attentive_decoder import ORDERS, AttentiveDecoder
from headgate.models.captioner import Captioner
from headgate.models.classifier import Classifier
from headgate.models.embedding import TokenEmbedding
from headgate.models.encoder_decoder import EncoderDecoder, build_encoder_decoder
from headgate.models.language_model import LanguageModel
from headgate.models.memory import Memory

__all__ = [
    "ORDERS",
    "AttentiveDecoder",
    "Captioner",
    "Classifier",
    "EncoderDecoder",
    "LanguageModel",
    "Memory",
    "TokenEmbedding",
    "build_encoder_decoder",
]
