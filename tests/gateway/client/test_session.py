"""A device against a scripted server, over real sockets."""

from __future__ import annotations

import asyncio
import http
import time

import numpy as np
import pytest

from gateway.client.errors import ClientError, Refused, SessionEnded, Unreachable, WaitExpired
from gateway.client.session import DeviceSettings, connect
from gateway.client.shared_speech import SharedSpeech
from gateway.client.wav import Recording
from protocol.audio import AudioFormat, Encoding
from protocol.errors import ErrorCode
from protocol.events import (
    Bye,
    ErrorReport,
    Flow,
    Hello,
    InputText,
    Ping,
    Playout,
    ResponseDone,
    ResponseStarted,
    ResponseText,
    SessionFields,
    SpeechStarted,
    SpeechStopped,
    TurnCommit,
    TurnFields,
    TurnStart,
)
from tests.gateway.client.scripted_server import USAGE, Peer, RefusingPeer, scripted_server

WAIT_S = 10
PCM = AudioFormat(Encoding.PCM_S16LE, 16_000, 20)
OPUS = AudioFormat(Encoding.OPUS, 16_000, 20)
OPUS_48 = AudioFormat(Encoding.OPUS, 48_000, 60)
PCM_24 = AudioFormat(Encoding.PCM_S16LE, 24_000, 10)
ALAW = AudioFormat(Encoding.PCMA, 8_000, 20)


def tone(seconds, rate=16_000, level=8000):
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 440 * times)).astype(np.int16)


def question():
    return Recording(np.concatenate([np.zeros(1600, np.int16), tone(0.2)]), 16_000)


def settings(url, audio=PCM, **more):
    return DeviceSettings(url=url, microphone=audio, speaker=audio, out_start_ms=20, **more)


async def quiet(peer: Peer):
    await asyncio.sleep(WAIT_S)


@pytest.mark.parametrize("audio", [OPUS, OPUS_48, PCM_24, ALAW], ids=str)
async def test_a_spoken_question_is_heard_and_its_answer_is_played(audio):
    async def script(peer):
        assert await peer.hear_speech() == pytest.approx(3200, rel=0.2)
        await peer.take_turn("t_1", "Hello?")
        await peer.answer("t_1", "Hi.", tone(0.3, audio.rate))
        report = await peer.expect(Playout, state="done")
        assert report.pts >= 0.3 * audio.rate
        await peer.expect(Bye)

    async with scripted_server(script) as url, connect(settings(url, audio)) as device:
        utterance = device.say(question(), "hello")
        [turn] = await device.answered(utterance, timeout_s=WAIT_S)
        assert (turn.transcript, turn.reply, turn.status) == ("Hello?", "Hi.", "completed")
        playback = device.playback(turn)
        assert playback.outcome == "done"
        assert playback.heard_s == pytest.approx(0.3, abs=0.06)
        heard = Recording(playback.heard_audio(), playback.audio_rate)
        assert heard.rms_db() == pytest.approx(Recording(tone(0.3), 16_000).rms_db(), abs=2)
        assert utterance.end_of_speech_at - utterance.onset_at == pytest.approx(0.2, abs=0.002)
        assert device.problems == []


async def test_the_microphone_keeps_real_time_and_never_skips():
    async def script(peer):
        await peer.hear_speech()
        steps = set(np.diff(peer.positions))
        await peer.take_turn("t_1", "steps" if steps == {320} else f"wrong: {steps}")
        await peer.answer("t_1", "Hi.", tone(0.1))

    async with scripted_server(script) as url, connect(settings(url)) as device:
        [turn] = await device.answered(device.say(question()), timeout_s=WAIT_S)
        assert turn.transcript == "steps"
        played = device.microphone.position / 16_000
        assert played <= device.now - device.microphone.opened_at


async def test_an_interruption_silences_the_loudspeaker_at_once():
    async def script(peer):
        await peer.hear_speech()
        await peer.take_turn("t_1", "Count.", pts=(0, 4800))
        stream, _ = await peer.answer("t_1", "One, two, three.", tone(2.0), ahead=100)
        await peer.hear_speech()
        flushed = await peer.interrupt("t_1", stream, "One,", "One, two, three.")
        assert 0 < flushed.pts < 32_000
        await peer.take_turn("t_2", "Stop.", pts=(8000, 90_000))
        await peer.answer("t_2", "Okay.", tone(0.1))

    async with scripted_server(script) as url, connect(settings(url)) as device:
        first = device.say(question(), "count")
        begun = await device.heard(0.2, timeout_s=WAIT_S)
        assert begun.heard_s >= 0.2
        second = device.say(question(), "stop")
        turns = await device.answered(second, timeout_s=WAIT_S)
        assert [turn.reply for turn in turns] == ["Okay."]
        [counted] = device.trace.between(first.begin, first.end)
        assert counted.status == "cancelled"
        assert counted.heard_text == "One,"
        playback = device.playback(counted)
        assert playback.outcome == "flushed"
        assert playback.late_frames == 0
        # Arrival and flush share one reading of the clock: not a sample is played in between.
        assert playback.ended_at == counted.interrupted_at
        assert len(playback.heard_audio()) == playback.heard < playback.received


