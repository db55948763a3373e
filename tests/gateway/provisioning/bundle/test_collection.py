"""Collecting wheels, as far as no index is asked."""

import pytest

from gateway.provisioning.bundle.collection import Collection
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.target import Target
from gateway.provisioning.bundle.wheel import read_wheel
from tests.gateway.provisioning.bundle.making import make_wheel

HOST = Target("linux-x86_64", "3.11")
ARM = Target("linux-aarch64", "3.11")
LOCK = "a==1.0\nb==2.0\nuvloop==3.0\nllama-cpp-python==0.3.36\n"


@pytest.fixture
def given(tmp_path):
    folder = tmp_path / "given"
    make_wheel(folder, "a", "1.0", metadata="Requires-Dist: b\n")
    make_wheel(folder, "b", "1.9")
    make_wheel(folder, "b", "2.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    make_wheel(folder, "b", "2.0", tag="cp311-cp311-manylinux_2_17_aarch64")
    make_wheel(folder, "uvloop", "3.0")
    make_wheel(folder, "llama-cpp-python", "0.3.36", tag="py3-none-linux_aarch64")
    return folder


def application(folder, *needs):
    lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
    extra = "Requires-Dist: uvloop; extra == 'uvloop'\nProvides-Extra: uvloop\n"
    return read_wheel(make_wheel(folder, "parley", metadata=lines + extra))


def collection(tmp_path, given, lock=LOCK):
    gathered = tmp_path / "gathered"
    gathered.mkdir()
    wheels = sorted(given.glob("*.whl"))
    return Collection(gathered, lock, given=wheels, host=HOST, announce=lambda line: None)


@pytest.mark.parametrize("target", [HOST, ARM], ids=lambda target: target.platform)
def test_wheels_of_the_user_s_are_taken_in_the_pinned_version_and_for_the_target(
    tmp_path, given, target
):
    wheels = collection(tmp_path, given).collect(application(tmp_path, "a"), target)
    assert [(one.name, one.version) for one in wheels] == [
        ("parley", "1.0"), ("a", "1.0"), ("b", "2.0"), ("uvloop", "3.0"),
    ]  # fmt: skip
    [b] = [one for one in wheels if one.name == "b"]
    assert b.platforms == {f"manylinux_2_17_{target.machine}"}


def test_what_is_not_pinned_is_named(tmp_path, given):
    gathering = collection(tmp_path, given, lock="a==1.0\nuvloop==3.0\n")
    with pytest.raises(BundleError, match=r"requirements\.lock does not pin b; run: make lock"):
        gathering.collect(application(tmp_path, "a"), HOST)


def test_a_given_wheel_spares_compiling_for_another_platform(tmp_path, given):
    wheels = collection(tmp_path, given).collect(application(tmp_path, "llama-cpp-python"), ARM)
    assert "llama-cpp-python" in {one.name for one in wheels}


def test_without_one_it_is_said_how_to_make_it_before_anything_is_fetched(tmp_path, given):
    next(given.glob("llama*")).unlink()
    gathering = collection(tmp_path, given)
    with pytest.raises(BundleError, match=r"must be compiled on the platform .* linux-x86_64; run"):
        gathering.collect(application(tmp_path, "llama-cpp-python"), ARM)
    assert {path.name for path in (tmp_path / "gathered").iterdir()} <= {
        "uvloop-3.0-py3-none-any.whl"
    }
