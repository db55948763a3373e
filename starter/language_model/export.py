"""From a checkpoint to a GGUF file that llama.cpp loads, tokenizer and chat template inside.

The keys are those of ggml's `docs/gguf.md`; what llama.cpp demands beyond them is said where it is
written. The output matrix is left out: llama.cpp then takes the embedding, to which it is tied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from starter.language_model.network import Sizes
from starter.language_model.tokenizer import CONTROL_MARKS, TAGS, Vocabulary
from starter.training.checkpoint import Checkpoint
from starter.training.exporting import whole_folder

__all__ = ["FILE_NAME", "Precision", "export", "write_gguf"]

Precision: TypeAlias = Literal["f16", "q8_0"]
Float32: TypeAlias = npt.NDArray[np.float32]

FILE_NAME: Final = "starter-q8_0.gguf"
"""The file that the product loads, as `models.toml` names it."""
_TEMPLATE: Final = Path(__file__).with_name("chat_template.jinja")


def export(checkpoint: Checkpoint, folder: Path) -> None:
    """Write the model into a folder, which appears whole or not at all.

    Raises:
        RecipeError: If it cannot be written.
    """
    with whole_folder(folder) as partial:
        write_gguf(checkpoint, partial / FILE_NAME, "q8_0")


def write_gguf(checkpoint: Checkpoint, path: Path, precision: Precision) -> None:
    """Write one GGUF file: matrices in 16 or 8 bits, norms in 32."""
    import gguf

    sizes = Sizes(**{name: checkpoint.shape[name] for name in Sizes.__slots__})
    writer = gguf.GGUFWriter(path, "llama")
    _add_sizes(writer, sizes)
    _add_vocabulary(writer, Vocabulary.from_shape(checkpoint.shape))
    writer.add_chat_template(_TEMPLATE.read_text(encoding="utf-8").strip())
    half = precision == "f16"
    writer.add_file_type(gguf.LlamaFileType["MOSTLY_F16" if half else "MOSTLY_Q8_0"])
    for name, weight in _tensors(checkpoint, sizes):
        _add_tensor(writer, name, weight, precision)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_sizes(writer: Any, sizes: Sizes) -> None:  # noqa: ANN401 - gguf is lazily imported
    writer.add_name("starter")
    writer.add_description("A small voice assistant, trained from scratch on generated dialogues.")
    writer.add_context_length(sizes.context)
    writer.add_embedding_length(sizes.width)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.inner)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.heads)
    writer.add_layer_norm_rms_eps(sizes.epsilon)
    writer.add_rope_dimension_count(sizes.width // sizes.heads)
    writer.add_rope_freq_base(sizes.theta)
    writer.add_vocab_size(sizes.vocabulary)


def _add_vocabulary(writer: Any, vocabulary: Vocabulary) -> None:  # noqa: ANN401
    import gguf

    # llama.cpp drops control tokens from text: the tags must reach whoever parses tool calls.
    kinds = dict.fromkeys(CONTROL_MARKS, gguf.TokenType.CONTROL)
    kinds |= dict.fromkeys(TAGS, gguf.TokenType.USER_DEFINED)
    ids = {token: number for number, token in enumerate(vocabulary.tokens)}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([token.encode() for token in vocabulary.tokens])
    writer.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in vocabulary.tokens])
    writer.add_token_merges([" ".join(pair) for pair in vocabulary.merges])
    # Never used, but its default is token 11, which is an ordinary one here.
    writer.add_bos_token_id(ids["<|endoftext|>"])
    writer.add_eos_token_id(ids["<|end|>"])
    writer.add_eot_token_id(ids["<|end|>"])
    writer.add_pad_token_id(ids["<|endoftext|>"])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)


def _tensors(checkpoint: Checkpoint, sizes: Sizes) -> Iterator[tuple[str, Float32]]:
    weights = {name: weight.float().numpy() for name, weight in checkpoint.weights.items()}
    yield "token_embd.weight", weights["embedding"]
    yield "output_norm.weight", weights["norm"]
    for number in range(sizes.layers):
        prefix = f"layers.{number}."
        layer = {
            name.removeprefix(prefix): weight
            for name, weight in weights.items()
            if name.startswith(prefix)
        }
        for name, weight in _layer_tensors(layer, sizes.heads):
            yield f"blk.{number}.{name}.weight", weight


def _layer_tensors(layer: Mapping[str, Float32], heads: int) -> Iterator[tuple[str, Float32]]:
    query, key, value = np.split(layer["query_key_value"], 3)
    gate, up = np.split(layer["gate_up"], 2)
    yield "attn_norm", layer["attention_norm"]
    yield "attn_q", _interleaved(query, heads)
    yield "attn_k", _interleaved(key, heads)
    yield "attn_v", value
    yield "attn_output", layer["attention_out"]
    yield "ffn_norm", layer["feed_norm"]
    yield "ffn_gate", gate
    yield "ffn_up", up
    yield "ffn_down", layer["down"]


def _interleaved(matrix: Float32, heads: int) -> Float32:
    """Reorder a head's rows: llama.cpp turns neighbours against each other, the training halves."""
    halves = matrix.reshape(heads, 2, matrix.shape[0] // heads // 2, matrix.shape[1])
    return halves.swapaxes(1, 2).reshape(matrix.shape)


def _add_tensor(
    writer: Any,  # noqa: ANN401
    name: str,
    weight: Float32,
    precision: Precision,
) -> None:
    import gguf

    weight = np.ascontiguousarray(weight, dtype=np.float32)
    if weight.ndim == 1:
        writer.add_tensor(name, weight)
    elif precision == "f16":
        writer.add_tensor(name, weight.astype(np.float16))
    else:
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(weight, kind), raw_dtype=kind)
