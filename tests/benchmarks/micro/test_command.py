"""Costs of single steps add up to those of a session; nothing here judges how quick they are."""

import json

import pytest

from benchmarks.micro.command import Measured, main, read_measurements, sums
from benchmarks.micro.operations import PATHS


def test_times_of_a_loop_become_those_of_one_operation():
    document = {
        "benchmarks": [
            {
                "param": "x",
                "stats": {"median": 0.002, "min": 0.001, "iqr": 0.0005, "rounds": 9},
                "extra_info": {"times": 1000, "per_second": {"a": 2.0}},
            }
        ]
    }
    assert read_measurements(document) == (
        Measured("x", pytest.approx(2.0), pytest.approx(1.0), 0.25, 9, {"a": 2.0}),
    )


def test_costs_add_up_by_path():
    rows = [
        Measured("a", 10.0, 9.0, 0.1, 5, {"one": 50.0, "two": 10.0}),
        Measured("b", 4.0, 4.0, 0.0, 5, {"two": 5.0}),
        Measured("seldom", 4.0, 4.0, 0.0, 5, {}),
    ]
    assert sums(rows) == {"one": 500.0, "two": 120.0}


def test_the_command_measures_every_operation_and_prints_json(capsys):
    assert main(["--seconds", "0.001", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["us_per_session_second"]) == set(PATHS)
    assert len(report["operations"]) > 12
    for each in report["operations"]:
        assert 0 < each["fastest_us"] <= each["median_us"]
        assert each["rounds"] >= 5


def test_no_time_at_all_is_refused(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--seconds", "-1"])
    assert left.value.code == 2
    assert "--seconds -1 is not above 0" in capsys.readouterr().err
