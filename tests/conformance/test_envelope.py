"""Sections 3 and 7: sequence numbers, acknowledgements, idempotency, and what an error says."""

import asyncio
import json

import pytest

from tests.conformance.checker import PCM, START, connect, pack, recording, silence, talking


async def frames_of_silence(peer, count: int) -> int:
    for _ in range(count):
        seq = await peer.frame(bytes(640), 320)
    return seq


async def after_the_first_pings(peer) -> None:
    """Wait until nothing but an acknowledgement is due for a while."""
    while len(peer.all("ping")) < 3:
        await peer.until("ping", after=len(peer.log))
    await peer.until("ack", ack=peer.seq, after=0) if peer.seq else None


# -- acknowledgements ---------------------------------------------------------------------------


async def test_a_single_frame_is_acknowledged_after_a_second(scripted):
    async with talking(scripted.url) as peer:
        await after_the_first_pings(peer)
        seq = await frames_of_silence(peer, 1)
        before = asyncio.get_running_loop().time()
        await peer.until("ack", ack=seq)
        assert 0.9 <= asyncio.get_running_loop().time() - before <= 2.0


async def test_32_frames_are_acknowledged_at_once(scripted):
    async with talking(scripted.url) as peer:
        await after_the_first_pings(peer)
        at = len(peer.log)
        before = asyncio.get_running_loop().time()
        first = await frames_of_silence(peer, 1)
        await frames_of_silence(peer, 31)
        ack = await peer.until("ack", after=at)
        assert ack["ack"] == first + 31
        assert asyncio.get_running_loop().time() - before < 0.9


async def test_an_unsequenced_client_gets_no_ack_but_answers(scripted):
    async with talking(scripted.url, numbered=False) as peer:
        await peer.speak(recording("hello"))
        await frames_of_silence(peer, 40)
        assert (await peer.command("session.update", session={})).type == "session.updated"
        await peer.until("response.started")
        await peer.send("response.cancel")
        await peer.until("response.done")
        await asyncio.sleep(1.2)  # an acknowledgement would be due by now
        await peer.barrier()
        assert not peer.all("ack") + peer.all("nack")
        assert not [m for m in peer.log if m.type != "frame" and m.get("ack")]


async def test_an_unsequenced_first_text_makes_the_client_unsequenced(scripted):
    async with talking(scripted.url, numbered=False) as peer:
        await peer.barrier()
        peer.numbered = True
        peer.seq = 40  # numbers that make no sense are not looked at any more
        await peer.barrier()
        await frames_of_silence(peer, 40)
        await peer.barrier()
        assert not peer.all("ack") + peer.all("nack") + peer.all("error")


# -- what consumes a sequence number ------------------------------------------------------------

REJECTED = [
    pytest.param({"type": "session.update", "session": 7}, "bad_field", id="wrong field"),
    pytest.param({"type": "session.update"}, "missing_field", id="missing field"),
    pytest.param({"type": "juggle", "must": True}, "bad_event", id="must"),
    pytest.param({"type": "turn.commit"}, "bad_event", id="wrong state"),
    pytest.param({"type": "tool.result", "call_id": "c_1", "output": 1}, None, id="unsupported"),
    pytest.param({"type": "juggle", "balls": 3}, "", id="unknown type"),
]


@pytest.mark.parametrize(("event", "code"), REJECTED)
async def test_a_rejected_or_ignored_text_consumes_its_number(scripted, event, code):
    hello = {"session": {"turn": {"mode": "manual"}}}
    async with talking(scripted.url, hello=hello) as peer:
        await peer.barrier()
        seq = peer.seq + 1
        await peer.raw(json.dumps({**event, "seq": seq}), counts=True)
        await peer.barrier()
        assert not peer.all("nack")
        errors = peer.all("error")
        if code == "":
            assert not errors
        else:
            assert len(errors) == 1
            assert code is None or errors[0]["code"] == code
            assert errors[0]["details"]["seq"] == seq
        last = await frames_of_silence(peer, 40)
        await peer.until("ack", within=3)
        assert peer.monitor.acknowledged >= last - 32


@pytest.mark.parametrize("text", ["garbage", "{", '{"type": }', "[1]", '"ping"', "", "NaN"])
async def test_text_that_is_not_an_object_consumes_the_next_number(scripted, text):
    async with talking(scripted.url) as peer:
        await peer.barrier()
        await peer.raw(text, counts=True)
        await peer.barrier()
        assert [error["code"] for error in peer.all("error")] == ["bad_json"]
        assert not peer.all("nack")


