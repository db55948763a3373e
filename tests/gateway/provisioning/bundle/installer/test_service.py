"""The systemd unit: what systemd makes of it, where it is at hand."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.provisioning.bundle.installer.layout import Layout, lay_out
from gateway.provisioning.bundle.installer.service import unit

ROOT = Path(__file__).parents[5]
HOME = Path("/home/user")
SYSTEM = lay_out(None, for_all=True, home=HOME, environment={})
USER = lay_out(None, for_all=False, home=HOME, environment={})

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def analyze(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    runnable = re.sub(
        r'^ExecStart="(?:[^"\\]|\\.)*"', f"ExecStart={sys.executable}", text, flags=re.M
    )
    path = folder / "parley.service"
    path.write_text(runnable)
    command = ["systemd-analyze", *arguments, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_systemd
@pytest.mark.parametrize("layout", [SYSTEM, USER], ids=["system", "user"])
def test_systemd_understands_every_line(tmp_path, layout):
    result = analyze(tmp_path, unit(layout), "verify")
    complaints = [line for line in result.stderr.splitlines() if "parley.service" in line]
    assert complaints == []
    broken = analyze(tmp_path, unit(layout).replace("NoNewPrivileges=yes", "NoNew=yes"), "verify")
    assert "'NoNew'" in broken.stderr


@needs_systemd
def test_systemd_rates_its_exposure_as_low(tmp_path):
    result = analyze(tmp_path, unit(SYSTEM), "security", "--offline=true", "--threshold=20")
    if "nrecognized option" in result.stderr:
        pytest.skip("this systemd-analyze does not rate files")
    assert result.returncode == 0, result.stdout


def test_the_service_of_the_system_runs_as_nobody_in_particular_and_writes_nowhere():
    lines = unit(SYSTEM).splitlines()
    for line in ("DynamicUser=yes", "ProtectSystem=strict", "PrivateTmp=yes", "NoNewPrivileges=yes",
                 "CapabilityBoundingSet=", "WantedBy=multi-user.target"):  # fmt: skip
        assert line in lines


def test_the_service_of_a_user_asks_for_nothing_that_only_the_system_may_do():
    text = unit(USER)
    assert "NoNewPrivileges=yes" in text
    assert "WantedBy=default.target" in text
    for word in ("DynamicUser", "ProtectSystem", "CapabilityBoundingSet", "PrivateUsers"):
        assert word not in text


def test_the_example_in_the_documents_is_what_is_installed():
    example = ROOT / "docs/examples/parley.service"
    assert example.read_text(encoding="utf-8") == unit(SYSTEM)


def test_it_follows_the_link_to_the_release_in_use():
    assert 'ExecStart="/opt/parley/current/venv/bin/python" -m gateway serve' in unit(SYSTEM)
    assert 'Environment="PARLEY_MODELS=/opt/parley/models"' in unit(SYSTEM)


@needs_systemd
def test_paths_with_odd_letters_stay_one_word(tmp_path):
    odd = Path('/srv/a b%c"d$e')
    layout = Layout(odd, odd / "etc/parley.toml", odd / "unit", None, for_all=True)
    result = analyze(tmp_path, unit(layout), "verify")
    assert "parley.service" not in result.stderr
    assert '"/srv/a b%%c\\"d$$e/current/venv/bin/python"' in unit(layout)
