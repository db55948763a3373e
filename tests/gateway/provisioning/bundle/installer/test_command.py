"""install.sh from end to end, with small bundles: refusals, upgrades, going back, removal."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from gateway.provisioning.bundle import archive
from gateway.provisioning.bundle.installer import releases
from gateway.provisioning.bundle.installer.files import write_configuration
from gateway.provisioning.bundle.installer.layout import lay_out
from gateway.provisioning.bundle.wheel import read_wheel
from tests.gateway.provisioning.bundle.making import (
    CHECK_FAILS,
    CHECK_PASSES,
    FOLDER,
    HERE,
    bundle_members,
    make_wheel,
    manifest,
    parley_wheel,
)

OTHER = "linux-aarch64" if HERE.platform != "linux-aarch64" else "linux-x86_64"


def unpacked(folder: Path, version: str = "0.1.0", main: str = CHECK_PASSES, **changes) -> Path:
    wheels = [
        read_wheel(parley_wheel(folder / "made", version=version, main=main)),
        read_wheel(make_wheel(folder / "made")),
    ]
    parts = bundle_members(wheels, manifest(parley=version, **changes))
    path = folder / "bundle.tar"
    with path.open("wb") as file:
        archive.write(file, FOLDER, parts, compress=False)
    with tarfile.open(path) as packed:
        packed.extractall(folder, filter="data")
    return folder / FOLDER


def install(bundle: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    python = Path(sys.base_prefix) / "bin" / f"python{HERE.python}"
    return subprocess.run(
        [bundle / "install.sh", "--user", *arguments],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return unpacked(tmp_path_factory.mktemp("good"))


@pytest.fixture
def bundle(good, tmp_path):
    return Path(shutil.copytree(good, tmp_path / "bundle"))


def assert_refused(result, home, line):
    assert result.returncode == 2, result
    [complaint] = result.stderr.splitlines()
    assert complaint.startswith("install: ")
    assert line in complaint
    assert list(home.iterdir()) == []


def change(bundle):
    wheel = next(bundle.glob("wheels/tiny*"))
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.write_bytes(content)


def cut(bundle):
    wheel = next(bundle.glob("wheels/parley*"))
    wheel.write_bytes(wheel.read_bytes()[:1000])


def remove(bundle):
    next(bundle.glob("wheels/tiny*")).unlink()


def add(bundle):
    (bundle / "wheels/evil-1.0-py3-none-any.whl").write_bytes(b"evil")


def link(bundle):
    wheel = next(bundle.glob("wheels/tiny*"))
    wheel.unlink()
    wheel.symlink_to("/etc/passwd")


def climb(bundle):
    with (bundle / "SHA256SUMS").open("a") as file:
        file.write("0" * 64 + "  ../../etc/passwd\n")


def change_manifest(bundle):
    path = bundle / "manifest.json"
    path.write_text(path.read_text().replace("0.1.0", "0.2.0"))


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (change, "tiny-1.0-py3-none-any.whl was changed or damaged"),
        (cut, "parley-0.1.0-py3-none-any.whl was changed or damaged"),
        (remove, "tiny-1.0-py3-none-any.whl is missing"),
        (add, "evil-1.0-py3-none-any.whl does not belong to the bundle"),
        (link, "is a link or no plain file"),
        (climb, "'../../etc/passwd', which leaves the bundle"),
        (change_manifest, "manifest.json was changed or damaged"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bundle_that_is_not_what_it_was_is_refused_and_nothing_is_installed(
    bundle, tmp_path, damage, line
):
    damage(bundle)
    assert_refused(install(bundle, tmp_path / "home"), tmp_path / "home", line)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"platform": OTHER}, f"the bundle is for {OTHER}, this machine is {HERE.platform}"),
        ({"pythons": ("3.99",)}, "the bundle needs Python 3.99, this is"),
        ({"glibc": (2, 999)}, "the bundle needs 2.999"),
        ({"cpu": ("quantum",)}, "the processor lacks quantum"),
        ({"libraries": ("libnone.so.9",)}, "libnone.so.9 is missing"),
        ({"installed_bytes": 10**18}, "the installation takes 10000000000"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_bundle_for_another_machine_is_refused_and_nothing_is_installed(tmp_path, changes, line):
    bundle = unpacked(tmp_path / "other", **changes)
    assert_refused(install(bundle, tmp_path / "home"), tmp_path / "home", line)


def test_help_is_given_without_reading_the_whole_bundle_aloud(good, tmp_path):
    result = install(good, tmp_path / "home", "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("usage: install.sh")
    assert "--uninstall" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--rollback"], "holds no installation of Parley"),
        (["--uninstall"], "holds no installation of Parley"),
        (["--purge"], "--purge goes with --uninstall"),
    ],
)
def test_what_cannot_be_done_is_said(good, tmp_path, arguments, line):
    assert_refused(install(good, tmp_path / "home", *arguments), tmp_path / "home", line)


def test_a_folder_with_something_else_in_it_is_not_installed_into(good, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat.jpg").write_text("cat")
    result = install(good, tmp_path / "home", "--prefix", str(tmp_path / "photos"))
    assert_refused(result, tmp_path / "home", "holds something else; name an empty folder")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_without_a_fitting_python_the_one_to_install_is_named(good, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname"):
        (tools / name).symlink_to(shutil.which(name) or "")
    result = subprocess.run(
        [tools / "sh", good / "install.sh"],
        env={"PATH": str(tools), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    expected = f"needs Python {HERE.python}, which was not found; install python{HERE.python} and"
    assert expected in result.stderr


@pytest.mark.timeout(400)
def test_install_upgrade_go_back_and_remove(tmp_path):
    """One test, since each virtual environment takes seconds to make."""
    home, prefix = tmp_path / "home", tmp_path / "home/.local/share/parley"
    first = unpacked(tmp_path / "1")
    result = install(first, home)
    assert result.returncode == 0, result.stderr
    assert "the check was run with check --config" in result.stdout
    python = prefix / "current/venv/bin/python"
    listed = subprocess.run(
        [python, "-I", "-m", "pip", "list", "--format=freeze"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {"parley==0.1.0", "tiny==1.0"} <= set(listed.stdout.split())
    config = home / ".config/parley/parley.toml"
    config.write_text("# mine\n")
    unit = home / ".config/systemd/user/parley.service"
    assert str(prefix / "current") in unit.read_text()

    again = install(first, home)
    assert (again.returncode, "--force installs it anew" in again.stderr) == (2, True)

    failing = install(unpacked(tmp_path / "2", "0.2.0", main=CHECK_FAILS), home)
    assert failing.returncode == 2
    assert "parley check failed (exit code 1)" in failing.stderr
    assert (prefix / "current").resolve().name.startswith("0.1.0-")
    assert len(list((prefix / "releases").iterdir())) == 1

    second = unpacked(tmp_path / "3", "0.3.0")
    upgraded = install(second, home)
    assert "systemctl --user restart parley" in upgraded.stdout
    assert (prefix / "current").resolve().name.startswith("0.3.0-")
    assert config.read_text() == "# mine\n"

    assert "in use now: 0.1.0-" in install(second, home, "--rollback").stdout
    assert (prefix / "current").resolve().name.startswith("0.1.0-")

    removed = install(second, home, "--uninstall")
    assert removed.returncode == 0
    assert f"kept {config}" in removed.stdout
    assert not unit.exists()
    assert not (home / ".local/bin/parley").exists()
    assert not prefix.exists()


def test_purging_takes_models_and_settings_and_nothing_else(good, tmp_path):
    home, prefix = tmp_path / "home", tmp_path / "srv"
    layout = lay_out(prefix, for_all=False, home=home, environment={})
    with releases.locked(layout), releases.building(layout, "1", again=False) as folder:
        (folder / "manifest.json").write_text("{}")
        releases.switch(layout, folder)
    write_configuration(layout, "starter")
    layout.models.mkdir()
    (layout.models / "weights").write_text("many")
    (prefix / "mine").write_text("mine")
    purged = install(good, home, "--prefix", str(prefix), "--uninstall", "--purge")
    assert (purged.returncode, purged.stdout.splitlines()[-1]) == (0, "removed")
    assert [path.name for path in prefix.iterdir()] == ["mine"]