async def test_frames_that_come_after_the_interruption_are_counted_and_not_heard():
    async def script(peer):
        await peer.expect(InputText)
        stream, rest = await peer.answer("t_1", "Long.", tone(1.0), ahead=25)
        await peer.expect(Playout, state="start")
        await peer.interrupt("t_1", stream, "", "Long.")
        await peer.send(*rest[:3])
        await peer.answer("t_2", "Okay.", tone(0.1))

    async with scripted_server(script) as url, connect(settings(url)) as device:
        await device.ask("Hi", timeout_s=WAIT_S)
        await device.until(lambda: len(device.trace.turns) == 2, timeout_s=WAIT_S, what="turn 2")
        await device.until(
            lambda: device.over(device.trace.turns), timeout_s=WAIT_S, what="the end"
        )
        first, second = device.speaker.history
        assert first.late_frames == 3
        assert first.heard_s < 0.5
        assert second.outcome == "done"


async def test_a_turn_that_the_server_drops_without_a_word_holds_nobody_up():
    async def script(peer):
        await peer.hear_speech()
        await peer.send(SpeechStarted("t_0", 1, 0), SpeechStopped("t_0", 1, 800, "silence"))
        await peer.take_turn("t_1", "Stop.", pts=(800, 9000))
        await peer.answer("t_1", "Okay.", tone(0.1))

    async with scripted_server(script) as url, connect(settings(url)) as device:
        turns = await device.answered(device.say(question()), timeout_s=WAIT_S)
        assert [turn.reply for turn in turns] == ["", "Okay."]


async def test_a_typed_turn_needs_no_microphone():
    async def script(peer):
        event = await peer.expect(InputText)
        assert peer.hello.audio.in_ == peer.hello.audio.out == ()
        await peer.send(
            ResponseStarted(response="r_1"),
            ResponseText(response="r_1", delta=event.text.upper()),
            ResponseDone("r_1", "completed", event.text.upper(), USAGE),
        )

    async with scripted_server(script) as url:
        text_only = DeviceSettings(url=url, microphone=None, speaker=None)
        async with connect(text_only) as device:
            [turn] = await device.ask("hello", timeout_s=WAIT_S)
            assert turn.reply == "HELLO"
            with pytest.raises(ClientError, match="no microphone"):
                device.say(question())


async def test_push_to_talk_frames_the_utterance():
    async def script(peer):
        hello = await peer.expect(Hello)
        assert hello.session.turn.mode == "manual"
        await peer.expect(TurnStart)
        commit = await peer.expect(TurnCommit)
        await peer.take_turn("t_1", "Yes.", pts=(0, commit.pts))
        await peer.answer("t_1", "Good.", tone(0.1))

    wishes = SessionFields(turn=TurnFields(mode="manual"))
    async with scripted_server(script) as url, connect(settings(url, session=wishes)) as device:
        utterance = await device.push_to_talk(question(), "yes", timeout_s=WAIT_S)
        [turn] = await device.answered(utterance, timeout_s=WAIT_S)
        assert turn.stopped_pts == utterance.end


async def test_a_paused_microphone_leaves_a_gap_that_the_server_knows_of():
    async def script(peer):
        await peer.hear_frames(3)
        await peer.send(Flow(1, "pause"))
        await peer.expect(InputText)  # the client has seen the pause, and time has passed
        await peer.send(Flow(1, "resume"))
        await peer.hear_frames(5)
        gaps.extend(int(step) for step in np.diff(peer.positions) if step != 320)
        await peer.send(ResponseStarted("r_1"), ResponseDone("r_1", "completed", "ok", USAGE))

    gaps = []

    async with scripted_server(script) as url, connect(settings(url)) as device:
        await device.until(lambda: device.is_paused, timeout_s=WAIT_S, what="the pause")
        await asyncio.sleep(0.1)
        await device.ask("go on", timeout_s=WAIT_S)
        [gap] = gaps
        assert gap >= 0.08 * 16_000
        assert gap % 320 == 0


