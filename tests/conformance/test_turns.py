"""Section 5: what is said in which order, by voice, by text, and by push-to-talk."""

import asyncio

import numpy as np
import pytest

from tests.conformance.checker import (
    ALL_FEATURES,
    FAST_TURN,
    FRAME,
    PCM,
    START,
    recording,
    silence,
    talking,
)

UTTERANCE = np.concatenate([recording("hello"), silence(0.6)])
MANUAL = {"session": {"turn": {"mode": "manual"}}}
TEXT_ONLY = {"audio": {"in": [PCM], "out": []}, "session": {"turn": FAST_TURN}}


def aec(kind: str) -> dict:
    return {"audio": {"in": [PCM], "out": [PCM], "aec": kind}}


async def no_errors(peer) -> None:
    await peer.barrier()
    assert not peer.all("error")


async def talking_reply(peer, **fields) -> dict:
    """Have the server speak for seconds; return when more than a second of it is here."""
    await peer.send("response.create", say="A reply that goes on and on. " * 4, **fields)
    await peer.until("frame")
    while peer.all("frame")[-1].pts < 17_600:
        await peer.until("frame", after=len(peer.log))
    return peer.all("audio.start")[-1]


# -- voice turns --------------------------------------------------------------------------------


async def test_a_voice_turn_goes_by_the_order_of_the_specification(scripted):
    async with talking(scripted.url) as peer:
        await peer.speak(recording("story"))
        await peer.until("transcript.partial")
        await peer.speak(silence(0.6))
        await peer.until("response.done")
        await peer.until("state", state="listening", after=peer.place("response.done"))
        order = peer.order("state", "transcript.partial", "warning", "audio.mark", "response.text")
        assert order == [
            "welcome", "speech.started", "speech.stopped", "transcript.final", "response.started",
            "audio.start", "frame", "END", "audio.end", "response.done",
        ]  # fmt: skip
        done = peer.all("response.done")[0]
        assert done.has(status="completed", reason=None)
        turn = peer.all("speech.started")[0]["turn"]
        assert peer.all("speech.stopped")[0].has(turn=turn, reason="silence", stream=1)
        assert peer.all("transcript.final")[0]["turn"] == turn
        started = peer.all("response.started")[0]
        assert started.has(turn=turn, response=done["response"])
        assert peer.all("audio.start")[0].has(item=done["item"], response=done["response"])
        assert "".join(m["delta"] for m in peer.all("response.text")) == done["text"]
        marks = " ".join(mark["text"] for mark in peer.all("audio.mark"))
        assert marks.split() == done["text"].split()
        assert peer.place("transcript.partial") < peer.place("speech.stopped")
        assert peer.place("audio.start") < peer.place("audio.mark") < peer.place("frame")


async def test_the_state_follows_the_turn(scripted):
    async with talking(scripted.url) as peer:
        await peer.speak(UTTERANCE)
        at = (await peer.until("response.done")) and peer.place("response.done")
        await peer.until("state", state="listening", after=at)
        states = [event["state"] for event in peer.all("state")]
        assert states == ["listening", "thinking", "speaking", "listening"]


async def test_an_onset_lies_prefix_ms_before_the_speech(scripted):
    starts = {}
    for prefix in (0, 500):
        hello = {"session": {"turn": {**FAST_TURN, "prefix_ms": prefix}}}
        async with talking(scripted.url, hello=hello) as peer:
            await peer.speak(np.concatenate([silence(1.2), UTTERANCE]))
            starts[prefix] = (await peer.until("speech.started"))["pts"]
    assert starts[0] - starts[500] == 8000
    assert starts[0] >= 1.2 * 16000 - 1600


async def test_an_onset_is_never_before_the_stream(scripted):
    async with talking(scripted.url) as peer:
        await peer.speak(UTTERANCE)
        assert (await peer.until("speech.started"))["pts"] == 0


