import asyncio

import numpy as np
import pytest

from gateway.sessions.outbox import Closing
from protocol.errors import CloseCode, ErrorCode
from protocol.events import (
    Ack,
    AudioEnd,
    AudioFrame,
    AudioStart,
    Bye,
    ErrorReport,
    HistoryTruncated,
    InputText,
    Interrupt,
    ItemCreate,
    ItemDelete,
    Playout,
    ResponseCancel,
    ResponseCreate,
    ResponseDone,
    ResponseStarted,
    SessionFields,
    SessionUpdate,
    SessionUpdated,
    State,
    TranscriptFinal,
    TurnCommit,
    TurnFields,
    WarningReport,
)
from protocol.frames import Flag
from tests.gateway.sessions.rooms import ANSWER, room, scripted_engines
from tests.virtual_time import run


def loud(seconds):
    wave = 8000 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * 16_000)) / 16_000)
    return wave.astype("<i2").tobytes()


async def speak(talk, seconds=1.0, pause=2.0):
    """Send speech and then silence in real time, as 20 ms frames."""
    audio = loud(seconds) + bytes(round(pause * 32_000))
    for at in range(0, len(audio), 640):
        flags = Flag.START if at == 0 and not talk.peer.server.streams.open_streams else Flag.NONE
        talk.frame(audio[at : at + 640], flags=flags)
        await asyncio.sleep(0.02)


def test_a_spoken_question_is_answered_by_speech():
    async def scene():
        async with room() as talk:
            await speak(talk)
            done = await talk.first(ResponseDone)
            assert talk.of(TranscriptFinal)[0].text == "Hello there."
            assert done.text == ANSWER
            (start,) = talk.of(AudioStart)
            frames = talk.of(AudioFrame)
            assert {frame.stream for frame in frames} == {start.stream}
            assert talk.of(AudioEnd)[0].pts == sum(frame.samples for frame in frames)
            # Without a report the device counts as having heard it when its time is over.
            await talk.until(lambda: talk.of(State)[-1].state == "listening")

    run(scene())


def test_a_warning_greets_a_new_client_where_there_is_one():
    async def scene():
        async with room() as talk:
            talk.session.greet("Small models.")
            talk.session.greet("")
            await asyncio.sleep(0)
            assert [warning.message for warning in talk.of(WarningReport)] == ["Small models."]

    run(scene())


def test_a_command_with_an_id_and_no_reply_of_its_own_is_acknowledged():
    async def scene():
        async with room() as talk:
            talk.do(InputText("Hello.", respond=False), id="a")
            talk.do(InputText("Hello."))
            await talk.first(ResponseDone)
            assert talk.answer_to("a") == [Ack(re="a")]
            assert len(talk.of(Ack)) == 1

    run(scene())


def test_a_reply_on_command_answers_the_command():
    async def scene():
        async with room() as talk:
            talk.do(ResponseCreate(say="Good day.", metadata={"x": [1]}), id="a")
            done = await talk.first(ResponseDone)
            (started,) = talk.answer_to("a")
            assert started == ResponseStarted(done.response, None, {"x": [1]})
            assert done.text == "Good day."
            talk.do(InputText("And now?"))
            await talk.first(ResponseStarted, 1)
            assert len(talk.answer_to("a")) == 1

    run(scene())


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (ResponseCancel(), ErrorCode.NO_ACTIVE_RESPONSE),
        (ResponseCancel("r_9"), ErrorCode.NO_ACTIVE_RESPONSE),
        (ItemDelete("i_9"), ErrorCode.UNKNOWN_ITEM),
        (ItemCreate("user", "x", after="i_9"), ErrorCode.UNKNOWN_ITEM),
        (TurnCommit(), ErrorCode.BAD_EVENT),
        (SessionUpdate(SessionFields(voice="bob")), ErrorCode.BAD_FIELD),
    ],
)
def test_a_command_that_does_not_fit_is_answered_and_the_session_goes_on(event, code):
    async def scene():
        async with room() as talk:
            talk.do(event, id="a")
            talk.do(event, seq=7)
            talk.do(InputText("Hello."))
            await talk.first(ResponseDone)
            with_id, without = talk.of(ErrorReport)
            assert (with_id.code, with_id.fatal) == (without.code, without.fatal) == (code, False)
            assert with_id.re == "a"
            assert without.details["seq"] == 7
            assert f'parley_errors_total{{code="{code.value}"}} 2.0' in talk.metrics.text().decode()

    run(scene())


def test_a_second_reply_on_command_must_wait():
    async def scene():
        async with room() as talk:
            talk.do(ResponseCreate(say="Good day."), id="a")
            talk.do(ResponseCreate(say="Good night."), id="b")
            await talk.first(ResponseDone)
            (refused,) = talk.answer_to("b")
            assert refused.code is ErrorCode.RESPONSE_ACTIVE
            assert isinstance(talk.answer_to("a")[0], ResponseStarted)

    run(scene())


def test_a_change_of_settings_is_answered_with_all_of_them():
    async def scene():
        async with room() as talk:
            fields = SessionFields(speed=1.5, turn=TurnFields(mode="manual"))
            talk.do(SessionUpdate(fields), id="a")
            await asyncio.sleep(0)
            (updated,) = talk.of(SessionUpdated)
            assert talk.answer_to("a") == [updated]
            assert updated.session.speed == 1.5
            assert updated.session.turn.mode == "manual"
            assert updated.session.voice == "amy"

    run(scene())


