"""The devices of one process: they come one by one, leave when told, and note what happens.

A device that crashes by a mistake of its own is noted as a fault, and the others go on.
"""

from __future__ import annotations

import asyncio
import time
from typing import Self

from benchmarks.load.clients import Client, Records, UtteranceBank
from benchmarks.load.scenario import Scenario
from benchmarks.load.tasks import reporting

__all__ = ["Crowd", "bank_of"]


def bank_of(scenario: Scenario) -> UtteranceBank:
    """The recordings that a scenario's devices speak.

    Raises:
        ClientError: A recording is missing, no WAV, or holds no speech.
    """
    speech = scenario.speech
    names = speech.utterances
    if speech.barge_in_share:
        names += speech.interruptions
    return UtteranceBank(names, frozenset(codec.up for codec in scenario.codecs))


class Crowd:
    """Devices by place; an asynchronous context, at whose end those that are left are cancelled.

    Args:
        url: Where they connect.
        key: Bearer key.
        scenario: What they do.
        bank: The recordings.
        records: Where they note what happens.
        scored: Whether transcripts are compared with what was said.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        scenario: Scenario,
        bank: UtteranceBank,
        records: Records,
        *,
        scored: bool,
    ) -> None:
        self._url = url
        self._key = key
        self._scenario = scenario
        self._bank = bank
        self._records = records
        self._scored = scored
        self._tasks = asyncio.TaskGroup()
        self._clients: dict[int, Client] = {}
        self._running: dict[Client, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._running.values():
            task.cancel()
        # Devices report and are cancelled: there is nothing that the group could raise.
        await self._tasks.__aexit__(None, None, None)

    def begin(self, step: int) -> None:
        """Turns that begin from now on belong to this step."""
        self._records.step = step

    def come(self, place: int) -> None:
        """Let the device of a place come."""
        client = Client(
            place,
            self._url,
            self._key,
            self._scenario,
            self._bank,
            self._records,
            scored=self._scored,
        )
        self._clients[place] = client
        name = f"device {place}"
        task = self._tasks.create_task(reporting(client.run, name, self._crashed), name=name)
        self._running[client] = task
        task.add_done_callback(lambda _: self._running.pop(client, None))

    def leave(self, place: int) -> None:
        """Let the device of a place leave after its turn; nobody takes the place."""
        client = self._clients.pop(place, None)
        if client is not None:
            client.stop()

    async def gone(self, timeout_s: float) -> None:
        """Wait until those that were told to leave have left; later ones are cancelled."""
        staying = set(self._clients.values())
        leaving = [task for client, task in self._running.items() if client not in staying]
        if not leaving:
            return
        _, late = await asyncio.wait(leaving, timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def used(self) -> tuple[tuple[float, float], ...]:
        """Of each process the time, and its processor seconds until then: here of one."""
        return ((self._records.clock(), time.process_time()),)

    def _crashed(self, name: str, error: Exception) -> None:
        self._records.fault("device_crashed", detail=f"{name} crashed: {error!r}")
