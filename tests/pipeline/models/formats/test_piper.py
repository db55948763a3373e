import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.models.formats.piper import read_piper
from tests.models.spoken import STARTER
from tests.models.tiny_onnx import CONFIG, FLOAT32, INT64, PIPER_INPUTS, graph, model, node, port
from tests.models.tiny_onnx import write_voice as write
from tests.pipeline.models.formats.outcome import complaint


def test_a_real_voice_is_described():
    found = read_piper(STARTER / "voice" / "starter.onnx")
    names = ("starter.onnx", "starter.onnx.json", "starter.onnx.frames", "starter.onnx.vocoder")
    assert found.files == names
    assert (found.sample_rate, found.language, found.espeak_voice) == (16000, "en-US", "en-us")
    assert (found.speakers, found.quality, found.has_durations) == (1, "x_low", True)


def test_the_halves_of_a_voice_for_streaming_belong_to_it(tmp_path):
    path = write(tmp_path / "v.onnx")
    (tmp_path / "v.onnx.frames").write_bytes(b"")
    assert read_piper(path).files == ("v.onnx", "v.onnx.json")
    (tmp_path / "v.onnx.vocoder").write_bytes(b"")
    assert read_piper(path).files == ("v.onnx", "v.onnx.json", "v.onnx.frames", "v.onnx.vocoder")


def test_a_voice_without_durations_says_so(tmp_path):
    path = write(tmp_path / "v.onnx", model(graph(node("Identity", "scales", "output"))))
    assert not read_piper(path).has_durations


def test_a_voice_with_several_speakers_takes_their_number(tmp_path):
    several = {"num_speakers": 3, "speaker_id_map": {"a": 0, "b": 2}}
    with pytest.raises(ModelError, match="expected sid of type 7"):
        read_piper(write(tmp_path / "v.onnx", **several))
    inputs = (*PIPER_INPUTS, port("sid", INT64, 1))
    path = write(tmp_path / "v.onnx", model(graph(inputs=inputs)), **several)
    assert read_piper(path).speakers == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio": {"sample_rate": 96000}}, "audio.sample_rate is 96000, expected a whole number"),
        ({"audio": {}}, "audio.sample_rate is missing"),
        ({"audio": 5}, "audio is 5, expected a table"),
        ({"phoneme_type": "pinyin"}, "phoneme_type is 'pinyin', expected espeak or text"),
        ({"espeak": {"voice": "../../etc/passwd"}}, "expected a voice of espeak-ng"),
        ({"espeak": {"voice": ["en"]}}, "expected a voice of espeak-ng"),
        ({"num_symbols": True}, "num_symbols is True"),
        ({"num_symbols": 2}, "expected a list of numbers below num_symbols (2)"),
        ({"phoneme_id_map": {"a": [1]}}, "phoneme_id_map.^ is missing"),
        ({"phoneme_id_map": {"a": 1}}, "phoneme_id_map.a is 1"),
        ({"num_speakers": 10**9}, "num_speakers is 1000000000"),
        ({"speaker_id_map": {"eve": 7}}, "speaker_id_map.eve is 7, expected a number below"),
        ({"inference": {"length_scale": 0}}, "inference.length_scale is 0"),
        ({"inference": {"noise_w": "loud"}}, "inference.noise_w is 'loud'"),
        ({"language": {"code": "en\nGB"}}, "language.code is"),
        ({"speaker_id_map": {"a\nb\x1b": -1}}, "speaker_id_map.a\ufffdb\ufffd is -1"),
    ],
)
def test_a_description_that_lies_is_refused(tmp_path, changes, said):
    with pytest.raises(ModelError) as caught:
        read_piper(write(tmp_path / "v.onnx", **changes))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_network_is_refused(tmp_path):
    inputs = (port("image", FLOAT32, 1, 3, 224, 224),)
    with pytest.raises(ModelError, match=r"has the inputs image \(1\), expected input"):
        read_piper(write(tmp_path / "v.onnx", model(graph(inputs=inputs))))
    inputs = (*PIPER_INPUTS, port("prompt", FLOAT32, 1))
    with pytest.raises(ModelError, match="has an input 'prompt' that a Piper voice lacks"):
        read_piper(write(tmp_path / "v.onnx", model(graph(inputs=inputs))))


def test_a_network_alone_is_no_voice(tmp_path):
    path = write(tmp_path / "v.onnx")
    (tmp_path / "v.onnx.json").unlink()
    with pytest.raises(ModelError, match=r"has no v\.onnx\.json beside it"):
        read_piper(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(key=st.sampled_from(sorted(CONFIG)), inner=st.text(max_size=3) | st.none(), value=VALUES)
def test_no_description_raises_anything_else(tmp_path, key, inner, value):
    table = CONFIG[key]
    if inner is not None and isinstance(table, dict):
        value = {**table, (inner or next(iter(table), "x")): value}
    path = write(tmp_path / "v.onnx")
    (tmp_path / "v.onnx.json").write_text(
        json.dumps({**CONFIG, key: value}), encoding="utf-8", errors="replace"
    )
    assert "\n" not in complaint(read_piper, path)
