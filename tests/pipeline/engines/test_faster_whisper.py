import logging
import shutil
from concurrent.futures import ThreadPoolExecutor

import ctranslate2
import numpy as np
import pytest

from pipeline.engines import SAMPLE_RATE, HypothesisKind, RecognitionJob
from pipeline.engines.faster_whisper import WhisperSettings, likeliest, load
from pipeline.engines.thread import EngineThread, Priority, StopToken, call
from pipeline.errors import EngineUnavailable, ModelError
from tests.models import tiny_whisper
from tests.models.spoken import STARTER, say

FINAL, PARTIAL = HypothesisKind.FINAL, HypothesisKind.PARTIAL
SHORT = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@pytest.fixture(scope="module")
def starter():
    return load(
        WhisperSettings(
            STARTER / "recognizer",
            contexts=SHORT,
            pad_partial_seconds=1.0,
            pad_final_seconds=2.0,
            final_beam=2,
            workers=2,
        )
    )


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """Knows three languages, loops, never ends."""
    path = tiny_whisper.build(tmp_path_factory.mktemp("endless"), multilingual=True)
    return load(WhisperSettings(path, contexts=SHORT))


@pytest.fixture
def model_copy(tmp_path):
    return shutil.copytree(STARTER / "recognizer", tmp_path / "model")


def job(audio, kind=FINAL, *, previous_text=""):
    if audio.dtype == np.int16:
        audio = audio.astype(np.float32) / 32768
    return RecognitionJob(audio, kind, previous_text)


def recognize(recognizer, audio, kind=FINAL, *, language=None, **more):
    utterance = recognizer.utterance(language=language)
    return utterance.recognize(job(audio, kind, **more), stop=StopToken())


def noise(seconds, seed=0):
    samples = round(seconds * SAMPLE_RATE)
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


@pytest.mark.parametrize("kind", [FINAL, PARTIAL])
@pytest.mark.parametrize(
    "text", ["What is the capital of France?", "Set a timer for ten minutes.", "No."]
)
def test_speech_is_written_down(starter, text, kind):
    found = recognize(starter, say(text), kind)
    assert found.text == text
    assert (found.kind, found.language, found.rejected) == (kind, "en", "")
    assert -0.6 < found.average_log_probability <= 0


def test_words_have_times_and_probabilities(starter):
    audio = say("What is the capital of France?")
    words = recognize(starter, audio).words
    assert [word.text for word in words] == ["What", "is", "the", "capital", "of", "France?"]
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0.5 < words[0].end < 1.0  # speech begins at 0.5 s
    assert times[-1] <= len(audio) / SAMPLE_RATE
    assert all(0.5 < word.probability <= 1 for word in words)


def test_a_context_is_as_long_as_the_audio_and_its_padding(starter):
    audio = say("What is the capital of France?")[: round(2.2 * SAMPLE_RATE)]
    assert recognize(starter, audio, PARTIAL).context_seconds == 4  # 2.2 + 1.0
    assert recognize(starter, audio, FINAL).context_seconds == 5  # 2.2 + 2.0
    full = load(WhisperSettings(STARTER / "recognizer", contexts="full"))
    assert recognize(full, audio, PARTIAL).context_seconds == 30


def test_silence_is_not_even_decoded(starter):
    found = recognize(starter, np.zeros(2 * SAMPLE_RATE, np.float32))
    assert (found.text, found.words, found.rejected) == ("", (), "silence")
    assert found.context_seconds == 0
    assert recognize(starter, np.zeros(0, np.float32)).rejected == "silence"


@pytest.mark.parametrize("kind", [FINAL, PARTIAL])
def test_noise_is_no_text_with_a_beam_and_without(starter, kind):
    for level in (1.0, 0.1, 0.01):  # of -40 dBFS
        assert recognize(starter, noise(2.0) * 0.1 * level, kind).text == ""


def test_what_was_said_before_can_steer_the_decoder(starter):
    # The starter model was not trained for it, but must survive it.
    audio = say("What is the capital of France?")
    found = recognize(starter, audio, previous_text="Tell me about Paris. " * 20)
    assert len(found.text) < 200


def test_an_english_model_says_so_when_asked_for_another_language(starter, caplog):
    with caplog.at_level(logging.WARNING):
        found = [recognize(starter, say("No."), language="de") for _ in range(2)]
    assert [each.language for each in found] == ["en", "en"]
    assert caplog.text.count("no language 'de'; it knows English only") == 1


