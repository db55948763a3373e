"""A welcomed server end to talk to, on a virtual clock."""

from __future__ import annotations

import json
from typing import Any

from protocol.events import Hello, Limits, ServerEvent, ServerInfo
from protocol.frames import Flag, Frame, pack
from protocol.negotiation import Capabilities, negotiate
from protocol.server import Outcome, ServerProtocol, Timers
from tests.protocol.schema_check import validate_event

PCM = {"codec": "pcm_s16le", "rate": 16000, "frame_ms": 20}
HELLO: dict[str, Any] = {
    "type": "hello",
    "protocol": 1,
    "client": {"name": "test", "version": "0"},
    "audio": {"in": [PCM], "out": [PCM]},
    "features": ["playout"],
}
SILENCE_20MS = bytes(640)


class Peer:
    """Drives a `ServerProtocol` as a client would, and keeps what it says."""

    def __init__(
        self, *, limits: Limits | None = None, timers: Timers | None = None, hello: Any = None
    ) -> None:
        self.now = 100.0
        self.server = ServerProtocol(
            limits or Limits(),
            server=ServerInfo("parley", "test"),
            now=self.now,
            timers=timers or Timers(),
        )
        self.hello = HELLO if hello is None else hello
        self.seq = 0
        self.pts = 0

    def welcomed(self) -> Peer:
        [command] = self.text(**self.hello).commands
        assert isinstance(command.event, Hello)
        self.welcome_message, self.early = self.accept(command.event)
        return self

    def accept(self, hello: Hello) -> tuple[Any, Outcome]:
        welcome, outcome = self.server.welcome(
            negotiate(hello, Capabilities()),
            session="s_1",
            token="t",
            epoch="e",
            wall_ms=1,
            now=self.now,
        )
        return self.seal(welcome), outcome

    def text(self, **body: Any) -> Outcome:
        return self.server.receive(json.dumps(body), self.now)

    def say(self, type: str, **body: Any) -> Outcome:
        """Send a numbered message."""
        self.seq += 1
        return self.text(type=type, seq=self.seq, **body)

    def frame(
        self,
        payload: bytes = SILENCE_20MS,
        *,
        pts: int | None = None,
        seq: int | None = None,
        stream: int = 1,
        flags: Flag = Flag.NONE,
    ) -> Outcome:
        """Send audio, numbered and placed after what was sent before unless told otherwise."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        if pts is None:
            pts = 0 if flags & Flag.START else self.pts
        self.pts = pts + len(payload) // 2
        return self.server.receive(pack(Frame(stream, seq, pts, 0, payload, flags)), self.now)

    def start(self, **kwargs: Any) -> Outcome:
        return self.frame(flags=Flag.START, **kwargs)

    def seal(self, event: ServerEvent, **kwargs: Any) -> dict[str, Any]:
        """A text message of the server as the client sees it."""
        text = self.server.seal(event, self.now, **kwargs)
        assert isinstance(text, str)
        validate_event(text, "server")
        return json.loads(text)

    def sealed(self, outcome: Outcome) -> list[dict[str, Any]]:
        return [self.seal(reply) for reply in outcome.replies]

    def error(self, outcome: Outcome) -> dict[str, Any]:
        """The one error that an outcome holds."""
        [error] = [body for body in self.sealed(outcome) if body["type"] == "error"]
        return error
