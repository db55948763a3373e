"""The exported files decode as the network does, by CTranslate2 and by the product's recognizer."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pipeline.engines import HypothesisKind, RecognitionJob  # noqa: E402
from pipeline.engines.faster_whisper import WhisperSettings, load  # noqa: E402
from pipeline.engines.thread import StopToken  # noqa: E402
from starter.errors import RecipeError  # noqa: E402
from starter.recognizer.export import export  # noqa: E402
from tests.starter.recognizer.tiny import network, tokens  # noqa: E402

_STEPS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model"
    export(network(), tokens(), path, quantization="float32")
    return path


def test_ctranslate2_encodes_and_decodes_as_the_network(folder: Path) -> None:
    import ctranslate2

    model = ctranslate2.models.Whisper(str(folder), compute_type="float32", intra_threads=1)
    features = np.random.default_rng(1).normal(0, 1, (1, 80, 300)).astype(np.float32)
    encoded = model.encode(ctranslate2.StorageView.from_array(features))
    trained, known = network(), tokens()
    with torch.no_grad():
        ours = trained.encoder(torch.from_numpy(features), None)
        assert np.abs(np.array(encoded) - ours.states.numpy()).max() < 1e-4
        prompt = [known.previous, *known.encode("Stop."), known.start, known.no_time_stamps]
        read = list(prompt)
        memory, score = trained.decoder.memory(ours), 0.0
        for _ in range(_STEPS):
            states = trained.decoder(torch.tensor([read]), memory, None)
            scores = trained.logits(states[0, -1])
            scores[known.end :] = -torch.inf
            score += scores.log_softmax(-1).max().item()
            read.append(int(scores.argmax()))
    found = model.generate(
        encoded, [prompt], beam_size=1, max_length=len(prompt) - 1 + _STEPS, return_scores=True,
        suppress_blank=False, suppress_tokens=list(range(known.end, known.size)),
    )[0]  # fmt: skip
    theirs = found.sequences_ids[0]
    assert len(theirs) > 2
    assert theirs == read[len(prompt) : len(prompt) + len(theirs)]
    if len(theirs) == _STEPS:
        assert found.scores[0] == pytest.approx(score / _STEPS, abs=1e-3)


def test_the_products_recognizer_loads_it_and_times_its_words(folder: Path) -> None:
    recognizer = load(WhisperSettings(folder, device="cpu", contexts=(3.0,)))
    assert not recognizer.multilingual
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    job = RecognitionJob(noise, HypothesisKind.PARTIAL, "")
    heard = recognizer.utterance(language="en").recognize(job, stop=StopToken())
    assert heard.context_seconds == 3.0


def test_int8_files_are_small_and_replace_older_ones_whole(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    (path / "left over").touch()
    export(network(), tokens(), path)
    assert sorted(each.name for each in path.iterdir()) == [
        "config.json", "model.bin", "preprocessor_config.json", "tokenizer.json",
        "vocabulary.json",
    ]  # fmt: skip
    assert not list(tmp_path.glob("*.partial"))


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecipeError, match="cannot write the model") as told:
        export(network(), tokens(), tmp_path / "file" / "model")
    assert "\n" not in str(told.value)
