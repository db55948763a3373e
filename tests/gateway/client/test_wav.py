"""WAV files in and out."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from gateway.client.errors import WavError
from gateway.client.wav import Recording, read_wav, write_wav


def wav(samples: bytes, *, channels=1, rate=16_000, bits=16, tag=1, extra=b"", size=None):
    layout = struct.pack(
        "<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits
    )
    layout += extra
    body = b"fmt " + struct.pack("<I", len(layout)) + layout
    body += b"LIST" + struct.pack("<I", 3) + b"abc\0"  # an odd chunk is padded
    body += b"data" + struct.pack("<I", len(samples) if size is None else size) + samples
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


@pytest.fixture
def read(tmp_path):
    def read(content: bytes) -> Recording:
        path = tmp_path / "sound.wav"
        path.write_bytes(content)
        return read_wav(path)

    return read


def test_what_is_written_is_read_again(tmp_path):
    samples = np.array([0, 1, -1, 32767, -32768], np.int16)
    write_wav(tmp_path / "new" / "out.wav", samples, 24_000)
    recording = read_wav(tmp_path / "new" / "out.wav")
    assert recording.rate == 24_000
    assert recording.samples.tolist() == samples.tolist()


def test_stereo_becomes_the_mean_of_its_channels(read):
    recording = read(wav(struct.pack("<4h", 100, 300, -50, -150), channels=2))
    assert recording.samples.tolist() == [200, -100]


@pytest.mark.parametrize(
    ("bits", "body"),
    [
        (8, bytes([128, 192, 0])),
        (16, struct.pack("<3h", 0, 16384, -32768)),
        (24, b"\0\0\0" + b"\0\0\x40" + b"\0\0\x80"),
        (32, struct.pack("<3i", 0, 1 << 30, -(1 << 31))),
    ],
)
def test_every_pcm_width_reads_as_16_bit(read, bits, body):
    assert read(wav(body, bits=bits)).samples.tolist() == [0, 16384, -32768]


def test_the_extensible_format_is_read_where_it_holds_pcm(read):
    extra = struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
    assert read(wav(struct.pack("<h", 7), tag=0xFFFE, extra=extra)).samples.tolist() == [7]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_stream_of_unknown_size_is_read_to_its_end(read, size):
    assert read(wav(struct.pack("<2h", 7, 8), size=size)).samples.tolist() == [7, 8]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a WAV"),
        (b"ID3" + bytes(100), "not a WAV"),
        (b"RIFF\0\0\0\0WAVE", "cut off"),
        (wav(b""), "no samples"),
        (wav(bytes(8), tag=3, bits=32), "format 0x0003"),
        (wav(bytes(8), rate=96_000), "96000 Hz"),
        (wav(bytes(8), rate=4_000), "4000 Hz"),
        (wav(bytes(8), channels=0), "no channels"),
    ],
)
def test_a_wrong_file_gives_one_line_that_names_it(read, content, said):
    with pytest.raises(WavError, match=said) as caught:
        read(content)
    assert "sound.wav" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WavError, match=r"cannot read .*nowhere\.wav: No such file"):
        read_wav(tmp_path / "nowhere.wav")


def test_speech_is_where_samples_are_loud():
    samples = np.zeros(1000, np.int16)
    samples[200:300] = 2000
    samples[310] = 50  # -56 dBFS
    recording = Recording(samples, 16_000)
    assert recording.speech() == (200, 300)
    assert Recording(np.zeros(9, np.int16), 16_000).speech() == (0, 0)
    assert recording.rms_db() == pytest.approx(20 * np.log10(2000 / 32768 * np.sqrt(0.1)), abs=0.1)
