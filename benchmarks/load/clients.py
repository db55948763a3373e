"""One simulated person with a device: comes, talks, listens, interrupts, leaves, comes again.

A client never raises for what a server or a network does to it: everything becomes a record. Every
wait has a deadline, so a session that hangs becomes a failed turn.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.load.measurement import TurnPlan, failure, interruption, measure_turn
from benchmarks.load.scenario import BUNDLED_UTTERANCES, Codec, Scenario, ScenarioError
from benchmarks.results import Fault, SessionOutcome, SessionRecord, TurnKind, TurnRecord
from gateway.client.demo import bundled
from gateway.client.errors import (
    ClientError,
    Refused,
    SessionEnded,
    Unreachable,
    WaitExpired,
    WavError,
)
from gateway.client.microphone import Utterance, resample
from gateway.client.session import DeviceSession, DeviceSettings, connect
from gateway.client.shared_speech import SharedSpeech
from gateway.client.speaker import Playback
from gateway.client.trace import TurnTrace
from gateway.client.wav import Recording, read_wav
from protocol.audio import AudioFormat
from protocol.events import InputText, SessionFields, TurnFields

__all__ = ["Client", "Records", "UtteranceBank"]

_BACK_OFF_S: Final = 1.0
"""Before a device whose session broke connects again."""


class UtteranceBank:
    """Recordings by name and rate: read, resampled and encoded once for all devices.

    Attributes:
        shared: Their frames.
    """

    def __init__(self, names: tuple[str, ...], formats: frozenset[AudioFormat]) -> None:
        """Read them, for microphones of these formats.

        Raises:
            ClientError: A recording is missing, no WAV, or holds no speech.
        """
        self.shared = SharedSpeech()
        self._texts: dict[str, str | None] = {}
        self._recordings: dict[tuple[str, int], Recording] = {}
        for name in dict.fromkeys(names):
            recording = _recording(name)
            self._texts[name] = _text(name)
            for rate in sorted({format.rate for format in formats}):
                samples = resample(recording.samples, recording.rate, rate)
                self._recordings[name, rate] = Recording(samples, rate)
            for format in formats:
                self.shared.prepare(self._recordings[name, format.rate], format)

    def recording(self, name: str, rate: int) -> Recording:
        """A recording at a rate that was named at the beginning."""
        return self._recordings[name, rate]

    def text(self, name: str) -> str | None:
        """What is said in it, if that is known."""
        return self._texts[name]


@dataclass(slots=True)
class Records:
    """What all clients of a run have noted so far; `step` is the current one.

    Attributes:
        origin: The clock at the beginning of the run.
        step: Of the ramp.
        open: Sessions that are welcomed and alive.
        next_number: Of the next session; grows by ``stride``, the number of client processes.
    """

    origin: float
    clock: Callable[[], float] = time.monotonic
    step: int = 0
    turns: list[TurnRecord] = field(default_factory=list)
    sessions: list[SessionRecord] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    open: int = 0
    next_number: int = 0
    stride: int = 1

    @property
    def now_s(self) -> float:
        """Seconds since the run began."""
        return self.clock() - self.origin

    def fault(self, kind: str, session: int | None = None, detail: str = "") -> None:
        """Note something for the timeline."""
        self.faults.append(Fault(self.now_s, kind, session, detail))

    def turn(self, record: TurnRecord) -> None:
        """Note a turn that is over."""
        self.turns.append(record)
        if record.failed:
            self.fault("turn_failed", record.session, f"{record.error_code}: {record.error}")

    def number(self) -> int:
        """The next session's number."""
        number = self.next_number
        self.next_number += self.stride
        return number


class _Vanished(Exception):
    """The scenario cut the connection."""


@dataclass(slots=True)
class _Visit:
    """One session of a client, while it lasts."""

    device: DeviceSession
    number: int
    turns: int = 0


