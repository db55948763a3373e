"""Sections 1 and 4: what happens until both sides have said hello."""

import asyncio
import json
import random
import time

import pytest
import websockets
from websockets.exceptions import InvalidStatus

from tests.conformance.checker import PCM, START, connect, pack, recording, silence, talking

LIMITS = {
    "max_text": 65536, "max_binary": 16384, "max_hello": 16384, "max_frames_per_s": 500,
    "burst": 1000, "max_depth": 16, "max_streams": 4, "max_instructions": 32768,
    "history_items": 200, "uplink_window_ms": 5000, "replay_ms": 30000, "replay_bytes": 524288,
    "resume_ttl_ms": 120000, "session_ttl_ms": 14400000, "tools": 64,
}  # fmt: skip
CLIENT = {"name": "checker", "version": "1"}


def pcm(rate: int, frame_ms: float = 20) -> dict:
    return {"codec": "pcm_s16le", "rate": rate, "frame_ms": frame_ms}


def opus(rate: int, frame_ms: float = 20) -> dict:
    return {"codec": "opus", "rate": rate, "frame_ms": frame_ms}


# -- section 1 ----------------------------------------------------------------------------------


async def test_the_server_echoes_the_subprotocol_only(scripted):
    offers = ["parley.token.c2VjcmV0", "parley.v1"]
    async with websockets.connect(scripted.url, subprotocols=offers) as socket:
        assert socket.subprotocol == "parley.v1"


async def test_a_handshake_without_subprotocol_is_accepted(scripted):
    async with talking(scripted.url, subprotocols=None) as peer:
        assert peer.socket.subprotocol is None


async def test_compression_is_not_negotiated(scripted):
    async with websockets.connect(scripted.url, compression="deflate") as socket:
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_an_unknown_path_is_404(scripted):
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(scripted.url.replace("native", "other"))
    assert refused.value.response.status_code == 404


async def test_a_foreign_origin_is_403(scripted):
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(scripted.url, origin="https://attacker.example")
    assert refused.value.response.status_code == 403


async def test_fragmented_messages_are_accepted(scripted):
    async with connect(scripted.url) as peer:
        hello = json.dumps({"type": "hello", "protocol": 1, "client": CLIENT})
        await peer.socket.send([hello[:7], hello[7:30], "", hello[30:]])
        await peer.until("welcome")


# -- section 4: the welcome ---------------------------------------------------------------------


async def test_the_welcome_says_everything(scripted):
    async with talking(scripted.url) as peer:
        welcome = peer.monitor.welcome
        assert welcome.has(protocol=1, resume="new", recv=0, send_from=1, heartbeat_ms=15000)
        assert welcome["limits"] == LIMITS
        assert welcome["audio"] == {"in": PCM, "out": PCM}
        assert set(welcome["server"]) == {"name", "version"}
        assert isinstance(welcome["epoch"], str)
        # The pair was read together, the event's own time when it was written: never before.
        assert 0 <= (welcome["ts"] - welcome["time"]["ts"]) % 2**32 < 60_000
        assert abs(welcome["time"]["wall"] / 1000 - time.time()) < 60
        assert len(welcome["token"]) >= 22  # 128 bits (§7)


async def test_sessions_and_tokens_are_all_different(scripted):
    async with talking(scripted.url) as one, talking(scripted.url) as other:
        for name in ("session", "token"):
            assert one.monitor.welcome[name] != other.monitor.welcome[name]


async def test_all_but_the_protocol_and_the_client_may_be_omitted(scripted):
    async with connect(scripted.url) as peer:
        await peer.send("hello", protocol=1, client=CLIENT)
        welcome = await peer.until("welcome")
        assert welcome["audio"] == {"in": None, "out": None}
        assert welcome["features"] == []
        session = (await peer.barrier())["session"]
        assert session["turn"] == {
            "mode": "vad", "threshold": 0.5, "prefix_ms": 500, "silence_ms": None,
            "eagerness": "medium", "interrupt": False, "min_interrupt_ms": 250, "idle_ms": None,
            "backchannel": False,
        }  # fmt: skip
        assert session["speed"] == 1


async def test_features_are_on_only_if_both_list_them(scripted):
    hello = {"features": ["captions", "teleport", "ref", "blob", "tools", "partials"]}
    async with talking(scripted.url, hello=hello) as peer:
        assert peer.monitor.welcome["features"] == ["captions", "partials"]


