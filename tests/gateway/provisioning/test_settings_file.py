"""Settings in a file that people write: what is not meant stays as it is."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.provisioning.settings_file import changed_text, write_settings

VALUES = {"models.profile": "cpu-2", "models.voice": None}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[models]\nprofile = "cpu-2"\n'),
        ("# mine\n", '# mine\n\n[models]\nprofile = "cpu-2"\n'),
        ("[models]\nvoice = 'x'\nprofile = 'y'", '[models]\nprofile = "cpu-2"'),
        ("models.profile = 'y'\n", 'models.profile = "cpu-2"\n'),
        ("models = { profile = 'y' }\n", 'models = { profile = "cpu-2" }\n'),
    ],
)
def test_only_what_was_named_changes(before, after):
    assert changed_text(before, VALUES) == after


def test_taking_a_key_away_makes_no_section():
    assert changed_text("", {"models.voice": None}) == ""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("models = 3", "models is not a section"), ("[models", "is not valid TOML")],
)
def test_what_is_no_configuration_is_refused_and_left_alone(tmp_path, text, complaint):
    path = tmp_path / "parley.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        write_settings(path, VALUES)
    assert str(caught.value).startswith(str(path))
    assert path.read_text() == text


@given(st.text(), st.text(st.characters(blacklist_categories=["Cs"])))
def test_any_value_is_read_back_and_any_text_is_toml_or_refused(text, value):
    try:
        changed = changed_text(text, {"models.profile": value})
    except ConfigError:
        return
    assert tomllib.loads(changed)["models"]["profile"] == value
