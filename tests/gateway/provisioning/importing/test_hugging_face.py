from pathlib import Path

from gateway.provisioning.importing.hugging_face import cache_folder, read_cache, repository_above
from tests.gateway.provisioning.importing.layouts import COMMIT, hugging_face

HOME = Path("/home/user")
OTHER = "f" * 40


def test_the_cache_is_where_the_environment_says():
    assert cache_folder({}, HOME) == HOME / ".cache/huggingface/hub"
    assert cache_folder({"XDG_CACHE_HOME": "/c"}, HOME) == Path("/c/huggingface/hub")
    assert cache_folder({"HF_HOME": "/hf", "XDG_CACHE_HOME": "/c"}, HOME) == Path("/hf/hub")
    assert cache_folder({"HF_HUB_CACHE": "/hub", "HF_HOME": "/hf"}, HOME) == Path("/hub")


def test_a_repository_is_found_from_anywhere_in_it(small, tmp_path):
    root = hugging_face(tmp_path / "hub", "someone/chat", {"a/chat.gguf": small.gguf})
    snapshot = root / "snapshots" / COMMIT
    for path in (root, snapshot, snapshot / "a" / "chat.gguf"):
        assert repository_above(path) == root
    assert repository_above(tmp_path) is None
    assert read_cache(tmp_path / "hub" / "elsewhere") is None
    for path in (tmp_path / "hub", root, snapshot):
        (found,) = read_cache(path).found
        assert found.label == "someone/chat/a/chat.gguf"
        assert found.source.folder == "a"


def test_the_branch_main_goes_before_other_snapshots(small, tmp_path):
    hub = tmp_path / "hub"
    hugging_face(hub, "someone/chat", {"old.gguf": small.gguf}, commit=OTHER)
    root = hugging_face(hub, "someone/chat", {"new.gguf": small.gguf})
    (found,) = read_cache(hub).found
    assert (found.id, found.source.revision) == ("new", COMMIT)
    (found,) = read_cache(root / "snapshots" / OTHER).found
    assert (found.id, found.source.revision) == ("old", OTHER)
    (root / "refs" / "main").write_text("../../../etc")
    assert len(read_cache(hub).found) == 1


def test_a_repository_without_a_snapshot_is_left_out(small, tmp_path):
    (tmp_path / "models--someone--empty" / "snapshots").mkdir(parents=True)
    survey = read_cache(tmp_path)
    assert survey.found == ()
    assert survey.skipped[0].reason == "nothing of it was downloaded"
    hugging_face(tmp_path, "someone/notes", {})
    reasons = {each.label: each.reason for each in read_cache(tmp_path).skipped}
    assert reasons["someone/notes"] == "it holds no model that the engines here run"
