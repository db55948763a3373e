"""One run of one peer: its workloads in order, and the figures that they give."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.peers.servers import Environment, Server, peer_server
from benchmarks.peers.speech import utterances
from benchmarks.peers.terms import FRAME_SAMPLES, TERMS, Terms
from benchmarks.peers.turns import Interruption, Turn
from benchmarks.peers.workloads import Crowd, calls, crowd, echoes, idle, solo
from benchmarks.report import percentile
from gateway.client.errors import ClientError
from pipeline.detection import Vad, speech_detector
from pipeline.engines import energy, webrtc_vad

__all__ = [
    "FULL",
    "QUICK",
    "Attempt",
    "Run",
    "Sizes",
    "complaints",
    "detector_us",
    "interruption_figures",
    "most",
    "run_peer",
    "turn_figures",
]

_SLOWER: Final = 1.25
"""How much longer than unloaded the p95 may be."""
_BUSY_CLIENT: Final = 0.7
_LATE_MS: Final = 20.0
_FIRST: Final = 0.85
"""Part of the sessions that processor time promises with which the ramp begins."""
_UP: Final = 0.9
"""The same, of those that a step which held promises: many sessions share what one costs alone."""
_DOWN: Final = 0.7
_WORTH_IT: Final = 1.1
_STEPS: Final = 4
_STEPS_AGAIN: Final = 2
"""Where a run before has found where to look."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        solo_turns: Turns of the one device.
        crowd: Devices of the fixed number, which every peer can carry.
        ramp: Whether the most devices are looked for, by peers that are made for many in a process.
        idle: Quiet devices.
        calls: Short calls; only in a peer's first run, because they take long and are no matter
            of noise. Fewer than a hundred would show how pools fill, and not what is lost.
        echoes: Devices that exchange frames.
        echo_s: For so long.
    """

    solo_turns: int = 4
    crowd: int = 6
    ramp: bool = True
    idle: int = 50
    calls: int = 200
    echoes: int = 20
    echo_s: float = 5.0


FULL: Final = Sizes()
QUICK: Final = Sizes(solo_turns=3, crowd=4, ramp=False, idle=20, calls=100, echo_s=3.0)


@dataclass(slots=True)
class Run:
    """What one run found.

    Attributes:
        values: Figures by id.
        notes: What a reader should know.
        versions: Of the server.
    """

    values: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


async def run_peer(
    environment: Environment,
    run: Run,
    *,
    sizes: Sizes = FULL,
    terms: Terms = TERMS,
    cores: AbstractSet[int] = frozenset(),
    before: float | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Run one peer once.

    Args:
        environment: Of the peer.
        run: Takes what is found, as it is found.
        sizes: How much of everything.
        terms: Of the conversations.
        cores: For its server.
        before: The most sessions that a run before has found.
        report: Is told what comes next.

    Raises:
        ClientError: The server cannot be started, refuses a session, or is gone.
    """
    peer = environment.peer
    if peer.converses:
        async with peer_server(environment, terms, cores=cores) as server:
            run.versions.update(server.versions)
            await _converse(server, run, sizes, terms, before, report)
    if peer.is_here or not peer.converses:
        report("frames")
        flags = ("--set=turn.vad=energy", "--set=conversation.max_tokens=4096")
        async with peer_server(environment, terms, cores=cores, flags=flags) as server:
            run.versions.update(server.versions)
            await _exchange(server, run, sizes)


async def _converse(
    server: Server,
    run: Run,
    sizes: Sizes,
    terms: Terms,
    before: float | None,
    report: Callable[[str], None],
) -> None:
    report("one session")
    alone = await solo(server, terms, sizes.solo_turns)
    run.values |= turn_figures(alone.turns, terms) | interruption_figures(alone.interruptions)
    report(f"{sizes.idle} idle sessions")
    quiet = await idle(server, sizes.idle)
    run.values["memory.session"] = quiet.bytes_each / 1e6
    report(f"{sizes.crowd} sessions")
    some = await crowd(server, terms, sizes.crowd)
    run.notes += complaints(some)
    if not some.failed:  # who does not answer has less to do
        run.values["cpu.minute"] = some.cpu_per_session_s * 60
        run.values["sessions.by_cpu"] = 1 / some.cpu_per_session_s
    if sizes.ramp and server.peer.shares:
        promised = run.values.get("sessions.by_cpu", sizes.crowd)
        first = round(promised * _FIRST if before is None else before)
        await _ramp(server, run, terms, (first, _STEPS if before is None else _STEPS_AGAIN), report)
    if sizes.calls:
        report(f"{sizes.calls} calls")
        growth = (await calls(server, sizes.calls)).bytes_each
        if growth is not None:
            run.values["memory.call"] = growth / 1e3


