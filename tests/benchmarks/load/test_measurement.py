"""From what a session noted to records."""

import pytest

from benchmarks.load.measurement import (
    TurnPlan,
    interruption,
    measure_turn,
    reply_share,
    stable_words,
    totals,
    with_turns,
    word_errors,
)
from benchmarks.results import SessionRecord, Step, TurnRecord
from gateway.client.microphone import Utterance
from gateway.client.speaker import Playback
from gateway.client.trace import TurnTrace
from protocol.events import Latency

ORIGIN = 100.0
PLAN = TurnPlan(0, 0, 0, "spoken", "sum", "opus/16000/20", "what is it", 200.0, scored=True)


def utterance():
    """2 s long from 1 s of the microphone on, which opened at 10 s; speech from 0.25 to 1.5 s."""
    return Utterance("sum", 32_000, (4000, 24_000), 16_000, begin=16_000, opened_at=ORIGIN + 10)


def trace(**changes):
    turn = TurnTrace(
        turn="t_1", response="r_1", started_at=111.6, stopped_at=112.9,
        transcript="What is it?", final_at=113.0, status="completed", done_at=113.5,
        latency=Latency("t_1", 1, 2, 3, 4),
    )  # fmt: skip
    for name, value in changes.items():
        setattr(turn, name, value)
    return turn


