"""Writes a Whisper model of random weights: real files and shapes, and text without any sense.

It takes a tenth of a second instead of a download, goes through every step of loading and decoding,
and does what guards are there for: it never ends a text, and repeats itself.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tokenizers
from ctranslate2.specs import whisper_spec
from tokenizers import AddedToken, decoders, models, pre_tokenizers

LANGUAGES = ("en", "de", "fr")


def build(
    path: Path,
    *,
    multilingual: bool = False,
    n_mels: int = 80,
    seed: int = 1,
    repeats_itself: bool = True,
) -> Path:
    """Write a model directory in faster-whisper's format.

    Args:
        path: Where; made if it does not exist.
        multilingual: Whether it knows English, German and French, or English only.
        n_mels: 80 or 128.
        seed: Of the weights.
        repeats_itself: False makes the decoder attend to positions, so that its text varies.
    """
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(multilingual=multilingual)
    tokenizer.save(str(path / "tokenizer.json"))
    spec = _spec(
        tokenizer, np.random.default_rng(seed), n_mels, 40.0 if not repeats_itself else 0.0
    )
    spec.config.lang_ids = [tokenizer.token_to_id(f"<|{each}|>") for each in LANGUAGES]
    if not multilingual:
        spec.config.lang_ids = []
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [(0, 0), (0, 1)]
    spec.validate()
    spec.optimize("int8")
    spec.save(str(path))
    return path


def _tokenizer(*, multilingual: bool) -> tokenizers.Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", letter) for letter in "abcdefghijklmnopqrstuvwxyz"]
    tokens = [*letters, *(left + right for left, right in merges)]
    # CTranslate2 takes a vocabulary with an empty token for a multilingual one.
    tokens += [""] if multilingual else ["unused"]
    tokenizer = tokenizers.Tokenizer(
        models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = ["endoftext", "startoftranscript", *LANGUAGES, "translate", "transcribe"]
    names += ["startoflm", "startofprev", "nospeech", "notimestamps"]
    names += [f"{step * 0.02:.2f}" for step in range(1501)]
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in names])
    return tokenizer


def _spec(
    tokenizer: tokenizers.Tokenizer, random: np.random.Generator, n_mels: int, order: float
) -> whisper_spec.WhisperSpec:
    width = 32
    spec = whisper_spec.WhisperSpec(1, 2, 1, 2)

    def matrix(*shape: int, scale: float = 0.3) -> np.ndarray:
        return random.normal(0, scale, shape).astype(np.float32)

    def linear(layer: object, outputs: int, inputs: int) -> None:
        layer.weight = matrix(outputs, inputs)
        layer.bias = np.zeros(outputs, np.float32)

    def norm(layer: object) -> None:
        layer.gamma = np.ones(width, np.float32)
        layer.beta = np.zeros(width, np.float32)

    def attention(layer: object, *sizes: int) -> None:
        norm(layer.layer_norm)
        for part, size in zip(layer.linear, sizes, strict=True):
            linear(part, size, width)

    def feed_forward(layer: object) -> None:
        norm(layer.layer_norm)
        linear(layer.linear_0, 4 * width, width)
        linear(layer.linear_1, width, 4 * width)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = matrix(width, n_mels, 3), np.zeros(width, np.float32)
    encoder.conv2.weight, encoder.conv2.bias = matrix(width, width, 3), np.zeros(width, np.float32)
    encoder.position_encodings.encodings = matrix(1500, width)
    decoder.position_encodings.encodings = matrix(448, width, scale=0.01 + order)
    decoder.embeddings.weight = matrix(tokenizer.get_vocab_size(), width)
    decoder.projection.weight = decoder.embeddings.weight
    norm(encoder.layer_norm)
    norm(decoder.layer_norm)
    for layer in encoder.layer:
        attention(layer.self_attention, 3 * width, width)
        feed_forward(layer.ffn)
    for layer in decoder.layer:
        attention(layer.self_attention, 3 * width, width)
        attention(layer.attention, width, 2 * width, width)
        feed_forward(layer.ffn)
    vocabulary = [tokenizer.id_to_token(each) for each in range(tokenizer.get_vocab_size())]
    decoder.projection.bias = np.zeros(len(vocabulary), np.float32)
    decoder.projection.bias[tokenizer.token_to_id("<|endoftext|>")] = -1000.0
    spec.register_vocabulary(vocabulary)
    return spec
