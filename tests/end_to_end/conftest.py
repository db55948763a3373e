from collections.abc import Iterator

import pytest

from tests.end_to_end.servers import RunningServer, config, scripted_server


@pytest.fixture(scope="session")
def real() -> Iterator[RunningServer]:
    """The starter models, loaded once for all tests."""
    with RunningServer(config()) as server:
        yield server


@pytest.fixture(scope="session")
def scripted() -> Iterator[RunningServer]:
    """Real voice activity detection, everything behind it scripted."""
    with scripted_server() as server:
        yield server
