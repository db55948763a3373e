"""Short runs against a whole server with scripted engines: every record complete and plausible."""

import asyncio
import json
import signal
import subprocess
import sys

import pytest

from benchmarks.load import clients, runner, server_metrics
from benchmarks.load.runner import Run, Target
from benchmarks.load.scenario import load_scenario, parse_scenario
from benchmarks.results import from_json, to_json
from gateway import cli
from gateway.client.errors import ClientError, Unreachable
from tests.end_to_end.servers import scripted_server

QUICK = [
    "sessions.duration_s=0.8",
    "sessions.settle_s=0",
    "sessions.spread_s=0.05",
    "speech.utterances=['stop', 'hello']",
    "speech.think_s=[0, 0.1]",
    "sessions.drain_s=10",
    "speech.max_tokens=2",
    "server.stt_ms=20",
    "server.llm_ms=20",
    "server.tts_ms=20",
]


@pytest.fixture(scope="module")
def server():
    with scripted_server(server={"max_sessions": 40}, turn={"silence_ms": 200}) as running:
        yield running


async def stop_after_a_turn(one):
    while not one.progress.records.turns:
        await asyncio.sleep(0.05)
    one.stop("enough")


async def stop_after_two_sessions(one):
    while len(one.progress.records.sessions) < 2:
        await asyncio.sleep(0.05)
    one.stop("enough")


async def stop_after_two_cuts(one):
    records = one.progress.records
    while len(records.sessions) < 2 or not any(turn.failed for turn in records.turns):
        await asyncio.sleep(0.05)
    one.stop("enough")


STOP = {
    "cuts": stop_after_two_cuts,
    "stopped": stop_after_a_turn,
    "calls": stop_after_two_sessions,
    "vanish": stop_after_two_sessions,
}


VAD = ["speech.modes=['vad']", "speech.text_share=0", "speech.barge_in_share=0"]
ONE = ["sessions.count=1"]
BARGE_IN = [
    "speech.barge_in_share=1",
    "speech.barge_in_after_s=[0.3]",
    "speech.interruptions=['sum']",
    "speech.max_tokens=9",
]
RAMP = ["sessions.duration_s=0.5", "sessions.ramp=[1, 2]", "bounds.client_core=-1"]
RAMP += ["bounds.latency_ratio=-1", "bounds.failed_turns=-1", "bounds.attempts=2"]
CUTS = "[sessions]\ncount = 1\n[network]\ncut_after_s = 1.5"
SLOW = "[sessions]\ncount = 1\n[faults]\nslow_reader_share = 1\nslow_reader_s = 0.2"


def plans():
    """All runs that need nothing but a server: they share it, at the same time."""
    calm = ["speech.text_share=0", "speech.barge_in_share=0"]
    short = ["sessions.pause_s=0", "faults.disconnect_share=0", "sessions.duration_s=600"]
    gone = ["sessions.pause_s=0.05", "faults.disconnect_share=1", "sessions.duration_s=600"]
    count = ["speech.utterances=['count']", "sessions.duration_s=600"]
    return {
        "smoke": load_scenario("smoke", [*QUICK, *calm]),
        "typed": load_scenario("smoke", [*QUICK, *ONE, "speech.modes=['text']"]),
        "barge-in": load_scenario("smoke", [*QUICK, *VAD, *ONE, *BARGE_IN]),
        "ramp": load_scenario("capacity", [*QUICK, *RAMP, "bounds.loop_lag_p99_ms=1000"]),
        "broken": load_scenario("capacity", [*QUICK, *RAMP, "bounds.loop_lag_p99_ms=0"]),
        "vanish": load_scenario("churn", [*QUICK, *gone, "sessions.count=2"]),
        "calls": load_scenario("churn", [*QUICK, *short, *ONE]),
        "slow": parse_scenario("slow", SLOW, QUICK),
        "cuts": parse_scenario("cuts", CUTS, [*QUICK, *count]),
        "stopped": load_scenario("smoke", [*QUICK, "sessions.duration_s=600"]),
        "foreign": load_scenario("smoke", [*QUICK, *VAD, *ONE, "speech.utterances=['hello']"]),
    }


@pytest.fixture(scope="module")
def results(server):
    async def all_at_once():
        async with asyncio.TaskGroup() as tasks:
            running = {
                name: tasks.create_task(
                    run(
                        scenario,
                        server.url,
                        during=STOP.get(name),
                        served=name != "foreign",
                    )
                )
                for name, scenario in plans().items()
            }
        return {name: task.result() for name, task in running.items()}

    return asyncio.run(all_at_once())


