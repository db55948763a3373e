"""The one port: accepts sockets, refuses before the upgrade, and closes without hanging.

What is refused here, in this order (native protocol, section 1): a method other than GET (405), an
unknown path (404), a foreign Origin (403), wrong credentials (401), no capacity (503 with
``Retry-After``). Health pages are answered on the same port.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import errno
import http
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Self, TypeAlias
from urllib.parse import parse_qs

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHeader
from websockets.headers import parse_subprotocol
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from gateway.config import Config
from gateway.control.health import Page, Pages, Route
from gateway.edge.admission import Admission
from gateway.edge.socket import Socket
from gateway.errors import ListenError
from gateway.security.credentials import Credentials
from gateway.security.exposure import check_exposure, is_loopback
from gateway.security.origins import origin_allowed
from gateway.security.tls import server_context

__all__ = ["PATH", "SUBPROTOCOL", "Authorization", "Handle", "Listener"]

log = logging.getLogger(__name__)

PATH: Final = "/v1/native"
SUBPROTOCOL: Final = Subprotocol("parley.v1")

LARGEST_MESSAGE: Final = 64 * 1024
"""Bytes; beyond this websockets closes 1009. Smaller limits are the protocol's."""
BACKLOG: Final = 1024
"""Connections that wait to be accepted: after a power cut all devices come at once. The kernel has
its own bound (net.core.somaxconn, 4096 by default)."""
INCOMING_FRAMES: Final = 16
"""Frames that wait for the reader; then TCP reading pauses."""
WRITE_LIMIT: Final = 32 * 1024
"""Bytes that wait for the socket before a send waits."""
PING_INTERVAL_S: Final = 20.0
CLOSE_TIMEOUT_S: Final = 2.0
USER_TIMEOUT: Final = 3.0
"""Times the send deadline: the kernel then gives up on a peer that acknowledges nothing, even if
nobody is sending. websockets' keepalive would not: its ping waits behind what was sent before."""

Authorization: TypeAlias = bool | None
"""True: the key was right, or none is needed. None: ``hello.token`` has to bring it."""
Handle: TypeAlias = Callable[[Socket, Authorization], Awaitable[None]]


