"""One direction under virtual time: what is written when, and what a full buffer does."""

import asyncio

import pytest

from benchmarks.impairment.link import Link, LinkSchedule
from benchmarks.impairment.pump import CutReached, Pump, Traffic
from tests.virtual_time import run


class Wire:
    """A sender that says what it has to at set times, and a receiver that may be slow."""

    def __init__(self, *sent: tuple[float, bytes], write_s: float = 0.0) -> None:
        self.sent = list(sent)
        self.write_s = write_s
        self.written: list[tuple[float, bytes]] = []
        self.ended_at: float | None = None
        self.waiting = b""
        self.traffic = Traffic()

    def pump(self, link: Link, limit: int | None = None) -> Pump:
        schedule = LinkSchedule(link, opened=self.now(), draw=lambda: 0.5)
        return Pump(
            self.read, self.write, self.end,
            link=link, schedule=schedule, traffic=self.traffic, limit=limit,
        )  # fmt: skip

    def now(self) -> float:
        return round(asyncio.get_running_loop().time(), 6)

    async def read(self, size: int) -> bytes:
        if not self.waiting and self.sent:
            at, self.waiting = self.sent.pop(0)
            await asyncio.sleep(max(0, at - self.now()))
        content, self.waiting = self.waiting[:size], self.waiting[size:]
        return content

    async def write(self, content: bytes) -> None:
        await asyncio.sleep(self.write_s)
        self.written.append((self.now(), content))

    def end(self) -> None:
        self.ended_at = self.now()


def carried(wire: Wire, link: Link, limit: int | None = None) -> None:
    async def carry() -> None:
        await wire.pump(link, limit).run()

    run(carry())


def test_what_is_sent_arrives_after_the_delay_and_the_end_comes_last():
    wire = Wire((0.0, b"hello"), (1.0, b"world"))
    carried(wire, Link(delay_ms=300))
    assert wire.written == [(0.3, b"hello"), (1.3, b"world")]
    assert wire.ended_at == 1.3
    assert (wire.traffic.read, wire.traffic.passed, wire.traffic.held) == (10, 10, 0)
    assert wire.traffic.latest_ms == pytest.approx(0, abs=1e-6)


def test_slices_are_written_one_by_one_at_the_rate():
    wire = Wire((0.0, bytes(250)))
    carried(wire, Link(rate_kbps=8, slice_bytes=100))
    assert [(at, len(content)) for at, content in wire.written] == [
        (0.1, 100),
        (0.2, 100),
        (0.25, 50),
    ]


def test_a_full_buffer_makes_the_sender_wait_and_never_grows():
    wire = Wire((0.0, bytes(10_000)))
    carried(wire, Link(delay_ms=1000, slice_bytes=100, buffer_bytes=1000))
    assert sum(len(content) for _, content in wire.written) == 10_000
    assert wire.traffic.most_held == 1000
    assert wire.traffic.pauses >= 9
    assert wire.ended_at >= 10.0  # a thousand bytes for each second of the way


def test_a_receiver_that_takes_its_time_is_felt_by_the_sender():
    wire = Wire((0.0, bytes(1000)), write_s=1.0)
    carried(wire, Link(slice_bytes=100, buffer_bytes=200))
    assert wire.ended_at == 10.0
    assert wire.traffic.most_held == 200
    assert wire.traffic.latest_ms > 0


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 250])
def test_a_cut_comes_after_exactly_so_many_bytes(limit):
    wire = Wire((0.0, bytes(300)))
    with pytest.raises(CutReached):
        carried(wire, Link(slice_bytes=100), limit)
    assert sum(len(content) for _, content in wire.written) == limit
    assert wire.ended_at is None
    assert wire.traffic.held == 0


def test_an_error_of_a_socket_comes_out_as_it_is():
    wire = Wire((0.0, b"x"))

    async def broken(content: bytes) -> None:
        raise ConnectionResetError("gone")

    wire.write = broken
    with pytest.raises(ConnectionResetError, match="gone"):
        carried(wire, Link())


def test_a_pump_that_is_cancelled_holds_nothing():
    wire = Wire((0.0, b"hello"), (1000.0, b"world"))

    async def cancelled() -> None:
        task = asyncio.create_task(wire.pump(Link(delay_ms=5000)).run())
        await asyncio.sleep(1)
        assert wire.traffic.held == 5
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    run(cancelled())
    assert wire.traffic.held == 0
    assert wire.written == []