async def run(scenario, url, *, during=None, served=True, sample_s=1.0):
    """The result of a run; ``during`` runs beside it."""
    target = Target(url, served=served)
    one = Run(scenario, target, command="parley bench", sample_s=sample_s)
    async with asyncio.timeout(60):
        if during is None:
            return await one.execute()
        async with asyncio.TaskGroup() as tasks:
            beside = tasks.create_task(during(one))
            result = await one.execute()
            beside.cancel()
        return result


def ordered(*times):
    """Whether what happened, happened in this order."""
    known = [each for each in times if each is not None]
    return known == sorted(known)


def test_a_short_smoke_run_leaves_complete_records(results):
    result = results["smoke"]
    assert result.passed, result.bounds
    assert result.incomplete is None
    assert {turn.kind for turn in result.turns} == {"spoken", "push_to_talk"}
    assert {turn.codec.split("/")[0] for turn in result.turns} == {"opus", "pcm_s16le", "pcmu"}
    for turn in result.turns:
        assert turn.error is None
        assert turn.complete
        assert (turn.pieces, turn.transcript) == (1, "Hello there.")
        assert turn.onset_s is not None
        assert ordered(turn.begin_s, turn.onset_s, turn.end_of_speech_s, turn.released_s,
                       turn.first_audio_s, turn.reply_end_s)  # fmt: skip
        assert ordered(turn.detected_start_s, turn.first_partial_s, turn.final_s, turn.response_s,
                       turn.first_text_s, turn.first_audio_s, turn.first_audible_s)  # fmt: skip
        assert turn.first_audible_s <= turn.reply_end_s
        assert turn.heard_ms == pytest.approx(turn.received_ms)
        assert turn.overhead_ms is not None
        assert turn.overhead_ms > -25  # stated costs are spent, timers may be early by a tick
        assert turn.wer is None  # scripted engines repeat their script
        assert "stop_to_audio_ms" in turn.stages_ms
        assert [word.text for word in turn.stable_words] == ["Hello", "there."]
    assert len(result.sessions) == 3
    for session in result.sessions:
        assert session.outcome == "stopped"
        assert ordered(session.opened_s, session.welcomed_s, session.ended_s)
        assert session.bytes_up > session.messages_up > 30
        assert session.bytes_down > session.messages_down > 10
        assert session.sequence_gaps == 0
    assert sum(session.turns for session in result.sessions) == len(result.turns)
    [step] = result.steps
    assert step.turns >= 3
    assert step.sessions_open == 3
    assert step.latency_ms.n == step.turns
    assert step.server_cores is not None
    assert set(step.engine_busy) == {"recognizer", "language-model", "voice"}
    assert len(result.samples) >= 3
    assert result.samples[-1].messages_in > result.samples[0].messages_in
    assert result.totals.bytes_up_per_s > 1000
    assert from_json(json.loads(json.dumps(to_json(result)))) == result


def test_typed_turns_are_measured_from_the_moment_they_were_sent(results):
    result = results["typed"]
    assert result.passed
    assert {turn.kind for turn in result.turns} == {"text"}
    for turn in result.turns:
        assert turn.onset_s is None
        assert turn.first_audio_ms == pytest.approx(turn.overhead_ms + 40)


def test_talking_over_a_reply_is_measured_on_both_turns(results):
    result = results["barge-in"]
    first, second = result.turns[:2]
    assert (first.kind, second.kind) == ("spoken", "interrupting")
    assert first.interruption is not None
    cut = first.interruption
    assert first.error is None
    assert first.status in ("cancelled", "incomplete")  # stopped in the making, or while it played
    assert 150 < cut.after_ms < 5000
    assert ordered(cut.onset_s, cut.started_s, cut.detected_s)
    assert cut.onset_s < cut.last_audible_s
    assert cut.late_frames == 0
    assert second.onset_s == pytest.approx(cut.onset_s)
    assert second.complete
    assert result.server.interrupt_stops >= 1


def test_a_ramp_ends_at_the_bound_that_breaks_and_names_the_knee(results):
    held, broken = results["ramp"], results["broken"]
    assert [step.sessions for step in held.steps] == [1, 2]
    assert (held.knee, held.limited_by, held.passed) == (2, None, True)
    assert [step.sessions for step in broken.steps] == [1]
    assert (broken.knee, broken.limited_by, broken.passed) == (None, "loop_lag_p99_ms", False)
    assert [fault.kind for fault in broken.faults] == ["step_repeated"]


