"""Writes the trained network as a model directory that faster-whisper loads as it is.

The weights go straight into CTranslate2's specification of Whisper
(https://github.com/OpenNMT/CTranslate2, python/ctranslate2/specs/whisper_spec.py, 4.8), which its
converter fills in the same way: queries, keys and values of self-attention in one matrix, keys and
values of cross-attention in another.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
import torch

from starter.recognizer.network import Attention, FeedForward, Recognizer
from starter.recognizer.tokenizer import Tokens
from starter.training.exporting import whole_folder

__all__ = ["export"]

_Native: TypeAlias = Any
"""A value without types: a part of CTranslate2's specification, or of a list of layers."""
_FRONT_END: Mapping[str, object] = {
    "chunk_length": 30,
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": 80,
    "hop_length": 160,
    "n_fft": 400,
    "n_samples": 480_000,
    "nb_max_frames": 3000,
    "padding_side": "right",
    "padding_value": 0.0,
    "processor_class": "WhisperProcessor",
    "return_attention_mask": False,
    "sampling_rate": 16_000,
}
"""`preprocessor_config.json`, as faster-whisper reads it."""


def export(
    network: Recognizer, tokens: Tokens, folder: Path, *, quantization: str = "int8"
) -> None:
    """Write config.json, model.bin, vocabulary.json, tokenizer.json and preprocessor_config.json.

    All are written beside the folder first; it is replaced when they are whole.

    Args:
        network: What was trained; its CTC heads are left out.
        tokens: Its tokenizer.
        folder: The model directory.
        quantization: CTranslate2's name of the weights' type.

    Raises:
        RecipeError: If the folder cannot be written.
    """
    with whole_folder(folder, "the model") as partial:
        spec = _specification(network, tokens)
        spec.validate()
        spec.optimize(None if quantization == "float32" else quantization)
        spec.save(str(partial))
        (partial / "tokenizer.json").write_text(tokens.document, encoding="utf-8")
        front_end = orjson.dumps(_FRONT_END, option=orjson.OPT_INDENT_2)
        (partial / "preprocessor_config.json").write_bytes(front_end + b"\n")


def _specification(network: Recognizer, tokens: Tokens) -> _Native:
    from ctranslate2.specs import whisper_spec

    sizes = network.sizes
    spec = whisper_spec.WhisperSpec(
        sizes.encoder_layers, sizes.heads, sizes.decoder_layers, sizes.heads
    )
    spec.config.lang_ids = []
    spec.config.suppress_ids = []
    # Only the space alone: with the end of text among them, silence could not give an empty text.
    spec.config.suppress_ids_begin = [tokens.space]
    spec.config.alignment_heads = [(sizes.decoder_layers - 1, head) for head in range(sizes.heads)]
    _encoder(spec.encoder, network)
    _decoder(spec.decoder, network)
    spec.register_vocabulary(list(tokens.names))
    return spec


def _encoder(spec: _Native, network: Recognizer) -> None:
    encoder, layers = network.encoder, list[_Native](network.encoder.layers)
    _convolution(spec.conv1, encoder.convolution_1)
    _convolution(spec.conv2, encoder.convolution_2)
    spec.position_encodings.encodings = _array(encoder.positions)
    _norm(spec.layer_norm, encoder.norm)
    for layer, trained in zip(spec.layer, layers, strict=True):
        _self_attention(layer.self_attention, trained.attention, trained.attention_norm)
        _feed_forward(layer.ffn, trained.feed_forward, trained.feed_forward_norm)


def _decoder(spec: _Native, network: Recognizer) -> None:
    decoder, layers = network.decoder, list[_Native](network.decoder.layers)
    spec.embeddings.weight = _array(decoder.tokens.weight)
    spec.projection.weight = spec.embeddings.weight
    spec.position_encodings.encodings = _array(decoder.positions)
    _norm(spec.layer_norm, decoder.norm)
    for layer, trained in zip(spec.layer, layers, strict=True):
        _self_attention(layer.self_attention, trained.attention, trained.attention_norm)
        _cross_attention(layer.attention, trained.sound, trained.sound_norm)
        _feed_forward(layer.ffn, trained.feed_forward, trained.feed_forward_norm)


def _self_attention(spec: _Native, trained: Attention, norm: torch.nn.LayerNorm) -> None:
    _norm(spec.layer_norm, norm)
    parts = [trained.query, trained.key, trained.value]
    _stacked(spec.linear[0], parts)
    _stacked(spec.linear[1], [trained.output])


def _cross_attention(spec: _Native, trained: Attention, norm: torch.nn.LayerNorm) -> None:
    _norm(spec.layer_norm, norm)
    _stacked(spec.linear[0], [trained.query])
    _stacked(spec.linear[1], [trained.key, trained.value])
    _stacked(spec.linear[2], [trained.output])


def _feed_forward(spec: _Native, trained: FeedForward, norm: torch.nn.LayerNorm) -> None:
    _norm(spec.layer_norm, norm)
    _stacked(spec.linear_0, [trained.expand])
    _stacked(spec.linear_1, [trained.contract])


def _convolution(spec: _Native, trained: torch.nn.Conv1d) -> None:
    bias = trained.bias
    spec.weight = _array(trained.weight)
    spec.bias = np.zeros(trained.out_channels, np.float32) if bias is None else _array(bias)


def _norm(spec: _Native, trained: torch.nn.LayerNorm) -> None:
    spec.gamma, spec.beta = _array(trained.weight), _array(trained.bias)


def _stacked(spec: _Native, layers: list[torch.nn.Linear]) -> None:
    spec.weight = np.concatenate([_array(layer.weight) for layer in layers])
    spec.bias = np.concatenate(
        [
            np.zeros(layer.out_features, np.float32) if layer.bias is None else _array(layer.bias)
            for layer in layers
        ]
    )


def _array(tensor: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    found: np.ndarray[Any, np.dtype[np.float32]] = tensor.detach().float().cpu().numpy()
    return found
