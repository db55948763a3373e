"""Results to test reports with: small ones, and a ramp in which everything happens."""

import math

from benchmarks.results import (
    Bound,
    Distribution,
    Fault,
    Interruption,
    Machine,
    Result,
    ServerSample,
    ServerTotals,
    SessionRecord,
    StableWord,
    Step,
    Totals,
    TurnRecord,
)

MACHINE = Machine("a processor", 2, 8 << 30, "Linux 6.1", 0.4)


def result(**changes):
    defaults = {
        "scenario": "smoke",
        "settings": {"sessions": {"count": 2}, "server": {"engines": "scripted"}},
        "command": "parley bench smoke --serve",
        "began_at": "2026-01-01T00:00:00+00:00",
        "duration_s": 10.0,
        "machine": MACHINE,
        "versions": {"parley": "0.1.0"},
        "url": "ws://127.0.0.1:1/v1/native",
        "served": True,
    }
    return Result(**{**defaults, **changes})


def turn(latency_ms=500.0, *, at_s=2.0, index=0, step=0, **changes):
    """A spoken turn whose first frame came so long after the end of speech."""
    first = at_s + latency_ms / 1000
    defaults = {
        "session": 0,
        "index": index,
        "step": step,
        "kind": "spoken",
        "utterance": "sum",
        "codec": "pcm_s16le/16000/20 pcm_s16le/16000/20",
        "begin_s": at_s - 1.4,
        "onset_s": at_s - 1.2,
        "first_partial_s": at_s - 0.4,
        "end_of_speech_s": at_s,
        "detected_start_s": at_s - 1.0,
        "detected_stop_s": at_s + 0.6 * latency_ms / 1000,
        "final_s": at_s + 0.65 * latency_ms / 1000,
        "response_s": at_s + 0.66 * latency_ms / 1000,
        "first_text_s": at_s + 0.8 * latency_ms / 1000,
        "first_audio_s": first,
        "first_audible_s": first + 0.03,
        "play_start_s": first + 0.12,
        "last_frame_s": first + 2,
        "reply_end_s": first + 2.5,
        "overhead_ms": 1.5,
        "longest_gap_ms": 24.0,
        "stable_words": (StableWord("what", at_s - 1, at_s - 0.5),),
        "stages_ms": {"stop_to_final_ms": 12.0, "llm_ttft_ms": 101.0},
        "complete": True,
        "pieces": 1,
    }
    return TurnRecord(**{**defaults, **changes})


def failed_turn(**changes):
    lost = {"first_audio_s": None, "first_audible_s": None, "complete": False}
    return turn(**{**lost, "error": "no reply within 60 s", "error_code": "timeout", **changes})


def totals(turns, **changes):
    good = [each for each in turns if not each.failed]
    names = (
        "first_partial_ms", "hang_over_ms", "final_ms", "first_audio_ms", "first_audible_ms",
        "overhead_ms", "longest_gap_ms",
    )  # fmt: skip
    sums = {name: Distribution.of(getattr(each, name) for each in good) for name in names}
    cuts = [each.interruption for each in good if each.interruption is not None]
    return Totals(
        turns=len(turns),
        failed_turns=len(turns) - len(good),
        stable_word_ms=Distribution.of(500.0 for _ in good),
        interrupt_detected_ms=Distribution.of(each.detected_ms for each in cuts),
        interrupt_silence_ms=Distribution.of(each.silence_ms for each in cuts),
        **{**sums, **changes},
    )


def run_with(latencies, **changes):
    """A short run of turns with these latencies, one every half second."""
    turns = tuple(
        turn(latency, at_s=2 + index / 2, index=index) for index, latency in enumerate(latencies)
    )
    return result(turns=turns, totals=totals(turns), **changes)