async def test_a_rejected_frame_consumes_its_number_and_is_named(scripted):
    async with talking(scripted.url) as peer:
        seq = await peer.frame(bytes(640), flags=0)  # no START
        await peer.barrier()
        error = peer.all("error")[0]
        assert error["code"] == "bad_frame"
        assert error["details"] == {"stream": 1, "seq": seq}


async def test_an_error_names_the_command_by_its_id(scripted):
    async with talking(scripted.url) as peer:
        error = await peer.command("session.update", session={"speed": 9})
        assert error.has(type="error", code="bad_field", fatal=False)
        assert error["details"]["path"] == "session.speed"
        assert "seq" not in error["details"]


# -- duplicates and gaps (section 7) ------------------------------------------------------------


async def test_a_repeated_number_is_dropped_silently(scripted):
    async with talking(scripted.url) as peer:
        await peer.barrier()
        change = {"instructions": "never"}
        await peer.send("session.update", seq=1, id="again", session=change)
        updated = await peer.barrier()
        assert updated["session"]["instructions"] != "never"
        assert not peer.all("session.updated", re="again")
        assert not peer.all("error") + peer.all("nack")


async def test_a_jump_gets_one_nack_and_what_follows_is_discarded(scripted):
    async with talking(scripted.url) as peer:
        await peer.barrier()
        for seq in (5, 6, 7):
            await peer.send(
                "session.update", seq=seq, id=f"lost-{seq}", session={"max_tokens": seq}
            )
        nack = await peer.until("nack")
        assert nack.has(**{"from": 2, "to": 5})
        peer.seq = 1  # go back to `from`, as the sender should
        updated = await peer.barrier()
        assert updated["session"]["max_tokens"] not in (5, 6, 7)
        assert len(peer.all("nack")) == 1
        assert not [event for event in peer.all("session.updated") if "lost" in event["re"]]


async def test_a_gap_lets_the_server_go_on(scripted):
    async with talking(scripted.url) as peer:
        await peer.barrier()
        await peer.send("session.update", seq=9, session={})
        nack = await peer.until("nack")
        await peer.send("gap", **{"from": nack["from"], "to": nack["to"]})
        peer.seq = nack["to"]
        await peer.barrier()


async def test_a_repeated_frame_is_dropped_silently(scripted):
    async with talking(scripted.url) as peer:
        seq = await peer.frame(bytes(640), 320)
        await peer.frame(bytes(640), 320, seq=seq, pts=0, flags=START)
        await peer.frame(bytes(640), 320, seq=seq, pts=0, flags=0x10)
        await peer.frame(bytes(640), 320)
        await peer.barrier()
        assert not peer.all("error") + peer.all("nack")


async def test_audio_is_taken_again_after_a_nack(scripted):
    async with talking(scripted.url, hello={"session": {"turn": {"mode": "manual"}}}) as peer:
        await peer.send("turn.start")
        await peer.frame(bytes(640), 320)
        await peer.frame(bytes(640), 320, seq=4, pts=640)  # 3 got lost
        nack = await peer.until("nack")
        assert nack.has(**{"from": 3, "to": 4})
        await peer.frame(bytes(640), 320, seq=3, pts=320, flags=0x10)
        await peer.frame(bytes(640), 320, seq=4, pts=640, flags=0x10)
        peer.seq = 4
        await peer.send("turn.commit")
        assert (await peer.until("speech.stopped"))["pts"] == 960
        await peer.barrier()
        assert not peer.all("error")


async def test_the_server_sends_again_what_is_asked_for(scripted):
    async with talking(scripted.url, watched=False) as peer:
        await peer.send("response.create", say="Again.")
        await peer.until("response.done")
        # More is sent behind it, at its own time.
        await peer.barrier()
        first = peer.all("frame")[0]
        last = peer.monitor.seq
        at = len(peer.log)
        await peer.send("nack", **{"from": first.seq, "to": last})
        await peer.until(seq=last, after=at)
        again = [m for m in peer.log[at:] if m.type == "frame"]
        assert [(m.seq, m.pts, m.payload) for m in again] == [
            (m.seq, m.pts, m.payload) for m in peer.log[:at] if m.type == "frame"
        ]
        assert all(m.flags & 0x10 for m in again)
        assert again[0].flags & START
        numbers = [
            m.seq if m.type == "frame" else m["seq"]
            for m in peer.log[at:]
            if m.type == "frame" or m.get("seq")
        ]
        assert [n for n in numbers if n <= last] == list(range(first.seq, last + 1))


