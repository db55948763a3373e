"""The codecs: exact lengths, true sound, and nothing but AudioError for bad payloads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs import AudioDecoder, AudioEncoder, EncodedFrame
from pipeline.errors import AudioError
from pipeline.libopus import packet_milliseconds
from pipeline.resample import resampled_length
from protocol.audio import RATES, AudioFormat, Encoding

OPUS, PCM, PCMU, PCMA = Encoding.OPUS, Encoding.PCM_S16LE, Encoding.PCMU, Encoding.PCMA
FRAMES_MS = (2.5, 5, 10, 20, 30, 40, 60, 80, 100, 120)
FORMATS = [
    AudioFormat(codec, rate, frame_ms)
    for codec in Encoding
    for rate in (RATES if codec in (OPUS, PCM) else (8000,))
    for frame_ms in FRAMES_MS
]


def named(format: AudioFormat) -> str:
    return f"{format.codec}-{format.rate}-{format.frame_ms:g}"


def speech(seconds: float, rate: int) -> np.ndarray:
    """A child's voice: gliding harmonics in syllables, from above what Opus's high pass moves."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (300 * time + 5 * np.sin(2 * np.pi * time))
    voice = sum(np.sin(k * phase) / k for k in range(1, 7))
    return (voice * (0.55 - 0.45 * np.cos(8 * np.pi * time)) * 5000).astype(np.int16)


def encoded(
    format: AudioFormat, audio: np.ndarray, rate: int, *, chunk: int = 441, max_payload: int = 4080
) -> list[EncodedFrame]:
    with AudioEncoder(format, source_rate=rate, max_payload=max_payload) as encoder:
        frames = []
        for start in range(0, len(audio), chunk):
            frames += encoder.encode(audio[start : start + chunk])
        return frames + encoder.flush()


def decoded(format: AudioFormat, frames: list[EncodedFrame]) -> np.ndarray:
    with AudioDecoder(format) as decoder:
        return np.concatenate([*(decoder.decode(f.payload) for f in frames), decoder.flush()])


def signal_to_noise(heard: np.ndarray, said: np.ndarray, delay: int = 0) -> float:
    """In dB, after taking out ``delay`` samples and the best gain."""
    length = min(len(heard) - delay, len(said))
    heard, said = heard[delay : delay + length].astype(float), said[:length].astype(float)
    gain = (heard * said).sum() / (heard**2).sum()
    noise = ((said - gain * heard) ** 2).sum()
    return float(10 * np.log10((said**2).sum() / max(noise, 1e-9)))


# -- lengths ------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS, ids=named)
def test_lengths_are_exact_for_every_codec_rate_and_frame_size(format):
    for source_rate in (16_000, 22_050):
        audio = speech(0.25, source_rate)[:-13]
        frames = encoded(format, audio, source_rate)
        sent = sum(frame.samples for frame in frames)
        size = frames[0].samples
        assert {frame.samples for frame in frames} == {size}
        assert 0 <= sent - resampled_length(len(audio), source_rate, format.rate) < size
        assert len(decoded(format, frames)) == resampled_length(sent, format.rate, 16_000)


@pytest.mark.parametrize("format", FORMATS, ids=named)
def test_frames_last_as_long_as_agreed_or_the_next_shorter_legal_duration(format):
    legal = 20 if format.codec is OPUS and format.frame_ms == 30 else format.frame_ms
    for frame in encoded(format, speech(0.2, 16_000), 16_000, max_payload=100_000):
        assert frame.samples == format.samples(legal)
        if format.codec is OPUS:
            assert packet_milliseconds(frame.payload) == legal


def test_the_encoder_returns_frames_as_soon_as_they_are_full():
    with AudioEncoder(AudioFormat(PCM, 16_000, 20), source_rate=16_000) as encoder:
        assert encoder.encode(np.zeros(319, np.int16)) == []
        assert len(encoder.encode(np.zeros(1, np.int16))) == 1
        assert len(encoder.encode(np.zeros(961, np.int16))) == 3
        assert len(encoder.flush()) == 1
        assert encoder.flush() == []


def test_the_last_frame_is_padded_with_silence():
    audio = np.full(500, 1000, np.int16)
    frames = encoded(AudioFormat(PCM, 16_000, 20), audio, 16_000)
    samples = np.frombuffer(b"".join(frame.payload for frame in frames), "<i2")
    assert [frame.samples for frame in frames] == [320, 320]
    assert (samples[:500] == 1000).all()
    assert (samples[500:] == 0).all()


@pytest.mark.parametrize("format", FORMATS, ids=named)
@pytest.mark.parametrize("max_payload", [100, 640])
def test_no_payload_exceeds_its_bound(format, max_payload):
    frames = encoded(format, speech(0.25, 16_000), 16_000, max_payload=max_payload)
    assert max(len(frame.payload) for frame in frames) <= max_payload
    assert sum(frame.samples for frame in frames) >= format.rate // 4


