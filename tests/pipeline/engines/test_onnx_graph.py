from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.onnx_graph import outputs_of, uses_external_data, with_output

# ir_version 8; graph { node { output: "d" op_type: "Ceil" } node { output: "y" op_type: "Neg" } }
MODEL = bytes.fromhex("08 083a 150a 09 12 01 64 22 04 43 65 69 6c0a 08 12 01 79 22 03 4e 65 67")


def test_the_outputs_of_an_operator_are_found() -> None:
    assert outputs_of(MODEL, "Ceil") == ["d"]
    assert outputs_of(MODEL, "Neg") == ["y"]
    assert outputs_of(MODEL, "Floor") == []
    assert outputs_of(b"", "Ceil") == []


def test_an_output_is_added_as_a_second_graph() -> None:
    assert with_output(MODEL, "d")[len(MODEL) :].hex(" ") == "3a 05 62 03 0a 01 64"
    assert outputs_of(with_output(MODEL, "d"), "Ceil") == ["d"]


def test_a_long_name_has_a_long_length() -> None:
    added = with_output(b"", "n" * 200)
    assert added[:9].hex(" ") == "3a ce 01 62 cb 01 0a c8 01"


@pytest.mark.parametrize(
    ("addition", "is_external"),
    [
        ("3a 04 2a 02 70 01", True),  # initializer { data_location: EXTERNAL }
        ("3a 04 2a 02 70 00", False),  # initializer { data_location: DEFAULT }
        ("3a 04 2a 02 6a 00", True),  # initializer { external_data {} }
        ("3a 08 0a 06 2a 04 2a 02 70 01", True),  # node { attribute { t { EXTERNAL } } }
        ("3a 0c 0a 0a 2a 08 32 06 2a 04 6a 02 0a 00", True),  # in the graph of an attribute
        ("3a 06 7a 04 0a 02 70 01", True),  # sparse_initializer { values { EXTERNAL } }
        ("3a 0b 0a 09 2a 07 b2 01 04 12 02 70 01", True),  # sparse_tensor of an attribute
        ("ca 01 08 3a 06 2a 04 2a 02 70 01", True),  # functions { node { attribute { t } } }
        ("", False),
    ],
)
def test_weights_in_another_file_are_found(addition: str, is_external: bool) -> None:
    assert uses_external_data(MODEL + bytes.fromhex(addition)) is is_external


@pytest.mark.parametrize("broken", ["3a 05 01", "3a", "0b", "80", "ff" * 11, "0d 00"])
def test_what_is_no_message_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match="byte"):
        outputs_of(bytes.fromhex(broken), "Ceil")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for read in (lambda: outputs_of(content, "Ceil"), lambda: uses_external_data(content)):
        try:
            read()
        except ValueError:
            pass
