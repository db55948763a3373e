"""From what a session noted to the records of a result, and from records to their summary. Pure."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from benchmarks.results import (
    Distribution,
    Interruption,
    SessionRecord,
    StableWord,
    Step,
    Totals,
    TurnKind,
    TurnRecord,
)
from gateway.client.microphone import Utterance
from gateway.client.speaker import Playback
from gateway.client.trace import TurnTrace

__all__ = [
    "TurnPlan",
    "failure",
    "interruption",
    "measure_turn",
    "reply_share",
    "stable_words",
    "totals",
    "with_turns",
    "word_errors",
]


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """What a device set out to do in a turn.

    Attributes:
        session: Number of its session.
        index: Number of the turn in it.
        step: Of the ramp.
        kind: How it begins.
        utterance: What is said, by name; the text of a typed turn.
        codec: Formats.
        reference: What is said, in words; None if that is unknown.
        stated_ms: Stated cost from the final transcript to the first audio; None of real engines.
        scored: Whether the transcript is compared with the reference.
    """

    session: int
    index: int
    step: int
    kind: TurnKind
    utterance: str
    codec: str
    reference: str | None
    stated_ms: float | None
    scored: bool


def measure_turn(
    plan: TurnPlan,
    turns: Sequence[TurnTrace],
    playback: Playback | None,
    *,
    utterance: Utterance | None = None,
    sent_at: float | None = None,
    released_at: float | None = None,
    origin: float,
    wants_audio: bool = True,
    interrupted: bool = False,
) -> TurnRecord:
    """The record of a turn that is over.

    Args:
        plan: What it was to be.
        turns: What the server made of it; the last one counts.
        playback: The first audio of that one's reply.
        utterance: What was spoken, and when.
        sent_at: When a text was sent.
        released_at: When push-to-talk was released.
        origin: The client's clock at the beginning of the run.
        wants_audio: Whether a reply without audio is a failure.
        interrupted: Whether the device talked over the reply.
    """
    begun = TurnRecord(
        plan.session,
        plan.index,
        plan.step,
        plan.kind,
        plan.utterance,
        plan.codec,
        reference=plan.reference,
        pieces=len(turns),
    )
    begun = _with_truth(begun, utterance, sent_at, released_at, origin)
    if not turns:
        return failure(begun, "not_heard", "the server noticed no speech")
    record = _with_reply(_with_trace(begun, turns, utterance, origin), playback, origin)
    record = replace(record, overhead_ms=_overhead(record, plan.stated_ms))
    if plan.scored and plan.reference is not None:
        said = " ".join(turn.transcript or "" for turn in turns)
        record = replace(record, wer=word_errors(plan.reference, said))
    return _judged(record, turns[-1], playback, wants_audio=wants_audio, interrupted=interrupted)


def failure(record: TurnRecord, code: str, error: str) -> TurnRecord:
    """The record of a turn that failed."""
    return replace(record, error=" ".join(error.split()), error_code=code, complete=False)


def interruption(
    turn: TurnTrace,
    playback: Playback,
    speaking: Sequence[TurnTrace],
    utterance: Utterance,
    *,
    origin: float,
) -> Interruption:
    """What talking over a reply brought.

    Args:
        turn: The one whose reply was interrupted.
        playback: Of that reply.
        speaking: The turns that the interrupting speech became.
        utterance: The speech that interrupted.
        origin: The client's clock at the beginning of the run.
    """
    onset = utterance.onset_at
    assert onset is not None, "measured after it was spoken"
    begun = playback.started_at if playback.started_at is not None else onset
    last = playback.last_frame_at if playback.late_at is None else playback.late_at
    return Interruption(
        after_ms=max(0.0, onset - begun) * 1000,
        onset_s=onset - origin,
        started_s=_since(speaking[0].started_at, origin) if speaking else None,
        detected_s=_since(turn.interrupted_at, origin),
        last_frame_s=_since(last, origin),
        last_audible_s=_since(playback.ended_at, origin),
        late_frames=playback.late_frames,
    )


def stable_words(turn: TurnTrace, utterance: Utterance, origin: float) -> tuple[StableWord, ...]:
    """Word by word, when it was spoken and when the server declared that it will not change.

    The words and their ends are those of the final transcript; a word that no partial declared
    stable is so with the final.
    """
    if turn.final_at is None:
        return ()
    partials = zip(turn.partials, turn.stable, strict=True)
    known = [(at, len(text[:stable].split())) for (at, text), (_, stable) in partials]
    found = []
    for count, (text, _, end) in enumerate(turn.words, start=1):
        at = next((at for at, words in known if words >= count), turn.final_at)
        spoken = utterance.opened_at + end / utterance.rate
        found.append(StableWord(text, spoken - origin, at - origin))
    return tuple(found)


def word_errors(reference: str, said: str) -> float | None:
    """Word error rate by jiwer, without case and punctuation; None if jiwer is not installed.

    Importing jiwer takes a second of a busy machine: call this once before the loop matters.
    """
    if importlib.util.find_spec("jiwer") is None:
        return None
    jiwer, form = importlib.import_module("jiwer"), _form()
    return float(jiwer.wer(reference, said, reference_transform=form, hypothesis_transform=form))


def with_turns(step: Step, turns: Iterable[TurnRecord]) -> Step:
    """The step with what was measured on those of the turns that began in it."""
    mine = [turn for turn in turns if turn.step == step.index]
    good = [turn for turn in mine if not turn.failed]
    return replace(
        step,
        turns=len(mine),
        failed_turns=len(mine) - len(good),
        latency_ms=Distribution.of(turn.first_audio_ms for turn in good),
        audible_ms=Distribution.of(turn.first_audible_ms for turn in good),
        final_ms=Distribution.of(turn.final_ms for turn in good),
        overhead_ms=Distribution.of(turn.overhead_ms for turn in good),
        underruns=sum(turn.underruns for turn in mine),
    )


def reply_share(step: Step, turns: Iterable[TurnRecord]) -> float | None:
    """Share of the step's session time in which replies were played; of all turns of a run."""
    whole = (step.end_s - step.begin_s) * step.sessions_open
    if whole <= 0:
        return None
    played = math.fsum(
        max(0.0, min(turn.reply_end_s, step.end_s) - max(turn.play_start_s, step.begin_s))
        for turn in turns
        if turn.play_start_s is not None and turn.reply_end_s is not None
    )
    return played / whole


