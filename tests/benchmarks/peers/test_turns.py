import pytest

from benchmarks.peers.device import Notes
from benchmarks.peers.speech import Spoken
from benchmarks.peers.turns import Interruption, interruptions, turns

REPLY = 1000


def test_a_turn_is_measured_from_the_end_of_speech():
    notes = Notes(
        spoken=[Spoken(1.0, 2.0)],
        turn_ended=[2.5],
        audio=[(2.75, 500), (3.0, 500)],
    )
    [turn] = turns(notes)
    assert (turn.first_audio_s, turn.decided_s, turn.samples) == (0.75, 0.5, 1000)
    assert turn.is_whole(REPLY)


def test_a_turn_without_a_reply_is_not_whole():
    [turn] = turns(Notes(spoken=[Spoken(1.0, 2.0)]))
    assert (turn.first_audio_s, turn.decided_s) == (None, None)
    assert not turn.is_whole(REPLY)


def test_half_a_reply_is_not_whole():
    [turn] = turns(Notes(spoken=[Spoken(1.0, 2.0)], audio=[(2.75, 500)]))
    assert not turn.is_whole(REPLY)


def test_audio_before_the_hang_over_belongs_to_the_reply_before():
    notes = Notes(
        spoken=[Spoken(1.0, 2.0), Spoken(3.0, 4.0)],
        audio=[(2.5, 300), (3.25, 300), (4.125, 100), (4.75, 1000)],
    )
    first, second = turns(notes)
    assert first.samples == 700
    assert (second.first_audio_s, second.samples) == (0.75, 1000)


def test_an_interruption_is_measured_from_its_onset():
    notes = Notes(
        spoken=[Spoken(1.0, 2.0), Spoken(3.0, 4.0)],
        audio=[(2.5, 300), (3.25, 300), (4.75, 1000)],
        interrupted=[0.5, 3.3125],
    )
    assert interruptions(notes, REPLY) == (Interruption(last_audio_s=0.25, told_s=0.3125),)


def test_an_interruption_that_nobody_noticed_says_so():
    notes = Notes(spoken=[Spoken(1.0, 2.0), Spoken(3.0, 4.0)], audio=[(2.5, 300)])
    assert interruptions(notes, REPLY) == (Interruption(last_audio_s=0.0, told_s=None),)


@pytest.mark.parametrize("audio", [[], [(2.5, REPLY)]])
def test_speech_without_a_reply_under_way_interrupts_nothing(audio):
    notes = Notes(spoken=[Spoken(1.0, 2.0), Spoken(3.0, 4.0)], audio=audio)
    assert interruptions(notes, REPLY) == ()
