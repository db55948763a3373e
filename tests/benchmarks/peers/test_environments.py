import asyncio
import os
import stat

import pytest

from benchmarks.peers.environments import NotInstalled, python_of
from benchmarks.peers.servers import PEERS

BASE = """#!/bin/sh
# Stands for an interpreter: makes an "environment" whose pip does as it is told.
echo "$@" >>{notes}
mkdir -p "$4/bin"
cat >"$4/bin/python" <<'EOF'
#!/bin/sh
echo "$@" >>{notes}
{pip}
EOF
chmod +x "$4/bin/python"
"""


def interpreter(folder, pip="exit 0"):
    path = folder / "python3"
    path.write_text(BASE.format(notes=folder / "notes", pip=pip))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def requirements(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("something==1.0\n")
    return path


async def test_an_environment_is_made_once(tmp_path, requirements):
    base, told = interpreter(tmp_path), []
    made = [
        await python_of(
            "peer", requirements, folder=tmp_path / "all", base=base, report=told.append
        )
        for _ in range(2)
    ]
    assert made == [tmp_path / "all" / "peer" / "bin" / "python"] * 2
    assert len(told) == 1
    venv, pip = (tmp_path / "notes").read_text().splitlines()
    assert venv.startswith("-m venv --clear")
    assert pip.endswith(f"--requirement {requirements}")


async def test_other_requirements_make_it_anew(tmp_path, requirements):
    base = interpreter(tmp_path)
    await python_of("peer", requirements, folder=tmp_path / "all", base=base)
    requirements.write_text("something==2.0\n")
    await python_of("peer", requirements, folder=tmp_path / "all", base=base)
    assert len((tmp_path / "notes").read_text().splitlines()) == 4


async def test_what_pip_says_last_is_the_reason(tmp_path, requirements):
    says = "echo Collecting; echo 'ERROR: No matching distribution for something==1.0'; exit 1"
    base = interpreter(tmp_path, says)
    for _ in range(2):  # and a broken environment is not taken for a good one
        with pytest.raises(NotInstalled, match=r"^No matching distribution for something==1\.0$"):
            await python_of("peer", requirements, folder=tmp_path / "all", base=base)


async def test_without_leave_nothing_is_installed(tmp_path, requirements):
    with pytest.raises(NotInstalled, match="leave --no-install out"):
        await python_of("peer", requirements, folder=tmp_path, install=False)
    assert not (tmp_path / "peer").exists()


async def test_an_interpreter_that_is_not_there_is_named(tmp_path, requirements):
    with pytest.raises(NotInstalled, match="cannot run /no/python: No such file"):
        await python_of("peer", requirements, folder=tmp_path, base="/no/python")


async def test_pip_does_not_outlive_the_one_who_started_it(tmp_path, requirements):
    pid = tmp_path / "pid"
    base = interpreter(tmp_path, f"echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 60")
    task = asyncio.create_task(python_of("peer", requirements, folder=tmp_path / "all", base=base))
    while not pid.exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_every_peer_brings_its_server_and_its_requirements():
    others = [peer for peer in PEERS.values() if not peer.is_here]
    assert len(others) == len(PEERS) - 1
    for peer in others:
        assert peer.script.is_file()
        assert peer.requirements.is_file()


def test_the_readme_names_every_peer_with_its_version():
    readme = (PEERS["floor"].script.parents[1] / "README.md").read_text()
    for peer in PEERS.values():
        assert f"| `{peer.name}` |" in readme
        if not peer.is_here:
            first = peer.requirements.read_text().splitlines()[0].replace("[websocket]", "")
            assert first.replace("==", " ") in readme
