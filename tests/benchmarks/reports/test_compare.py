"""The command that compares: what it prints, and its exit codes."""

import dataclasses

import pytest

from benchmarks.reports.compare import main
from benchmarks.reports.files import write_result
from benchmarks.results import Machine
from gateway import cli
from tests.benchmarks.reports.runs import ramp, run_with


@pytest.fixture
def save(tmp_path):
    def write(name, run):
        path = tmp_path / name
        write_result(path, run)
        return str(path)

    return write


def hundred(middle):
    return run_with([middle + number * 0.1 for number in range(100)])


def test_a_regression_is_exit_code_1_and_stands_in_the_table(save, capsys):
    assert main([save("a.json", hundred(500)), save("b.json", hundred(600))]) == 1
    shown = capsys.readouterr().out
    line = next(line for line in shown.splitlines() if line.startswith("first audio, p50"))
    assert line.split() == [
        "first", "audio,", "p50", "505", "ms", "605", "ms", "1.20", "×", "0.4", "%", "worse",
    ]  # fmt: skip
    assert "note: a single run cannot show" in shown


def test_the_same_and_the_better_are_exit_code_0(save):
    a, b = save("a.json", hundred(500)), save("b.json", hundred(600))
    assert main([a, a]) == 0
    assert main([b, a]) == 0
    assert main([a, b, "--threshold", "25%"]) == 0


def test_noise_fails_only_where_that_is_asked_for(save, capsys):
    a, b = save("a.json", run_with([400, 500, 600])), save("b.json", run_with([480, 580, 680]))
    assert main([a, b]) == 0
    assert " noise" in capsys.readouterr().out
    assert main([a, b, "--strict"]) == 1
    assert main([b, a, "--strict"]) == 0


def test_a_folder_is_a_group_of_repeated_runs(save, tmp_path, capsys):
    for number, middle in enumerate((500, 510, 490)):
        save(f"base/{number}.json", hundred(middle))
        save(f"new/{number}.json", hundred(middle + 100))
    assert main([str(tmp_path / "base"), str(tmp_path / "new")]) == 1
    shown = capsys.readouterr().out
    assert "505 ms (3 runs)" in shown
    assert "single run" not in shown
    assert "with 3 and 3 runs, chance alone sets 1 figure in 20 of equal groups apart" in shown
    for number in (3, 4):
        save(f"base/{number}.json", hundred(500))
        save(f"new/{number}.json", hundred(600))
    assert main([str(tmp_path / "base"), str(tmp_path / "new")]) == 1
    assert "chance alone" not in capsys.readouterr().out


def test_markdown_is_a_table(save, capsys):
    a = save("a.json", ramp())
    assert main([a, a, "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| figure | base | new | ratio | noise | verdict |"
    assert lines[1] == "| --- | ---: | ---: | ---: | ---: | ---: |"
    assert {line.count("|") for line in lines if line.startswith("|")} == {7}
    assert lines[-1].startswith("- a single run")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"scenario": "shed"}, "scenario: smoke and shed"),
        (
            {"settings": {"server": {"engines": "real"}}},
            "setting server.engines: scripted and real",
        ),
        ({"machine": Machine("another", 2, 1, "Linux 6.1", 0.0)}, "processor"),
    ],
)
def test_what_was_measured_otherwise_is_refused_unless_forced(save, capsys, changes, word):
    run = hundred(500)
    a, b = save("a.json", run), save("b.json", dataclasses.replace(run, **changes))
    assert main([a, b]) == 2
    told = capsys.readouterr().err
    assert word in told
    assert told.count("\n") == 1
    assert main([a, b, "--force"]) == 0
    assert f"note: not the same: {word}" in capsys.readouterr().out


def test_another_seed_or_version_is_only_noted(save, capsys):
    run = hundred(500)
    other = dataclasses.replace(
        run, settings={**run.settings, "seed": 7}, versions={"parley": "9", "numpy": "2"}
    )
    assert main([save("a.json", run), save("b.json", other)]) == 0
    shown = capsys.readouterr().out
    assert "not the same: setting seed: nothing and 7" in shown
    assert "not the same: version of numpy: nothing and 2" in shown
    assert "parley" not in shown


def test_runs_that_ended_early_or_broke_bounds_are_told(save, capsys):
    stopped = dataclasses.replace(hundred(500), incomplete="the server died", passed=False)
    assert main([save("a.json", hundred(500)), save("b.json", stopped)]) == 0
    shown = capsys.readouterr().out
    assert "1 of the runs ended early: the server died" in shown
    assert "a bound of the scenario broke in 1 of 1 new runs" in shown


def test_it_is_a_command_of_parley(save, capsys):
    a, b = save("a.json", hundred(500)), save("b.json", hundred(600))
    assert cli.main(["bench", "compare", a, b]) == 1
    assert cli.main(["bench", "compare", a, b, "--threshold", "30"]) == 0
    capsys.readouterr()
    assert cli.main(["bench", "compare", a, f"{b}.not"]) == 2
    assert capsys.readouterr().err.startswith("parley: cannot read")
    with pytest.raises(SystemExit):
        cli.main(["bench", "compare", "--help"])
    assert capsys.readouterr().out.startswith("usage: parley bench compare [-h]")


def test_wrong_files_and_flags_are_one_line(save, tmp_path, capsys):
    a = save("a.json", hundred(500))
    assert main([a, str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err.startswith("parley: cannot read")
    (tmp_path / "empty").mkdir()
    assert main([a, str(tmp_path / "empty")]) == 2
    assert "holds no .json file" in capsys.readouterr().err
    save("mixed/a.json", hundred(500))
    save("mixed/b.json", ramp())
    assert main([a, str(tmp_path / "mixed")]) == 2
    assert "several scenarios (capacity, smoke)" in capsys.readouterr().err
    nothing = save("nothing.json", run_with([]))
    assert main([a, nothing]) == 2
    assert "no figure in common" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([a, a, "--threshold", "much"])
    assert "much is not a percentage" in capsys.readouterr().err