def test_a_small_bound_shortens_opus_frames_until_their_bits_fit():
    frames = encoded(AudioFormat(OPUS, 16_000, 120), speech(1, 16_000), 16_000, max_payload=100)
    assert {frame.samples for frame in frames} == {320}
    assert signal_to_noise(decoded(AudioFormat(OPUS, 16_000), frames), speech(1, 16_000), 103) > 9


# -- sound --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frame_ms", [2.5, 20, 60, 120])
def test_speech_survives_opus_late_by_its_lookahead(rate, frame_ms):
    format = AudioFormat(OPUS, rate, frame_ms)
    heard = decoded(format, encoded(format, speech(1, 16_000), 16_000))
    quality = max(signal_to_noise(heard, speech(1, 16_000), delay) for delay in (102, 103, 104))
    assert quality > 10


@pytest.mark.parametrize("rate", RATES)
def test_speech_survives_pcm(rate):
    format = AudioFormat(PCM, rate)
    heard = decoded(format, encoded(format, speech(1, 16_000), 16_000))
    assert signal_to_noise(heard, speech(1, 16_000)) > 50


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_speech_survives_g711(codec):
    format = AudioFormat(codec, 8000)
    heard = decoded(format, encoded(format, speech(1, 16_000), 16_000))
    assert signal_to_noise(heard, speech(1, 16_000)) > 33


@pytest.mark.parametrize(
    "format", [f for f in FORMATS if f.frame_ms == 20 and f.codec is not OPUS], ids=named
)
def test_a_click_keeps_its_place_on_the_time_line(format):
    audio = np.zeros(22_050, np.int16)
    audio[11_020:11_031] = 25_000
    energy = decoded(format, encoded(format, audio, 22_050)).astype(float) ** 2
    centre = (energy * np.arange(len(energy))).sum() / energy.sum()
    assert abs(centre - 11_025 * 16_000 / 22_050) <= 1


def test_a_second_stream_sounds_like_the_first():
    format = AudioFormat(OPUS, 24_000, 20)
    audio = speech(0.4, 16_000)
    with AudioEncoder(format, source_rate=16_000) as encoder, AudioDecoder(format) as decoder:
        heard = []
        for _ in range(2):
            frames = encoder.encode(audio) + encoder.flush()
            parts = [decoder.decode(frame.payload) for frame in frames]
            heard.append(np.concatenate([*parts, decoder.flush()]))
    assert np.array_equal(heard[0], heard[1])


# -- gaps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS, ids=named)
@pytest.mark.parametrize("dtx", [True, False])
def test_an_empty_payload_lasts_one_frame(format, dtx):
    with AudioDecoder(format) as decoder:
        parts = [decoder.decode(b"", dtx=dtx) for _ in range(6)]
        audio = np.concatenate([*parts, decoder.flush()])
    assert len(audio) == resampled_length(6 * format.frame_samples, format.rate, 16_000)
    assert not audio.any()


@pytest.mark.parametrize("format", [f for f in FORMATS if f.frame_ms == 20], ids=named)
@given(gaps=st.lists(st.integers(0, 3000), max_size=8))
@settings(max_examples=20, deadline=None)
def test_gaps_add_up_to_their_exact_length(format, gaps):
    with AudioDecoder(format) as decoder:
        total = sum(len(decoder.insert_silence(gap)) for gap in gaps) + len(decoder.flush())
    assert total == resampled_length(sum(gaps), format.rate, 16_000)


def test_opus_conceals_the_beginning_of_a_gap_and_then_falls_silent():
    format = AudioFormat(OPUS, 16_000, 20)
    frames = encoded(format, speech(0.5, 16_000)[:5120], 16_000)
    with AudioDecoder(format) as decoder:
        for frame in frames:
            decoder.decode(frame.payload)
        gap = decoder.insert_silence(8000).astype(int)
    assert len(gap) == 8000
    assert np.abs(gap[:160]).max() > 300
    assert not gap[1600:].any()


def test_speech_after_a_concealed_gap_is_understood_again():
    format = AudioFormat(OPUS, 16_000, 20)
    frames = encoded(format, speech(1, 16_000), 16_000)
    with AudioDecoder(format) as decoder:
        heard = [decoder.decode(frame.payload) for frame in frames[:20]]
        heard.append(decoder.insert_silence(5 * 320))
        heard += [decoder.decode(frame.payload) for frame in frames[25:]]
    audio = np.concatenate(heard)
    assert len(audio) == 16_000
    assert signal_to_noise(audio[9600:], speech(1, 16_000)[9600 - 103 :]) > 9


def test_a_gap_of_pcm_is_silence_of_its_length():
    with AudioDecoder(AudioFormat(PCM, 16_000)) as decoder:
        assert decoder.insert_silence(1234).tolist() == [0] * 1234
        with pytest.raises(ValueError, match="-1"):
            decoder.insert_silence(-1)


