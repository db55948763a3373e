"""What limits figures is said with them."""

import pytest

from benchmarks.reports.caveats import caveats, differences, machine_text, settings_rows
from benchmarks.results import Machine
from tests.benchmarks.reports.runs import ramp, result, run_with


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"incomplete": "the server died"}, "The run ended early: the server died."),
        ({}, "Engines were scripted with stated costs"),
        ({}, "shared one machine"),
        ({"served": False, "url": "ws://[::1]:1/"}, "shared one machine"),
        ({"settings": {"network": {"profile": "3g"}}}, "impaired on purpose (3g)"),
        ({"machine": Machine("p", 2, None, "Linux", 1.5)}, "busy before the run (load 1.5"),
        ({}, "metrics were not read"),
        ({"notes": ("as the run said",)}, "as the run said"),
    ],
)
def test_a_caveat_is_told(changes, words):
    assert any(words in text for text in caveats(result(**changes)))


def test_what_is_no_problem_is_not_told():
    far = result(served=False, url="wss://example.org/", settings={"network": {"profile": ""}})
    told = " ".join(caveats(far))
    for word in ("ended early", "scripted", "shared one machine", "impaired", "busy", "late"):
        assert word not in told


def test_small_numbers_name_their_measures():
    (few,) = [text for text in caveats(run_with([500] * 71)) if "observations" in text]
    assert "first audio" in few
    assert "interruption" not in few
    assert not [text for text in caveats(run_with([500] * 72)) if "observations" in text]
    assert any("bucket's edge" in text for text in caveats(ramp()))


def test_results_of_the_same_setup_have_no_difference_but_parley_s_version():
    assert differences(ramp(), ramp()) == ()
    assert differences(result(), result(versions={"parley": "9.9"})) == ()


def test_differences_name_what_differs():
    other = result(
        settings={"sessions": {"count": 3}, "server": {"engines": "scripted"}, "name": "smoke"},
        versions={"parley": "0.1.0", "uvloop": "1"},
        machine=Machine("a processor", 4, 8 << 30, "Linux 6.1", 0.4),
        served=False,
    )
    assert differences(result(), other) == (
        "cores: 2 and 4",
        "server started by the run: True and False",
        "setting sessions.count: 2 and 3",
        "version of uvloop: nothing and 1",
    )


def test_another_scenario_is_named_and_not_all_that_is_other_in_it():
    other = result(scenario="shed", settings={"sessions": {"count": 3}})
    assert differences(result(), other) == ("scenario: smoke and shed",)


def test_machines_and_settings_as_text():
    assert machine_text(Machine("p", 4, 16 << 30, "Linux", None)) == "p, 4 cores, 16 GiB, Linux"
    assert machine_text(Machine("p", 4, None, "Linux", 0.25)) == (
        "p, 4 cores, Linux, load before the run 0.25"
    )
    nested = {"a": 1, "b": {"c": [1, 2], "d": {"e": "x"}}}
    assert dict(settings_rows(nested)) == {"a": 1, "b.c": [1, 2], "b.d.e": "x"}
