import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from benchmarks.peers.command import main
from benchmarks.peers.environments import STAMP, fingerprint
from benchmarks.peers.servers import PEERS
from tests.benchmarks.peers.servers import needs_uvloop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="usage is read from /proc")


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--only", "siri"], "--only siri: no such peer; there are parley, pipecat"),
        (["--runs", "0"], "--runs 0 is not at least 1"),
        (["--sessions", "0"], "--sessions 0 is not at least 1"),
        (["--calls", "-1"], "--calls -1 is not at least 0"),
        (["--server-core", "x"], "--server-core x is no list of cores"),
        (["--server-core", "0", "--client-core", "0"], "overlap"),
    ],
)
def test_bad_input_is_one_line(flags, complaint, capsys):
    assert main(flags) == 2
    shown = capsys.readouterr()
    assert complaint in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_who_cannot_be_installed_is_in_the_table_with_the_reason(tmp_path, capsys):
    out = tmp_path / "found.json"
    flags = ["--only", "pipecat,wyoming", "--no-install", "--no-pin", "--runs", "1"]
    assert main([*flags, "--environments", str(tmp_path / "none"), "--out", str(out)]) == 1
    shown = capsys.readouterr().out
    assert "pipecat is left out: " in shown
    assert "wyoming: not installed: " in shown
    results = json.loads(out.read_text())["results"]
    assert results["pipecat"]["missing"].startswith("not installed: ")
    assert results["pipecat"]["runs"] == []


@pytest.fixture
def environments(tmp_path):
    """The floor is installed, in this very environment; nobody else is."""
    home = tmp_path / "all" / "floor"
    python = home / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (home / STAMP).write_text(fingerprint(sys.executable, PEERS["floor"].requirements))
    return home.parent


@needs_uvloop
def test_the_others_run_all_the_same(environments, tmp_path, capsys):
    out = tmp_path / "found.json"
    flags = ["--only", "floor,wyoming", "--no-install", "--no-pin", "--runs", "1", "--quick"]
    assert main([*flags, "--environments", str(environments), "--out", str(out)]) == 1
    assert "run 1 of 1: floor" in capsys.readouterr().out
    results = json.loads(out.read_text())["results"]
    [run] = results["floor"]["runs"]
    assert run["frame.all"] > 0
    assert results["floor"]["versions"].keys() == {"websockets", "uvloop"}
    assert results["wyoming"]["missing"].startswith("not installed: ")


@needs_uvloop
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_no_server_outlives_a_run_that_is_stopped(environments, tmp_path, signum):
    flags = ["--only", "floor", "--no-install", "--no-pin", "--environments", str(environments)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.peers", *flags),
        *("--out", str(tmp_path / "found.json")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            while not (servers := _children(process.pid)):
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
            process.send_signal(signum)
            _, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, complaints.decode()) == (130, "bench-peers: stopped\n")
    for pid in servers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def _children(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in children.read_text().split()]
