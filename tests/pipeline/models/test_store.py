"""The store: nothing half-made is ever seen, whoever dies, and whatever is put into it."""

import errno
import hashlib
import json
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.models import ModelFile
from pipeline.models.store import STORE_VARIABLE, Store, default_store

ROOT = Path(__file__).parents[3]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: Store, content: bytes) -> str:
    """Adopt some bytes and return their hash."""
    source = store.root.parent / "source.bin"
    source.write_bytes(content)
    store.adopt(source, sha256=digest(content), bytes=len(content), move=True)
    return digest(content)


def everything(store: Store) -> list[str]:
    """All files of a store but its locks."""
    files = (path for path in store.root.rglob("*") if path.is_file() or path.is_symlink())
    names = (str(path.relative_to(store.root)) for path in files)
    return sorted(name for name in names if name not in (".lock", ".pulling"))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_the_environment_says_where_the_store_is(monkeypatch, tmp_path):
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path))
    assert default_store() == tmp_path
    monkeypatch.delenv(STORE_VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if sys.platform.startswith("linux"):
        assert default_store() == tmp_path / "parley" / "models"


def test_a_store_that_does_not_exist_is_empty_and_is_not_made_by_reading(store):
    assert store.installed() == ()
    assert store.entries() == {}
    assert not store.has(digest(b"x"))
    assert store.verify("chat") == []
    assert store.accepted.pins() == {}
    assert not store.root.exists()


def test_an_adopted_file_lies_under_its_hash_and_is_read_only(store):
    one = put(store, b"weights")
    blob = store.blob(one)
    assert blob == store.root / "blobs" / "sha256" / one[:2] / one
    assert blob.read_bytes() == b"weights"
    assert blob.stat().st_mode & 0o777 == 0o444
    assert everything(store) == [f"blobs/sha256/{one[:2]}/{one}"]


@pytest.mark.parametrize("move", [True, False])
def test_adopting_takes_or_copies_the_file(store, tmp_path, move):
    source = tmp_path / "model.gguf"
    source.write_bytes(b"weights")
    source.chmod(0o444)
    store.adopt(source, sha256=digest(b"weights"), bytes=7, move=move)
    assert source.exists() is not move


def test_a_symbolic_link_is_copied_and_not_moved(store, tmp_path):
    """As in the cache of huggingface_hub, whose snapshots are links."""
    (tmp_path / "blob").write_bytes(b"weights")
    link = tmp_path / "model.bin"
    link.symlink_to("blob")
    placed = store.adopt(link, sha256=digest(b"weights"), bytes=7, move=True)
    assert placed.read_bytes() == b"weights"
    assert not placed.is_symlink()
    assert (tmp_path / "blob").exists()
    assert not link.is_symlink()


@pytest.mark.parametrize("move", [True, False])
@pytest.mark.parametrize(
    ("size", "sha256", "complaint"),
    [
        (7, digest(b"other"), "SHA-256"),
        (8, digest(b"weights"), "has 7 bytes, expected 8"),
        (6, digest(b"weights"), "expected 6"),
    ],
)
def test_a_file_that_is_another_is_refused_and_left_alone(
    store, tmp_path, move, size, sha256, complaint
):
    source = tmp_path / "model.gguf"
    source.write_bytes(b"weights")
    with pytest.raises(ModelError, match=complaint):
        store.adopt(source, sha256=sha256, bytes=size, move=move)
    assert source.read_bytes() == b"weights"
    assert everything(store) == []


def test_what_is_no_file_is_refused(store, tmp_path):
    for source in (tmp_path, tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(ModelError, match="is not a file"):
            store.adopt(source, sha256=digest(b""), bytes=None, move=False)


def test_a_model_s_folder_links_to_its_files(store):
    config, weights = put(store, b"{}"), put(store, b"weights")
    folder = store.link("tiny", {"config.json": config, "onnx/model.onnx": weights})
    assert folder == store.path("tiny")
    assert (folder / "config.json").read_bytes() == b"{}"
    assert (folder / "onnx" / "model.onnx").read_bytes() == b"weights"
    assert not (folder / "onnx" / "model.onnx").readlink().is_absolute()
    assert store.installed() == ("tiny",)
    assert store.files("tiny") == {"config.json": config, "onnx/model.onnx": weights}


def test_a_store_may_be_moved(store, tmp_path):
    store.link("tiny", {"a/b/model.bin": put(store, b"weights")})
    moved = store.root.rename(tmp_path / "elsewhere")
    assert (moved / "models" / "tiny" / "a" / "b" / "model.bin").read_bytes() == b"weights"


@pytest.mark.parametrize("links", ["hard", "none"])
def test_a_file_system_without_links_serves_as_well(store, monkeypatch, links):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    if links == "none":
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    weights = put(store, b"weights")
    file = store.link("tiny", {"model.bin": weights}) / "model.bin"
    assert file.read_bytes() == b"weights"
    assert not file.is_symlink()
    assert file.stat().st_nlink == (2 if links == "hard" else 1)
    assert file.stat().st_mode & 0o777 == 0o444
    assert store.remove("tiny") == (7 if links == "hard" else 14)
    assert everything(store) == []


def test_linking_anew_replaces_the_model_and_what_it_alone_had(store):
    old, new, both = put(store, b"old"), put(store, b"new"), put(store, b"both")
    store.link("tiny", {"model.bin": old, "config.json": both})
    store.link("tiny", {"model.bin": new, "config.json": both})
    assert (store.path("tiny") / "model.bin").read_bytes() == b"new"
    assert not store.has(old)
    assert store.has(both)


def test_linking_what_is_linked_changes_nothing(store):
    files = {"model.bin": put(store, b"weights")}
    before = store.link("tiny", files).stat().st_ino
    assert store.link("tiny", files).stat().st_ino == before


def test_a_model_is_linked_as_a_whole_or_not_at_all(store):
    with pytest.raises(ModelError, match=r"model tiny: b\.bin is not in the store"):
        store.link("tiny", {"a.bin": put(store, b"a"), "b.bin": digest(b"b")})
    assert store.installed() == ()
    assert not store.path("tiny").exists()


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "a/../x", "a\\x", "C:x", "", ".", "a//b", "./a", ".files.json", "a\nb"],
)
def test_a_name_that_leaves_the_folder_is_refused(store, name):
    with pytest.raises(ModelError, match="is no name for a model's file"):
        store.link("tiny", {name: put(store, b"x")})