@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        ([opus(16000), pcm(16000)], opus(16000)),
        ([pcm(48000), opus(16000)], pcm(48000)),
        ([{"codec": "vorbis", "rate": 48000, "frame_ms": 20}, pcm(8000)], pcm(8000)),
        ([pcm(22050), pcm(24000)], pcm(24000)),
        ([{"codec": "pcmu", "rate": 16000, "frame_ms": 20}, opus(12000)], opus(12000)),
        ([{"codec": "pcma", "rate": 8000, "frame_ms": 20}], None),
        ([], []),
    ],
)
async def test_the_first_format_that_the_server_has_is_taken(scripted, offers, chosen):
    expected = None if chosen == [] else chosen or offers[0]
    async with talking(scripted.url, hello={"audio": {"in": offers, "out": offers}}) as peer:
        assert peer.monitor.welcome["audio"] == {"in": expected, "out": expected}


@pytest.mark.parametrize(
    ("side", "offers", "codes"),
    [
        ("in", [{"codec": "vorbis", "rate": 48000, "frame_ms": 20}], {"unsupported_codec"}),
        ("out", [{"codec": "vorbis", "rate": 48000, "frame_ms": 20}], {"unsupported_codec"}),
        ("in", [pcm(22050)], {"unsupported_rate"}),
        ("out", [{"codec": "pcmu", "rate": 48000, "frame_ms": 20}], {"unsupported_rate"}),
    ],
)
async def test_no_common_format_closes_with_4400(scripted, side, offers, codes):
    async with connect(scripted.url) as peer:
        await peer.hello(wait=False, audio={"in": [PCM], "out": [PCM], side: offers})
        error = await peer.until("error")
        assert error["code"] in codes
        assert error["fatal"] is True
        assert await peer.close_code() == 4400


async def test_frames_get_shorter_where_max_binary_is_too_small(scripted):
    hello = {
        "audio": {"in": [], "out": [pcm(48000, 120)]},
        "limits": {"max_text": 8192, "max_binary": 2500},
    }
    async with talking(scripted.url, hello=hello) as peer:
        await peer.send("response.create", say="Short frames.")
        await peer.until("response.done")
        sizes = {len(frame.payload) for frame in peer.all("frame")}
        assert max(sizes) <= 2500 - 16  # the monitor checks frame_ms against audio.start, too


async def test_texts_that_do_not_fit_the_client_are_omitted(scripted):
    hello = {"limits": {"max_text": 2048, "max_binary": 4096}}
    async with talking(scripted.url, hello=hello) as peer:
        reply = await peer.command("session.update", session={"instructions": "long " * 1000})
        assert reply["omitted"] in (["session"], ["session.instructions"])


async def test_hello_carries_the_session_settings(scripted):
    hello = {"session": {"instructions": "Be brief.", "turn": {"mode": "manual", "prefix_ms": 0}}}
    async with talking(scripted.url, hello=hello) as peer:
        session = (await peer.barrier())["session"]
        assert session["instructions"] == "Be brief."
        assert session["turn"]["mode"] == "manual"
        assert session["turn"]["prefix_ms"] == 0


@pytest.mark.parametrize(
    ("aec", "interrupt"), [("none", False), ("device", True), ("server", True)]
)
async def test_interruptions_depend_on_echo_cancellation(scripted, aec, interrupt):
    hello = {"audio": {"in": [PCM], "out": [PCM], "aec": aec}, "session": None}
    async with talking(scripted.url, hello=hello) as peer:
        assert (await peer.barrier())["session"]["turn"]["interrupt"] is interrupt
        changed = await peer.command(
            "session.update", session={"turn": {"interrupt": not interrupt}}
        )
        assert changed["session"]["turn"]["interrupt"] is not interrupt
        reset = await peer.command("session.update", session={"turn": {"interrupt": None}})
        assert reset["session"]["turn"]["interrupt"] is interrupt


async def test_a_resume_is_answered_by_a_new_session(scripted):
    async with talking(scripted.url) as old:
        session, token = old.monitor.welcome["session"], old.monitor.welcome["token"]
    hello = {"resume": {"session": session, "token": token, "recv": 3, "replay": "all"}}
    async with talking(scripted.url, hello=hello) as peer:
        welcome = peer.monitor.welcome
        assert welcome.has(resume="expired", recv=0, send_from=1)
        assert welcome["session"] != session
        await peer.barrier()


async def test_an_unknown_preset_closes_with_4404(scripted):
    async with connect(scripted.url) as peer:
        await peer.hello(wait=False, preset="nobody")
        assert (await peer.until("error")).has(code="unknown_preset", fatal=True)
        assert await peer.close_code() == 4404


async def test_another_major_version_closes_with_4426(scripted):
    async with connect(scripted.url) as peer:
        await peer.hello(wait=False, protocol=2)
        error = await peer.until("error")
        assert error["details"]["supported"] == [1]
        assert error["fatal"] is True
        assert await peer.close_code() == 4426


