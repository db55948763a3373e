"""The media path as benchmarks of pytest-benchmark, which repeats, calibrates and times them.

Run by ``python -m benchmarks.micro``. Its name keeps it out of the test suite; pytest runs it when
it is named, with all options of pytest-benchmark, such as those that save runs and compare them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro.operations import Operation, operations

_NAMES = [operation.name for operation in operations()]


@pytest.fixture
def operation(request: pytest.FixtureRequest) -> Iterator[Operation]:
    """The operation of that name; what it opened is closed behind it."""
    with closing(operations()) as found:
        yield next(each for each in found if each.name == request.param)


@pytest.mark.parametrize("operation", _NAMES, indirect=True)
def test_operation(benchmark: BenchmarkFixture, operation: Operation) -> None:
    """Time one operation."""
    benchmark.extra_info["times"] = operation.times
    benchmark.extra_info["per_second"] = operation.per_second
    benchmark(operation.work)