async def _ramp(
    server: Server, run: Run, terms: Terms, search: tuple[int, int], report: Callable[[str], None]
) -> None:
    """Look for the most devices that are still served as if they were alone."""
    limit_s = run.values.get("turn.first_audio.p95", 0.0) / 1000 * _SLOWER

    async def attempt(count: int) -> Attempt:
        report(f"{count} sessions")
        try:
            tried = await crowd(server, terms, count)
        except ClientError as error:
            run.notes.append(f"{count} sessions: {error}")
            return Attempt(count, holds=False, promised=0.0)
        run.notes += complaints(tried, only_client=True)
        latency = tried.first_audio_p95_s
        holds = not tried.failed and latency is not None and latency <= limit_s
        return Attempt(count, holds=holds, promised=1 / tried.cpu_per_session_s)

    first, steps = search
    found = await most(first, attempt, steps=steps)
    if found is not None:
        run.values["sessions.knee"] = found.count
        run.values["sessions.knee_by_cpu"] = found.promised


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step of the ramp.

    Attributes:
        count: Sessions that were tried.
        holds: Whether they were served well.
        promised: Sessions that would use all of a core, at the processor time of these.
    """

    count: int
    holds: bool
    promised: float


async def most(
    first: int, attempt: Callable[[int], Awaitable[Attempt]], *, steps: int
) -> Attempt | None:
    """The most sessions that hold, as far as a few attempts tell.

    Args:
        first: To try first.
        attempt: Tries a number.
        steps: Attempts at most.

    Returns:
        None if none of them held.
    """
    best: Attempt | None = None
    too_many: int | None = None
    count: int | None = max(1, first)
    for _ in range(steps):
        if count is None:
            break
        tried = await attempt(count)
        if tried.holds:
            best = tried
        else:
            too_many = count
        count = _next(best, too_many)
    return best


def _next(best: Attempt | None, too_many: int | None) -> int | None:
    """What to try next; None where it would tell little."""
    if best is None:
        assert too_many is not None
        return round(too_many * _DOWN) if too_many > 1 else None
    between = None if too_many is None else (best.count + too_many) // 2
    count = between or round(best.promised * _UP)
    return count if count > best.count * _WORTH_IT else None


async def _exchange(server: Server, run: Run, sizes: Sizes) -> None:
    prompt = "Hello." if server.peer.converses else None
    found = await echoes(server, sizes.echoes, seconds=sizes.echo_s, prompt=prompt)
    run.values["frame.all"] = found.us_each
    if server.peer.converses:
        run.values["frame.bare"] = found.us_each - detector_us()


def detector_us(rounds: int = 5) -> float:
    """What the energy detector takes for a frame of 20 ms here; the fastest of the rounds, us."""
    audio = np.concatenate(
        [np.frombuffer(frame, "<i2") for each in utterances() for frame in each.frames]
    )
    cuts = [audio[at : at + FRAME_SAMPLES] for at in range(0, len(audio), FRAME_SAMPLES)]
    took = []
    for _ in range(rounds):
        detector = speech_detector(
            Vad.ENERGY, silero=None, webrtc=webrtc_vad.load(), energy=energy.load()
        )
        begun = time.perf_counter()
        for cut in cuts:
            detector.feed(cut)
        took.append((time.perf_counter() - begun) / len(cuts) * 1e6)
    return min(took)


def turn_figures(turns: Sequence[Turn], terms: Terms) -> dict[str, float]:
    """Latencies of the turns that were answered."""
    answered = [turn.first_audio_s for turn in turns if turn.first_audio_s is not None]
    stated = (terms.llm_ms + terms.tts_ms) / 1000
    decided = [
        turn.first_audio_s - turn.decided_s - stated
        for turn in turns
        if turn.first_audio_s is not None and turn.decided_s is not None
    ]
    overheads = [latency - terms.stated_s for latency in answered]
    return (
        _spread("turn.first_audio", answered)
        | _spread("turn.overhead", overheads)
        | _spread("turn.decided", decided)
    )


def interruption_figures(found: Sequence[Interruption]) -> dict[str, float]:
    """Stop times of the interruptions that the server noticed."""
    noticed = [each for each in found if each.told_s is not None]
    after = [each.last_audio_s - (each.told_s or 0.0) for each in noticed]
    figures = _spread("interrupt.last", [each.last_audio_s for each in noticed])
    return figures | ({"interrupt.told.p95": percentile(after, 95) * 1000} if after else {})


def _spread(name: str, seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {f"{name}.p{part}": percentile(seconds, part) * 1000 for part in (50, 95)}


def complaints(found: Crowd, *, only_client: bool = False) -> list[str]:
    """What was wrong with a crowd, and whether its devices were the limit themselves."""
    notes = []
    share = found.client_cpu_s / found.seconds
    if share > _BUSY_CLIENT or found.late_p99_ms > _LATE_MS:
        notes.append(
            f"at {found.devices} sessions the devices were late themselves: {share:.0%} of their "
            f"core, p99 {found.late_p99_ms:.0f} ms"
        )
    if only_client:
        return notes
    if found.failed:
        notes.append(
            f"{found.failed} of {found.devices} turns failed at the fixed number, whose processor "
            "time does not count"
        )
    return [*notes, *dict.fromkeys(found.complaints)]
