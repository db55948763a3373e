"""The composition root: every part of a running server, and who owns it."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from gateway.config import Config, LimitsConfig
from gateway.control.health import Health, Pages
from gateway.control.loop_lag import measure_loop_lag
from gateway.control.metrics import Metrics
from gateway.edge.admission import Admission, admission
from gateway.edge.connection import Connection, Refusal
from gateway.edge.listener import Authorization, Listener
from gateway.edge.loop import loop_factory
from gateway.edge.signals import ShutdownSignals
from gateway.edge.socket import Socket
from gateway.engine_room import EngineRoom, engine_room
from gateway.errors import OperatorError
from gateway.security.credentials import Credentials
from gateway.sessions.outbox import Outbox
from gateway.sessions.registry import SessionRegistry
from gateway.sessions.session import Session
from gateway.sessions.settings import SessionSettingsBook
from gateway.version import VERSION
from pipeline.errors import EngineUnavailable, ModelError
from protocol.errors import CloseCode, ErrorCode, ProtocolError
from protocol.events import Hello, Limits, ServerInfo
from protocol.negotiation import Capabilities, negotiate
from protocol.server import ServerProtocol, Timers

__all__ = ["App", "keep_what_is_loaded", "new_id", "serve"]

log = logging.getLogger(__name__)

STOP_READING_S = 1.0


def serve(config: Config) -> int:
    """Run a server until it is told to stop. Returns the process's exit code.

    Raises:
        OperatorError: If it cannot start; the message says what to do.
    """
    with asyncio.Runner(loop_factory=loop_factory(config.server.loop)) as runner:
        return runner.run(_serve(config))


async def _serve(config: Config) -> int:
    failures: list[BaseException] = []
    async with ShutdownSignals() as signals:
        try:
            app = App(config, engine_room(config), loaded=keep_what_is_loaded)
            await app.run(signals.requested)
        except* (EngineUnavailable, ModelError, OperatorError) as group:
            failures = _leaves(group)
    if failures:  # raised out here, where no group is put around it
        raise OperatorError("; ".join(dict.fromkeys(map(str, failures))))
    return 0


def keep_what_is_loaded() -> None:
    """Tell the garbage collector to leave alone what will live as long as the process.

    Else full collections are rare, because a new object weighs little against all modules and
    models, and sessions, which are reference cycles, stay for long; and each takes longer.
    """
    gc.collect()
    gc.freeze()


class App:
    """One server.

    Args:
        config: All settings.
        room: The engines, not loaded yet.
        clock: Monotonic seconds.
        token: Makes random text.
        loaded: Called when the engines are loaded and nobody is connected yet.
    """

    def __init__(
        self,
        config: Config,
        room: EngineRoom,
        *,
        clock: Callable[[], float] = time.monotonic,
        token: Callable[[], str] = lambda: secrets.token_urlsafe(16),
        loaded: Callable[[], None] = lambda: None,
    ) -> None:
        self.health = Health()
        self.metrics = Metrics(room.statistics)
        self._config = config
        self._room = room
        self._clock = clock
        self._token = token
        self._loaded = loaded
        self._credentials = Credentials(config.security.key)
        self._zone = _zone(config.conversation.time_zone)
        self._epoch = token()
        self._connections: set[Connection] = set()
        self._sessions: SessionRegistry
        self.listener = Listener(
            config,
            handle=self._handle,
            admit=self._admit,
            pages=Pages(self.health, self.metrics.text),
            refused=self.metrics.refused,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Load, listen, serve until ``stop`` is set, drain, close.

        Raises:
            OperatorError: If the address cannot be listened on.
            ExceptionGroup: Of `EngineUnavailable`, if engines cannot be loaded.
        """
        async with asyncio.TaskGroup() as tasks:
            self._sessions = SessionRegistry(tasks, self.metrics, self._clock)
            lag = tasks.create_task(measure_loop_lag(self.metrics.loop_lag), name="loop-lag")
            await self.listener.start()
            try:
                async with self._room:
                    self._loaded()
                    self._announce()
                    await stop.wait()
                    await self._drain()
            finally:
                await self.listener.close(within=STOP_READING_S)
                lag.cancel()

    def _announce(self) -> None:
        self.health.ready()
        if self._room.traits.warning:
            log.warning("%s", self._room.traits.warning)
        log.info("listening on %s", self.listener.url)

    async def _drain(self) -> None:
        self.health.drain()
        within = self._config.server.drain_s
        for connection in self._connections:
            connection.go_away(round(within * 1000), "the server is stopping")
        if not await self._sessions.drain(within):
            log.warning("turns were still in progress after %g s", within)
        for connection in self._connections:
            connection.close(CloseCode.GOING_AWAY, "the server is stopping")

    # -- one socket -----------------------------------------------------------------------------

    def _admit(self) -> Admission:
        capacity = self._config.server.max_sessions
        return admission(self.health.state, sessions=len(self._sessions), capacity=capacity)

    async def _handle(self, websocket: Socket, authorized: Authorization) -> None:
        protocol = ServerProtocol(
            _limits(self._config),
            server=ServerInfo("parley", VERSION),
            now=self._clock(),
            timers=_timers(self._config),
        )
        connection = Connection(
            websocket,
            protocol,
            welcome=lambda hello, outbox: self._welcome(protocol, hello, outbox, authorized),
            metrics=self.metrics,
            clock=self._clock,
            send_deadline=self._config.server.send_deadline_s,
        )
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            if connection.session is not None:
                await connection.session.end_after_turn()

    def _welcome(
        self,
        protocol: ServerProtocol,
        hello: Hello,
        outbox: Outbox,
        authorized: Authorization,
    ) -> Session | Refusal:
        """Judge a hello; on success the session lives and its welcome is in the outbox."""
        if authorized is not True and not self._credentials.accepts(hello.token):
            return Refusal(ErrorCode.UNAUTHORIZED, "the key is missing or wrong")
        if hello.preset is not None:
            return Refusal(ErrorCode.UNKNOWN_PRESET, f"there is no preset {hello.preset!r}")
        try:
            agreement = negotiate(hello, Capabilities())
            settings = SessionSettingsBook(self._config, self._room.traits, agreement)
            if hello.session is not None:
                settings.change(hello.session)
        except ProtocolError as error:
            return Refusal(error.code, error.message, error.details)
        session = Session(
            new_id("s"),
            protocol=protocol,
            agreement=agreement,
            settings=settings,
            engines=self._room.engines,
            outbox=outbox,
            metrics=self.metrics,
            clock=self._clock,
            now=lambda: datetime.now(UTC).astimezone(self._zone),
            new_id=new_id,
        )
        welcome, early = protocol.welcome(
            agreement,
            session=session.id,
            token=self._token(),
            epoch=self._epoch,
            wall_ms=time.time_ns() // 1_000_000,
            now=self._clock(),
        )
        outbox.put(welcome)
        session.greet(self._room.traits.warning)
        self._sessions.start(session)
        session.apply(early)
        return session


