import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import ERRORS, BadFrame, CloseCode, ErrorCode
from protocol.events import (
    Ack,
    Answer,
    AudioFrame,
    AudioReceived,
    Bye,
    ErrorReport,
    Gap,
    Hello,
    InputText,
    Limits,
    Nack,
    Ping,
    Pong,
    ResponseDone,
    Retransmission,
    ServerInfo,
    SessionSettings,
    SessionUpdate,
    SessionUpdated,
    State,
    TurnSettings,
    TurnStart,
    Usage,
    WarningReport,
)
from protocol.frames import Flag, Frame, pack, parse
from protocol.server import Close, Command, Outcome, ServerProtocol, Timers, has_natural_reply
from protocol.states import ConnectionState, StateError
from tests.protocol.peers import HELLO, PCM, SILENCE_20MS, Peer

SETTINGS = SessionUpdated(SessionSettings("", "en", "audio", TurnSettings()))


def commands(outcome: Outcome) -> list[Any]:
    return [command.event for command in outcome.commands]


# Hello and welcome.


def test_a_hello_is_handed_out_and_welcomed():
    peer = Peer().welcomed()
    welcome = peer.welcome_message
    assert welcome["resume"] == "new"
    assert welcome["audio"] == {"in": PCM, "out": PCM}
    assert welcome["features"] == ["playout"]
    assert welcome["limits"] == {
        "max_text": 65536,
        "max_binary": 16384,
        "max_hello": 16384,
        "max_frames_per_s": 500,
        "burst": 1000,
        "max_depth": 16,
        "max_streams": 4,
        "max_instructions": 32768,
        "history_items": 200,
        "uplink_window_ms": 5000,
        "replay_ms": 30000,
        "replay_bytes": 524288,
        "resume_ttl_ms": 120000,
        "session_ttl_ms": 14400000,
        "tools": 64,
    }
    assert "seq" not in welcome
    assert (welcome["recv"], welcome["send_from"]) == (0, 1)
    assert peer.server.state is ConnectionState.OPEN


def test_a_minimal_hello_gets_the_defaults():
    client = {"name": "a", "version": "b"}
    peer = Peer(hello={"type": "hello", "protocol": 1, "client": client}).welcomed()
    assert peer.welcome_message["audio"] == {"in": None, "out": None}
    assert peer.welcome_message["features"] == []


def test_the_welcome_answers_the_id_of_the_hello():
    assert Peer(hello={**HELLO, "id": "h"}).welcomed().welcome_message["re"] == "h"


def test_a_wish_to_resume_gets_a_new_session():
    resume = {"session": "s_0", "token": "x", "recv": 3}
    peer = Peer(hello={**HELLO, "resume": resume}).welcomed()
    assert peer.welcome_message["resume"] == "expired"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "bad_json"),
        ("[]", "bad_json"),
        (b"\x11\x01\x00\x01" + bytes(12), "bad_frame"),
        (b"", "bad_frame"),
        ('{"type":"input.text","text":"hi"}', "bad_event"),
        ('{"type":"hologram"}', "bad_event"),
        ('{"protocol":1}', "missing_field"),
        ('{"type":"hello"}', "missing_field"),
        ('{"type":"hello","protocol":"1","client":{"name":"a","version":"b"}}', "bad_field"),
        ('{"type":"hello","protocol":1,"client":{"name":"a"}}', "missing_field"),
    ],
)
def test_anything_but_a_valid_hello_ends_the_connection_at_once(message, code):
    peer = Peer()
    outcome = peer.server.receive(message, peer.now)
    assert outcome.close.code == 4400
    error = peer.error(outcome)
    assert error["code"] == code
    assert error["fatal"] is True
    assert "seq" not in error
    assert peer.text(**HELLO) == Outcome()


def test_another_version_is_refused_with_the_supported_ones():
    peer = Peer()
    outcome = peer.text(type="hello", protocol=2, shape="unknown")
    assert outcome.close.code == CloseCode.VERSION_UNSUPPORTED == 4426
    assert peer.error(outcome)["details"] == {"supported": [1]}


