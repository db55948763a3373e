"""Settings: where they come from, and what is said about wrong ones."""

import contextlib
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config as configuration
from gateway.config import Config, describe, load, search_path, settings, table
from gateway.errors import ConfigError

README = Path(__file__).parents[2] / "gateway" / "README.md"
KEY = "0123456789abcdef-key"


@pytest.fixture
def place(tmp_path):
    """A directory and a home with nothing in them."""
    (tmp_path / "here").mkdir()
    (tmp_path / "home").mkdir()

    def read(flags=None, *, toml=None, environment=None, file=None):
        if toml is not None:
            (tmp_path / "here" / "parley.toml").write_text(toml, encoding="utf-8")
        return load(
            flags,
            file=file,
            environment=environment or {},
            directory=tmp_path / "here",
            home=tmp_path / "home",
        )

    read.directory = tmp_path / "here"
    read.home = tmp_path / "home"
    return read


def test_without_any_source_the_defaults_hold(place):
    config = place()
    assert config == Config()
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8765)
    assert config.models.profile == "starter"
    assert config.conversation.max_tokens == 200
    assert config.conversation.greeting is None
    assert config.turn.silence_ms is None
    assert config.server.session_ttl_s == 14_400


def test_flags_beat_the_environment_which_beats_the_file(place):
    toml = "[server]\nport = 1\nmax_sessions = 2\nhost = '127.0.0.3'"
    environment = {"PARLEY_SERVER_PORT": "4", "PARLEY_SERVER_MAX_SESSIONS": "5"}
    server = place({"server.port": "6"}, toml=toml, environment=environment).server
    assert (server.port, server.max_sessions, server.host) == (6, 5, "127.0.0.3")


def test_files_are_searched_in_the_documented_order(place):
    everywhere = search_path({}, directory=place.directory, home=place.home)
    assert everywhere == [
        place.directory / "parley.toml",
        place.home / ".config" / "parley" / "parley.toml",
        Path("/etc/parley/parley.toml"),
    ]
    other = search_path({"XDG_CONFIG_HOME": "/x"}, directory=place.directory, home=place.home)
    assert other[1] == Path("/x/parley/parley.toml")


def test_the_file_in_the_home_directory_is_read_unless_one_lies_here(place):
    in_home = place.home / ".config" / "parley" / "parley.toml"
    in_home.parent.mkdir(parents=True)
    in_home.write_text("[server]\nport = 1111\n")
    assert place().server.port == 1111
    assert place().source == in_home
    assert place(toml="[server]\nport = 2222\n").server.port == 2222


def test_a_named_file_beats_the_variable_which_beats_the_search(place):
    for name, port in [("a.toml", 1), ("b.toml", 2)]:
        (place.directory / name).write_text(f"[server]\nport = {port}\n")
    toml, environment = "[server]\nport = 3\n", {"PARLEY_CONFIG": "a.toml"}
    assert place(toml=toml, environment=environment, file=Path("b.toml")).server.port == 2
    assert place(toml=toml, environment=environment).server.port == 1
    assert place(toml=toml).server.port == 3


def test_relative_paths_count_from_the_file_that_holds_them(place):
    folder = place.directory / "sub"
    folder.mkdir()
    (folder / "c.toml").write_text("[models]\nfile = 'm.toml'\n")
    config = place(file=Path("sub/c.toml"))
    assert config.models.file == folder / "m.toml"
    assert place({"models.file": "m.toml"}).models.file == place.directory / "m.toml"


@pytest.mark.parametrize(
    ("variable", "text", "section", "key", "value"),
    [
        ("PARLEY_SECURITY_INSECURE", "yes", "security", "insecure", True),
        ("PARLEY_CONVERSATION_CLOCK", "0", "conversation", "clock", False),
        ("PARLEY_CONVERSATION_SPEED", "1.5", "conversation", "speed", 1.5),
        ("PARLEY_CONVERSATION_GREETING", "", "conversation", "greeting", None),
        ("PARLEY_TURN_SILENCE_MS", "700", "turn", "silence_ms", 700),
        ("PARLEY_TURN_SILENCE_MS", "", "turn", "silence_ms", None),
        ("PARLEY_TURN_INTERRUPT", "true", "turn", "interrupt", True),
        ("PARLEY_ENGINES_KIND", "scripted", "engines", "kind", "scripted"),
        (
            "PARLEY_SECURITY_ALLOWED_ORIGINS",
            "https://a.example, http://b.example:1",
            "security",
            "allowed_origins",
            ("https://a.example", "http://b.example:1"),
        ),
    ],
)
def test_the_environment_is_parsed_by_type(place, variable, text, section, key, value):
    config = place(environment={variable: text})
    assert getattr(getattr(config, section), key) == value


