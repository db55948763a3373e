"""Programs of an installation: their last words when they fail, and a clock meanwhile."""

import sys

import pytest

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.installer.process import clean_environment, run


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_failure_tells_the_last_line(tmp_path):
    code = "import sys; print('first', flush=True); print('no room', file=sys.stderr); sys.exit(3)"
    with pytest.raises(BundleError, match=r"^the step failed \(exit code 3\): no room$"):
        run("the step", python(code), cwd=tmp_path)


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"the step could not be started: .*none"):
        run("the step", [tmp_path / "none"], cwd=tmp_path)


def test_it_runs_where_it_is_told_to_and_with_what_is_added(tmp_path):
    code = "import os, pathlib; pathlib.Path('out').write_text(os.environ['ADDED'])"
    run("the step", python(code), cwd=tmp_path, environment={"ADDED": "this"})
    assert (tmp_path / "out").read_text() == "this"


def test_the_clock_ticks_while_it_runs_and_an_interruption_ends_it(tmp_path):
    def interrupt() -> None:
        raise KeyboardInterrupt

    code = "import time; time.sleep(600)"
    with pytest.raises(KeyboardInterrupt):
        run("the step", python(code), cwd=tmp_path, tick=interrupt)


def test_the_shell_s_settings_for_python_and_pip_do_not_count():
    given = {
        "PATH": "/bin", "HOME": "/h", "PYTHONPATH": "/x", "PIP_INDEX_URL": "y",
        "PARLEY_PROFILE": "z", "VIRTUAL_ENV": "v", "LD_LIBRARY_PATH": "l",
    }  # fmt: skip
    kept = {"PATH": "/bin", "HOME": "/h", "LD_LIBRARY_PATH": "l"}
    assert clean_environment(given) == kept
