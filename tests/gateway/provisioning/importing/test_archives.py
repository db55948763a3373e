import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.provisioning.importing import unpacking
from gateway.provisioning.importing.archives import is_archive, unpack
from pipeline.errors import ModelError
from tests.gateway.provisioning.importing.layouts import contents


@pytest.fixture
def target(tmp_path) -> Path:
    (tmp_path / "inside").mkdir()
    return tmp_path / "inside"


def member(name: str, content: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=kind, linkname=to)


def refusal(archive: Path, target: Path) -> str:
    around = contents(target.parent)
    with pytest.raises(ModelError) as caught:
        unpack(archive, target)
    message = str(caught.value)
    assert "\n" not in message
    assert str(archive) in message
    inside = {f"{target.name}/{name}" for name in contents(target)}
    assert contents(target.parent).keys() - inside == around.keys() - inside
    return message


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked_whatever_compressed_it(tmp_path, target, mode):
    files = [member("./a/b.txt", b"b" * 5000), member("c.txt", b""), member("a/" + "d" * 200, b"d")]
    archive = tar(tmp_path / "x.tar", *files, mode=mode)
    assert is_archive(archive)
    read: list[int] = []
    unpack(archive, target, read.append)
    assert (target / "a" / "b.txt").read_bytes() == b"b" * 5000
    assert len(contents(target)) == 3
    assert 0 < sum(read) <= archive.stat().st_size


def test_a_zip_is_unpacked(tmp_path, target):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("a")
        archive.writestr("a/b.txt", "b" * 5000)
    unpack(tmp_path / "x.zip", target)
    assert (target / "a" / "b.txt").read_bytes() == b"b" * 5000


def test_links_inside_are_kept(tmp_path, target):
    files = [
        link("snapshots/1/model.bin", "../../blobs/abc"),
        member("blobs/abc", b"weights"),
        link("hard.bin", "blobs/abc", tarfile.LNKTYPE),
    ]
    unpack(tar(tmp_path / "x.tar", *files), target)
    assert (target / "snapshots" / "1" / "model.bin").read_bytes() == b"weights"
    assert (target / "hard.bin").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member("../evil")], "climbs out"),
        ([member("a/../../evil")], "climbs out"),
        ([member("/etc/evil")], "absolute path"),
        ([member("C:/evil")], "absolute path"),
        ([member("a\\..\\evil")], "of the name"),
        ([member("a" * 1001)], "of the name"),
        ([link("l", "/etc/passwd")], "which is outside"),
        ([link("l", "../outside")], "which is outside"),
        ([link("a/l", "../../outside")], "which is outside"),
        ([link("l", "missing")], "nowhere in it"),
        ([link("l", "l")], "nowhere in it"),
        ([link("l", "m"), link("m", "l")], "nowhere in it"),
        ([member("d/x"), link("l", "d"), member("l/y")], "behind a symbolic link"),
        ([link("l/m", "x"), link("l", "/tmp")], "which is outside"),
        ([link("d/m", "x"), link("d", "e"), member("e/x")], "is there twice"),
        ([link("l", "../outside", tarfile.LNKTYPE)], "which is not in it"),
        ([link("l", "/etc/passwd", tarfile.LNKTYPE)], "which is not in it"),
        ([member("p", b"", type=tarfile.FIFOTYPE)], "a device or a pipe"),
        ([member("p", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], "a device or a pipe"),
        ([member("a" * 300)], "File name too long"),
        ([member("a"), member("a")], "is there twice"),
        ([member("a"), member("A")], "is there twice"),
        ([member("a"), member("./a")], "is there twice"),
        ([member("a"), member("a/b")], "is a file and a folder"),
        ([link("a", "b"), member("a", b"", type=tarfile.DIRTYPE), member("b")], "is there twice"),
        ([member("\udcff\n\x1b[2J")], "of the name"),
    ],
)
def test_an_entry_that_reaches_outside_is_refused(tmp_path, target, members, said):
    assert said in refusal(tar(tmp_path / "x.tar", *members), target)


def zipped(path: Path, name: str = "a", content: bytes = b"x", **fields: object) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        for field, value in fields.items():
            setattr(entry, field, value)
        archive.writestr(entry, content)
    return path


