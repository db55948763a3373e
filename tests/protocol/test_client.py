import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.client import ClientOutcome, ClientProtocol
from protocol.events import (
    Ack,
    AudioFrame,
    AudioOffer,
    AudioReceived,
    Bye,
    ClientInfo,
    FormatOffer,
    Gap,
    Hello,
    InputText,
    Limits,
    Nack,
    Ping,
    Playout,
    ResponseText,
    Retransmission,
    ServerInfo,
    SessionFields,
    SessionUpdate,
    State,
    TurnStart,
    Welcome,
)
from protocol.frames import Flag, parse
from protocol.negotiation import Capabilities, negotiate
from protocol.server import ServerProtocol
from protocol.states import ConnectionState, StateError
from tests.protocol.schema_check import validate_event

PCM = (FormatOffer("pcm_s16le", 16_000, 20),)
HELLO = Hello(1, ClientInfo("test", "0"), AudioOffer(PCM, PCM), features=("playout",))
BLOCK = bytes(640)


class Pair:
    """A client and a server that are connected by nothing but function calls."""

    def __init__(self, *, counting: bool = True, limits: Limits | None = None) -> None:
        self.now = 50.0
        self.client = ClientProtocol(now=self.now, counting=counting)
        self.server = ServerProtocol(
            limits or Limits(), server=ServerInfo("parley", "0"), now=self.now
        )
        text = self.client.hello(HELLO, self.now)
        validate_event(text, "client")
        [command] = self.server.receive(text, self.now).commands
        welcome, _ = self.server.welcome(
            negotiate(command.event, Capabilities()),
            session="s",
            token="t",
            epoch="e",
            wall_ms=1,
            now=self.now,
        )
        self.client.receive(self.server.seal(welcome, self.now), self.now)

    def to_server(self, *events, **kwargs):
        """What the server makes of messages that the client seals."""
        sealed = [self.client.seal(event, self.now, **kwargs) for event in events]
        return [self.server.receive(message, self.now) for message in sealed]

    def to_client(self, *events) -> list[ClientOutcome]:
        sealed = [self.server.seal(event, self.now) for event in events]
        return [self.client.receive(message, self.now) for message in sealed]


def test_a_welcome_opens_the_connection():
    pair = Pair()
    assert pair.client.state is ConnectionState.OPEN
    assert isinstance(pair.client.welcome, Welcome)
    assert pair.client.recv == 0


def test_a_hello_is_said_once():
    pair = Pair()
    with pytest.raises(StateError):
        pair.client.hello(HELLO, 51.0)


def test_commands_arrive_with_their_number_and_id():
    pair = Pair()
    [outcome] = pair.to_server(SessionUpdate(SessionFields(voice="amy")), id="k")
    [command] = outcome.commands
    assert (command.id, command.seq) == ("k", 1)
    assert command.event == SessionUpdate(SessionFields(voice="amy"))


def test_speech_is_placed_and_started_by_itself():
    pair = Pair()
    frames = [pair.client.frame(BLOCK, 320, pair.now) for _ in range(2)]
    frames.append(pair.client.frame(BLOCK, 320, pair.now, gap=160))
    frames.append(pair.client.frame(b"", 0, pair.now, end=True))
    frames.append(pair.client.frame(BLOCK, 320, pair.now))
    headers = [parse(frame) for frame in frames]
    assert [header.pts for header in headers] == [0, 320, 800, 1120, 0]
    assert [header.seq for header in headers] == [1, 2, 3, 4, 5]
    assert [header.flags for header in headers] == [
        Flag.START,
        Flag.NONE,
        Flag.DISCONT,
        Flag.END,
        Flag.START,
    ]
    outcomes = [pair.server.receive(frame, pair.now) for frame in frames]
    assert outcomes[2].commands[0].event == AudioReceived(1, BLOCK, 800, silence=160)
    assert pair.client.position() == 320


def test_speech_of_a_client_that_does_not_count_has_no_numbers():
    pair = Pair(counting=False)
    frame = pair.client.frame(BLOCK, 320, pair.now, dtx=True)
    assert parse(frame).seq == 0
    assert "seq" not in json.loads(pair.client.seal(TurnStart(), pair.now))
    for _ in range(40):
        [outcome] = pair.to_client(State("idle"))
        assert outcome.replies == ()
    assert pair.client.last_sent == 0


def test_audio_and_text_of_the_server_arrive_in_order():
    pair = Pair()
    outcomes = pair.to_client(
        State("speaking"),
        AudioFrame(0x100, 0, BLOCK, start=True),
        AudioFrame(0x100, 320, b"", end=True),
    )
    events = [event for outcome in outcomes for event in outcome.events]
    assert events == [
        State("speaking"),
        AudioFrame(0x100, 0, BLOCK, start=True),
        AudioFrame(0x100, 320, b"", end=True),
    ]
    assert [outcome.envelopes[0].seq for outcome in outcomes] == [1, 2, 3]


def test_an_answer_tells_what_it_answers():
    pair = Pair()
    pair.to_server(InputText("hi"), id="k")
    [outcome] = pair.to_client(Ack(re="k"))
    assert outcome.events == (Ack(re="k"),)
    assert outcome.envelopes[0].re == "k"


def test_every_32_frames_are_acknowledged():
    pair = Pair()
    outcomes = pair.to_client(*[ResponseText("r", "x")] * 32)
    assert [outcome.replies for outcome in outcomes] == [()] * 31 + [(Ack(),)]
    pair.to_server(Ack())
    assert pair.server.receive('{"type":"nack","from":32,"to":33}', pair.now).replies[0] == Gap(
        32, 32
    )


