"""Making a bundle: what it says of itself, and what is left when it is stopped."""

import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest
from rich.console import Console

from gateway.provisioning.bundle import application, archive, creation
from gateway.provisioning.bundle.creation import Order, create, created_now, describe
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.progress import Steps
from gateway.provisioning.bundle.target import Target
from gateway.provisioning.bundle.wheel import Wheel, read_wheel
from gateway.version import VERSION
from tests.gateway.provisioning.bundle.making import TARGET, make_wheel, parley_wheel

STEPS = Steps(Console(quiet=True))


def order(output: Path, *targets: Target) -> Order:
    return Order(targets or (TARGET,), "starter", (), (), output)


def at_hand(order: Order, folder: Path, steps: Steps) -> dict[Target, tuple[Wheel, ...]]:
    """Collect small wheels, without pip."""
    wheels = read_wheel(parley_wheel(folder)), read_wheel(make_wheel(folder))
    return dict.fromkeys(order.targets, wheels)


class Stopping(Steps):
    """Stops when the archive is half written."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__(Console(quiet=True))
        self._failure = failure

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        written = 0

        def stop(done: int) -> None:
            nonlocal written
            written += done
            if written > total // 2:
                raise self._failure

        yield stop


def test_the_time_is_that_of_source_date_epoch_if_it_is_set(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert created_now() == "2001-09-09T01:46:40Z"


def test_the_same_order_makes_the_same_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    first, second = (tmp_path / name / "b.tar.gz" for name in ("1", "2"))
    for path in (first, second):
        path.parent.mkdir()
        create(order(path), STEPS, at_hand)
    assert first.read_bytes() == second.read_bytes()


def test_an_archive_is_made_beside_nothing_else_and_unpacks_into_its_name(tmp_path):
    made = create(order(tmp_path / "out.tar.gz"), STEPS, at_hand)
    assert archive.read(made).folder == "out"
    assert {path.name for path in tmp_path.iterdir()} == {"out.tar.gz"}
    with tarfile.open(made) as packed:
        script = packed.getmember("out/install.sh")
    assert script.mode & 0o111


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), BundleError("no"), OSError(28, "full")])
def test_whatever_stops_it_nothing_half_made_is_left(tmp_path, failure):
    before = tmp_path / "out.tar.gz"
    before.write_text("the one before")
    with pytest.raises((KeyboardInterrupt, BundleError)):
        create(order(before), Stopping(failure), at_hand)
    assert before.read_text() == "the one before"
    assert {path.name for path in tmp_path.iterdir()} == {"out.tar.gz"}


def test_the_manifest_asks_for_what_the_wheels_ask_for(tmp_path):
    objects = {"a.so": b"GLIBC_2.34\0libgomp.so.1\0"}
    compiled = read_wheel(make_wheel(tmp_path, "own", tag="py3-none-linux_x86_64", files=objects))
    fetched = read_wheel(make_wheel(tmp_path, "other", tag="cp311-abi3-manylinux_2_28_x86_64"))
    pure = read_wheel(make_wheel(tmp_path))
    newer = Target("linux-x86_64", "3.12")
    older = Target("linux-x86_64", "3.11")
    wheels = {older: (compiled, pure), newer: (compiled, fetched)}
    described = describe(order(tmp_path, older, newer), wheels)
    assert described.glibc == (2, 34)
    assert described.libraries == ("libgomp.so.1",)
    assert described.pythons == ("3.11", "3.12")
    assert described.platform_tags == ("linux_x86_64", "manylinux_2_28_x86_64")
    assert described.installed_bytes >= compiled.unpacked_bytes + pure.unpacked_bytes


def test_without_anything_compiled_nothing_is_asked_for(tmp_path):
    described = describe(order(tmp_path), {TARGET: (read_wheel(make_wheel(tmp_path)),)})
    assert described.glibc == (2, 0)
    assert described.cpu == ()


def test_each_python_has_its_own_requirements_with_hashes(tmp_path):
    pythons = (Target("linux-x86_64", "3.11"), Target("linux-x86_64", "3.12"))
    first, second = (
        read_wheel(make_wheel(tmp_path, "a", tag=f"cp31{minor}-none-any")) for minor in (1, 2)
    )
    wheels = {pythons[0]: (first,), pythons[1]: (second,)}
    asked = order(tmp_path, *pythons)
    parts = {one.name: one for one in creation.members(asked, describe(asked, wheels), wheels)}
    assert {name for name in parts if name.startswith("wheels/")} == {
        f"wheels/{one.path.name}" for one in (first, second)
    }
    text = parts["requirements/3.12.txt"].content
    assert text == f"a==1.0 --hash=sha256:{second.sha256}\n".encode()
    assert len(json.loads(bytes(parts["sbom.cdx.json"].content))["components"]) == 2  # type: ignore[arg-type]


def test_an_installed_parley_is_packed_again_as_it_was(tmp_path):
    wheel = parley_wheel(tmp_path / "made", version=VERSION)
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    info = site / f"parley-{VERSION}.dist-info"
    record = info / "RECORD"
    added = (
        f"../../bin/parley,,\ngateway/__pycache__/cli.cpython-311.pyc,,\n{info.name}/INSTALLER,,\n"
    )
    record.write_text(record.read_text() + added)
    (info / "INSTALLER").write_text("pip\n")
    [distribution] = metadata.distributions(path=[str(site)])
    again = application.repack(distribution, tmp_path)
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(again) as new:
        assert set(old.namelist()) == set(new.namelist())
        for name in old.namelist():
            if not name.endswith("RECORD"):
                assert old.read(name) == new.read(name)
    assert read_wheel(again).name == "parley"
    once_more = application.repack(distribution, tmp_path)
    assert once_more.read_bytes() == again.read_bytes()


def test_an_editable_installation_sends_to_its_checkout(tmp_path):
    wheel = make_wheel(tmp_path, "parley", VERSION)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    [distribution] = metadata.distributions(path=[str(tmp_path / "site")])
    with pytest.raises(BundleError, match="editable; make the bundle in its checkout"):
        application.repack(distribution, tmp_path)


def test_the_pinned_versions_are_found():
    assert "llama-cpp-python==" in application.lock_file().read_text(encoding="utf-8")
