"""One simulated device: streams its microphone without pause, and notes what comes back."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from benchmarks.peers.links import Link
from benchmarks.peers.speech import MicrophoneTrack, Spoken, Utterance
from benchmarks.peers.wires import Heard, Kind, Message, Wire
from gateway.client.errors import Refused, SessionEnded, WaitExpired

__all__ = ["Connect", "Device", "Notes", "device"]

Connect: TypeAlias = Callable[[Callable[[Message], None]], AbstractAsyncContextManager[Link]]
"""Opens a connection; what it receives is handed to the function."""

_READY_S: Final = 20.0


@dataclass(slots=True)
class Notes:
    """What happened to one device, in seconds of its clock.

    Attributes:
        spoken: What it said.
        audio: When frames came, and how many samples each had.
        turn_ended: When the server said so.
        interrupted: When the server said so.
        complaints: Of the server, and of the connection.
        sent: Frames of the microphone.
        lateness: Of each, behind the time it was due.
    """

    spoken: list[Spoken] = field(default_factory=list)
    audio: list[tuple[float, int]] = field(default_factory=list)
    turn_ended: list[float] = field(default_factory=list)
    interrupted: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    sent: int = 0
    lateness: array[float] = field(default_factory=lambda: array("d"))


class Device:
    """Made by `device`.

    Attributes:
        notes: So far.
    """

    def __init__(self, wire: Wire, clock: Callable[[], float]) -> None:
        self.notes = Notes()
        self._wire = wire
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._heard = asyncio.Event()
        self._track: MicrophoneTrack | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._link: Link | None = None

    def receive(self, message: Message) -> None:
        """Note a message of the server."""
        heard = self._wire.read(message)
        if heard.kind is Kind.AUDIO:
            self.notes.audio.append((self._clock(), heard.samples))
            self._heard.set()
        else:
            self._note(heard)

    def _note(self, heard: Heard) -> None:
        match heard.kind:
            case Kind.TURN_ENDED:
                self.notes.turn_ended.append(self._clock())
            case Kind.INTERRUPTED:
                self.notes.interrupted.append(self._clock())
            case Kind.READY if not self._ready.done():
                self._ready.set_result(None)
            case Kind.FAILED:
                self.notes.complaints.append(heard.detail)
                if not self._ready.done():
                    self._ready.set_exception(Refused(heard.detail, code=4400))
            case _:
                pass
        if heard.answer is not None and self._link is not None:
            self._link.send(heard.answer)

    async def open(self, link: Link) -> None:
        """Say what comes first, wait until the session may begin, and switch the microphone on.

        Raises:
            Refused: The server does not want this session.
            WaitExpired: It said nothing for 20 s.
        """
        self._link = link
        for message in self._wire.opening():
            link.send(message)
        if self._wire.greets:
            try:
                async with asyncio.timeout(_READY_S):
                    await self._ready
            except TimeoutError:
                raise WaitExpired(f"no welcome within {_READY_S:g} s") from None
        self._track = MicrophoneTrack(self._clock())
        self._plan_frame()

    def close(self) -> None:
        """Switch the microphone off."""
        if self._timer is not None:
            self._timer.cancel()
        if self._link is not None:
            if self._link.lost is not None:
                self.notes.complaints.append(self._link.lost)
            for message in self._wire.closing():
                self._link.send(message)
        self._ready.cancel()

    def say(self, utterance: Utterance) -> Spoken:
        """Speak from the next frame on."""
        assert self._track is not None, "the microphone is off"
        self._heard.clear()
        spoken = self._track.say(utterance)
        self.notes.spoken.append(spoken)
        return spoken

    def type(self, text: str) -> None:
        """Send a typed turn."""
        assert self._link is not None, "there is no connection"
        self._link.send(self._wire.typed(text))

    async def reply_after(self, spoken: Spoken, within_s: float) -> None:
        """Wait for the first audio after an utterance, later than its end.

        Raises:
            WaitExpired: There was none within so many seconds of the end of speech.
            SessionEnded: The connection is gone.
        """
        deadline = spoken.end_at + within_s
        while not self.notes.audio or self.notes.audio[-1][0] <= spoken.end_at:
            self._heard.clear()
            try:
                async with asyncio.timeout(max(0.0, deadline - self._clock())):
                    await self._heard.wait()
            except TimeoutError:
                self._raise_lost()
                raise WaitExpired(f"no reply within {within_s:g} s") from None

    def _raise_lost(self) -> None:
        if self._link is not None and self._link.lost is not None:
            raise SessionEnded(self._link.lost, code=1006)

    def _plan_frame(self) -> None:
        assert self._track is not None
        wait_s = max(0.0, self._track.due_at - self._clock())
        self._timer = self._loop.call_later(wait_s, self._send_frame)

    def _send_frame(self) -> None:
        assert self._track is not None
        assert self._link is not None
        self.notes.lateness.append(self._clock() - self._track.due_at)
        self._link.send(self._wire.frame(self._track.take()))
        self.notes.sent += 1
        self._plan_frame()


@asynccontextmanager
async def device(
    connect: Connect, wire: Wire, *, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[Device]:
    """A device with a session and an open microphone, for as long as the context lasts.

    Raises:
        ClientError: There is no connection, or the server refuses the session.
    """
    made = Device(wire, clock)
    async with connect(made.receive) as link:
        try:
            await made.open(link)
            yield made
        finally:
            made.close()
