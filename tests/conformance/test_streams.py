"""Section 2: binary frames and the life of a microphone's stream."""

import numpy as np
import pytest

from tests.conformance.checker import (
    DISCONT,
    DTX,
    END,
    PCM,
    START,
    pack,
    recording,
    silence,
    silence_samples,
    talking,
)

LONG_PAUSE = {"session": {"turn": {"silence_ms": 3000}}}
MANUAL = {"session": {"turn": {"mode": "manual"}}}
PCMU = {"codec": "pcmu", "rate": 8000, "frame_ms": 20}


async def errors(peer) -> list[str]:
    await peer.barrier()
    return [error["code"] for error in peer.all("error")]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", "bad_frame"),
        (b"\x11", "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0)[:15], "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(640), head=0x21), "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(640), head=0x01), "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(640), head=0x10), "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(640), head=0x14), "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(640), head=0x1F), "bad_frame"),
        (pack(flags=START, seq=0, pts=0, ts=0, payload=bytes(640), head=0x12), "unsupported"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(640), head=0x13), "unsupported"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(640), stream=0), "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(640), stream=0x100), "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(640), stream=0xFFFF), "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(641)), "bad_frame"),
        (pack(flags=START, seq=2, pts=5, ts=0, payload=bytes(640)), "bad_frame"),
        (pack(flags=0, seq=2, pts=0, ts=0, payload=bytes(640)), "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0), "bad_frame"),
        (pack(flags=START, seq=2, pts=0, ts=0, payload=bytes(3842)), "bad_frame"),
    ],
    ids=[
        "empty", "1 octet", "15 octets", "version 2", "version 0", "kind 0", "kind 4", "kind 15",
        "reference", "blob", "stream 0", "stream 256", "stream 65535", "odd PCM", "START at pts 5",
        "no START", "no payload", "above 120 ms",
    ],
)  # fmt: skip
async def test_a_bad_frame_is_an_error_and_the_session_goes_on(scripted, frame, code):
    async with talking(scripted.url) as peer:
        await peer.barrier()
        counts = len(frame) >= 16 and frame[4:8] != bytes(4)
        await peer.raw(frame, counts=counts)
        await peer.until("error")
        assert peer.all("error")[0].has(code=code, fatal=False)
        if counts:
            assert peer.all("error")[0]["details"]["seq"] == 2
            await peer.frame(bytes(640), 320, flags=START)
            assert await errors(peer) == [code]
            assert not peer.all("nack")


async def test_an_undecodable_opus_packet_is_bad_frame(scripted):
    opus = {"codec": "opus", "rate": 16000, "frame_ms": 20}
    async with talking(scripted.url, hello={"audio": {"in": [opus], "out": [PCM]}}) as peer:
        seq = await peer.frame(b"\xff\xff\xff\xff\xff", 320)
        assert await errors(peer) == ["bad_frame"]
        assert peer.all("error")[0]["details"] == {"stream": 1, "seq": seq}


async def test_frames_may_have_any_length_up_to_120_ms(scripted):
    async with talking(scripted.url) as peer:
        for samples in (40, 80, 160, 320, 640, 960, 1920, 1, 333):
            await peer.frame(bytes(2 * samples), samples)
        assert await errors(peer) == []


async def test_speech_in_frames_of_any_length_is_heard_alike(scripted):
    stops = []
    for samples in (40, 320, 1920):
        async with talking(scripted.url) as peer:
            await peer.speak(np.concatenate([recording("hello"), silence(0.6)]), frame=samples)
            stopped = await peer.until("speech.stopped")
            stops.append((peer.all("speech.started")[0]["pts"], stopped["pts"]))
            await peer.send("response.cancel")
    assert stops[0] == stops[1] == stops[2]


async def test_g711_has_one_octet_per_sample(scripted):
    async with talking(scripted.url, hello={"audio": {"in": [PCMU], "out": [PCMU]}}) as peer:
        await peer.frame(bytes([0xFF]) * 160, 160)
        await peer.frame(bytes([0xFF]) * 161, 161)
        await peer.send("response.create", say="Hum.")
        await peer.until("response.done")
        assert await errors(peer) == []


@pytest.mark.parametrize("codec", ["opus", "pcma"])
async def test_the_server_speaks_every_codec_by_the_rules(scripted, codec):
    out = {"codec": codec, "rate": 8000 if codec == "pcma" else 24000, "frame_ms": 60}
    async with talking(scripted.url, hello={"audio": {"in": [], "out": [out]}}) as peer:
        await peer.send("response.create", say="One. Two. Three and four.")
        end = await peer.until("audio.end")  # the monitor counts the samples of the packets
        assert end["pts"] / out["rate"] == pytest.approx(25 * 0.06, abs=0.4)


# -- 2.1: START and END -------------------------------------------------------------------------


