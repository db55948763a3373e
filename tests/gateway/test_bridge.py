import dataclasses
import typing

import pytest

from gateway.bridge import FIRST_STREAM, Bridge
from gateway.sessions.timeline import Timeline
from pipeline import events as heard
from pipeline.engines import Usage, Word
from pipeline.recognition import Partial, Transcript
from protocol import events as wire
from protocol.audio import AudioFormat, Encoding
from protocol.negotiation import FEATURES

OPUS = AudioFormat(Encoding.OPUS, 48_000, 60)


def bridge(features=FEATURES, output=OPUS, timeline=None):
    made = Bridge(timeline or Timeline(), frozenset(features))
    made.output = output
    return made


def said(made, *events):
    return [message for event in events for message in made.translate(event)]


def transcript(text="Hello there.", *, words=(), begin=0, confidence=0.98765, no_speech=False):
    return Transcript(text, "en", confidence, no_speech, words, begin)


EVERY_EVENT = [
    heard.StateChanged(heard.DialogueState.LISTENING),
    heard.SpeechStarted("t_1", 160),
    heard.SpeechStopped("t_1", 320, heard.StopReason.SILENCE),
    heard.PartialHeard("t_1", Partial("Hel", 1, 0.5, False, 1)),
    heard.TranscriptReady("t_1", "i_1", transcript()),
    heard.ReplyStarted("r_1", "t_1"),
    heard.ReplyText("r_1", "Hi."),
    heard.ReplyAudioStarted("r_1", "i_2"),
    heard.ReplyMark("r_1", 0, " Hi. ", 0),
    heard.ReplyAudio("r_1", 0, 2880, b"x", start=True),
    heard.ReplyAudioEnded("r_1", 2880),
    heard.ReplyInterrupted("r_1", heard.InterruptReason.SPEECH),
    heard.ReplyCut("i_2", "Hi.", 60, 60, heard.CutBy.PLAYOUT),
    heard.ReplyDone("r_1", heard.ReplyStatus.COMPLETED, "Hi."),
    heard.LatencyMeasured("t_1", 100.4, 50.5, 20.0, 200.0),
    heard.TurnFailed("llm_failed", "out of memory", "t_1"),
]


def test_every_event_of_the_pipeline_has_a_place_on_the_wire():
    assert {type(event) for event in EVERY_EVENT} == set(typing.get_args(heard.PipelineEvent))
    assert [type(message) for message in said(bridge(), *EVERY_EVENT)] == [
        wire.State,
        wire.SpeechStarted,
        wire.SpeechStopped,
        wire.TranscriptPartial,
        wire.TranscriptFinal,
        wire.ResponseStarted,
        wire.ResponseText,
        wire.AudioStart,
        wire.AudioMark,
        wire.AudioFrame,
        wire.AudioEnd,
        wire.Interrupt,
        wire.HistoryTruncated,
        wire.ResponseDone,
        wire.Latency,
        wire.ErrorReport,
    ]


@pytest.mark.parametrize(
    ("feature", "silenced"),
    [
        ("vad_events", {wire.SpeechStarted, wire.SpeechStopped}),
        ("partials", {wire.TranscriptPartial}),
        ("captions", {wire.AudioMark}),
        ("text_out", {wire.ResponseText}),
        ("latency", {wire.Latency}),
        ("playout", set()),
    ],
)
def test_a_client_that_does_not_want_to_hear_about_something_does_not(feature, silenced):
    everything = {type(message) for message in said(bridge(), *EVERY_EVENT)}
    without = bridge(set(FEATURES) - {feature})
    assert everything - {type(message) for message in said(without, *EVERY_EVENT)} == silenced


def test_an_apology_is_told_even_to_those_who_want_no_text():
    made = bridge(features=())
    said(made, heard.ReplyStarted("r_1"))
    assert said(made, heard.ReplyText("r_1", "Hi.")) == []
    told = said(made, heard.ReplyText("r_1", "Sorry.", always=True))
    assert told == [wire.ResponseText("r_1", "Sorry.")]


def test_a_reply_of_text_is_told_even_to_those_who_asked_for_no_text_beside_audio():
    made = bridge(features=(), output=None)
    said(made, heard.ReplyStarted("r_1"))
    assert said(made, heard.ReplyText("r_1", "Hi.")) == [wire.ResponseText("r_1", "Hi.")]


