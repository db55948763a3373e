"""What the client's commands share: audio formats, the key, errors in one line, exit codes."""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Final

from gateway.client.errors import ClientError
from protocol.audio import RATES, AudioFormat, Encoding

__all__ = [
    "CODECS",
    "FAILED",
    "USER_ERROR",
    "add_connection_arguments",
    "audio_format",
    "read_key",
    "read_trust",
    "run_command",
]

FAILED: Final = 1
"""Exit code: everything was reached, but the outcome is not what was wanted."""
USER_ERROR: Final = 2
"""Exit code: one line on standard error says what to fix."""
_INTERRUPTED: Final = 130

CODECS: Final = {
    "opus": Encoding.OPUS,
    "pcm": Encoding.PCM_S16LE,
    "pcmu": Encoding.PCMU,
    "pcma": Encoding.PCMA,
}
"""Names of codecs on the command line."""


def audio_format(codec: str, rate: int | None, frame_ms: float) -> AudioFormat:
    """The format that flags ask for; without a rate 16 kHz, or 8 kHz of G.711.

    Raises:
        ClientError: The flags contradict each other.
    """
    encoding = CODECS[codec]
    narrow = encoding in (Encoding.PCMU, Encoding.PCMA)
    chosen = rate or (8_000 if narrow else 16_000)
    if chosen not in RATES:
        raise ClientError(f"--rate {chosen} is not one of {', '.join(map(str, RATES))}")
    if narrow and chosen != 8_000:
        raise ClientError(f"--codec {codec} has 8000 Hz only; leave --rate {chosen} out")
    if not 2.5 <= frame_ms <= 120:
        raise ClientError(f"--frame-ms {frame_ms:g} is not between 2.5 and 120")
    return AudioFormat(encoding, chosen, frame_ms)


def read_key(key: str | None, file: Path | None) -> str | None:
    """The bearer key from the flags, else from ``PARLEY_KEY``, else None.

    Raises:
        ClientError: The file cannot be read.
    """
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ClientError(f"cannot read the key in {file}: {error}") from error
    return key or os.environ.get("PARLEY_KEY") or None


def read_trust(file: Path | None) -> ssl.SSLContext | None:
    """Whom to trust over TLS: the certificates of a file, or the system's (None).

    Raises:
        ClientError: The file holds no certificate.
    """
    if file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(file))
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ClientError(f"--ca-file {file} holds no usable certificate: {reason}") from error


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags for reaching a server."""
    parser.add_argument(
        "--url",
        default="ws://127.0.0.1:8765/v1/native",
        help="the server (ws://127.0.0.1:8765/v1/native)",
    )
    parser.add_argument("--key", help="bearer key; PARLEY_KEY in the environment is not seen by ps")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="file with the bearer key")
    parser.add_argument(
        "--ca-file",
        type=Path,
        metavar="FILE",
        help="PEM file with the certificate to trust, for wss:// (the system's)",
    )


def run_command(work: Coroutine[None, None, int]) -> int:
    """Run a command; what the user can fix becomes one line and exit code 2."""
    try:
        return asyncio.run(work)
    except ClientError as error:
        sys.stdout.flush()
        print(f"parley: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("parley: stopped", file=sys.stderr)
        return _INTERRUPTED