async def test_word_times_lie_inside_the_utterance(scripted):
    async with talking(scripted.url) as peer:
        await peer.speak(silence(0.96))
        await peer.speak(UTTERANCE)
        final = await peer.until("transcript.final")
        started, stopped = peer.all("speech.started")[0], peer.all("speech.stopped")[0]
        assert final["words"]
        for text, start, end in final["words"]:
            assert text
            assert started["pts"] <= start <= end <= stopped["pts"]


async def test_an_empty_turn_brings_no_response(real):
    async with talking(real.url, hello=MANUAL) as peer:
        await peer.speak(silence(0.3))
        await peer.send("turn.start")
        await peer.speak(silence(0.6))
        await peer.send("turn.commit")
        final = await peer.until("transcript.final")
        assert final.has(text="", no_speech=True)
        await peer.until("state", state="listening", after=peer.place("transcript.final"))
        await peer.barrier()
        assert not peer.all("response.started")


async def test_a_commit_ends_an_open_utterance_in_vad_mode(scripted):
    hello = {"session": {"turn": {"silence_ms": 3000}}}
    async with talking(scripted.url, hello=hello) as peer:
        await peer.speak(recording("hello"))
        await peer.until("speech.started")
        assert (await peer.command("turn.commit")).type == "ack"
        assert (await peer.until("speech.stopped"))["reason"] == "commit"
        await peer.until("transcript.final")


async def test_a_commit_without_an_utterance_in_vad_mode_is_bad_event(scripted):
    async with talking(scripted.url) as peer:
        assert (await peer.command("turn.commit")).has(type="error", code="bad_event")
        await peer.speak(silence(0.6))
        async with asyncio.timeout(10):  # as soon as that silence has been listened to
            while (reply := await peer.command("turn.commit")).type != "error":
                pass
        assert reply["code"] == "bad_event"
        assert not peer.all("speech.stopped")


async def test_a_fixed_pause_ends_the_turn_after_that_much_silence(scripted):
    # The recording itself ends with 170 ms of silence.
    async with talking(scripted.url, hello={"session": {"turn": {"silence_ms": 200}}}) as peer:
        await peer.speak(np.concatenate([recording("hello"), silence(0.24)]))
        assert (await peer.until("speech.stopped"))["reason"] == "silence"
    async with talking(scripted.url, hello={"session": {"turn": {"silence_ms": 1000}}}) as peer:
        await peer.speak(np.concatenate([recording("hello"), silence(0.72)]))
        await peer.until("speech.started")
        await asyncio.sleep(0.3)
        await peer.barrier()
        assert not peer.all("speech.stopped")
        await peer.speak(silence(0.36))
        assert (await peer.until("speech.stopped"))["reason"] == "silence"


# -- interruptions ------------------------------------------------------------------------------


async def test_speech_interrupts_a_reply_while_it_is_sent(scripted):
    async with talking(scripted.url, hello=aec("device"), plays=False) as peer:
        start = await talking_reply(peer)
        await peer.speak(recording("story"))
        interrupt = await peer.until("interrupt")
        assert interrupt.has(stream=start["stream"], response=start["response"], reason="speech")
        await peer.send("playout", stream=start["stream"], pts=16000, state="flushed")
        done = await peer.until("response.done")
        assert done.has(status="cancelled", reason="speech", response=start["response"])
        truncated = peer.all("history.truncated")[0]
        assert truncated.has(item=start["item"], by="playout", heard_ms=1000)
        await peer.speak(silence(0.6))
        await peer.until("transcript.final")
        again = await peer.until("audio.start", after=peer.place("transcript.final"))
        assert again["stream"] > start["stream"]
        order = peer.order("transcript.partial", "state", after=peer.place("interrupt"))
        assert order[:3] == ["interrupt", "history.truncated", "response.done"]


