"""The GGUF file: llama.cpp reads the same tokens and computes the same numbers."""

import random
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")
pytest.importorskip("gguf")
llama_cpp = pytest.importorskip("llama_cpp")
np = pytest.importorskip("numpy")

from starter.errors import RecipeError  # noqa: E402
from starter.language_model.export import FILE_NAME, Precision, export, write_gguf  # noqa: E402
from starter.language_model.network import Llama  # noqa: E402
from starter.language_model.tokenizer import Tokenizer, Vocabulary  # noqa: E402
from tests.starter.language_model import small  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One network, written in both precisions."""
    made = tmp_path_factory.mktemp("gguf")
    write_gguf(small.checkpoint(), made / "f16.gguf", "f16")
    write_gguf(small.checkpoint(), made / "q8_0.gguf", "q8_0")
    return made


def _load(path: Path, **more: Any) -> Any:
    return llama_cpp.Llama(str(path), n_ctx=256, n_threads=1, verbose=False, **more)


@pytest.mark.parametrize(("precision", "tolerance"), [("f16", 0.02), ("q8_0", 0.4)])
def test_llama_cpp_computes_what_was_trained(
    folder: Path, precision: Precision, tolerance: float
) -> None:
    kept = small.checkpoint()
    network = Llama(small.sizes(len(kept.shape["tokens"])))
    network.load_state_dict(kept.weights)
    ids = Tokenizer(Vocabulary.from_shape(kept.shape)).encode("".join(small.texts(3)))[:60]
    model = _load(folder / f"{precision}.gguf", logits_all=True)
    model.eval(ids)
    expected = network(torch.tensor([ids])).detach().numpy()
    assert expected.std() > 1.0
    assert np.abs(np.array(model.scores[: len(ids)]) - expected).max() < tolerance


def test_llama_cpp_reads_the_same_tokens(folder: Path) -> None:
    tokenizer = Tokenizer(small.vocabulary())
    model = _load(folder / "f16.gguf")
    generator = random.Random(4)
    letters = "abeinrst ABEINRST 0123456789 .,?!'\"_{}[]:<>|\n\t éüñ – … “” 日本"
    drawn = ["".join(generator.choices(letters, k=40)) for _ in range(300)]
    for text in [*drawn, *small.texts(50), "It's  two\n\n  spaces", "set_light(room:int)"]:
        assert model.tokenize(text.encode(), add_bos=False, special=True) == tokenizer.encode(text)


def test_tags_reach_the_caller_as_text_and_marks_do_not(folder: Path) -> None:
    model = _load(folder / "f16.gguf")
    ids = model.tokenize(b"<tool_call>a</tool_call><|end|>", add_bos=False, special=True)
    assert model.detokenize(ids).decode() == "<tool_call>a</tool_call>"
    assert ids[-1] == model.token_eos()


def test_the_chat_template_writes_a_conversation_as_it_is_learnt(folder: Path) -> None:
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    template = _load(folder / "f16.gguf").metadata["tokenizer.chat_template"]
    formatter = Jinja2ChatFormatter(template=template, eos_token="<|end|>", bos_token="")
    tool = {"name": "set_light", "parameters": {"properties": {"room": {"type": "string"}}}}
    messages: Any = [
        {"role": "system", "content": "You are Max."},
        {"role": "user", "content": "Hi."},
    ]
    tools: Any = [{"type": "function", "function": tool}]
    assert formatter(messages=messages, tools=tools).prompt == (
        "<|system|>You are Max.\n<tools>\n set light: =set_light( room=room)\n</tools><|end|>"
        "<|user|>Hi.<|end|><|assistant|>"
    )


def test_an_export_replaces_the_last_one_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    export(small.checkpoint(), tmp_path / "model")
    export(small.checkpoint(), tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert [path.name for path in (tmp_path / "model").iterdir()] == [FILE_NAME]


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecipeError, match="cannot write the model to"):
        export(small.checkpoint(), tmp_path / "file" / "model")
