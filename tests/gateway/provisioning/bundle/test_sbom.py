"""The bill of materials against the published schema, and against what the bundle holds."""

import json
from importlib.resources import files

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from gateway.provisioning.bundle import sbom
from gateway.provisioning.bundle.manifest import PackedModel
from gateway.provisioning.bundle.sbom import bill
from gateway.provisioning.bundle.wheel import read_wheel
from tests.gateway.provisioning.bundle.making import MODEL, make_wheel, manifest

SCHEMAS = files("cyclonedx.schema") / "_res"

MODELS = (
    MODEL,
    PackedModel("mine", "", True, None, {"a.onnx": "1" * 64, "b.json": "2" * 64}),
    PackedModel("own", "LicenseRef-mine", False, None, {}),
)


def wheels(folder):
    licences = {
        "expression": "License-Expression: MPL-2.0 AND (Apache-2.0 OR MIT)\n",
        "simple": "License-Expression: BSD-3-Clause\n",
        "word": "License: LGPL\n",
        "alias": "License: MIT License\nSummary: short — and good\n",
        "classified": "Classifier: License :: OSI Approved :: BSD License\n",
        "silent": "",
    }
    return [read_wheel(make_wheel(folder, name, metadata=text)) for name, text in licences.items()]


@pytest.fixture
def document(tmp_path):
    return json.loads(bill(manifest(models=MODELS), wheels(tmp_path)))


def test_the_bill_is_valid_cyclonedx(tmp_path):
    text = bill(manifest(models=MODELS), wheels(tmp_path))
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert found is None, found


def test_the_schema_would_have_found_a_mistake(tmp_path):
    document = json.loads(bill(manifest(models=MODELS), wheels(tmp_path)))
    document["components"][0]["licenses"] = [{"license": {"id": "LGPL"}}]
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(document)) is not None


def test_licences_are_identifiers_only_where_that_is_beyond_doubt(document):
    found = {one["name"]: one.get("licenses") for one in document["components"]}
    assert found == {
        "alias": [{"license": {"id": "MIT"}}],
        "classified": [{"license": {"name": "BSD License"}}],
        "expression": [{"expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}],
        "silent": None,
        "simple": [{"license": {"id": "BSD-3-Clause"}}],
        "word": [{"license": {"name": "LGPL"}}],
        "tiny": [{"license": {"id": "Apache-2.0"}}],
        "mine": None,
        "own": [{"license": {"name": "LicenseRef-mine"}}],
    }


def test_every_licence_that_is_named_by_an_identifier_is_one_of_spdx():
    schema = json.loads((SCHEMAS / "spdx.SNAPSHOT.schema.json").read_text(encoding="utf-8"))
    assert set(schema["enum"]) >= sbom._KNOWN


def test_packages_and_models_are_told_with_versions_addresses_and_hashes(document, tmp_path):
    component = next(one for one in document["components"] if one["name"] == "simple")
    assert component["purl"] == "pkg:pypi/simple@1.0?file_name=simple-1.0-py3-none-any.whl"
    [expected] = [one.sha256 for one in wheels(tmp_path) if one.name == "simple"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": expected}]
    models = [one for one in document["components"] if one["type"] == "machine-learning-model"]
    assert [one["name"] for one in models] == ["tiny", "mine", "own"]
    assert [part["name"] for part in models[1]["components"]] == ["a.onnx", "b.json"]


def test_code_of_others_inside_a_wheel_is_told(tmp_path):
    path = make_wheel(tmp_path, "av", metadata="License-Expression: BSD-3-Clause\n")
    [component] = json.loads(bill(manifest(), [read_wheel(path)]))["components"]
    told = {one["name"]: one["value"] for one in component["properties"]}
    assert "x264 and x265 (GPL-2.0-or-later)" in told["parley:contains"]


def test_every_component_is_what_the_bundle_depends_on(document):
    references = {one["bom-ref"] for one in document["components"]}
    assert set(document["dependencies"][0]["dependsOn"]) == references


def test_the_same_content_has_the_same_bill(tmp_path):
    assert bill(manifest(), wheels(tmp_path)) == bill(manifest(), wheels(tmp_path)[::-1])
    other = json.loads(bill(manifest(models=(MODEL,)), []))
    assert other["serialNumber"] != json.loads(bill(manifest(), []))["serialNumber"]