async def test_speech_interrupts_what_still_plays_after_response_done(scripted):
    async with talking(scripted.url, hello=aec("device"), plays=False) as peer:
        await peer.send("response.create", say="A reply of two seconds or so, more.")
        done = await peer.until("response.done")
        assert done["status"] == "completed"
        stream = peer.all("audio.start")[0]["stream"]
        await peer.send("playout", stream=stream, pts=0, state="stalled")  # not heard any of it
        await peer.send("playout", stream=stream, pts=8000, state="stalled")
        await peer.speak(recording("story"))
        assert (await peer.until("interrupt")).has(stream=stream, reason="speech")
        await peer.send("playout", stream=stream, pts=8000, state="flushed")
        truncated = await peer.until("history.truncated")
        assert truncated.has(item=done["item"], by="playout", heard_ms=500)
        await peer.barrier()
        assert len(peer.all("response.done", response=done["response"])) == 1


@pytest.mark.parametrize("by", ["text", "speech"])
async def test_before_the_audio_a_response_is_superseded_without_interrupt(slow, by):
    async with talking(slow.url, hello=aec("device")) as peer:
        await peer.send("input.text", text="First.")
        await peer.until("response.started")
        if by == "text":
            await peer.send("input.text", text="Second.")
        else:
            await peer.speak(UTTERANCE)
        first = await peer.until("response.done")
        second = await peer.until("response.done", status="completed")
        assert first.has(status="cancelled", reason="superseded")
        assert second["response"] != first["response"]
        assert len(peer.all("audio.start")) == 1
        assert not peer.all("interrupt") + peer.all("history.truncated")


async def test_before_the_audio_the_client_cancels_without_interrupt(slow):
    async with talking(slow.url) as peer:
        await peer.send("input.text", text="First.")
        await peer.until("response.started")
        assert (await peer.command("response.cancel")).type == "ack"
        assert (await peer.until("response.done")).has(status="cancelled", heard=False)
        await peer.barrier()
        assert not peer.all("interrupt") + peer.all("audio.start")


async def test_short_speech_does_not_interrupt(scripted):
    turn = {**FAST_TURN, "min_interrupt_ms": 2000}
    async with talking(scripted.url, hello={**aec("device"), "session": {"turn": turn}}) as peer:
        start = await talking_reply(peer)
        at = len(peer.log)
        await peer.speak(UTTERANCE)
        await peer.until("speech.stopped", after=at)
        done = await peer.until("response.done", response=start["response"])
        assert done["status"] == "completed"
        await peer.barrier()
        assert not peer.all("interrupt") + peer.all("transcript.final")
        assert len(peer.all("response.started")) == 1


async def test_without_echo_cancellation_speech_during_a_reply_is_no_interruption(scripted):
    async with talking(scripted.url, hello=aec("none")) as peer:
        start = await talking_reply(peer)
        await peer.speak(UTTERANCE)
        done = await peer.until("response.done", response=start["response"])
        assert done["status"] == "completed"
        assert not peer.all("interrupt")


async def test_the_client_may_allow_interruptions_without_echo_cancellation(scripted):
    hello = {**aec("none"), "session": {"turn": {**FAST_TURN, "interrupt": True}}}
    async with talking(scripted.url, hello=hello) as peer:
        await talking_reply(peer)
        await peer.speak(recording("story"))
        await peer.until("interrupt", reason="speech")


async def test_the_client_cancels_a_response(scripted):
    async with talking(scripted.url, plays=False) as peer:
        start = await talking_reply(peer)
        await peer.send("response.cancel", response=start["response"])
        assert (await peer.until("interrupt"))["reason"] == "client"
        await peer.send("playout", stream=start["stream"], pts=0, state="flushed")
        done = await peer.until("response.done")
        assert done.has(status="cancelled", reason="client", heard=False)
        assert peer.all("history.truncated")[0].has(heard_text="", heard_ms=0, by="playout")
        assert not peer.all("audio.end")


