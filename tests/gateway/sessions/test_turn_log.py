import logging

import pytest

from gateway.control.metrics import Metrics
from gateway.sessions.turn_log import TurnLog
from pipeline.engines import Usage
from pipeline.events import (
    LatencyMeasured,
    ReplyDone,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    SpeechStopped,
    StopReason,
)

SECRET = "my secret reply"


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, logger="gateway.sessions.turn_log")
    metrics = Metrics()
    return TurnLog(metrics), metrics, caplog


def test_a_turn_is_one_line_with_its_latencies_and_never_what_was_said(log):
    turns, metrics, caplog = log
    turns.note(SpeechStopped("t_1", 16_000, StopReason.SILENCE))
    turns.note(ReplyStarted("r_1", "t_1"))
    turns.note(ReplyText("r_1", SECRET))
    turns.note(LatencyMeasured("t_1", 120.4, 80.0, 60.0, 310.0))
    usage = Usage(40, 12, 30)
    turns.note(ReplyDone("r_1", ReplyStatus.COMPLETED, SECRET, item="i_1", usage=usage))
    (record,) = caplog.records
    line = record.getMessage()
    assert line.startswith("turn t_1 completed")
    assert "stopped_by=silence" in line
    assert "tokens=40+12 cached=30" in line
    assert "stop_to_final_ms=120" in line
    assert "stop_to_audio_ms=310" in line
    assert SECRET not in line
    text = metrics.text().decode()
    assert 'parley_turns_total{outcome="completed"} 1.0' in text
    assert 'parley_turn_stage_seconds_sum{stage="stop_to_audio"} 0.31' in text


def test_a_reply_that_nobody_asked_for_has_no_turn_and_no_latencies(log):
    turns, metrics, caplog = log
    turns.note(ReplyStarted("r_1"))
    turns.note(ReplyDone("r_1", ReplyStatus.FAILED, "", reason="llm_failed"))
    line = caplog.records[0].getMessage()
    assert line.startswith("turn - failed (llm_failed) stopped_by=-")
    assert "_ms=" not in line
    assert 'parley_turns_total{outcome="failed"} 1.0' in metrics.text().decode()


def test_latencies_are_those_of_their_own_turn(log):
    turns, _, caplog = log
    turns.note(LatencyMeasured("t_1", 1.0, 1.0, 1.0, 1.0))
    turns.note(ReplyStarted("r_2", "t_2"))
    turns.note(ReplyDone("r_2", ReplyStatus.COMPLETED, "x"))
    assert "_ms=" not in caplog.records[0].getMessage()


def test_what_is_kept_does_not_grow_with_the_turns(log):
    turns, _, _ = log
    for number in range(100):
        turns.note(SpeechStopped(f"t_{number}", 0, StopReason.SILENCE))
        turns.note(ReplyStarted(f"r_{number}", f"t_{number}"))
        turns.note(LatencyMeasured(f"t_{number}", 1.0, 1.0, 1.0, 1.0))
    assert len(turns._turn_of) + len(turns._latencies) + len(turns._stopped_by) <= 3