@pytest.mark.parametrize("id", ["..", "../x", "A", "", "a/b", ".hidden"])
def test_what_is_no_name_of_a_model_is_refused(store, id):
    for act in (store.path, store.remove, lambda id: store.add_entry(id, {})):
        with pytest.raises(ModelError, match="is not the name of a model"):
            act(id)


@pytest.mark.parametrize("sha256", ["", "../../x", "A" * 64, "g" * 64])
def test_what_is_no_hash_is_refused(store, sha256):
    with pytest.raises(ModelError, match="is not a SHA-256"):
        store.has(sha256)


def test_removing_a_model_keeps_what_others_use(store):
    mine, shared = put(store, b"mine"), put(store, b"shared")
    store.link("one", {"a": mine, "b": shared})
    store.link("two", {"b": shared})
    assert store.remove("one") == 4
    assert store.installed() == ("two",)
    assert not store.has(mine)
    assert (store.path("two") / "b").read_bytes() == b"shared"
    assert store.remove("two") == 6
    assert everything(store) == []


def test_removing_what_is_not_there_is_an_error(store):
    with pytest.raises(ModelError, match="there is no model 'tiny'"):
        store.remove("tiny")


def test_removing_collects_what_killed_pulls_left_but_not_what_one_is_fetching(store):
    orphan, linked = put(store, b"orphan"), put(store, b"linked")
    store.link("one", {"a": linked})
    with store.pulling():
        store.remove("one")
        assert store.has(orphan)
        assert not store.has(linked)
    store.link("two", {"a": put(store, b"more")})
    assert store.remove("two") == len(b"orphan") + len(b"more")


def test_a_model_whose_note_is_damaged_keeps_every_file(store):
    one, two = put(store, b"one"), put(store, b"two")
    store.link("one", {"a": one})
    store.link("two", {"a": two})
    (store.path("two") / ".files.json").write_text("{")
    store.remove("one")
    assert store.has(one)
    assert store.has(two)
    assert "is damaged" in str(store.verify("two")[0])
    store.link("two", {"a": two})
    assert store.verify("two") == []