def test_a_reply_keeps_the_format_with_which_it_began():
    made = bridge()
    said(made, heard.ReplyStarted("r_1"))
    made.output = None
    (start,) = said(made, heard.ReplyAudioStarted("r_1", "i_1"))
    assert (start.codec, start.rate, start.frame_ms) == ("opus", 48_000, 60)


def test_each_spoken_reply_has_the_next_stream():
    made = bridge()
    for number in range(3):
        said(made, heard.ReplyStarted(f"r_{number}"))
        (start,) = said(made, heard.ReplyAudioStarted(f"r_{number}", "i"))
        assert start.stream == FIRST_STREAM + number == made.stream_of(f"r_{number}")
        assert made.response_of(start.stream) == f"r_{number}"
        (frame,) = said(made, heard.ReplyAudio(f"r_{number}", 2880, 2880, b"xy"))
        assert frame == wire.AudioFrame(
            start.stream, 2880, b"xy", response=f"r_{number}", samples=2880
        )


def test_streams_wrap_and_old_ones_mean_nothing_any_more():
    made = bridge()
    made._next_stream = 0xFFFF
    for number in range(20):
        said(made, heard.ReplyStarted(f"r_{number}"), heard.ReplyAudioStarted(f"r_{number}", "i"))
    assert made.stream_of("r_19") == FIRST_STREAM + 18
    assert made.stream_of("r_0") == 0
    assert made.response_of(0xFFFF) == ""
    assert len(made._streams) == 16


def test_what_is_kept_of_replies_does_not_grow():
    made = bridge()
    for number in range(200):
        name = f"r_{number}"
        done = heard.ReplyDone(name, heard.ReplyStatus.COMPLETED, "x")
        said(made, heard.ReplyStarted(name), heard.ReplyAudioStarted(name, "i"), done)
    kept = [value for value in vars(made).values() if isinstance(value, dict)]
    assert max(map(len, kept)) <= 16


def test_positions_are_told_on_the_clients_own_time_line():
    timeline = Timeline()
    timeline.anchor(1600, 2, 0, 8000)
    made = bridge(timeline=timeline)
    assert said(made, heard.SpeechStarted("t_1", 3200)) == [wire.SpeechStarted("t_1", 2, 800)]
    words = (Word("Hello", 0.1, 0.4, 0.9), Word("there.", 0.5, 0.75, 0.8))
    ready = heard.TranscriptReady("t_1", "i_1", transcript(words=words, begin=1600))
    (final,) = said(made, ready)
    assert final.words == (("Hello", 800, 3200), ("there.", 4000, 6000))
    assert final.confidence == 0.988


@pytest.mark.parametrize(
    ("told", "no_speech"),
    [
        (transcript(), None),
        (transcript("", no_speech=True), True),
        (transcript("", no_speech=False), True),
    ],
)
def test_an_empty_transcript_is_no_speech(told, no_speech):
    (final,) = said(bridge(), heard.TranscriptReady("t_1", "i_1", told))
    assert final.no_speech is no_speech
    assert final.words is None


def test_what_there_is_nothing_to_say_about_is_left_out():
    started, done = said(
        bridge(),
        heard.ReplyStarted("r_1"),
        heard.ReplyDone("r_1", heard.ReplyStatus.COMPLETED, "", usage=Usage(3, 2, 1)),
    )
    assert started == wire.ResponseStarted("r_1", None, None)
    assert (done.reason, done.item, done.heard) == (None, None, None)
    assert done.usage == wire.Usage(3, 2, 1)


def test_metadata_comes_back_as_it_was_given():
    (started,) = said(bridge(), heard.ReplyStarted("r_1", metadata=b'{"a":[1,null]}'))
    assert started.metadata == {"a": [1, None]}


def test_latencies_are_whole_milliseconds():
    (latency,) = said(bridge(), EVERY_EVENT[14])
    assert [getattr(latency, field.name) for field in dataclasses.fields(latency)][:5] == [
        "t_1",
        100,
        50,
        20,
        200,
    ]


@pytest.mark.parametrize("code", ["stt_failed", "llm_failed", "tts_failed", "internal"])
def test_every_failure_has_a_code_of_the_protocol(code):
    (report,) = said(bridge(), heard.TurnFailed(code, "why"))
    assert (report.code.value, report.message, report.fatal) == (code, "why", False)