def playback(**changes):
    played = Playback(
        256, "r_1", 16_000, 16_000, 113.1, received=16_000, heard=16_000, ended=True,
        outcome="done", first_audio_at=113.25, first_audible_at=113.3, started_at=113.4,
        ended_at=114.4, last_frame_at=113.9, longest_gap_s=0.06,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(played, name, value)
    return played


def measured(turns, played=None, **more):
    return measure_turn(PLAN, turns, played, utterance=utterance(), origin=ORIGIN, **more)


def test_times_count_from_the_ground_truth_in_the_recording():
    record = measured([trace()], playback())
    assert (record.begin_s, record.onset_s, record.end_of_speech_s) == (11.0, 11.25, 12.5)
    assert record.hang_over_ms == pytest.approx(400)
    assert record.final_ms == pytest.approx(500)
    assert record.first_audio_ms == pytest.approx(750)
    assert record.first_audible_ms == pytest.approx(800)
    assert record.overhead_ms == pytest.approx(50)  # 250 ms after the final, 200 of them stated
    assert record.longest_gap_ms == pytest.approx(60)
    assert record.wer == 0.0
    assert (record.complete, record.error) == (True, None)
    assert record.stages_ms["llm_ttft_ms"] == 2.0


def test_a_typed_turn_counts_from_the_moment_it_was_sent():
    plan = TurnPlan(0, 0, 0, "text", "Hi", "x", None, 200.0, scored=False)
    record = measure_turn(plan, [trace(final_at=None)], playback(), sent_at=113.0, origin=ORIGIN)
    assert record.onset_s is None
    assert record.first_audio_ms == pytest.approx(250)
    assert record.overhead_ms == pytest.approx(50)


def test_of_an_utterance_in_pieces_the_last_one_is_answered():
    first = trace(turn="t_0", transcript="What", started_at=111.4, stopped_at=112.0)
    record = measured([first, trace(transcript="is it?", started_at=112.1)], playback())
    assert (record.pieces, record.turn) == (2, "t_1")
    assert record.transcript == "What is it?"
    assert record.detected_start_s == pytest.approx(11.4)
    assert record.wer == 0.0


@pytest.mark.parametrize(
    ("turns", "played", "code"),
    [
        ([], None, "not_heard"),
        ([trace(status=None, transcript="")], None, "not_understood"),
        ([trace(status="failed", status_reason="engine")], None, "response.failed"),
        ([trace(status="incomplete", status_reason="engine")], playback(), "response.incomplete"),
        ([trace(status="cancelled")], playback(), "response.cancelled"),
        ([trace()], None, "no_audio"),
        ([trace()], playback(first_audio_at=None), "no_audio"),
        ([trace()], playback(outcome=None), "incomplete"),
        ([trace()], playback(outcome="flushed"), "incomplete"),
    ],
)
def test_a_turn_that_went_wrong_says_how(turns, played, code):
    record = measured(turns, played)
    assert (record.error_code, record.failed, record.complete) == (code, True, False)
    assert record.error


def test_a_reply_at_its_token_limit_is_whole():
    record = measured([trace(status="incomplete", status_reason="max_tokens")], playback())
    assert (record.error, record.complete) == (None, True)


def test_an_interrupted_reply_is_no_failure_if_that_was_wanted():
    cut = playback(outcome="flushed", late_frames=1, late_at=114.2, ended_at=114.1)
    turn = trace(status="cancelled", interrupted_at=114.1)
    record = measured([turn], cut, interrupted=True)
    assert (record.error, record.complete) == (None, True)
    talking = Utterance("stop", 16_000, (800, 8000), 16_000, begin=60_000, opened_at=ORIGIN + 10)
    found = interruption(turn, cut, [trace(started_at=113.95)], talking, origin=ORIGIN)
    assert found.onset_s == pytest.approx(13.8)
    assert found.after_ms == pytest.approx(400)
    assert found.detected_ms == pytest.approx(300)
    assert found.silence_ms == pytest.approx(300)
    assert found.last_frame_s == pytest.approx(14.2)
    assert found.late_frames == 1


def test_a_word_is_stable_with_the_first_message_that_says_so():
    turn = trace(
        partials=[(111.9, "what"), (112.2, "what is"), (112.5, "what is it")],
        stable=[(111.9, 0), (112.2, 4), (112.5, 8)],
        words=(("What", 20_000, 24_000), ("is", 24_000, 27_200), ("it?", 27_200, 32_000)),
    )
    words = stable_words(turn, utterance(), ORIGIN)
    assert [(word.text, word.spoken_s, word.stable_s) for word in words] == [
        ("What", pytest.approx(11.5), pytest.approx(12.2)),
        ("is", pytest.approx(11.7), pytest.approx(12.5)),
        ("it?", pytest.approx(12.0), pytest.approx(13.0)),
    ]
    assert stable_words(trace(final_at=None), utterance(), ORIGIN) == ()


@pytest.mark.parametrize(
    ("said", "rate"),
    [("what is it", 0.0), ("WHAT, is it?", 0.0), ("what was it", 1 / 3), ("", 1.0)],
)
def test_word_errors_ignore_case_and_punctuation(said, rate):
    assert word_errors("What is it?", said) == pytest.approx(rate)


def turn(**changes):
    return TurnRecord(0, 0, 0, "spoken", "sum", "x", **changes)


def test_the_summary_counts_failures_and_measures_the_rest():
    good = turn(end_of_speech_s=1.0, first_audio_s=1.5, complete=True, wer=0.5, reference="a b")
    long = turn(end_of_speech_s=1.0, first_audio_s=1.6, complete=True, wer=0.0, reference="a b c d")
    bad = turn(end_of_speech_s=1.0, first_audio_s=9.0, error="x", error_code="timeout", underruns=2)
    sessions = [
        SessionRecord(0, 0, "x", welcomed_s=1.0, ended_s=11.0, bytes_up=1000, sequence_gaps=1),
        SessionRecord(1, 0, "x", outcome="refused", code=503),
    ]
    found = totals([good, long, bad], sessions, client_cores=0.5)
    assert (found.turns, found.failed_turns, found.sessions, found.sessions_refused) == (3, 1, 2, 1)
    assert found.first_audio_ms.n == 2
    assert found.first_audio_ms.max == pytest.approx(600)
    assert found.errors == {"session.refused.503": 1, "timeout": 1}
    assert found.wer == pytest.approx(1 / 6)  # one word of six
    assert (found.underruns, found.replies_with_underruns) == (2, 1)
    assert found.bytes_up_per_s == pytest.approx(100)
    assert (found.sequence_gaps, found.client_cores) == (1, 0.5)


def test_a_step_takes_its_own_turns():
    step = Step(1, 0.0, 10.0, 4)
    mine = TurnRecord(0, 0, 1, "spoken", "sum", "x", end_of_speech_s=1.0, first_audio_s=1.2)
    found = with_turns(step, [turn(), mine])
    assert (found.turns, found.failed_turns) == (1, 0)
    assert found.latency_ms.p95 == pytest.approx(200)


def test_the_share_of_replies_counts_what_was_played_within_the_step():
    step = Step(1, 10.0, 20.0, 2, sessions_open=2)

    def reply(begin, end, index=1):
        return TurnRecord(0, 0, index, "spoken", "x", "y", play_start_s=begin, reply_end_s=end)

    turns = [reply(8.0, 11.0, 0), reply(12.0, 16.0), reply(19.0, 25.0), reply(None, None)]
    assert reply_share(step, turns) == pytest.approx((1 + 4 + 1) / 20)
    assert reply_share(Step(1, 10.0, 20.0, 2), turns) is None