def new_id(prefix: str) -> str:
    """Return a new opaque id: the prefix and 16 characters of base 32 (80 random bits)."""
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(10)).decode().lower()}"


def _limits(config: Config) -> Limits:
    limits: LimitsConfig = config.limits
    return Limits(
        max_text=limits.max_text,
        max_binary=limits.max_binary,
        max_hello=limits.max_hello,
        max_frames_per_s=limits.max_frames_per_s,
        burst=limits.burst,
        max_depth=limits.max_depth,
        max_streams=limits.max_streams,
        max_instructions=limits.max_instructions,
        history_items=limits.history_items,
        uplink_window_ms=limits.uplink_window_ms,
        replay_ms=limits.replay_ms,
        replay_bytes=limits.replay_bytes,
        resume_ttl_ms=limits.resume_ttl_ms,
        session_ttl_ms=round(config.server.session_ttl_s * 1000),
        tools=limits.tools,
    )


def _timers(config: Config) -> Timers:
    return Timers(
        hello_s=config.server.handshake_timeout_s,
        heartbeat_ms=round(config.server.heartbeat_s * 1000),
        idle_s=config.server.idle_timeout_s,
    )


def _zone(name: str) -> tzinfo | None:
    """Return the zone for ``astimezone``, which takes None for the machine's own."""
    if name == "local":
        return None
    return UTC if name == "UTC" else ZoneInfo(name)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
