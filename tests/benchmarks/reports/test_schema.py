"""The schema of results: generated, true of what is written, and able to say what is wrong."""

import json

import jsonschema
import pytest

from benchmarks.reports.schema import SCHEMA_FILE, json_schema, mismatch, schema_text
from benchmarks.results import to_json
from tests.benchmarks.reports.runs import ramp, result


def test_the_schema_s_file_is_what_the_dataclasses_say():
    text = SCHEMA_FILE.read_text(encoding="utf-8")
    assert text == schema_text(), "python -m benchmarks.reports.schema > " + SCHEMA_FILE.name


def test_the_schema_is_a_schema_and_describes_its_fields():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    fields = json_schema()["$defs"]["Step"]["properties"]
    assert "latency_ms" in fields
    assert fields["server_rss_bytes"]["description"] == "At the end of the step."
    assert json_schema()["$defs"]["Result"]["required"][-1] == "schema"


def test_every_type_of_a_result_is_defined():
    names = set(json_schema()["$defs"])
    assert {"Result", "TurnRecord", "Interruption", "ServerSample", "Bound", "Fault"} <= names


@pytest.mark.parametrize("made", [result(), ramp()], ids=["small", "ramp"])
def test_what_is_written_fits_by_a_real_validator_and_by_ours(made):
    values = json.loads(json.dumps(to_json(made)))
    jsonschema.validate(values, dict(json_schema()))
    assert mismatch(values) is None


def _change(values, path, value):
    *way, last = path
    for step in way:
        values = values[step]
    values[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["duration_s"], "long", 'duration_s is "long"; expected number'),
        (["turns", 3, "onset_s"], True, "turns[3].onset_s is true; expected number or null"),
        (["turns", 0, "kind"], "sung", 'turns[0].kind is "sung"; expected one of spoken, '),
        (["steps", 1, "latency_ms"], [], "steps[1].latency_ms is an array; expected object"),
        (["steps", 1, "latency_ms", "n"], 1.5, "steps[1].latency_ms.n is 1.5; expected integer"),
        (["turns", 7, "interruption", "onset_s"], None, "turns[7].interruption.onset_s is null; "),
        (["samples", 0, "busy_s", "text"], "x", 'samples[0].busy_s.text is "x"; expected number'),
        (["schema"], 7, "schema is 7; expected 1"),
        (["notes"], "x" * 90, 'notes is "' + "x" * 39 + "...; expected array"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(path, value, message):
    values = to_json(ramp())
    _change(values, path, value)
    assert mismatch(values).startswith(message)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, dict(json_schema()))


def test_a_missing_value_is_named():
    values = to_json(ramp())
    del values["turns"][2]["codec"]
    assert mismatch(values) == "turns[2].codec is missing"


def test_unknown_fields_are_allowed():
    assert mismatch({**to_json(result()), "moon_phase": 0.5}) is None
    assert mismatch([]) == "the file is an array; expected object"
