"""`parley demo` against a scripted server: what it shows, keeps and complains about."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from gateway.cli import main
from gateway.client import demo
from gateway.client.demo import bundled
from gateway.client.microphone import Utterance
from gateway.client.speaker import Playback
from gateway.client.trace import TurnTrace
from gateway.client.wav import read_wav
from tests.gateway.client.scripted_server import Peer, scripted_server

RATE = 16_000


def tone(seconds, level=8000):
    return (level * np.sin(np.arange(round(seconds * RATE)) * 0.17)).astype(np.int16)


async def count(peer: Peer):
    """Three turns; the second is long and is interrupted."""
    await peer.hear_speech()
    await peer.take_turn("t_1", "Hello.", pts=(0, 16_000))
    await peer.answer("t_1", "Hi.", tone(0.3))
    await peer.hear_speech()
    begin = peer.positions[-1] - 10_000
    await peer.take_turn("t_2", "Count.", pts=(begin, begin + 8000))
    stream, _ = await peer.answer("t_2", "One, two, three.", tone(3.0), ahead=140)
    await peer.hear_speech()
    await peer.interrupt("t_2", stream, "One, two,", "One, two, three.")
    begin = peer.positions[-1] - 10_000
    await peer.take_turn("t_3", "Stop.", pts=(begin, begin + 8000))
    await peer.answer("t_3", "Okay.", tone(0.3))


async def test_a_conversation_is_shown_and_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "UTTERANCES", ("hello", "stop", "stop"))
    monkeypatch.setattr(demo, "INTERRUPT_AFTER_S", 0.4)
    async with scripted_server(count) as url:
        flags = ["--url", url, "--codec", "pcm", "--out", str(tmp_path), "--timeout", "15"]
        assert await asyncio.to_thread(main, ["demo", *flags]) == 0
    shown = capsys.readouterr().out
    for text in (
        "turn 3: interrupting after 0.4",
        "you:   Hello.",
        "agent: Hi.",
        "heard until then: 'One, two,'",
        "hang-over",
        "sound stopped 0.0 ms after the interrupt arrived; 0 frames came after it",
        str(tmp_path / "reply-3.wav"),
        "ok: three turns were heard",
    ):
        assert text in shown
    assert read_wav(tmp_path / "reply-1.wav").seconds == pytest.approx(0.3, abs=0.02)
    assert 0.4 < read_wav(tmp_path / "reply-2.wav").seconds <= 2.8
    both = read_wav(tmp_path / "conversation.wav")
    assert both.seconds > 3
    assert both.rms_db() > -40


def spoken(*, interrupted: bool = False, level=8000) -> demo.Spoken:
    utterance = Utterance("", RATE, (0, RATE), RATE, begin=0)
    turn = TurnTrace("t", "r", transcript="Count.", reply="One, two, three.", status="completed")
    playback = Playback(256, "r", RATE, RATE, 0.0, received=RATE, heard=RATE, outcome="done")
    playback.chunks.append(tone(1.0, level))
    if interrupted:
        turn.interrupted_at, turn.heard_text, turn.status = 1.0, "One,", "cancelled"
        playback.outcome, playback.heard, playback.ended_at = "flushed", RATE // 2, 1.0
    return demo.Spoken(utterance, bundled("stop"), turn, playback)


def conversation() -> list[demo.Spoken]:
    return [spoken(), spoken(interrupted=True), spoken()]


def test_a_good_conversation_has_nothing_to_complain_of():
    assert demo.complaints(conversation()) == []


def test_a_reply_that_was_not_interrupted_is_too_short():
    turns = [spoken(), spoken(), spoken()]
    [complaint] = demo.complaints(turns)
    assert complaint.startswith("turn 2 was not interrupted: its reply is 1.0 s long")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda turns: turns[0].playback.chunks.clear(), "turn 1: the reply cannot be heard"),
        (lambda turns: setattr(turns[2].turn, "transcript", ""), "turn 3: nothing was understood"),
        (lambda turns: setattr(turns[2].turn, "reply", ""), "turn 3: the reply has no text"),
        (lambda turns: setattr(turns[0].turn, "status", "failed"), "turn 1: the response failed"),
        (lambda turns: setattr(turns[0].turn, "interrupted_at", 1.0), "turn 1 was interrupted"),
        (lambda turns: setattr(turns[1].playback, "late_frames", 2), "2 audio frames came after"),
        (lambda turns: setattr(turns[1].playback, "outcome", "done"), "done, not flushed"),
        (lambda turns: setattr(turns[1].turn, "heard_text", None), "history was not cut"),
        (lambda turns: setattr(turns[1].turn, "heard_text", "Four,"), "no part of the reply"),
        (
            lambda turns: setattr(turns[1].turn, "heard_text", turns[1].turn.reply),
            "no part of the reply",
        ),
    ],
)
def test_what_a_listener_would_notice_is_a_complaint(spoil, said):
    turns = conversation()
    spoil(turns)
    [complaint] = demo.complaints(turns)
    assert said in complaint


async def test_an_unreachable_server_costs_one_line(tmp_path, capsys):
    flags = ["--url", "ws://127.0.0.1:1/v1/native", "--out", str(tmp_path)]
    assert await asyncio.to_thread(main, ["demo", *flags]) == 2
    assert capsys.readouterr().err.count("\n") == 1
