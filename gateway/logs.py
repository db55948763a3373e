"""Logging: text or JSON lines on standard error, with session and turn, without secrets.

Modules log as usual, ``logging.getLogger(__name__)``; which session and turn a line belongs to
comes from context variables, which every task inherits from the task that started it.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

from gateway.security.credentials import token_subprotocol

__all__ = ["SESSION", "TURN", "JsonFormatter", "TextFormatter", "configure", "log_context"]

SESSION: Final = contextvars.ContextVar[str]("parley_session", default="")
"""Id of the session that the current task works for; "" outside of sessions."""
TURN: Final = contextvars.ContextVar[str]("parley_turn", default="")
"""Id of its turn, likewise."""

MASK: Final = "***"

_SECRETS: Final = re.compile(
    r"""(?ix)
    (?P<before> \bbearer\s+ | parley\.token\.
        | \b(?:token|key|secret|password) (?:\\?["'])? \s*[:=]\s* (?:\\?["'])? )
    (?P<secret> [A-Za-z0-9._~+/=-]{8,} )"""
)
"""What looks like a secret though it is not the configured one, such as a client's wrong guess."""


@contextlib.contextmanager
def log_context(*, session: str | None = None, turn: str | None = None) -> Iterator[None]:
    """Mark what is logged inside the block, and in tasks started there, as a session's or turn's.

    None leaves what is set. Enter and leave in the same task.
    """
    given = [(SESSION, session), (TURN, turn)]
    tokens = [(variable, variable.set(value)) for variable, value in given if value is not None]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info",
    layout: Literal["text", "json"] = "text",
    *,
    secrets: Sequence[str] = (),
    stream: TextIO | None = None,
) -> logging.Handler:
    """Send all logging to ``stream`` (standard error); replaces an earlier call's handler.

    Args:
        level: Least level. websockets logs from warning on, whatever this says: its debug lines
            hold headers, and with them keys.
        layout: "json" writes one object a line.
        secrets: Texts that are masked wherever they appear, also encoded as a token subprotocol.
        stream: Instead of standard error.

    Returns:
        The handler, for tests.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.set_name("parley")
    formatter = JsonFormatter(secrets) if layout == "json" else TextFormatter(secrets)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == "parley"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger("websockets").setLevel(max(logging.WARNING, root.level))
    return handler


class _MaskingFormatter(logging.Formatter):
    """Masks in the message, in the traceback, and in the finished line, whatever got into it."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._secrets = sorted(forms, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        return self.masked(self.compose(record))

    def compose(self, record: logging.LogRecord) -> str:
        """Return the line with everything in it."""
        raise NotImplementedError

    def masked(self, text: str) -> str:
        """Return ``text`` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return _SECRETS.sub(rf"\g<before>{MASK}", text)

    def message(self, record: logging.LogRecord) -> str:
        """Return the message; masked now, before a layout escapes it beyond recognition."""
        return self.masked(record.getMessage())

    def traceback(self, record: logging.LogRecord) -> str:
        """Return the record's traceback, or ""."""
        return self.masked(self.formatException(record.exc_info)) if record.exc_info else ""


class TextFormatter(_MaskingFormatter):
    """``2026-01-31T12:00:00.000Z INFO gateway.app [s-1/t-2] message name=value``."""

    def compose(self, record: logging.LogRecord) -> str:
        """Return the line; line breaks in the message are escaped, so that it cannot be forged."""
        where = "/".join(part for part in (SESSION.get(), TURN.get()) if part)
        fields = (f"{name}={_plain(value)}" for name, value in _fields(record).items())
        parts = [
            _time(record),
            record.levelname,
            record.name,
            *([f"[{where}]"] if where else []),
            _one_line(self.message(record)),
            *fields,
        ]
        traceback = self.traceback(record)
        return " ".join(parts) + (f"\n{traceback}" if traceback else "")


class JsonFormatter(_MaskingFormatter):
    """One JSON object a line: time, level, logger, message, session, turn, fields, exception."""

    def compose(self, record: logging.LogRecord) -> str:
        """Return the object as one line; fields never replace the reserved keys."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
        }
        optional = (
            ("session", SESSION.get()),
            ("turn", TURN.get()),
            ("exception", self.traceback(record)),
        )
        entry |= {name: value for name, value in optional if value}
        return json.dumps(dict(_fields(record)) | entry, ensure_ascii=False, default=str)


def _forms(secret: str) -> set[str]:
    """Return how ``secret`` may look in a line: as it is, escaped, or encoded for a browser."""
    encoded = token_subprotocol(secret).rpartition(".")[2]
    return {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], encoded}


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    """Return ``extra={"fields": {...}}``, the structured part of a line."""
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, Mapping) else {}


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or " " in text else _one_line(text)


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
