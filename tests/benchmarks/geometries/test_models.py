"""Models of random weights go through the product's own engines, at the lengths that are asked."""

import numpy as np
import pytest

from benchmarks.geometries import llama, piper, whisper
from benchmarks.geometries.onnx_writer import GraphWriter
from benchmarks.geometries.shapes import GEOMETRIES, SMALL, LlamaShape, VoiceShape, WhisperShape
from pipeline.engines import HypothesisKind, Message, Prompt, RecognitionJob, SpeakJob
from pipeline.engines import faster_whisper as stt
from pipeline.engines import llama_cpp as llm
from pipeline.engines import piper as tts
from pipeline.engines.onnx_graph import outputs_of
from pipeline.engines.thread import StopToken

pytestmark = pytest.mark.engines


def test_every_small_shape_stands_for_one_that_is_measured():
    assert set(SMALL) < set(GEOMETRIES)
    for name, shape in SMALL.items():
        assert type(shape) is type(GEOMETRIES[name])


def test_a_whisper_hears_as_many_words_as_it_is_allowed(tmp_path):
    folder = whisper.write(tmp_path / "w", SMALL["whisper-base"])
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "model.bin", "tokenizer.json", "vocabulary.txt",
    }  # fmt: skip
    recognizer = stt.load(stt.WhisperSettings(folder, device="cpu"))
    assert recognizer.multilingual
    assert recognizer._decoder.vocabulary.knows("de")
    audio = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    found = recognizer.utterance(language="en").recognize(
        RecognitionJob(audio, HypothesisKind.PARTIAL), stop=StopToken()
    )
    assert found.rejected == "no_end"


def test_a_whisper_as_it_is_published_is_in_half_precision(tmp_path):
    shape = WhisperShape(64, 1, 2, quantization="float16")
    half = whisper.write(tmp_path / "half", shape) / "model.bin"
    whole = whisper.write(tmp_path / "byte", SMALL["whisper-base"]) / "model.bin"
    assert half.stat().st_size > 1.5 * whole.stat().st_size


@pytest.mark.parametrize("quantization", ["Q8_0", "Q4_0"])
def test_a_language_model_says_as_many_tokens_as_it_is_allowed(tmp_path, quantization):
    shape = LlamaShape(64, 128, 2, 2, 1, 32, 1024, 4096, quantization)
    model = llm.load(llm.LlamaSettings(llama.write(tmp_path / "m.gguf", shape), device="cpu"))
    prompt = Prompt([Message("user", "abc")], max_tokens=30, temperature=1.0, seed=7)
    pieces = list(model.open().generate(prompt, stop=StopToken()))
    assert pieces[-1].usage.generated == 30
    assert "qwen3" in model.context.description
    model.close()


def test_a_voice_makes_sound_whose_length_follows_the_text(tmp_path):
    path = piper.write(tmp_path / "v.onnx", SMALL["piper-medium"])
    assert len(outputs_of(path.read_bytes(), "Ceil")) == 1
    voice = tts.load(tts.PiperSettings(path))
    assert voice.sample_rate == 22_050
    assert voice.has_word_times
    short, long = (
        sum(len(each.audio) for each in voice.speak(SpeakJob(text), stop=StopToken()))
        for text in ("Yes.", "The weather will be sunny for most of the day today.")
    )
    assert 0.1 * 22_050 < short < long < 10 * 22_050


def test_a_low_voice_differs_from_a_medium_one_by_its_rate():
    low, medium = GEOMETRIES["piper-low"], GEOMETRIES["piper-medium"]
    assert isinstance(low, VoiceShape)
    assert (low.rate, medium.rate) == (16_000, 22_050)


def test_an_onnx_model_is_read_by_the_runtime(tmp_path):
    import onnxruntime

    graph = GraphWriter()
    x = graph.input("x", np.float32, [2, "n"])
    y = graph.node("Mul", x, graph.tensor(np.array(3, np.float32)))
    graph.node("Concat", x, y, name="z", axis=-1)
    graph.output("z", np.float32, [2, "m"])
    session = onnxruntime.InferenceSession(graph.model(), providers=["CPUExecutionProvider"])
    (z,) = session.run(None, {"x": np.array([[1], [2]], np.float32)})
    assert z.tolist() == [[1, 3], [2, 6]]