async def test_what_was_acknowledged_cannot_be_asked_for_again(scripted):
    async with talking(scripted.url) as peer:
        await peer.barrier()
        await peer.send("ack", ack=peer.monitor.seq)
        await peer.send("nack", **{"from": 1, "to": 1})
        gap = await peer.until("gap")
        assert gap["from"] == 1
        assert 1 <= gap["to"] <= peer.monitor.seq
        await peer.until("error", code="seq_gap")


async def test_an_ack_may_ride_on_any_text(scripted):
    async with talking(
        scripted.url, watched=False
    ) as peer:  # what was not acknowledged comes again
        await peer.barrier()
        await peer.command("session.update", session={}, ack=peer.monitor.seq)
        await peer.send("nack", **{"from": 1, "to": 1})
        await peer.until("gap")  # it was let go of


# -- idempotency --------------------------------------------------------------------------------


async def test_a_repeated_id_has_no_effect_and_gets_the_first_reply_again(scripted):
    async with talking(scripted.url) as peer:
        first = await peer.command("session.update", id="one", session={"instructions": "First."})
        await peer.command("session.update", id="two", session={"instructions": "Second."})
        again = await peer.command("session.update", id="one", session={"instructions": "First."})
        assert again["seq"] > first["seq"]
        assert again["session"] == first["session"]
        assert (await peer.barrier())["session"]["instructions"] == "Second."


async def test_a_repeated_id_does_not_speak_twice(scripted):
    async with talking(scripted.url) as peer:
        first = await peer.command("response.create", id="say", say="Once only.")
        again = await peer.command("response.create", id="say", say="Once only.")
        assert (again.type, again["re"]) == (first.type, "say")
        await peer.until("audio.end")
        await peer.barrier()
        assert len(peer.all("response.done")) == 1


async def test_a_repeated_id_repeats_the_error(scripted):
    async with talking(scripted.url) as peer:
        first = await peer.command("response.cancel", id="x")
        again = await peer.command("response.cancel", id="x")
        assert first["code"] == again["code"] == "no_active_response"


async def test_256_ids_are_remembered(scripted):
    async with talking(scripted.url) as peer:
        await peer.command("session.update", id="first", session={"max_tokens": 11})
        for number in range(255):
            await peer.send("session.update", id=f"n{number}", session={"max_tokens": 12})
        await peer.until(re="n254")
        reply = await peer.command("session.update", id="first", session={"max_tokens": 11})
        assert reply["session"]["max_tokens"] == 11
        peer.log.clear()
        await peer.send("session.update", session={})  # without an id, to keep the memory as it is
        assert (await peer.until("session.updated"))["session"]["max_tokens"] == 12
        await peer.send("session.update", id="one more", session={})
        await peer.until(re="one more")
        peer.log.clear()
        await peer.send("session.update", id="first", session={"max_tokens": 11})
        await peer.until(re="first")
        await peer.send("session.update", session={})
        last = await peer.until("session.updated", after=1)
        assert last["session"]["max_tokens"] == 11  # forgotten, so it was a new command


# -- ack{re} ------------------------------------------------------------------------------------

WITHOUT_REPLY = [
    ("input.text", {"text": "Noted.", "respond": False}),
    (
        "audio.open",
        {"stream": 2, "codec": "pcm_s16le", "rate": 48000, "frame_ms": 20, "role": "mic"},
    ),
    ("turn.start", {}),
]


@pytest.mark.parametrize(("kind", "fields"), WITHOUT_REPLY)
async def test_a_command_without_a_reply_is_acknowledged_by_id(scripted, kind, fields):
    hello = {"session": {"turn": {"mode": "manual"}}}
    async with talking(scripted.url, hello=hello) as peer:
        reply = await peer.command(kind, **fields)
        assert reply.type == "ack", reply
        await peer.barrier()
        assert len([m for m in peer.log if m.type != "frame" and m.get("re") == reply["re"]]) == 1


@pytest.mark.parametrize(("kind", "fields"), WITHOUT_REPLY)
async def test_a_command_without_id_gets_no_answer_by_id(scripted, kind, fields):
    hello = {"session": {"turn": {"mode": "manual"}}}
    async with talking(scripted.url, hello=hello) as peer:
        await peer.send(kind, **fields)
        done = await peer.barrier()
        answers = [m for m in peer.log if m.type != "frame" and "re" in m.body]
        assert answers == [done]
        assert not peer.all("error")


