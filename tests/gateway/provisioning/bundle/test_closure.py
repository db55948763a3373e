"""What has to be installed, for machines other than this one."""

import pytest

from gateway.provisioning.bundle.closure import close, read_pins
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.target import Target

LINUX = Target("linux-x86_64", "3.11").environment
NEWER = Target("linux-x86_64", "3.13").environment


def test_pins_are_read_for_one_environment():
    text = (
        "# a comment\nA.b==1.0\nc==2 ; sys_platform == 'win32'\n"
        "d==3 ; python_version < '3.13'  # why\n"
    )
    assert read_pins(text, LINUX) == {"a-b": "1.0", "d": "3"}
    assert read_pins(text, NEWER) == {"a-b": "1.0"}


@pytest.mark.parametrize("line", ["a>=1", "a", "== 1", "a==1 ; nonsense"])
def test_a_line_that_pins_nothing_is_shown(line):
    with pytest.raises(BundleError, match=r"requirements\.lock: "):
        read_pins(line, LINUX)


def test_what_is_not_read_yet_is_told_apart():
    closure = close(["a>=1", "b"], (), {"a": ["c"]}, LINUX)
    assert closure.names == {"a", "b", "c"}
    assert closure.unread == {"b", "c"}


def test_requirements_are_followed_to_the_end_and_round_in_circles():
    requirements = {"a": ["b"], "b": ["c"], "c": ["a"]}
    closure = close(["a"], (), requirements, LINUX)
    assert closure.names == {"a", "b", "c"}
    assert closure.unread == frozenset()


def test_markers_decide_for_the_target():
    requirements = {"a": ["old; python_version < '3.13'", "win; sys_platform == 'win32'"]}
    assert close(["a"], (), requirements, LINUX).names == {"a", "old"}
    assert close(["a"], (), requirements, NEWER).names == {"a"}


def test_extras_bring_what_they_name_and_nothing_else_does():
    roots = ["base", "uvloop; extra == 'uvloop'", "sounddevice; extra == 'microphone'"]
    known = {"base": [], "uvloop": [], "sounddevice": []}
    assert close(roots, (), known, LINUX).names == {"base"}
    assert close(roots, ("uvloop",), known, LINUX).names == {"base", "uvloop"}


def test_an_extra_that_is_asked_for_later_is_followed_as_well():
    known = {"a": ["x; extra == 'more'"], "b": ["a[more]"], "x": []}
    assert close(["a", "b"], (), known, LINUX).names == {"a", "b", "x"}


def test_names_are_compared_as_packages_are():
    assert close(["A_b.C"], (), {"a-b-c": []}, LINUX).names == {"a-b-c"}
