"""libopus: found where it is, never given a wrong length, quiet when the process ends."""

from __future__ import annotations

import ctypes.util
import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import libopus
from pipeline.errors import AudioError
from pipeline.libopus import (
    FRAME_MS,
    MAX_PACKET_BYTES,
    OpusDecoder,
    OpusEncoder,
    load,
    locate,
    packet_milliseconds,
)
from protocol.audio import RATES


def tone(samples: int, rate: int, hertz: float = 300.0, level: float = 8000.0) -> np.ndarray:
    return (np.sin(2 * np.pi * hertz * np.arange(samples) / rate) * level).astype(np.int16)


def vowels(samples: int) -> np.ndarray:
    """Something that Opus takes for speech: a gliding pitch and four syllables a second."""
    time = np.arange(samples) / 16_000
    phase = 2 * np.pi * (120 * time + 5 * np.sin(2 * np.pi * time))
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    return (voice * (0.55 - 0.45 * np.cos(8 * np.pi * time)) * 5000).astype(np.int16)


# -- finding it ---------------------------------------------------------------------------------


def test_the_library_says_where_it_came_from_and_its_version():
    library = load()
    assert library.version.startswith("libopus ")
    assert library.source in ("system", "PyAV")
    assert load() is library


def test_the_systems_library_comes_before_the_bundled_one():
    assert locate(lambda: "libopus.so.0", lambda: "/bundled") == ("libopus.so.0", "system")


def test_without_the_systems_library_the_bundled_one_is_taken():
    assert locate(lambda: None, lambda: "/bundled") == ("/bundled", "PyAV")


def test_the_library_inside_pyav_is_found():
    path = libopus._bundled_library()
    assert path is not None
    assert Path(path).is_file()


def test_with_neither_library_the_error_names_what_to_install():
    with pytest.raises(
        AudioError, match=r"apt install libopus0.*brew install opus.*pip install av"
    ):
        locate(lambda: None, lambda: None)


def test_a_library_that_is_no_library_is_reported(monkeypatch, tmp_path):
    broken = tmp_path / "libopus.so.0"
    broken.write_text("no library")
    monkeypatch.setattr(libopus, "locate", lambda: (str(broken), "system"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "opuslib"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(AudioError, match=r"libopus.so.0 cannot be used: .*; install another"):
        load.__wrapped__()
    assert ctypes.util.find_library.__module__ == "ctypes.util"


def test_find_library_is_only_patched_while_opuslib_is_imported():
    load()
    assert ctypes.util.find_library.__module__ == "ctypes.util"


def test_a_fresh_process_loads_it_under_strict_warnings_and_exits_silently(tmp_path):
    script = (
        "import sys, numpy as np\n"
        "from pipeline.libopus import OpusDecoder, OpusEncoder\n"
        "encoder, decoder = OpusEncoder(16000, 20), OpusDecoder(16000)\n"
        "print(len(decoder.decode(encoder.encode(np.zeros(320, np.int16)))), 'av' in sys.modules)\n"
    )
    # An empty byte code cache: opuslib is compiled again, with the warnings that this brings.
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path)}
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == ("320 False\n", "", 0)


# -- packets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [
        ("00", 10),  # SILK narrowband
        ("48", 20),  # SILK wideband
        ("58", 60),
        ("59aaaa", 120),  # two frames of equal size
        ("60", 10),  # hybrid
        ("78", 20),
        ("80", 2.5),  # CELT
        ("e0", 2.5),
        ("f8", 20),
        ("fc", 20),  # stereo
        ("e330", 120),  # 48 frames of 2.5 ms
        ("4b86", 120),  # 6 frames of 20 ms, variable bit rate
    ],
)
def test_a_packets_duration_follows_the_tables_of_rfc_6716(packet, milliseconds):
    assert packet_milliseconds(bytes.fromhex(packet)) == milliseconds


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "0 bytes"),
        (bytes(MAX_PACKET_BYTES + 1), f"{MAX_PACKET_BYTES + 1} bytes"),
        (b"\x4b", "no frame"),  # code 3 without its second byte
        (b"\x4b\x00", "no frame"),
        (b"\x4b\x07", "140 ms"),
        (b"\xe3\x31", "122.5 ms"),
        (b"\x5b\x3f", "3780 ms"),
    ],
)
def test_a_packet_that_cannot_be_is_refused_before_any_native_call(packet, reason):
    with pytest.raises(AudioError, match=reason):
        packet_milliseconds(packet)


def test_durations_agree_with_the_library_for_every_first_two_bytes():
    load()
    native = importlib.import_module("opuslib.api.decoder")
    for first in range(256):
        for second in (0, 1, 2, 3, 6, 12, 48, 49, 63, 64 + 6, 128 + 2, 255):
            packet = bytes((first, second))
            count = native.libopus_packet_get_nb_frames(packet, 2)
            samples = native.libopus_packet_get_samples_per_frame(packet, 48_000) * max(count, 0)
            if 0 < samples <= 5760:
                assert packet_milliseconds(packet) == samples / 48
            else:
                with pytest.raises(AudioError):
                    packet_milliseconds(packet)


# -- decoding -----------------------------------------------------------------------------------


@given(packet=st.binary(max_size=400))
def test_any_bytes_give_their_announced_duration_or_an_audio_error(packet):
    with OpusDecoder(16_000) as decoder:
        try:
            audio = decoder.decode(packet)
        except AudioError:
            return
        assert len(audio) == packet_milliseconds(packet) * 16
        assert audio.dtype == np.int16


