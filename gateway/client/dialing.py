"""Opens a socket to a server, and says in one line why it could not."""

from __future__ import annotations

import ssl
from typing import Final, TypeVar
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

from gateway.client.errors import Refused, Unreachable
from gateway.version import VERSION

__all__ = ["SUBPROTOCOL", "dial", "dial_as"]

C = TypeVar("C", bound=ClientConnection)

SUBPROTOCOL: Final = "parley.v1"
_MAX_MESSAGE: Final = 1024 * 1024
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ADVICE: Final = {
    401: "the key is wrong or missing; give --key-file or set PARLEY_KEY",
    403: "the server does not allow this origin",
    404: "there is no such path; the native protocol lives at /v1/native",
    503: "the server is full or still loading; try again later",
}


async def dial(
    url: str,
    *,
    key: str | None,
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
) -> ClientConnection:
    """As `dial_as`, to a plain connection of `websockets`."""
    return await dial_as(ClientConnection, url, key=key, timeout_s=timeout_s, tls=tls)


async def dial_as(
    kind: type[C],
    url: str,
    *,
    key: str | None,
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
) -> C:
    """Connect and upgrade.

    The socket's own keepalive is off (the protocol has one), and so is compression, which speech
    does not profit from.

    Args:
        kind: What the connection shall be.
        url: ``ws://`` or ``wss://``.
        key: Sent as a bearer key.
        timeout_s: For connecting and the handshake together.
        tls: Whom to trust; the system's certificates by default.

    Raises:
        Unreachable: Nobody answers, or not in time, or not as a WebSocket.
        Refused: The server refused the upgrade.
    """
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        connection = await connect(
            url,
            create_connection=kind,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            additional_headers=headers,
            compression=None,
            user_agent_header=f"parley/{VERSION}",
            open_timeout=timeout_s,
            ping_interval=None,
            close_timeout=2,
            max_size=_MAX_MESSAGE,
            # The environment's proxy is for other machines than this one.
            proxy=None if _host(url) in _LOOPBACK else True,
            ssl=_trust(url, tls),
        )
        assert isinstance(connection, kind), "made by the factory"
        return connection
    except InvalidStatus as error:
        raise _refused(url, error) from error
    except ssl.SSLCertVerificationError as error:  # a ValueError, too
        raise Unreachable(
            f"{url} shows a certificate that is not trusted ({error.verify_message}); "
            "name the one to trust with --ca-file"
        ) from error
    except (InvalidURI, ValueError) as error:
        raise Unreachable(
            f"{url} is no address; expected ws:// or wss://HOST:PORT/v1/native"
        ) from error
    except TimeoutError as error:
        raise Unreachable(
            f"{url} did not answer within {timeout_s:g} s; is it the server?"
        ) from error
    except InvalidHandshake as error:
        raise Unreachable(f"{url} does not speak WebSocket: {_one_line(error)}") from error
    except OSError as error:
        raise Unreachable(
            f"cannot reach {url}: {error.strerror or _one_line(error)}; start it with  parley serve"
        ) from error


def _trust(url: str, tls: ssl.SSLContext | None) -> ssl.SSLContext | None:
    if not url.lower().startswith("wss:"):
        return None
    return tls or ssl.create_default_context()


def _refused(url: str, error: InvalidStatus) -> Refused:
    status = error.response.status_code
    advice = _ADVICE.get(status, error.response.reason_phrase)
    retry_after = error.response.headers.get("Retry-After")
    patience = f" (in {retry_after} s)" if retry_after else ""
    return Refused(f"{url} refused with HTTP {status}: {advice}{patience}", code=status)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
