import pytest

from gateway.provisioning.importing import fence
from gateway.provisioning.importing.fence import Fence
from pipeline.errors import ModelError


def test_a_walk_stays_inside_and_ends(tmp_path):
    top = tmp_path / "top"
    (top / "b" / "c").mkdir(parents=True)
    (top / ".hidden").mkdir()
    (top / "b" / "x").write_text("x")
    (top / "b" / "c" / "round").symlink_to(top)
    (top / "in").symlink_to("b/x")
    (top / "in\x1b[2Jvisible").touch()
    (top / "out").symlink_to(tmp_path)
    (top / "gone").symlink_to("missing")
    (tmp_path / "secret").write_text("s")
    (top / "leak").symlink_to(tmp_path / "secret")
    folders = list(Fence.around(top).folders(top))
    assert [each.path.name for each in folders] == ["top", "b", "c"]
    first = folders[0]
    assert first.files == {"in": (top / "b" / "x").resolve()}
    assert first.linked == ("out",)
    assert "download interrupted" in first.refused["gone"]
    assert "leads out of" in first.refused["leak"]
    assert folders[2].linked == ("round",)


def test_a_folder_that_is_a_link_is_fenced_where_it_leads(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").write_text("x")
    (tmp_path / "link").symlink_to("real")
    (folder,) = Fence.around(tmp_path / "link").folders(tmp_path / "link")
    assert list(folder.files) == ["x"]


def test_more_than_any_collection_holds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(fence, "_MAX_ENTRIES", 5)
    for number in range(6):
        (tmp_path / str(number)).touch()
    with pytest.raises(ModelError, match="has more than 5 files"):
        list(Fence.around(tmp_path).folders(tmp_path))
    with pytest.raises(ModelError, match="cannot be looked into"):
        Fence.around(tmp_path / "none")
