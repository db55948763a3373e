"""Where everything lies, and the small files around a release."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from gateway.config import load
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.installer.files import (
    configuration,
    launcher,
    remove_link,
    write_command,
    write_configuration,
    write_unit,
)
from gateway.provisioning.bundle.installer.layout import Layout, lay_out


@pytest.fixture
def layout(tmp_path):
    return lay_out(None, for_all=False, home=tmp_path, environment={})


def test_a_user_s_installation_follows_the_base_directories(tmp_path):
    plain = lay_out(None, for_all=False, home=Path("/h"), environment={})
    assert plain.prefix == Path("/h/.local/share/parley")
    assert plain.config == Path("/h/.config/parley/parley.toml")
    assert plain.unit == Path("/h/.config/systemd/user/parley.service")
    assert plain.command == Path("/h/.local/bin/parley")
    moved = {"XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "/c"}
    other = lay_out(None, for_all=False, home=Path("/h"), environment=moved)
    assert (other.prefix, other.config) == (Path("/d/parley"), Path("/c/parley/parley.toml"))


def test_the_system_s_installation_lies_in_opt_and_etc():
    layout = lay_out(None, for_all=True, home=Path("/h"), environment={})
    assert (layout.prefix, layout.config) == (Path("/opt/parley"), Path("/etc/parley/parley.toml"))
    assert layout.unit == Path("/etc/systemd/system/parley.service")


def test_a_prefix_holds_it_all():
    layout = lay_out(Path("/srv/p"), for_all=True, home=Path("/h"), environment={})
    assert layout.config == Path("/srv/p/etc/parley.toml")
    assert layout.models == Path("/srv/p/models")
    assert layout.command is None


def test_the_first_configuration_is_read_by_parley_and_never_replaced(layout):
    assert write_configuration(layout, "cpu-2")
    assert load({}, file=layout.config).models.profile == "cpu-2"
    layout.config.write_text("# mine\n")
    assert not write_configuration(layout, "starter")
    assert layout.config.read_text() == "# mine\n"


def test_what_the_configuration_suggests_is_known_to_parley(layout):
    lines = configuration(layout, "starter").splitlines()
    setting = re.compile(r"(# )?(\[\w+\]|\w+ = .+)")
    suggested = [line.removeprefix("# ") for line in lines if setting.fullmatch(line)]
    document = tomllib.loads("\n".join(suggested))
    assert set(document) == {"models", "server", "security"}
    layout.config.parent.mkdir(parents=True)
    layout.config.write_text("\n".join(suggested))
    assert load({}, file=layout.config).server.host == "0.0.0.0"


@pytest.mark.parametrize("name", ["plain", "a b", "it's", 'say "x"', "$HOME", "a}b", "back\\slash"])
def test_the_command_passes_on_paths_and_arguments_as_they_are(tmp_path, name):
    home = tmp_path / name
    layout = lay_out(None, for_all=False, home=home, environment={})
    python = layout.current / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$PARLEY_MODELS" "$PARLEY_CONFIG" "$@"\n')
    python.chmod(0o755)
    command = write_command(layout)
    environment = {"PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        [command, "demo", "a b"], env=environment, capture_output=True, text=True, check=True
    )
    expected = [str(layout.models), str(layout.config), "-m", "gateway", "demo", "a b"]
    assert result.stdout.splitlines() == expected


def test_the_command_leaves_to_the_user_what_is_set(layout):
    assert "PARLEY_CONFIG:=" in launcher(layout)


def test_a_link_to_the_command_is_made_where_nothing_else_is(layout):
    assert layout.command is not None
    assert write_command(layout) == layout.command
    assert write_command(layout) == layout.command
    remove_link(layout)
    assert not layout.command.is_symlink()


def test_somebody_else_s_command_of_that_name_is_left_alone(layout):
    assert layout.command is not None
    layout.command.parent.mkdir(parents=True)
    layout.command.write_text("mine")
    assert write_command(layout) == layout.launcher
    remove_link(layout)
    assert layout.command.read_text() == "mine"


def test_a_unit_is_written_once_and_again_when_it_changes(layout):
    assert write_unit(layout)
    assert not write_unit(layout)
    layout.unit.write_text("old")
    assert write_unit(layout)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    layout = Layout(tmp_path, tmp_path / "file/c.toml", tmp_path / "file/u", None, for_all=False)
    with pytest.raises(BundleError, match=r"c\.toml cannot be written: "):
        write_configuration(layout, "starter")
    with pytest.raises(BundleError, match=r"file/u cannot be written: "):
        write_unit(layout)