def test_a_hello_above_16_kib_is_refused():
    peer = Peer()
    outcome = peer.text(**HELLO, padding="x" * 16384)
    assert outcome.close.code == 4400
    assert peer.error(outcome)["code"] == "too_large"


def test_a_hello_that_does_not_come_is_not_waited_for():
    peer = Peer()
    assert peer.server.next_deadline() == 105.0
    assert peer.server.on_deadline(104.9) == Outcome()
    outcome = peer.server.on_deadline(105.0)
    assert outcome.close == Close(CloseCode.TIMEOUT, "no hello within 5 s")
    assert peer.server.next_deadline() is None


@pytest.mark.parametrize(
    ("code", "close"),
    [
        (ErrorCode.UNAUTHORIZED, 4401),
        (ErrorCode.FORBIDDEN, 4403),
        (ErrorCode.UNKNOWN_PRESET, 4404),
        (ErrorCode.RESUME_DENIED, 4401),
        (ErrorCode.UNSUPPORTED_CODEC, 4400),
        (ErrorCode.UNSUPPORTED_RATE, 4400),
        (ErrorCode.BUSY, 4503),
        (ErrorCode.MODEL_LOADING, 1013),
        (ErrorCode.INTERNAL, 1011),
    ],
)
def test_a_refused_hello_gets_its_error_and_close_code(code, close):
    peer = Peer()
    peer.text(**HELLO, id="h")
    outcome = peer.server.refuse(code, "no", {"ref": "x"})
    assert outcome.close.code == close
    error = peer.error(outcome)
    assert (error["code"], error["fatal"], error["re"]) == (code, True, "h")
    assert peer.server.state is ConnectionState.CLOSED
    assert peer.server.refuse(code, "no") == Outcome()


def test_an_open_session_can_be_ended_with_an_error():
    peer = Peer().welcomed()
    outcome = peer.server.refuse(ErrorCode.WINDOW_EXCEEDED, "too much unread audio")
    assert outcome.close.code == 4429
    assert "re" not in peer.error(outcome)


def test_welcome_without_a_hello_is_a_mistake_of_the_caller():
    peer = Peer()
    with pytest.raises(StateError):
        peer.accept(Hello(1, None))


def test_a_second_hello_is_a_bad_event():
    peer = Peer().welcomed()
    assert peer.error(peer.text(**HELLO))["code"] == "bad_event"


def test_tools_in_a_hello_are_answered_as_unsupported():
    tool = {"name": "x", "description": "", "parameters": {}}
    peer = Peer(hello={**HELLO, "session": {"tools": [tool]}}).welcomed()
    error = peer.error(peer.early)
    assert (error["code"], error["details"]) == ("unsupported", {"path": "session.tools"})


# Audio before the welcome.


def test_audio_before_the_welcome_is_taken_after_it():
    peer = Peer()
    [command] = peer.text(**HELLO).commands
    assert peer.start() == Outcome()
    assert peer.frame() == Outcome()
    welcome, outcome = peer.accept(command.event)
    assert [event.pts for event in commands(outcome)] == [0, 320]
    assert welcome["recv"] == 2


def test_ambiguous_audio_before_the_welcome_is_discarded_with_a_warning():
    formats = [PCM, {**PCM, "rate": 8000}]
    peer = Peer(hello={**HELLO, "audio": {"in": formats}})
    [command] = peer.text(**peer.hello).commands
    peer.start()
    peer.frame()
    _, outcome = peer.accept(command.event)
    assert commands(outcome) == []
    [warning] = outcome.replies
    assert warning.code == "audio_discarded"
    assert peer.frame() == Outcome()
    assert commands(peer.start()) == [AudioReceived(1, SILENCE_20MS, 0, start=True)]


def test_ambiguous_audio_that_loses_count_is_reported_after_the_welcome():
    formats = [PCM, {**PCM, "rate": 8000}]
    peer = Peer(hello={**HELLO, "audio": {"in": formats}})
    [command] = peer.text(**peer.hello).commands
    peer.start()
    peer.frame(seq=0)
    _, outcome = peer.accept(command.event)
    assert [reply.code for reply in outcome.replies] == ["audio_discarded", "bad_frame"]


