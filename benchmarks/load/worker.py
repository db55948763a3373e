"""A client process: hosts devices as it is told over a socket, and reports what they measure.

Started by `benchmarks.load.workers` as ``python -m benchmarks.load.worker FD``. It ends when the
other side is gone, whatever its devices do.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import time
from functools import partial
from typing import Final

from benchmarks.load.clients import Records
from benchmarks.load.cores import pin
from benchmarks.load.crowd import Crowd, bank_of
from benchmarks.load.measurement import word_errors
from benchmarks.load.orders import Order, Plan, Report, receive, send
from benchmarks.load.server_metrics import ClientLoad
from benchmarks.load.tasks import Work, beside
from gateway.control.loop_lag import measure_loop_lag
from gateway.edge.loop import loop_factory

__all__ = ["Worker", "main"]

REPORT_S: Final = 0.1


class Worker:
    """The devices of one process.

    Args:
        plan: What they do.
        reader: Where orders come from.
        writer: Where reports go.
    """

    def __init__(
        self, plan: Plan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._records = Records(plan.origin, next_number=plan.number, stride=plan.processes)
        self._lags: list[float] = []
        self._gone = 0
        self._crowd = Crowd(
            plan.url,
            plan.key,
            plan.scenario,
            bank_of(plan.scenario),
            self._records,
            scored=plan.scored,
        )

    async def run(self) -> None:
        """Do as told until the other side is gone."""
        works: dict[str, Work] = {
            "client lag": partial(measure_loop_lag, self._lags.append),
            "report": self._tell,
        }
        async with beside(works, crashed=self._crashed), self._crowd:
            while (order := await receive(self._reader)) is not None:
                await self._obey(order)

    async def _obey(self, order: Order) -> None:
        match order.kind:
            case "begin":
                self._crowd.begin(int(order.value))
            case "come":
                self._crowd.come(int(order.value))
            case "leave":
                self._crowd.leave(int(order.value))
            case "gone":
                await self._crowd.gone(order.value)
                self._gone += 1
                self.report()

    async def _tell(self) -> None:
        while True:
            self.report()
            await asyncio.sleep(REPORT_S)

    def report(self) -> None:
        """Tell what is new."""
        records = self._records
        send(
            self._writer,
            Report(
                tuple(records.turns),
                tuple(records.sessions),
                tuple(records.faults),
                records.open,
                time.monotonic(),
                ClientLoad.cpu_s(),
                ClientLoad.rss_bytes(),
                tuple(self._lags),
                self._gone,
            ),
        )
        for told in (records.turns, records.sessions, records.faults, self._lags):
            told.clear()

    def _crashed(self, name: str, error: Exception) -> None:
        self._records.fault("crashed", detail=f"{name} crashed: {error!r}")


async def _work(descriptor: int) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    plan = await receive(reader)
    if plan is None:
        return
    if plan.core is not None:
        pin(os.getpid(), {plan.core})
    if plan.scored:
        word_errors("a word", "a word")
    worker = Worker(plan, reader, writer)
    gc.freeze()  # what is there now stays: not to be looked at again and again
    await worker.run()


def main() -> None:
    """Run on the quicker loop where there is one."""
    with asyncio.Runner(loop_factory=loop_factory("auto")) as runner:
        runner.run(_work(int(sys.argv[1])))


if __name__ == "__main__":
    main()