async def test_exactly_the_excess_is_refused():
    with scripted_server(server={"max_sessions": 2}) as server:
        changes = [*QUICK, "sessions.duration_s=1", "sessions.ramp=[2, 3]"]
        changes += ["server.max_sessions=2", "bounds.latency_ratio=-1", "bounds.failed_turns=-1"]
        result = await run(load_scenario("shed", changes), server.url)
    assert result.passed, result.bounds
    assert [each.outcome for each in result.sessions] == ["stopped", "stopped", "refused"]
    assert result.sessions[2].code == 503
    assert result.totals.errors == {"session.refused.503": 1}
    assert [fault.kind for fault in result.faults] == ["refused"]


def test_devices_that_vanish_come_again_and_count_as_abandoned(results):
    result = results["vanish"]
    assert result.totals.sessions_abandoned >= 2
    assert result.totals.failed_turns == 0
    assert {fault.kind for fault in result.faults} == {"disconnect", "stopped"}
    assert len({session.server_session for session in result.sessions}) == len(result.sessions)


def test_short_calls_follow_each_other(results):
    result = results["calls"]
    assert result.totals.failed_turns == 0
    assert [session.turns for session in result.sessions[:2]] == [1, 1]
    assert result.sessions[0].outcome == "completed"


def test_a_slow_reader_is_noted_and_hears_its_reply_all_the_same(results):
    result = results["slow"]
    assert result.totals.failed_turns == 0
    assert result.turns
    assert "slow_reader" in {fault.kind for fault in result.faults}


def test_every_cut_of_the_network_is_a_failure_and_a_new_session(results):
    result = results["cuts"]
    cut = [each for each in result.sessions if each.outcome == "failed"]
    assert len(cut) >= 2
    assert {each.code for each in cut} == {1006}
    for before, after in zip(cut, result.sessions[1:], strict=False):
        assert before.ended_s - before.welcomed_s < 30  # no session hangs,
        assert after.opened_s >= before.ended_s  # and the device comes again
    failed = [turn for turn in result.turns if turn.failed]
    assert failed
    assert {turn.error_code for turn in failed} == {"close.1006"}
    assert len({turn.session for turn in failed}) == len(failed)
    errors = {"session.failed.1006": len(cut), "close.1006": len(failed)}
    assert result.totals.errors == errors
    assert {each.kind for each in result.faults} == {"turn_failed", "session_failed", "stopped"}


def test_a_run_that_is_stopped_reports_what_it_has(results):
    result = results["stopped"]
    assert result.incomplete == "enough"
    assert not result.passed
    assert result.turns
    assert result.duration_s < 60


async def test_a_turn_that_is_not_over_when_the_run_ends_has_failed(server, monkeypatch):
    monkeypatch.setattr(runner, "_LAST_S", 0.0)
    changes = ["sessions.drain_s=0", "sessions.count=1", "speech.utterances=['count']"]
    scenario = load_scenario("smoke", [*QUICK, *VAD, *changes])
    result = await run(scenario, server.url)
    assert result.totals.errors == {"unfinished": 1}
    assert [each.outcome for each in result.sessions] == ["stopped"]
    assert not result.passed


async def test_a_device_that_crashes_makes_the_run_incomplete(server, monkeypatch):
    monkeypatch.setattr(clients.Client, "_plan", lambda self, visit: 1 / 0)
    result = await run(load_scenario("smoke", [*QUICK, *ONE]), server.url)
    assert "ZeroDivisionError" in result.incomplete
    assert not result.passed
    assert [fault.kind for fault in result.faults] == ["device_crashed"]


async def test_a_server_that_dies_mid_run_ends_the_run_with_a_report():
    running = scripted_server()
    server = running.__enter__()
    alive = True

    async def kill(one):
        nonlocal alive
        while not one.progress.records.turns:
            await asyncio.sleep(0.05)
        await asyncio.to_thread(running.__exit__, None, None, None)
        alive = False
        await asyncio.sleep(60)

    try:
        scenario = load_scenario("smoke", [*QUICK, "sessions.duration_s=600"])
        result = await run(scenario, server.url, during=kill, sample_s=0.2)
    finally:
        if alive:
            running.__exit__(None, None, None)
    assert result.incomplete == "the server stopped answering"
    assert "server_gone" in {fault.kind for fault in result.faults}
    assert {each.outcome for each in result.sessions} & {"failed", "unreachable"}