def totals(
    turns: Sequence[TurnRecord],
    sessions: Sequence[SessionRecord],
    *,
    client_lag_p99_ms: float | None = None,
    client_cores: float = 0.0,
) -> Totals:
    """The summary of a run."""
    good = [turn for turn in turns if not turn.failed]
    cuts = [turn.interruption for turn in good if turn.interruption is not None]
    outcomes = Counter(session.outcome for session in sessions)
    return Totals(
        sessions=len(sessions),
        sessions_refused=outcomes["refused"],
        sessions_failed=outcomes["failed"] + outcomes["unreachable"],
        sessions_abandoned=outcomes["abandoned"],
        turns=len(turns),
        failed_turns=len(turns) - len(good),
        errors=_errors(turns, sessions),
        stable_word_ms=Distribution.of(
            (word.stable_s - word.spoken_s) * 1000 for turn in good for word in turn.stable_words
        ),
        interrupt_detected_ms=Distribution.of(each.detected_ms for each in cuts),
        interrupt_silence_ms=Distribution.of(each.silence_ms for each in cuts),
        late_frames=sum(each.late_frames for each in cuts),
        underruns=sum(turn.underruns for turn in turns),
        replies_with_underruns=sum(turn.underruns > 0 for turn in turns),
        wer=_mean_wer(good),
        split_turns=sum(turn.pieces > 1 for turn in turns),
        incomplete_replies=sum(not turn.complete for turn in good),
        first_partial_ms=Distribution.of(turn.first_partial_ms for turn in good),
        hang_over_ms=Distribution.of(turn.hang_over_ms for turn in good),
        final_ms=Distribution.of(turn.final_ms for turn in good),
        first_audio_ms=Distribution.of(turn.first_audio_ms for turn in good),
        first_audible_ms=Distribution.of(turn.first_audible_ms for turn in good),
        overhead_ms=Distribution.of(turn.overhead_ms for turn in good),
        longest_gap_ms=Distribution.of(turn.longest_gap_ms for turn in good),
        client_lag_p99_ms=client_lag_p99_ms,
        client_cores=client_cores,
        **_traffic(sessions),
    )


def _traffic(sessions: Sequence[SessionRecord]) -> dict[str, Any]:
    spans = [each.ended_s - each.welcomed_s for each in sessions if each.welcomed_s is not None
             and each.ended_s is not None]  # fmt: skip
    seconds = sum(spans)
    sums = {
        name: sum(getattr(each, name) for each in sessions)
        for name in (
            "bytes_up",
            "bytes_down",
            "sequence_gaps",
            "dropped_frames",
            "undecodable_frames",
        )
    }
    rates = {f"{name}_per_s": sums[name] / seconds if seconds else 0.0
             for name in ("bytes_up", "bytes_down")}  # fmt: skip
    return {**sums, **rates}


def _errors(turns: Iterable[TurnRecord], sessions: Iterable[SessionRecord]) -> Mapping[str, int]:
    of_turns = [turn.error_code or "unknown" for turn in turns if turn.failed]
    of_sessions = [
        f"session.{each.outcome}.{each.code or 'none'}"
        for each in sessions
        if each.outcome in ("refused", "unreachable", "failed")
    ]
    return dict(sorted(Counter(of_turns + of_sessions).items()))


