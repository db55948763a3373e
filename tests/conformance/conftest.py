from collections.abc import Iterator

import pytest

from tests.end_to_end.servers import RunningServer, scripted_server


@pytest.fixture(scope="session")
def slow() -> Iterator[RunningServer]:
    """A scripted server whose language model thinks long enough to be disturbed."""
    with scripted_server(engines={"llm_ms": 500.0}) as server:
        yield server
