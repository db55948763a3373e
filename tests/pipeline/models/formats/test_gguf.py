import struct
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.models.formats.ggml_types import TENSOR_TYPES
from pipeline.models.formats.gguf import read_gguf
from tests.models import random_gguf
from tests.models.spoken import STARTER
from tests.pipeline.models.formats.outcome import complaint

SMALL = random_gguf.Geometry(width=32, hidden=32, layers=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> bytes:
    return random_gguf.write(tmp_path_factory.mktemp("gguf") / "small.gguf", SMALL).read_bytes()


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_gguf(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def header(*entries: bytes, tensors: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, len(entries)) + b"".join(entries)


def test_a_real_model_is_described():
    found = read_gguf(STARTER / "language-model" / "starter-q8_0.gguf")
    assert (found.architecture, found.name, found.quantisation) == ("llama", "starter", "Q8_0")
    assert (found.context_tokens, found.blocks, found.vocabulary) == (1024, 4, 4096)
    assert found.has_template
    assert found.rolls_back
    assert found.parameters == 4_262_144
    assert found.parts == ("starter-q8_0.gguf",)


def test_a_recurrent_model_cannot_go_back(tmp_path):
    found = read_gguf(random_gguf.write_recurrent(tmp_path / "state.gguf"))
    assert found.architecture == "mamba"
    assert not found.rolls_back


def test_a_model_without_a_template_says_so(tmp_path):
    assert not read_gguf(random_gguf.write(tmp_path / "x.gguf", SMALL, template=None)).has_template


def test_the_sizes_of_tensors_are_llama_cpp_s():
    # gguf-py counts 4 bytes too many for Q8_1, which no file holds: ggml-common.h has 36.
    known = {
        int(kind): (kind.name, *sizes)
        for kind, sizes in gguf.GGML_QUANT_SIZES.items()
        if kind.name != "Q8_1"
    }
    ours = {number: (t.name, t.weights, t.bytes) for number, t in TENSOR_TYPES.items()}
    assert known.items() <= ours.items()
    assert {number: ours[number] for number in ours.keys() - known} == {
        9: ("Q8_1", 32, 36),
        42: ("Q2_0", 64, 18),
    }


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path, small, share):
    message = refusal(tmp_path / "cut.gguf", small[: int(len(small) * share)])
    assert "cut short" in message


def test_what_follows_the_tensors_is_refused(tmp_path, small):
    assert "its tensors end at byte" in refusal(tmp_path / "long.gguf", small + bytes(64))


def test_another_file_is_refused(tmp_path):
    assert "begins with b'<htm'" in refusal(tmp_path / "x.gguf", b"<html><body>Not found")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (header(version=1), "of version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 0), "claims 1099511627776 tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "key-values"),
        (header(struct.pack("<Q", 1 << 62)), "expected at most 1024"),
        (header(text("a") + struct.pack("<I", 13)), "a is of type 13"),
        (header(text("a") + struct.pack("<IIQ", 9, 9, 1)), "array of type 9"),
        (header(text("a") + struct.pack("<IIQ", 9, 8, 1 << 50)), "strings, expected at most"),
        (header(text("a") + struct.pack("<IIQ", 9, 4, 1 << 62)), "cut short"),
        (header(text("a") + struct.pack("<IQ", 8, 1 << 40)), "expected at most 16777216"),
        (header(*[text("a") + struct.pack("<I?", 7, True)] * 2), "stands there twice"),
        (
            header(text("general.alignment") + struct.pack("<II", 4, 3), tensors=1),
            "expected a power of two",
        ),
        (header(text("general.type") + struct.pack("<I", 8) + text("adapter")), "'adapter'"),
        (header(), "general.architecture is missing"),
        (
            header(text("general.architecture") + struct.pack("<I", 8) + text("clip")),
            "is not for the engines here: a clip model sees pictures",
        ),
        (
            header(text("general.architecture") + struct.pack("<I", 8) + text("llama")),
            "llama.embedding_length is missing",
        ),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, content, said):
    assert said in refusal(tmp_path / "lie.gguf", content)


def changed(content: bytes, key: str, layout: str, value: int) -> bytes:
    at = content.index(text(key)) + len(text(key)) + 4
    return content[:at] + struct.pack(layout, value) + content[at + struct.calcsize(layout) :]


def test_key_values_that_do_not_fit_the_tensors_are_refused(tmp_path, small):
    path = tmp_path / "lie.gguf"
    message = refusal(path, changed(small, "llama.block_count", "<I", 7))
    assert "its tensors make 1 blocks, expected 7" in message
    message = refusal(path, changed(small, "llama.embedding_length", "<I", 64))
    assert "token_embd.weight has 32x262 weights, expected 64x262" in message
    message = refusal(path, changed(small, "llama.context_length", "<I", 0))
    assert "llama.context_length is 0" in message


def test_a_tensor_that_lies_elsewhere_is_refused(tmp_path, small):
    name = text("output_norm.weight")
    at = small.index(name) + len(name) + 4 + 8 + 4
    moved = small[:at] + struct.pack("<Q", 1 << 50) + small[at + 8 :]
    assert "tensor output_norm.weight begins at byte" in refusal(tmp_path / "x.gguf", moved)
    at = small.index(name) + len(name) + 4
    grown = small[:at] + struct.pack("<Q", 1 << 40) + small[at + 8 :]
    assert "ends beyond the file" in refusal(tmp_path / "x.gguf", grown)


def split(folder: Path) -> list[Path]:
    """Write a model in two parts, as llama.cpp's gguf-split does."""
    whole = random_gguf.write(folder / "whole.gguf", SMALL)
    reader = gguf.GGUFReader(whole)
    parts = [folder / f"chat-{number:05d}-of-00002.gguf" for number in (1, 2)]
    for number, part in enumerate(parts):
        writer = gguf.GGUFWriter(part, "llama")
        if number == 0:
            random_gguf._write_geometry(writer, SMALL, random_gguf.VOCABULARY)
            random_gguf._write_vocabulary(writer, random_gguf.TEMPLATE)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", 2)
        writer.add_int32("split.tensors.count", len(reader.tensors))
        for tensor in reader.tensors[number * 3 : 3 if number == 0 else None]:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return parts


def test_a_split_model_is_one_if_all_its_parts_are_there(tmp_path):
    first, second = split(tmp_path)
    whole = read_gguf(tmp_path / "whole.gguf")
    found = read_gguf(first)
    assert found.parts == (first.name, second.name)
    assert found == replace(whole, parts=found.parts)
    with pytest.raises(ModelError, match="expected the first of 2 parts"):
        read_gguf(second)
    second.rename(tmp_path / "elsewhere.gguf")
    with pytest.raises(ModelError, match="1 of its 2 parts are missing: chat-00002-of-00002"):
        read_gguf(first)
    (tmp_path / "whole.gguf").rename(second)
    with pytest.raises(ModelError, match=r"split\.no is None, expected 1"):
        read_gguf(first)


def test_no_pipe_and_no_folder_is_waited_for(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.gguf")
    for path in (tmp_path / "pipe.gguf", tmp_path):
        with pytest.raises(ModelError, match="is not a regular file"):
            read_gguf(path)
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_gguf(tmp_path / "none.gguf")


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_change_of_the_header_raises_anything_else(tmp_path, small, data):
    end = small.index(b"blk.0.ffn_down.weight") + 64
    content = bytearray(small)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, end))
        piece = data.draw(st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 8]))
        content[at : at + len(piece)] = piece
    path = tmp_path / "mutant.gguf"
    path.write_bytes(content)
    assert "\n" not in complaint(read_gguf, path)
