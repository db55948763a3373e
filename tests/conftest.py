import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.end_to_end.servers import RunningServer


@pytest.fixture(scope="session")
def real() -> "Iterator[RunningServer]":
    """A server on the starter models, loaded once for all tests."""
    from tests.end_to_end.servers import RunningServer, config

    with RunningServer(config()) as server:
        yield server


@pytest.fixture(scope="session")
def scripted() -> "Iterator[RunningServer]":
    """A server with real voice activity detection; everything behind it is scripted."""
    from tests.end_to_end.servers import scripted_server

    with scripted_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A program that a test runs configures logging; no later test writes to its stream."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
    root.setLevel(level)