async def test_a_frame_may_last_a_fraction_of_a_millisecond_more(scripted):
    audio = {"in": [opus(16000, 2.5)], "out": [opus(48000, 2.5)]}
    async with talking(scripted.url, hello={"audio": audio}) as peer:
        assert peer.monitor.welcome["audio"] == {"in": audio["in"][0], "out": audio["out"][0]}
        await peer.send("response.create", say="Tiny.")
        end = await peer.until("audio.end")  # the monitor reads every packet's duration
        assert end["pts"] % 120 == 0


async def test_what_is_not_implemented_in_a_hello_is_unsupported_but_no_obstacle(scripted):
    tool = {"name": "clock", "description": "Tells the time.", "parameters": {"type": "object"}}
    session = {"instructions": "Kept.", "tools": [tool]}
    async with talking(scripted.url, hello={"session": session}) as peer:
        assert (await peer.until("error")).has(code="unsupported", fatal=False)
        assert (await peer.barrier())["session"]["instructions"] == "Kept."
        error = await peer.command("session.update", session={"tools": [tool]})
        assert error.has(type="error", code="unsupported")


# -- section 3: the first frame -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("{", "bad_json"),
        ("[]", "bad_json"),
        ('{"type": "ping", "t0": 1}', "bad_event"),
        ('{"type": "session.update", "seq": 1, "session": {}}', "bad_event"),
        ('{"type": "hello", "client": {"name": "a", "version": "b"}}', "missing_field"),
        ('{"type": "hello", "protocol": 1}', "missing_field"),
        (
            '{"type": "hello", "protocol": "1", "client": {"name": "a", "version": "b"}}',
            "bad_field",
        ),
        ('{"type": "hello", "protocol": 1, "client": {"name": 1, "version": "b"}}', "bad_field"),
        ('{"protocol": 1}', "missing_field"),
        (pack(flags=START, seq=1, pts=0, ts=0, payload=bytes(640)), "bad_frame"),
    ],
)
async def test_a_first_frame_that_is_no_valid_hello_closes_with_4400(scripted, first, code):
    async with connect(scripted.url) as peer:
        await peer.socket.send(first)
        error = await peer.until("error")
        assert error.has(code=code, fatal=True)
        assert await peer.close_code() == 4400


async def test_a_bad_hello_names_the_field(scripted):
    async with connect(scripted.url) as peer:
        await peer.hello(wait=False, session={"turn": {"threshold": 7}})
        assert (await peer.until("error"))["details"]["path"] == "session.turn.threshold"
        assert await peer.close_code() == 4400


async def test_any_hello_is_welcomed_or_refused(scripted):
    generator = random.Random(3)
    values = [None, True, -1, 0, 2**40, 1.5, "", "x", [], {}, [{}], [PCM], "opus", ["playout"]]
    paths = [
        ("protocol",), ("token",), ("client",), ("client", "name"), ("client", "device_id"),
        ("audio",), ("audio", "in"), ("audio", "out"), ("audio", "aec"), ("audio", "out_buffer_ms"),
        ("features",), ("limits",), ("limits", "max_text"), ("session",), ("session", "turn"),
        ("session", "greeting"), ("preset",), ("resume",),
    ]  # fmt: skip
    for _ in range(60):
        hello: dict = {"type": "hello", "protocol": 1, "client": dict(CLIENT)}
        for _ in range(2):
            *outer, name = generator.choice(paths)
            place = hello
            for step in outer:
                if not isinstance(place.get(step), dict):
                    place[step] = {}
                place = place[step]
            place[name] = generator.choice(values)
        async with connect(scripted.url, watched=False) as peer:
            await peer.socket.send(json.dumps(hello))
            async with asyncio.timeout(5):
                while not peer.log:
                    await asyncio.sleep(0.001)
            first = peer.log[0]
            assert first.type in ("welcome", "error"), hello
            if first.type == "error":
                assert first["fatal"] is True
                assert first["code"] != "internal"
                assert await peer.close_code() in (4400, 4404, 4426)


# -- audio before the welcome (section 2.1) -----------------------------------------------------


async def test_audio_before_the_welcome_is_heard_with_one_format(scripted):
    async with connect(scripted.url) as peer:
        await peer.hello(wait=False)
        await peer.speak(recording("hello"))
        await peer.speak(silence(0.6))
        await peer.until("transcript.final")
        assert peer.log[0].type == "welcome"
        await peer.barrier()
        assert not peer.all("error") + peer.all("warning", code="audio_discarded")


async def test_early_audio_is_heard_or_discarded_with_a_warning_with_two_formats(scripted):
    audio = {"in": [PCM, opus(16000)], "out": [PCM], "aec": "device"}
    async with connect(scripted.url) as peer:
        await peer.hello(wait=False, audio=audio)
        await peer.speak(recording("hello"))
        await peer.speak(silence(0.6))
        await peer.until("welcome")
        await peer.barrier()
        discarded = peer.all("warning", code="audio_discarded")
        assert len(discarded) == 1 or await peer.until("transcript.final")
