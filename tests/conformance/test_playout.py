"""Sections 8 and 9: what was heard, and how far the server runs ahead of it."""

import asyncio

import pytest

from tests.conformance.checker import PCM, recording, silence, talking

RATE = 16000
WITHOUT_PLAYOUT = ["captions", "text_out", "vad_events"]
LONG = "This reply takes a while to be spoken, and longer than any window. " * 3
SHORT = "A short reply of two seconds."


def audio(**changes) -> dict:
    return {"in": [PCM], "out": [PCM], "aec": "device", **changes}


async def sent_after(peer, seconds: float) -> tuple[float, float]:
    """Seconds of audio that came, and seconds since its first frame, about ``seconds`` later."""
    first = await peer.until("frame")
    await asyncio.sleep(max(0.0, first.at + seconds - asyncio.get_running_loop().time()))
    last = peer.all("frame")[-1]
    return peer.sent(last.stream) / RATE, last.at - first.at


async def have_sent(peer, stream: int, samples: int) -> None:
    """Wait until that much of a stream has come."""
    while peer.sent(stream) < samples:
        await peer.until("frame", after=len(peer.log))


async def speak(peer, text: str = LONG) -> int:
    at = len(peer.log)
    await peer.send("response.create", say=text)
    return (await peer.until("audio.start", after=at))["stream"]


# -- the window (section 9) ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("buffer_ms", "features", "window"),
    [
        (2400, ["playout"], 2.0),  # the server's cap
        (800, ["playout"], 0.8),
        (2400, WITHOUT_PLAYOUT, 0.6),
        (300, WITHOUT_PLAYOUT, 0.3),
    ],
)
async def test_the_server_runs_ahead_by_the_window(scripted, buffer_ms, features, window):
    hello = {"features": features, "audio": audio(out_buffer_ms=buffer_ms, out_start_ms=0)}
    async with talking(scripted.url, hello=hello, plays=False) as peer:
        await speak(peer)
        ahead, passed = await sent_after(peer, 1.2)
        # One frame of 20 ms and what the clock ran on by; the other side allows for a busy machine.
        assert ahead - passed <= window + 0.06
        assert ahead - passed >= window - 0.3


async def test_the_window_opens_at_once(scripted):
    async with talking(scripted.url, plays=False, hello={"audio": audio()}) as peer:
        await speak(peer)
        ahead, passed = await sent_after(peer, 0.6)
        assert ahead > 1.5
        assert passed < ahead


async def test_stalled_freezes_the_window(scripted):
    async with talking(scripted.url, plays=False, hello={"audio": audio()}) as peer:
        stream = await speak(peer)
        await peer.until("frame")
        await peer.send("playout", stream=stream, pts=0, state="stalled")
        await asyncio.sleep(0.7)
        before = peer.sent(stream)
        await asyncio.sleep(0.5)
        assert peer.sent(stream) == before
        assert before <= 2.0 * RATE + 320
        await peer.send("playout", stream=stream, pts=8000, state="stalled")
        await peer.barrier()
        await asyncio.sleep(0.1)
        assert before < peer.sent(stream) <= before + 8000 + 320


async def test_reports_of_playback_open_the_window(scripted):
    async with talking(scripted.url, hello={"audio": audio()}) as peer:  # plays at once
        stream = await speak(peer)
        began = asyncio.get_running_loop().time()
        await peer.until("audio.end")
        assert asyncio.get_running_loop().time() - began < peer.sent(stream) / RATE / 2


async def test_a_device_that_reports_only_done_still_gets_everything(scripted):
    async with talking(scripted.url, plays=False, hello={"audio": audio()}) as peer:
        stream = await speak(peer, "A reply of more than the window of two seconds, or so.")
        end = await peer.until("audio.end")
        assert end["pts"] == peer.sent(stream) > 2 * RATE
        await peer.send("playout", stream=stream, pts=end["pts"], state="done")
        await peer.until("state", state="listening", after=peer.place("audio.end"), within=1)


