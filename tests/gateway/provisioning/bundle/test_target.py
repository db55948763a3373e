"""Platforms and Pythons, in the words of pip and of markers."""

import pytest
from packaging.requirements import Requirement

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.target import Target, name_platform

X86 = Target("linux-x86_64", "3.11")
ARM = Target("linux-aarch64", "3.13")


@pytest.mark.parametrize(
    ("wheel", "runs"),
    [
        ("a-1-py3-none-any.whl", True),
        ("a-1-py2.py3-none-any.whl", True),
        ("a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("a-1-cp39-abi3-manylinux_2_28_x86_64.whl", True),
        ("a-1-py3-none-linux_x86_64.whl", True),
        ("a-1-cp311-cp311-manylinux1_x86_64.whl", True),
        ("a-1-cp312-cp312-manylinux_2_17_x86_64.whl", False),
        ("a-1-cp311-cp311-manylinux_2_34_x86_64.whl", False),
        ("a-1-cp311-cp311-manylinux_2_17_aarch64.whl", False),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", False),
        ("a-1-cp311-cp311-macosx_11_0_arm64.whl", False),
    ],
)
def test_a_wheel_runs_where_its_tags_say(wheel, runs):
    assert X86.runs(wheel) is runs


def test_the_newest_c_library_comes_first_and_arm_has_no_older_profile_than_2014():
    assert X86.platform_tags[0] == "manylinux_2_28_x86_64"
    assert "manylinux1_x86_64" in X86.platform_tags
    assert ARM.platform_tags[-3:] == (
        "manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64",
    )  # fmt: skip


def test_markers_are_evaluated_for_the_target_and_not_for_this_machine():
    lines = {
        "a; platform_machine == 'aarch64'": (False, True),
        "a; python_version < '3.13'": (True, False),
        "a; python_full_version >= '3.12'": (False, True),
        "a; sys_platform == 'win32'": (False, False),
        "a; implementation_name != 'PyPy'": (True, True),
    }
    for line, expected in lines.items():
        marker = Requirement(line).marker
        assert marker is not None
        assert (marker.evaluate(X86.environment), marker.evaluate(ARM.environment)) == expected


def test_platforms_without_bundles_are_named():
    with pytest.raises(BundleError, match=r"bundles for windows-x86_64 are not made; there are: l"):
        Target("windows-x86_64", "3.11")


@pytest.mark.parametrize("python", ["3.10", "2.7", "3", "three", "3.11.7"])
def test_a_python_that_is_too_old_or_none_is_refused(python):
    with pytest.raises(BundleError, match=r"3\.11 or newer"):
        Target("linux-x86_64", python)


def test_python_3_9_is_older_than_3_11_though_its_digit_is_larger():
    with pytest.raises(BundleError):
        Target("linux-x86_64", "3.9")


def test_a_platform_has_one_name():
    assert name_platform("Linux", "AMD64") == name_platform("Linux", "x86_64") == "linux-x86_64"
    assert name_platform("Linux", "arm64") == "linux-aarch64"