def test_what_is_kept_before_the_welcome_is_bounded():
    peer = Peer()
    peer.text(**HELLO)
    outcomes = [peer.frame(bytes(3840)) for _ in range(200)]
    [close] = [outcome.close for outcome in outcomes if outcome.close]
    assert close.code == 4429


# Numbers and acknowledgements.


def test_messages_and_audio_share_one_sequence():
    peer = Peer().welcomed()
    assert commands(peer.say("turn.start")) == [TurnStart()]
    peer.start()
    peer.say("turn.commit")
    assert peer.server.recv == 3


def test_every_32_frames_are_acknowledged():
    peer = Peer().welcomed()
    assert [peer.start().replies, *[peer.frame().replies for _ in range(30)]] == [()] * 31
    [ack] = peer.frame().replies
    assert peer.seal(ack)["ack"] == 32


def test_a_single_frame_is_acknowledged_after_a_second():
    peer = Peer().welcomed()
    peer.server.on_deadline(peer.now)
    peer.start()
    peer.now += 1.0
    replies = [reply for reply in peer.server.on_deadline(peer.now).replies if reply == Ack()]
    assert peer.seal(replies[0])["ack"] == 1


def test_an_acknowledgement_rides_on_any_text():
    peer = Peer().welcomed()
    peer.start()
    assert peer.seal(State("listening"))["ack"] == 1
    assert "ack" not in peer.seal(State("idle"))
    peer.now += 1.0
    assert Ack() not in peer.server.on_deadline(peer.now).replies


def test_duplicates_are_dropped_silently():
    peer = Peer().welcomed()
    peer.say("turn.start")
    assert peer.text(type="turn.commit", seq=1) == Outcome()


def test_a_hole_is_asked_for_once_and_what_follows_is_discarded():
    peer = Peer().welcomed()
    peer.say("turn.start")
    assert peer.text(type="turn.commit", seq=4).replies == (Nack(2, 4),)
    assert peer.text(type="turn.commit", seq=5) == Outcome()
    assert commands(peer.text(type="turn.commit", seq=2)) != []


def test_a_gap_closes_a_hole():
    peer = Peer().welcomed()
    peer.say("turn.start")
    peer.text(type="turn.commit", seq=4)
    peer.text(type="gap", **{"from": 2, "to": 4})
    assert peer.server.recv == 4
    assert commands(peer.text(type="turn.cancel", seq=5)) != []


def test_a_client_that_does_not_count_is_taken_as_it_comes():
    peer = Peer().welcomed()
    assert commands(peer.text(type="turn.start")) == [TurnStart()]
    assert commands(peer.frame(flags=Flag.START, seq=0)) != []
    assert commands(peer.frame(seq=0)) != []
    assert [peer.frame(seq=0).replies for _ in range(40)] == [()] * 40
    assert commands(peer.text(type="turn.start", seq=99)) == [TurnStart()]
    assert peer.server.recv == 0
    assert "ack" not in peer.seal(State("idle"))


def test_a_client_that_counts_must_go_on_counting():
    peer = Peer().welcomed()
    peer.say("turn.start")
    error = peer.error(peer.text(type="turn.commit"))
    assert (error["code"], error["details"]["path"]) == ("missing_field", "seq")
    assert peer.error(peer.frame(flags=Flag.START, seq=0))["code"] == "bad_frame"


def test_rejected_and_ignored_frames_consume_their_number():
    peer = Peer().welcomed()
    peer.say("playout", stream=0)
    peer.say("hologram")
    peer.frame(bytes(3))
    peer.server.receive(b"\x21\x00\x00\x01\x00\x00\x00\x04" + bytes(8), peer.now)
    peer.seq += 1
    peer.server.receive("not json", peer.now)
    peer.seq += 1
    assert peer.server.recv == 5
    assert commands(peer.say("turn.start")) == [TurnStart()]


def test_numbers_of_the_server_go_on_after_the_wrap():
    peer = Peer().welcomed()
    peer.server._link.last_sent = 0xFFFFFFFE
    numbers = [peer.seal(State("idle"))["seq"] for _ in range(3)]
    assert numbers == [0xFFFFFFFF, 1, 2]


