"""What a run of `parley bench` leaves behind: frozen values, from which every report is made.

Times that end in ``_s`` are seconds since the run began, on the client's monotonic clock; None is
what did not happen. Durations end in ``_ms``. The words are those of `benchmarks/README.md`: the
onset and the end of speech are the first and the last sample of speech in the recording that was
sent (ground truth), detected start and stop are the server's decisions as they arrived, first audio
is the first frame received, first audible the first received sample above -50 dBFS.

`to_json` makes plain JSON values of a `Result`; `from_json` brings it back.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal, TypeVar, cast

__all__ = [
    "SCHEMA_VERSION",
    "Bound",
    "Distribution",
    "Fault",
    "Interruption",
    "Machine",
    "Result",
    "ServerSample",
    "ServerTotals",
    "SessionRecord",
    "StableWord",
    "Step",
    "Totals",
    "TurnRecord",
    "from_json",
    "to_json",
]

T = TypeVar("T")

SCHEMA_VERSION: Final = 1
"""Grows when a field changes its meaning or goes away; new fields with a default do not count."""

TurnKind = Literal["spoken", "push_to_talk", "text", "interrupting"]
SessionOutcome = Literal["completed", "refused", "unreachable", "failed", "abandoned", "stopped"]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the client ran (and the server too, if the run started it).

    Attributes:
        processor: Its name.
        cores: Logical cores.
        memory_bytes: Of the machine; None where it cannot be told.
        system: Operating system and release.
        load_average: Jobs that ran or waited to run, over the minute before the run: other work
            on the machine makes latencies noisy. None where it cannot be told.
    """

    processor: str
    cores: int
    memory_bytes: int | None
    system: str
    load_average: float | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """Numbers of many observations; percentiles are the nearest rank. All 0 where n is 0."""

    n: int = 0
    mean: float = 0.0
    min: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Distribution:
        """The distribution of the values that are there."""
        ranked = sorted(value for value in values if value is not None)
        if not ranked:
            return cls()

        def rank(percent: float) -> float:
            return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]

        mean = math.fsum(ranked) / len(ranked)
        ends = ranked[0], ranked[-1]
        return cls(len(ranked), mean, ends[0], rank(50), rank(90), rank(95), rank(99), ends[1])


@dataclass(frozen=True, slots=True)
class StableWord:
    """A word and how soon the client could rely on it.

    Attributes:
        text: The word.
        spoken_s: When its last sample was captured, by the server's alignment.
        stable_s: Arrival of the first message that declares it stable.
    """

    text: str
    spoken_s: float
    stable_s: float


