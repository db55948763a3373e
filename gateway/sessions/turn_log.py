"""One log line per turn, with its latencies, and the same for metrics. Never what was said."""

from __future__ import annotations

import logging

from gateway.control.metrics import Metrics
from pipeline.events import (
    LatencyMeasured,
    PipelineEvent,
    ReplyDone,
    ReplyStarted,
    SpeechStopped,
    StopReason,
)

__all__ = ["TurnLog"]

log = logging.getLogger(__name__)


class TurnLog:
    """Collects what a turn's line needs from the events that pass."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._turn_of: dict[str, str] = {}
        self._latencies: dict[str, LatencyMeasured] = {}
        self._stopped_by: dict[str, str] = {}

    def note(self, event: PipelineEvent) -> None:
        """Look at an event; writes the line when the reply is done."""
        match event:
            case SpeechStopped():
                by_silence = event.reason is StopReason.SILENCE and event.rule
                rule = f"({event.rule})" if by_silence else ""
                self._stopped_by = {event.turn: event.reason.value + rule}
            case ReplyStarted():
                self._turn_of = {event.response: event.turn}
            case LatencyMeasured():
                self._latencies = {event.turn: event}
            case ReplyDone():
                self._write(event)
            case _:
                pass

    def _write(self, done: ReplyDone) -> None:
        turn = self._turn_of.pop(done.response, "")
        latency = self._latencies.pop(turn, None)
        stages = _stages(latency) if latency else {}
        self._metrics.turn(done.status.value, stages)
        timings = " ".join(f"{stage}={round(value)}" for stage, value in stages.items())
        log.info(
            "turn %s %s%s stopped_by=%s tokens=%d+%d cached=%d %s",
            turn or "-",
            done.status.value,
            f" ({done.reason})" if done.reason else "",
            self._stopped_by.get(turn, "-"),
            done.usage.prompt,
            done.usage.generated,
            done.usage.cached,
            timings,
        )


def _stages(latency: LatencyMeasured) -> dict[str, float]:
    return {
        "stop_to_final_ms": latency.stop_to_final,
        "llm_ttft_ms": latency.llm_first,
        "tts_first_ms": latency.tts_first,
        "stop_to_audio_ms": latency.stop_to_audio,
    }