def test_an_entry_is_read_as_it_was_written(store):
    entry = {
        "engine": "piper",
        "licence": 'unknown "so far"',
        "files": {"a.onnx": {"bytes": 3, "sha256": digest(b"abc")}},
        "settings": {"contexts": [1.0, 2.5], "guards": {"x": -0.7}},
    }
    store.add_entry("voice", entry)
    assert store.entries() == {"voice": entry}
    document = tomllib.loads((store.root / "entries" / "voice.toml").read_text())
    assert document == {"schema": 2, "models": {"voice": entry}}
    store.remove("voice")
    assert store.entries() == {}


def test_an_entry_that_cannot_be_read_keeps_no_other_from_serving(store, caplog):
    store.add_entry("good", {"engine": "piper"})
    (store.root / "entries" / "bad.toml").write_text("= nonsense")
    assert set(store.entries()) == {"good"}
    assert "bad.toml is left out" in caplog.text


def test_verifying_finds_one_flipped_bit(store):
    content = bytes(3_000_000)
    store.link("tiny", {"config.json": put(store, b"{}"), "model.bin": put(store, content)})
    assert store.verify("tiny") == []
    blob = store.blob(digest(content))
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.seek(2_345_678)
        file.write(b"\x10")
    read: list[int] = []
    (problem,) = store.verify("tiny", progress=read.append)
    assert problem.name == "model.bin"
    assert "was changed or damaged" in str(problem)
    assert sum(read) == 3_000_002


def test_verifying_finds_what_is_missing_cut_or_unknown_to_the_store(store):
    weights = put(store, b"weights")
    store.link("tiny", {"model.bin": weights, "config.json": put(store, b"{}")})
    wanted = [
        ModelFile("model.bin", 8, weights),
        ModelFile("config.json", 2, ""),
        ModelFile("more.bin", None, ""),
    ]
    found = [(each.name, each.message) for each in store.verify("tiny", wanted)]
    assert found == [("model.bin", "has 7 bytes, expected 8"), ("more.bin", "is missing")]
    store.forget(weights)
    assert [each.message for each in store.verify("tiny", wanted[:1])] == ["is missing"]


def test_a_forgotten_file_comes_back_through_the_same_links(store):
    weights = put(store, b"weights")
    store.link("tiny", {"model.bin": weights})
    store.forget(weights)
    put(store, b"weights")
    assert store.verify("tiny") == []


def test_an_unlinked_model_keeps_its_files(store):
    weights = put(store, b"weights")
    store.link("tiny", {"model.bin": weights})
    store.unlink("tiny")
    assert store.installed() == ()
    assert store.has(weights)


def test_what_was_left_half_made_is_thrown_away(store):
    put(store, b"weights")
    (store.partial / "link-other.tmp").mkdir()
    (store.partial / "link-other.tmp" / "a").write_bytes(b"a")
    (store.partial / f"{digest(b'b')}.copy").write_bytes(b"b")
    (store.partial / f"{digest(b'c')}.part").write_bytes(b"c")
    store.link("tiny", {"a": digest(b"weights")})
    store.remove("tiny")
    assert everything(store) == [f"partial/{digest(b'c')}.part"]
    with store.pulling(), pytest.raises(ModelError, match="is in progress"):
        store.clear_partial()
    assert store.clear_partial() == 1
    assert everything(store) == []


def test_a_store_that_may_not_be_written_to_says_so_in_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    store = Store(tmp_path / "file" / "store")
    with pytest.raises(ModelError) as refused:
        store.add_entry("a", {})
    assert "\n" not in str(refused.value)
    assert "file" in str(refused.value)


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(store, tmp_path):
    source = tmp_path / "big"
    source.write_bytes(bytes(300_000))
    result = in_a_process(
        f"""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            store.adopt(Path({str(source)!r}), sha256={digest(bytes(300_000))!r}, move=False)
        except ModelError as error:
            print(error)
        """,
        store,
    )
    assert "takes no file as large as this" in result
    assert everything(store) == []


# -- several processes ----------------------------------------------------------------------------

PREAMBLE = """
import sys
from pathlib import Path
from pipeline.errors import ModelError
from pipeline.models.store import Store
store = Store(Path(sys.argv[1]))
"""