def test_frames_asked_for_again_are_sent_again():
    peer = Peer().welcomed()
    first = peer.server.seal(State("idle"), peer.now)
    peer.server.seal(AudioFrame(0x100, 0, b"xy", start=True), peer.now)
    again = peer.text(type="nack", **{"from": 1, "to": 3}).replies
    assert again[0] == Retransmission(first)
    assert parse(peer.server.seal(again[1], peer.now)).flags == Flag.START | Flag.REPLAY
    assert peer.server.last_sent == 2


def test_frames_that_are_gone_are_reported_as_a_gap():
    peer = Peer(limits=Limits(replay_bytes=100)).welcomed()
    sent = [peer.server.seal(State("idle"), peer.now) for _ in range(4)]
    outcome = peer.text(type="nack", id="n", **{"from": 1, "to": 5})
    assert outcome.replies[:2] == (Gap(1, 3), Retransmission(sent[3]))
    assert (outcome.replies[2].code, outcome.replies[2].re) == ("seq_gap", "n")


def test_frames_that_were_never_sent_cannot_be_asked_for():
    peer = Peer().welcomed()
    assert peer.error(peer.text(type="nack", **{"from": 1, "to": 1}))["details"]["path"] == "from"
    error = peer.error(peer.text(type="ack", ack=7))
    assert (error["code"], error["details"]["path"]) == ("bad_field", "ack")


def test_acknowledged_frames_are_not_kept():
    peer = Peer().welcomed()
    for _ in range(3):
        peer.seal(State("idle"))
    peer.text(type="ack", ack=2)
    assert peer.text(type="nack", **{"from": 2, "to": 3}).replies[0] == Gap(2, 2)


# Errors.


@pytest.mark.parametrize(
    ("message", "code", "path"),
    [
        ({"type": "playout", "stream": 257, "pts": 1}, "missing_field", "state"),
        ({"type": "playout", "stream": 0, "pts": 1, "state": "done"}, "bad_field", "stream"),
        ({"type": "hologram", "must": True}, "bad_event", "type"),
        ({"type": "state", "state": "idle"}, "bad_event", None),
        ({"type": 3}, "bad_field", "type"),
        ({}, "missing_field", "type"),
        ({"type": "turn.start", "id": ""}, "bad_field", "id"),
        ({"type": "tool.result", "call_id": "c_1", "output": 1}, "unsupported", None),
        ({"type": "response.create", "out_of_band": True}, "unsupported", "out_of_band"),
        ({"type": "response.create", "say": "a", "instructions": "b"}, "bad_field", "say"),
        (
            {"type": "audio.open", "stream": 2, "role": "ref", **PCM},
            "unsupported",
            "role",
        ),
        (
            {"type": "session.update", "session": {"instructions": "x" * 32769}},
            "bad_field",
            "session.instructions",
        ),
        (
            {
                "type": "session.update",
                "session": {"tools": [{"name": "x", "description": "", "parameters": {}}]},
            },
            "unsupported",
            "session.tools",
        ),
    ],
)
def test_a_wrong_message_is_answered_and_the_session_goes_on(message, code, path):
    peer = Peer().welcomed()
    peer.say("turn.start")
    outcome = peer.text(seq=2, **message)
    assert outcome.commands == ()
    assert outcome.close is None
    error = peer.error(outcome)
    assert (error["code"], error["fatal"]) == (code, False)
    expected = {"path": path, "seq": 2} if path else {"seq": 2}
    assert error["details"] == expected
    assert commands(peer.text(type="turn.commit", seq=3)) != []


def test_an_error_answers_the_id_of_its_cause():
    peer = Peer().welcomed()
    error = peer.error(peer.say("turn.start", id="k", pts=-1))
    assert (error["re"], error["details"]) == ("k", {"path": "pts"})


def test_text_that_is_not_json_is_reported_with_the_number_it_took():
    peer = Peer().welcomed()
    peer.say("turn.start")
    error = peer.error(peer.server.receive("{", peer.now))
    assert (error["code"], error["details"]) == ("bad_json", {"seq": 2})