@dataclass(frozen=True, slots=True)
class Interruption:
    """What talking over a reply brought; belongs to the turn whose reply was interrupted.

    Attributes:
        after_ms: How much of the reply had been heard at the onset.
        onset_s: First sample of the speech that interrupts.
        started_s: `speech.started` of it.
        detected_s: `interrupt` received.
        last_frame_s: Last frame of the reply received.
        last_audible_s: Last sample of the reply that the device played.
        late_frames: Frames of the reply received after `interrupt`.
    """

    after_ms: float
    onset_s: float
    started_s: float | None
    detected_s: float | None
    last_frame_s: float | None
    last_audible_s: float | None
    late_frames: int

    @property
    def detected_ms(self) -> float | None:
        """Onset to `interrupt`; holds the speech that an interruption takes."""
        return _ms(self.onset_s, self.detected_s)

    @property
    def silence_ms(self) -> float | None:
        """Onset to the last sample that was played."""
        return _ms(self.onset_s, self.last_audible_s)


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn of one session.

    Attributes:
        session: Number of the session in this run.
        index: Number of the turn in its session, from 0.
        step: Index of the step of the ramp in which it began.
        kind: How it was begun; "interrupting" talks over the reply before.
        utterance: What was said, by name; of a text turn the text.
        codec: Formats up and down, such as ``opus/16000/20 pcm_s16le/24000/20``.
        turn: The server's id.
        response: The id of its response.
        begin_s: When the device began with it: first captured sample of the recording, or text
            sent.
        onset_s: First sample of speech.
        end_of_speech_s: Last sample of speech; of a text turn, sent.
        released_s: Push-to-talk released.
        detected_start_s: `speech.started` received.
        detected_stop_s: `speech.stopped` received.
        first_partial_s: First partial transcript received.
        final_s: Final transcript received.
        stable_words: Word by word.
        response_s: `response.started` received.
        first_text_s: First text of the reply received.
        first_audio_s: First frame received.
        first_audible_s: First sample that could be heard.
        play_start_s: First sample past the device's converter.
        last_frame_s: Last frame received.
        reply_end_s: The device's playback ended.
        done_s: `response.done` received.
        status: How the response ended.
        stages_ms: The server's own `latency` event, by its field names.
        overhead_ms: Final transcript to first audio, less the stated costs of scripted engines;
            None with real ones.
        underruns: How often the device's buffer ran dry inside the reply.
        stalled_ms: Silence which that caused.
        longest_gap_ms: Longest time between two frames of the reply's stream.
        received_ms: Audio received of the reply.
        heard_ms: Audio played of it.
        reference: The known text of the recording.
        transcript: What was understood.
        wer: Word errors over words of the reference; None where it is not known.
        reply: The reply's text.
        complete: The response was completed and all of its audio was played (or cut by an
            interruption that was wanted).
        pieces: Turns that the server made of the utterance; 1 is right.
        interruption: Of this turn's reply.
        error: Why it failed, in one line; None if it did not.
        error_code: Short name of that: an error code of the protocol, ``close.1006``, ``timeout``,
            ``not_heard``, ``incomplete``, ...
    """

    session: int
    index: int
    step: int
    kind: TurnKind
    utterance: str
    codec: str
    turn: str | None = None
    response: str | None = None
    begin_s: float | None = None
    onset_s: float | None = None
    end_of_speech_s: float | None = None
    released_s: float | None = None
    detected_start_s: float | None = None
    detected_stop_s: float | None = None
    first_partial_s: float | None = None
    final_s: float | None = None
    stable_words: tuple[StableWord, ...] = ()
    response_s: float | None = None
    first_text_s: float | None = None
    first_audio_s: float | None = None
    first_audible_s: float | None = None
    play_start_s: float | None = None
    last_frame_s: float | None = None
    reply_end_s: float | None = None
    done_s: float | None = None
    status: str | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    overhead_ms: float | None = None
    underruns: int = 0
    stalled_ms: float = 0.0
    longest_gap_ms: float | None = None
    received_ms: float = 0.0
    heard_ms: float = 0.0
    reference: str | None = None
    transcript: str | None = None
    wer: float | None = None
    reply: str = ""
    complete: bool = False
    pieces: int = 0
    interruption: Interruption | None = None
    error: str | None = None
    error_code: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it counts as a failed turn."""
        return self.error is not None

    @property
    def first_partial_ms(self) -> float | None:
        """Onset to the first partial transcript."""
        return _ms(self.onset_s, self.first_partial_s)

    @property
    def hang_over_ms(self) -> float | None:
        """End of speech to `speech.stopped`."""
        return _ms(self.end_of_speech_s, self.detected_stop_s)

    @property
    def final_ms(self) -> float | None:
        """End of speech to the final transcript."""
        return _ms(self.end_of_speech_s, self.final_s)

    @property
    def first_audio_ms(self) -> float | None:
        """End of speech (or text sent) to the first frame: the latency of the turn."""
        return _ms(self.end_of_speech_s, self.first_audio_s)

    @property
    def first_audible_ms(self) -> float | None:
        """End of speech (or text sent) to the first sample that could be heard."""
        return _ms(self.end_of_speech_s, self.first_audible_s)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One connection of the run.

    Attributes:
        number: From 0, in the order of their starts; of several client processes, each counts in
            steps of how many there are.
        step: Index of the step in which it was opened.
        codec: As of its turns.
        server_session: The id in the welcome.
        opened_s: The attempt to connect began.
        welcomed_s: The welcome was there.
        ended_s: The socket was gone.
        outcome: "completed" as planned, "abandoned" by the scenario (an abrupt disconnect),
            "stopped" at the end of the run, "refused" by the server, "unreachable", or "failed".
        code: HTTP status of a refused upgrade, else the close code.
        error: In one line.
        turns: Turns begun.
        bytes_up: WebSocket payload sent, and ``bytes_down`` received.
        messages_up: Messages sent, and ``messages_down`` received.
        sequence_gaps: Holes in the server's sequence numbers, and other breaches of the protocol.
        dropped_frames: Microphone frames that the socket was too slow for.
        undecodable_frames: Frames of the server that no decoder took.
        round_trip_ms: Shortest round trip.
        microphone_lag_ms: How late the client sent its latest frame, at worst: above a frame, the
            client itself was too busy.
    """

    number: int
    step: int
    codec: str
    server_session: str | None = None
    opened_s: float = 0.0
    welcomed_s: float | None = None
    ended_s: float | None = None
    outcome: SessionOutcome = "completed"
    code: int | None = None
    error: str | None = None
    turns: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    messages_up: int = 0
    messages_down: int = 0
    sequence_gaps: int = 0
    dropped_frames: int = 0
    undecodable_frames: int = 0
    round_trip_ms: float | None = None
    microphone_lag_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ServerSample:
    """The server's /metrics at one moment, and the client's own state beside it.

    Attributes:
        at_s: When.
        sessions: Active sessions, by the server.
        cpu_s: Processor seconds of the server so far.
        rss_bytes: Its resident memory.
        loop_lag_p99_ms: A bound that 99 % of the lags since the sample before do not exceed
            (a bucket's edge); None of the first sample.
        loop_lag_mean_ms: Mean of the same.
        queue_jobs: Jobs that wait, by engine.
        busy_s: Seconds of work so far, by engine.
        messages_in: Messages received by the server so far, and ``messages_out`` sent.
        client_cpu_s: Processor seconds of the client so far.
        client_rss_bytes: Resident memory of the client.
        client_lag_p99_ms: Lateness of the client's own timers since the sample before.
    """

    at_s: float
    sessions: int
    cpu_s: float | None
    rss_bytes: int | None
    loop_lag_p99_ms: float | None
    loop_lag_mean_ms: float | None
    queue_jobs: Mapping[str, int] = field(default_factory=dict)
    busy_s: Mapping[str, float] = field(default_factory=dict)
    messages_in: int = 0
    messages_out: int = 0
    client_cpu_s: float = 0.0
    client_rss_bytes: int | None = None
    client_lag_p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit that the scenario sets, and what was measured.

    Attributes:
        name: ``failed_turns``, ``latency_ratio``, ``loop_lag_p99_ms``, ``client_core``, ...
        limit: The scenario's.
        measured: None where it could not be measured.
        broken: Whether it was exceeded.
        note: What is compared, in words.
    """

    name: str
    limit: float
    measured: float | None
    broken: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One level of a ramp; a scenario without a ramp has one.

    Attributes:
        index: From 0.
        begin_s: When its last session had been opened and the measurement began.
        end_s: Its end.
        sessions: How many were wanted.
        sessions_open: How many were welcomed and alive at its end.
        refused: Connections that the server refused in it.
        turns: Turns that began in the measured time and were over.
        failed_turns: Of them.
        latency_ms: End of speech to first audio.
        audible_ms: End of speech to first audible.
        final_ms: End of speech to final transcript.
        overhead_ms: See `TurnRecord.overhead_ms`.
        underruns: In all replies.
        server_cores: Processor seconds of the server per second.
        cpu_per_session: The same by session, in parts of a core.
        loop_cores: Of them, those of the server's event loop, its main thread; None where that is
            not known (a server that the run did not start, or another system than Linux).
        server_rss_bytes: At the end of the step.
        loop_lag_p99_ms: Of the server, over the step (a bucket's edge).
        engine_busy: Share of the time in which an engine worked, by engine.
        reply_share: Share of the sessions' time in which they played a reply.
        client_cores: Processor seconds of the client per second, of one core; of several client
            processes, those of the busiest.
        client_lag_p99_ms: Of the client's timers.
        bounds: The scenario's limits, judged.
    """

    index: int
    begin_s: float
    end_s: float
    sessions: int
    sessions_open: int = 0
    refused: int = 0
    turns: int = 0
    failed_turns: int = 0
    latency_ms: Distribution = Distribution()
    audible_ms: Distribution = Distribution()
    final_ms: Distribution = Distribution()
    overhead_ms: Distribution = Distribution()
    underruns: int = 0
    server_cores: float | None = None
    cpu_per_session: float | None = None
    loop_cores: float | None = None
    reply_share: float | None = None
    server_rss_bytes: int | None = None
    loop_lag_p99_ms: float | None = None
    engine_busy: Mapping[str, float] = field(default_factory=dict)
    client_cores: float = 0.0
    client_lag_p99_ms: float | None = None
    bounds: tuple[Bound, ...] = ()

    @property
    def held(self) -> bool:
        """Whether no bound was broken."""
        return not any(bound.broken for bound in self.bounds)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happened to a session or to the run, for the timeline.

    Attributes:
        at_s: When.
        kind: ``disconnect`` (by the scenario), ``cut`` and ``stall`` (by an impaired network),
            ``refused``, ``session_failed``, ``turn_failed``, ``server_gone``,
            ``client_overloaded``, ``stopped``, ...
        session: Number of the session; None where it concerns the run.
        detail: In one line.
    """

    at_s: float
    kind: str
    session: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ServerTotals:
    """The server's counters over the whole run; empty where its /metrics could not be read.

    Attributes:
        interrupt_stop_mean_ms: Interruption detected to last frame sent, and how many there were.
        interrupt_stop_p95_ms: A bucket's edge.
        loop_lag_p99_ms: Over the whole run.
        rss_slope_bytes_per_hour: Least squares over the second half of the samples; None of runs
            that are too short to tell.
        errors: `error` events by code.
        refusals: By reason.
        turns: By outcome.
    """

    cpu_s: float | None = None
    rss_begin_bytes: int | None = None
    rss_end_bytes: int | None = None
    rss_peak_bytes: int | None = None
    rss_slope_bytes_per_hour: float | None = None
    loop_lag_p99_ms: float | None = None
    loop_lag_mean_ms: float | None = None
    interrupt_stops: int = 0
    interrupt_stop_mean_ms: float | None = None
    interrupt_stop_p95_ms: float | None = None
    engine_busy_s: Mapping[str, float] = field(default_factory=dict)
    engine_jobs: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)
    turns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Totals:
    """Over the whole run; distributions in ms, of turns that did not fail.

    Attributes:
        sessions: Connections attempted, and what became of them.
        turns: Turns begun and over.
        failed_turns: Of them.
        errors: Failed turns and sessions by error code.
        first_partial_ms: Onset to first partial.
        stable_word_ms: Word spoken to word stable.
        hang_over_ms: End of speech to detected stop.
        final_ms: End of speech to final transcript.
        first_audio_ms: End of speech to first frame.
        first_audible_ms: End of speech to first audible.
        overhead_ms: Final transcript to first frame, less the stated costs.
        interrupt_detected_ms: Onset to `interrupt`.
        interrupt_silence_ms: Onset to the last sample played.
        longest_gap_ms: Longest time between two frames of a reply.
        underruns: In all replies; ``replies_with_underruns`` counts those.
        wer: Word errors over all words of the references; None where none was known.
        split_turns: Utterances of which the server made several turns.
        incomplete_replies: Replies that were not heard to their end, unwanted.
        sequence_gaps: In all sessions.
        bytes_up_per_s: By session, while it was open; and ``bytes_down_per_s``.
        client_lag_p99_ms: Of the client's own timers.
        client_cores: Processor seconds of the client per second; of several processes, those of
            the busiest.
    """

    sessions: int = 0
    sessions_refused: int = 0
    sessions_failed: int = 0
    sessions_abandoned: int = 0
    turns: int = 0
    failed_turns: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    first_partial_ms: Distribution = Distribution()
    stable_word_ms: Distribution = Distribution()
    hang_over_ms: Distribution = Distribution()
    final_ms: Distribution = Distribution()
    first_audio_ms: Distribution = Distribution()
    first_audible_ms: Distribution = Distribution()
    overhead_ms: Distribution = Distribution()
    interrupt_detected_ms: Distribution = Distribution()
    interrupt_silence_ms: Distribution = Distribution()
    longest_gap_ms: Distribution = Distribution()
    late_frames: int = 0
    underruns: int = 0
    replies_with_underruns: int = 0
    wer: float | None = None
    split_turns: int = 0
    incomplete_replies: int = 0
    sequence_gaps: int = 0
    dropped_frames: int = 0
    undecodable_frames: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    bytes_up_per_s: float = 0.0
    bytes_down_per_s: float = 0.0
    client_lag_p99_ms: float | None = None
    client_cores: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run.

    Attributes:
        scenario: Name of the scenario.
        settings: The scenario in full, as plain values, with what flags changed.
        command: The command line that repeats the run.
        began_at: UTC, ISO 8601.
        duration_s: Of the run.
        machine: The client's.
        versions: By package.
        url: The server's address; without key.
        served: Whether the run started the server itself.
        server_flags: With which flags.
        server_cores: Cores that the started server was kept on; empty if it was not.
        client_processes: How many processes the devices were spread over.
        incomplete: Why the run ended early; None if it did not.
        knee: Most sessions whose step held all bounds; None of a scenario without a ramp, and
            where not even the first step held.
        sessions_per_core: Of the server at the knee: sessions by cores used.
        limited_by: Name of the bound that ended the ramp.
        bounds: Limits of the run as a whole (those of a step stand there).
        notes: What a reader has to know, such as a client that was the bottleneck.
        passed: Whether all held that the scenario demands.
    """

    scenario: str
    settings: Mapping[str, Any]
    command: str
    began_at: str
    duration_s: float
    machine: Machine
    versions: Mapping[str, str]
    url: str
    served: bool
    server_flags: tuple[str, ...] = ()
    server_cores: tuple[int, ...] = ()
    client_processes: int = 1
    incomplete: str | None = None
    totals: Totals = Totals()
    server: ServerTotals = ServerTotals()
    steps: tuple[Step, ...] = ()
    turns: tuple[TurnRecord, ...] = ()
    sessions: tuple[SessionRecord, ...] = ()
    samples: tuple[ServerSample, ...] = ()
    faults: tuple[Fault, ...] = ()
    knee: int | None = None
    sessions_per_core: float | None = None
    limited_by: str | None = None
    bounds: tuple[Bound, ...] = ()
    notes: tuple[str, ...] = ()
    passed: bool = True
    schema: int = SCHEMA_VERSION


def to_json(result: Result) -> dict[str, Any]:
    """Plain values: dicts, lists, strings, numbers and None; a number without end becomes None."""
    return cast("dict[str, Any]", _plain(dataclasses.asdict(result)))


def from_json(values: Mapping[str, Any]) -> Result:
    """The result that `to_json` wrote down; unknown fields of a later version are passed over.

    Raises:
        ValueError: The values are of another schema, or are no result at all.
    """
    if values.get("schema") != SCHEMA_VERSION:
        found = values.get("schema", "none")
        raise ValueError(f"schema {found} of a benchmark's result; expected {SCHEMA_VERSION}")
    try:
        return cast("Result", _typed(Result, values))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"this is no result of a benchmark: {error}") from error


def _ms(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else (end - begin) * 1000


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _typed(kind: Any, value: Any) -> Any:  # noqa: ANN401
    """The value as its declared type: nested dataclasses, tuples of them, or as it is."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union) and value is not None:
        kind = next(each for each in typing.get_args(kind) if each is not type(None))
    if dataclasses.is_dataclass(kind) and value is not None:
        hints = _hints(cast("type", kind))
        known = {name: _typed(hints[name], each) for name, each in value.items() if name in hints}
        return cast("type", kind)(**known)
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        return tuple(_typed(inner, each) for each in value)
    return value
