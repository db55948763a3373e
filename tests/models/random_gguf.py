"""Writes llama models with random weights: real files of any size that say nothing sensible.

Their vocabulary is byte-level: one token per byte, one merge (llama.cpp insists on one), and the
marks of ChatML. They generate printable ASCII and the mark that ends a turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
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
    """Write a model to ``path`` and return it. One random block serves all layers."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    _write_vocabulary(writer, template)
    _write_geometry(writer, geometry)

    def matrix(rows: int, columns: int) -> np.ndarray:
        scale = columns**-0.5
        return (random.standard_normal((rows, columns), np.float32) * scale).astype(np.float16)

    width, hidden = geometry.width, geometry.hidden
    ones = np.ones(width, np.float32)
    block = {
        "attn_norm": ones,
        "attn_q": matrix(width, width),
        "attn_k": matrix(width, width),
        "attn_v": matrix(width, width),
        "attn_output": matrix(width, width),
        "ffn_norm": ones,
        "ffn_gate": matrix(hidden, width),
        "ffn_up": matrix(hidden, width),
        "ffn_down": matrix(width, hidden),
    }
    writer.add_tensor("token_embd.weight", matrix(VOCABULARY, width))
    writer.add_tensor("output_norm.weight", ones)
    # Not tied: tied random embeddings repeat the last token for ever.
    output = matrix(VOCABULARY, width)
    output[[*range(0x20), *range(0x7F, 258)]] = 0.0
    writer.add_tensor("output.weight", output)
    for layer in range(geometry.layers):
        for name, tensor in block.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_geometry(writer: gguf.GGUFWriter, geometry: Geometry) -> None:
    writer.add_context_length(geometry.context)
    writer.add_embedding_length(geometry.width)
    writer.add_block_count(geometry.layers)
    writer.add_feed_forward_length(geometry.hidden)
    writer.add_head_count(geometry.heads)
    writer.add_head_count_kv(geometry.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(geometry.width // geometry.heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(VOCABULARY)
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