def test_a_bad_frame_is_reported_with_stream_and_number():
    peer = Peer().welcomed()
    error = peer.error(peer.frame())
    assert (error["code"], error["details"]) == ("bad_frame", {"stream": 1, "seq": 1})


def test_a_bad_frame_of_a_client_that_does_not_count_has_no_number():
    peer = Peer().welcomed()
    assert peer.error(peer.frame(seq=0))["details"] == {"stream": 1}


@pytest.mark.parametrize(
    ("kind", "code"), [(2, "unsupported"), (3, "unsupported"), (4, "bad_frame")]
)
def test_kinds_that_are_not_in_use_are_refused(kind, code):
    peer = Peer().welcomed()
    message = bytes([0x10 | kind]) + pack(Frame(1, 0, 0, 0, b"x"))[1:]
    assert peer.error(peer.server.receive(message, peer.now))["code"] == code


def test_a_feature_that_is_not_on_is_a_bad_event():
    peer = Peer(hello={**HELLO, "features": []}).welcomed()
    error = peer.error(peer.say("playout", stream=257, pts=0, state="start"))
    assert error["code"] == "bad_event"


def test_undecodable_audio_is_reported_by_the_session():
    peer = Peer().welcomed()
    outcome = peer.server.fault(BadFrame("Opus cannot be decoded", stream=1), seq=5)
    assert peer.error(outcome)["details"] == {"stream": 1, "seq": 5}


def test_the_eleventh_bad_message_ends_the_connection():
    peer = Peer().welcomed()
    causes = [
        lambda: peer.say("turn.start", pts=-1),
        lambda: peer.server.fault(BadFrame("undecodable")),
        lambda: peer.server.receive(b"", peer.now),
    ]
    outcomes = [causes[i % 3]() for i in range(11)]
    assert [outcome.close for outcome in outcomes[:10]] == [None] * 10
    assert outcomes[10].close.code == 4400
    assert peer.error(outcomes[10])["fatal"] is True


def test_other_errors_do_not_count_as_bad():
    peer = Peer().welcomed()
    outcomes = [peer.say("tool.result", call_id="c", output=1) for _ in range(20)]
    assert all(outcome.close is None for outcome in outcomes)


def test_frames_above_the_limit_are_refused_and_consume_their_number():
    peer = Peer(limits=Limits(max_text=2048)).welcomed()
    assert peer.error(peer.say("input.text", text="x" * 2048))["code"] == "too_large"
    assert peer.error(peer.frame(bytes(16384)))["code"] == "too_large"
    assert peer.server.recv == 2


@pytest.mark.parametrize("message", ["x" * 65537, "ä" * 32769, bytes(65537)])
def test_frames_above_64_kib_end_the_connection(message):
    peer = Peer().welcomed()
    assert peer.server.receive(message, peer.now).close.code == CloseCode.MESSAGE_TOO_BIG == 1009


def test_too_many_frames_bring_a_warning_and_then_the_end():
    peer = Peer().welcomed()
    outcomes = [peer.text(type="pong", t0=0, t1=0, t2=0) for _ in range(1600)]
    warned = [
        i
        for i, each in enumerate(outcomes)
        if any(isinstance(r, WarningReport) for r in each.replies)
    ]
    ended = [i for i, each in enumerate(outcomes) if each.close]
    assert warned == [1000]
    assert ended == [1500]
    assert outcomes[1500].close.code == 4429
    error = outcomes[1500].replies[0]
    assert (error.code, error.fatal) == ("rate_limited", True)
    assert error.retry_after_ms > 0


def test_a_frame_rate_within_the_limit_never_warns():
    peer = Peer().welcomed()
    for _ in range(3000):
        peer.now += 0.002
        assert peer.text(type="pong", t0=0, t1=0, t2=0) == Outcome()


@pytest.mark.parametrize("code", [code for code in ErrorCode if not ERRORS[code].fatal])
def test_an_error_that_is_not_fatal_is_numbered_and_leaves_the_session_open(code):
    peer = Peer().welcomed()
    error = peer.seal(Command(TurnStart(), id="k").error(code, ERRORS[code].meaning))
    assert (error["code"], error["seq"], error["re"]) == (code, 1, "k")
    assert peer.server.state is ConnectionState.OPEN


