"""A turn's latencies as a waterfall of bars, in plain text."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.client.microphone import Utterance
from gateway.client.speaker import Playback
from gateway.client.trace import TurnTrace

__all__ = ["Stage", "render", "stages"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of a turn.

    Attributes:
        name: What it is called.
        begin: Seconds after the end of speech; negative before it.
        end: Seconds after the end of speech, not before ``begin``.
        note: From what to what.
    """

    name: str
    begin: float
    end: float
    note: str

    @property
    def milliseconds(self) -> float:
        """Its duration."""
        return (self.end - self.begin) * 1000


def stages(turn: TurnTrace, playback: Playback | None, utterance: Utterance | None) -> list[Stage]:
    """The stretches of a turn that are known, one after the other, on the client's clock.

    Zero is the end of speech in the recording that was sent; for a typed turn, and where the
    server began a response by itself, the start of the response.
    """
    points = (
        ("hang-over", "end of speech → detected stop", turn.stopped_at),
        ("recognition", "detected stop → final transcript", turn.final_at),
        ("first text", "final transcript → first text", turn.first_text_at),
        *_heard(playback),
    )
    zero = utterance.end_of_speech_at if utterance is not None else turn.response_at
    if zero is None:
        return []
    found: list[Stage] = []
    previous = 0.0
    for name, note, at in points:
        if at is None:
            continue
        # An event may arrive with, or before, the one that precedes it in meaning.
        offset = max(previous, at - zero)
        found.append(Stage(name, previous, offset, note))
        previous = offset
    return found


def render(found: list[Stage], *, width: int = 40) -> list[str]:
    """Lines of a waterfall: name, bar, milliseconds, and from what to what."""
    total = max((stage.end for stage in found), default=0.0)
    if total <= 0:
        return ["  nothing was measured"]
    return [_line(stage, total, width) for stage in found] + [
        f"  {'total':<14}{'':<{width}}  {total * 1000:6.0f} ms"
    ]


def _line(stage: Stage, total: float, width: int) -> str:
    begin = round(stage.begin / total * width)
    end = max(begin + 1, round(stage.end / total * width))
    bar = (" " * begin + "█" * (end - begin))[:width] if begin < width else " " * (width - 1) + "▏"
    return f"  {stage.name:<14}{bar:<{width}}  {stage.milliseconds:6.0f} ms  {stage.note}"


def _heard(playback: Playback | None) -> tuple[tuple[str, str, float | None], ...]:
    if playback is None:
        return ()
    return (
        ("first audio", "first text → first frame", playback.first_audio_at),
        ("audible", "first frame → first sample above -50 dBFS", playback.first_audible_at),
        ("device buffer", "first audible → loudspeaker starts", playback.started_at),
    )