async def test_the_server_is_answered_when_it_pings():
    async def script(peer):
        await peer.send(Ping(0))
        await peer.until(lambda: peer.protocol.round_trip_s is not None)
        await peer.send(ResponseStarted("r_1"), ResponseDone("r_1", "completed", "pong", USAGE))

    async with scripted_server(script) as url, connect(settings(url)) as device:
        await device.until(lambda: device.over(device.trace.turns), timeout_s=WAIT_S, what="pong")


async def test_an_error_of_the_server_is_kept_and_the_session_goes_on():
    async def script(peer):
        await peer.send(ErrorReport(ErrorCode.BUSY, "no room"))
        await peer.expect(InputText)
        await peer.answer("t_1", "Hi.", tone(0.05))

    async with scripted_server(script) as url, connect(settings(url)) as device:
        await device.ask("Hello", timeout_s=WAIT_S)
        assert [error.code for error in device.errors] == ["busy"]


async def test_a_server_that_goes_away_ends_every_wait():
    async def script(peer):
        await peer.expect(InputText)
        await peer.socket.close(1012, "updating")

    async with scripted_server(script) as url:
        with pytest.raises(SessionEnded, match="1012: updating") as caught:
            async with connect(settings(url)) as device:
                await device.ask("Hello", timeout_s=WAIT_S)
        assert caught.value.code == 1012


async def test_a_wait_has_a_deadline_and_says_what_was_awaited():
    async with scripted_server(quiet) as url, connect(settings(url)) as device:
        with pytest.raises(WaitExpired, match=r"waited 0\.05 s for the reply"):
            await device.ask("Hello", timeout_s=0.05)


async def test_what_the_caller_raises_comes_out_as_it_is():
    async with scripted_server(quiet) as url:
        with pytest.raises(ZeroDivisionError):
            async with connect(settings(url)):
                raise ZeroDivisionError


async def test_leaving_leaves_no_task_behind():
    before = asyncio.all_tasks()
    async with scripted_server(quiet) as url:
        async with connect(settings(url)) as device:
            device.say(question())
        assert device.ended.code == 1000
    assert asyncio.all_tasks() == before


async def test_a_refused_hello_gives_one_line_with_its_code():
    async with scripted_server(quiet, peer=RefusingPeer) as url:
        with pytest.raises(Refused, match="the token is unknown") as caught:
            async with connect(settings(url)):
                pass
    assert caught.value.code == 4401
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"), [(401, "PARLEY_KEY"), (404, "/v1/native"), (503, r"full.*in 7 s")]
)
async def test_a_refused_upgrade_says_what_to_do(status, said):
    def refuse(connection, request):
        response = connection.respond(http.HTTPStatus(status), "no\n")
        response.headers["Retry-After"] = "7"
        return response

    async with scripted_server(quiet, process_request=refuse) as url:
        with pytest.raises(Refused, match=said) as caught:
            async with connect(settings(url)):
                pass
    assert caught.value.code == status


async def test_the_key_goes_into_the_authorization_header():
    seen = []

    def note(connection, request):
        seen.append(request.headers["Authorization"])

    async with (
        scripted_server(quiet, process_request=note) as url,
        connect(settings(url, key="a-long-secret")),
    ):
        pass
    assert seen == ["Bearer a-long-secret"]


async def test_an_unreachable_server_is_told_in_one_line(unused_port):
    url = f"ws://127.0.0.1:{unused_port}/v1/native"
    with pytest.raises(Unreachable, match=r"cannot reach ws://.*parley serve") as caught:
        async with connect(settings(url)):
            pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "127.0.0.1:8765", "ws://[::1", ""])
async def test_a_wrong_address_is_told_in_one_line(url):
    with pytest.raises(Unreachable, match="is no address"):
        async with connect(settings(url)):
            pass


async def test_a_silent_server_does_not_hold_the_client_for_ever():
    gone = asyncio.Event()

    async def swallow(reader, writer):
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match="did not answer within"):
            async with connect(settings(f"ws://127.0.0.1:{port}/", open_timeout_s=0.1)):
                pass
        await asyncio.wait_for(gone.wait(), WAIT_S)


async def test_forty_sessions_share_one_process():
    async def script(peer):
        await peer.expect(InputText)
        await peer.answer("t_1", "Hi.", tone(0.1))

    async def one(url):
        async with connect(settings(url, keep_audio=False)) as device:
            [turn] = await device.ask("Hello", timeout_s=WAIT_S)
            return turn.reply

    async with scripted_server(script) as url:
        replies = await asyncio.gather(*(one(url) for _ in range(40)))
    assert replies == ["Hi."] * 40


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_traffic_is_counted_and_a_device_can_vanish():
    heard = asyncio.Event()

    async def script(peer):
        await peer.hear_frames(5)
        heard.set()
        await quiet(peer)

    async with scripted_server(script) as url, connect(settings(url)) as device:
        await asyncio.wait_for(heard.wait(), WAIT_S)
        assert device.messages_sent >= 5
        assert device.bytes_sent > 5 * 640
        assert 1 <= device.messages_received < 5
        assert device.bytes_received > 100
        device.vanish()
        with pytest.raises(SessionEnded) as ended:
            await device.until(lambda: False, timeout_s=WAIT_S, what="nothing")
        assert ended.value.code == 1006


