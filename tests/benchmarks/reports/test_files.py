"""Results in files: whole, versioned, and refused in one clear line."""

import json
import math

import pytest

from benchmarks.reports.files import ResultFileError, read_result, write_result, write_text
from benchmarks.results import SCHEMA_VERSION, Bound, to_json
from tests.benchmarks.reports.runs import ramp, result


def test_a_result_comes_back_as_it_was(tmp_path):
    path = tmp_path / "new" / "folder" / "a.json"
    write_result(path, ramp())
    assert read_result(path) == ramp()
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]
    assert path.read_text(encoding="utf-8").endswith("}\n")


def test_numbers_without_end_are_written_as_null(tmp_path):
    path = tmp_path / "a.json"
    write_result(path, result(bounds=(Bound("latency_ratio", 1.25, math.inf, broken=True),)))
    assert read_result(path).bounds[0].measured is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ('{"schema": 1', "is not JSON"),
        ("[1]", "is no result of a benchmark: expected an object with the number of its schema"),
        ('{"results": []}', "is no result of a benchmark"),
        ('{"schema": "1"}', "is no result of a benchmark"),
        ('{"schema": 1}', "is no result of a benchmark: scenario is missing"),
        (
            json.dumps({"schema": SCHEMA_VERSION + 1}),
            f"has schema {SCHEMA_VERSION + 1} of results, this version reads {SCHEMA_VERSION}; "
            "update Parley to read it",
        ),
        ('{"schema": 0}', "repeat the run with this version"),
        (
            json.dumps({**to_json(result()), "duration_s": "long"}),
            'is no result of a benchmark: duration_s is "long"; expected number',
        ),
    ],
)
def test_what_is_no_result_is_told_in_one_line_with_the_file_s_name(tmp_path, text, message):
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultFileError) as caught:
        read_result(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_not_json(tmp_path):
    path = tmp_path / "other.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ResultFileError, match="is not JSON"):
        read_result(path)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path):
    with pytest.raises(ResultFileError, match=r"cannot read .*none\.json: No such file"):
        read_result(tmp_path / "none.json")
    with pytest.raises(ResultFileError, match="cannot read"):
        read_result(tmp_path)
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    with pytest.raises(ResultFileError, match="cannot write"):
        write_result(tmp_path / "file" / "a.json", result())
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(ResultFileError, match="cannot write"):
        write_text(tmp_path / "a.json", "text")
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