# -- bad payloads -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "rate", "payload", "reason"),
    [
        (PCM, 16_000, b"\0", "1 bytes, expected whole samples"),
        (PCM, 16_000, bytes(3841), "3841 bytes, expected whole samples"),
        (PCM, 16_000, bytes(3842), "at most 3840 fit in 120 ms at 16000 Hz; send shorter"),
        (PCM, 48_000, bytes(11_522), "at most 11520"),
        (PCMU, 8000, bytes(961), "at most 960"),
        (PCMA, 8000, bytes(961), "at most 960"),
        (OPUS, 16_000, b"\x4b\x07", "140 ms, at most 120"),
        (OPUS, 16_000, b"\x4b", "no frame"),
        (OPUS, 16_000, b"\x4a\xfc", "cannot be decoded: corrupted stream"),
        (OPUS, 16_000, bytes(61_299), "61299 bytes"),
    ],
)
def test_a_bad_payload_is_named_and_the_stream_goes_on(codec, rate, payload, reason):
    format = AudioFormat(codec, rate)
    frames = encoded(format, speech(0.2, 16_000), 16_000)
    with AudioDecoder(format) as decoder:
        heard = []
        for frame in frames:
            with pytest.raises(AudioError, match=reason):
                decoder.decode(payload)
            heard.append(decoder.decode(frame.payload))
        audio = np.concatenate([*heard, decoder.flush()])
    assert np.array_equal(audio, decoded(format, frames))


@pytest.mark.parametrize("codec", list(Encoding))
@given(payloads=st.lists(st.binary(max_size=200), max_size=5), dtx=st.booleans())
@settings(deadline=None)
def test_nothing_but_audio_error_comes_of_any_bytes(codec, payloads, dtx):
    with AudioDecoder(AudioFormat(codec, 8000, 60)) as decoder:
        for payload in payloads:
            try:
                audio = decoder.decode(payload, dtx=dtx)
            except AudioError:
                continue
            assert audio.dtype == np.int16
            assert audio.ndim == 1
            assert len(audio) <= 2 * 1920 + 1920  # a frame, and what was held back


@given(start=st.integers(0, 15), noise=st.binary(max_size=40), at=st.integers(0, 60))
@settings(deadline=None)
def test_damaged_opus_packets_raise_nothing_else(start, noise, at):
    format = AudioFormat(OPUS, 16_000, 60)
    frames = encoded(format, speech(1, 16_000), 16_000)
    packet = bytearray(frames[start].payload)
    packet[at : at + len(noise)] = noise
    with AudioDecoder(format) as decoder:
        try:
            audio = decoder.decode(bytes(packet))
        except AudioError:
            audio = np.zeros(960, np.int16)
        assert 40 <= len(audio) <= 1920
        assert len(decoder.decode(frames[0].payload)) == 960


@pytest.mark.parametrize(
    "format",
    [
        AudioFormat(PCMU, 16_000),
        AudioFormat(PCMA, 48_000),
        AudioFormat(OPUS, 44_100),
        AudioFormat(PCM, 22_050),
        AudioFormat(PCM, 16_000, 2),
        AudioFormat(OPUS, 16_000, 121),
        AudioFormat(OPUS, 16_000, float("nan")),
    ],
    ids=named,
)
def test_formats_that_cannot_be_are_refused(format):
    with pytest.raises(AudioError, match="expected"):
        AudioDecoder(format)
    with pytest.raises(AudioError, match="expected"):
        AudioEncoder(format, source_rate=16_000)


@pytest.mark.parametrize(("codec", "max_payload"), [(OPUS, 7), (PCM, 1), (PCMU, 0)])
def test_a_bound_without_room_for_anything_is_refused(codec, max_payload):
    with pytest.raises(AudioError, match="raise max_binary"):
        AudioEncoder(AudioFormat(codec, 8000), source_rate=16_000, max_payload=max_payload)


@pytest.mark.parametrize("audio", [np.zeros(320), np.zeros((320, 1), np.int16)])
@pytest.mark.parametrize("codec", list(Encoding))
def test_the_encoder_refuses_audio_of_another_type_or_shape(codec, audio):
    with AudioEncoder(AudioFormat(codec, 8000), source_rate=8000) as encoder:
        with pytest.raises(AudioError, match="expected int16"):
            encoder.encode(audio)
        assert encoder.flush() == []


# -- what it must not need ----------------------------------------------------------------------


def test_the_codecs_load_no_engine_and_pcm_needs_no_libopus():
    script = (
        "import sys\n"
        "from pipeline.codecs import AudioDecoder\n"
        "from protocol.audio import AudioFormat, Encoding\n"
        "AudioDecoder(AudioFormat(Encoding.PCM_S16LE, 24000)).decode(bytes(960))\n"
        "engines = {'opuslib', 'av', 'faster_whisper', 'ctranslate2', 'llama_cpp', 'piper',"
        " 'onnxruntime', 'webrtcvad'}\n"
        "print(sorted(engines & set(sys.modules)))\n"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(
        command,
        cwd=root,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
