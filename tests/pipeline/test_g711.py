"""G.711 against the tables of the recommendation."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw

ALL = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.parametrize(
    ("code", "sample"),
    [
        (0xFF, 0),
        (0x7F, 0),
        (0xFE, 8),
        (0xF0, 120),
        (0xEF, 132),
        (0x80, 32124),  # 8031 of 14 bits, table 2a
        (0x00, -32124),
        (0xD5, 716),
        (0x2A, -5372),
    ],
)
def test_mu_law_codes_have_the_values_of_the_recommendation(code, sample):
    assert decode_ulaw(bytes([code])).tolist() == [sample]


@pytest.mark.parametrize(
    ("code", "sample"),
    [
        (0xD5, 8),
        (0x55, -8),
        (0xD4, 24),
        (0xC5, 264),
        (0xAA, 32256),  # 4032 of 13 bits, table 1a
        (0x2A, -32256),
        (0x80, 5504),
    ],
)
def test_a_law_codes_have_the_values_of_the_recommendation(code, sample):
    assert decode_alaw(bytes([code])).tolist() == [sample]


def test_every_mu_law_code_survives_a_round_trip_but_the_negative_zero():
    again = encode_ulaw(decode_ulaw(ALL))
    assert [code for code in ALL if again[code] != code] == [0x7F]
    assert again[0x7F] == 0xFF


def test_every_a_law_code_survives_a_round_trip():
    assert encode_alaw(decode_alaw(ALL)) == ALL


@pytest.mark.parametrize(
    ("encode", "decode"), [(encode_ulaw, decode_ulaw), (encode_alaw, decode_alaw)]
)
def test_no_sample_is_off_by_more_than_half_a_step(encode, decode):
    decoded = decode(encode(EVERY_SAMPLE)).astype(int)
    error = np.abs(decoded - EVERY_SAMPLE)
    loudest = np.abs(decoded).max()
    within = np.abs(EVERY_SAMPLE.astype(int)) <= loudest
    # Sixteen steps per doubling: off by 1/32 of the sample, or by half of the smallest step.
    bound = np.maximum(8, (np.abs(EVERY_SAMPLE.astype(int)) + 132) / 32)
    assert (error <= bound)[within].all()
    assert (decoded[~within] == np.sign(EVERY_SAMPLE[~within].astype(int)) * loudest).all()


@pytest.mark.parametrize(
    ("encode", "decode"), [(encode_ulaw, decode_ulaw), (encode_alaw, decode_alaw)]
)
def test_the_laws_never_fall_and_keep_the_sign(encode, decode):
    decoded = decode(encode(EVERY_SAMPLE)).astype(int)
    assert (np.diff(decoded) >= 0).all()
    assert (decoded[EVERY_SAMPLE < 0] <= 0).all()
    assert (decoded[EVERY_SAMPLE >= 0] >= 0).all()


def test_nothing_becomes_nothing_and_strided_audio_is_read_in_order():
    assert encode_ulaw(np.zeros(0, np.int16)) == b""
    assert decode_alaw(b"").shape == (0,)
    audio = EVERY_SAMPLE[::1000]
    assert encode_alaw(audio) == encode_alaw(audio.copy())