def test_a_loop_is_tried_again_with_the_whole_context_and_then_cut(endless):
    found = recognize(endless, noise(2.0), language="en")
    assert found.rejected == "loop"
    assert found.context_seconds == 30
    assert len(found.text) < 20


def test_a_partial_is_not_tried_again(endless):
    found = recognize(endless, noise(2.0), PARTIAL, language="en")
    assert found.rejected == "loop"
    assert found.context_seconds == 4


def test_words_without_sense_and_end_are_dropped(tmp_path):
    path = tiny_whisper.build(tmp_path, repeats_itself=False)
    found = recognize(load(WhisperSettings(path)), noise(2.0))
    assert (found.text, found.words, found.rejected) == ("", (), "no_end")


@pytest.mark.parametrize("seconds", [0.1, 1.6, 8.0, 30.0])
def test_a_text_without_end_is_bounded_for_audio_of_any_length(endless, seconds):
    for kind in HypothesisKind:
        found = recognize(endless, noise(seconds), kind, language="en")
        assert len(found.words) <= 8 + 6.5 * seconds
        assert "\ufffd" not in found.text[-1:]


def test_audio_beyond_the_full_context_is_refused(starter):
    with pytest.raises(ValueError, match=r"30\.1 s of audio, at most 30 s fit; cut it"):
        recognize(starter, noise(30.1))


def test_a_stopped_job_has_no_text(starter):
    stop = StopToken()
    stop.set()
    utterance = starter.utterance(language=None)
    found = utterance.recognize(job(say("No.")), stop=stop)
    assert (found.text, found.rejected) == ("", "stopped")


def test_a_job_is_stopped_between_its_native_calls(endless):
    class StopAtSecondLook:
        looks = 0

        def is_set(self):
            self.looks += 1
            return self.looks >= 2

    stop = StopAtSecondLook()
    found = endless.utterance(language="en").recognize(job(noise(2.0)), stop=stop)
    assert found.rejected == "stopped"
    assert found.context_seconds == 0


def test_the_language_is_detected_or_as_told(endless):
    assert recognize(endless, noise(2.0)).language in tiny_whisper.LANGUAGES
    for language in tiny_whisper.LANGUAGES:
        assert recognize(endless, noise(2.0), language=language).language == language


def test_an_unknown_language_is_logged_and_detected(endless, caplog):
    with caplog.at_level(logging.WARNING):
        found = recognize(endless, noise(2.0), language="xx")
    assert found.language in tiny_whisper.LANGUAGES
    assert "no language 'xx'; it detects the language" in caplog.text


@pytest.mark.parametrize("n_mels", [80, 128])
def test_the_number_of_mel_bands_is_the_models_own(tmp_path, n_mels):
    path = tiny_whisper.build(tmp_path, n_mels=n_mels)
    recognizer = load(WhisperSettings(path, contexts=(2.0, 5.0)))
    recognizer.warm_up()
    assert recognize(recognizer, noise(1.0)).context_seconds in (5, 30)


@pytest.mark.parametrize(("n_mels", "seconds"), [(80, 1.6), (80, 1.59), (128, 2.56)])
def test_contexts_that_look_like_features_are_refused(tmp_path, n_mels, seconds):
    path = tiny_whisper.build(tmp_path, n_mels=n_mels)
    with pytest.raises(ModelError, match=f"contexts holds {seconds:g} s"):
        load(WhisperSettings(path, contexts=(seconds, 5.0)))


@pytest.mark.parametrize("name", ["config.json", "model.bin", "tokenizer.json", "vocabulary.json"])
def test_a_missing_file_is_named_and_never_fetched(model_copy, name):
    (model_copy / name).unlink()
    with pytest.raises(ModelError, match=f"has no {name}; give a complete model directory"):
        load(WhisperSettings(model_copy))


def test_a_missing_directory_is_an_error_not_a_model_name():
    with pytest.raises(ModelError, match="speech recognition model tiny has no config"):
        load(WhisperSettings(path=STARTER.__class__("tiny")))


def test_a_broken_model_is_an_error(model_copy):
    (model_copy / "model.bin").write_bytes(b"no model")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(WhisperSettings(model_copy))