async def test_dtx_lasts_one_frame(scripted):
    async with talking(scripted.url) as peer:
        await peer.frame(bytes(640), 320)
        await peer.frame(b"", 320, flags=DTX)
        await peer.frame(bytes(640), 320)
        assert await errors(peer) == []


async def test_a_frame_on_a_closed_stream_is_bad_frame(scripted):
    async with talking(scripted.url) as peer:
        await peer.frame(bytes(640), 320)
        await peer.frame(b"", flags=END)
        await peer.frame(bytes(640), 320, flags=0)
        assert await errors(peer) == ["bad_frame"]


async def test_an_utterance_holds_nothing_of_the_stream_before(scripted):
    async with talking(scripted.url) as peer:
        await peer.speak(silence(0.9))
        await peer.frame(b"", flags=END)
        peer.pts = 0
        await peer.speak(np.concatenate([recording("hello"), silence(0.6)]), stream=2)
        assert (await peer.until("speech.started")).has(stream=2, pts=0)
        final = await peer.until("transcript.final")
        assert min(start for _, start, _ in final["words"]) == 0


@pytest.mark.parametrize("stream", [1, 2])
async def test_the_next_stream_has_the_next_or_the_same_id(scripted, stream):
    async with talking(scripted.url) as peer:
        await peer.frame(bytes(640), 320)
        await peer.frame(b"", flags=END)
        peer.pts = 0
        await peer.speak(np.concatenate([recording("hello"), silence(0.6)]), stream=stream)
        assert (await peer.until("speech.started"))["stream"] == stream
        assert (await peer.until("speech.stopped"))["stream"] == stream
        await peer.until("transcript.final")
        assert await errors(peer) == []


async def test_positions_count_from_the_start_of_their_stream(scripted):
    pts = []
    async with talking(scripted.url) as peer:
        for stream in (1, 2):
            peer.pts = 0
            await peer.speak(np.concatenate([recording("hello"), silence(0.6)]), stream=stream)
            await peer.frame(b"", flags=END, stream=stream)
            started = await peer.until("speech.started", stream=stream)
            stopped = await peer.until("speech.stopped", stream=stream)
            await peer.until("transcript.final", turn=started["turn"])
            await peer.send("response.cancel")
            pts.append((started["pts"], stopped["pts"]))
        assert all(0 <= a < b <= peer.pts for a, b in pts)


async def test_end_commits_an_open_utterance(scripted):
    async with talking(scripted.url, hello=LONG_PAUSE) as peer:
        speech = recording("hello")
        await peer.speak(speech)
        await peer.until("speech.started")
        payload = silence_samples(320).tobytes()
        await peer.frame(payload, 320, flags=END)
        stopped = await peer.until("speech.stopped")
        # In vad mode pts is where the speech ended (§10), so no exact number follows from the text.
        assert stopped["reason"] == "commit"
        assert 0 < stopped["pts"] <= len(speech) + 320
        await peer.until("transcript.final", turn=stopped["turn"])


async def test_end_without_an_utterance_does_nothing(scripted):
    async with talking(scripted.url) as peer:
        await peer.speak(silence(0.3))
        await peer.frame(b"", flags=END)
        assert await errors(peer) == []
        assert set(peer.order("state")) == {"welcome", "session.updated"}


async def test_start_on_an_open_stream_discards_the_utterance(scripted):
    async with talking(scripted.url, hello=LONG_PAUSE) as peer:
        await peer.speak(recording("hello"))
        started = await peer.until("speech.started")
        peer.pts = 0
        await peer.frame(bytes(640), 320)
        assert await errors(peer) == []
        await peer.speak(silence(0.5))
        await peer.frame(b"", flags=END)
        await peer.barrier()
        assert not peer.all("transcript.final", turn=started["turn"])
        assert not peer.all("response.started")


# -- 2.1: pts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [0, DISCONT])
async def test_up_to_a_second_is_filled_with_silence(scripted, flags):
    async with talking(scripted.url, hello=MANUAL) as peer:
        await peer.send("turn.start")
        speech = recording("hello")
        await peer.speak(speech)
        await peer.frame(bytes(1920), 960, flags=flags, pts=peer.pts + 16000)
        await peer.frame(bytes(640), 320, flags=END)
        stopped = await peer.until("speech.stopped")
        assert stopped.has(reason="commit", pts=len(speech) + 16000 + 960 + 320)
        assert await errors(peer) == []


async def test_inserted_silence_ends_an_utterance_like_any_other(scripted):
    hello = {"session": {"turn": {"silence_ms": 300}}}
    async with talking(scripted.url, hello=hello) as peer:
        await peer.speak(recording("hello"))
        await peer.frame(bytes(1920), 960, flags=DISCONT, pts=peer.pts + 16000)
        assert (await peer.until("speech.stopped"))["reason"] == "silence"


