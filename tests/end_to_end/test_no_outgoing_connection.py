"""`parley serve` asks nobody for anything: under a guard, and where there is no network at all."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.guarded import is_here
from tests.end_to_end.no_network import converse

ROOT = Path(__file__).parents[2]
ALONE = ["unshare", "--map-root-user", "--net"]


@pytest.mark.engines
async def test_a_guarded_server_holds_a_conversation_and_nothing_leaves(tmp_path):
    log = tmp_path / "guard.log"
    assert "Paris" in await converse(log)
    assert not log.exists(), log.read_text()


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('192.0.2.1', 443), 1)",
        "socket.getaddrinfo('huggingface.co', 443)",
        "socket.gethostbyname('huggingface.co')",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))",
        "asyncio.run(asyncio.open_connection('huggingface.co', 443))",
        "urllib.request.urlopen('https://huggingface.co')",
    ],
)
def test_the_guard_bites(tmp_path, attempt):
    """The same guard, in a process that does what a server must not."""
    log = tmp_path / "guard.log"
    code = (
        "import asyncio, socket, sys, urllib.request\n"
        "from pathlib import Path\n"
        "from tests.end_to_end.guarded import guard\n"
        f"guard(Path(sys.argv[1]))\n{attempt}"
    )
    command = [sys.executable, "-c", code, str(log)]
    environment = {name: text for name, text in os.environ.items() if "proxy" not in name.lower()}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Outgoing" in result.stderr
    assert log.read_text().count("\n") >= 1


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("/run/socket", True),
        ("", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("localhost.example", False),
    ],
)
def test_the_guard_knows_this_machine(host, here):
    assert is_here(host) is here


def _namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0


@pytest.mark.engines
@pytest.mark.skipif(not _namespaces(), reason="this machine permits no network namespaces")
def test_without_any_network_a_conversation_is_held_and_nothing_is_tried():
    command = [*ALONE, sys.executable, "-m", "tests.end_to_end.no_network", "--alone"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert "Paris" in found["text"]
    assert found["interfaces"] == ["lo"]
    assert found["guarded"] == ""
    assert found["without_route"] == 0
    assert found["provoked"] >= 2
