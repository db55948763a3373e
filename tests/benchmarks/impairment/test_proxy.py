"""`parley proxy`: its flags, its errors, and the command as a process."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import pytest

from benchmarks.impairment.link import Cut, CutKind, Direction, Stall
from benchmarks.impairment.profiles import PROFILES
from benchmarks.impairment.proxy import add_arguments, network, parse_listen, parse_target
from gateway import cli
from gateway.client.errors import ClientError

ROOT = Path(__file__).parents[3]


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_without_flags_a_profile_is_taken_as_it_is():
    assert network(options("--profile", "3g")) == PROFILES["3g"]


def test_flags_replace_numbers_of_both_directions_or_one():
    both = network(options("--profile", "3g", "--delay-ms", "7", "--stall", "10:800"))
    assert (both.up.delay_ms, both.down.delay_ms) == (7, 7)
    assert both.up.stall == both.down.stall == Stall(10, 800)
    assert both.down.rate_kbps == 1600
    assert both.name == "3g, changed"
    one = network(options("--profile", "3g", "--rate-kbps", "64", "--slice", "9", "--only", "up"))
    assert (one.up.rate_kbps, one.up.slice_bytes) == (64, 9)
    assert one.down == PROFILES["3g"].down


def test_a_loss_brings_its_recovery():
    changed = network(options("--loss", "0.05", "--delay-ms", "30"))
    assert (changed.up.loss, changed.up.recovery_ms) == (0.05, 260)
    assert network(options("--profile", "bad-wifi", "--stall", "0")).up.stall is None


def test_cuts_are_read():
    assert network(options("--cut", "rst", "--at-byte", "9")).cut == Cut(CutKind.RST, at_byte=9)
    assert network(options("--cut", "fin", "--at-frame", "4")).cut == Cut(CutKind.FIN, at_frame=4)
    upwards = network(options("--cut", "fin", "--after", "2", "--only", "up", "--cut-times", "1"))
    assert upwards.cut == Cut(CutKind.FIN, None, 2.0, Direction.UP, 1)
    assert network(options("--profile", "flaky")).cut == PROFILES["flaky"].cut


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--profile", "5g"], "--profile 5g is not known; there are none, lan"),
        (["--stall", "10"], "--stall 10 is not S:MS"),
        (["--stall", "a:b"], "--stall a:b is not S:MS"),
        (["--stall", "1:1000"], "leaves no time"),
        (["--delay-ms", "-1"], "delay_ms is -1"),
        (["--loss", "1.5"], "loss is 1.5"),
        (["--cut", "rst"], "a byte or a time"),
        (["--at-byte", "5"], "belong to --cut"),
        (["--to", "ws://"], "--to ws:// is no address"),
        (["--to", "ws://host:port"], "--to ws://host:port is no address"),
        (["--to", "nowhere://host"], "is no address"),
        (["--listen", "host"], "--listen host has no port"),
        (["--listen", "host:99999"], "has no port"),
        (["--listen", "192.0.2.1:9000"], "cannot listen at 192.0.2.1:9000"),
    ],
)
def test_what_the_user_can_fix_is_one_line(words, part, capsys):
    assert cli.main(["proxy", *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("parley: ")
    assert err.count("\n") == 1
    assert part in err


def test_addresses_are_read():
    assert parse_target("ws://example.org/v1/native").port == 80
    assert parse_target("wss://example.org").port == 443
    assert parse_target("[::1]:8765").host == "::1"
    assert parse_listen("9000") == ("127.0.0.1", 9000)
    assert parse_listen("[::]:0") == ("::", 0)
    with pytest.raises(ClientError):
        parse_target("tcp://example.org")


def test_the_list_shows_every_network(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["proxy", "--list"]) == 0
    out = capsys.readouterr().out
    assert [name for name in PROFILES if name not in out] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_relays_until_it_is_told_to_stop_and_shows_its_counters(number):
    async def answer(reader, writer):
        writer.write((await reader.readexactly(4)).upper())
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    words = ("proxy", "--profile", "lan", "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{port}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *words, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        announced = (await process.stdout.readline()).decode()
        assert announced.startswith("lan: ws://127.0.0.1:")
        assert announced.endswith(f" -> ws://127.0.0.1:{port}\n")
        relay = int(announced.split(" ")[1].rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", relay)
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"PING"
        process.send_signal(number)
        out, err = await process.communicate()
    assert process.returncode == 0
    assert err == b""
    assert b"connections: 0 open of 1" in out
    assert [line.split()[1] for line in out.decode().splitlines()[2:4]] == ["4", "4"]
    writer.transport.abort()
    server.close()