@pytest.mark.parametrize("code", [code for code in ErrorCode if ERRORS[code].fatal])
def test_a_fatal_error_closes_with_the_code_of_its_rule(code):
    peer = Peer().welcomed()
    outcome = peer.server.refuse(code, ERRORS[code].meaning)
    assert outcome.close.code == ERRORS[code].close
    assert peer.error(outcome)["fatal"] is True


# Commands that are repeated.


def test_a_repeated_command_has_no_effect_and_gets_the_first_reply_again():
    peer = Peer().welcomed()
    [command] = peer.say("session.update", id="k", session={}).commands
    assert isinstance(command.event, SessionUpdate)
    first = peer.seal(SETTINGS, re=command.id)
    outcome = peer.say("session.update", id="k", session={"voice": "amy"})
    assert outcome.commands == ()
    assert outcome.replies == (Answer(SETTINGS, "k"),)
    again = peer.seal(outcome.replies[0])
    assert again["re"] == "k"
    assert again["seq"] == first["seq"] + 1


def test_a_repeated_command_without_reply_so_far_is_silent():
    peer = Peer().welcomed()
    peer.say("input.text", id="k", text="hi")
    assert peer.say("input.text", id="k", text="hi") == Outcome()


def test_an_acknowledged_command_is_acknowledged_again():
    peer = Peer().welcomed()
    peer.say("input.text", id="k", text="hi")
    assert peer.seal(Ack(re="k"))["re"] == "k"
    [again] = peer.say("input.text", id="k", text="hi").replies
    assert peer.seal(again)["re"] == "k"


def test_a_reply_can_be_remembered_before_it_is_sent():
    peer = Peer().welcomed()
    peer.say("response.cancel", id="k")
    peer.server.remember("k", ErrorReport("no_active_response", "nothing runs", re="k"))
    assert peer.error(peer.say("response.cancel", id="k"))["code"] == "no_active_response"


def test_only_the_last_256_ids_are_remembered():
    peer = Peer().welcomed()
    for i in range(257):
        peer.say("turn.cancel", id=f"k{i}")
        peer.now += 0.01
    assert peer.say("turn.cancel", id="k1") == Outcome()
    assert commands(peer.say("turn.cancel", id="k0")) != []


def test_ids_are_forgotten_after_ten_minutes():
    peer = Peer().welcomed()
    peer.say("turn.cancel", id="k")
    peer.now += 601
    assert commands(peer.say("turn.cancel", id="k")) != []


def test_a_refused_command_may_be_corrected_under_the_same_id():
    peer = Peer().welcomed()
    peer.error(peer.say("turn.start", id="k", pts=-1))
    assert commands(peer.say("turn.start", id="k")) == [TurnStart()]


def test_which_commands_have_a_reply_of_their_own():
    assert has_natural_reply(SessionUpdate(None))
    assert not has_natural_reply(InputText("hi"))


def test_a_command_makes_the_error_that_answers_it():
    report = Command(TurnStart(), id="k", seq=4).error(ErrorCode.BAD_EVENT, "no")
    assert (report.re, report.details) == ("k", None)
    report = Command(TurnStart(), seq=4).error(ErrorCode.UNKNOWN_ITEM, "no")
    assert (report.re, report.details) == (None, {"seq": 4})


# Timers and clocks.


def test_three_pings_open_and_one_follows_each_heartbeat():
    peer = Peer().welcomed()
    pings = []
    while peer.now < 146:
        outcome = peer.server.on_deadline(peer.now)
        pings += [peer.now for reply in outcome.replies if isinstance(reply, Ping)]
        peer.text(type="pong", t0=0, t1=0, t2=0)
        peer.now = peer.server.next_deadline()
    assert pings == pytest.approx([100, 100.2, 100.4, 115.4, 130.4, 145.4])


def test_a_ping_is_answered_with_the_clock_at_receipt_and_at_sending():
    peer = Peer().welcomed()
    [pong] = peer.text(type="ping", t0=7).replies
    assert pong == Pong(7, 100_000, 100_000)
    peer.now += 0.005
    assert peer.seal(pong)["t2"] == 100_005