async def test_a_server_that_is_too_busy_for_its_metrics_has_not_gone(server, monkeypatch):
    get, silent = server_metrics.http_get, False

    async def silenced(url, path, *, key=None):
        if silent:
            raise Unreachable("no answer in time")
        return await get(url, path, key=key)

    async def silence(one):
        nonlocal silent
        records, lost = one.progress.records, one.progress.sampler.lost
        while not records.turns:
            await asyncio.sleep(0.02)
        silent = True
        await lost.wait()
        known = len(records.turns)
        while len(records.turns) < known + 2:
            await asyncio.sleep(0.02)
        silent = False
        while lost.is_set():
            await asyncio.sleep(0.02)
        one.stop("enough")

    monkeypatch.setattr(server_metrics, "http_get", silenced)
    scenario = load_scenario("smoke", [*QUICK, "sessions.duration_s=600"])
    result = await run(scenario, server.url, during=silence, sample_s=0.05)
    assert result.incomplete == "enough"
    assert result.totals.sessions_failed == 0
    assert [fault.kind for fault in result.faults] == ["stopped"]


def test_a_foreign_server_s_transcripts_are_compared_with_what_was_said(results):
    result = results["foreign"]
    [wer, *_] = [turn.wer for turn in result.turns]
    assert wer == pytest.approx(1.0)  # "Hello." was said and "Hello there." understood
    assert {turn.overhead_ms for turn in result.turns} == {None}


async def test_what_makes_a_run_impossible_is_raised_before_it_begins(server, unused_tcp_port):
    with pytest.raises(Unreachable):
        await run(load_scenario("smoke"), f"ws://127.0.0.1:{unused_tcp_port}/v1/native")
    with pytest.raises(ClientError, match="there is no utterance poem"):
        await run(load_scenario("smoke", ["speech.utterances=['poem']"]), server.url)
    with pytest.raises(ClientError, match=r"network.profile is 'tin-can'; expected one of"):
        await run(load_scenario("smoke", ["network.profile=tin-can"]), server.url)


def test_the_command_writes_its_result_and_says_by_its_exit_code_how_it_went(
    server, tmp_path, capsys
):
    out = tmp_path / "run" / "smoke.json"
    flags = ["bench", "smoke", "--url", server.url, "--sessions", "1", "--duration", "0.8"]
    changes = [f"--set={change}" for change in QUICK if "duration" not in change]
    code = cli.main([*flags, *changes, "--set", "bounds.loop_lag_p99_ms=1000", "--out", str(out)])
    assert code == 0
    result = from_json(json.loads(out.read_text()))
    assert result.settings["sessions"]["count"] == 1
    assert result.settings["sessions"]["duration_s"] == 0.8
    printed = capsys.readouterr().out
    assert "end of speech" in printed
    for suffix in (".json", ".html", ".md"):
        assert str(out.with_suffix(suffix)) in printed
        assert out.with_suffix(suffix).stat().st_size > 500
    assert cli.main(["bench", "compare", str(out), str(out)]) == 0
    assert "1.00" in capsys.readouterr().out
    code = cli.main([*flags, *changes, "--set", "bounds.loop_lag_p99_ms=0", "--quiet"])
    assert code == 1
    assert "broken: loop_lag_p99_ms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (["bench"], "name a scenario"),
        (["bench", "smokey"], "there is no scenario smokey"),
        (["bench", "smoke", "--set", "sessions.cuont=1"], "did you mean sessions.count"),
        (["bench", "smoke", "--llm-ms", "5"], "--llm-ms: for the server that --serve starts"),
        (["bench", "smoke", "--url", "http://x"], "http://x is no address"),
        (["bench", "shed", "--serve", "--capacity", "0"], "--capacity 0"),
        (["bench", "smoke", "--out", "smoke.html"], "name the .json"),
        (["bench", "smoke", "--serve", "--server-cores", "x"], "--server-cores x"),
        (["bench", "smoke", "--client-processes", "0"], "--client-processes 0 is not 1 to 64"),
        (
            ["bench", "smoke", "--client-processes", "2", "--client-cores", "0"],
            "need a core each, and --client-cores names 1",
        ),
        (["bench", "compare", "a.json", "b.json"], "cannot read a.json"),
    ],
)
def test_what_the_user_can_fix_is_one_line_and_exit_code_2(flags, part, capsys):
    assert cli.main(flags) == 2
    err = capsys.readouterr().err
    assert err.startswith("parley: ")
    assert err.count("\n") == 1
    assert part in err


def test_ctrl_c_ends_a_run_with_its_report(server, tmp_path):
    out = tmp_path / "stopped.json"
    flags = ["bench", "smoke", "--url", server.url, "--duration", "600", "--out", str(out)]
    changes = [f"--set={change}" for change in QUICK if "duration" not in change]
    command = [sys.executable, "-m", "gateway", *flags, *changes]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "devices talk" not in (line := process.stdout.readline()):
        assert line, "it ended before anybody talked"
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    result = from_json(json.loads(out.read_text()))
    assert result.incomplete == "stopped by the user"
    assert result.sessions
    assert "incomplete: stopped by the user" in printed
