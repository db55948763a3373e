"""What a scenario may say, and what it is told when it says something else."""

import json
from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.load.scenario import (
    Scenario,
    ScenarioError,
    bundled_scenarios,
    describe,
    load_scenario,
    parse_scenario,
)
from gateway.config import load as load_config


@pytest.mark.parametrize("name", bundled_scenarios())
def test_every_bundled_scenario_is_valid_and_describes_itself(name):
    scenario = load_scenario(name)
    assert scenario.name == name
    assert len(scenario.description) > 20
    assert scenario.codecs


def test_the_scenarios_that_are_promised_are_there():
    promised = {"smoke", "first-audio", "capacity", "shed", "barge-in", "churn", "soak"}
    assert promised <= set(bundled_scenarios())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[sessions]\ncuont = 3", ["sessions.cuont", "did you mean sessions.count"]),
        ("[session]\ncount = 3", ["session is no key", "sessions"]),
        ("sessions = 3", ["sessions is a section", "[sessions]"]),
        ("[sessions]\ncount = 0", ["sessions.count is 0", "1 to 100000"]),
        ("[sessions]\ncount = 1.5", ["sessions.count is 1.5", "a whole number"]),
        ("[sessions]\ncount = true", ["sessions.count is True", "a whole number"]),
        ("[sessions]\nduration_s = nan", ["sessions.duration_s is nan"]),
        ("[sessions]\nramp = [4, 2]", ["sessions.ramp is [4, 2]", "growing"]),
        ("[sessions]\nramp = 4", ["sessions.ramp is 4", "a list"]),
        ("[speech]\nmodes = ['shout']", ["speech.modes is 'shout'", "push_to_talk"]),
        ("[speech]\nthink_s = [3, 1]", ["speech.think_s", "shortest"]),
        ("[speech]\nutterances = []", ["speech.utterances is empty"]),
        ("[audio]\nup = ['opus']", ["audio.up holds 'opus'", "opus/16000/20"]),
        ("[audio]\nup = ['mp3/16000/20']", ["audio.up holds 'mp3/16000/20'", "pcm_s16le"]),
        ("[audio]\nup = ['opus/16000/25']", ["audio.up", "Opus frames last"]),
        ("[audio]\nup = ['opus/44100/20']", ["audio.up", "48000"]),
        ("[audio]\ndown = ['pcmu/16000/20']", ["audio.down", "8000 Hz only"]),
        ("[bounds]\nrefused_excess = true", ["bounds.refused_excess", "server.max_sessions"]),
        ("[server]\nengines = 'fast'", ["server.engines is 'fast'", "scripted"]),
        ("sessions = ", ["not TOML"]),
    ],
)
def test_what_is_wrong_is_named_by_its_key(text, parts):
    with pytest.raises(ScenarioError) as told:
        parse_scenario("mine", text)
    assert "\n" not in str(told.value)
    for part in parts:
        assert part in str(told.value)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("sessions.count", "has no value"),
        ("seed.x=1", "seed is no section"),
        ("sessions.cuont=1", "did you mean sessions.count"),
    ],
)
def test_a_wrong_assignment_is_told(change, part):
    with pytest.raises(ScenarioError, match=part):
        parse_scenario("mine", "seed = 3", [change])


def test_assignments_beat_the_file_and_a_later_one_an_earlier_one():
    changes = ["sessions.count=4", "speech.utterances=['sum']", "server.profile=big", "seed=7"]
    scenario = parse_scenario("mine", "[sessions]\ncount = 2", [*changes, "sessions.count=5"])
    assert scenario.sessions.count == 5
    assert scenario.speech.utterances == ("sum",)
    assert scenario.server.profile == "big"
    assert scenario.seed == 7


def test_a_file_is_read_and_a_missing_one_is_told(tmp_path):
    path = tmp_path / "office.toml"
    path.write_text("[sessions]\ncount = 9")
    scenario = load_scenario(str(path))
    assert (scenario.name, scenario.steps) == ("office", (9,))
    with pytest.raises(ScenarioError, match=r"cannot read the scenario .*missing\.toml"):
        load_scenario(str(tmp_path / "missing.toml"))
    with pytest.raises(ScenarioError, match=r"there is no scenario offcie; there are .*smoke"):
        load_scenario("offcie")


def test_formats_rotate_and_down_follows_up():
    text = "[audio]\nup = ['opus/16000/20', 'pcmu/8000/20']"
    assert [str(each) for each in parse_scenario("mine", text).codecs] == [
        "opus/16000/20 opus/16000/20",
        "pcmu/8000/20 pcmu/8000/20",
    ]
    text += "\ndown = ['pcm_s16le/24000/40']"
    assert [str(each) for each in parse_scenario("mine", text).codecs] == [
        "opus/16000/20 pcm_s16le/24000/40",
        "pcmu/8000/20 pcm_s16le/24000/40",
    ]


def test_the_server_gets_room_for_everybody_and_the_stated_costs():
    scenario = parse_scenario("mine", "[sessions]\nramp = [2, 40]\n[server]\nllm_ms = 30")
    flags = scenario.server_flags
    assert flags[:4] == ("--engines", "scripted", "--max-sessions", "81")
    assert "engines.llm_ms=30" in flags
    assert scenario.stated_ms == 130
    settings = dict(flag.partition("=")[::2] for flag in flags if flag.startswith("engines."))
    assert load_config(settings).engines.llm_ms == 30
    assert parse_scenario("mine", "[server]\nengines = 'real'").stated_ms is None


def test_the_keys_are_described_with_their_defaults():
    keys = {key: default for key, default, _ in describe()}
    assert keys["sessions.count"] == Scenario("x").sessions.count
    assert all(text for _, _, text in describe())
    json.dumps(keys)


def table(name):
    """Lines of a table in the README, less its head."""
    text = (Path(load.__file__).parent / "README.md").read_text(encoding="utf-8")
    return text.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0].splitlines()[2:]


def test_the_readme_lists_every_scenario_and_every_key():
    scenarios = [f"| `{name}` | {text} |" for name, text in bundled_scenarios().items()]
    assert table("scenarios") == scenarios
    keys = [f"| `{key}` | `{json.dumps(value)}` | {text} |" for key, value, text in describe()]
    assert table("keys") == keys


def test_the_first_step_of_a_ramp_may_last_longer():
    scenario = parse_scenario("mine", "[sessions]\nramp = [2, 4]\nduration_s = 3\nunloaded_s = 9")
    assert [scenario.duration_s(index) for index in range(3)] == [9, 3, 3]
    assert parse_scenario("mine", "[sessions]\nduration_s = 3").duration_s(0) == 3