async def test_a_device_that_does_not_read_takes_the_messages_later():
    async def script(peer):
        await peer.expect(InputText)
        await peer.answer("t_1", "Hi.", tone(0.2))
        await peer.expect(Playout, state="done")
        await peer.expect(Bye)

    async with scripted_server(script) as url, connect(settings(url)) as device:
        async with asyncio.TaskGroup() as tasks:
            resting = tasks.create_task(device.stop_reading(0.3))
            await asyncio.sleep(0)
            device.send(InputText(text="Hello"))
            await device.until(
                lambda: device.messages_received > 1, timeout_s=WAIT_S, what="the reply"
            )
            assert resting.done()
        [playback] = device.speaker.history
        await device.until(
            lambda: playback.outcome == "done", timeout_s=WAIT_S, what="the end of the reply"
        )
        assert device.sequence_gaps == 0


async def test_a_hole_in_the_servers_numbers_is_counted():
    async def script(peer):
        lost = peer.protocol.seal(ResponseText("r_1", "lost"), time.monotonic())
        assert lost
        await peer.send(ResponseText("r_1", "late"))
        await quiet(peer)

    async with scripted_server(script) as url, connect(settings(url)) as device:
        await device.until(
            lambda: device.sequence_gaps, timeout_s=WAIT_S, what="the hole to be noticed"
        )


async def test_devices_that_share_frames_are_heard_like_any_other():
    async def script(peer):
        assert await peer.hear_speech() == pytest.approx(3200, rel=0.2)
        await peer.take_turn("t_1", "Hello?")
        await peer.answer("t_1", "Hi.", tone(0.1))

    shared, recording = SharedSpeech(), question()
    async with scripted_server(script) as url:
        for audio in (PCM, OPUS, OPUS):
            async with connect(settings(url, audio, shared=shared)) as device:
                utterance = device.say(recording)
                [turn] = await device.answered(utterance, timeout_s=WAIT_S)
                assert turn.transcript == "Hello?"
                assert utterance.end == utterance.begin + 4800
                assert device.problems == []


async def test_a_socket_that_takes_nothing_for_too_long_is_given_up():
    async def script(peer):
        await peer.expect(Hello)
        peer.socket.transport.pause_reading()
        await quiet(peer)

    loud = AudioFormat(Encoding.PCM_S16LE, 48_000, 20)
    async with scripted_server(script) as url:
        with pytest.raises(SessionEnded) as ended:
            async with connect(settings(url, loud, send_deadline_s=0.2)) as device:
                for _ in range(50):  # more than the buffers of the system hold
                    device.send(InputText(text="x" * 500_000))
                await device.until(lambda: False, timeout_s=WAIT_S, what="the end")
        assert ended.value.code == 1006


async def test_a_mistake_in_the_client_comes_out_of_the_context():
    def observe(event, at):
        if isinstance(event, ResponseDone):
            raise ZeroDivisionError

    async def script(peer):
        await peer.expect(InputText)
        await peer.answer("t_1", "Hi.", tone(0.1))

    errors = []
    asyncio.get_running_loop().set_exception_handler(lambda _, found: errors.append(found))
    async with scripted_server(script) as url:
        with pytest.raises(ZeroDivisionError):
            async with connect(settings(url), observe=observe) as device:
                await device.ask("Hello", timeout_s=WAIT_S)
    assert len(errors) <= 1


async def test_what_a_condition_raises_comes_out_of_the_wait_and_the_session_goes_on():
    async def script(peer):
        await peer.expect(InputText)
        await peer.answer("t_1", "Hi.", tone(0.05))
        await peer.expect(InputText)
        await peer.answer("t_2", "Hi again.", tone(0.05))

    async with scripted_server(script) as url, connect(settings(url)) as device:
        device.send(InputText(text="Hello"))
        known = device.messages_received
        with pytest.raises(ZeroDivisionError):
            await device.until(
                lambda: device.messages_received > known and 1 / 0, timeout_s=WAIT_S, what="nothing"
            )
        await device.until(lambda: device.over(device.trace.turns), timeout_s=WAIT_S, what="it all")
        [turn] = await device.ask("Hello again", timeout_s=WAIT_S)
        assert turn.reply == "Hi again."
