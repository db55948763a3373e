"""Number formats by hardware."""

import pytest

from pipeline.devices import Gpu, chosen_device, compute_types

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("name", "memory", "capability", "first"),
    [
        ("GTX 980", 4 * GB, (5, 2), "float32"),
        ("P100", 16 * GB, (6, 0), "float32"),
        ("GTX 1080", 8 * GB, (6, 1), "int8"),
        ("T4", 15 * GB, (7, 5), "float16"),
        ("RTX 2060", 6 * GB, (7, 5), "int8_float16"),
        ("RTX 3060 Ti", 8_589_934_592, (8, 6), "int8_float16"),
        ("RTX 4090", 25 * GB, (8, 9), "float16"),
        ("H100", 80 * GB, (9, 0), "float16"),
        ("RTX 5060", 8 * GB, (12, 0), "float16"),
        ("unknown", 8 * GB, None, "float16"),
    ],
)
def test_a_gpu_computes_in_what_it_is_good_at(name, memory, capability, first):
    types = compute_types("cuda", Gpu(name, memory, capability))
    assert types[0] == first
    assert types[-1] == "float32"
    assert len(set(types)) == len(types)


def test_blackwell_is_never_given_eight_bits():
    types = compute_types("cuda", Gpu("RTX 5060", 8 * GB, (12, 0)))
    assert not any("int8" in each for each in types)
    assert "bfloat16" in types


def test_brain_floats_are_for_ampere_and_later():
    assert "bfloat16" not in compute_types("cuda", Gpu("T4", 15 * GB, (7, 5)))
    assert "bfloat16" in compute_types("cuda", Gpu("A10", 24 * GB, (8, 6)))


def test_a_processor_takes_eight_bits():
    assert compute_types("cpu") == ("int8", "int8_float32", "float32")


@pytest.mark.parametrize(
    ("own", "common", "device"),
    [
        ("auto", "auto", "auto"),
        ("auto", "cpu", "cpu"),
        ("cpu", "cuda", "cpu"),
        ("cuda", "cpu", "cuda"),
    ],
)
def test_an_engine_s_own_device_goes_before_the_common_one(own, common, device):
    assert chosen_device(own, common) == device