@pytest.mark.parametrize(
    ("kind", "fields", "reply"),
    [
        ("session.update", {"session": {}}, "session.updated"),
        ("response.create", {"say": "Hi."}, "response.started"),
    ],
)
async def test_a_command_with_a_natural_reply_gets_it_with_the_id(scripted, kind, fields, reply):
    async with talking(scripted.url) as peer:
        assert (await peer.command(kind, **fields)).type == reply


# -- what is unknown, what must be known --------------------------------------------------------


async def test_unknown_types_fields_and_flags_are_ignored(scripted):
    async with talking(scripted.url) as peer:
        await peer.send("juggle", balls=3)
        await peer.send("session.update", session={"shoe_size": 44}, colour="red")
        await peer.frame(bytes(640), 320, flags=START | 0xE0)
        await peer.frame(bytes(640), 320, flags=0x80)
        updated = await peer.barrier()
        assert not peer.all("error")
        assert "shoe_size" not in updated["session"]


async def test_an_unknown_type_that_must_be_known_is_bad_event(scripted):
    async with talking(scripted.url) as peer:
        assert (await peer.command("juggle", must=True)).has(type="error", code="bad_event")
        assert (
            await peer.command("session.update", must=True, session={})
        ).type == "session.updated"


async def test_a_known_type_in_the_wrong_state_is_bad_event(scripted):
    async with talking(scripted.url) as peer:
        await peer.send("hello", protocol=1, client={"name": "a", "version": "b"})
        await peer.barrier()
        assert [error["code"] for error in peer.all("error")] == ["bad_event"]


@pytest.mark.parametrize(
    ("event", "code", "path"),
    [
        ({"type": "input.text"}, "missing_field", "text"),
        ({"type": "input.text", "text": 7}, "bad_field", "text"),
        ({"type": "session.update", "session": {"voice": 1}}, "bad_field", "session.voice"),
        ({"type": "session.update", "session": {"speed": 2.5}}, "bad_field", "session.speed"),
        ({"type": "playout", "stream": 256, "pts": 0}, "missing_field", "state"),
        ({"type": "playout", "stream": 256, "pts": 1.5, "state": "done"}, "bad_field", "pts"),
        ({"type": "playout", "stream": 256, "pts": -1, "state": "done"}, "bad_field", "pts"),
        ({"type": "playout", "stream": 256, "pts": True, "state": "done"}, "bad_field", "pts"),
        ({"type": "session.update", "session": {}, "id": "x" * 37}, "bad_field", "id"),
        ({"type": 7}, "bad_field", "type"),
        ({}, "missing_field", "type"),
    ],
)  # fmt: skip
async def test_a_wrong_or_missing_field_is_named_by_its_path(scripted, event, code, path):
    async with talking(scripted.url) as peer:
        await peer.barrier()
        await peer.raw(json.dumps({**event, "seq": peer.seq + 1}), counts=True)
        await peer.barrier()
        error = peer.all("error")[0]
        assert (error["code"], error["details"]["path"]) == (code, path)
        assert error["details"]["seq"] == peer.seq - 1
        assert not peer.all("nack")


async def test_an_error_before_the_welcome_is_not_numbered(scripted):
    async with connect(scripted.url) as peer:
        await peer.socket.send("{")
        assert "seq" not in (await peer.until("error")).body


# -- the header's vectors (section 2) -----------------------------------------------------------


async def test_the_first_frame_of_the_vectors_is_accepted(scripted):
    frame = pack(flags=START, seq=2, pts=0, ts=1000)
    assert frame.hex() == "110100010000000200000000000003e8"
    second = pack(flags=0, seq=3, pts=0x3C0, ts=0x424)
    assert second.hex() == "1100000100000003000003c000000424"
    async with talking(scripted.url) as peer:
        await peer.barrier()
        await peer.raw(frame + bytes(1920), counts=True)
        await peer.raw(second + bytes(1920), counts=True)
        await peer.barrier()
        assert peer.monitor.welcome["audio"]["in"] == PCM
        assert not peer.all("error") + peer.all("nack")


async def test_speech_is_heard_from_a_client_that_never_acknowledges(scripted):
    async with talking(scripted.url) as peer:
        await peer.speak(recording("hello"))
        await peer.speak(silence(0.6))
        await peer.until("audio.end")