def start(code: str, store: Store, **pipes) -> subprocess.Popen:
    lines = code.strip("\n").splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    program = PREAMBLE + "\n".join(line[indent:] for line in lines)
    command = [sys.executable, "-c", program, str(store.root)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, **pipes)


def in_a_process(code: str, store: Store) -> str:
    process = start(code, store)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out


def test_whoever_wants_what_another_is_copying_waits_for_it(store, tmp_path):
    holder = start(
        f"""
        with store.writing(), store.reserved({digest(b"weights")!r}):
            print("held", flush=True)
            sys.stdin.readline()
        """,
        store,
        stdin=subprocess.PIPE,
    )
    assert holder.stdout.readline() == "held\n"
    slot = store.slot(digest(b"weights"))
    assert not slot.try_acquire()
    holder.communicate("\n", timeout=60)
    assert slot.try_acquire()
    slot.release(remove=True)


def test_the_lock_of_a_killed_process_is_free(store):
    holder = start(
        """
        with store.writing(), store.lock(), store.reserved("a"), store.pulling():
            print("held", flush=True)
            sys.stdin.readline()
        """,
        store,
        stdin=subprocess.PIPE,
    )
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=60)
    assert holder.returncode == -signal.SIGKILL
    weights = put(store, b"weights")
    store.link("tiny", {"a": weights})
    assert store.remove("tiny") == 7


@pytest.mark.parametrize("moment", ["copying", "placing", "linking", "swapping"])
def test_a_process_killed_at_any_moment_leaves_the_store_sound(store, tmp_path, moment):
    """It dies inside the call that is named; the next one does the same and finds nothing amiss."""
    source = tmp_path / "model.bin"
    source.write_bytes(bytes(2_500_000))
    old = put(store, b"old")
    store.link("tiny", {"model.bin": old})
    code = f"""
        import os
        from pipeline.models import disk, store as module
        def die(*_, **__): os.kill(os.getpid(), 9)
        if {moment!r} == "copying":
            hashed, calls = disk._copied, []
            def partly(source, target, size):
                target.write(source.read(1_000_000)); target.flush(); die()
            disk._copied = partly
        elif {moment!r} == "placing":
            module.settle = die
        elif {moment!r} == "linking":
            module.link_file = die
        else:
            rename = Path.rename
            def once(self, target):
                if self.name == "link-tiny.tmp": die()
                return rename(self, target)
            Path.rename = once
        sha = {digest(bytes(2_500_000))!r}
        store.adopt(Path({str(source)!r}), sha256=sha, bytes=2_500_000, move=False)
        store.link("tiny", {{"model.bin": sha}})
        """
    process = start(code, store)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    if moment != "swapping":
        assert store.verify("tiny") == []
        assert (store.path("tiny") / "model.bin").read_bytes() == b"old"
    new = digest(bytes(2_500_000))
    store.adopt(source, sha256=new, bytes=2_500_000, move=False)
    store.link("tiny", {"model.bin": new})
    assert store.verify("tiny", [ModelFile("model.bin", 2_500_000, new)]) == []
    store.remove("tiny")
    assert everything(store) == []


def test_many_processes_link_and_remove_at_once_and_the_store_stays_sound(store, tmp_path):
    code = """
        import hashlib, os
        for turn in range(15):
            content = b"shared"
            mine = Path(sys.argv[1]).parent / f"{os.getpid()}.bin"
            mine.write_bytes(content)
            sha = hashlib.sha256(content).hexdigest()
            with store.pulling():
                store.adopt(mine, sha256=sha, bytes=6, move=True)
                try:
                    store.link(f"m{os.getpid()}", {"a": sha})
                except ModelError as error:  # another removed its own, and with it the last link
                    assert "is not in the store" in str(error), error
                    continue
            assert (store.path(f"m{os.getpid()}") / "a").read_bytes() == content
            assert store.remove(f"m{os.getpid()}") in (0, 6)
        print("fine")
        """
    processes = [start(code, store) for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["fine\n"] * 3
    assert everything(store) in ([], [f"blobs/sha256/{digest(b'shared')[:2]}/{digest(b'shared')}"])


def test_the_note_of_a_model_is_plain_json(store):
    one = put(store, b"1")
    store.link("tiny", {"b": one, "a": one})
    text = (store.path("tiny") / ".files.json").read_text()
    assert list(json.loads(text)) == ["a", "b"]
