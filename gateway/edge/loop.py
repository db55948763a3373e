"""Which event loop to run."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from typing import Literal

from gateway.errors import ConfigError

__all__ = ["loop_factory"]


def loop_factory(
    choice: Literal["auto", "uvloop", "asyncio"],
) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what ``asyncio.Runner(loop_factory=...)`` takes; None is asyncio's own loop.

    Raises:
        ConfigError: If uvloop is asked for and not installed.
    """
    installed = importlib.util.find_spec("uvloop") is not None
    if choice == "asyncio" or (choice == "auto" and not installed):
        return None
    if not installed:
        message = 'server.loop is "uvloop", which is not installed; run: pip install uvloop'
        raise ConfigError(message)
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
