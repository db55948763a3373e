"""accepted.toml: the hashes of files that nobody vouches for, as they were when first downloaded.

A file without a known hash is refused, unless the user takes it on trust; what was taken then is
pinned here, and a later download of the same URL has to bring the same bytes (trust on first use).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tomli_w

from pipeline.errors import ModelError

__all__ = ["Accepted", "Pin"]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SCHEMA: Final = 1
_HEADING: Final = (
    "# Hashes that `parley models pull --accept-unverified` took on trust. To accept another file\n"
    "# from one of these addresses, delete its table.\n"
)


@dataclass(frozen=True, slots=True)
class Pin:
    """What came from a URL the first time.

    Attributes:
        sha256: In hex.
        bytes: Size.
    """

    sha256: str
    bytes: int


class Accepted:
    """A file of pins, by URL before any mirror is applied.

    Args:
        path: The file; one that is missing holds no pins.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def pins(self) -> dict[str, Pin]:
        """Return all pins.

        Raises:
            ModelError: The file cannot be read or is malformed; then nothing of it is trusted.
        """
        try:
            document = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            message = f"{self.path} cannot be read: {error}; correct it, or delete it"
            raise ModelError(message) from error
        if document.get("schema") != _SCHEMA:
            found = document.get("schema")
            raise ModelError(f"{self.path}: schema is {found!r}, expected {_SCHEMA}")
        files = document.get("files", {})
        if not isinstance(files, dict):
            raise ModelError(f"{self.path}: [files] is not a table")
        return {url: self._pin(url, table) for url, table in files.items()}

    def pin(self, url: str) -> Pin | None:
        """Return what came from a URL the first time, or None.

        Raises:
            ModelError: As of `pins`.
        """
        return self.pins().get(url)

    def with_pin(self, url: str, sha256: str, bytes: int) -> str:
        """Return the text of the file with one more pin; writing it is the store's business."""
        pins = self.pins() | {url: Pin(sha256, bytes)}
        tables = {
            key: {"sha256": pin.sha256, "bytes": pin.bytes} for key, pin in sorted(pins.items())
        }
        return _HEADING + tomli_w.dumps({"schema": _SCHEMA, "files": tables})

    def _pin(self, url: str, table: object) -> Pin:
        digest = table.get("sha256") if isinstance(table, dict) else None
        size = table.get("bytes") if isinstance(table, dict) else None
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest) or type(size) is not int:
            raise ModelError(f'{self.path}: files."{url}" is malformed; correct it, or delete it')
        return Pin(digest, size)
