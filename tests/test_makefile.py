"""The Makefile's complaints, tried with a fake interpreter; and what a built wheel holds."""

import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LLAMA = ".stamps/llama-cpp-python"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

# Without the variables of the make that may be running these tests.
INHERITED = {
    name: value
    for name, value in os.environ.items()
    if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "LLAMA_WHEELS", "NATIVE", "CC", "CXX"}
}

FAKE_PYTHON = """#!/bin/sh
echo "$@" >>"$(dirname "$0")/calls"
env | grep -E '^(CMAKE_ARGS|SOURCE_DATE_EPOCH)=' >>"$(dirname "$0")/calls"
case "$*" in
*"cache list"*) cat "$(dirname "$0")/cache" 2>/dev/null ;;
*--only-binary*) exit 1 ;;
esac
"""


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={**INHERITED, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def venv(tmp_path):
    """A virtual environment that is there already, with an interpreter that only takes notes."""
    folder = tmp_path / "venv"
    executable(folder / "bin" / "python", FAKE_PYTHON)
    (folder / ".stamps").mkdir()
    (folder / ".stamps" / "venv").touch()
    return folder


def test_make_alone_lists_every_task():
    listed = re.findall(r"^  make ([a-z-]+)", make().stdout, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert sorted(listed) == sorted(phony[1].split())


@pytest.mark.parametrize("python", ["/does/not/exist", "/bin/false"])
def test_a_python_that_will_not_do_is_named_with_the_package_to_install(tmp_path, python):
    result = make("setup", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert result.returncode == 2
    assert f"make: {python} is not Python 3.11 or newer." in result.stderr
    assert "sudo apt install python3 python3-venv" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_without_the_venv_module_names_the_package_to_install(tmp_path):
    bare = executable(tmp_path / "python3", '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n')
    result = make("setup", f"PYTHON={bare}", f"VENV={tmp_path / 'venv'}")
    assert result.returncode == 2
    assert f"{bare} has no venv module" in result.stderr
    assert "sudo apt install python3-venv" in result.stderr


@pytest.mark.parametrize("variable", ["CC", "CXX"])
def test_a_missing_compiler_is_named_before_anything_is_downloaded(venv, variable):
    result = make(
        f"{venv}/{LLAMA}-portable",
        f"VENV={venv}",
        **{"CC": "true", "CXX": "true"} | {variable: "nocc"},
    )
    assert result.returncode == 2
    assert "there is no C++ compiler (nocc)" in result.stderr
    assert "sudo apt install build-essential" in result.stderr
    assert "LLAMA_WHEELS=" in result.stderr
    assert "install" not in (venv / "bin" / "calls").read_text()


def test_no_compiler_is_needed_for_what_pip_has_compiled_before(venv):
    (venv / "bin" / "cache").write_text(" - llama_cpp_python-0.3.36-py3-none-linux_x86_64.whl\n")
    result = make(f"{venv}/{LLAMA}-portable", f"VENV={venv}", CXX="nocc")
    assert result.returncode == 0, result.stderr


def test_llama_cpp_python_is_compiled_for_any_cpu_and_with_avx2(venv):
    stamp = venv / f"{LLAMA}-portable"
    compilers = {"CC": "true", "CXX": "true"}
    result = make(str(stamp), f"VENV={venv}", SOURCE_DATE_EPOCH="0", **compilers)
    assert result.returncode == 0, result.stderr
    assert "4 to 8 minutes" in result.stdout
    calls = (venv / "bin" / "calls").read_text()
    installing = calls[calls.index("-m pip install") :]
    assert "-c requirements.lock" in installing
    assert "CMAKE_ARGS=-DGGML_NATIVE=OFF" in installing
    assert "SOURCE_DATE_EPOCH" not in installing
    assert stamp.exists()
    assert "is up to date" in make(str(stamp), f"VENV={venv}").stdout


def test_a_native_build_leaves_pip_s_cache_alone(venv):
    result = make(f"{venv}/{LLAMA}-native", f"VENV={venv}", NATIVE="1", CC="true", CXX="true")
    assert result.returncode == 0, result.stderr
    calls = (venv / "bin" / "calls").read_text()
    assert "--no-cache-dir" in calls
    assert "CMAKE_ARGS=-DGGML_NATIVE=ON" in calls


def test_a_wheel_index_without_a_fitting_wheel_is_named(venv):
    index = "https://example.org/whl"
    result = make(f"{venv}/{LLAMA}-prebuilt", f"VENV={venv}", LLAMA_WHEELS=index, CXX="nocc")
    assert result.returncode == 2
    assert f"make: {index} has no wheel of llama-cpp-python==" in result.stderr
    assert f"--extra-index-url {index}" in (venv / "bin" / "calls").read_text()
    assert not (venv / f"{LLAMA}-prebuilt").exists()


def test_a_wheel_brings_the_models_and_every_file_of_the_packages_but_no_tests(tmp_path):
    from hatchling.builders.wheel import WheelBuilder

    checkout = tmp_path / "checkout"
    _copy_checkout(checkout)
    built = next(WheelBuilder(str(checkout)).build(directory=str(tmp_path), versions=["standard"]))
    names = set(zipfile.ZipFile(built).namelist())
    packages = ("protocol", "pipeline", "gateway", "benchmarks")
    sources = {
        str(path.relative_to(checkout))
        for package in packages
        for path in (checkout / package).rglob("*")
        if path.is_file()
    }
    starter = {
        f"pipeline/data/{path.relative_to(checkout)}"
        for path in (checkout / "starter" / "models").rglob("*")
        if path.is_file()
    }
    metadata = {name for name in names if ".dist-info/" in name}
    brought = {
        "pipeline/data/models.toml",
        "pipeline/data/starter/README.md",
        "gateway/provisioning/bundle/requirements.lock",
    }
    assert names - metadata == sources | starter | brought
    assert any(name.endswith("/LICENSE") for name in metadata)


def test_models_are_found_in_an_unpacked_wheel_too(tmp_path):
    (tmp_path / "pipeline").mkdir()
    for source in ("__init__.py", "errors.py", "persona.py"):
        shutil.copy(ROOT / "pipeline" / source, tmp_path / "pipeline")
    shutil.copytree(ROOT / "pipeline" / "models", tmp_path / "pipeline" / "models")
    brought = tmp_path / "pipeline" / "data" / "starter" / "models"
    shutil.copytree(ROOT / "starter" / "models", brought)
    shutil.copy(ROOT / "models.toml", tmp_path / "pipeline" / "data")
    code = (
        "import sys; sys.path.insert(0, '.');"
        "from pipeline.models import Catalogue, default_catalogue as d; c = Catalogue.load();"
        "c.verify(c.profile('starter')); print(d())"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == str(tmp_path / "pipeline" / "data" / "models.toml")


def _copy_checkout(target: Path) -> None:
    """Copy what a wheel is built from, without what git ignores."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("protocol", "pipeline", "gateway", "benchmarks", "starter"):
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "models.toml", "requirements.lock"):
        shutil.copy(ROOT / name, target)
