"""What wheels say of themselves, and what their compiled parts ask for."""

import hashlib

import pytest

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.wheel import glibc_of, libraries_of, read_wheel
from tests.gateway.provisioning.bundle.making import make_wheel


def test_a_wheel_is_read_without_being_installed(tmp_path):
    metadata = (
        "Summary: does\n something\nLicense-Expression: MIT\nProvides-Extra: more\n"
        "Requires-Dist: numpy>=2\nRequires-Dist: x; extra == 'more'\n"
    )
    path = make_wheel(tmp_path, "Tiny-thing", "1.2", metadata=metadata, files={"a.py": b"12345"})
    wheel = read_wheel(path)
    assert (wheel.name, wheel.version, wheel.licence) == ("tiny-thing", "1.2", "MIT")
    assert wheel.requires == ("numpy>=2", "x; extra == 'more'")
    assert wheel.extras == ("more",)
    assert wheel.summary == "does something"
    assert wheel.is_pure
    assert wheel.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert wheel.unpacked_bytes > 10


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("License: LGPL\n", "LGPL"),
        ("License: one\n  two\nClassifier: License :: OSI Approved :: MIT\n", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License\n", "BSD License"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_licence_is_told_as_the_package_tells_it(tmp_path, metadata, said):
    assert read_wheel(make_wheel(tmp_path, metadata=metadata)).licence_text == said


def test_the_c_library_is_read_from_what_was_compiled_here(tmp_path):
    objects = {
        "a/lib.so": b"\x7fELF..GLIBC_2.17\0GLIBC_2.34\0GLIBCXX_3.4.99\0libgomp.so.1\0",
        "a/lib.so.1": b"GLIBC_2.29\0",
        "a/readme.txt": b"GLIBC_2.99\0",
    }
    wheel = read_wheel(make_wheel(tmp_path, tag="py3-none-linux_x86_64", files=objects))
    assert glibc_of(wheel) == (2, 34)
    assert libraries_of(wheel) == ("libgomp.so.1",)
    assert not wheel.is_pure


@pytest.mark.parametrize(
    ("tag", "glibc"),
    [
        ("cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64", (2, 27)),
        ("cp311-cp311-manylinux2014_x86_64", (2, 17)),
        ("py3-none-any", (2, 0)),
    ],
)
def test_the_c_library_of_others_is_read_from_their_tags(tmp_path, tag, glibc):
    wheel = read_wheel(make_wheel(tmp_path, tag=tag, files={"a.so": b"GLIBC_2.99\0"}))
    assert glibc_of(wheel) == glibc
    assert libraries_of(wheel) == ()


def test_what_is_no_wheel_is_refused_in_one_line(tmp_path):
    good = make_wheel(tmp_path)
    cut = tmp_path / "cut-1.0-py3-none-any.whl"
    cut.write_bytes(good.read_bytes()[:200])
    renamed = tmp_path / "other-1.0-py3-none-any.whl"
    renamed.write_bytes(good.read_bytes())
    unnamed = tmp_path / "unnamed.whl"
    unnamed.write_bytes(good.read_bytes())
    for path in (cut, renamed, unnamed, tmp_path / "none-1.0-py3-none-any.whl"):
        with pytest.raises(BundleError, match=r"^[^\n]+wheel[^\n]*$"):
            read_wheel(path)
