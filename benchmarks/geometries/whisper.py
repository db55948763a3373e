"""Writes Whisper models of random weights, in the format of faster-whisper's.

They have the real vocabulary's size and special tokens, and go through every step of decoding. They
never end a text, so that its length is what the caller allows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.geometries.shapes import WhisperShape

__all__ = ["write"]

_TEXT_TOKENS: Final = 50_257
_POOL: Final = 1 << 20
_NEVER: Final = -1000.0

Matrix: TypeAlias = npt.NDArray[np.float32]
_Native: TypeAlias = Any
"""A value of a package without types."""


class _Weights:
    """Random numbers, from a pool: to draw hundreds of millions would take minutes."""

    def __init__(self, seed: int) -> None:
        self._pool = np.random.default_rng(seed).standard_normal(_POOL, np.float32)
        self._made = 0

    def matrix(self, *shape: int) -> Matrix:
        # Each begins elsewhere: CTranslate2 keeps equal weights once, and they would fit the cache.
        self._made += 1
        pool = np.roll(self._pool, self._made * 4801)
        count = int(np.prod(shape))
        scale = np.float32(max(1, count // shape[0]) ** -0.5)
        return np.resize(pool, count).reshape(shape) * scale


def write(folder: Path, shape: WhisperShape, *, seed: int = 1) -> Path:
    """Write config.json, model.bin, tokenizer.json and vocabulary.txt into ``folder``."""
    from ctranslate2.specs import whisper_spec

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    spec = whisper_spec.WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    vocabulary = [tokenizer.id_to_token(each) for each in range(tokenizer.get_vocab_size())]
    _fill(spec, shape, len(vocabulary), tokenizer.token_to_id("<|endoftext|>"), _Weights(seed))
    spec.register_vocabulary(vocabulary)
    spec.config.lang_ids = [tokenizer.token_to_id(f"<|{each}|>") for each in _languages()]
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.alignment_heads = [(shape.layers - 1, head) for head in range(shape.heads)][:6]
    spec.validate()
    spec.optimize(shape.quantization)
    spec.save(str(folder))
    _as_text(folder)
    return folder


def _as_text(folder: Path) -> None:
    """Name the vocabulary's file as the published models of these sizes do."""
    tokens = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    (folder / "vocabulary.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    (folder / "vocabulary.json").unlink()


def _languages() -> tuple[str, ...]:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    return tuple(_LANGUAGE_CODES[:99])


def _tokenizer() -> _Native:
    import tokenizers
    from tokenizers import AddedToken, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # CTranslate2 takes a vocabulary with an empty token for a multilingual one.
    words = [*letters, *(f"w{number}" for number in range(_TEXT_TOKENS - len(letters) - 1)), ""]
    tokenizer = tokenizers.Tokenizer(
        models.BPE(vocab={token: number for number, token in enumerate(words)}, merges=[])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = ["endoftext", "startoftranscript", *_languages(), "translate", "transcribe"]
    names += ["startoflm", "startofprev", "nospeech", "notimestamps"]
    names += [f"{step * 0.02:.2f}" for step in range(1501)]
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in names])
    return tokenizer


def _fill(spec: _Native, shape: WhisperShape, vocabulary: int, end: int, weights: _Weights) -> None:
    width = shape.width

    def linear(layer: _Native, outputs: int, inputs: int) -> None:
        layer.weight, layer.bias = weights.matrix(outputs, inputs), np.zeros(outputs, np.float32)

    def norm(layer: _Native) -> None:
        layer.gamma, layer.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def attention(layer: _Native, *sizes: int) -> None:
        norm(layer.layer_norm)
        for part, size in zip(layer.linear, sizes, strict=True):
            linear(part, size, width)

    def feed_forward(layer: _Native) -> None:
        norm(layer.layer_norm)
        linear(layer.linear_0, 4 * width, width)
        linear(layer.linear_1, width, 4 * width)

    encoder, decoder = spec.encoder, spec.decoder
    for convolution, inputs in ((encoder.conv1, shape.n_mels), (encoder.conv2, width)):
        convolution.weight = weights.matrix(width, inputs, 3)
        convolution.bias = np.zeros(width, np.float32)
    encoder.position_encodings.encodings = weights.matrix(1500, width)
    decoder.position_encodings.encodings = weights.matrix(448, width) * np.float32(40)
    decoder.embeddings.weight = weights.matrix(vocabulary, width)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.projection.bias = np.zeros(vocabulary, np.float32)
    decoder.projection.bias[end] = _NEVER
    norm(encoder.layer_norm)
    norm(decoder.layer_norm)
    for layer in encoder.layer:
        attention(layer.self_attention, 3 * width, width)
        feed_forward(layer.ffn)
    for layer in decoder.layer:
        attention(layer.self_attention, 3 * width, width)
        attention(layer.attention, width, 2 * width, width)
        feed_forward(layer.ffn)
