"""The command refuses what is impossible in one line, and declares its word."""

import pytest

from gateway.cli import main


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--profile", "nonsense"], "nonsense"),
        (["--models", "none.toml"], "none.toml"),
        (["--most", "0"], "--most 0 is not at least 1"),
    ],
)
def test_what_is_impossible_is_told_in_one_line(capsys, arguments, named):
    assert main(["bench", "size", *arguments]) == 2
    told = capsys.readouterr().err
    assert named in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--user", "2"], ["--reply", "x"], ["--turn-s", "0"]])
def test_shares_that_are_none_are_refused(capsys, arguments):
    with pytest.raises(SystemExit) as left:
        main(["bench", "size", *arguments])
    assert left.value.code == 2
    assert "parley: argument" in capsys.readouterr().err
