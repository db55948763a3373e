"""``parley serve`` as a process: its exit codes and its last words."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENOUGH_S = 60


async def start(*flags):
    environment = {name: text for name, text in os.environ.items() if "PARLEY" not in name}
    arguments = ("-m", "gateway", "serve", "--engines", "scripted", *flags)
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )


async def last_words(process):
    async with asyncio.timeout(ENOUGH_S):
        _, err = await process.communicate()
    return process.returncode, err.decode()


async def read_until(process, text):
    async with asyncio.timeout(ENOUGH_S):
        async for line in process.stderr:
            if text in line.decode():
                return line.decode()
    raise AssertionError(f"the server ended before it said {text!r}")


async def test_a_busy_port_is_one_line_and_exit_code_2():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, err = await last_words(await start("--port", str(port)))
    assert code == 2
    assert err.startswith(f"parley: port {port} is in use; ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_an_idle_server_with_exit_code_0(number):
    process = await start("--port", "0")
    await read_until(process, "listening on ws://127.0.0.1:")
    process.send_signal(number)
    code, err = await last_words(process)
    assert code == 0
    assert "Traceback" not in err
