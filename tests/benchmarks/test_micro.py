"""Costs of single steps add up to those of a session; nothing here judges how quick they are."""

import json

import pytest

from benchmarks import micro
from benchmarks.micro import PATHS, Measured, Operation, measure, operations, sums


def test_every_step_of_the_media_path_is_measured_and_belongs_to_a_path():
    found = {each.name: measure(each, rounds=1) for each in operations()}
    for part in ("header: parse", "event: encode", "opus 20 ms: encode", "opus 60 ms: decode",
                 "voice activity", "resample", "outbox", "replay log"):  # fmt: skip
        assert any(part in name for name in found), part
    for each in found.values():
        assert 0 < each.fastest_us <= each.median_us
        assert each.per_second
        assert set(each.per_second) <= set(PATHS)
    assert set(sums(list(found.values()))) == set(PATHS)


def test_an_operation_runs_once_to_warm_up_and_then_once_a_round():
    calls = []
    measured = measure(Operation("x", lambda: calls.append(1), 1000, {"a": 2.0}), rounds=3)
    assert len(calls) == 4
    assert (measured.name, measured.per_second) == ("x", {"a": 2.0})
    assert measured.spread >= 0


def test_costs_add_up_by_path():
    rows = [
        Measured("a", 10.0, 9.0, 0.1, {"one": 50.0, "two": 10.0}),
        Measured("b", 4.0, 4.0, 0.0, {"two": 5.0}),
    ]
    assert sums(rows) == {"one": 500.0, "two": 120.0}


def test_the_command_prints_a_table_or_json(capsys):
    assert micro.main(["--rounds", "1"]) == 0
    text = capsys.readouterr().out
    assert "us per second of a session" in text
    assert micro.main(["--rounds", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["us_per_session_second"]) == set(PATHS)
    with pytest.raises(SystemExit):
        micro.main(["--rounds", "0"])
