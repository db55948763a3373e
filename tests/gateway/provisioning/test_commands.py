"""`parley models`: every command is there, explains itself, and costs nothing until it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway import cli
from gateway.provisioning.commands import ACTIONS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("action", ACTIONS)
def test_every_command_has_help(action, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["models", action, "--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert f"parley models {action}" in out
    assert ACTIONS[action][1][1:] in out.replace("\n", " ")


def test_the_help_lists_them_all(capsys):
    with pytest.raises(SystemExit):
        cli.main(["models", "--help"])
    out = capsys.readouterr().out
    assert all(action in out for action in ACTIONS)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["models"], "required: ACTION"),
        (["models", "lits"], "invalid choice: 'lits'"),
        (["models", "pull", "--connections", "99"], "99 is not a number from 1 to 16"),
        (["use"], "required: PROFILE"),
    ],
)
def test_a_wrong_command_line_is_one_line(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("parley: ")
    assert err.count("\n") == 1
    assert complaint in err


def test_no_engine_is_imported_to_say_where_the_store_is():
    program = (
        "import sys; from gateway.cli import main; main(['models', 'path'])\n"
        "heavy = {'numpy', 'ctranslate2', 'llama_cpp', 'piper', 'onnxruntime', 'httpx2'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stderr == "[]\n"
