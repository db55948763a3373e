"""What one session does with its time is no other session's business.

The voice runs on a real engine thread and blocks it, as real voices do. One client asks for a long
reply, plays it in real time and never says how far it is; another one must not notice.
"""

import asyncio
import time
from dataclasses import replace

from gateway.engine_room import ScriptedEngines
from pipeline.engines import SpokenAudio
from pipeline.engines.scripted import ScriptedVoice
from pipeline.engines.thread import EngineThread
from tests.end_to_end.raw_client import ALL_FEATURES, Connected
from tests.end_to_end.servers import SCRIPTED, RunningServer, config

ASKS = 5
MARGIN = 6
"""How much longer the asks may take: what a loaded machine does, far below one held-up voice."""
TWENTY_SECONDS = " ".join(
    f"This is sentence number {number} of a story that takes its time." for number in range(7)
)


class BlockingVoice(ScriptedVoice):
    """Blocks its thread, and hands its audio over in pieces of 50 ms."""

    def speak(self, job, *, stop):
        for spoken in super().speak(job, stop=stop):
            for at in range(0, len(spoken.audio), 800):
                yield SpokenAudio(spoken.audio[at : at + 800])


class VoiceOnAThread(ScriptedEngines):
    """The scripted room, but for the voice."""

    def __init__(self, settings):
        super().__init__(settings)
        self.voice = EngineThread("voice", lambda: BlockingVoice(time.sleep, seconds=0.05))
        self.engines = replace(self.engines, voice=self.voice)
        self.statistics = {**self.statistics, "voice": self.voice.statistics}

    async def __aenter__(self):
        await self.voice.start()
        return self

    async def __aexit__(self, *_):
        assert await self.voice.close()


async def first_audio(client):
    """Seconds from asking for a sentence until its first frame."""
    frames, messages = client.order.count("frame"), len(client.messages)
    asked = time.perf_counter()
    await client.send("response.create", say="Good day to you.")
    async with asyncio.timeout(15):
        while client.order.count("frame") == frames:
            client._changed.clear()
            await client._changed.wait()
    took = time.perf_counter() - asked
    done = await client.until("response.done", after=messages)
    over = client.messages.index(done)
    await client.until("state", lambda e: e["state"] == "listening", after=over)
    return took


async def several_first_audios(client):
    return sum([await first_audio(client) for _ in range(ASKS)])


async def test_a_client_that_plays_a_long_reply_slowly_moves_nobody_elses_first_audio():
    async def scene(server):
        async with Connected(server.url) as quick:
            await quick.hello()
            await first_audio(quick)  # the first of all also warms things up
            alone = await several_first_audios(quick)
            async with Connected(server.url, plays=False) as slow:
                await slow.hello(features=[name for name in ALL_FEATURES if name != "playout"])
                await slow.send("response.create", say=TWENTY_SECONDS)
                stream = (await slow.until("audio.start"))["stream"]
                beside = await several_first_audios(quick)
                assert slow.of("response.done") == [], "the long reply was over too early"
                heard = sum(len(payload) for _, _, payload in slow.frames[stream]) / 2 / 16_000
                assert 0 < heard < 15
        assert beside < MARGIN * alone, f"{beside:.3f} s beside the other, {alone:.3f} s alone"

    settings = config(engines=SCRIPTED["engines"])
    with RunningServer(settings, VoiceOnAThread(settings)) as server:
        await scene(server)


async def test_both_get_all_of_their_audio():
    async def scene(server):
        async with Connected(server.url) as one, Connected(server.url) as other:
            for client in (one, other):
                await client.hello()
                await client.send("response.create", say=TWENTY_SECONDS)
            for client in (one, other):
                await client.until("response.done")
                stream = client.of("audio.start")[0]["stream"]
                end = client.of("audio.end")[0]["pts"]
                assert len(client.audio(stream)) == 2 * end
                assert end / 16_000 > 20

    settings = config(engines=SCRIPTED["engines"])
    with RunningServer(settings, VoiceOnAThread(settings)) as server:
        await scene(server)
