"""What a run looks like in the terminal: while it lasts, and what it found."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from benchmarks.load.runner import Progress
from benchmarks.results import Bound, Distribution, Result, Step

__all__ = ["show", "snapshot"]

_RECENT_TURNS = 200


def snapshot(progress: Progress) -> Group:
    """The state of a run, for a live display."""
    records, samples = progress.records, progress.sampler.samples
    sample = samples[-1] if samples else None
    failed = sum(turn.failed for turn in records.turns)
    recent = records.turns[-_RECENT_TURNS:]
    latency = Distribution.of(turn.first_audio_ms for turn in recent if not turn.failed)
    table = Table.grid(padding=(0, 2))
    table.add_row("devices", f"{records.open} of {progress.wanted}")
    table.add_row("turns", f"{len(records.turns)}, {failed} failed")
    table.add_row("end of speech -> first audio", _range(latency))
    if sample is not None:
        lag = "-" if sample.loop_lag_p99_ms is None else f"{sample.loop_lag_p99_ms:g} ms"
        memory = "-" if sample.rss_bytes is None else f"{sample.rss_bytes / 2**20:.0f} MiB"
        table.add_row("server", f"loop lag p99 not above {lag}, memory {memory}")
        own = sample.client_lag_p99_ms
        table.add_row("client", "-" if own is None else f"loop lag p99 {own:.1f} ms")
    lines: list[Text | Table] = [
        Text(f"{progress.elapsed_s:6.1f} s  {progress.phase}", style="bold"),
        table,
    ]
    lines += [Text(f"  {_step_line(step)}", style="dim") for step in progress.steps[-8:]]
    lines += [
        Text(f"  {fault.at_s:.1f} s {fault.kind}: {fault.detail}"[:120], style="yellow")
        for fault in records.faults[-3:]
    ]
    return Group(*lines)


def show(result: Result, console: Console) -> None:
    """Print what a run found."""
    totals = result.totals
    if any(not turn.failed for turn in result.turns):
        console.print(_table(result))
    if len(result.steps) > 1:
        console.print(_steps(result))
    for line in _facts(result):
        console.print(line, markup=False)
    for bound in (*_broken(result), *(each for each in result.bounds if each.broken)):
        console.print(f"broken: {_bound(bound)}", style="yellow", markup=False)
    for note in result.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    if result.incomplete is not None:
        console.print(f"incomplete: {escape(result.incomplete)}", style="bold yellow")
    failures = ", ".join(f"{code} {count}" for code, count in totals.errors.items())
    if failures:
        console.print(f"failed: {failures}", style="red", markup=False)


def _table(result: Result) -> Table:
    totals = result.totals
    table = Table(
        "ms", "n", "p50", "p90", "p95", "p99", "max", title=f"parley bench {result.scenario}"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    rows = (
        ("onset -> first partial", totals.first_partial_ms),
        ("word spoken -> stable", totals.stable_word_ms),
        ("end of speech -> detected stop", totals.hang_over_ms),
        ("end of speech -> final transcript", totals.final_ms),
        ("end of speech -> first audio", totals.first_audio_ms),
        ("end of speech -> first audible", totals.first_audible_ms),
        ("overhead, less stated costs", totals.overhead_ms),
        ("onset -> interruption detected", totals.interrupt_detected_ms),
        ("onset -> silence", totals.interrupt_silence_ms),
        ("longest gap between frames", totals.longest_gap_ms),
    )
    for name, each in rows:
        if each.n:
            numbers = (each.p50, each.p90, each.p95, each.p99, each.max)
            table.add_row(name, str(each.n), *(f"{number:.1f}" for number in numbers))
    return table


def _steps(result: Result) -> Table:
    table = Table("devices", "turns", "failed", "first audio p95", "server cores", "loop lag p99",
                  "client cores", "bounds", title="steps")  # fmt: skip
    for column in table.columns[:-1]:
        column.justify = "right"
    for step in result.steps:
        table.add_row(
            str(step.sessions),
            str(step.turns),
            str(step.failed_turns),
            f"{step.latency_ms.p95:.0f} ms" if step.latency_ms.n else "-",
            "-" if step.server_cores is None else f"{step.server_cores:.2f}",
            "-" if step.loop_lag_p99_ms is None else f"{step.loop_lag_p99_ms:g} ms",
            f"{step.client_cores:.2f}",
            "held" if step.held else ", ".join(each.name for each in step.bounds if each.broken),
        )
    return table


def _facts(result: Result) -> Iterator[str]:
    totals, server = result.totals, result.server
    yield (
        f"{totals.sessions} sessions ({totals.sessions_refused} refused, "
        f"{totals.sessions_failed} failed, {totals.sessions_abandoned} abandoned), "
        f"{totals.turns} turns ({totals.failed_turns} failed), {result.duration_s:.0f} s"
    )
    yield (
        f"per session {totals.bytes_up_per_s / 1000:.1f} kB/s up, "
        f"{totals.bytes_down_per_s / 1000:.1f} kB/s down; {totals.sequence_gaps} sequence gaps, "
        f"{totals.underruns} underruns in {totals.replies_with_underruns} replies"
    )
    if totals.wer is not None:
        yield f"word error rate {totals.wer:.1%}"
    if server.interrupt_stops and server.interrupt_stop_mean_ms is not None:
        yield (
            f"server: interruption detected -> last frame sent: mean "
            f"{server.interrupt_stop_mean_ms:.2f} ms, p95 not above {server.interrupt_stop_p95_ms} "
            f"ms, of {server.interrupt_stops}"
        )
    if server.cpu_s is not None and server.rss_end_bytes is not None:
        yield (
            f"server: {server.cpu_s:.1f} s of processor time, {server.rss_end_bytes / 2**20:.0f} "
            f"MiB, loop lag p99 not above {server.loop_lag_p99_ms} ms"
        )
    yield from _capacity(result)
    yield from _costs(result)


def _capacity(result: Result) -> Iterator[str]:
    if result.knee is not None:
        more = "" if result.limited_by is None else f"; then {result.limited_by} broke"
        yield f"knee: {result.knee} sessions{_where(result)}{more}"
    if result.sessions_per_core is not None:
        yield (
            f"sessions per core at the knee: {result.sessions_per_core:.0f} "
            "(by the processor time that the server took)"
        )


def _where(result: Result) -> str:
    """The cores that the knee is the knee of."""
    cores = len(result.server_cores)
    return f" on {cores} core{'s' if cores > 1 else ''}" if cores else ""


def _costs(result: Result) -> Iterator[str]:
    """What a session costs, of the step at the knee, or of the last one."""
    at_knee = [step for step in result.steps if step.sessions == result.knee]
    for step in (at_knee or list(result.steps))[-1:]:
        if step.reply_share is not None:
            many = "s" if step.sessions_open != 1 else ""
            yield (
                f"{step.sessions_open} device{many}: replies play {step.reply_share:.0%} "
                "of the time"
            )
        if step.cpu_per_session is not None:
            yield f"cost of a session-second: {_split(step)}; {_shares(step)}"


def _split(step: Step) -> str:
    assert step.cpu_per_session is not None, "asked of steps that know it"
    whole = f"{step.cpu_per_session * 1000:.2f} ms of the server's processor time"
    if step.loop_cores is None or step.server_cores is None or not step.sessions_open:
        return whole
    loop_ms = step.loop_cores / step.sessions_open * 1000
    others_ms = max(0.0, step.cpu_per_session * 1000 - loop_ms)
    return f"{whole} (event loop {loop_ms:.2f} ms, other threads {others_ms:.2f} ms)"


def _shares(step: Step) -> str:
    shares = [f"{name} {share:.0%}" for name, share in step.engine_busy.items()]
    return "engines busy: " + (", ".join(shares) or "unknown")


def _broken(result: Result) -> Iterator[Bound]:
    for step in result.steps:
        yield from (bound for bound in step.bounds if bound.broken)


def _bound(bound: Bound) -> str:
    measured = "nothing" if bound.measured is None else f"{bound.measured:.3g}"
    return f"{bound.name} is {measured}, limit {bound.limit:g} ({bound.note})"


def _step_line(step: Step) -> str:
    lag = "-" if step.loop_lag_p99_ms is None else f"{step.loop_lag_p99_ms:g}"
    return (
        f"{step.sessions} devices: {step.turns} turns, p95 {step.latency_ms.p95:.0f} ms, "
        f"lag p99 {lag} ms, {'held' if step.held else 'broken'}"
    )


def _range(each: Distribution) -> str:
    return f"p50 {each.p50:.0f}, p95 {each.p95:.0f}, max {each.max:.0f} ms" if each.n else "-"
