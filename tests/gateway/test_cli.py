"""The command line: what each error says, and what the process looks like."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gateway import cli
from gateway.errors import ListenError
from gateway.version import VERSION
from pipeline.errors import ModelError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _nothing_around(tmp_path, monkeypatch):
    for name in cli.ENVIRONMENT:
        monkeypatch.setenv(name, "kept")
    monkeypatch.delenv("PARLEY_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["COMMAND", "parley --help"]),
        (["sreve"], ["sreve", "serve"]),
        (["serve", "--prot", "1"], ["--prot", "parley"]),
        (["config", "--port", "http"], ["server.port", '"http"']),
        (["config", "--set", "turn.silence_ms"], ["--set turn.silence_ms has no value"]),
        (["config", "--set", "turn.quiet=1"], ["turn.quiet is not a setting"]),
        (["config", "--config", "no.toml"], ["--config names no.toml"]),
        (["serve", "--host", "0.0.0.0"], ["a key", "TLS", "--insecure"]),
        (["serve", "--key-file", "no"], ["security.key_file", "No such file"]),
    ],
)
def test_what_the_user_can_fix_is_one_line_and_exit_code_2(arguments, parts, capsys):
    try:
        code = cli.main(arguments)
    except SystemExit as left:
        code = left.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith("parley: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


def test_an_error_of_a_command_is_one_line_too(monkeypatch, capsys):
    monkeypatch.setattr(cli, "_config", raises(ListenError("port 1 is in use;\nstop it")))
    assert cli.main(["config"]) == 2
    assert capsys.readouterr().err == "parley: port 1 is in use; stop it\n"


def raises(error):
    def run(parsed):
        raise error

    return run


def test_errors_out_of_a_task_group_are_told_once_in_one_line(monkeypatch, capsys):
    errors = [ListenError("port 1 is in use"), ExceptionGroup("inner", [ModelError("no voice")])]
    group = ExceptionGroup("outer", [*errors, ListenError("port 1 is in use")])
    monkeypatch.setattr(cli, "_config", raises(group))
    assert cli.main(["config"]) == 2
    assert capsys.readouterr().err == "parley: port 1 is in use; no voice\n"


def test_a_bug_of_ours_is_not_dressed_up(monkeypatch):
    bug = ExceptionGroup("outer", [ListenError("port 1 is in use"), ValueError("bug")])
    monkeypatch.setattr(cli, "_config", raises(bug))
    with pytest.raises(ExceptionGroup):
        cli.main(["config"])


def test_config_prints_what_is_in_effect_without_the_key(monkeypatch, capsys):
    monkeypatch.setenv("PARLEY_KEY", "a-secret-of-some-length")
    assert cli.main(["config", "--port", "9", "--insecure", "--set", "turn.threshold=0.7"]) == 0
    out = capsys.readouterr().out
    effective = tomllib.loads(out)
    assert effective["server"]["port"] == 9
    assert effective["security"]["insecure"] is True
    assert effective["turn"]["threshold"] == 0.7
    assert "a-secret" not in out


def test_config_prints_the_table(capsys):
    assert cli.main(["config", "--table"]) == 0
    assert "| `server.port` | `8765` |" in capsys.readouterr().out


def test_every_command_has_help(capsys):
    for command in ("serve", "config"):
        with pytest.raises(SystemExit) as left:
            cli.main([command, "--help"])
        assert left.value.code == 0
    assert "--set SECTION.KEY=VALUE" in capsys.readouterr().out


def test_the_users_library_settings_stay_and_the_others_are_set():
    environment = {"OPENBLAS_NUM_THREADS": "7"}
    cli.prepare_environment(environment)
    assert environment == cli.ENVIRONMENT | {"OPENBLAS_NUM_THREADS": "7"}


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_the_module_runs_and_loads_no_engine_library_for_its_help():
    program = (
        "import sys; from gateway.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as left: code = left.code\n"
        "heavy = {'numpy', 'onnxruntime', 'ctranslate2', 'websockets'} & set(sys.modules)\n"
        "print(heavy or 'light'); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("light\n")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"parley {VERSION}\n"


def test_a_reader_that_leaves_early_is_no_error():
    command = f"{sys.executable} -m gateway config --table | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("| Setting")
    assert done.stderr == ""