async def test_listening_follows_the_report_of_playback(scripted):
    async with talking(scripted.url, plays=False, hello={"audio": audio()}) as peer:
        stream = await speak(peer, SHORT)
        await peer.send("playout", stream=stream, pts=0, state="stalled")
        end = await peer.until("audio.end")
        await peer.until("response.done")
        await asyncio.sleep(0.2)
        await peer.barrier()
        assert peer.all("state")[-1]["state"] == "speaking"
        await peer.send("playout", stream=stream, pts=end["pts"], state="done")
        await peer.until("state", state="listening", after=peer.place("audio.end"))


async def test_listening_follows_the_estimate_without_reports(scripted):
    hello = {"audio": audio(), "features": []}
    async with talking(scripted.url, plays=False, hello=hello) as peer:
        stream = await speak(peer, "A second or so.")
        first = await peer.until("frame")
        state = await peer.until("state", state="listening", after=peer.place("audio.start"))
        assert state.at - first.at >= peer.sent(stream) / RATE - 0.05
        assert state.at - first.at <= peer.sent(stream) / RATE + 1.0


# -- truncation (section 8) ---------------------------------------------------------------------


async def test_the_heard_text_follows_the_report(scripted):
    async with talking(scripted.url, plays=False, hello={"audio": audio()}) as peer:
        text = "One two three four five six seven eight nine ten."
        stream = await speak(peer, text)
        await have_sent(peer, stream, RATE)
        await peer.send("response.cancel")
        await peer.until("interrupt")
        await peer.send("playout", stream=stream, pts=round(13.5 * 0.06 * RATE), state="flushed")
        truncated = await peer.until("history.truncated")
        # The scripted voice needs 60 ms per character: 13 of them are "One two three".
        assert truncated.has(heard_text="One two three", heard_ms=810, by="playout")
        assert truncated["total_ms"] >= 810
        done = await peer.until("response.done")
        assert done["item"] == truncated["item"]


async def test_a_report_in_time_is_waited_for(scripted):
    async with talking(scripted.url, plays=False, hello={"audio": audio()}) as peer:
        stream = await speak(peer)
        await have_sent(peer, stream, RATE)
        await peer.send("response.cancel")
        await peer.until("interrupt")
        await asyncio.sleep(0.1)
        await peer.send("playout", stream=stream, pts=RATE, state="flushed")
        assert (await peer.until("history.truncated")).has(by="playout", heard_ms=1000)


async def test_a_report_that_does_not_come_is_estimated_after_300_ms(scripted):
    async with talking(scripted.url, plays=False, hello={"audio": audio(out_start_ms=200)}) as peer:
        await speak(peer)
        first = await peer.until("frame")
        await asyncio.sleep(0.8)
        await peer.send("response.cancel")
        interrupt = await peer.until("interrupt")
        truncated = await peer.until("history.truncated")
        assert truncated["by"] == "estimate"
        assert 0.25 <= truncated.at - interrupt.at <= 1.0
        expected = (interrupt.at - first.at) * 1000 - 200
        assert truncated["heard_ms"] == pytest.approx(expected, abs=120)
        assert LONG.startswith(truncated["heard_text"])
        assert len(truncated["heard_text"]) > 0


async def test_without_the_feature_what_still_plays_is_cut_by_the_estimate(scripted):
    hello = {"audio": audio(), "features": []}
    async with talking(scripted.url, plays=False, hello=hello) as peer:
        await speak(peer, "A reply of a second or so.")
        done = await peer.until("response.done", status="completed")
        await peer.send("response.cancel")
        truncated = await peer.until("history.truncated")
        assert truncated.has(by="estimate", item=done["item"])
        assert done["text"].startswith(truncated["heard_text"])
        assert 0 < truncated["heard_ms"] < truncated["total_ms"]


