"""The main job on the real engines and real audio: a spoken question is answered by speech."""

import asyncio

import numpy as np
import pytest

from pipeline.codecs import AudioDecoder, AudioEncoder
from protocol.audio import AudioFormat, Encoding
from tests.end_to_end.raw_client import Connected, recording, rms

pytestmark = pytest.mark.engines

FORMATS = [
    AudioFormat(Encoding.OPUS, 16_000, 20),
    AudioFormat(Encoding.OPUS, 48_000, 60),
    AudioFormat(Encoding.PCM_S16LE, 16_000, 20),
    AudioFormat(Encoding.PCM_S16LE, 48_000, 20),
    AudioFormat(Encoding.PCMU, 8_000, 20),
    AudioFormat(Encoding.PCMA, 8_000, 30),
]


def offer(audio: AudioFormat) -> dict[str, object]:
    return {"codec": audio.codec.value, "rate": audio.rate, "frame_ms": audio.frame_ms}


@pytest.mark.parametrize("audio", FORMATS, ids=lambda f: f"{f.codec}-{f.rate}-{f.frame_ms}")
async def test_a_spoken_question_comes_back_as_a_spoken_answer(real, audio):
    async with Connected(real.url) as client:
        await client.hello(audio={"in": [offer(audio)], "out": [offer(audio)], "aec": "device"})
        question = np.concatenate([recording("capital"), np.zeros(40_000, np.int16)])
        with AudioEncoder(audio, source_rate=16_000) as encoder:
            for frame in [*encoder.encode(question), *encoder.flush()]:
                await client.frame(frame.payload, frame.samples)
                await asyncio.sleep(0.002)
        done = await client.until("response.done")
        assert client.of("transcript.final")[0]["text"] == "What is the capital of France?"
        assert "Paris" in done["text"]
        start = client.of("audio.start")[0]
        assert (start["codec"], start["rate"]) == (audio.codec.value, audio.rate)
        heard = decoded(client.frames[start["stream"]], audio)
        assert rms(heard) > 500
        assert 0.8 < len(heard) / 16_000 < 5


def decoded(frames, audio: AudioFormat) -> np.ndarray:
    with AudioDecoder(audio) as decoder:
        pieces = [decoder.decode(payload) for _, _, payload in frames if payload]
        return np.concatenate([*pieces, decoder.flush()])


async def test_the_events_of_a_turn_come_in_the_order_of_the_specification(real):
    async with Connected(real.url) as client:
        await client.hello()
        await client.speak(recording("capital"))
        await client.until("state", lambda e: e["state"] == "listening", after=6)
        order = [kind for kind in client.order if kind not in ("ping", "ack", "frame", "latency")]
        names = [name for at, name in enumerate(order) if at == 0 or order[at - 1] != name]
        wanted = [
            "welcome", "warning", "state", "speech.started", "transcript.partial",
            "speech.stopped", "state", "transcript.final", "response.started", "response.text",
            "state", "audio.start", "audio.mark", "END", "audio.end", "response.done", "state",
        ]  # fmt: skip
        assert names == wanted
        frames = client.frames[client.of("audio.start")[0]["stream"]]
        assert frames[0][:2] == (1, 0)
        assert frames[-1][0] == 2
        assert (
            frames[-1][1]
            == client.of("audio.end")[0]["pts"]
            == sum(len(payload) // 2 for _, _, payload in frames)
        )


async def test_partials_only_grow_in_their_stable_part(real):
    async with Connected(real.url) as client:
        await client.hello()
        await client.speak(recording("capital"))
        await client.until("transcript.final")
        stable = ""
        for partial in client.of("transcript.partial"):
            assert partial["text"].startswith(stable)
            stable = partial["text"][: partial["stable"]]


async def test_word_times_lie_on_the_microphones_time_line(real):
    async with Connected(real.url) as client:
        await client.hello()
        await client.speak(recording("capital"))
        final = await client.until("transcript.final")
        words = final["words"]
        assert [word for word, _, _ in words] == final["text"].split()
        times = [time for _, start, end in words for time in (start, end)]
        assert times == sorted(times)
        assert times[-1] <= len(recording("capital"))


async def test_it_remembers_across_turns_and_reads_only_what_is_new(real):
    async with Connected(real.url) as client:
        await client.hello()
        await client.send("input.text", text="My name is Laura.")
        await client.until("response.done")
        seen = len(client.messages)
        await client.send("input.text", text="What is my name?")
        second = await client.until("response.done", after=seen)
        assert "Laura" in second["text"]
        assert second["usage"]["cached"] > 0.5 * second["usage"]["in"]


async def test_an_interruption_stops_the_sound_and_cuts_history_to_what_was_heard(real):
    async with Connected(real.url, plays=False) as client:
        await client.hello()
        await client.speak(recording("count"))
        stream = (await client.until("audio.start"))["stream"]
        mark = (await client.until("audio.mark"))["text"]
        await asyncio.sleep(1.0)
        await client.speak(recording("stop"), silence_s=0.2)
        interrupt = await client.until("interrupt")
        received = len(client.frames[stream])
        heard = 2 * 16_000
        await client.send("playout", stream=stream, pts=heard, state="flushed")
        cut = await client.until("history.truncated")
        done = await client.until("response.done")
        assert interrupt["stream"] == stream
        assert interrupt["reason"] == "speech"
        assert (done["status"], done["reason"], done["heard"]) == ("cancelled", "speech", True)
        assert cut["by"] == "playout"
        assert cut["heard_ms"] == 2000
        assert 0 < len(cut["heard_text"].split()) < 12
        assert cut["heard_text"].split()[0] == mark.split()[0]
        assert len(client.frames[stream]) == received
        assert not any(flags & 2 for flags, _, _ in client.frames[stream])


async def test_noise_is_no_question(real):
    async with Connected(real.url) as client:
        await client.hello()
        noise = np.random.default_rng(1).normal(0, 300, 32_000).astype(np.int16)
        await client.speak(noise)
        await client.speak(recording("name"))
        final = await client.until("transcript.final", lambda e: e["text"] != "")
        assert "name" in final["text"]
        assert len(client.of("response.started")) == 1


async def test_push_to_talk_answers_at_the_commit(real):
    async with Connected(real.url) as client:
        await client.hello(session={"turn": {"mode": "manual"}})
        await client.speak(recording("name"), silence_s=1.0)
        assert client.of("speech.started") == []
        await client.send("turn.start", id="press")
        await client.speak(recording("capital"), silence_s=0.3)
        await client.send("turn.commit", id="release")
        stopped = await client.until("speech.stopped")
        assert stopped["reason"] == "commit"
        final = await client.until("transcript.final")
        assert final["text"] == "What is the capital of France?"
        assert {ack["re"] for ack in client.of("ack") if "re" in ack} == {"press", "release"}
        await client.until("response.done")


async def test_two_speak_at_once_and_neither_hears_the_other(real):
    async def ask(name: str) -> str:
        async with Connected(real.url) as client:
            await client.hello()
            await client.speak(recording(name))
            return (await client.until("response.done"))["text"]

    capital, name = await asyncio.gather(ask("capital"), ask("name"))
    assert "Paris" in capital
    assert "Paris" not in name