@pytest.mark.parametrize(
    ("toml", "parts"),
    [
        ("[sever]\nport = 1", ["parley.toml", "[sever]", "did you mean server?"]),
        ("[server]\nprot = 1", ["server.prot", "did you mean server.port?"]),
        ("[server]\nsilence_ms = 500", ["server.silence_ms", "did you mean turn.silence_ms?"]),
        ("[server]\nxyzzy = 1", ["server.xyzzy", "`parley config`"]),
        ("server = 1", ["server is 1", "[server]"]),
        ("port = 1", ["[port] is not a section"]),
        ("[server]\nport = '8765'", ['server.port is "8765"', "a whole number from 0 to 65535"]),
        ("[server]\nport = 8765.0", ["server.port is 8765.0", "a whole number"]),
        ("[server]\nport = true", ["server.port is true", "a whole number"]),
        ("[server]\nport = 65536", ["server.port is 65536", "from 0 to 65535"]),
        ("[server]\ndrain_s = nan", ["server.drain_s is NaN", "a number from 0 to 3600"]),
        ("[server]\ndrain_s = -1", ["server.drain_s is -1"]),
        ("[server]\nhost = 1", ["server.host is 1", "a string"]),
        ("[server]\nloop = 'trio'", ['"trio"', '"auto" or "uvloop" or "asyncio"']),
        ("[security]\ninsecure = 1", ["security.insecure is 1", "true or false"]),
        ("[security]\nallowed_origins = 'x'", ["allowed_origins", "a list of strings"]),
        ("[security]\nallowed_origins = [1]", ["allowed_origins is [1]", "a list of strings"]),
        ("[security]\nallowed_origins = ['https://a/']", ['"https://a/"', "without a path"]),
        ("[security]\nallowed_origins = ['a.example']", ['"a.example"', "scheme://host"]),
        ("[security]\nkey = 'hush-hush'", ["security.key stands in the file", "PARLEY_KEY"]),
        ("[security]\ntls_key = 'k.pem'", ["security.tls_certificate is not set"]),
        ("[security]\ntls_certificate = 'c.pem'", ["security.tls_key is not set"]),
        ("[models]\nfile = ''", ['models.file is ""', "a path, or unset"]),
        ("[turn]\nsilence_ms = 100", ["turn.silence_ms is 100", "200 to 3000, or unset"]),
        ("[conversation]\ntime_zone = 'Mars/Base'", ['"Mars/Base"', "Europe/Berlin"]),
        ("[conversation]\ntime_zone = '../x'", ['"../x"', "Europe/Berlin"]),
        ("[conversation]\nlanguage = 'en-GB'", ['"en-GB"', "primary tag"]),
        ("[limits]\nmax_text = 4096", ["limits.max_hello is 16384", "limits.max_text, 4096"]),
        (
            "[limits]\nmax_instructions = 256\n[conversation]\ninstructions = '" + "x" * 300 + "'",
            ["conversation.instructions has 300 characters", "limits.max_instructions, 256"],
        ),
        ("[conversation]\nassistant_name = '" + "x" * 101 + "'", ["101 characters", "at most 100"]),
        ("[server", ["is not valid TOML", "parley.toml"]),
    ],
)
def test_a_wrong_file_is_told_with_place_key_finding_and_expectation(place, toml, parts):
    with pytest.raises(ConfigError) as caught:
        place(toml=toml)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("environment", "parts"),
    [
        ({"PARLEY_SERVER_PORT": "many"}, ["PARLEY_SERVER_PORT", 'server.port is "many"']),
        ({"PARLEY_SERVER_PRT": "1"}, ["PARLEY_SERVER_PRT", "did you mean PARLEY_SERVER_PORT?"]),
        ({"PARLEY_CONFIG": "gone.toml"}, ["PARLEY_CONFIG names gone.toml"]),
        ({"PARLEY_SECURITY_KEY": KEY}, ["PARLEY_SECURITY_KEY in the environment is not a setting"]),
        ({"PARLEY_KEY": "short"}, ["PARLEY_KEY holds 5 characters", "at least 16"]),
        ({"PARLEY_KEY": "with space and more"}, ["PARLEY_KEY", "no spaces"]),
        ({"PARLEY_SERVER_HOST": ""}, None),
    ],
)
def test_a_wrong_environment_is_told(place, environment, parts):
    if parts is None:  # an empty host is every interface to asyncio, and not loopback to us
        assert place(environment=environment).server.host == ""
        return
    with pytest.raises(ConfigError) as caught:
        place(environment=environment)
    for part in parts:
        assert part in str(caught.value)