class Client:
    """One place in the crowd; until it is told to stop, somebody takes it.

    Args:
        place: From 0; decides about formats, modes and every draw.
        url: Where to connect.
        key: Bearer key.
        scenario: What to do.
        bank: The recordings.
        records: Where to note what happened.
        scored: Whether transcripts are compared with what was said.
    """

    def __init__(
        self,
        place: int,
        url: str,
        key: str | None,
        scenario: Scenario,
        bank: UtteranceBank,
        records: Records,
        *,
        scored: bool,
    ) -> None:
        codecs = scenario.codecs
        self._place = place
        self._url = url
        self._key = key
        self._scenario = scenario
        self._bank = bank
        self._records = records
        self._scored = scored
        self._codec: Codec = codecs[place % len(codecs)]
        self._mode = scenario.speech.modes[place % len(scenario.speech.modes)]
        self._random = random.Random(f"{scenario.seed}/{place}")
        self._spoken = place  # everybody begins with another sentence
        self._interruptions = place
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin no further turn: leave after the one in progress."""
        self._stopping.set()

    async def run(self) -> None:
        """Come and go until `stop`; cancelling ends a session at once.

        Who is refused comes again, unless the scenario counts on who is refused.
        """
        while not self._stopping.is_set():
            outcome = await self._visit()
            if outcome == "refused" and self._scenario.bounds.refused_excess:
                return
            pause = self._scenario.sessions.pause_s
            await self._rest(pause if outcome in ("completed", "abandoned") else _BACK_OFF_S)

    # -- a session ------------------------------------------------------------------------------

    async def _visit(self) -> SessionOutcome:
        """One session from connecting to the end; returns its outcome."""
        records = self._records
        record = SessionRecord(
            records.number(), records.step, str(self._codec), opened_s=records.now_s
        )
        visit: _Visit | None = None
        outcome: SessionOutcome = "stopped"
        error: ClientError | None = None
        try:
            async with connect(self._settings(), clock=records.clock) as device:
                record = replace(
                    record, welcomed_s=records.now_s, server_session=device.welcome.session
                )
                visit = _Visit(device, record.number)
                records.open += 1
                try:
                    outcome = await self._converse(visit)
                finally:
                    records.open -= 1
        except _Vanished:
            outcome = "abandoned"
        except ClientError as raised:
            outcome, error = _outcome(raised), raised
        finally:
            self._close(record, visit, outcome, error)
        return outcome

    def _settings(self) -> DeviceSettings:
        speech = self._scenario.speech
        turn = TurnFields(mode="manual") if self._mode == "push_to_talk" else None
        limit = speech.max_tokens or None
        wishes = SessionFields()
        if turn is not None:
            wishes = replace(wishes, turn=turn)
        if limit is not None:
            wishes = replace(wishes, max_tokens=limit)
        return DeviceSettings(
            url=self._url,
            key=self._key,
            microphone=None if self._mode == "text" else self._codec.up,
            speaker=self._codec.down,
            out_start_ms=self._scenario.audio.out_start_ms,
            session=wishes if turn is not None or limit is not None else None,
            name=f"parley bench {self._place}",
            keep_audio=False,
            shared=self._bank.shared,
        )

    def _close(
        self,
        record: SessionRecord,
        visit: _Visit | None,
        outcome: SessionOutcome,
        error: ClientError | None,
    ) -> None:
        """Note how the session ended."""
        records = self._records
        message = None if error is None else " ".join(str(error).split())
        code = error.code if isinstance(error, Refused | SessionEnded) else None
        record = replace(record, ended_s=records.now_s, outcome=outcome, code=code, error=message)
        if visit is not None:
            record = _with_traffic(record, visit)
        records.sessions.append(record)
        kinds = {"refused": "refused", "abandoned": "disconnect"}
        if outcome not in ("completed", "stopped"):
            kind = kinds.get(outcome, "session_failed")
            records.fault(kind, record.number, message or "as the scenario has it")

    async def _converse(self, visit: _Visit) -> SessionOutcome:
        """Turn after turn, until enough, or `stop`."""
        limit = self._scenario.sessions.turns
        while not self._stopping.is_set():
            await self._rest(self._random.uniform(*self._scenario.speech.think_s))
            if visit.device.ended is not None:
                raise visit.device.ended
            if self._stopping.is_set():
                break
            await self._turn(visit)
            visit.turns += 1
            if limit and visit.turns >= limit:
                return "completed"
        return "stopped"

    async def _rest(self, seconds: float) -> None:
        """Wait, but not once it is time to leave."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    # -- a turn ---------------------------------------------------------------------------------

    async def _turn(self, visit: _Visit) -> None:
        """One turn, whatever comes of it, noted; raises what ended the session."""
        plan = self._plan(visit)
        timeout_s = self._scenario.speech.turn_timeout_s
        begun = self._records.now_s
        try:
            if self._drawn(self._scenario.faults.disconnect_share):
                await self._vanish(visit, plan, timeout_s)
            if plan.kind == "text":
                await self._type(visit, plan, timeout_s)
            else:
                await self._speak(visit, plan, timeout_s)
        except (SessionEnded, WaitExpired) as error:
            code = f"close.{error.code}" if isinstance(error, SessionEnded) else "timeout"
            self._fail(plan, begun, _error_code(visit.device) or code, str(error))
            raise  # a device that waits in vain is turned off and on again
        except asyncio.CancelledError:
            self._fail(plan, begun, "unfinished", "it was not over when the run ended")
            raise

    def _fail(self, plan: TurnPlan, begun_s: float, code: str, error: str) -> None:
        """Note a turn of which nothing but its beginning is known."""
        record = TurnRecord(
            plan.session,
            plan.index,
            plan.step,
            plan.kind,
            plan.utterance,
            plan.codec,
            begin_s=begun_s,
            reference=plan.reference,
        )
        self._records.turn(failure(record, code, error))

    def _plan(self, visit: _Visit) -> TurnPlan:
        scenario, speech = self._scenario, self._scenario.speech
        typed = self._mode == "text" or self._drawn(speech.text_share)
        kind: TurnKind = "text" if typed else "spoken"
        if not typed and self._mode == "push_to_talk":
            kind = "push_to_talk"
        names = speech.texts if typed else speech.utterances
        name = names[self._spoken % len(names)]
        self._spoken += 1
        return TurnPlan(
            session=visit.number,
            index=visit.turns,
            step=self._records.step,
            kind=kind,
            utterance=name,
            codec=str(self._codec),
            reference=None if typed else self._bank.text(name),
            stated_ms=scenario.stated_ms,
            scored=self._scored,
        )

    async def _type(self, visit: _Visit, plan: TurnPlan, timeout_s: float) -> None:
        device = visit.device
        sent_at = device.now
        turns = await device.command(InputText(text=plan.utterance), timeout_s=timeout_s)
        playback = device.playback(turns[-1])
        self._note(measure_turn(plan, turns, playback, sent_at=sent_at, origin=self._origin))

    async def _speak(self, visit: _Visit, plan: TurnPlan, timeout_s: float) -> None:
        device = visit.device
        heard_before = len(device.speaker.history)
        utterance, released_at = await self._say(device, plan, timeout_s)
        if self._drawn(self._scenario.faults.slow_reader_share):
            await self._read_slowly(visit, heard_before, timeout_s)
        elif plan.kind == "spoken" and self._drawn(self._scenario.speech.barge_in_share):
            await self._interrupt(visit, plan, utterance, heard_before, timeout_s)
            return
        turns = await device.answered(utterance, timeout_s=timeout_s)
        self._note(
            measure_turn(
                plan,
                turns,
                device.playback(turns[-1]),
                utterance=utterance,
                released_at=released_at,
                origin=self._origin,
            )
        )

    async def _say(
        self, device: DeviceSession, plan: TurnPlan, timeout_s: float
    ) -> tuple[Utterance, float | None]:
        recording = self._recording(plan.utterance)
        if plan.kind != "push_to_talk":
            return device.say(recording, plan.utterance), None
        spoken = await device.push_to_talk(recording, plan.utterance, timeout_s=timeout_s)
        return spoken, device.now

    async def _interrupt(
        self,
        visit: _Visit,
        plan: TurnPlan,
        utterance: Utterance,
        heard_before: int,
        timeout_s: float,
    ) -> None:
        """Talk over the reply; a reply that is over before that is an ordinary turn."""
        device, speech = visit.device, self._scenario.speech
        after_s = speech.barge_in_after_s[self._interruptions % len(speech.barge_in_after_s)]
        playback = await device.heard(after_s, since=heard_before, timeout_s=timeout_s)
        [*_, turn] = device.trace.between(*_span(utterance))
        if playback.outcome is not None:
            turns = await device.answered(utterance, timeout_s=timeout_s)
            self._note(
                measure_turn(plan, turns, playback, utterance=utterance, origin=self._origin)
            )
            return
        name = speech.interruptions[self._interruptions % len(speech.interruptions)]
        self._interruptions += 1
        talking = device.say(self._recording(name), name)
        answers = await device.answered(talking, timeout_s=timeout_s)
        self._note_interrupted(visit, plan, (utterance, turn, playback), (name, talking, answers))

    def _note_interrupted(
        self,
        visit: _Visit,
        plan: TurnPlan,
        first: tuple[Utterance, TurnTrace, Playback],
        second: tuple[str, Utterance, list[TurnTrace]],
    ) -> None:
        """Note the turn that was interrupted, and the one that interrupted it."""
        utterance, turn, playback = first
        name, talking, answers = second
        device = visit.device
        asked = device.trace.between(*_span(utterance))
        record = measure_turn(
            plan, asked, playback, utterance=utterance, origin=self._origin, interrupted=True
        )
        cut = interruption(turn, playback, answers, talking, origin=self._origin)
        record = replace(record, interruption=cut)
        if turn.interrupted_at is None and not record.failed:
            record = failure(record, "not_interrupted", "speech did not stop the reply")
        self._note(record)
        visit.turns += 1
        following = replace(
            plan,
            index=visit.turns,
            kind="interrupting",
            utterance=name,
            reference=self._bank.text(name),
        )
        answer = device.playback(answers[-1])
        self._note(measure_turn(following, answers, answer, utterance=talking, origin=self._origin))

    # -- faults ---------------------------------------------------------------------------------

    async def _vanish(self, visit: _Visit, plan: TurnPlan, timeout_s: float) -> None:
        """Lose the connection in the middle of the speech, or of the reply."""
        device = visit.device
        heard_before = len(device.speaker.history)
        if plan.kind == "text":
            device.send(InputText(text=plan.utterance))
        else:
            utterance = device.say(self._recording(plan.utterance), plan.utterance)
            if self._drawn(0.5):
                await self._rest(utterance.samples / utterance.rate / 2)
                self._cut(visit)
        with suppress(WaitExpired):
            await device.heard(0.2, since=heard_before, timeout_s=timeout_s)
        self._cut(visit)

    def _cut(self, visit: _Visit) -> None:
        visit.device.vanish()
        raise _Vanished

    async def _read_slowly(self, visit: _Visit, heard_before: int, timeout_s: float) -> None:
        """Take nothing from the socket for a while, once the reply has begun."""
        with suppress(WaitExpired):
            await visit.device.heard(0.1, since=heard_before, timeout_s=timeout_s)
        seconds = self._scenario.faults.slow_reader_s
        self._records.fault("slow_reader", visit.number, f"reads nothing for {seconds:g} s")
        await visit.device.stop_reading(seconds)

    # -- small things ---------------------------------------------------------------------------

    @property
    def _origin(self) -> float:
        return self._records.origin

    def _note(self, record: TurnRecord) -> None:
        self._records.turn(record)

    def _recording(self, name: str) -> Recording:
        return self._bank.recording(name, self._codec.up.rate)

    def _drawn(self, share: float) -> bool:
        return share > 0 and self._random.random() < share


