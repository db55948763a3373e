"""The shapes of the models that are measured, as their makers publish them.

Whisper: openai/whisper, model.py, ``ModelDimensions`` of each checkpoint. Qwen3-0.6B: config.json
of Qwen/Qwen3-0.6B. Piper: the ``--quality`` presets of piper.train.vits. The names are those of a
model's ``geometry`` in models.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = ["GEOMETRIES", "SMALL", "Geometry", "LlamaShape", "VoiceShape", "WhisperShape"]


@dataclass(frozen=True, slots=True)
class WhisperShape:
    """A speech recognition model.

    Attributes:
        width: Of encoder and decoder.
        layers: Of each of the two.
        heads: Of attention.
        quantization: How the file holds its weights, by CTranslate2's name.
    """

    width: int
    layers: int
    heads: int
    n_mels: int = 80
    quantization: Literal["int8", "float16"] = "int8"


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """A language model of Qwen3's architecture, its output tied to its embedding.

    Attributes:
        width: Of the residual stream.
        hidden: Of the feed-forward networks.
        heads, kv_heads: Of queries, and of keys and values.
        head_width: Of each head.
        vocabulary: Tokens.
        quantization: "Q8_0" or "Q4_0".
    """

    width: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    context: int
    quantization: Literal["Q8_0", "Q4_0"]


@dataclass(frozen=True, slots=True)
class VoiceShape:
    """A VITS voice of Piper's.

    Attributes:
        rate: Hz.
        hidden: Channels of text encoder, durations and flow.
        filter: Channels inside the encoder's feed-forward networks.
        layers: Of the text encoder.
        decoder: Channels at the decoder's input; halved at each step up.
    """

    rate: int
    hidden: int = 192
    filter: int = 768
    layers: int = 6
    decoder: int = 256


Geometry: TypeAlias = WhisperShape | LlamaShape | VoiceShape

GEOMETRIES: Final[Mapping[str, Geometry]] = {
    "whisper-tiny": WhisperShape(384, 4, 6),
    "whisper-base": WhisperShape(512, 6, 8),
    "whisper-small": WhisperShape(768, 12, 12),
    "llama-0.5b": LlamaShape(1024, 3072, 28, 16, 8, 128, 151_936, 40_960, "Q8_0"),
    "llama-0.5b-q4_0": LlamaShape(1024, 3072, 28, 16, 8, 128, 151_936, 40_960, "Q4_0"),
    "piper-low": VoiceShape(16_000),
    "piper-medium": VoiceShape(22_050),
}
"""What is measured."""

SMALL: Final[Mapping[str, Geometry]] = {
    "whisper-base": WhisperShape(64, 1, 2),
    "llama-0.5b": LlamaShape(64, 128, 2, 2, 1, 32, 1024, 4096, "Q8_0"),
    "piper-medium": VoiceShape(22_050, 32, 64, 1, 64),
}
"""Shapes that take no time: for tests, and for downloads that are only tried."""