class Listener:
    """Listens, judges handshakes, and hands accepted sockets over.

    Args:
        config: ``server`` and ``security`` are read.
        handle: Called once per accepted socket; the socket is closed when it returns.
        admit: Asked when everything else about a handshake is right. At most
            ``server.max_sessions`` sockets are open or opening at once, whatever it says.
        pages: Health and metrics.
        refused: Told the reason of each refusal, for metrics.
    """

    def __init__(
        self,
        config: Config,
        *,
        handle: Handle,
        admit: Callable[[], Admission],
        pages: Pages,
        refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._config = config
        self._handle = handle
        self._admit = admit
        self._pages = pages
        self._refused = refused
        self._credentials = Credentials(config.security.key)
        self._server: Server | None = None
        self._sockets: set[ServerConnection] = set()
        self._verdicts: dict[ServerConnection, Authorization] = {}

    async def start(self) -> Self:
        """Begin to listen.

        Raises:
            ListenError: If the address is busy, forbidden, or not this machine's.
            CertificateError: If the certificate cannot be used.
            ConfigError: If the address is exposed without a key or TLS.
        """
        check_exposure(self._config)
        server = self._config.server
        try:
            self._server = await serve(
                self._serve_connection,
                server.host,
                server.port,
                process_request=self._process_request,
                process_response=self._process_response,
                select_subprotocol=_select_subprotocol,
                create_connection=self._connection_class(),
                backlog=BACKLOG,
                compression=None,
                server_header="Parley",
                open_timeout=server.handshake_timeout_s,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=PING_INTERVAL_S,
                max_size=LARGEST_MESSAGE,
                max_queue=INCOMING_FRAMES,
                write_limit=WRITE_LIMIT,
                ssl=self._ssl_context(),
            )
        except OSError as error:
            raise _listen_error(error, server.host, server.port) from error
        log.debug("bound %s", self.url)
        return self

    @property
    def port(self) -> int:
        """The port that is listened on; differs from the configured one if that is 0."""
        if self._server is None:
            return self._config.server.port
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where a client on this machine connects to."""
        scheme = "ws" if self._config.security.tls_certificate is None else "wss"
        host = self._config.server.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}{PATH}"

    @property
    def connections(self) -> int:
        """Accepted sockets that are still handled."""
        return len(self._verdicts)

    async def close(self, *, within: float = 0.0) -> None:
        """Stop accepting, let handlers end, abort what is left, close.

        Args:
            within: Seconds that handlers get to end by themselves.

        Returns within about ``within`` + 2 s, even if clients have stopped reading: their
        transports are aborted first, because ``Server.close`` would wait for their buffers.
        """
        server, self._server = self._server, None
        if server is None:
            return
        server.close(close_connections=False)
        for connection in list(self._sockets):
            if connection.request is None:  # half a handshake earns no patience
                connection.transport.abort()
        await _finished(server, within)
        left = list(self._sockets)
        if left:
            log.info("aborting %d sockets", len(left))
        for connection in left:
            connection.transport.abort()
        if not await _finished(server, 1.0):
            for task in list(server.handler_tasks):
                task.cancel("the server is closing")
        try:
            async with asyncio.timeout(1.0):
                await server.wait_closed()
        except TimeoutError:
            log.warning("%d connections did not end; leaving them", len(server.handler_tasks))

    def _ssl_context(self) -> ssl.SSLContext | None:
        security = self._config.security
        if security.tls_certificate is None or security.tls_key is None:
            return None
        return server_context(security.tls_certificate, security.tls_key)

    def _connection_class(self) -> type[Socket]:
        sockets = self._sockets
        verdicts = self._verdicts
        user_timeout_ms = round(self._config.server.send_deadline_s * USER_TIMEOUT * 1000)

        class Connection(Socket):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                _tune(transport, user_timeout_ms)
                sockets.add(self)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                sockets.discard(self)
                verdicts.pop(self, None)
                super().connection_lost(exc)

        return Connection

    # -- one handshake --------------------------------------------------------------------------

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        path, _, query = request.path.partition("?")
        if request.method != "GET":
            return self._refuse("method", 405, "Parley answers GET.", ("Allow", "GET"))
        authorized = self._credentials.judge(
            request.headers.get_all("Authorization"), _offered_subprotocols(request)
        )
        route = self._pages.find(path)
        if route is not None:
            return self._show(route, connection, request, authorized)
        if path != PATH:
            return self._refuse("path", 404, f"Nothing here; Parley's WebSocket is at {PATH}.")
        origins = self._config.security.allowed_origins
        if not origin_allowed(request.headers.get_all("Origin"), origins):
            return self._refuse("origin", 403, "This origin is not in security.allowed_origins.")
        if authorized is False:
            return self._refuse_credentials("The key is wrong.")
        if self._credentials.required and _holds_token(query):
            return self._refuse_credentials(
                "A key in the query string ends up in logs; send it in the Authorization header."
            )
        return self._admit_or_refuse(connection, authorized)

    def _show(
        self,
        route: Route,
        connection: ServerConnection,
        request: Request,
        authorized: Authorization,
    ) -> Response:
        has_key = self._credentials.required and authorized is True
        if route.private and not has_key and not _from_this_machine(connection, request):
            return self._refuse_credentials("This page needs the key.")
        return _answer(route.make())

    def _admit_or_refuse(
        self, connection: ServerConnection, authorized: Authorization
    ) -> Response | None:
        verdict = self._admit()
        if verdict.accepted and len(self._verdicts) >= self._config.server.max_sessions:
            verdict = Admission(accepted=False, reason="capacity", retry_after_s=5)
        if not verdict.accepted:
            retry_after = ("Retry-After", str(verdict.retry_after_s))
            return self._refuse(verdict.reason, 503, f"Not now: {verdict.reason}.", retry_after)
        if connection in self._sockets:  # else it has hung up already, and nobody would tidy up
            self._verdicts[connection] = authorized
        return None

    def _process_response(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> None:
        """Forget the admission of a handshake that websockets itself then found wrong."""
        if response.status_code != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self._verdicts.pop(connection, None)

    def _refuse_credentials(self, text: str) -> Response:
        return self._refuse("credentials", 401, text, ("WWW-Authenticate", "Bearer"))

    def _refuse(
        self, reason: str, status: int, text: str, header: tuple[str, str] | None = None
    ) -> Response:
        self._refused(reason)
        log.debug("refused with %d: %s", status, reason)
        page = Page(status, "text/plain; charset=utf-8", text.encode() + b"\n")
        return _answer(page, *([header] if header else []))

    async def _serve_connection(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Socket)  # made by `_connection_class`
        try:
            with contextlib.suppress(ConnectionClosed):
                await self._handle(connection, self._verdicts.get(connection))
        finally:
            self._verdicts.pop(connection, None)


def _select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    # The token's subprotocol is never echoed, and a handshake without any is fine.
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _offered_subprotocols(request: Request) -> list[str]:
    offered: list[str] = []
    for value in request.headers.get_all("Sec-WebSocket-Protocol"):
        # A malformed header is answered 400 by websockets, later.
        with contextlib.suppress(InvalidHeader):
            offered += parse_subprotocol(value)
    return offered


def _holds_token(query: str) -> bool:
    return not {"token", "access_token", "key", "api_key"}.isdisjoint(parse_qs(query))


def _from_this_machine(connection: ServerConnection, request: Request) -> bool:
    """Whether the client is on loopback, and not a proxy there that speaks for somebody else."""
    headers = request.headers
    if any(name in headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP")):
        return False
    address = connection.remote_address
    return bool(address) and is_loopback(str(address[0]))


def _answer(page: Page, *more: tuple[str, str]) -> Response:
    headers = Headers(
        [
            ("Date", email.utils.formatdate(usegmt=True)),
            ("Connection", "close"),
            ("Content-Length", str(len(page.body))),
            ("Content-Type", page.content_type),
            ("Cache-Control", "no-store"),
            *more,
        ]
    )
    return Response(page.status, http.HTTPStatus(page.status).phrase, headers, page.body)


def _tune(transport: asyncio.BaseTransport, user_timeout_ms: int) -> None:
    """Set what keeps latency low and a dead peer short. Options that a system lacks are left."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout_ms))
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        # Else the kernel takes 4 MB for a client that does not read (0.2 MB with it, measured on
        # loopback): the send deadline would begin minutes late, and an interruption wait behind.
        options.append((socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, WRITE_LIMIT))
    for option in options:
        with contextlib.suppress(OSError):
            sock.setsockopt(*option)


async def _finished(server: Server, within: float) -> bool:
    """Wait until no handler runs, at most ``within`` seconds; tell whether none does."""
    tasks = set(server.handler_tasks)
    if not tasks:
        return True
    _, pending = await asyncio.wait(tasks, timeout=within)
    return not pending


_REMEDIES: Final = {
    errno.EADDRINUSE: "is in use; stop what listens there, or choose another with --port",
    errno.EACCES: "is not allowed for this user; choose a port above 1023 with --port",
    errno.EADDRNOTAVAIL: "is not an address of this machine; correct --host",
    errno.EAFNOSUPPORT: "is of an address family that this machine lacks; correct --host",
}


def _listen_error(error: OSError, host: str, port: int) -> ListenError:
    if isinstance(error, socket.gaierror):
        return ListenError(f"{host} cannot be resolved; correct --host")
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return ListenError(f"cannot listen on {host} port {port}: {error.strerror or error}")
    subject = host if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) else f"port {port}"
    return ListenError(f"{subject} {remedy}")
