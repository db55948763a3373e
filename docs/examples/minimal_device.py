"""A voice device: speaks 16 kHz mono WAV files to Parley, writes what is heard to reply.wav.

Each file waits until the last one's reply was played, or talks over it after --talk-over seconds.
"""

import argparse
import asyncio
import json
import struct
import time
import wave
from collections import deque

import websockets

RATE, FRAME = 16000, 320  # 20 ms of samples
HEADER = struct.Struct(">BBHIII")  # kind, flags (1 is START, 2 is END), stream, seq, pts, ts
FORMAT = {"codec": "pcm_s16le", "rate": RATE, "frame_ms": 20}
clock_ms = lambda: int(time.monotonic() * 1000) & 0xFFFFFFFF  # noqa: E731


class Device:
    def __init__(self, socket, files, talk_over):
        self.socket, self.files, self.talk_over = socket, files, talk_over
        self.speech, self.queue, self.reply = deque(), asyncio.Queue(), bytearray()
        self.stream = self.heard = 0
        self.speak_next_file()

    def speak_next_file(self):
        with wave.open(self.files.pop(0)) as file:
            while payload := file.readframes(FRAME):
                self.speech.append(payload.ljust(2 * FRAME, b"\0"))

    async def send(self, kind, **fields):
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def microphone(self):  # never stops: the end of speech is heard in the silence after it
        pts, due = 0, time.monotonic()
        while True:
            header = HEADER.pack(0x11, 0 if pts else 1, 1, 0, pts, clock_ms())
            payload = self.speech.popleft() if self.speech else bytes(2 * FRAME)
            await self.socket.send(header + payload)
            pts, due = pts + FRAME, due + FRAME / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def loudspeaker(self):  # each frame lasts as long as it sounds
        free_at = 0.0
        while True:
            stream, flags, payload = await self.queue.get()
            if stream == self.stream:
                free_at = max(free_at, time.monotonic()) + len(payload) / 2 / RATE
                await asyncio.sleep(max(0.0, free_at - time.monotonic()))
            if stream != self.stream:
                continue  # interrupted, perhaps meanwhile: reported without this frame
            self.reply, self.heard = self.reply + payload, self.heard + len(payload) // 2
            if flags & 2:
                await self.send("playout", stream=stream, pts=self.heard, state="done")
            if self.files and (flags & 2 or self.heard >= self.talk_over * RATE):
                self.speak_next_file()
            elif flags & 2 and not self.speech:
                return

    async def listen(self):
        async for message in self.socket:
            if isinstance(message, bytes):
                _, flags, stream, *_ = HEADER.unpack_from(message)
                self.queue.put_nowait((stream, flags, message[HEADER.size :]))
                continue
            print(message)
            event = json.loads(message)
            if event["type"] == "audio.start":
                self.stream, self.heard = event["stream"], 0
            elif event["type"] == "interrupt":
                self.stream, flushed = 0, event["stream"]
                await self.send("playout", stream=flushed, pts=self.heard, state="flushed")
            elif event["type"] == "ping":
                await self.send("pong", t0=event["t0"], t1=clock_ms(), t2=clock_ms())
        raise SystemExit(f"the server closed: {self.socket.close_code} {self.socket.close_reason}")


async def main(options):
    async with websockets.connect(options.url) as socket, asyncio.TaskGroup() as group:
        device = Device(socket, options.wav, options.talk_over)
        # No loudspeaker reaches these recordings, which is as good as an echo canceller.
        audio = {"in": [FORMAT], "out": [FORMAT], "aec": "device"}
        name = {"name": "minimal_device", "version": "1"}
        await device.send("hello", protocol=1, client=name, audio=audio, features=["playout"])
        tasks = [group.create_task(each()) for each in (device.listen, device.microphone)]
        await device.loudspeaker()
        [task.cancel() for task in tasks]
    with wave.open("reply.wav", "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(device.reply)


parser = argparse.ArgumentParser()
parser.add_argument("wav", nargs="+")
parser.add_argument("--url", default="ws://127.0.0.1:8765/v1/native")
parser.add_argument("--talk-over", type=float, default=float("inf"), metavar="SECONDS")
asyncio.run(main(parser.parse_args()))
