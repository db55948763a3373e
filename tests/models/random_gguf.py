"""Writes language models with random weights: real files of any size that say nothing sensible.

Their vocabulary is byte-level: one token per byte, one merge (llama.cpp insists on one), and the
marks of ChatML and of thoughts. Greedy they generate printable ASCII and the mark that ends a turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import gguf
import numpy as np
import numpy.typing as npt

Tensor: TypeAlias = npt.NDArray[Any]

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")
VOCABULARY = 256 + len(SPECIAL) + 1


@dataclass(frozen=True)
class Geometry:
    """Sizes of a model; ``width`` must be a multiple of ``heads``."""

    width: int = 64
    hidden: int = 128
    layers: int = 2
    heads: int = 2
    context: int = 4096

    @property
    def parameters(self) -> int:
        """Weights in the layers."""
        return self.layers * (4 * self.width**2 + 3 * self.width * self.hidden)


TINY = Geometry()
SLOW = Geometry(width=256, hidden=768, layers=6, heads=4, context=1 << 17)
"""4 M weights, 8 MB: slow through long prompts, where attention costs the most."""


def write(
    path: Path, geometry: Geometry = TINY, *, template: str | None = TEMPLATE, seed: int = 1
) -> Path:
    """Write a llama model to ``path`` and return it. One random block serves all layers."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    _write_geometry(writer, geometry, VOCABULARY)
    _write_vocabulary(writer, template)
    block = _llama_block(random, geometry)
    return _finish(path, writer, geometry, block, _readable(random, geometry), random)


def _readable(random: np.random.Generator, geometry: Geometry) -> Tensor:
    output = _matrix(random, VOCABULARY, geometry.width)
    output[[*range(0x20), *range(0x7F, 258), 259, 260]] = 0.0
    return output


def _llama_block(random: np.random.Generator, geometry: Geometry) -> dict[str, Tensor]:
    width, hidden = geometry.width, geometry.hidden
    return {
        "attn_norm.weight": np.ones(width, np.float32),
        "attn_q.weight": _matrix(random, width, width),
        "attn_k.weight": _matrix(random, width, width),
        "attn_v.weight": _matrix(random, width, width),
        "attn_output.weight": _matrix(random, width, width),
        "ffn_norm.weight": np.ones(width, np.float32),
        "ffn_gate.weight": _matrix(random, hidden, width),
        "ffn_up.weight": _matrix(random, hidden, width),
        "ffn_down.weight": _matrix(random, width, hidden),
    }


def write_recurrent(path: Path, geometry: Geometry = TINY, *, seed: int = 1) -> Path:
    """Write a Mamba model, which has a state instead of a cache and cannot go back in it."""
    random = np.random.default_rng(seed)
    width, inner, state, rank, kernel = geometry.width, 2 * geometry.width, 16, 4, 4
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_context_length(geometry.context)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(geometry.layers)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    block: dict[str, Tensor] = {
        "attn_norm.weight": np.ones(width, np.float32),
        "ssm_in.weight": _matrix(random, 2 * inner, width),
        "ssm_conv1d.weight": _matrix(random, inner, kernel).astype(np.float32),
        "ssm_conv1d.bias": np.zeros(inner, np.float32),
        "ssm_x.weight": _matrix(random, rank + 2 * state, inner),
        "ssm_dt.weight": _matrix(random, inner, rank),
        "ssm_dt.bias": np.zeros(inner, np.float32),
        "ssm_a": -np.tile(np.arange(1, state + 1, dtype=np.float32), (inner, 1)),
        "ssm_d": np.ones(inner, np.float32),
        "ssm_out.weight": _matrix(random, width, inner),
    }
    _write_vocabulary(writer, TEMPLATE)
    return _finish(path, writer, geometry, block, _readable(random, geometry), random)


def _matrix(random: np.random.Generator, rows: int, columns: int) -> Tensor:
    values: Tensor = random.standard_normal((rows, columns), np.float32) * columns**-0.5
    return values.astype(np.float16)


def _finish(
    path: Path,
    writer: gguf.GGUFWriter,
    geometry: Geometry,
    block: dict[str, Tensor],
    output: Tensor,
    random: np.random.Generator,
) -> Path:
    writer.add_tensor("token_embd.weight", _matrix(random, len(output), geometry.width))
    writer.add_tensor("output_norm.weight", np.ones(geometry.width, np.float32))
    # Not tied: tied random embeddings repeat the last token for ever.
    writer.add_tensor("output.weight", output)
    for layer in range(geometry.layers):
        for name, tensor in block.items():
            writer.add_tensor(f"blk.{layer}.{name}", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_sentencepiece(path: Path, geometry: Geometry = TINY, *, template: str) -> Path:
    """Write a llama model with a SentencePiece vocabulary: a first token, and a space before all.

    It knows single characters and a few pairs; its only special tokens are ``<s>`` and ``</s>``.
    """
    random = np.random.default_rng(1)
    letters = [chr(code) for code in range(0x21, 0x7F)]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *letters]
    pieces += ["▁t", "th", "▁H", "▁Hi"]
    kinds = [gguf.TokenType.UNKNOWN, *[gguf.TokenType.CONTROL] * 2, *[gguf.TokenType.BYTE] * 256]
    kinds += [gguf.TokenType.NORMAL] * (len(pieces) - len(kinds))
    writer = gguf.GGUFWriter(path, "llama")
    _write_geometry(writer, geometry, len(pieces))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(number) for number in range(len(pieces))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)
    writer.add_chat_template(template)
    output = _matrix(random, len(pieces), geometry.width)
    output[:259] = 0.0
    return _finish(path, writer, geometry, _llama_block(random, geometry), output, random)


def _write_geometry(writer: gguf.GGUFWriter, geometry: Geometry, vocabulary: int) -> None:
    writer.add_context_length(geometry.context)
    writer.add_embedding_length(geometry.width)
    writer.add_block_count(geometry.layers)
    writer.add_feed_forward_length(geometry.hidden)
    writer.add_head_count(geometry.heads)
    writer.add_head_count_kv(geometry.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(geometry.width // geometry.heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _write_vocabulary(writer: gguf.GGUFWriter, template: str | None) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([*_byte_letters(), *SPECIAL, "Ġt"])
    kinds = [gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * len(SPECIAL)
    writer.add_token_types([*kinds, gguf.TokenType.NORMAL])
    writer.add_token_merges(["Ġ t"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(256)
    writer.add_eot_token_id(258)
    writer.add_add_bos_token(False)
    if template is not None:
        writer.add_chat_template(template)


def _byte_letters() -> list[str]:
    """GPT-2's printable letter for each byte (its ``bytes_to_unicode``)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