def ramp():
    """A ramp of five steps of 40 s that breaks at the last one, with faults and a leak."""
    counts, turns, steps, samples, faults = (2, 20, 40, 60, 80), [], [], [], []
    for index, count in enumerate(counts):
        begin, lag = 5 + index * 45, 0.5 * 1.9**index
        latencies = [
            480 + 3 * index**3 + (7 * number % 40) * (1 + index / 2)
            for number in range(max(6, count // 2))
        ]
        of_step = [
            turn(latency, at_s=begin + 38 * number / len(latencies), index=number, step=index)
            for number, latency in enumerate(latencies)
        ]
        if index == 4:
            of_step[5] = failed_turn(at_s=begin + 20, step=4, index=5)
            faults.append(Fault(begin + 30, "turn_failed", 3, "timeout: no reply within 60 s"))
        turns += of_step
        found = Distribution.of(latencies)
        ratio = found.p95 / (steps[0].latency_ms.p95 if steps else found.p95)
        steps.append(
            Step(
                index, begin, begin + 40, count, count, 0, len(latencies), int(index == 4), found,
                found, found, Distribution.of([1.0]), 0,
                server_cores=0.01 * count, cpu_per_session=0.01, loop_cores=0.009 * count,
                server_rss_bytes=(150 + count) << 20, loop_lag_p99_ms=lag, reply_share=0.3,
                engine_busy={"speech": 0.1 * index}, client_cores=0.004 * count,
                client_lag_p99_ms=1.0, bounds=(
                    Bound("loop_lag_p99_ms", 20.0, lag, lag > 20),
                    Bound("latency_ratio", 1.25, ratio, ratio > 1.25, "p95 to the first step's"),
                    Bound("client_core", 0.7, 0.004 * count, broken=False),
                ),
            )
        )  # fmt: skip
    server_s = client_s = 0.0
    for second in range(0, 232, 2):
        count = counts[min(4, second // 45)]
        server_s, client_s = server_s + 0.02 * count, client_s + 0.008 * count
        samples.append(
            ServerSample(
                float(second), count, server_s, (150 << 20) + (second << 17),
                None if second == 0 else 0.5 + count / 20 * (1 + math.sin(second)), 0.2,
                {"speech": second % 3, "text": 0}, {"speech": second * 0.2, "text": second * 0.1},
                second * 100, second * 80, client_s, 90 << 20, 1.0,
            )
        )  # fmt: skip
    faults += [Fault(20.0 + number, "disconnect", number, "planned") for number in range(12)]
    faults += [Fault(231.0, "client_overloaded", None, "the client took 80 % of its core")]
    cut = Interruption(900.0, 60.0, 60.2, 60.3, 60.25, 60.33, 0)
    turns[7] = turn(510, at_s=58.0, step=1, index=7, interruption=cut)
    sessions = tuple(
        SessionRecord(number, number // 20, "pcm", welcomed_s=1.0, turns=2) for number in range(80)
    )
    return result(
        scenario="capacity",
        settings={
            "sessions": {"ramp": list(counts)},
            "server": {"engines": "scripted", "stt_ms": 100.0, "llm_ms": 100.0, "tts_ms": 100.0},
            "bounds": {"latency_ratio": 1.25},
        },
        command="parley bench capacity --serve --engines scripted",
        duration_s=232.0,
        totals=totals(
            turns, sessions=80, errors={"timeout": 1}, wer=0.02, client_lag_p99_ms=1.2,
            bytes_up_per_s=32_100.0, bytes_down_per_s=10_300.0, client_cores=0.3,
        ),
        server=ServerTotals(
            cpu_s=88.0, rss_begin_bytes=150 << 20, rss_end_bytes=179 << 20,
            rss_peak_bytes=180 << 20, rss_slope_bytes_per_hour=3e8, loop_lag_p99_ms=10.0,
            loop_lag_mean_ms=0.4, interrupt_stops=1, interrupt_stop_mean_ms=260.0,
            interrupt_stop_p95_ms=300.0, engine_busy_s={"speech": 46.0},
            turns={"completed": 100, "failed": 1},
        ),
        steps=tuple(steps),
        turns=tuple(turns),
        sessions=sessions,
        samples=tuple(samples),
        faults=tuple(faults),
        knee=40,
        sessions_per_core=100.0,
        limited_by="latency_ratio",
        notes=("the client was the bottleneck for 2 s",),
        passed=True,
    )  # fmt: skip