@pytest.mark.parametrize("flags", [0, DISCONT])
async def test_more_than_a_second_ends_the_utterance(scripted, flags):
    async with talking(scripted.url, hello=LONG_PAUSE) as peer:
        speech = recording("hello")
        await peer.speak(speech)
        await peer.frame(bytes(1920), 960, flags=flags, pts=peer.pts + 16001)
        stopped = await peer.until("speech.stopped")
        assert stopped["reason"] == "gap"
        assert stopped["pts"] <= len(speech)
        final = await peer.until("transcript.final", turn=stopped["turn"])
        assert final["text"]
        assert await errors(peer) == []


async def test_a_frame_from_the_past_is_dropped(scripted):
    async with talking(scripted.url) as peer:
        await peer.speak(silence(0.3))
        now = peer.pts
        seq = await peer.frame(bytes(640), 320, pts=now - 320, flags=0)
        await peer.frame(bytes(640), 320, pts=now, flags=0)
        assert await errors(peer) == ["bad_frame"]
        assert peer.all("error")[0]["details"] == {"stream": 1, "seq": seq}


@pytest.mark.parametrize("rate", [16000, 48000])
async def test_positions_wrap_around(scripted, rate):
    hello = {"audio": {"in": [{**PCM, "rate": rate}], "out": [PCM]}, **MANUAL}
    async with talking(scripted.url, hello=hello) as peer:
        await peer.frame(bytes(640), 320)
        await peer.frame(bytes(640), 320, flags=DISCONT, pts=2**31 - 1)
        await peer.frame(bytes(640), 320, flags=DISCONT, pts=2**32 - 8320)
        assert peer.pts == 2**32 - 8000
        await peer.send("turn.start")
        audio = np.repeat(recording("hello"), rate // 16000)
        await peer.speak(audio)
        assert 0 < peer.pts == (len(audio) - 8000)
        await peer.send("turn.commit", pts=peer.pts)
        # A sample of 16 kHz, at which is listened, is three of 48 kHz.
        near = rate // 16000 - 1
        started = await peer.until("speech.started")
        assert started["pts"] == pytest.approx(2**32 - 8000, abs=near)
        stopped = await peer.until("speech.stopped")
        assert stopped["pts"] == pytest.approx(peer.pts, abs=near)
        assert not peer.all("warning")
        await peer.until("transcript.final")
        assert await errors(peer) == []


# -- audio.open ---------------------------------------------------------------------------------


async def test_a_stream_in_another_format_is_opened_first(scripted):
    async with talking(scripted.url, hello={"audio": {"in": [PCM], "out": [PCM]}}) as peer:
        await peer.frame(bytes(640), 320)
        await peer.frame(b"", flags=END)
        fields = {"stream": 2, "codec": "pcm_s16le", "rate": 8000, "frame_ms": 20, "role": "mic"}
        assert (await peer.command("audio.open", **fields)).type == "ack"
        peer.pts = 0
        speech = np.concatenate([recording("hello"), silence(3.0)])[::2]
        await peer.speak(speech, stream=2, frame=480)
        stopped = await peer.until("speech.stopped")
        assert stopped["stream"] == 2
        assert stopped["pts"] <= len(speech)
        assert await errors(peer) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"role": "ref"}, "unsupported"),
        ({"codec": "vorbis"}, "bad_field"),
        ({"rate": 22050}, "bad_field"),
        ({"role": "drum"}, "bad_field"),
        ({"stream": 256}, "bad_field"),
        ({"stream": 0}, "bad_field"),
    ],
)
async def test_a_stream_that_cannot_be_opened_is_refused(scripted, change, code):
    fields = {"stream": 2, "codec": "pcm_s16le", "rate": 8000, "frame_ms": 20, "role": "mic"}
    async with talking(scripted.url) as peer:
        error = await peer.command("audio.open", **{**fields, **change})
        assert error.has(type="error", code=code)


async def test_audio_is_ignored_in_mode_off(scripted):
    hello = {"session": {"turn": {"mode": "off", "silence_ms": 300}}}
    async with talking(scripted.url, hello=hello) as peer:
        await peer.speak(np.concatenate([recording("hello"), silence(0.6)]))
        assert await errors(peer) == []
        assert not peer.all("speech.started")


async def test_no_more_streams_than_the_limit_are_open_at_once(scripted):
    async with talking(scripted.url) as peer:
        for stream in range(1, 6):
            fields = {"codec": "pcm_s16le", "rate": 16000, "frame_ms": 20, "role": "mic"}
            await peer.send("audio.open", stream=stream, **fields)
            peer.pts = 0
            await peer.frame(bytes(640), 320, stream=stream)
            refused = await errors(peer)
            assert bool(refused) is (stream == 5), (stream, refused)
        assert set(refused) <= {"bad_event", "bad_frame"}
