import json
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.models.formats.ctranslate2 import read_whisper
from tests.models import tiny_whisper
from tests.models.spoken import STARTER
from tests.pipeline.models.formats.outcome import complaint


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return tiny_whisper.build(tmp_path_factory.mktemp("whisper"))


@pytest.fixture
def copy(tiny, tmp_path) -> Path:
    shutil.copytree(tiny, tmp_path / "copy")
    return tmp_path / "copy"


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_whisper(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_real_model_is_described():
    found = read_whisper(STARTER / "recognizer")
    assert found.files == (
        "model.bin", "config.json", "tokenizer.json", "vocabulary.json", "preprocessor_config.json",
    )  # fmt: skip
    assert (found.weights, found.mels, found.languages) == ("int8", 80, ("en",))
    assert not found.multilingual


def test_a_multilingual_model_tells_its_languages(tmp_path):
    found = read_whisper(tiny_whisper.build(tmp_path, multilingual=True, n_mels=128))
    assert found.multilingual
    assert found.languages == ("en", "de", "fr")
    assert (found.mels, found.context_seconds) == (128, 30.0)


def test_a_vocabulary_of_older_conversions_is_read(copy):
    tokens = json.loads((copy / "vocabulary.json").read_text())
    (copy / "vocabulary.json").unlink()
    (copy / "vocabulary.txt").write_text("".join(f"{token}\n" for token in tokens))
    found = read_whisper(copy)
    assert found.tokens == len(tokens)
    assert "vocabulary.txt" in found.files


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    assert f"has no {name}" in refusal(copy)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.9999])
def test_a_truncated_model_is_refused(copy, share):
    content = (copy / "model.bin").read_bytes()
    (copy / "model.bin").write_bytes(content[: int(len(content) * share)])
    assert "cut short" in refusal(copy)


def test_an_oversized_model_is_refused(copy):
    with (copy / "model.bin").open("ab") as file:
        file.write(bytes(100))
    assert "it ends at byte" in refusal(copy)


def header(spec: bytes, *, version: int = 6, revision: int = 3, variables: int = 0) -> bytes:
    name = struct.pack("<H", len(spec) + 1) + spec + b"\0"
    return struct.pack("<I", version) + name + struct.pack("<II", revision, variables)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html><body>Not found</body></html>", "its version is"),
        (header(b"WhisperSpec", version=7), "its version is 7, expected 4 to 6"),
        (header(b"TransformerSpec"), "it is a 'TransformerSpec', expected a 'WhisperSpec'"),
        (header(b"WhisperSpec", revision=9), "its revision is 9"),
        (header(b"WhisperSpec", variables=1 << 31), "claims 2147483648 variables"),
        (struct.pack("<IH", 6, 60000), "the specification has 60000 bytes"),
        (struct.pack("<IH", 6, 3) + b"abc", "does not end where it should"),
        (header(b"WhisperSpec") + bytes(4), "decoder/embeddings/weight is missing"),
        (
            header(b"WhisperSpec", variables=1) + struct.pack("<H", 2) + b"a\0" + b"\xff",
            "variable a has 255 dimensions",
        ),
        (
            header(b"WhisperSpec", variables=1)
            + struct.pack("<H2sBIIBI", 2, b"a\0", 2, 1 << 31, 1 << 31, 1, 9),
            "variable a claims 9 bytes, expected 4611686018427387904",
        ),
    ],
)
def test_a_header_that_lies_is_refused(copy, content, said):
    (copy / "model.bin").write_bytes(content)
    assert said in refusal(copy)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", "[]", "holds a list, expected an object"),
        ("config.json", '{"lang_ids": [999999]}', "lang_ids names tokens"),
        ("config.json", '{"suppress_ids": ["x"]}', "suppress_ids names tokens"),
        ("config.json", '{"alignment_heads": [[1, 0]]}', "layers up to 0 and heads up to 1"),
        ("config.json", '{"alignment_heads": [[0, -1]]}', "layers up to 0 and heads up to 1"),
        ("config.json", '{"alignment_heads": 7}', "is a int, expected a list"),
        ("config.json", "[" * 100_000, "nested too deeply"),
        ("config.json", " " * (2 << 20), "expected at most 1048576"),
        ("config.json", '{"lang_ids": NaN}', "is not JSON"),
        ("vocabulary.json", '["a"]', "has 1 tokens, expected 1795"),
        ("vocabulary.json", "[1, 2]", "is no list of tokens"),
        ("vocabulary.json", "\ud800", "is not JSON"),
        ("tokenizer.json", "{}", "it is not Whisper's tokenizer"),
        ("tokenizer.json", '{"added_tokens": [7]}', "added_tokens is malformed"),
        (
            "tokenizer.json",
            '{"added_tokens": [{"id": 70000, "content": "x"}]}',
            "'x' is token 70000 of 1795",
        ),
    ],
)
def test_a_companion_that_lies_is_refused(copy, name, content, said):
    (copy / name).write_bytes(content.encode(errors="surrogatepass"))
    message = refusal(copy)
    assert said in message
    assert name in message


def test_what_indexes_is_checked_against_what_is_there(copy):
    content = (copy / "model.bin").read_bytes()
    at = content.index(b"encoder/conv1/weight\0") + len(b"encoder/conv1/weight\0") + 1 + 4
    assert content[at : at + 4] == struct.pack("<I", 80)
    grown = content[:at] + struct.pack("<I", 81) + content[at + 4 :]
    (copy / "model.bin").write_bytes(grown)
    assert "expected" in refusal(copy)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_change_raises_anything_else(tiny, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("mutant")
    for each in tiny.iterdir():
        (folder / each.name).symlink_to(each)
    name = data.draw(st.sampled_from(sorted(each.name for each in tiny.iterdir())))
    content = bytearray((tiny / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(content) - 1, 20_000)))
        piece = data.draw(st.binary(min_size=1, max_size=6))
        content[at : at + len(piece)] = piece
    (folder / name).unlink()
    (folder / name).write_bytes(content)
    assert "\n" not in complaint(read_whisper, folder)
    shutil.rmtree(folder)