async def test_the_client_cancels_what_still_plays_after_response_done(scripted):
    async with talking(scripted.url, plays=False) as peer:
        await peer.send("response.create", say="A reply of two seconds, or so.")
        done = await peer.until("response.done", status="completed")
        stream = peer.all("audio.start")[0]["stream"]
        await peer.send("playout", stream=stream, pts=4800, state="stalled")
        assert (await peer.command("response.cancel")).type == "ack"
        assert (await peer.until("interrupt")).has(stream=stream, reason="client")
        await peer.send("playout", stream=stream, pts=4800, state="flushed")
        assert (await peer.until("history.truncated")).has(item=done["item"], heard_ms=300)
        await peer.barrier()
        assert len(peer.all("response.done")) == 1


async def test_what_is_said_during_a_reply_in_half_duplex_is_not_heard_later(scripted):
    async with talking(scripted.url, hello=aec("none"), plays=False) as peer:
        await peer.send("response.create", say="A second or so.")
        await peer.until("frame")
        await peer.speak(UTTERANCE)
        await peer.until("speech.stopped")
        await peer.until("state", state="listening", after=peer.place("audio.start"))
        await peer.barrier()
        assert not peer.all("transcript.final") + peer.all("interrupt")
        await peer.speak(UTTERANCE)
        await peer.until("transcript.final")


async def test_a_typed_turn_supersedes_a_reply(scripted):
    async with talking(scripted.url, plays=False) as peer:
        start = await talking_reply(peer)
        await peer.send("input.text", text="Something else.")
        assert (await peer.until("interrupt"))["reason"] == "superseded"
        await peer.send("playout", stream=start["stream"], pts=4000, state="flushed")
        done = await peer.until("response.done")
        assert done.has(status="cancelled", reason="superseded")
        await peer.until("response.started", after=peer.place("interrupt"))


async def test_a_typed_turn_without_response_interrupts_nothing(scripted):
    async with talking(scripted.url) as peer:
        start = await talking_reply(peer)
        await peer.command("input.text", text="By the way.", respond=False)
        done = await peer.until("response.done")
        assert done.has(status="completed", response=start["response"])
        assert not peer.all("interrupt")


async def test_a_typed_turn_may_go_without_a_response(scripted):
    async with talking(scripted.url) as peer:
        await peer.command("input.text", text="For your information.", respond=False)
        await peer.barrier()
        await asyncio.sleep(0.2)
        await peer.barrier()
        assert not peer.all("response.started")
        await peer.send("input.text", text="And now?")
        await peer.until("response.started")


# -- responses on demand ------------------------------------------------------------------------


async def test_say_speaks_exactly_this_text(scripted):
    async with talking(scripted.url) as peer:
        reply = await peer.command("response.create", say="Dr. No owes me 5 €.", metadata={"a": 1})
        assert reply.type == "response.started"
        assert reply["metadata"] == {"a": 1}
        assert reply.get("turn") is None
        done = await peer.until("response.done")
        assert done["text"] == "Dr. No owes me 5 €."


async def test_a_second_response_is_refused(scripted):
    async with talking(scripted.url) as peer:
        await talking_reply(peer)
        assert (await peer.command("response.create", say="No.")).has(code="response_active")


async def test_nothing_to_cancel_is_an_error(scripted):
    async with talking(scripted.url) as peer:
        error = await peer.command("response.cancel")
        assert error.has(type="error", code="no_active_response", fatal=False)


async def test_cancelling_another_response_is_an_error(scripted):
    async with talking(scripted.url) as peer:
        start = await talking_reply(peer)
        error = await peer.command("response.cancel", response="r_" + "a" * 16)
        assert error["code"] == "no_active_response"
        done = await peer.until("response.done")
        assert done.has(status="completed", response=start["response"])


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("response.create", {"out_of_band": True, "instructions": "Sum up."}),
        ("tool.result", {"call_id": "c_" + "a" * 16, "output": 1}),
    ],
)
async def test_what_is_not_implemented_is_unsupported(scripted, kind, fields):
    async with talking(scripted.url) as peer:
        assert (await peer.command(kind, **fields)).has(code="unsupported", fatal=False)


