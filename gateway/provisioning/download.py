"""One file from a server into the store: resumed, retried, bounded, hashed.

A `Download` takes the file's slot, so that of several processes that want the same file one fetches
it and the others wait for its result; it goes on with what an earlier attempt left; and it hands
the file to the store only when its size and its hash are right.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import urljoin, urlsplit

import httpx2

from gateway.provisioning.answers import (
    HEAD,
    Body,
    Restart,
    Transient,
    Wrong,
    judge,
    looks_wrong,
    validator_of,
)
from gateway.provisioning.mirror import Location, is_loopback, shown
from gateway.provisioning.part import Part, Validator
from gateway.provisioning.pull_events import (
    Advanced,
    Finished,
    PullEvent,
    Restarted,
    Retrying,
    Started,
    Waiting,
)
from gateway.version import VERSION
from pipeline.errors import ModelError
from pipeline.models.disk import disk_error
from pipeline.models.locking import FileLock
from pipeline.models.store import Store

__all__ = ["Download", "Fetched", "Policy", "Unwritable", "Wanted", "open_client"]


_LONGEST_REASON: Final = 120


class Unwritable(ModelError):
    """The store's disk is full or refuses: no other file will fare better."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient a download is.

    Attributes:
        connect_s: To reach the server, TLS included.
        silence_s: Without a single byte; then the connection counts as lost.
        window_s: In which at least `window_bytes` have to come; else it counts as lost, too.
        window_bytes: 64 KiB in a minute are 1 KiB/s.
        attempts: In a row that do not get `progress_bytes` further; then it is given up.
        progress_bytes: What an attempt has to bring, beyond all before it, to count.
        first_pause_s: Before the second attempt; each further pause is twice as long.
        longest_pause_s: Of these pauses; a server may ask for up to 2 minutes.
        poll_s: Between looks whether another process is done with the same file.
        redirects: That are followed.
        margin_bytes: Of the disk that a file of unknown size leaves free.
    """

    connect_s: float = 15.0
    silence_s: float = 30.0
    window_s: float = 60.0
    window_bytes: int = 1 << 16
    attempts: int = 6
    progress_bytes: int = 1 << 16
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0
    poll_s: float = 0.2
    redirects: int = 5
    margin_bytes: int = 256 << 20

    def pause_s(self, attempt: int) -> float:
        """Return how long to wait after an attempt in vain, counted from 1."""
        return min(self.first_pause_s * 2.0 ** (attempt - 1), self.longest_pause_s)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch.

    Attributes:
        label: ``<model>/<name>``, for people.
        location: Where to ask.
        key: Names it among downloads: its hash, or a hash of its URL.
        size: In bytes, if it is known.
        sha256: In hex, or "" if nobody knows it.
        says: What the hash stands in, for messages.
    """

    label: str
    location: Location
    key: str
    size: int | None
    sha256: str
    says: str = "the models file"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is in the store now.

    Attributes:
        sha256: Its hash, in hex.
        bytes: Its size.
        came: Bytes that this process downloaded for it.
    """

    sha256: str
    bytes: int
    came: int


class _Broken(Exception):
    """An attempt ended early; another one may go on from there."""

    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause_s = pause_s


class _Again(Exception):
    """The part was thrown away: begin from the first byte, at once."""


def open_client(
    proxy: str, *, connections: int, policy: Policy
) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
    """Return what makes requests, for several downloads.

    Proxies and certificates come from the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and
    NO_PROXY; SSL_CERT_FILE, SSL_CERT_DIR). This machine is reached without a proxy.

    Args:
        proxy: URL of a proxy instead of the environment's, or "".
        connections: Open at once, at most.
        policy: Its deadlines.

    Raises:
        ModelError: A proxy or the certificates of the environment cannot be used.
    """
    try:
        return _client(proxy, connections, policy)
    except OSError as error:
        where = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or "the system's"
        message = f"the certificates to trust ({where}) cannot be read: {error.strerror or error}"
        raise ModelError(f"{message}; correct SSL_CERT_FILE") from error
    except (ImportError, ValueError, httpx2.InvalidURL) as error:  # its text may hold a password
        kinds = "only http:// and https:// proxies can be"
        where = "models.proxy" if proxy else "the proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
        raise ModelError(f"{where} cannot be used: {kinds}; correct it, or unset it") from error


def _client(proxy: str, connections: int, policy: Policy) -> httpx2.AsyncClient:
    for name in ("httpx2", "httpcore2"):  # they log URLs, which may hold a signature
        logging.getLogger(name).setLevel(logging.WARNING)
    here = ("localhost", "127.0.0.1", "[::1]")
    direct = httpx2.AsyncHTTPTransport()
    return httpx2.AsyncClient(
        headers={"User-Agent": f"parley/{VERSION}", "Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(policy.silence_s, connect=policy.connect_s, pool=None),
        limits=httpx2.Limits(max_connections=connections),
        mounts={f"all://{host}": direct for host in here},
        proxy=proxy or None,
    )


class Download:
    """Fetches one file.

    Args:
        wanted: What.
        store: Where to.
        client: What makes the requests.
        report: Told what happens.
        policy: How patiently.
    """

    def __init__(
        self,
        wanted: Wanted,
        store: Store,
        client: httpx2.AsyncClient,
        report: Callable[[PullEvent], None],
        policy: Policy,
    ) -> None:
        self._wanted = wanted
        self._store = store
        self._client = client
        self._report = report
        self._policy = policy
        self._came = 0
        self._pieced = False  # whether the part was written in more than one go

    async def run(self) -> Fetched:
        """Fetch the file, or wait for another process that does.

        Cancelling it keeps what came; the next one goes on from there.

        Raises:
            ModelError: It cannot be had, or is not what it should be.
            Unwritable: The disk is full or refuses.
        """
        slot = self._store.slot(self._wanted.key)
        await self._take(slot)
        try:
            if shared := self._shared():
                return shared
            part = Part(self._store.partial, self._wanted.key)
            try:
                return await self._fetch(part)
            finally:
                part.close()
        except OSError as error:
            raise Unwritable(str(disk_error(error, self._store.root))) from error
        finally:
            slot.release(remove=True)

    async def _take(self, slot: FileLock) -> None:
        with self._store.writing():
            if slot.try_acquire():
                return
        self._report(Waiting(self._wanted.label))
        while True:
            await asyncio.sleep(self._policy.poll_s)
            with self._store.writing():
                if slot.try_acquire():
                    return

    def _shared(self) -> Fetched | None:
        """Return the file if it came into the store meanwhile."""
        digest = self._wanted.sha256
        if not digest or not self._store.has(digest):
            return None
        size = self._store.blob(digest).stat().st_size
        self._report(Finished(self._wanted.label, size, shared=True))
        return Fetched(digest, size, 0)

    async def _fetch(self, part: Part) -> Fetched:
        wanted = self._wanted
        await part.resume(wanted.size)
        self._pieced = part.size > 0
        self._report(Started(wanted.label, part.size, wanted.size))
        in_vain, best = 0, part.size
        while True:
            try:
                await self._attempt(part)
                return self._finish(part)
            except _Again:
                continue
            except _Broken as broken:
                # Counted from the best attempt so far: a server that always breaks at the same
                # place, and lets nobody go on from there, is given up as well.
                gained = part.size - best >= self._policy.progress_bytes
                in_vain, best = (1 if gained else in_vain + 1), max(best, part.size)
                await self._pause(broken, in_vain)

    async def _pause(self, broken: _Broken, in_vain: int) -> None:
        wanted, policy = self._wanted, self._policy
        if in_vain >= policy.attempts:
            url = shown(wanted.location.url)
            message = f"{wanted.label}: {broken.reason} ({url}), {in_vain} times in a row"
            raise ModelError(f"{message}; run the same command later, it goes on where this ended")
        wait_s = broken.pause_s if broken.pause_s is not None else policy.pause_s(in_vain)
        self._report(Retrying(wanted.label, broken.reason, wait_s))
        await asyncio.sleep(wait_s)

    async def _attempt(self, part: Part) -> None:
        """Get what is missing, or as much of it as comes."""
        if part.size == self._wanted.size and self._wanted.sha256:
            return
        try:
            async with self._request(part) as response:
                body = self._body(response, part)
                await self._receive(response, part, body)
        except httpx2.TimeoutException as error:
            raise _Broken("the server does not answer") from error
        except (httpx2.TransportError, httpx2.StreamError) as error:
            self._check_trust(error)
            raise _Broken(f"the connection was lost ({_reason(error)})") from error

    @asynccontextmanager
    async def _request(self, part: Part) -> AsyncIterator[httpx2.Response]:
        """Ask, and follow where the server sends us; credentials stay with the first host."""
        url, headers = self._wanted.location.url, self._range(part)
        for _ in range(self._policy.redirects + 1):
            mine = {**headers, **self._wanted.location.headers(url)}
            try:
                request = self._client.build_request("GET", url, headers=mine)
            except httpx2.InvalidURL as error:
                self._refuse(f"the server redirects to what is no URL ({error})")
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                if "location" not in response.headers or not 300 <= response.status_code < 400:
                    yield response
                    return
                url = self._redirected(url, response.headers["location"])
            finally:
                await response.aclose()
        self._refuse(f"the server redirects more than {self._policy.redirects} times")

    def _range(self, part: Part) -> dict[str, str]:
        """Return the headers that ask for the rest, if what is here can be continued."""
        if not part.size:
            return {}
        mine = part.validator.url == self._wanted.location.url
        if mine and part.validator.text:
            return {"Range": f"bytes={part.size}-", "If-Range": part.validator.text}
        if self._wanted.sha256:  # the hash will tell whether the rest belongs to it
            return {"Range": f"bytes={part.size}-"}
        self._restart(part, "nothing tells whether the server still has the same file")
        return {}

    def _redirected(self, url: str, location: str) -> str:
        try:
            target = urljoin(url, location)
            parts = urlsplit(target)
        except ValueError as error:
            self._refuse(f"the server redirects to what is no URL ({error})")
        if parts.scheme not in ("http", "https"):
            self._refuse(f"the server redirects to {parts.scheme or 'nowhere'}://")
        unsafe = parts.scheme == "http" and urlsplit(url).scheme == "https"
        if unsafe and not is_loopback(parts.hostname or ""):
            self._refuse(f"the server redirects to {shown(target)}, which is not encrypted")
        return target

    def _body(self, response: httpx2.Response, part: Part) -> Body:
        headers: Mapping[str, str] = response.headers
        answer = judge(
            response.status_code,
            headers,
            name=self._wanted.label,
            have=part.size,
            resumed=part.validator.text,
            size=self._wanted.size,
        )
        if not isinstance(answer, Body):
            self._give_up(answer, part)
        if answer.changed:
            self._restart(part, answer.changed)
        if not part.size:
            part.begin(Validator(self._wanted.location.url, validator_of(headers)))
        self._pieced |= answer.start > 0
        return answer

    def _give_up(self, answer: Wrong | Restart | Transient, part: Part) -> NoReturn:
        """End an attempt whose answer brings nothing of the file."""
        match answer:
            case Wrong(reason):
                self._refuse(reason)
            case Restart(reason):
                self._restart(part, reason)
                raise _Again
            case Transient(reason, pause_s):
                raise _Broken(reason, pause_s)

    async def _receive(self, response: httpx2.Response, part: Part, body: Body) -> None:
        size = body.size if self._wanted.size is None else self._wanted.size
        limit = self._room(part) if size is None else size
        if self._wanted.size is None and size is not None and size > self._room(part):
            raise Unwritable(f"{self._wanted.label} has {size} bytes, which {self._short()}")
        head, pace = b"", _Pace(self._policy, asyncio.get_running_loop().time)
        async for chunk in response.aiter_raw():
            if part.size < HEAD:
                head += chunk[:HEAD]
                if reason := looks_wrong(head, self._wanted.label):
                    part.restart()
                    self._refuse(reason)
            if part.size + len(chunk) > limit:
                part.restart()
                self._refuse(f"the server sent more than {limit} bytes, which it should have")
            part.write(chunk)
            self._came += len(chunk)
            self._report(Advanced(self._wanted.label, len(chunk)))
            if pace.is_too_slow(len(chunk)):
                raise _Broken("the server sends next to nothing")
        if size is not None and part.size < size:
            raise _Broken(f"the connection ended {size - part.size} bytes too early")

    def _room(self, part: Part) -> int:
        """Return how large the file may become, for the disk's sake."""
        free = shutil.disk_usage(self._store.root).free
        return part.size + max(0, free - self._policy.margin_bytes)

    def _short(self) -> str:
        return f"the disk of {self._store.root} has no room for; free some space"

    def _finish(self, part: Part) -> Fetched:
        """Hand the file to the store, if it is the right one."""
        wanted, digest = self._wanted, part.sha256
        if wanted.sha256 and digest != wanted.sha256:
            if self._pieced:
                self._restart(part, "its pieces do not make the file")
                raise _Again
            part.restart()
            expected = f"expected {wanted.sha256}, which {wanted.says} has"
            why = "it is another file, or was changed on its way"
            self._refuse(f"its SHA-256 is {digest}, {expected}: {why}")
        part.close()
        self._store.place(part.path, sha256=digest)
        part.discard()
        self._report(Finished(wanted.label, part.size, shared=False))
        return Fetched(digest, part.size, self._came)

    def _restart(self, part: Part, reason: str) -> None:
        if part.size:
            self._report(Restarted(self._wanted.label, reason, part.size))
        self._pieced = False
        part.restart()

    def _refuse(self, reason: str) -> NoReturn:
        url = shown(self._wanted.location.url)
        raise ModelError(f"{self._wanted.label} from {url}: {reason}")

    def _check_trust(self, error: Exception) -> None:
        """Certificates do not become right by asking again."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                trust = "name the certificate of its authority in SSL_CERT_FILE"
                self._refuse(
                    f"the server's certificate is not trusted ({cause.verify_message}); {trust}"
                )
            cause = cause.__cause__ or cause.__context__


class _Pace:
    """Tells a server that trickles from one that is slow."""

    def __init__(self, policy: Policy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._since, self._bytes = clock(), 0

    def is_too_slow(self, count: int) -> bool:
        """Count bytes; whether too few came in the window that has just ended."""
        self._bytes += count
        if self._clock() - self._since < self._policy.window_s:
            return False
        came, self._bytes, self._since = self._bytes, 0, self._clock()
        return came < self._policy.window_bytes


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