def test_a_broken_tokenizer_is_an_error(model_copy):
    (model_copy / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be read"):
        load(WhisperSettings(model_copy))


def test_a_tokenizer_of_another_kind_is_an_error(model_copy):
    path = model_copy / "tokenizer.json"
    path.write_text(path.read_text().replace("<|notimestamps|>", "<|other|>"))
    with pytest.raises(ModelError, match=r"has no <\|notimestamps\|>: not a Whisper tokenizer"):
        load(WhisperSettings(model_copy))


def test_settings_come_from_a_models_table(tmp_path):
    values = {"contexts": [2, 3.5], "final_beam": 5, "window_seconds": 8}
    settings = WhisperSettings.from_model(tmp_path, values, threads=2)
    assert settings.contexts == (2.0, 3.5)
    assert (settings.final_beam, settings.threads) == (5, 2)
    assert WhisperSettings.from_model(tmp_path, {"contexts": "full"}).contexts == "full"
    guarded = WhisperSettings.from_model(tmp_path, {"guards": {"silence_dbfs": -50.0}})
    assert guarded.guards.silence_dbfs == -50


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"beam": 5}, "recognizer setting 'beam' is unknown"),
        ({"contexts": "short"}, "recognizer setting contexts is 'short'"),
        ({"contexts": ["2"]}, "recognizer setting contexts is"),
        ({"guards": {"silence": -50}}, "recognizer setting guards is"),
    ],
)
def test_wrong_settings_are_named(tmp_path, values, message):
    with pytest.raises(ModelError, match=message):
        WhisperSettings.from_model(tmp_path, values)


@pytest.mark.skipif(ctranslate2.get_cuda_device_count() > 0, reason="this machine has CUDA")
def test_without_cuda_the_cpu_is_taken_with_one_line_in_the_log(caplog):
    with caplog.at_level(logging.INFO):
        load(WhisperSettings(STARTER / "recognizer"))
    lines = [each.getMessage() for each in caplog.records if each.name.startswith("pipeline")]
    assert len(lines) == 1
    assert lines[0].startswith(
        "speech recognition runs on the CPU (no CUDA device was found): int8"
    )


@pytest.mark.skipif(ctranslate2.get_cuda_device_count() > 0, reason="this machine has CUDA")
def test_cuda_that_was_asked_for_and_is_missing_is_an_error():
    with pytest.raises(EngineUnavailable, match="device is 'cuda', but no CUDA device was found"):
        load(WhisperSettings(STARTER / "recognizer", device="cuda"))


def test_workers_share_a_recognizer(starter):
    sentences = ["What is the capital of France?", "Set a timer for ten minutes.", "No."] * 2
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = list(pool.map(lambda text: recognize(starter, say(text)).text, sentences))
    assert found == sentences


async def test_it_runs_on_an_engine_thread():
    thread = EngineThread("stt", lambda: load(WhisperSettings(STARTER / "recognizer")))
    await thread.start()
    try:
        text = "What is the capital of France?"
        found = await call(
            thread,
            lambda engine, stop: engine.utterance(language="en").recognize(
                job(say(text)), stop=stop
            ),
            priority=Priority.FIRST,
        )
        assert found.text == text
    finally:
        assert await thread.close()


# -- devices and languages ------------------------------------------------------------------------


def test_a_number_format_that_the_processor_lacks_is_replaced(caplog):
    caplog.set_level("INFO")
    recognizer = load(WhisperSettings(STARTER / "recognizer", device="cpu", compute_type="float16"))
    assert recognizer.compute_type.startswith("int8")
    assert "does not compute in float16" in caplog.text


def test_the_likeliest_language_is_one_that_is_served():
    ranked = [("nn", 0.5), ("de", 0.3), ("en", 0.1), ("fr", 0.1)]
    assert likeliest(ranked, ("en", "de")) == ("de", pytest.approx(0.75))
    assert likeliest(ranked, ()) == ("nn", pytest.approx(0.5))
    assert likeliest(ranked, ("xx",)) == ("nn", pytest.approx(0.5))


def test_a_language_is_detected_among_those_of_the_settings(tmp_path):
    path = tiny_whisper.build(tmp_path / "model", multilingual=True)
    audio = noise(2.0)
    for language in tiny_whisper.LANGUAGES:
        recognizer = load(WhisperSettings(path, device="cpu", languages=(language,)))
        assert recognize(recognizer, audio, PARTIAL).language == language