async def test_a_greeting_is_spoken_first(scripted):
    async with talking(scripted.url, hello={"session": {"greeting": "Welcome."}}) as peer:
        assert (await peer.until("response.done")).has(status="completed", text="Welcome.")


# -- history ------------------------------------------------------------------------------------


async def test_items_are_created_and_deleted(scripted):
    async with talking(scripted.url) as peer:
        await peer.send("response.create", say="Remember me.")
        item = (await peer.until("response.done"))["item"]
        assert (await peer.command("item.delete", item=item)).type == "ack"
        assert (await peer.command("item.delete", item=item))["code"] == "unknown_item"
        created = await peer.command("item.create", role="user", text="A fact.")
        assert created.type == "ack"
        wrong = await peer.command("item.create", role="user", text="x", after=item)
        assert wrong["code"] == "unknown_item"
        assert (await peer.command("item.create", role="user"))["code"] == "missing_field"


# -- text only ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["no output format", "output text"])
async def test_a_text_only_session_has_no_audio(scripted, how):
    hello = {"features": [], "session": {"turn": FAST_TURN}}
    if how == "no output format":
        hello["audio"] = {"in": [PCM], "out": []}
    else:
        hello["session"]["output"] = "text"
    async with talking(scripted.url, hello=hello) as peer:
        await peer.speak(UTTERANCE)
        done = await peer.until("response.done")
        order = peer.order("state")
        assert order == [
            "welcome", "transcript.final", "response.started", "response.text", "response.done"
        ]  # fmt: skip
        assert "".join(event["delta"] for event in peer.all("response.text")) == done["text"]
        assert done.get("heard") is not False


async def test_the_output_may_change_between_responses(scripted):
    async with talking(scripted.url) as peer:
        await peer.send("response.create", say="Aloud.")
        await peer.until("response.done", text="Aloud.")
        await peer.until("state", state="listening", after=peer.place("response.done"))
        assert len(peer.all("audio.start")) == 1
        await peer.command("session.update", session={"output": "text"})
        await peer.send("response.create", say="Silently.")
        await peer.until("response.done", text="Silently.")
        await peer.until(
            "state", state="listening", after=peer.place("response.done", text="Silently.")
        )
        await peer.command("session.update", session={"output": None})
        assert len(peer.all("audio.start")) == 1
        await peer.send("response.create", say="Aloud again.")
        await peer.until("response.done", text="Aloud again.")
        assert len(peer.all("audio.start")) == 2


async def test_a_long_text_reaches_a_client_with_little_room(scripted):
    hello = {"audio": None, "features": [], "limits": {"max_text": 2048, "max_binary": 4096}}
    async with talking(scripted.url, hello=hello) as peer:
        text = "A sentence that is repeated until it is too long. " * 60
        await peer.send("response.create", say=text)
        await peer.until("response.done")
        assert (
            "".join(event["delta"] for event in peer.all("response.text")).strip() == text.strip()
        )


async def test_the_real_engines_keep_the_rules(real):
    opus = {"codec": "opus", "rate": 24000, "frame_ms": 20}
    hello = {"audio": {"in": [PCM], "out": [opus], "aec": "device"}}
    async with talking(real.url, hello=hello) as peer:
        await peer.speak(recording("capital"))
        await peer.until("transcript.partial")
        await peer.speak(silence(0.9))
        final = await peer.until("transcript.final")
        assert "France" in final["text"]
        assert all(0 <= a <= b <= peer.pts for _, a, b in final["words"])
        done = await peer.until("response.done")
        assert done["status"] == "completed"
        assert (
            "".join(event["delta"] for event in peer.all("response.text")).strip() == done["text"]
        )


# -- features -----------------------------------------------------------------------------------


