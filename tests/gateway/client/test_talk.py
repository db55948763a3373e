"""`parley talk`, as a user runs it, against a scripted server."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from gateway.cli import main
from gateway.client.wav import read_wav, write_wav
from protocol.events import Hello, InputText, ResponseCreate, TurnCommit, TurnStart, WarningReport
from tests.gateway.client.scripted_server import RefusingPeer, scripted_server


def tone(seconds):
    return (8000 * np.sin(np.arange(round(seconds * 16_000)) * 0.17)).astype(np.int16)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PARLEY_KEY", raising=False)
    for name in ("question", "stop"):
        samples = np.concatenate([np.zeros(1600, np.int16), tone(0.2)])
        write_wav(tmp_path / f"{name}.wav", samples, 16_000)
    return tmp_path


async def talk(*flags):
    return await asyncio.to_thread(main, ["talk", *map(str, flags), "--timeout", "10"])


async def answer_once(peer):
    await peer.hear_speech()
    await peer.take_turn("t_1", "Hello?")
    await peer.answer("t_1", "Hi there.", tone(0.3))


async def test_a_question_is_spoken_and_its_answer_shown_and_kept(folder, capsys):
    async with scripted_server(answer_once) as url:
        assert await talk("question.wav", "--url", url, "--codec", "pcm", "--out", "r.wav") == 0
    shown = capsys.readouterr().out
    assert "you:   Hello?" in shown
    assert "agent: Hi there." in shown
    assert "hang-over" in shown
    assert "r.wav: 0.3 s of reply" in shown
    assert read_wav(folder / "r.wav").samples.tolist() == tone(0.3).tolist()


async def test_json_prints_one_object_per_event_in_order_and_nothing_else(folder, capsys):
    async with scripted_server(answer_once) as url:
        assert await talk("question.wav", "--url", url, "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["type"] for event in events if event["type"] not in ("ping", "pong", "ack")]
    assert kinds == [
        "welcome",
        "speech.started",
        "transcript.partial",
        "speech.stopped",
        "transcript.final",
        "response.started",
        "response.text",
        "audio.start",
        "audio.end",
        "response.done",
    ]
    assert (folder / "reply.wav").exists()


async def test_a_second_recording_interrupts_the_first_reply(folder, capsys):
    async def script(peer):
        await peer.hear_speech()
        await peer.take_turn("t_1", "Count.", pts=(0, 4800))
        stream, _ = await peer.answer("t_1", "One, two.", tone(2.0), ahead=80)
        await peer.hear_speech()
        await peer.interrupt("t_1", stream, "One,", "One, two.")
        await peer.take_turn("t_2", "Stop.", pts=(8000, 90_000))
        await peer.answer("t_2", "Okay.", tone(0.1))

    async with scripted_server(script) as url:
        flags = ("--url", url, "--interrupt-after", "0.2")
        assert await talk("question.wav", "stop.wav", *flags) == 0
    shown = capsys.readouterr().out
    assert "interrupted (speech)" in shown
    assert "heard until then: 'One,' (100 of 2000 ms, by playout)" in shown
    assert "agent: Okay." in shown


async def test_a_text_interrupts_too(folder, capsys):
    async def script(peer):
        await peer.hear_speech()
        await peer.take_turn("t_1", "Count.", pts=(0, 4800))
        stream, _ = await peer.answer("t_1", "One, two.", tone(2.0), ahead=80)
        await peer.expect(InputText, text="Enough")
        await peer.interrupt("t_1", stream, "One,", "One, two.")
        await peer.answer("t_2", "Okay.", tone(0.1))

    async with scripted_server(script) as url:
        flags = ("--url", url, "--interrupt-after", "0.2", "--text", "Enough")
        assert await talk("question.wav", *flags) == 0
    assert "agent: Okay." in capsys.readouterr().out


async def test_text_and_say_need_no_recording(folder, capsys):
    async def script(peer):
        await peer.expect(InputText, text="Hello")
        await peer.answer("t_1", "Hi.", tone(0.1))
        await peer.expect(ResponseCreate, say="Good night.")
        await peer.answer("t_2", "Good night.", tone(0.2))

    async with scripted_server(script) as url:
        flags = ("--text", "Hello", "--say", "Good night.", "--url", url, "--codec", "pcm")
        assert await talk(*flags) == 0
    assert "agent: Good night." in capsys.readouterr().out
    assert read_wav(folder / "reply.wav").seconds == pytest.approx(0.1 + 0.3 + 0.2)


async def test_push_to_talk_marks_the_turn(folder, capsys):
    async def script(peer):
        hello = await peer.expect(Hello)
        assert hello.session.turn.mode == "manual"
        await peer.expect(TurnStart)
        commit = await peer.expect(TurnCommit)
        await peer.take_turn("t_1", "Yes.", pts=(0, commit.pts))
        await peer.answer("t_1", "Good.", tone(0.1))

    async with scripted_server(script) as url:
        assert await talk("question.wav", "--push-to-talk", "--url", url) == 0
    assert "agent: Good." in capsys.readouterr().out


async def test_warnings_of_the_server_are_shown(folder, capsys):
    async def script(peer):
        await peer.expect(InputText)
        await peer.send(WarningReport("starter_models", "these models understand little"))
        await peer.answer("t_1", "Hi.", tone(0.1))

    async with scripted_server(script) as url:
        assert await talk("--text", "Hello", "--url", url) == 0
    assert "warning: these models understand little" in capsys.readouterr().out


async def test_nothing_understood_is_a_failure(folder, capsys):
    async def script(peer):
        await peer.hear_speech()
        await peer.take_turn("t_1", "")

    async with scripted_server(script) as url:
        assert await talk("question.wav", "--url", url) == 1
    assert "nothing that could be understood" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "nothing to say"),
        (("nowhere.wav",), "cannot read nowhere.wav"),
        (("question.wav", "--codec", "pcmu", "--rate", "16000"), "8000 Hz only"),
        (("question.wav", "--rate", "44100"), "--rate 44100"),
        (("question.wav", "--frame-ms", "500"), "--frame-ms 500"),
        (("question.wav", "--interrupt-after", "1"), "needs a second FILE.wav"),
        (("question.wav", "--url", "nonsense"), "is no address"),
        (("question.wav", "--url", "ws://127.0.0.1:1/v1/native"), "cannot reach"),
        (("question.wav", "--key-file", "nowhere"), "cannot read the key"),
    ],
)
async def test_a_mistake_costs_one_line_and_exit_code_2(folder, capsys, flags, said):
    assert await talk(*flags) == 2
    out, complaint = capsys.readouterr()
    assert out == ""
    assert said in complaint
    assert complaint.startswith("parley: ")
    assert complaint.count("\n") == 1


async def test_a_refusal_costs_one_line_and_exit_code_2(folder, capsys):
    async def script(peer):
        pass

    async with scripted_server(script, peer=RefusingPeer) as url:
        assert await talk("--text", "Hello", "--url", url) == 2
    complaint = capsys.readouterr().err
    assert "the token is unknown" in complaint
    assert complaint.count("\n") == 1


async def test_a_server_that_never_answers_costs_one_line(folder, capsys):
    async def script(peer):
        await peer.expect(Hello)

    async with scripted_server(script) as url:
        code = await asyncio.to_thread(
            main, ["talk", "--text", "Hello", "--url", url, "--timeout", "0.2"]
        )
    assert code == 2
    assert "waited 0.2 s for the reply, in vain" in capsys.readouterr().err