async def test_without_the_feature_the_estimate_comes_at_once(scripted):
    hello = {"audio": audio(), "features": []}
    async with talking(scripted.url, plays=False, hello=hello) as peer:
        await speak(peer)
        await peer.until("frame")
        await asyncio.sleep(0.5)
        await peer.send("response.cancel")
        assert (await peer.until("history.truncated"))["by"] == "estimate"


@pytest.mark.parametrize("pts", [0, 600])
async def test_a_reply_of_which_no_word_was_heard_ceases_to_exist(scripted, pts):
    async with talking(scripted.url, plays=False, hello={"audio": audio()}) as peer:
        stream = await speak(peer)
        item = peer.all("audio.start")[-1]["item"]
        await peer.until("frame")
        await peer.send("response.cancel")
        await peer.until("interrupt")
        await peer.send("playout", stream=stream, pts=pts, state="flushed")
        assert (await peer.until("history.truncated")).has(
            item=item, heard_text="", heard_ms=0, by="playout"
        )
        assert (await peer.until("response.done"))["heard"] is False
        assert (await peer.command("item.delete", item=item))["code"] == "unknown_item"


async def test_a_truncated_item_remains(scripted):
    async with talking(scripted.url, plays=False, hello={"audio": audio()}) as peer:
        stream = await speak(peer)
        item = peer.all("audio.start")[-1]["item"]
        await have_sent(peer, stream, RATE)
        await peer.send("response.cancel")
        await peer.until("interrupt")
        await peer.send("playout", stream=stream, pts=RATE, state="flushed")
        done = await peer.until("response.done")
        assert done.get("heard") is not False
        assert (await peer.command("item.delete", item=item)).type == "ack"


async def test_no_report_claims_more_than_was_sent(scripted):
    async with talking(scripted.url, plays=False, hello={"audio": audio()}) as peer:
        stream = await speak(peer)
        await peer.until("frame")
        await peer.send("response.cancel")
        await peer.until("interrupt")
        sent = peer.sent(stream)
        await peer.send("playout", stream=stream, pts=2**31, state="flushed")
        truncated = await peer.until("history.truncated")
        assert truncated["heard_ms"] <= round(sent / 16)


async def test_reports_of_unknown_streams_do_no_harm(scripted):
    async with talking(scripted.url, plays=False) as peer:
        await peer.send("playout", stream=0xFFFF, pts=10, state="playing")
        await peer.send("playout", stream=1, pts=10, state="done")
        stream = await speak(peer, SHORT)
        await peer.send("playout", stream=stream + 7, pts=99999, state="flushed")
        await peer.until("response.done", status="completed")


async def test_everything_heard_is_not_truncated(scripted):
    async with talking(scripted.url, hello={"audio": audio()}) as peer:  # plays at once
        await speak(peer, SHORT)
        await peer.until("state", state="listening", after=peer.place("audio.start"))
        await peer.speak(recording("story"))
        await peer.speak(silence(0.6))
        await peer.until("transcript.final")
        await peer.until("response.started", after=peer.place("transcript.final"))
        assert not peer.all("history.truncated") + peer.all("interrupt")


async def test_marks_lie_where_their_text_is_spoken(scripted):
    async with talking(scripted.url, hello={"audio": audio()}) as peer:
        text = "The first sentence is this. The second one is here. And that is the third."
        await speak(peer, text)
        await peer.until("audio.end")
        marks = peer.all("audio.mark")
        assert len(marks) > 1
        assert " ".join(mark["text"].strip() for mark in marks) == text
        for mark in marks:
            characters = text.index(mark["text"].strip())
            assert mark["pts"] / RATE == pytest.approx(characters * 0.06, abs=0.25)


async def test_the_frames_clock_is_the_servers(scripted):
    async with talking(scripted.url, hello={"audio": audio()}) as peer:
        await speak(peer, SHORT)
        await peer.until("audio.end")
        start, end = peer.all("audio.start")[0], peer.all("audio.end")[0]
        for frame in peer.all("frame"):
            assert start["ts"] <= frame.ts <= end["ts"]