def test_a_ping_with_an_id_is_answered_under_it():
    peer = Peer().welcomed()
    [pong] = peer.text(type="ping", id="k", t0=7).replies
    sealed = peer.seal(pong)
    assert (sealed["type"], sealed["t0"], sealed["re"]) == ("pong", 7, "k")


def test_the_shortest_round_trip_of_the_last_eight_counts():
    peer = Peer().welcomed()
    assert peer.server.round_trip_s is None
    for round_trip in [0.030, 0.010, *[0.050] * 7]:
        sent = peer.seal(Ping(0))["t0"]
        peer.now += round_trip
        peer.text(type="pong", t0=sent, t1=500, t2=500)
        if round_trip == 0.010:
            assert peer.server.round_trip_s == pytest.approx(0.010)
    assert peer.server.round_trip_s == pytest.approx(0.010)
    sent = peer.seal(Ping(0))["t0"]
    peer.now += 0.040
    peer.text(type="pong", t0=sent, t1=500, t2=500)
    assert peer.server.round_trip_s == pytest.approx(0.040)


def test_a_pong_that_answers_nothing_is_ignored():
    peer = Peer().welcomed()
    peer.text(type="pong", t0=1, t1=2, t2=3)
    assert peer.server.round_trip_s is None


def test_a_silent_client_is_dead_after_two_and_a_half_heartbeats():
    peer = Peer().welcomed()
    peer.text(type="pong", t0=1, t1=2, t2=3)
    assert peer.server.on_deadline(137.4).close is None
    outcome = peer.server.on_deadline(137.5)
    assert outcome.close.code == CloseCode.TIMEOUT == 4408
    assert "heard nothing" in outcome.close.reason


def kept_alive(peer: Peer, until: float) -> Outcome:
    while peer.now < until:
        peer.now += 10
        peer.text(type="pong", t0=1, t1=2, t2=3)
        outcome = peer.server.on_deadline(peer.now)
        if outcome.close:
            return outcome
    return Outcome()


def test_a_session_without_speech_or_text_ends_after_ten_minutes():
    peer = Peer().welcomed()
    outcome = kept_alive(peer, 1000)
    assert peer.now == 700
    assert outcome.close.code == 4410
    assert peer.error(outcome)["code"] == "idle_timeout"


def test_text_and_speech_keep_a_session_alive():
    peer = Peer().welcomed()
    kept_alive(peer, 600)
    peer.say("input.text", text="still here")
    assert kept_alive(peer, 1190) == Outcome()
    peer.server.touch(peer.now)
    assert kept_alive(peer, 1780) == Outcome()


def test_a_session_lasts_no_longer_than_allowed():
    peer = Peer(limits=Limits(session_ttl_ms=60_000)).welcomed()
    outcome = kept_alive(peer, 1000)
    assert peer.now == 160
    assert outcome.close.code == 4410
    assert peer.error(outcome)["code"] == "session_expired"


def test_a_bye_ends_the_session_normally():
    peer = Peer().welcomed()
    outcome = peer.text(type="bye", reason="off")
    assert commands(outcome) == [Bye("off")]
    assert outcome.close.code == CloseCode.NORMAL == 1000
    assert peer.text(type="turn.start", seq=1) == Outcome()
    assert peer.server.on_deadline(peer.now + 1000) == Outcome()


# What the server sends.


def test_audio_is_numbered_with_the_text_around_it():
    peer = Peer().welcomed()
    peer.seal(State("speaking"))
    sealed = peer.server.seal(AudioFrame(0x101, 2**32 + 5, b"xy", end=True), 100.5)
    assert sealed.hex() == "110201010000000200000005000188947879"
    assert peer.seal(State("idle"))["seq"] == 3


def test_fatal_errors_and_farewells_are_not_numbered():
    peer = Peer().welcomed()
    assert "seq" not in peer.seal(ErrorReport("internal", "x", fatal=True))
    assert peer.seal(ErrorReport("busy", "x"))["seq"] == 1


