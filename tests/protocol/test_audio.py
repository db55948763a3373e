import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.audio import RATES, AudioFormat, Encoding, opus_samples, payload_samples

# RFC 6716 table 2: configuration number -> duration of a frame in ms
TABLE = [10, 20, 40, 60] * 3 + [10, 20] * 2 + [2.5, 5, 10, 20] * 4


@pytest.mark.parametrize("configuration", range(32))
@pytest.mark.parametrize("rate", RATES)
def test_a_single_frame_lasts_what_its_configuration_says(configuration, rate):
    assert opus_samples(bytes([configuration << 3]), rate) == TABLE[configuration] * rate / 1000


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [
        ("58", 60),  # code 0: one frame of 60 ms
        ("49", 20 * 2),  # code 1: two equal frames
        ("4a 00", 20 * 2),  # code 2: two frames
        ("4b 06", 20 * 6),  # code 3: six frames
        ("4b 86", 20 * 6),  # the same with the flag for different lengths
        ("e3 30", 2.5 * 48),  # the longest packet there is
    ],
)
def test_frame_counts_follow_the_code(packet, milliseconds):
    assert opus_samples(bytes.fromhex(packet), 48_000) == milliseconds * 48


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        ("", "is empty"),
        ("4b", "ends before its frame count"),
        ("4b 00", "no frame at all"),
        ("4b 07", "140 ms"),
        ("5b 03", "180 ms"),
        ("49 00", "two frames of equal size"),
    ],
)
def test_packets_that_cannot_be_cut_are_refused(packet, problem):
    with pytest.raises(ValueError, match=problem):
        opus_samples(bytes.fromhex(packet), 48_000)


@given(st.binary(max_size=20), st.sampled_from(RATES))
def test_any_packet_has_a_duration_or_a_value_error(packet, rate):
    try:
        samples = opus_samples(packet, rate)
    except ValueError:
        return
    assert 0.0025 * rate <= samples <= 0.12 * rate


def test_payloads_without_compression_count_their_samples():
    assert payload_samples(bytes(640), AudioFormat(Encoding.PCM_S16LE, 16_000)) == 320
    assert payload_samples(bytes(160), AudioFormat(Encoding.PCMU, 8000)) == 160
    assert payload_samples(bytes(960), AudioFormat(Encoding.PCMA, 8000)) == 960


@pytest.mark.parametrize(
    ("audio", "size", "problem"),
    [
        (AudioFormat(Encoding.PCM_S16LE, 16_000), 641, "not whole samples"),
        (AudioFormat(Encoding.PCM_S16LE, 16_000), 3842, "at most 120"),
        (AudioFormat(Encoding.PCMU, 8000), 961, "at most 120"),
        (AudioFormat(Encoding.PCMU, 8000), 0, "empty"),
    ],
)
def test_payloads_that_are_no_audio_are_refused(audio, size, problem):
    with pytest.raises(ValueError, match=problem):
        payload_samples(bytes(size), audio)