def test_history_can_be_edited():
    async def scene():
        async with room() as talk:
            conversation = talk.session._dialogue.conversation
            talk.do(ItemCreate("user", "My name is Laura."))
            talk.do(ItemCreate("assistant", "Hello Laura."))
            talk.do(ItemDelete(conversation.items[0].id))
            assert [item.text for item in conversation.items] == ["Hello Laura."]

    run(scene())


def test_a_cancelled_reply_stops_at_once_and_history_keeps_what_the_device_heard():
    async def scene():
        async with room() as talk:
            talk.do(InputText("Hello."))
            start = await talk.first(AudioStart)
            await asyncio.sleep(1.5)
            talk.do(ResponseCancel(start.response), id="a")
            count = len(talk.of(AudioFrame))
            await talk.first(Interrupt)
            talk.do(Playout(start.stream, 16_000, "flushed"))
            done = await talk.first(ResponseDone)
            (cut,) = talk.of(HistoryTruncated)
            assert (cut.heard_ms, cut.by) == (1000, "playout")
            assert ANSWER.startswith(cut.heard_text)
            assert (done.status, done.reason, done.heard) == ("cancelled", "client", True)
            assert len(talk.of(AudioFrame)) == count
            assert not talk.of(AudioEnd)
            assert "parley_interrupt_stop_seconds_count 1.0" in talk.metrics.text().decode()

    run(scene())


def test_audio_that_waited_for_the_socket_is_withdrawn_at_an_interruption():
    async def scene():
        async with room() as talk:
            talk.do(InputText("Hello."))
            start = await talk.first(AudioStart)
            for number in range(5):
                pts = 900_000 + number
                talk.outbox.put(AudioFrame(start.stream, pts, b"late", response=start.response))
            talk.do(ResponseCancel())
            await talk.first(ResponseDone)
            assert not [frame for frame in talk.of(AudioFrame) if frame.payload == b"late"]

    run(scene())


def test_opus_that_cannot_be_decoded_is_a_bad_frame_and_the_stream_goes_on():
    async def scene():
        opus = {"codec": "opus", "rate": 16_000, "frame_ms": 20}
        async with room(audio={"in": [opus], "out": []}) as talk:
            talk.frame(b"\xfb\xff\xff\xff", flags=Flag.START)
            await asyncio.sleep(0)
            (error,) = talk.of(ErrorReport)
            assert error.code is ErrorCode.BAD_FRAME
            assert not error.fatal
            assert talk.closing is None

    run(scene())


def test_bye_ends_the_session_without_what_still_waits():
    async def scene():
        async with room() as talk:
            talk.do(InputText("Hello."))
            await talk.first(AudioStart)
            talk.do(Bye())
            await talk.until(lambda: talk.closing is not None)
            assert talk.closing == Closing(CloseCode.NORMAL, "bye")
            assert talk.session.result == "completed"

    run(scene())


def test_the_first_reason_for_an_end_counts_and_later_commands_are_ignored():
    async def scene():
        async with room() as talk:
            talk.session.end("drained")
            talk.session.end("failed")
            await asyncio.sleep(5)
            for event in (InputText("Hello."), ResponseCreate(say="x"), TurnCommit(), Bye()):
                talk.do(event, id="late")
            await asyncio.sleep(5)
            assert talk.session.result == "drained"
            assert talk.sent[1:] == []  # the state, at the beginning

    run(scene())


class BrokenDetector:
    block = 512

    def probability(self, block):
        raise ZeroDivisionError

    def reset(self):
        pass


def test_an_error_of_the_program_ends_this_session_with_a_reference_for_the_log(caplog):
    async def scene():
        async with room(engines=scripted_engines(detector=BrokenDetector)) as talk:
            talk.frame(loud(0.12), flags=Flag.START)
            await talk.until(lambda: talk.closing is not None)
            (error,) = talk.of(ErrorReport)
            assert (error.code, error.fatal) == (ErrorCode.INTERNAL, True)
            assert talk.closing.code is CloseCode.INTERNAL_ERROR
            assert talk.session.result == "failed"
            assert error.details["ref"] in caplog.text
            assert "ZeroDivisionError" in caplog.text
            assert "ZeroDivision" not in error.message
            talk.do(InputText("Hello?"))  # nobody is there, and nothing breaks

    run(scene())


def test_a_session_whose_socket_is_lost_ends_its_turn_quickly_and_then_itself():
    async def scene():
        async with room() as talk:
            loop = asyncio.get_running_loop()
            talk.do(InputText("Hello."))
            await talk.first(AudioStart)
            before = len(talk.sent)
            await talk.lose_the_socket()
            lost = loop.time()
            await talk.session.end_after_turn()
            assert talk.session.result == "disconnected"
            assert loop.time() - lost < 3.0  # the reply alone would sound for four seconds
            assert not talk.session.is_busy
            assert len(talk.sent) <= before + 1
            assert 'parley_turns_total{outcome="completed"} 1.0' in talk.metrics.text().decode()

    run(scene())


def test_an_idle_session_whose_socket_is_lost_ends_at_once():
    async def scene():
        async with room() as talk:
            began = asyncio.get_running_loop().time()
            await talk.lose_the_socket()
            await talk.session.end_after_turn()
            assert asyncio.get_running_loop().time() == began

    run(scene())


def test_a_client_of_text_gets_text():
    async def scene():
        async with room(audio={"in": [], "out": []}) as talk:
            talk.do(InputText("Hello."))
            done = await talk.first(ResponseDone)
            assert done.text == ANSWER
            assert not talk.of(AudioStart)
            assert talk.of(State)[0].state == "idle"

    run(scene())
