"""Where a file of a model is asked for, and with which credentials: source, mirror, proxy, token.

A mirror takes the place of every source's scheme, host and prefix, and keeps the path below it:
``https://mirror.example/hf`` + ``/owner/name/resolve/main/model.bin``. Credentials come from the
environment or from a file, and go to the one host that they are for: not to where it redirects, and
not over plain HTTP to another machine.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from gateway.config import ModelsConfig
from pipeline.errors import ModelError
from pipeline.models import Model, ModelFile

__all__ = [
    "HUB_TOKEN_VARIABLE",
    "MIRROR_TOKEN_VARIABLE",
    "MIRROR_VARIABLE",
    "Location",
    "Mirror",
    "Token",
    "is_loopback",
    "mirror_of",
    "shown",
]

MIRROR_VARIABLE: Final = "PARLEY_MIRROR"
"""The mirror's base URL, in the environment."""
MIRROR_TOKEN_VARIABLE: Final = "PARLEY_MIRROR_TOKEN"
"""The bearer token for the mirror, in the environment."""
HUB_TOKEN_VARIABLE: Final = "HF_TOKEN"
"""The bearer token for huggingface.co, as its own tools read it; no mirror gets it."""

_LONGEST_TOKEN: Final = 4096
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_HUB: Final = "huggingface.co"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; it shows itself to nobody who prints it.

    Attributes:
        value: The token.
        origin: Where it came from, for messages.
    """

    value: str = field(repr=False)
    origin: str


@dataclass(frozen=True, slots=True)
class Location:
    """Where a file is asked for.

    Attributes:
        url: Absolute.
        token: For its host, or None.
    """

    url: str
    token: Token | None = None

    def headers(self, url: str) -> dict[str, str]:
        """Return the credentials for a URL: none for one that lies with another host."""
        if self.token is None or _origin(url) != _origin(self.url):
            return {}
        return {"Authorization": f"Bearer {self.token.value}"}


@dataclass(frozen=True, slots=True)
class Mirror:
    """How files are reached.

    Attributes:
        base: The mirror's base URL without a slash at its end; "" asks the sources themselves.
        token: For the mirror, or, without one, for the sources that are Hugging Face's.
        proxy: The URL of a proxy for everything that is not on this machine; "": what HTTP_PROXY,
            HTTPS_PROXY, ALL_PROXY and NO_PROXY say.
    """

    base: str = ""
    token: Token | None = None
    proxy: str = ""

    def locate(self, model: Model, file: ModelFile) -> Location:
        """Return where to ask for a file.

        Raises:
            ModelError: It can be had nowhere, or a token would travel unencrypted.
        """
        url = model.url(file)
        if not url:
            message = f"model {model.id}: {file.name} has no source; get it with `parley models"
            raise ModelError(f"{message} import`, or give the model a source in models.toml")
        if not self.base:
            hub = urlsplit(url).hostname == _HUB
            return _guarded(url, self.token if hub else None)
        if model.source is not None and not file.url:
            path = model.source.path_of(file)
        else:
            path = urlsplit(url).path.lstrip("/")
        return _guarded(f"{self.base}/{path}", self.token)


def mirror_of(
    config: ModelsConfig, flag: str | None = None, environment: Mapping[str, str] | None = None
) -> Mirror:
    """Return how files are reached, from all that the user may have said.

    A mirror is what ``flag`` says, or else PARLEY_MIRROR, or else the configuration; its token is
    PARLEY_MIRROR_TOKEN or in the configured file. Without a mirror, the token for huggingface.co is
    HF_TOKEN or in the configured file.

    Args:
        config: The settings.
        flag: ``--mirror``, if it was given.
        environment: Instead of ``os.environ``.

    Raises:
        ModelError: A URL is not one, or holds credentials; or the file of the token is not private.
    """
    environment = os.environ if environment is None else environment
    named = {
        "--mirror": flag,
        MIRROR_VARIABLE: environment.get(MIRROR_VARIABLE),
        "models.mirror": config.mirror,
    }
    name, base = next(((name, url) for name, url in named.items() if url), ("", ""))
    variable = MIRROR_TOKEN_VARIABLE if base else HUB_TOKEN_VARIABLE
    token = None
    if literal := environment.get(variable):
        token = _token(literal, variable)
    elif config.token_file is not None:
        token = _read_token(config.token_file)
    return Mirror(
        _base(base, name).rstrip("/") if base else "",
        token,
        _base(config.proxy, "models.proxy") if config.proxy else "",
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def shown(url: str) -> str:
    """Return a URL as it may be shown and logged: signatures and credentials left out."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, _host(parts), parts.path, "", ""))


def _guarded(url: str, token: Token | None) -> Location:
    parts = urlsplit(url)
    if token is not None and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        message = f"{token.origin} would go to {shown(url)} unencrypted; use https, or unset it"
        raise ModelError(message)
    return Location(url, token)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _base(url: str, name: str) -> str:
    """Check a base URL; what it says of a wrong one does not repeat a password."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises for one that is no number
    except ValueError as error:
        raise ModelError(f"{name} is not a URL: {error}") from error
    if "@" in parts.netloc:
        advice = (
            f"put a token into {MIRROR_TOKEN_VARIABLE} or the file that models.token_file names"
        )
        if name == "models.proxy":
            advice = "put a proxy with a password into HTTPS_PROXY"
        raise ModelError(f"{name} holds credentials; {advice}")
    good = parts.scheme in _PORTS and parts.hostname and not parts.query and not parts.fragment
    if not good or re.search(r"[\s\x00-\x1f]", url):
        raise ModelError(f"{name} is {url!r}, expected http(s)://host[:port][/path]")
    return url


def _read_token(file: Path) -> Token:
    try:
        with file.open("rb") as opened:
            mode = stat.S_IMODE(file.stat().st_mode)
            content = opened.read(_LONGEST_TOKEN + 1)
    except OSError as error:
        raise ModelError(f"models.token_file {file} cannot be read: {error.strerror}") from error
    if sys.platform != "win32" and mode & 0o077:
        message = (
            f"models.token_file {file} may be read by others (mode {mode:04o}); run: chmod 600"
        )
        raise ModelError(f"{message} {file}")
    return _token(content.decode("utf-8", "replace"), f"models.token_file {file}")


def _token(text: str, origin: str) -> Token:
    text = text.strip()
    if len(text) > _LONGEST_TOKEN or not _TOKEN.fullmatch(text):
        message = f"{origin} holds no token: expected one line of printable ASCII without spaces"
        raise ModelError(message)
    return Token(text, origin)