@pytest.mark.parametrize("without", ALL_FEATURES)
async def test_a_feature_that_is_off_stays_silent(scripted, without):
    kinds = {
        "playout": [],
        "captions": ["audio.mark"],
        "partials": ["transcript.partial"],
        "vad_events": ["speech.started", "speech.stopped"],
        "text_out": ["response.text"],
        "latency": ["latency"],
    }
    features = [name for name in ALL_FEATURES if name != without]
    async with talking(scripted.url, hello={"features": features}) as peer:
        await peer.speak(recording("story"))
        if without != "partials":
            await peer.until("transcript.partial")
        await peer.speak(silence(0.6))
        await peer.until("audio.start")
        await peer.until("audio.mark" if without != "captions" else "frame")
        await peer.send("response.cancel")
        await peer.until("response.done")
        await no_errors(peer)
        for name, types in kinds.items():
            for kind in types:
                if name == without:
                    assert not peer.all(kind)
                elif kind not in ("latency",):
                    assert peer.all(kind), kind


async def test_latency_tells_the_stages(scripted):
    async with talking(scripted.url) as peer:
        await peer.speak(UTTERANCE)
        latency = await peer.until("latency")
        turn = peer.all("transcript.final")[0]["turn"]
        assert latency["turn"] == turn
        numbers = [latency[name] for name in latency.body if name.endswith("_ms")]
        assert all(isinstance(number, int) and 0 <= number < 60_000 for number in numbers)
        assert latency["stop_to_audio_ms"] >= latency["stop_to_final_ms"]


async def test_a_client_event_of_a_feature_that_is_off_is_bad_event(scripted):
    async with talking(scripted.url, hello={"features": []}) as peer:
        error = await peer.command("playout", stream=0x100, pts=0, state="start")
        assert error.has(type="error", code="bad_event")


# -- push-to-talk -------------------------------------------------------------------------------


async def test_a_manual_turn_lasts_from_start_to_commit(scripted):
    async with talking(scripted.url, hello=MANUAL) as peer:
        await peer.speak(np.concatenate([recording("hello"), silence(0.9)]))
        await peer.barrier()
        assert not peer.all("speech.started")
        begin = peer.pts
        await peer.send("turn.start")
        await peer.speak(recording("hello"))
        end = peer.pts
        await peer.send("turn.commit")
        assert (await peer.until("speech.started")).has(pts=begin, stream=1)
        assert (await peer.until("speech.stopped")).has(pts=end, reason="commit")
        await peer.until("response.done")
        order = peer.order("state", "transcript.partial", "audio.mark", "response.text")
        assert order[2:] == [
            "speech.started", "speech.stopped", "transcript.final", "response.started",
            "audio.start", "frame", "END", "audio.end", "response.done",
        ]  # fmt: skip


