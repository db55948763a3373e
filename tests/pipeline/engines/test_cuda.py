"""Finding NVIDIA's libraries, with an opener that knows which exist."""

import sys
from pathlib import Path

import pytest

from pipeline.engines.cuda import CUBLAS, Library, load_library

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the wheels have CUDA on Linux only"
)


class Opener:
    """Opens what exists, and remembers it."""

    def __init__(self, *existing: str) -> None:
        self.existing = existing
        self.opened: list[str] = []

    def __call__(self, name: str) -> object:
        if name not in self.existing:
            raise OSError(f"{name}: cannot open shared object file")
        self.opened.append(name)
        return object()


def test_a_library_that_the_system_has_is_taken():
    opener = Opener(*CUBLAS.files)
    assert load_library(CUBLAS, opener=opener, folders=[Path("/venv/lib")]) == ""
    assert opener.opened == ["libcublasLt.so.12", "libcublas.so.12"]


def test_a_library_that_a_package_brought_is_loaded_from_its_folder():
    opener = Opener("/venv/lib/libcublasLt.so.12", "/venv/lib/libcublas.so.12")
    assert load_library(CUBLAS, opener=opener, folders=[Path("/venv/lib")]) == ""
    assert opener.opened[-1] == "/venv/lib/libcublas.so.12"


def test_a_library_that_is_missing_names_the_package_that_brings_it():
    problem = load_library(CUBLAS, opener=Opener(), folders=[])
    assert "libcublas.so.12 is missing" in problem
    assert "pip install nvidia-cublas-cu12" in problem


def test_half_a_library_is_a_missing_one():
    assert load_library(CUBLAS, opener=Opener("libcublasLt.so.12"), folders=[]) != ""


def test_a_real_library_is_opened_and_one_that_nobody_has_is_not():
    assert load_library(Library(("libc.so.6",), "no.such.module", "libc")) == ""
    assert load_library(Library(("libnone.so.9",), "email", "none")) != ""