def _span(utterance: Utterance) -> tuple[int, int]:
    assert utterance.begin is not None, "asked after the reply had begun"
    assert utterance.end is not None
    return utterance.begin, utterance.end


def _outcome(error: ClientError) -> SessionOutcome:
    if isinstance(error, Refused):
        return "refused"
    return "unreachable" if isinstance(error, Unreachable) else "failed"


def _error_code(device: DeviceSession) -> str | None:
    """The server's own word for why a session ended."""
    fatal = next((error for error in reversed(device.errors) if error.fatal), None)
    return None if fatal is None else str(fatal.code)


def _with_traffic(record: SessionRecord, visit: _Visit) -> SessionRecord:
    device = visit.device
    trip = device.round_trip_s
    return replace(
        record,
        turns=visit.turns,
        bytes_up=device.bytes_sent,
        bytes_down=device.bytes_received,
        messages_up=device.messages_sent,
        messages_down=device.messages_received,
        sequence_gaps=device.sequence_gaps + len(device.problems),
        dropped_frames=device.dropped_frames,
        undecodable_frames=device.undecodable_frames,
        round_trip_ms=None if trip is None else trip * 1000,
        microphone_lag_ms=device.microphone_lag_s * 1000,
    )


@cache
def _recording(name: str) -> Recording:
    path = Path(name)
    is_file = path.suffix.lower() == ".wav" or len(path.parts) > 1
    if not is_file and name not in BUNDLED_UTTERANCES:
        known = ", ".join(BUNDLED_UTTERANCES)
        raise ScenarioError(f"there is no utterance {name}; there are {known}, or give a WAV file")
    recording = read_wav(path) if is_file else bundled(name)
    if recording.speech() == (0, 0):
        raise WavError(f"{name} holds nothing but silence; record somebody who speaks")
    return recording


def _text(name: str) -> str | None:
    """What is said: of a WAV file what stands in the text file beside it."""
    if name in BUNDLED_UTTERANCES:
        return BUNDLED_UTTERANCES[name]
    beside = Path(name).with_suffix(".txt")
    try:
        return beside.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"cannot read {beside}: {error}") from error