def test_variables_of_other_programs_are_left_alone(place):
    assert place(environment={"PARLEY_WHEELS": "x", "PATH": "/bin"}) == Config()


def test_an_unknown_flag_setting_is_told(place):
    with pytest.raises(ConfigError, match=r"turn\.silencems .* did you mean turn\.silence_ms"):
        place({"turn.silencems": "500"})


def test_a_file_that_is_not_text_is_told(place):
    (place.directory / "parley.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        place()


def test_a_missing_named_file_is_told(place):
    with pytest.raises(ConfigError, match=r"--config names no\.toml"):
        place(file=Path("no.toml"))


def test_the_key_comes_from_its_file_without_the_line_break(place):
    (place.directory / "key").write_text(KEY + "\n")
    assert place(toml="[security]\nkey_file = 'key'\n").security.key == KEY


def test_a_flag_beats_the_key_variable_which_beats_the_file(place):
    (place.directory / "key").write_text(KEY)
    environment = {"PARLEY_KEY": "fedcba9876543210"}
    toml = "[security]\nkey_file = 'key'\n"
    assert place(toml=toml, environment=environment).security.key == "fedcba9876543210"
    flags = {"security.key_file": "key"}
    assert place(flags, environment=environment).security.key == KEY


def test_a_missing_key_file_is_told_with_the_command_that_makes_one(place):
    with pytest.raises(ConfigError, match=r"key_file .*No such file.*secrets\.token_urlsafe"):
        place({"security.key_file": "nokey"})


def test_the_key_shows_in_no_representation(place):
    config = place(environment={"PARLEY_KEY": KEY})
    assert KEY not in repr(config)
    assert KEY not in describe(config)
    assert "# key: set (not shown)" in describe(config)


def test_what_describe_prints_is_read_back_the_same(place):
    config = place(
        {
            "conversation.instructions": 'Say "hi"\n\tto {name}, \\ and \x7f ünïcode.',
            "security.allowed_origins": "https://a.example,https://b.example",
            "turn.silence_ms": 700,
            "models.file": "m.toml",
        }
    )
    again = place(toml=describe(config))
    assert replace(again, source=None) == config


def test_the_name_stands_in_instructions_and_greeting(place):
    conversation = place({"conversation.assistant_name": "Ada"}).conversation
    assert conversation.named("I am {name} {not} {").startswith("I am Ada {not} {")


def test_the_readme_lists_every_setting_as_it_is():
    text = README.read_text(encoding="utf-8")
    match = re.search(r"<!-- settings -->\n(.*?)<!-- /settings -->", text, re.DOTALL)
    assert match is not None
    assert match[1] == table(), "paste the output of `parley config --table`"


def test_no_setting_is_dead():
    sources = "".join(path.read_text(encoding="utf-8") for path in README.parent.rglob("*.py"))
    unread = [item.name for item in settings() if not re.search(rf"\.{item.key}\b", sources)]
    assert unread == []


def test_every_default_is_within_its_own_range():
    for setting in settings():
        if setting.default is not None:
            value = list(setting.default) if setting.kind is tuple else setting.default
            typed = configuration._typed(setting, value, where="default", base=Path())
            assert typed == setting.default


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(setting=st.sampled_from(list(settings())), value=values)
def test_a_setting_raises_nothing_but_its_own_error(setting, value):
    with contextlib.suppress(ConfigError):
        configuration._typed(setting, value, where="here", base=Path())
    with contextlib.suppress(ConfigError):
        configuration._parsed(setting, str(value), where="here", base=Path())


def test_the_readme_example_is_valid(place):
    text = README.read_text(encoding="utf-8")
    match = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert match is not None
    assert tomllib.loads(match[1])
    assert place(toml=match[1]).conversation.assistant_name == "Ada"
