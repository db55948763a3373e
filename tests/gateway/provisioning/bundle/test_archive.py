"""Archives: the same from the same content, and nothing wrong gets through."""

import gzip
import io
import tarfile

import pytest

from gateway.provisioning.bundle import archive
from gateway.provisioning.bundle.archive import Member
from gateway.provisioning.bundle.errors import BundleError
from tests.gateway.provisioning.bundle.making import FOLDER, make_archive

PARTS = [
    Member("install.sh", b"#!/bin/sh\n", executable=True),
    Member("manifest.json", b"{}"),
    Member("wheels/a.whl", b"a" * 5000),
]


def written(parts, *, compress=True) -> bytes:
    target = io.BytesIO()
    archive.write(target, FOLDER, parts, compress=compress)
    return target.getvalue()


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(written(PARTS))
    return path


def rewritten(path, change) -> None:
    """Pass every member of an archive through a function, which returns what is there instead."""
    with tarfile.open(path) as old:
        found = []
        for info in old:
            content = old.extractfile(info)
            found.append((info, content.read() if content else b""))
    with tarfile.open(path, "w:gz") as new:
        for info, content in change(found):
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))


def test_the_same_content_makes_the_same_archive(tmp_path):
    source = tmp_path / "a.whl"
    source.write_bytes(b"a" * 5000)
    from_file = [*PARTS[:2], Member("wheels/a.whl", source)]
    assert written(PARTS) == written(from_file[::-1])


def test_owners_times_and_modes_are_fixed(bundle):
    with tarfile.open(bundle) as packed:
        infos = {info.name: info for info in packed}
    assert next(iter(infos)) == f"{FOLDER}/SHA256SUMS"
    assert {(info.uid, info.gid, info.uname, info.mtime) for info in infos.values()} == {
        (0, 0, "", 315_532_800)
    }
    assert infos[f"{FOLDER}/install.sh"].mode == 0o755
    assert infos[f"{FOLDER}/manifest.json"].mode == 0o644


def test_a_whole_archive_is_read_and_its_progress_told(bundle):
    read = 0

    def report(done: int) -> None:
        nonlocal read
        read += done

    contents = archive.read(bundle, report)
    assert contents.folder == FOLDER
    assert contents.files["wheels/a.whl"] == 5000
    assert set(contents.sums) == {member.name for member in PARTS}
    assert contents.texts["manifest.json"] == "{}"
    assert read == bundle.stat().st_size


def test_an_uncompressed_archive_is_read_as_well(tmp_path):
    path = tmp_path / "bundle.tar"
    path.write_bytes(written(PARTS, compress=False))
    assert archive.read(path).files["wheels/a.whl"] == 5000


def test_a_changed_byte_is_found_wherever_it_is(tmp_path):
    plain = written(PARTS, compress=False)
    path = tmp_path / "bundle.tar"
    at = plain.index(b"a" * 5000) + 17
    path.write_bytes(plain[:at] + b"b" + plain[at + 1 :])
    with pytest.raises(BundleError, match=r"wheels/a\.whl was changed or damaged; get the bundle"):
        archive.read(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.95, 0.999])
@pytest.mark.parametrize("ending", ["tar.gz", "tar"])
def test_an_archive_that_is_cut_short_is_refused_in_one_line(tmp_path, share, ending):
    whole = written([*PARTS, Member("z", bytes(range(256)) * 90)], compress=ending == "tar.gz")
    content_end = len(whole) if ending == "tar.gz" else whole.rindex(bytes(range(256)))
    path = tmp_path / f"bundle.{ending}"
    path.write_bytes(whole[: int(content_end * share)])
    with pytest.raises(BundleError, match=r"^[^\n]+$"):
        archive.read(path)


@pytest.mark.parametrize(
    "content", [b"", b"not an archive", gzip.compress(b"no tar"), b"\0" * 2000]
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"^[^\n]+$"):
        archive.read(path)


def member(name, content=b"x", **changes):
    info = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


@pytest.mark.parametrize(
    "extra",
    [
        member(f"{FOLDER}/../escaped"),
        member("/etc/escaped"),
        member(f"{FOLDER}/a\nb"),
        member(f"{FOLDER}/link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member(f"{FOLDER}/hard", b"", type=tarfile.LNKTYPE, linkname=f"{FOLDER}/manifest.json"),
        member(f"{FOLDER}/pipe", b"", type=tarfile.FIFOTYPE),
        member(f"{FOLDER}/device", b"", type=tarfile.CHRTYPE),
        member(f"{FOLDER}/manifest.json", b"{}"),
        member("other/manifest.json"),
        member("loose"),
        member(f"{FOLDER}/more"),
    ],
    ids=lambda extra: repr(extra[0].name),
)
def test_what_does_not_belong_there_is_refused(bundle, extra):
    rewritten(bundle, lambda found: [*found, extra])
    with pytest.raises(BundleError, match=r"^[^\n]+$"):
        archive.read(bundle)


def test_a_missing_file_is_named(bundle):
    rewritten(bundle, lambda found: [one for one in found if "wheels" not in one[0].name])
    with pytest.raises(BundleError, match=r"wheels/a\.whl is missing"):
        archive.read(bundle)


def test_a_bundle_without_its_list_is_none(bundle):
    rewritten(bundle, lambda found: [one for one in found if "SHA256SUMS" not in one[0].name])
    with pytest.raises(BundleError, match="has no SHA256SUMS"):
        archive.read(bundle)


def test_a_list_that_names_what_lies_outside_is_refused(bundle):
    def change(found):
        return [
            (info, b"0" * 64 + b"  ../x\n" if "SUMS" in info.name else content)
            for info, content in found
        ]

    rewritten(bundle, change)
    with pytest.raises(BundleError, match=r"'\.\./x', which leaves the bundle"):
        archive.read(bundle)


def test_a_bomb_is_told_from_its_size_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bundle.tar.gz"
    info = tarfile.TarInfo(f"{FOLDER}/bomb")
    info.size = 1 << 40
    path.write_bytes(gzip.compress(info.tobuf() + b"\0" * 4096))
    with pytest.raises(BundleError, match=r"unpacks to more than 1\.1 GB"):
        archive.read(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"none\.tar\.gz cannot be read: No such file"):
        archive.read(tmp_path / "none.tar.gz")


def test_a_whole_small_bundle_is_read(tmp_path):
    path = make_archive(tmp_path / "small.tar.gz", tmp_path / "wheels")
    assert "wheels/parley-0.1.0-py3-none-any.whl" in archive.read(path).files
