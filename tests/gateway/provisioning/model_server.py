"""A server of files on loopback that misbehaves on request: real sockets, ranges, ETags.

By hand: ``python -m tests.gateway.provisioning.model_server FOLDER [--port N] [--rate BYTES/S]
[--cut-after BYTES]``; it serves ``/owner/name/resolve/revision/file`` from the same path below
FOLDER, or from the end of it, such as ``FOLDER/file``.
"""

import argparse
import hashlib
import re
import ssl
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Fault:
    """How one request is answered; each fault of a path is used once, in order.

    Attributes:
        status: Instead of 200 or 206, without the file.
        headers: Sent as well, or instead.
        body: Sent with `status`.
        cut_at: The connection is closed before this byte of the file.
        hold_at: Before this byte the server waits for `go`.
        ranges: Whether a range is answered with one.
        shift: Added to the start of a range that is sent.
        content: Instead of the file's.
        chunked: No length, but chunks.
        silent_length: Neither length nor chunks: the end is where the connection ends.
        more: Sent behind the file.
        pause_s: After each 1000 bytes.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_at: int | None = None
    hold_at: int | None = None
    go: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    ranges: bool = True
    shift: int = 0
    content: bytes | None = None
    chunked: bool = False
    silent_length: bool = False
    more: bytes = b""
    pause_s: float = 0.0


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]


class ModelServer:
    """Serves files by path, on a thread; a context manager.

    Attributes:
        files: Content or file on disk, by path.
        faults: What goes wrong, by path.
        requests: What was asked for, in order.
    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, bytes | Path] = {}
        self.etags: dict[str, str] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.requests: list[Request] = []
        self.rate: float | None = None
        self.cut_after: int | None = None
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._tls = tls is not None
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        where = "https://localhost" if self._tls else "http://127.0.0.1"
        return f"{where}:{self._server.server_port}"

    def __enter__(self) -> "ModelServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for faults in self.faults.values():
            for fault in faults:
                fault.go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve_forever(self) -> None:
        self._server.serve_forever()

    def content(self, path: str) -> bytes | Path | None:
        return self.files.get(path)

    def etag(self, path: str, content: bytes | Path) -> str:
        if path not in self.etags:
            what = content if isinstance(content, bytes) else str(content.stat()).encode()
            self.etags[path] = f'"{hashlib.sha256(what).hexdigest()[:20]}"'
        return self.etags[path]

    def ranges(self, path: str) -> list[str | None]:
        """What ranges were asked for, by request."""
        return [each.headers.get("range") for each in self.requests if each.path == path]


class FolderServer(ModelServer):
    """Serves a folder."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(port)
        self._folder = folder

    def content(self, path: str) -> bytes | Path | None:
        parts = [unquote(part) for part in path.split("/") if part]
        if ".." in parts:
            return None
        places = [self._folder.joinpath(*parts[start:]) for start in range(len(parts))]
        return next((place for place in places if place.is_file()), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(
            sys.exception(), ConnectionError | ssl.SSLError
        ):  # clients are killed on purpose
            super().handle_error(request, client_address)


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                self._get()
            except OSError:  # whoever asked has left
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        def _get(self) -> None:
            path = urlsplit(self.path).path
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append(Request(path, headers))
            fault = server.faults[path].pop(0) if server.faults[path] else Fault()
            content = fault.content if fault.content is not None else server.content(path)
            if fault.status or content is None:
                return self._refuse(fault)
            etag = server.etag(path, content)
            return self._send(fault, content, etag, headers)

        def _refuse(self, fault: Fault) -> None:
            self.send_response(fault.status or 404)
            self._finish(fault, {"Content-Length": str(len(fault.body))})
            self.wfile.write(fault.body)

        def _finish(self, fault: Fault, headers: dict[str, str]) -> None:
            for name, value in {**headers, **fault.headers}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()

        def _send(
            self, fault: Fault, content: bytes | Path, etag: str, headers: dict[str, str]
        ) -> None:
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
            start = self._start(fault, etag, headers)
            if start >= size:
                return self._refuse(Fault(status=416, headers={"Content-Range": f"bytes */{size}"}))
            sent = {"ETag": etag, "Content-Type": "application/octet-stream"}
            begin = start + fault.shift if start else 0
            self.send_response(206 if start else 200)
            if start:
                sent["Content-Range"] = f"bytes {begin}-{size - 1}/{size}"
            if fault.chunked:
                sent["Transfer-Encoding"] = "chunked"
            elif not fault.silent_length:
                sent["Content-Length"] = str(size - begin)
            self._finish(fault, sent)
            self._body(fault, content, begin)
            return None

        def _start(self, fault: Fault, etag: str, headers: dict[str, str]) -> int:
            match = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
            if match is None or not fault.ranges or headers.get("if-range", etag) != etag:
                return 0
            return int(match[1])

        def _body(self, fault: Fault, content: bytes | Path, position: int) -> None:
            step = 1000 if fault.pause_s else 65_536
            pieces = _pieces(content, position, self._stops(fault), step)
            sent = 0
            for piece in pieces:
                if fault.hold_at == position:
                    self.wfile.flush()
                    fault.reached.set()
                    fault.go.wait()
                if position == fault.cut_at or (server.cut_after and sent >= server.cut_after):
                    self.close_connection = True
                    return
                self._write(piece, chunked=fault.chunked)
                position += len(piece)
                sent += len(piece)
                time.sleep(fault.pause_s)
                if server.rate:
                    time.sleep(len(piece) / server.rate)
            if fault.more:
                self._write(fault.more, chunked=fault.chunked)
            if fault.chunked:
                self.wfile.write(b"0\r\n\r\n")
            if fault.silent_length:
                self.close_connection = True

        def _stops(self, fault: Fault) -> list[int]:
            return sorted(stop for stop in (fault.cut_at, fault.hold_at) if stop is not None)

        def _write(self, piece: bytes, *, chunked: bool) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)

    return Handler


def _pieces(content: bytes | Path, position: int, stops: list[int], step: int):
    """Yield what follows a position, in pieces that end at the stops."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    while position < size:
        end = min([size, position + step, *(stop for stop in stops if stop > position)])
        if isinstance(content, bytes):
            yield content[position:end]
        else:
            with content.open("rb") as file:
                file.seek(position)
                yield file.read(end - position)
        position = end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=float, help="bytes a second, of each connection")
    parser.add_argument("--cut-after", type=int, help="bytes, after which a connection is closed")
    options = parser.parse_args()
    server = FolderServer(options.folder, options.port)
    server.rate, server.cut_after = options.rate, options.cut_after
    print(server.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