def test_a_zip_is_held_to_the_same(tmp_path, target):
    path = tmp_path / "x.zip"
    assert "climbs out" in refusal(zipped(path, "../evil"), target)
    assert "absolute path" in refusal(zipped(path, "/etc/evil"), target)
    mode = (stat.S_IFLNK | 0o777) << 16
    assert "a link or a device" in refusal(zipped(path, external_attr=mode), target)
    content = zipped(path).read_bytes()
    path.write_bytes(
        content.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    )
    assert "is encrypted" in refusal(path, target)
    path.write_bytes(content[:-10])
    assert "missing or far too long" in refusal(path, target)
    end = content.rindex(b"PK\x05\x06")
    path.write_bytes(content[: end + 12] + struct.pack("<I", 1 << 30) + content[end + 16 :])
    assert "missing or far too long" in refusal(path, target)


def test_bombs_end_early(tmp_path, target, monkeypatch):
    monkeypatch.setattr(unpacking, "RATIO_FROM", 1 << 20)
    zeros = bytes(64 << 20)
    message = refusal(zipped(tmp_path / "x.zip", content=zeros), target)
    assert "it is a bomb" in message
    assert contents(target) == {}
    message = refusal(tar(tmp_path / "x.tar.gz", member("a", zeros), mode="w:gz"), target)
    assert "it is a bomb" in message
    assert sum(path.stat().st_size for path in target.iterdir()) < 8 << 20


def test_a_claim_beyond_the_disk_is_refused_before_anything_is_written(tmp_path, target):
    info, _ = member("weights")
    info.size = 1 << 60
    path = tmp_path / "x.tar"
    path.write_bytes(info.tobuf() + bytes(2048))
    assert "the disk has room for" in refusal(path, target)
    assert contents(target) == {}


def test_more_entries_than_any_model_has_are_refused(tmp_path, target, monkeypatch):
    monkeypatch.setattr(unpacking, "_MAX_ENTRIES", 10)
    files = [member(f"f{number}", b"") for number in range(11)]
    assert "more than 10 entries" in refusal(tar(tmp_path / "x.tar", *files), target)


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path, target):
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE):
        info = tarfile.TarInfo("header")
        info.type, info.size = kind, 1 << 33
        path = tmp_path / "x.tar"
        path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 14))
        assert "a header of it claims" in refusal(path, target)


def test_what_is_cut_or_damaged_is_refused(tmp_path, target):
    files = [member("a", os.urandom(5000)), member("b", os.urandom(5000))]
    content = tar(tmp_path / "x.tar.gz", *files, mode="w:gz").read_bytes()
    path = tmp_path / "cut.tar.gz"
    for broken in (content[:-2000], content[:-8] + b"\0" * 8):
        path.write_bytes(broken)
        assert "no sound archive" in refusal(path, target)
        for each in target.iterdir():
            each.unlink()
    plain = bytearray(gzip.decompress(content))
    second = plain.index(b"b\0\0\0")
    plain[second + 150] ^= 0xFF  # of its checksum
    path.write_bytes(plain)
    assert "it is damaged or cut short" in refusal(path, target)


def test_archives_of_other_kinds_are_named(tmp_path, target):
    path = tmp_path / "x"
    for head, said in ((b"\x28\xb5\x2f\xfd", "zstd"), (b"7z\xbc\xaf\x27\x1c", "7z")):
        path.write_bytes(head + bytes(100))
        with pytest.raises(ModelError, match=said):
            is_archive(path)
    path.write_bytes(b"GGUF" + bytes(600))
    assert not is_archive(path)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.data(),
    mode=st.sampled_from(["w", "w:gz", "w:bz2", "w:xz", "zip"]),
)
def test_no_damage_writes_outside_or_raises_anything_else(tmp_path_factory, data, mode):
    folder = tmp_path_factory.mktemp("archive")
    target = folder / "inside"
    target.mkdir()
    path = folder / "x"
    if mode == "zip":
        zipped(path, "a/b", b"content" * 50)
    else:
        tar(path, member("a/b", b"content" * 50), link("a/c", "b"), mode=mode)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, min(len(content), 2048) - 1))
        content[at : at + 1] = data.draw(st.binary(min_size=1, max_size=3))
    path.write_bytes(content)
    try:
        unpack(path, target)
    except ModelError as error:
        assert str(error).isprintable()  # noqa: PT017
    assert {each.name for each in folder.iterdir()} == {"inside", "x"}
