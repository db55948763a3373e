"""How the server's events become turns, and turns become waterfalls."""

from __future__ import annotations

from gateway.client.microphone import Utterance
from gateway.client.speaker import Playback
from gateway.client.trace import ConversationTrace
from gateway.client.waterfall import render, stages
from protocol.events import (
    AudioMark,
    AudioStart,
    HistoryTruncated,
    Interrupt,
    Latency,
    ResponseDone,
    ResponseStarted,
    ResponseText,
    SpeechStarted,
    SpeechStopped,
    State,
    TranscriptFinal,
    TranscriptPartial,
    Usage,
)

USAGE = Usage(1, 2, 0)


def trace(*events):
    conversation = ConversationTrace()
    for second, event in enumerate(events):
        conversation.take(event, float(second))
    return conversation


def test_a_turn_is_put_together_from_its_events():
    [turn] = trace(
        SpeechStarted("t_1", 1, 800),
        TranscriptPartial("t_1", "Hel", 0),
        SpeechStopped("t_1", 1, 9000, "silence"),
        TranscriptFinal("t_1", "i_1", "Hello.", "en", 0.9),
        State("thinking"),
        ResponseStarted("r_1", "t_1"),
        ResponseText("r_1", "Hi"),
        ResponseText("r_1", " there."),
        AudioStart(256, "r_1", "i_2", "opus", 24_000, 20),
        AudioMark(256, 0, "Hi there.", 0),
        ResponseDone("r_1", "completed", "Hi there.", USAGE, item="i_2"),
        Latency("t_1", 10, 20, 30, 60),
    ).turns
    assert (turn.started_pts, turn.stopped_pts, turn.stop_reason) == (800, 9000, "silence")
    assert turn.partials == [(1.0, "Hel")]
    assert (turn.transcript, turn.reply, turn.status) == ("Hello.", "Hi there.", "completed")
    assert (turn.final_at, turn.first_text_at, turn.audio_start_at, turn.done_at) == (3, 6, 8, 10)
    assert turn.marks == [(0, "Hi there.")]
    assert turn.latency.stop_to_audio_ms == 60
    assert turn.is_over


def test_an_interruption_belongs_to_the_turn_that_was_speaking():
    conversation = trace(
        ResponseStarted("r_1", "t_1"),
        AudioStart(256, "r_1", "i_2", "opus", 24_000, 20),
        SpeechStarted("t_2", 1, 0),
        Interrupt(256, "r_1", "speech"),
        HistoryTruncated("i_2", "One,", 500, 9000, "playout"),
        ResponseDone("r_1", "cancelled", "One,", USAGE, "speech", "i_2", True),
    )
    first, second = conversation.turns
    assert (first.interrupted_at, first.interrupt_reason) == (3.0, "speech")
    assert (first.heard_text, first.heard_ms, first.total_ms) == ("One,", 500, 9000)
    assert first.status == "cancelled"
    assert not second.is_over


def test_a_turn_in_which_nothing_was_understood_is_over_at_its_transcript():
    [turn] = trace(TranscriptFinal("t_1", "i_1", "", "en", no_speech=True)).turns
    assert turn.is_over
    assert turn.status is None


def test_a_greeting_is_a_turn_without_a_question():
    conversation = trace(
        ResponseStarted("r_1"), ResponseDone("r_1", "completed", "Welcome.", USAGE)
    )
    [turn] = conversation.turns
    assert turn.turn is None
    assert turn.reply == "Welcome."
    assert conversation.of_response("r_1") is turn


def test_turns_are_found_by_their_place_on_the_microphones_time_line():
    conversation = trace(
        SpeechStarted("t_1", 1, 1000),
        SpeechStopped("t_1", 1, 5000, "silence"),
        SpeechStarted("t_2", 1, 9000),
    )
    first, second = conversation.turns
    assert conversation.between(0, 500) == []
    assert conversation.between(2000, 3000) == [first]
    assert conversation.between(4000, 10_000) == [first, second]
    assert conversation.between(20_000, 30_000) == [second]


def test_a_waterfall_counts_from_the_end_of_speech():
    [turn] = trace(
        SpeechStarted("t_1", 1, 0),
        SpeechStopped("t_1", 1, 16_000, "silence"),
        TranscriptFinal("t_1", "i_1", "Hello.", "en"),
        ResponseStarted("r_1", "t_1"),
        ResponseText("r_1", "Hi."),
    ).turns
    utterance = Utterance("", 16_000, (0, 8000), 16_000, begin=0, opened_at=0.0)
    playback = Playback(256, "r_1", 16_000, 16_000, 4.5)
    playback.first_audio_at, playback.first_audible_at, playback.started_at = 5.0, 5.25, 6.0
    found = stages(turn, playback, utterance)
    assert [(stage.name, stage.begin, stage.end) for stage in found] == [
        ("hang-over", 0, 0.5),
        ("recognition", 0.5, 1.5),
        ("first text", 1.5, 3.5),
        ("first audio", 3.5, 4.5),
        ("audible", 4.5, 4.75),
        ("device buffer", 4.75, 5.5),
    ]
    lines = render(found, width=20)
    assert len(lines) == 7
    assert "500 ms" in lines[0]
    assert lines[-1].split() == ["total", "5500", "ms"]
    assert {len(line.partition(" ms")[0]) for line in lines} == {len(lines[0].partition(" ms")[0])}


def test_stages_never_run_backwards():
    [turn] = trace(
        TranscriptFinal("t_1", "i_1", "Hello.", "en"), SpeechStopped("t_1", 1, 1, "silence")
    ).turns
    utterance = Utterance("", 16_000, (0, 0), 16_000, begin=0, opened_at=0.0)
    durations = [stage.milliseconds for stage in stages(turn, None, utterance)]
    assert durations == [1000, 0]


def test_nothing_measured_is_said():
    [turn] = trace(SpeechStarted("t_1", 1, 0)).turns
    assert stages(turn, None, None) == []
    assert render([]) == ["  nothing was measured"]


def test_a_turn_knows_what_was_stable_and_where_its_words_are():
    [turn] = trace(
        TranscriptPartial("t_1", "Hello the", 5),
        TranscriptFinal("t_1", "i_1", "Hello there.", "en", words=(("Hello", 0, 800),)),
    ).turns
    assert turn.stable == [(0.0, 5)]
    assert turn.words == (("Hello", 0, 800),)
