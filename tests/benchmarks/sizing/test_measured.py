"""What was measured survives its file; other files are refused in one line."""

import json

import pytest

from benchmarks.sizing.measured import read_sizing, write_sizing
from gateway.client.errors import ClientError
from tests.benchmarks.sizing.sizings import sizing


@pytest.mark.parametrize("changes", [{}, {"ramp": None, "memory_bytes": None, "gpu": "X"}])
def test_a_measurement_is_read_as_it_was_written(tmp_path, changes):
    file = tmp_path / "a.json"
    write_sizing(sizing(**changes), file)
    assert read_sizing(file) == sizing(**changes)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "is not JSON"),
        ("[]", "has schema None, expected 1"),
        ('{"schema": 2}', "has schema 2, expected 1"),
        ('{"schema": 1, "date": 5}', "is no result of parley bench size"),
        ('{"schema": 1, "date": "x"}', "is no result of parley bench size"),
    ],
)
def test_another_file_is_refused(tmp_path, text, named):
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(ClientError, match=named):
        read_sizing(file)


def test_a_field_of_a_later_version_is_passed_over(tmp_path):
    file = tmp_path / "a.json"
    write_sizing(sizing(), file)
    file.write_text(json.dumps({**json.loads(file.read_text()), "colour": "blue"}))
    assert read_sizing(file) == sizing()


def test_files_that_cannot_be_are_told(tmp_path):
    with pytest.raises(ClientError, match="cannot read"):
        read_sizing(tmp_path / "none.json")
    with pytest.raises(ClientError, match="cannot write"):
        write_sizing(sizing(), tmp_path / "none" / "a.json")
