"""What is counted, and that the operator's guide names it."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.control.metrics import MOST_LABELS, Metrics
from gateway.version import VERSION
from pipeline.engines.thread import EngineStatistics

README = Path(__file__).parents[3] / "gateway" / "README.md"


def families(metrics):
    return {
        family.name: family for family in text_string_to_metric_families(metrics.text().decode())
    }


def values(metrics):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families(metrics).values()
        for sample in family.samples
    }


def test_sessions_are_counted_up_and_down():
    metrics = Metrics()
    metrics.session_opened()
    metrics.session_opened()
    metrics.session_closed("bye", seconds=12.0)
    seen = values(metrics)
    assert seen["parley_sessions_active",] == 1
    assert seen["parley_sessions_total", "bye"] == 1
    assert seen["parley_session_seconds_sum",] == 12


def test_a_turn_feeds_its_outcome_and_every_stage():
    metrics = Metrics()
    metrics.turn("completed", {"stop_to_final_ms": 120.0, "llm_ttft": 40.0})
    metrics.turn("cancelled", {})
    seen = values(metrics)
    assert seen["parley_turns_total", "completed"] == 1
    assert seen["parley_turns_total", "cancelled"] == 1
    assert seen["parley_turn_stage_seconds_sum", "stop_to_final"] == pytest.approx(0.12)
    assert seen["parley_turn_stage_seconds_sum", "llm_ttft"] == pytest.approx(0.04)
    assert seen["parley_turn_stage_seconds_bucket", "0.05", "llm_ttft"] == 1
    assert seen["parley_turn_stage_seconds_bucket", "0.02", "llm_ttft"] == 0


def test_interruptions_errors_refusals_lag_and_bytes_are_counted():
    metrics = Metrics()
    metrics.interrupted(3.0)
    metrics.error("bad_frame")
    metrics.refused("capacity")
    metrics.loop_lag(0.004)
    metrics.received(100)
    metrics.received(20)
    metrics.sent(7)
    seen = values(metrics)
    assert seen["parley_interrupt_stop_seconds_bucket", "0.005"] == 1
    assert seen["parley_interrupt_stop_seconds_bucket", "0.002"] == 0
    assert seen["parley_errors_total", "bad_frame"] == 1
    assert seen["parley_refusals_total", "capacity"] == 1
    assert seen["parley_loop_lag_seconds_bucket", "0.005"] == 1
    assert seen["parley_messages_total", "in"] == 2
    assert seen["parley_bytes_total", "in"] == 120
    assert seen["parley_bytes_total", "out"] == 7


def test_engines_are_asked_at_every_scrape():
    now = EngineStatistics(busy_seconds=1.5, jobs=3, waiting=2)
    metrics = Metrics({"stt": lambda: now})
    assert values(metrics)["parley_engine_busy_seconds_total", "stt"] == 1.5
    now = EngineStatistics(busy_seconds=2.5, jobs=4, waiting=0)
    seen = values(metrics)
    assert seen["parley_engine_busy_seconds_total", "stt"] == 2.5
    assert seen["parley_engine_jobs_total", "stt"] == 4
    assert seen["parley_engine_queue_jobs", "stt"] == 0


def test_a_label_cannot_grow_without_bound():
    metrics = Metrics()
    for number in range(3 * MOST_LABELS):
        metrics.error(f"code-{number}")
    seen = {key: value for key, value in values(metrics).items() if key[0] == "parley_errors_total"}
    assert len(seen) == MOST_LABELS + 1
    assert seen["parley_errors_total", "other"] == 2 * MOST_LABELS


def test_two_servers_in_one_process_do_not_mix():
    one, other = Metrics(), Metrics()
    one.received(1)
    assert values(other)["parley_messages_total", "in"] == 0


def test_the_version_is_a_label():
    assert values(Metrics())["parley_build_info", VERSION] == 1


def test_the_readme_lists_exactly_the_metrics_that_exist_with_their_types_and_labels():
    metrics = Metrics({"stt": lambda: EngineStatistics(0.0, 0, 0)})
    metrics.session_closed("bye")
    metrics.turn("completed", {"llm_ttft": 1.0})
    metrics.error("internal")
    metrics.refused("path")
    exported = {
        (name, family.type): {label for sample in family.samples for label in sample.labels}
        - {"le"}
        for name, family in families(metrics).items()
        if name.startswith("parley_")
    }
    match = re.search(
        r"<!-- metrics -->(.*?)<!-- /metrics -->", README.read_text(encoding="utf-8"), re.DOTALL
    )
    assert match is not None
    rows = re.findall(r"^\| `(parley_\w+)` \| (\w+) \|([^|]*)\|", match[1], re.MULTILINE)
    listed = {
        (name.removesuffix("_total") if kind == "counter" else name, kind): set(
            re.findall(r"`(\w+)`", labels)
        )
        for name, kind, labels in rows
    }
    assert listed == exported