def test_text_that_exceeds_the_client_is_shortened():
    peer = Peer(hello={**HELLO, "limits": {"max_text": 2048}}).welcomed()
    done = ResponseDone("r", "completed", "x" * 3000, Usage(0, 0, 0))
    assert peer.seal(done)["omitted"] == ["text"]


def test_audio_that_exceeds_the_client_is_a_mistake_of_the_caller():
    peer = Peer(hello={**HELLO, "limits": {"max_binary": 256}}).welcomed()
    peer.server.seal(AudioFrame(0x100, 0, bytes(240)), peer.now)
    with pytest.raises(ValueError, match="the client takes 240"):
        peer.server.seal(AudioFrame(0x100, 0, bytes(241)), peer.now)


def test_a_close_reason_fits_a_close_frame():
    peer = Peer()
    outcome = peer.text(type="ä" * 300)
    assert len(outcome.close.reason.encode()) <= 123


# Nothing makes it raise.


def scrambled(source: random.Random) -> str | bytes:
    """A message that is nearly right."""
    names = [
        "hello",
        "turn.start",
        "input.text",
        "playout",
        "nack",
        "gap",
        "ping",
        "audio.open",
        "?",
    ]
    values = [0, 1, -1, 2**32, True, None, "", "x", [], {}, [{}], {"in": 3}, 1.5, "done", 257]
    keys = ["seq", "ack", "id", "ts", "from", "to", "stream", "pts", "text", "state", "t0", "must"]
    body = {source.choice(keys): source.choice(values) for _ in range(source.randrange(5))}
    if source.random() < 0.5:
        body = {"type": source.choice(names), **body}
    kind = source.random()
    if kind < 0.4:
        return json.dumps(body)
    if kind < 0.5:
        return json.dumps(body)[: source.randrange(20)]
    if kind < 0.55:
        return "\ud800" + json.dumps(body)
    if kind < 0.75:
        return source.randbytes(source.randrange(40))
    header = Frame(
        source.randrange(4),
        source.choice([0, 1, 2, 3, 2**32 - 1]),
        source.choice([0, 320, 640, 2**31, 2**32 - 1]),
        0,
        bytes(source.choice([0, 1, 320, 640, 5000])),
        Flag(source.randrange(32)),
    )
    return pack(header)


@pytest.mark.parametrize("seed", range(10))
def test_no_message_makes_the_server_raise(seed):
    source = random.Random(seed)
    for _ in range(50):
        peer = Peer(limits=Limits(max_frames_per_s=100, burst=30)).welcomed()
        for _ in range(20):
            peer.now += source.choice([0.001, 0.02, 1])
            outcome = peer.server.receive(scrambled(source), peer.now)
            for reply in (*outcome.replies, *peer.server.on_deadline(peer.now).replies):
                if isinstance(reply, Retransmission):
                    continue
                peer.seal(reply)
            if outcome.close:
                assert peer.server.state is ConnectionState.CLOSED
                break


@pytest.mark.parametrize("formats", [[], [PCM], [PCM, {**PCM, "rate": 8000}]])
def test_nothing_that_comes_before_the_welcome_makes_the_server_raise(formats):
    source = random.Random(len(formats))
    for _ in range(200):
        peer = Peer(hello={**HELLO, "audio": {"in": formats}})
        [command] = peer.text(**peer.hello).commands
        for _ in range(15):
            peer.server.receive(scrambled(source), peer.now)
        _, outcome = peer.accept(command.event)
        assert not any(isinstance(event, Hello) for event in commands(outcome))


@settings(max_examples=200)
@given(st.lists(st.text(max_size=80) | st.binary(max_size=80), max_size=5))
def test_no_first_message_makes_the_server_raise(messages):
    server = ServerProtocol(Limits(), server=ServerInfo("p", "0"), now=0)
    for message in messages:
        outcome = server.receive(message, 1.0)
        assert outcome.commands == ()
        assert all(isinstance(server.seal(reply, 1.0), str) for reply in outcome.replies)


def test_timers_can_be_set():
    peer = Peer(timers=replace(Timers(), hello_s=2.0))
    assert peer.server.next_deadline() == 102.0