def _mean_wer(turns: Iterable[TurnRecord]) -> float | None:
    """Errors over words: long utterances weigh more."""
    scored = [
        (turn.wer, len(turn.reference.split()))
        for turn in turns
        if turn.wer is not None and turn.reference is not None
    ]
    words = sum(count for _, count in scored)
    return sum(wer * count for wer, count in scored) / words if words else None


def _with_truth(
    record: TurnRecord,
    utterance: Utterance | None,
    sent_at: float | None,
    released_at: float | None,
    origin: float,
) -> TurnRecord:
    if utterance is None or utterance.begin is None:
        sent = _since(sent_at, origin)
        return replace(record, begin_s=sent, end_of_speech_s=sent)
    begin = utterance.opened_at + utterance.begin / utterance.rate
    return replace(
        record,
        begin_s=begin - origin,
        onset_s=_since(utterance.onset_at, origin),
        end_of_speech_s=_since(utterance.end_of_speech_at, origin),
        released_s=_since(released_at, origin),
    )


def _with_trace(
    record: TurnRecord, turns: Sequence[TurnTrace], utterance: Utterance | None, origin: float
) -> TurnRecord:
    first, last = turns[0], turns[-1]
    partials = [turn.partials[0][0] for turn in turns if turn.partials]
    stages = asdict(last.latency) if last.latency is not None else {}
    return replace(
        record,
        turn=last.turn,
        response=last.response,
        detected_start_s=_since(first.started_at, origin),
        detected_stop_s=_since(last.stopped_at, origin),
        first_partial_s=_since(partials[0], origin) if partials else None,
        final_s=_since(last.final_at, origin),
        stable_words=() if utterance is None else stable_words(last, utterance, origin),
        response_s=_since(last.response_at, origin),
        first_text_s=_since(last.first_text_at, origin),
        done_s=_since(last.done_at, origin),
        status=last.status,
        stages_ms={name: float(value) for name, value in stages.items()
                   if isinstance(value, int | float)},
        transcript=" ".join(turn.transcript or "" for turn in turns) or None,
        reply=last.reply,
    )  # fmt: skip


def _with_reply(record: TurnRecord, playback: Playback | None, origin: float) -> TurnRecord:
    if playback is None:
        return record
    return replace(
        record,
        first_audio_s=_since(playback.first_audio_at, origin),
        first_audible_s=_since(playback.first_audible_at, origin),
        play_start_s=_since(playback.started_at, origin),
        last_frame_s=_since(playback.last_frame_at, origin),
        reply_end_s=_since(playback.ended_at, origin),
        underruns=playback.underruns,
        stalled_ms=playback.stalled_s * 1000,
        longest_gap_ms=playback.longest_gap_s * 1000,
        received_ms=playback.received_s * 1000,
        heard_ms=playback.heard_s * 1000,
    )


def _overhead(record: TurnRecord, stated_ms: float | None) -> float | None:
    """Final transcript (or text sent) to first audio, less what the engines were told to cost."""
    if stated_ms is None or record.first_audio_s is None:
        return None
    begin = record.end_of_speech_s if record.kind == "text" else record.final_s
    return None if begin is None else (record.first_audio_s - begin) * 1000 - stated_ms


def _judged(
    record: TurnRecord,
    turn: TurnTrace,
    playback: Playback | None,
    *,
    wants_audio: bool,
    interrupted: bool,
) -> TurnRecord:
    """Say whether the turn failed, and whether its reply was heard to the end."""
    if turn.status is None:
        return failure(record, "not_understood", "the server understood nothing of it")
    limited = turn.status == "incomplete" and turn.status_reason == "max_tokens"
    if turn.status != "completed" and not limited and not interrupted:
        why = f"the response was {turn.status}: {turn.status_reason or 'no reason given'}"
        return failure(record, f"response.{turn.status}", why)
    if wants_audio and (playback is None or playback.first_audio_at is None):
        return failure(record, "no_audio", "the reply had no audio")
    played = not wants_audio or (playback is not None and playback.outcome == "done")
    was_cut = interrupted and playback is not None and playback.outcome is not None
    if not (played or was_cut):
        return failure(record, "incomplete", "the reply was not heard to its end")
    return replace(record, complete=True)


@cache
def _form() -> Any:  # noqa: ANN401
    jiwer = importlib.import_module("jiwer")
    return jiwer.Compose(
        [
            jiwer.ToLowerCase(),
            jiwer.RemovePunctuation(),
            jiwer.RemoveMultipleSpaces(),
            jiwer.Strip(),
            jiwer.ReduceToListOfListOfWords(),
        ]
    )


def _since(at: float | None, origin: float) -> float | None:
    return None if at is None else at - origin
