"""The check that stands in every bundle: nothing but what SHA256SUMS says gets past it."""

import ast
import os
import sys
from pathlib import Path

import pytest

from gateway.provisioning.bundle import install
from gateway.provisioning.bundle.install import DamagedBundle, check_folder, is_inside, read_sums

A = "a" * 64


@pytest.fixture
def folder(tmp_path):
    bundle = tmp_path / "bundle"
    (bundle / "wheels").mkdir(parents=True)
    (bundle / "README.md").write_text("read me")
    (bundle / "wheels/a.whl").write_bytes(b"wheel")
    names = ("README.md", "wheels/a.whl")
    lines = [f"{install.digest(bundle / name)}  {name}\n" for name in names]
    (bundle / "SHA256SUMS").write_text("".join(lines))
    return bundle


def test_an_untouched_folder_passes_and_every_byte_is_reported(folder):
    read: list[int] = []
    assert set(check_folder(folder, read.append)) == {"README.md", "wheels/a.whl"}
    assert sum(read) == len("read me") + len("wheel")


def test_a_changed_file_is_named(folder):
    (folder / "wheels/a.whl").write_bytes(b"whee1")
    with pytest.raises(DamagedBundle, match=r"wheels/a\.whl was changed or damaged; get the b"):
        check_folder(folder)


def test_a_missing_file_is_named(folder):
    (folder / "wheels/a.whl").unlink()
    with pytest.raises(DamagedBundle, match=r"wheels/a\.whl is missing; get the bundle again"):
        check_folder(folder)


def test_files_that_were_added_are_named_and_counted(folder):
    (folder / "wheels/evil.pth").write_text("import os")
    (folder / "zzz").write_text("")
    with pytest.raises(DamagedBundle, match=r"wheels/evil\.pth does not belong .*\(and 1 more\)"):
        check_folder(folder)


@pytest.mark.parametrize("target", ["/etc/passwd", "README.md", "nowhere", "."])
def test_a_link_is_refused_wherever_it_leads(folder, target):
    (folder / "wheels/a.whl").unlink()
    (folder / "wheels/a.whl").symlink_to(target)
    with pytest.raises(DamagedBundle, match="is a link or no plain file"):
        check_folder(folder)


def test_a_pipe_does_not_keep_the_check_waiting(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(DamagedBundle, match="pipe is a link or no plain file"):
        check_folder(folder)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(DamagedBundle, match="SHA256SUMS is missing"):
        check_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense", "line 1 of SHA256SUMS"),
        (f"{A}  a\n{A}  a\n", "twice"),
        (f"{A}  /etc/passwd\n", "leaves the bundle"),
        (f"{A}  a/../../b\n", "leaves the bundle"),
        (f"{A}  SHA256SUMS\n", "leaves the bundle"),
        (f"{A}  a//b\n", "leaves the bundle"),
        (f"{A.upper()}  a\n", "line 1"),
    ],
)
def test_a_malformed_list_is_refused(text, complaint):
    with pytest.raises(DamagedBundle, match=complaint):
        read_sums(text)


def test_a_list_is_read_as_sha256sum_writes_it():
    assert read_sums(f"{A}  a b\n{A} *c/d\n") == {"a b": A, "c/d": A}


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("a", True), ("a/b-1.0.whl", True), ("", False), (".", False), ("..", False),
        ("../a", False), ("a/../b", False), ("/a", False), ("a/", False), ("./a", False),
        ("a\\b", False), ("a\nb", False), ("a\0b", False), ("...", True),
    ],
)  # fmt: skip
def test_names_stay_below_their_folder(name, inside):
    assert is_inside(name) is inside


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_the_installer_needs_nothing_but_the_standard_library():
    package = Path(install.__file__).parent
    waiting, seen = [Path(install.__file__), *(package / "installer").glob("*.py")], set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        for name in imported(path):
            first = name.partition(".")[0]
            if first in sys.stdlib_module_names:
                continue
            assert first == "gateway", f"{path.name} imports {name}"
            module = package.parents[2] / name.replace(".", "/")
            source = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
            if source not in seen:
                waiting.append(source)
    assert package / "manifest.py" in seen


def test_nothing_of_the_bundle_is_imported_when_the_check_is_loaded():
    tree = ast.parse(Path(install.__file__).read_text(encoding="utf-8"))
    eager = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert "collections.abc" in eager
    assert not any(str(name).startswith("gateway") for name in eager)