def test_a_single_frame_is_acknowledged_after_a_second_or_by_the_next_message():
    pair = Pair()
    pair.client.on_deadline(pair.now)
    pair.to_client(State("idle"))
    pair.now += 0.5
    assert Ack() not in pair.client.on_deadline(pair.now).replies
    pair.now += 0.5
    assert Ack() in pair.client.on_deadline(pair.now).replies
    pair.to_client(State("idle"))
    text = pair.client.seal(Playout(0x100, 0, "start"), pair.now)
    assert json.loads(text)["ack"] == 2


def test_pings_are_answered_and_measure_clock_and_round_trip():
    pair = Pair()
    [ping] = pair.client.on_deadline(pair.now).replies
    sealed = pair.client.seal(ping, pair.now)
    server_now = pair.now + 1000.010
    [pong] = pair.server.receive(sealed, server_now).replies
    reply = pair.server.seal(pong, server_now)
    assert pair.client.receive(reply, pair.now + 0.020).events == ()
    assert pair.client.round_trip_s == pytest.approx(0.020)
    assert pair.client.clock_offset_ms == pytest.approx(1_000_000, abs=1)
    [outcome] = pair.to_client(Ping(0))
    assert pair.to_server(*outcome.replies)[0].replies == ()
    assert pair.server.round_trip_s == 0.0


def test_a_silent_server_is_given_up_after_two_and_a_half_heartbeats():
    pair = Pair()
    assert pair.client.on_deadline(pair.now + 37.4).close is None
    outcome = pair.client.on_deadline(pair.now + 37.5)
    assert outcome.close.code == 4408
    assert pair.client.next_deadline() is None


def test_a_fatal_error_closes_the_connection():
    pair = Pair()
    outcome = pair.server.refuse("internal", "broken")
    [event] = pair.to_client(*outcome.replies)[0].events
    assert event.fatal
    assert pair.client.state is ConnectionState.CLOSED


def test_a_bye_arrives():
    pair = Pair()
    outcome = pair.server.receive(pair.client.bye(pair.now, "off"), pair.now)
    assert outcome.commands[0].event == Bye("off")


@pytest.mark.parametrize("message", ["{", '{"type":"state"}', '{"type":"turn.start"}', b"", "[]"])
def test_a_server_that_breaks_the_protocol_is_reported(message):
    outcome = Pair().client.receive(message, 50.0)
    assert len(outcome.problems) == 1
    assert outcome.events == ()


def test_an_unknown_type_is_ignored_unless_it_must_not_be():
    pair = Pair()
    assert pair.client.receive('{"type":"hologram","seq":1}', 50.0) == ClientOutcome()
    [problem] = pair.client.receive('{"type":"hologram","seq":2,"must":true}', 50.0).problems
    assert problem.code == "bad_event"


@given(st.lists(st.text(max_size=60) | st.binary(max_size=60), max_size=8))
def test_no_message_makes_the_client_raise(messages):
    client = Pair().client
    for message in messages:
        outcome = client.receive(message, 50.0)
        for reply in outcome.replies:
            client.seal(reply, 50.0)


def test_a_hole_that_the_server_left_is_asked_for():
    pair = Pair()
    lost = pair.server.seal(State("idle"), pair.now)
    [outcome] = pair.to_client(State("listening"))
    assert outcome.replies == (Nack(1, 2),)
    [again] = pair.to_server(*outcome.replies)
    assert again.replies[0] == Retransmission(lost)
    events = [event for each in pair.to_client(*again.replies) for event in each.events]
    assert events == [State("idle"), State("listening")]


def test_what_the_server_lost_for_good_is_skipped():
    pair = Pair(limits=Limits(replay_bytes=0))
    pair.server.seal(State("idle"), pair.now)
    [outcome] = pair.to_client(State("listening"))
    [again] = pair.to_server(*outcome.replies)
    outcomes = pair.to_client(*again.replies)
    assert pair.client.recv == 3
    assert outcomes[-1].events[0].code == "seq_gap"


@pytest.mark.parametrize("seed", range(8))
def test_frames_lost_in_both_directions_all_arrive_once_and_in_order(seed):
    """The recovery that datagrams will need: any frame may be lost, the answers to it may not."""
    source = random.Random(seed)
    pair = Pair()
    heard: list[str] = []
    said: list[str] = []

    def deliver_to_server(message) -> None:
        outcome = pair.server.receive(message, pair.now)
        heard.extend(command.event.text for command in outcome.commands)
        for reply in outcome.replies:
            deliver_to_client(pair.server.seal(reply, pair.now))

    def deliver_to_client(message) -> None:
        outcome = pair.client.receive(message, pair.now)
        said.extend(event.delta for event in outcome.events)
        for reply in outcome.replies:
            deliver_to_server(pair.client.seal(reply, pair.now))

    for i in range(200):
        up = pair.client.seal(InputText(f"u{i}"), pair.now)
        down = pair.server.seal(ResponseText("r", f"d{i}"), pair.now)
        if source.random() < 0.8 or i == 199:
            deliver_to_server(up)
        if source.random() < 0.8 or i == 199:
            deliver_to_client(down)
        pair.now += 0.01
    assert heard == [f"u{i}" for i in range(200)]
    assert said == [f"d{i}" for i in range(200)]