@pytest.mark.parametrize("rate", [8000, 12000, 24000, 48000])
@pytest.mark.parametrize("named", [True, False])
async def test_a_manual_turn_is_exact_and_prompt_at_any_rate(scripted, rate, named):
    audio = {"in": [{**PCM, "rate": rate}], "out": [PCM]}
    async with talking(scripted.url, hello={"audio": audio, **MANUAL}) as peer:
        for _ in range(3):
            at = len(peer.log)
            await peer.speak(np.zeros(rate // 2, np.int16), frame=rate // 50)
            begin = peer.pts
            await peer.send("turn.start", **({"pts": begin} if named else {}))
            await peer.speak(np.zeros(rate // 2, np.int16), frame=rate // 50)
            await peer.send("turn.commit", **({"pts": peer.pts} if named else {}))
            # No audio follows: a server that waits for some does so in vain, for a second.
            stopped = await peer.until("speech.stopped", after=at, within=0.9)
            started = peer.all("speech.started", after=at)[0]
            assert started["pts"] == pytest.approx(begin, abs=3)
            assert stopped["pts"] == pytest.approx(peer.pts, abs=3)
            await peer.until("response.started", after=at)


async def test_a_manual_turn_may_begin_half_a_second_back(scripted):
    async with talking(scripted.url, hello=MANUAL) as peer:
        await peer.speak(silence(1.2))
        await peer.send("turn.start", pts=peer.pts - 8000)
        assert (await peer.until("speech.started"))["pts"] == peer.pts - 8000
        await peer.send("turn.cancel")
        await no_errors(peer)


async def test_a_manual_turn_further_back_is_cut_or_refused(scripted):
    async with talking(scripted.url, hello=MANUAL) as peer:
        await peer.speak(silence(1.2))
        reply = await peer.command("turn.start", pts=peer.pts - 8001)
        if reply.type == "error":
            assert reply["code"] == "bad_field"
        else:
            assert (await peer.until("speech.started"))["pts"] >= peer.pts - 8000


async def test_a_commit_waits_for_audio_that_is_not_there_yet(scripted):
    async with talking(scripted.url, hello=MANUAL) as peer:
        await peer.frame(bytes(640), 320, flags=START)
        await peer.send("turn.start")
        await peer.speak(recording("hello"))
        end = peer.pts + 4 * FRAME
        await peer.send("turn.commit", pts=end)
        await peer.barrier()
        assert not peer.all("speech.stopped")
        await peer.speak(silence(0.48))
        stopped = await peer.until("speech.stopped")
        assert stopped.has(pts=end, reason="commit")


async def test_a_commit_waits_no_longer_than_a_second(scripted):
    async with talking(scripted.url, hello=MANUAL) as peer:
        await peer.frame(bytes(640), 320, flags=START)
        await peer.send("turn.start")
        await peer.speak(recording("hello"))
        await peer.send("turn.commit", pts=peer.pts + 8000)
        stopped = await peer.until("speech.stopped", within=3)
        assert stopped["pts"] <= peer.pts
        await peer.until("transcript.final")


async def test_a_cancelled_turn_has_no_final(scripted):
    async with talking(scripted.url, hello=MANUAL) as peer:
        await peer.send("turn.start")
        await peer.speak(recording("hello"))
        assert (await peer.command("turn.cancel")).type == "ack"
        await peer.send("turn.start")
        await peer.speak(recording("hello"))
        await peer.send("turn.commit")
        final = await peer.until("transcript.final")
        assert final["turn"] == peer.all("speech.started")[1]["turn"]
        await peer.until("response.started")
        assert len(peer.all("transcript.final")) == 1


@pytest.mark.parametrize("kind", ["turn.commit", "turn.cancel"])
async def test_a_commit_or_cancel_without_start_is_bad_event(scripted, kind):
    async with talking(scripted.url, hello=MANUAL) as peer:
        await peer.speak(recording("hello"))
        assert (await peer.command(kind)).has(type="error", code="bad_event")


async def test_a_turn_that_starts_during_a_reply_interrupts_it(scripted):
    async with talking(scripted.url, hello=MANUAL, plays=False) as peer:
        start = await talking_reply(peer)
        await peer.send("turn.start")
        assert (await peer.until("interrupt")).has(reason="client", stream=start["stream"])
        await peer.send("playout", stream=start["stream"], pts=1600, state="flushed")
        assert (await peer.until("response.done")).has(status="cancelled", reason="client")


@pytest.mark.parametrize("kind", ["turn.start", "turn.commit", "turn.cancel"])
async def test_push_to_talk_is_bad_event_where_audio_is_ignored(scripted, kind):
    async with talking(scripted.url, hello={"session": {"turn": {"mode": "off"}}}) as peer:
        assert (await peer.command(kind)).has(type="error", code="bad_event")


async def test_a_second_commit_is_bad_event(scripted):
    async with talking(scripted.url, hello=MANUAL) as peer:
        await peer.send("turn.start")
        await peer.speak(recording("hello"))
        assert (await peer.command("turn.commit")).type == "ack"
        assert (await peer.command("turn.commit")).has(type="error", code="bad_event")
        await peer.until("transcript.final")


async def test_manual_turns_follow_each_other(scripted):
    async with talking(scripted.url, hello=MANUAL) as peer:
        bounds = []
        for _ in range(3):
            at = len(peer.log)
            begin = peer.pts
            await peer.send("turn.start")
            await peer.speak(recording("hello"))
            await peer.send("turn.commit")
            bounds.append((begin, peer.pts))
            await peer.until("response.started", after=at)
            await peer.speak(silence(0.3))
        starts = [event["pts"] for event in peer.all("speech.started")]
        stops = [event["pts"] for event in peer.all("speech.stopped")]
        assert list(zip(starts, stops, strict=True)) == bounds
        assert len(peer.all("transcript.final")) == 3


# -- settings -----------------------------------------------------------------------------------


async def test_updates_merge_leaf_by_leaf_and_null_resets(scripted):
    hello = {"session": {"instructions": "One.", "turn": {"threshold": 0.7, "prefix_ms": 100}}}
    async with talking(scripted.url, hello=hello) as peer:
        before = (await peer.barrier())["session"]
        change = {"turn": {"prefix_ms": 300}, "speed": 1.5}
        after = (await peer.command("session.update", session=change))["session"]
        assert after["turn"] == {**before["turn"], "prefix_ms": 300}
        assert after == {**before, "speed": 1.5, "turn": after["turn"]}
        reset = {"turn": {"threshold": None}, "speed": None, "instructions": None}
        after = (await peer.command("session.update", session=reset))["session"]
        assert after["turn"]["threshold"] == 0.5
        assert after["turn"]["prefix_ms"] == 300
        assert after["speed"] == 1
        assert after["instructions"] != "One."
        after = (await peer.command("session.update", session={"turn": None}))["session"]
        assert after["turn"]["prefix_ms"] == 500


@pytest.mark.parametrize(
    ("session", "path"),
    [
        ({"speed": 0.4}, "speed"),
        ({"speed": 2.1}, "speed"),
        ({"output": "smoke"}, "output"),
        ({"language": 7}, "language"),
        ({"turn": {"threshold": 0.05}}, "turn.threshold"),
        ({"turn": {"threshold": 0.96}}, "turn.threshold"),
        ({"turn": {"prefix_ms": 1001}}, "turn.prefix_ms"),
        ({"turn": {"prefix_ms": 1.5}}, "turn.prefix_ms"),
        ({"turn": {"silence_ms": 199}}, "turn.silence_ms"),
        ({"turn": {"silence_ms": 3001}}, "turn.silence_ms"),
        ({"turn": {"eagerness": "wild"}}, "turn.eagerness"),
        ({"turn": {"interrupt": 1}}, "turn.interrupt"),
        ({"turn": {"min_interrupt_ms": 2001}}, "turn.min_interrupt_ms"),
        ({"turn": {"mode": "auto"}}, "turn.mode"),
        ({"turn": 7}, "turn"),
    ],
)
async def test_a_setting_out_of_its_range_changes_nothing(scripted, session, path):
    async with talking(scripted.url) as peer:
        before = (await peer.barrier())["session"]
        error = await peer.command("session.update", session={"max_tokens": 7, **session})
        assert error.has(type="error", code="bad_field")
        assert error["details"]["path"] == f"session.{path}"
        assert (await peer.barrier())["session"] == before


@pytest.mark.parametrize(
    "session",
    [
        {"speed": 0.5}, {"speed": 2}, {"turn": {"threshold": 0.1}}, {"turn": {"threshold": 0.95}},
        {"turn": {"prefix_ms": 1000}}, {"turn": {"silence_ms": 200}},
        {"turn": {"silence_ms": 3000}}, {"turn": {"min_interrupt_ms": 0}},
        {"turn": {"min_interrupt_ms": 2000}}, {"turn": {"eagerness": "low"}},
        {"language": "auto"}, {"metadata": {"a": {"b": 1}}}, {"greeting": "Hi."},
    ],
)  # fmt: skip
async def test_every_setting_in_its_range_is_taken(scripted, session):
    async with talking(scripted.url) as peer:
        effective = (await peer.command("session.update", session=session))["session"]
        for name, value in session.items():
            if name == "turn":
                assert value.items() <= effective["turn"].items()
            else:
                assert effective[name] == value
