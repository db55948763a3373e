"""A client's side made ready to be done again: what is kept, what is made anew."""

import json
from dataclasses import replace

from benchmarks.recording.format import Closed, End, Message, Side
from benchmarks.recording.script import Numbering, read_script, rewrite
from benchmarks.recording.story import Story
from protocol.frames import Flag, Frame, pack, parse
from tests.benchmarks.recording.sessions import one_turn, say

CLIENT, SERVER = Side.CLIENT, Side.SERVER


def script_of(*records, end=None):
    return read_script(replace(one_turn(), records=records, end=end))


def frame(at, seq, *, flags=0):
    return Message(at, CLIENT, pack(Frame(1, seq, 0, 0, b"x", flags)))


def test_each_step_knows_what_came_before_it():
    script = read_script(one_turn())
    assert [(step.at, step.events) for step in script.steps] == [
        (0.0, 0), (0.2, 1), (0.3, 1), (0.4, 1), (0.5, 2), (1.5, 9),
    ]  # fmt: skip
    assert script.story.lines()[-1] == "close code=1000"
    assert script.is_whole
    assert not script.counts


def test_what_speaks_of_the_servers_frames_is_not_repeated():
    kinds = ("ack", "nack", "gap", "ping", "pong")
    assert script_of(*(say(1.0, CLIENT, kind) for kind in kinds)).steps == ()
    reports = [
        say(at, CLIENT, "playout", stream=256, pts=0, state=state)
        for at, state in enumerate(("start", "playing", "stalled", "done", "flushed"))
    ]
    steps = script_of(*reports).steps
    assert [(step.at, step.content, step.played) for step in steps] == [(3, None, 1), (4, None, 2)]


def test_what_was_sent_again_is_done_once():
    again = (frame(0.3, 2, flags=Flag.REPLAY), say(0.4, CLIENT, "input.text", seq=1, text="a"))
    script = script_of(say(0.1, CLIENT, "input.text", seq=1, text="a"), frame(0.2, 2), *again)
    assert [step.at for step in script.steps] == [0.1, 0.2]
    assert script.counts


def test_a_close_of_the_client_is_a_step_and_one_of_the_server_is_expected():
    script = script_of(Closed(1.0, CLIENT, 4000, ""), end=End(1.0, "closed"))
    assert script.steps[0].content == 4000
    assert script.story.lines() == []
    assert not script_of(end=End(1.0, "stopped")).is_whole
    assert not script_of().is_whole


def test_numbers_are_given_anew_in_text_and_frames():
    numbering, none = Numbering(counts=True), Story()
    text = rewrite('{"type":"input.text","seq":9,"ack":4,"text":"a"}', numbering, none, none)
    assert json.loads(text) == {"type": "input.text", "seq": 1, "text": "a"}
    assert parse(rewrite(frame(0, 10).content, numbering, none, none)).seq == 2
    assert json.loads(rewrite('{"type":"bye"}', numbering, none, none)) == {"type": "bye"}
    assert parse(rewrite(frame(0, 0).content, numbering, none, none)).seq == 0


def test_numbers_wrap_as_the_protocol_says():
    numbering = Numbering(counts=True)
    numbering._last = 0xFFFFFFFE
    assert [numbering.next(), numbering.next()] == [0xFFFFFFFF, 1]
    assert Numbering(counts=False).next() == 0


def test_ids_of_the_server_become_those_of_the_running_session():
    recorded, live = Story(), Story()
    for story, item, stream in ((recorded, "i_a", 256), (live, "i_b", 300)):
        story.take(json.dumps({"type": "audio.start", "stream": stream, "item": item}))
    numbering = Numbering(counts=False)
    text = '{"type":"item.delete","item":"i_a","stream":256}'
    changed = json.loads(rewrite(text, numbering, recorded, live))
    assert changed == {"type": "item.delete", "item": "i_b", "stream": 300}
    own = '{"type":"turn.start","stream":1,"item":"i_unknown"}'
    assert json.loads(rewrite(own, numbering, recorded, live)) == json.loads(own)


def test_a_hello_opens_a_new_session():
    complaints = []
    text = '{"type":"hello","token":"redacted","resume":{"token":"redacted"},"protocol":1}'
    numbering, none = Numbering(counts=True), Story()
    changed = json.loads(rewrite(text, numbering, none, none, complaints.append))
    assert changed == {"type": "hello", "protocol": 1}
    assert complaints == ["the recorded client resumed a session; a new one is opened instead"]


def test_what_is_no_message_of_the_protocol_is_sent_as_it_was():
    numbering, none = Numbering(counts=True), Story()
    for odd in ("no json", "[1]", "", b"", b"short", "[" * 100_000):
        assert rewrite(odd, numbering, none, none) == odd