def test_a_refused_packet_leaves_the_decoder_as_it_was():
    with OpusEncoder(16_000, 20) as encoder:
        packets = [encoder.encode(frame) for frame in tone(6400, 16_000).reshape(-1, 320)]
    garbage = [b"\x4b\x07", b"\x49" + bytes(3), b"\x4b\x83" + b"\xff" * 3, b"\x4a\xfc", b""]
    with OpusDecoder(16_000) as disturbed, OpusDecoder(16_000) as calm:
        for packet in packets:
            for bad in garbage:
                with pytest.raises(AudioError):
                    disturbed.decode(bad)
            assert np.array_equal(disturbed.decode(packet), calm.decode(packet))


def test_decoded_audio_is_the_callers_own():
    with OpusEncoder(16_000, 20) as encoder, OpusDecoder(16_000) as decoder:
        frames = tone(1600, 16_000).reshape(-1, 320)
        first = [decoder.decode(encoder.encode(frame)) for frame in frames][-1]
        before = first.copy()
        decoder.conceal(1920)
        assert np.array_equal(first, before)


def test_a_reset_decoder_is_as_new():
    with OpusEncoder(16_000, 20) as encoder:
        packets = [encoder.encode(frame) for frame in tone(3200, 16_000).reshape(-1, 320)]
    with OpusDecoder(16_000) as decoder:
        first = [decoder.decode(packet) for packet in packets]
        decoder.reset()
        again = [decoder.decode(packet) for packet in packets]
    assert np.array_equal(np.concatenate(first), np.concatenate(again))


@pytest.mark.parametrize("samples", [-40, 0, 1, 39, 41, 1921, 1960])
def test_concealing_takes_whole_steps_of_two_and_a_half_milliseconds(samples):
    with OpusDecoder(16_000) as decoder, pytest.raises(ValueError, match="conceal"):
        decoder.conceal(samples)


# -- encoding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frame_ms", FRAME_MS)
def test_every_frame_duration_is_encoded_at_every_rate(rate, frame_ms):
    with OpusEncoder(rate, frame_ms) as encoder, OpusDecoder(rate) as decoder:
        packet = encoder.encode(tone(encoder.frame_samples, rate))
        assert packet_milliseconds(packet) == frame_ms
        assert len(decoder.decode(packet)) == encoder.frame_samples == frame_ms * rate / 1000


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros(0, np.int16),
        np.zeros(319, np.int16),
        np.zeros(321, np.int16),
        np.zeros((320, 1), np.int16),
        np.zeros(320, np.float32),
        np.zeros(320, np.int8),
    ],
)
def test_a_frame_of_another_shape_or_type_never_reaches_the_library(frame):
    with OpusEncoder(16_000, 20) as encoder, pytest.raises(ValueError, match="expected int16"):
        encoder.encode(frame)


def test_a_strided_frame_is_encoded_like_a_copy_of_it():
    audio = tone(640, 32_000)
    with OpusEncoder(16_000, 20) as one, OpusEncoder(16_000, 20) as other:
        assert one.encode(audio[::2]) == other.encode(audio[::2].copy())


def test_packets_never_exceed_their_bound():
    noise = np.random.default_rng(1).integers(-20_000, 20_000, 960 * 30).astype(np.int16)
    with OpusEncoder(48_000, 20, bitrate=128_000) as encoder:
        sizes = [len(encoder.encode(frame, 100)) for frame in noise.reshape(-1, 960)]
    assert max(sizes) <= 100


def test_dtx_shrinks_silence_to_packets_of_one_or_two_bytes_that_decode_to_near_silence():
    speech, silence = vowels(16_000), np.zeros(32_000, np.int16)
    with OpusEncoder(16_000, 20) as encoder, OpusDecoder(16_000) as decoder:
        assert not encoder.dtx
        encoder.dtx = True
        assert encoder.dtx
        for frame in speech.reshape(-1, 320):
            assert len(decoder.decode(encoder.encode(frame))) == 320
        packets = [encoder.encode(frame) for frame in silence.reshape(-1, 320)]
        decoded = [decoder.decode(packet) for packet in packets]
    assert sum(len(packet) <= 2 for packet in packets) > 50
    assert {len(audio) for audio in decoded} == {320}
    assert np.abs(np.concatenate(decoded[10:])).max() <= 10


def test_without_dtx_silence_keeps_its_packets():
    with OpusEncoder(16_000, 20) as encoder:
        sizes = [len(encoder.encode(np.zeros(320, np.int16))) for _ in range(100)]
    assert min(sizes) > 2


def test_the_lookahead_is_six_and_a_half_milliseconds():
    with OpusEncoder(16_000, 20) as encoder:
        assert encoder.lookahead == 104


@pytest.mark.parametrize("rate", [0, 11_025, 22_050, 44_100])
def test_rates_that_opus_lacks_are_refused(rate):
    with pytest.raises(AudioError, match=f"at {rate} Hz"):
        OpusEncoder(rate, 20)
    with pytest.raises(AudioError, match=f"at {rate} Hz"):
        OpusDecoder(rate)


def test_durations_and_settings_that_opus_lacks_are_refused():
    with pytest.raises(AudioError, match="30 ms"):
        OpusEncoder(16_000, 30)
    with pytest.raises(AudioError, match="refused 11"):
        OpusEncoder(16_000, 20, complexity=11)


def test_a_closed_codec_refuses_work_and_may_be_closed_again():
    encoder, decoder = OpusEncoder(16_000, 20), OpusDecoder(16_000)
    encoder.close()
    encoder.close()
    decoder.close()
    decoder.close()
    with pytest.raises(ValueError, match="closed"):
        encoder.encode(np.zeros(320, np.int16))
    with pytest.raises(ValueError, match="closed"):
        decoder.decode(b"\x48")
