"""manifest.json: there and back, and nothing malformed gets through."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.manifest import PackedModel, parse, serialize
from tests.gateway.provisioning.bundle.making import MODEL, manifest

FULL = manifest(
    models=(MODEL, PackedModel("mine", "", True, {"engine": "piper"}, {"a/b.onnx": "1" * 64})),
    cpu=("avx2",),
    libraries=("libgomp.so.1",),
)


def test_a_manifest_is_read_as_it_was_written():
    assert parse(serialize(FULL)) == FULL


def test_another_format_says_what_to_use():
    document = {**json.loads(serialize(FULL)), "format": 2}
    with pytest.raises(BundleError, match=r"format 2, this Parley reads 1; use the Parley that"):
        parse(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"format": 1}', '"1"', "[" * 100_000])
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(BundleError):
        parse(text)


@pytest.mark.parametrize("version", ["../0.1", "", ".1", "0/1", "0 1", "1" * 65])
def test_a_version_that_could_not_name_a_folder_is_refused(version):
    document = {**json.loads(serialize(FULL)), "parley": version}
    with pytest.raises(BundleError):
        parse(json.dumps(document))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(json.loads(serialize(FULL)))), JSON)
def test_whatever_a_field_holds_nothing_but_a_bundle_error_is_raised(field, value):
    document = {**json.loads(serialize(FULL)), field: value}
    with contextlib.suppress(BundleError):
        assert serialize(parse(json.dumps(document)))
