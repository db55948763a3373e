"""Writes language models of random weights: GGUF files of Qwen3's architecture, already quantised.

Their blocks are random bytes under a scale that keeps activations finite, so no weight is ever a
float here, and a file is written at the speed of the disk. The vocabulary is byte-level: a letter
of a prompt is a token.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.geometries.shapes import LlamaShape

__all__ = ["write"]

_BLOCK: Final = 32
_PAYLOAD: Final = {"Q8_0": 32, "Q4_0": 16}
"""Bytes of a block behind its scale, a float16 (ggml's ggml-common.h)."""
_SPREAD: Final = {"Q8_0": 73.9, "Q4_0": 4.61}
"""Standard deviation of random bytes as signed numbers, and of random halves of bytes."""
_POOL_BLOCKS: Final = 1 << 18
"""8 MB: more than a core's caches, should equal pages ever be kept once."""

_TEMPLATE: Final = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_SPECIAL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")

Tensor: TypeAlias = npt.NDArray[Any]


def write(path: Path, shape: LlamaShape, *, seed: int = 1) -> Path:
    """Write a GGUF file and return its path."""
    import gguf

    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "qwen3")
    _write_shape(writer, shape)
    _write_vocabulary(writer, shape.vocabulary)
    kind = gguf.GGMLQuantizationType[shape.quantization]
    pool = _pool(shape.quantization, seed)

    def matrix(name: str, rows: int, columns: int, scale: float = 1.0) -> None:
        blocks = np.resize(pool, (rows * columns // _BLOCK, pool.shape[1])).copy()
        deviation = scale * columns**-0.5 / _SPREAD[shape.quantization]
        blocks[:, :2] = np.array([deviation], np.float16).view(np.uint8)
        writer.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=kind)

    def ones(name: str, size: int) -> None:
        writer.add_tensor(name, np.ones(size, np.float32))

    # Small: the output is the same matrix, and would else repeat the last token for ever.
    matrix("token_embd.weight", shape.vocabulary, shape.width, 0.05)
    ones("output_norm.weight", shape.width)
    queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    for layer in range(shape.layers):
        name = f"blk.{layer}."
        for norm, size in (
            ("attn_norm", shape.width),
            ("attn_q_norm", shape.head_width),
            ("attn_k_norm", shape.head_width),
            ("ffn_norm", shape.width),
        ):
            ones(f"{name}{norm}.weight", size)
        matrix(f"{name}attn_q.weight", queries, shape.width)
        matrix(f"{name}attn_k.weight", keys, shape.width)
        matrix(f"{name}attn_v.weight", keys, shape.width)
        matrix(f"{name}attn_output.weight", shape.width, queries)
        matrix(f"{name}ffn_gate.weight", shape.hidden, shape.width)
        matrix(f"{name}ffn_up.weight", shape.hidden, shape.width)
        matrix(f"{name}ffn_down.weight", shape.width, shape.hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _pool(quantization: str, seed: int) -> npt.NDArray[np.uint8]:
    size = (_POOL_BLOCKS, 2 + _PAYLOAD[quantization])
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def _write_shape(writer: Any, shape: LlamaShape) -> None:  # noqa: ANN401 - no types
    import gguf

    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{shape.quantization}"])


def _write_vocabulary(writer: Any, size: int) -> None:  # noqa: ANN401 - no types
    import gguf

    letters = [*_byte_letters(), "Ġt"]
    words = [f"w{number}" for number in range(size - len(letters) - len(_SPECIAL))]
    tokens = [*letters, *words, *_SPECIAL]
    kinds = [gguf.TokenType.NORMAL] * (size - len(_SPECIAL))
    kinds += [gguf.TokenType.CONTROL] * len(_SPECIAL)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["Ġ t"])  # llama.cpp insists on one
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eot_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(_TEMPLATE)


def _byte_letters() -> list[str]:
    """GPT-2's printable letter for each byte (its ``bytes_to_unicode``)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
