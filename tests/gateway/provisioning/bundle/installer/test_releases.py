"""Releases: made aside, switched to in one step, taken back."""

import pytest

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.installer import releases
from gateway.provisioning.bundle.installer.layout import lay_out


@pytest.fixture
def layout(tmp_path):
    return lay_out(tmp_path / "opt/parley", for_all=True, home=tmp_path, environment={})


def install(layout, name, *, again=False, text="{}"):
    with releases.locked(layout):
        with releases.building(layout, name, again=again) as folder:
            (folder / "venv").mkdir()
            (folder / "manifest.json").write_text(text)
        releases.switch(layout, folder)


def in_use(layout):
    return layout.current.resolve().name


def test_an_upgrade_remembers_the_release_before(layout):
    install(layout, "1")
    assert not layout.previous.exists()
    install(layout, "2")
    assert (in_use(layout), layout.previous.resolve().name) == ("2", "1")


def test_going_back_twice_is_going_nowhere(layout):
    install(layout, "1")
    install(layout, "2")
    assert releases.roll_back(layout) == "1"
    assert in_use(layout) == "1"
    assert releases.roll_back(layout) == "2"
    assert in_use(layout) == "2"


def test_there_is_nothing_to_go_back_to_after_the_first(layout):
    install(layout, "1")
    with pytest.raises(BundleError, match="has no release before the one in use"):
        releases.roll_back(layout)


def test_a_release_that_fails_leaves_the_one_in_use_alone(layout):
    install(layout, "1")
    with (
        pytest.raises(KeyboardInterrupt),
        releases.locked(layout),
        releases.building(layout, "2", again=False) as folder,
    ):
        (folder / "half").write_text("made")
        raise KeyboardInterrupt
    assert in_use(layout) == "1"
    assert [path.name for path in layout.releases.iterdir()] == ["1"]


def test_a_first_release_that_fails_leaves_nothing_at_all(layout, tmp_path):
    with (
        pytest.raises(BundleError),
        releases.locked(layout),
        releases.building(layout, "1", again=False),
    ):
        raise BundleError("no")
    assert list(tmp_path.iterdir()) == []


def test_the_same_release_again_needs_to_be_asked_for(layout):
    install(layout, "1", text="old")
    with pytest.raises(BundleError, match=r"is installed in .* already; --force"):
        install(layout, "1")
    install(layout, "1", again=True, text="new")
    assert (layout.current / "manifest.json").read_text() == "new"
    assert not layout.previous.exists()
    assert [path.name for path in layout.releases.iterdir()] == ["1"]


def test_a_forced_release_that_fails_leaves_the_one_it_was_to_replace(layout):
    install(layout, "1", text="old")
    with (
        pytest.raises(BundleError),
        releases.locked(layout),
        releases.building(layout, "1", again=True),
    ):
        raise BundleError("no")
    assert (layout.current / "manifest.json").read_text() == "old"


def test_what_a_killed_installer_left_is_replaced(layout):
    install(layout, "1")
    (layout.releases / "2").mkdir()
    (layout.releases / "2" / "half").write_text("made")
    install(layout, "2")
    assert not (layout.releases / "2" / "half").exists()


def test_only_the_release_in_use_and_the_one_before_are_kept(layout):
    for name in ("1", "2", "3"):
        install(layout, name)
    assert releases.forget_old(layout) == ["1"]
    assert sorted(path.name for path in layout.releases.iterdir()) == ["2", "3"]


def test_two_installers_do_not_work_in_one_place(layout):
    with releases.locked(layout):
        with pytest.raises(BundleError, match="another installer is at work"):
            install(layout, "1")
        layout.releases.mkdir()


def test_a_release_is_named_after_its_version_and_its_bundle():
    first, second = (releases.release_name("0.1.0", sums) for sums in (b"a", b"b"))
    assert first.startswith("0.1.0-")
    assert first != second


def test_a_place_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    layout = lay_out(tmp_path / "file" / "parley", for_all=True, home=tmp_path, environment={})
    expected = r"file/parley cannot be made: Not a directory"
    with pytest.raises(BundleError, match=expected), releases.locked(layout):
        pass
