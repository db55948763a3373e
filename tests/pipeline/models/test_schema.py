"""The JSON Schema is the code's, takes what Parley brings, and refuses what the reader refuses."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

import pipeline.models
from pipeline.errors import ModelError
from pipeline.models import default_catalogue
from pipeline.models.lint import lint
from pipeline.models.schema import json_schema, json_schema_text
from tests.pipeline.models.catalogues import catalogue, changed

FILE = Path(pipeline.models.__file__).parent / "models.schema.json"


def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_file_is_current():
    assert FILE.read_text(encoding="utf-8") == json_schema_text(), (
        "run: parley models lint --schema > pipeline/models/models.schema.json"
    )
    assert json.loads(FILE.read_text(encoding="utf-8")) == json_schema()


def test_the_catalogue_that_parley_brings_is_valid():
    document = tomllib.loads(default_catalogue().read_text(encoding="utf-8"))
    validator().validate(document)
    validator().validate(changed())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("profiles/both/voice", 3),
        ("profiles/both/wraning", "x"),
        ("profiles/both/voices", ["mund"]),
        ("models/ears/engine", "whisper"),
        ("models/ears/license", "MIT"),
        ("models/ears/source", None),
        ("models/ears/source", {"repo": "a/b"}),
        ("models/ears/source/kind", "ftp"),
        ("models/ears/files/model.bin", 3),
        ("models/ears/files/model.bin/bytes", -1),
        ("models/ears/files/model.bin/sha256", "ABC"),
        ("models/ears/files/model.bin/url", "ftp://host/model.bin"),
        ("models/ears/settings", {"final_beam": 1.5}),
        ("models/ears/settings", {"contexts": "half"}),
        ("models/ears/settings", {"guards": {"silence": 1}}),
        ("models/brain/settings", {"stop": "no"}),
        ("models/brain/prompt", {"clock": "wall"}),
        ("models/mouth/settings", {"speaker": 1.5}),
    ],
)
def test_schema_and_reader_refuse_the_same(path, value):
    assert not validator().is_valid(changed(path, value))
    try:
        assert any(finding.level == "error" for finding in lint(catalogue(path, value)))
    except ModelError:
        pytest.fail("lint raised instead of telling")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("models/ears/settings", {"contexts": "full", "guards": {"silence_dbfs": -60}}),
        ("models/ears/settings", {"contexts": [2, 3.5]}),
        ("models/brain/settings", {"top_p": 1, "stop": ["no"], "cache_tokens": 9}),
        ("models/mouth/settings", {"speaker": "Ann", "gain_dbfs": -20}),
        ("models/mouth/settings", {"speaker": 7}),
        ("models/brain/prompt", {"clock": "system"}),
    ],
)
def test_schema_and_reader_take_the_same(path, value):
    assert validator().is_valid(changed(path, value))
    assert lint(catalogue(path, value)) == []
