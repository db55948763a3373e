import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.speech import SPEAKERS, Noise, add_noise, speak, starter_voice
from pipeline.detection import Block, SpeechDetector, Vad, speech_detector
from pipeline.endpointing import Endpointer, EndpointingSettings, SpeechBegan, SpeechEnded
from pipeline.engines import energy, silero, webrtc_vad


class Level:
    """A detector whose probability is the block's last sample in thousandths."""

    def __init__(self, block=512, floor=0):
        self.block = block
        self.floor = floor
        self.heard = []
        self.resets = 0

    def probability(self, block):
        assert block.shape == (self.block,)
        self.heard.append(int(block[0]))
        return float(max(block[-1] - self.floor, 0)) / 1000

    def reset(self):
        self.resets += 1


def blocks_of(*levels):
    return np.concatenate([np.full(512, level, np.int16) for level in levels])


def levels(blocks):
    return [round(block.probability * 1000) for block in blocks]


@settings(deadline=None)
@given(portions=st.lists(st.integers(0, 3000), max_size=12))
def test_any_portions_give_blocks_without_a_gap(portions):
    detector = SpeechDetector(Level())
    blocks = [block for size in portions for block in detector.feed(np.zeros(size, np.int16))]
    assert [block.start for block in blocks] == [512 * number for number in range(len(blocks))]
    assert all(block.samples == 512 for block in blocks)
    assert len(blocks) == sum(portions) // 512
    assert detector.position == 512 * len(blocks)


@settings(deadline=None)
@given(
    audio=st.lists(st.sampled_from([0, 5, 400, 900]), max_size=40).map(lambda x: blocks_of(0, *x)),
    cuts=st.lists(st.integers(0, 20_000), max_size=8),
)
def test_portions_do_not_change_what_is_heard(audio, cuts):
    def run(pieces):
        detector = SpeechDetector(Level(), gate=Level(480), look_back_ms=64, linger_ms=96)
        return [block for piece in pieces for block in detector.feed(piece)], detector.counts

    assert run(np.split(audio, sorted(min(cut, audio.size) for cut in cuts))) == run([audio])


def test_a_buffer_that_the_caller_reuses_does_no_harm():
    detector = SpeechDetector(Level())
    buffer = np.full(500, 700, np.int16)
    assert detector.feed(buffer) == []
    buffer[:] = 0
    detector.feed(buffer[:12])
    assert detector._judge.heard == [700]


def test_while_the_gate_hears_nothing_the_judge_is_not_asked():
    judge = Level()
    detector = SpeechDetector(judge, gate=Level(480, floor=300))
    blocks = detector.feed(blocks_of(*[200] * 20))
    assert levels(blocks) == [0] * 20
    assert judge.heard == []
    assert detector.counts.saved == 20


def test_when_the_gate_opens_the_judge_starts_afresh_and_hears_the_moments_before():
    judge = Level()
    detector = SpeechDetector(judge, gate=Level(480, floor=300), look_back_ms=64)
    blocks = detector.feed(blocks_of(1, 2, 3, 4, 900, 901))
    assert judge.heard == [3, 4, 900, 901]
    assert judge.resets == 1
    assert levels(blocks) == [0, 0, 0, 0, 900, 901]
    assert (detector.counts.judged, detector.counts.openings) == (4, 1)


def test_the_gate_closes_when_both_have_been_quiet():
    judge = Level()
    gate = Level(480, floor=300)
    detector = SpeechDetector(judge, gate=gate, look_back_ms=32, linger_ms=96)
    # The judge alone (200) keeps it open; then three quiet blocks (10) close it.
    detector.feed(blocks_of(900, 200, 200, 200, 200, 10, 10, 10))
    assert len(judge.heard) == 8
    detector.feed(blocks_of(200, 200))
    assert len(judge.heard) == 8
    detector.feed(blocks_of(900))
    assert judge.heard[8:] == [200, 900]


def test_a_reset_shuts_the_gate_and_positions_go_on():
    judge = Level()
    detector = SpeechDetector(judge, gate=Level(480, floor=300), look_back_ms=320)
    detector.feed(blocks_of(1, 900))
    detector.reset()
    assert detector.feed(blocks_of(400 - 300)) == [Block(1024, 512, 0.0)]
    detector.feed(blocks_of(900))
    assert judge.heard == [1, 900, 100, 900]


def test_a_gate_that_is_slower_than_the_judge_is_refused():
    with pytest.raises(ValueError, match="the gate's block has 512 samples"):
        SpeechDetector(Level(480), gate=Level(512))


def test_silero_needs_its_model():
    with pytest.raises(ValueError, match='vad is "silero", but no such detector'):
        speech_detector(Vad.SILERO, silero=None, webrtc=webrtc_vad.load())


def test_loudness_judges_alone_where_it_is_asked_to():
    detector = speech_detector(
        Vad.ENERGY, silero=None, webrtc=webrtc_vad.load(), energy=energy.load()
    )
    loud = np.full(512, 5000, np.int16)
    assert [block.probability for block in detector.feed(np.tile(loud, 2))] == [1.0, 1.0]
    assert detector.counts.saved == 0


def test_webrtc_judges_alone_in_its_own_blocks():
    detector = speech_detector(Vad.WEBRTC, silero=None, webrtc=webrtc_vad.load())
    assert [block.samples for block in detector.feed(np.zeros(1000, np.int16))] == [480, 480]
    assert detector.counts.saved == 0


# -- with the real engines ----------------------------------------------------------------------


def utterances(blocks):
    endpointer = Endpointer(EndpointingSettings(silence_ms=500))
    events = [event for block in blocks for event in endpointer.feed(block)]
    onsets = [event.onset for event in events if isinstance(event, SpeechBegan)]
    ends = [event.end for event in events if isinstance(event, SpeechEnded)]
    return list(zip(onsets, ends, strict=True))


@pytest.mark.engines
@pytest.mark.parametrize("snr", [None, 10])
def test_the_gate_costs_no_speech_and_spares_work(snr):
    say = starter_voice()
    scripts = ["Yes.", "Play something by | the same singer.", "Where are you from?"]
    conversation = speak(say, scripts, SPEAKERS[1], seed=3)
    audio = conversation.audio
    if snr is not None:
        audio = add_noise(conversation, Noise("white", snr), say, seed=3)
    model, webrtc = silero.load(), webrtc_vad.load()
    gated = speech_detector(Vad.SILERO, silero=model, webrtc=webrtc)
    found = utterances(gated.feed(audio))
    expected = utterances(SpeechDetector(model.detector()).feed(audio))
    assert len(found) == len(expected) >= 3
    for (onset, end), (expected_onset, expected_end) in zip(found, expected, strict=True):
        # The pre-roll of 500 ms makes up for an onset that is found later.
        assert onset - expected_onset < 8000
        assert expected_end - end <= 512
    assert gated.counts.saved > 0.1 * gated.counts.blocks


@pytest.mark.engines
def test_in_silence_hardly_any_run_of_silero_is_left():
    detector = speech_detector(Vad.SILERO, silero=silero.load(), webrtc=webrtc_vad.load())
    hiss = np.random.default_rng(0).normal(0, 30, 20 * 16_000).astype(np.int16)
    blocks = detector.feed(hiss)
    assert all(block.probability < 0.35 for block in blocks)
    assert detector.counts.saved > 0.8 * detector.counts.blocks
