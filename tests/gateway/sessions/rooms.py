"""A session on scripted engines under a virtual clock, with a socket that takes what it gets."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

from gateway.config import Config
from gateway.control.metrics import Metrics
from gateway.sessions.outbox import Closing, Outbox
from gateway.sessions.session import Session
from gateway.sessions.settings import ModelTraits, SessionSettingsBook
from pipeline.detection import SpeechDetector
from pipeline.dialogue import Engines
from pipeline.engines.scripted import (
    LoopRunner,
    Meter,
    ScriptedDetector,
    ScriptedLanguageModel,
    ScriptedRecognizer,
    ScriptedVoice,
)
from protocol.codec import is_sequenced
from protocol.events import AudioFrame
from protocol.server import Command
from tests.protocol.peers import HELLO, Peer

ANSWER = "This is an answer that takes a while. It has a second sentence, too."


def scripted_engines(*, detector=ScriptedDetector, answer=ANSWER):
    hearing, thinking, speaking = Meter(), Meter(), Meter()
    return Engines(
        detector=lambda: SpeechDetector(detector()),
        recognizer=LoopRunner(ScriptedRecognizer(["Hello there."], hearing), hearing),
        language_model=LoopRunner(ScriptedLanguageModel([answer], thinking), thinking),
        voice=LoopRunner(ScriptedVoice(speaking), speaking),
        voice_rate=16_000,
    )


class Room:
    """A session, its protocol's peer, and what was sent."""

    def __init__(self, *, engines=None, metrics=None, features=("playout", "captions"), **hello):
        clock = asyncio.get_running_loop().time
        numbers = count(1)
        self.metrics = metrics or Metrics()
        self.peer = Peer(hello={**HELLO, "features": list(features), **hello})
        self.peer.now = clock()
        self.peer.welcomed()
        protocol, agreement = self.peer.server, self.peer.server.agreement
        self.outbox = Outbox()
        self.sent = []
        self.closing = None
        self.changed = asyncio.Event()
        self.session = Session(
            f"s_{id(self)}",
            protocol=protocol,
            agreement=agreement,
            settings=SessionSettingsBook(Config(), ModelTraits(voices=("amy",)), agreement),
            engines=engines or scripted_engines(),
            outbox=self.outbox,
            metrics=self.metrics,
            clock=clock,
            now=lambda: datetime(2026, 3, 3, 15, 42, tzinfo=UTC),
            new_id=lambda prefix: f"{prefix}_{next(numbers)}",
        )

    def do(self, event, id=None, seq=None):
        self.session.receive(Command(event, id, seq))

    def frame(self, payload, **kwargs):
        """Let the client send a frame of its microphone."""
        self.session.apply(self.peer.frame(payload, **kwargs))

    async def write(self):
        """What a connection's writer does, on a socket that never blocks."""
        while self.closing is None:
            entry = await self.outbox.take()
            if isinstance(entry, Closing):
                self.closing = entry
            else:
                self.sent.append((entry.event, entry.re))
                if is_sequenced(entry.event):
                    self.peer.server.seal(entry.event, self.peer.now, re=entry.re)
                self.session.on_sent(entry.event)
            self.changed.set()

    async def lose_the_socket(self):
        """The connection's tasks are cancelled, and waited for."""
        self.writer.cancel()
        await asyncio.wait([self.writer])

    def of(self, kind):
        return [event for event, _ in self.sent if isinstance(event, kind)]

    def answer_to(self, id):
        """Everything that carries an id."""
        return [event for event, re in self.sent if re == id]

    async def until(self, predicate, within=60.0):
        async with asyncio.timeout(within):
            while not predicate():
                self.changed.clear()
                await self.changed.wait()

    async def first(self, kind, number=0):
        await self.until(lambda: len(self.of(kind)) > number)
        return self.of(kind)[number]

    def frames(self):
        return [event for event in self.of(AudioFrame) if event.payload]


@asynccontextmanager
async def room(**kwargs):
    """A room whose session lives; it is ended at the end if it still does."""
    made = Room(**kwargs)
    async with asyncio.TaskGroup() as tasks:
        life = tasks.create_task(made.session.run(), name="session")
        made.writer = tasks.create_task(made.write(), name="writer")
        await made.session.ready_for_more()
        yield made
        made.session.end()
        await life
        made.writer.cancel()
