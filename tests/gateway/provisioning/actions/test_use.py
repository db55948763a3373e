"""`parley use`: the profile goes into the file that `parley serve` reads."""

import tomllib

import pytest

from gateway import config as configuration


@pytest.fixture
def parley(parley, monkeypatch):
    monkeypatch.delenv("PARLEY_MODELS_PROFILE")
    return parley


def chosen(parley):
    return configuration.load(home=parley.home).models


def test_where_there_is_no_file_the_users_own_is_made(parley):
    path = parley.home / "config" / "parley" / "parley.toml"
    first, missing = parley("use", "both")
    assert first == f"{path}: profile both"
    assert missing == "ears, brain, mouth: not installed yet; run: parley models pull both"
    assert chosen(parley).profile == "both"
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_rest_of_the_file_stays_as_it_is(parley):
    path = parley.home / "parley.toml"
    path.write_text("# mine\n[server]\nport = 9000 # odd\n\n[models]\n# later\nprofile = 'x'\n")
    path.chmod(0o600)
    parley("use", "both")
    assert path.read_text() == (
        '# mine\n[server]\nport = 9000 # odd\n\n[models]\n# later\nprofile = "both"\n'
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in parley.home.glob(".parley.toml*")] == []


def test_models_can_be_chosen_one_by_one_and_go_with_the_next_profile(parley):
    parley("use", "both", "--voice", "mund")
    assert (chosen(parley).profile, chosen(parley).voice) == ("both", "mund")
    parley("use", "both")
    assert chosen(parley).voice is None


def test_another_models_file_and_store_are_written_too(parley, monkeypatch):
    monkeypatch.delenv("PARLEY_MODELS_FILE")
    parley("use", "both", "--models", "models.toml", "--store", "elsewhere")
    assert chosen(parley).file == parley.models
    assert chosen(parley).store == parley.home / "elsewhere"
    assert "it has both" in parley.refused("use", "starter")
    parley("use", "starter", "--models", "-")
    assert (chosen(parley).profile, chosen(parley).file) == ("starter", None)


def test_what_does_not_exist_is_refused_and_nothing_is_written(parley):
    assert "there is no profile 'cpu-9'; it has both" in parley.refused("use", "cpu-9")
    assert "models.voice is 'lips'" in parley.refused("use", "both", "--voice", "lips")
    assert "expected 'piper'" in parley.refused("use", "both", "--voice", "ears")
    assert not (parley.home / "config").exists()


def test_a_file_that_a_link_leads_to_is_changed_where_it_lies(parley):
    real = parley.home / "real.toml"
    real.write_text("")
    (parley.home / "parley.toml").symlink_to(real)
    parley("use", "both")
    assert (parley.home / "parley.toml").is_symlink()
    assert tomllib.loads(real.read_text())["models"]["profile"] == "both"


def test_a_file_that_cannot_be_written_is_named(parley):
    (parley.home / "config").write_text("no folder")
    refusal = parley.refused("use", "both")
    assert refusal.startswith(f"{parley.home}/config/parley/parley.toml cannot be changed: ")
    assert refusal.endswith("name another file with --config")


def test_the_environment_goes_before_the_file_which_is_said(parley, monkeypatch):
    monkeypatch.setenv("PARLEY_MODELS_PROFILE", "other")
    last = parley("use", "both")[-1]
    assert last == "PARLEY_MODELS_PROFILE in the environment goes before models.profile"


def test_parley_use_is_the_same(parley, capsys):
    from gateway import cli

    assert cli.main(["use", "both"]) == 0
    assert chosen(parley).profile == "both"
