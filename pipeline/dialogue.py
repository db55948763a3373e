"""One conversation: takes turns, interrupts, remembers. The pipeline's front door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from pipeline.conversation import Conversation, Item, Role
from pipeline.detection import SpeechDetector
from pipeline.ear import (
    AudioHeard,
    BlockJudged,
    Ear,
    HearingEvent,
    UtteranceBegan,
    UtteranceEnded,
    UtteranceVoid,
)
from pipeline.endpointing import EndpointingSettings, EndReason, SpeechPaused, SpeechResumed
from pipeline.engines import (
    SAMPLE_RATE,
    Int16Audio,
    LanguageModel,
    Message,
    Prompt,
    Recognizer,
    Usage,
    Voice,
)
from pipeline.engines.thread import EngineRunner
from pipeline.errors import (
    EngineError,
    NoActiveReply,
    PipelineError,
    ReplyActive,
)
from pipeline.events import (
    CutBy,
    DialogueState,
    InterruptReason,
    LatencyMeasured,
    PartialHeard,
    PipelineEvent,
    ReplyAudio,
    ReplyAudioStarted,
    ReplyCut,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyStatus,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    StopReason,
    TranscriptReady,
    TurnFailed,
)
from pipeline.languages import LanguageTracker, tell_language
from pipeline.persona import Persona
from pipeline.playout import PlayoutSettings, PlayoutState
from pipeline.recognition import Partial, Recognition, RecognitionSettings, Transcript
from pipeline.reply import Reply
from pipeline.thinking import LanguageSeat
from pipeline.turn import Turn, TurnSettings
from pipeline.waiting import event_within
from protocol.audio import AudioFormat

__all__ = ["Dialogue", "DialogueSettings", "Engines", "Listener"]

log = logging.getLogger(__name__)

FLUSH_PATIENCE_S = 0.3
COLLAPSE_PATIENCE_S = 1.0
WATCH_STEP_S = 1.0


class Listener(Protocol):
    """Who a dialogue speaks to. Both methods are synchronous and must not block."""

    def report(self, event: PipelineEvent) -> None:
        """Take the next event, in order."""

    def close_reply(self, response: str) -> None:
        """Let no audio of this reply out from here on, not even what is waiting to be sent."""


@dataclass(frozen=True, slots=True)
class Engines:
    """What a dialogue needs of the machine; shared by all sessions but for the detector.

    Attributes:
        detector: Makes a session's own detector.
        recognizer, language_model, voice: Where the engines run.
        voice_rate: Sample rate of the voice in Hz.
    """

    detector: Callable[[], SpeechDetector]
    recognizer: EngineRunner[Recognizer]
    language_model: EngineRunner[LanguageModel]
    voice: EngineRunner[Voice]
    voice_rate: int


@dataclass(frozen=True, slots=True)
class DialogueSettings:
    """Everything about one session that may change while it lives.

    Attributes:
        persona: Who answers.
        endpointing: How turns are taken.
        recognition: How speech is recognised.
        output: Format of spoken replies; None for text.
        listens: Whether there is a microphone at all.
        greeting: What the agent says first, or "".
        speed: Pace of the voice.
        interrupt: Whether speech interrupts a reply that sounds (needs echo cancellation).
        min_interrupt_ms: Speech that it takes.
        max_tokens, temperature: For the language model.
        playout_reports: Whether the device reports what it has played.
        out_buffer_ms, out_start_ms: The device's playback buffer.
        reported_window_ms, estimated_window_ms: See `PlayoutSettings`.
        history_items: Entries of the conversation that are kept.
        max_payload: Most bytes of audio in one frame.
        apology: What is said where an engine failed.
        apologies: The same by language, where the language is detected.
        voice: Name of the voice, or "" for the language's.
    """

    persona: Persona
    endpointing: EndpointingSettings = field(default_factory=EndpointingSettings)
    recognition: RecognitionSettings = field(default_factory=RecognitionSettings)
    output: AudioFormat | None = None
    listens: bool = True
    greeting: str = ""
    speed: float = 1.0
    interrupt: bool = True
    min_interrupt_ms: int = 250
    max_tokens: int = 200
    temperature: float = 0.0
    playout_reports: bool = True
    out_buffer_ms: int = 2400
    out_start_ms: int = 120
    reported_window_ms: int = 2000
    estimated_window_ms: int = 600
    max_payload: int = 4080
    history_items: int = 200
    apology: str = "Sorry, something went wrong. Please try again."
    apologies: Mapping[str, str] = field(default_factory=dict)
    voice: str = ""

    @property
    def playout(self) -> PlayoutSettings | None:
        """The device's buffer as the playout clock needs it; None for text."""
        if self.output is None:
            return None
        return PlayoutSettings(
            self.output.rate,
            self.playout_reports,
            self.out_buffer_ms,
            self.out_start_ms,
            self.reported_window_ms,
            self.estimated_window_ms,
        )

    @property
    def turn(self) -> TurnSettings:
        """How a reply is produced."""
        return TurnSettings(
            self.output,
            self.speed,
            self.apology,
            self.max_payload,
            language=self.recognition.language or "",
            voice=self.voice,
        )

    def turn_in(self, language: str) -> TurnSettings:
        """How a reply is produced in a language that was detected; "" is none yet."""
        if self.recognition.language is not None or not language:
            return self.turn
        apology = self.apologies.get(language, self.apology)
        return replace(self.turn, language=language, apology=apology)


@dataclass(slots=True, eq=False)
class _Exchange:
    """What the user said, if anything, and the reply to it."""

    turn: str = ""
    recognition: Recognition | None = None
    task: asyncio.Task[None] | None = None
    understood: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    stopped_at: float | None = None
    final_at: float | None = None
    is_answered: bool = True
    asked: bool = False
    metadata: bytes | None = None
    before: _Exchange | None = None
    partial: Partial | None = None
    reply: Reply | None = None
    production: Turn | None = None

    @property
    def is_sounding(self) -> bool:
        return self.reply is not None and self.reply.audio_started


Produce: TypeAlias = Callable[[Turn], Awaitable[None]]


class Dialogue:
    """One session's conversation. All methods but `run` and `caught_up` are synchronous.

    Positions are 16 kHz samples on the microphone's time line. Nothing that the user does raises
    anything but `CommandError`.

    Args:
        engines: What to hear, think and speak with.
        settings: See `DialogueSettings`; `configure` replaces them.
        listener: Takes events and closes outboxes.
        clock: Monotonic seconds.
        now: Local time of day, for the prompt.
        new_id: Makes an id from its prefix ("t", "r", "i").
        round_trip: Seconds to the device and back, as far as known.
    """

    def __init__(
        self,
        engines: Engines,
        settings: DialogueSettings,
        listener: Listener,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        new_id: Callable[[str], str],
        round_trip: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._engines = engines
        self._settings = settings
        self._listener = listener
        self._report = listener.report
        self._clock = clock
        self._now = now
        self._new_id = new_id
        self._round_trip = round_trip
        self._tasks = asyncio.TaskGroup()
        self._conversation = Conversation(max_items=settings.history_items)
        self._language = LanguageTracker()
        self._seat = LanguageSeat(engines.language_model)
        self._ear = Ear(engines.detector(), settings.endpointing, self._on_heard, clock=clock)
        self._state: DialogueState | None = None
        self._hearing: _Exchange | None = None
        self._active: _Exchange | None = None
        self._latest: _Exchange | None = None
        self._settling: asyncio.Task[None] | None = None
        self._unfinished: dict[str, _Exchange] = {}

    # -- life -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Hold the conversation until cancelled. Engine failures are reported, never raised."""
        try:
            async with self._tasks:
                self._rest()
                if self._settings.greeting:
                    self.say(self._settings.greeting)
                await self._ear.listen()
        finally:
            await self._seat.close()

    @property
    def is_busy(self) -> bool:
        """Whether a turn or a reply is in progress."""
        return self._active is not None or self._hearing is not None or bool(self._unfinished)

    @property
    def conversation(self) -> Conversation:
        """The history."""
        return self._conversation

    @property
    def state(self) -> DialogueState:
        """What the agent is doing."""
        return self._state or DialogueState.IDLE

    @property
    def active_response(self) -> str:
        """Id of the reply that is being produced or still sounds, or ""."""
        return self._active.reply.response if self._active and self._active.reply else ""

    def configure(self, settings: DialogueSettings) -> None:
        """Replace the settings. A reply in progress keeps its format and pace."""
        self._settings = settings
        self._ear.configure(settings.endpointing)

    # -- hearing --------------------------------------------------------------------------------

    @property
    def arrived(self) -> int:
        """Position of the next sample to come."""
        return self._ear.arrived

    def hear(self, audio: Int16Audio) -> None:
        """Take the microphone's next samples; never waits."""
        self._ear.hear(audio)

    @property
    def is_behind(self) -> bool:
        """Whether `caught_up` would have to wait."""
        return self._ear.is_behind

    async def caught_up(self) -> None:
        """Wait until the conversation runs and little audio is left to listen to.

        Whoever reads the socket waits here: commands are for a conversation that runs.
        """
        await self._ear.caught_up()

    def break_off(self, reason: StopReason) -> None:
        """Audio ends here (the stream's end, or a gap): an open utterance is over."""
        self._ear.break_off(EndReason(reason))

    def drop_utterance(self) -> None:
        """The stream starts anew: what was being said is void."""
        self._ear.drop_utterance()

    def press(self, position: int | None = None) -> None:
        """Push-to-talk: a turn begins at ``position``; see `Ear.press`. Interrupts a reply.

        Raises:
            NoOpenTurn: In mode off.
        """
        self._ear.press(position)
        if self._active is not None:
            self._interrupt(self._active, InterruptReason.CLIENT)

    def release(self, position: int | None = None) -> None:
        """Push-to-talk: the turn ends at ``position`` (exclusive); waits up to 1 s for its audio.

        Raises:
            NoOpenTurn: In manual mode, if none was begun; in any other, if nobody speaks.
        """
        self._ear.release(position)

    def abandon(self) -> None:
        """Push-to-talk: forget the turn; no transcript follows.

        Raises:
            NoOpenTurn: If no turn is open.
        """
        self._ear.abandon()

    def _on_heard(self, event: HearingEvent) -> None:
        recognition = self._hearing.recognition if self._hearing else None
        match event:
            case AudioHeard():
                if recognition:
                    recognition.hear(event.audio)
            case BlockJudged():
                self._consider_interrupting()
            case UtteranceBegan():
                self._on_began(event.begin)
            case SpeechPaused():
                if recognition:
                    recognition.pause(event.end)
            case SpeechResumed():
                if recognition:
                    recognition.resume()
            case UtteranceEnded():
                self._on_ended(event)
            case UtteranceVoid():
                self._on_void(event.end)

    def _on_began(self, begin: int) -> None:
        exchange = _Exchange(turn=self._new_id("t"))
        self._hearing = exchange
        self._report(SpeechStarted(exchange.turn, begin))
        if self._may_be_heard():
            self._start_recognition(exchange, begin)

    def _may_be_heard(self) -> bool:
        """Half duplex: while a reply sounds, a device without echo cancellation hears itself."""
        sounding = self._active is not None and self._active.is_sounding
        return self._settings.interrupt or self._ear.is_pressed or not sounding

    def _start_recognition(self, exchange: _Exchange, begin: int) -> None:
        begin, audio = self._ear.since(begin)
        exchange.recognition = Recognition(
            self._engines.recognizer,
            self._settings.recognition,
            begin=begin,
            report=lambda partial: self._on_partial(exchange, partial),
            clock=self._clock,
        )
        exchange.recognition.hear(audio)
        self._start(exchange, self._converse(exchange, exchange.recognition))

    def _on_partial(self, exchange: _Exchange, partial: Partial) -> None:
        if partial.text and partial != exchange.partial:
            exchange.partial = partial
            self._report(PartialHeard(exchange.turn, partial))
        if exchange is self._hearing:
            self._ear.read(
                partial.text,
                agreed_words=partial.words,
                punctuated_twice=partial.punctuated_twice,
                language=self._language.current or None,
            )

    def _consider_interrupting(self) -> None:
        exchange = self._active
        if exchange is None or self._hearing is None or self._hearing.recognition is None:
            return
        needed = self._settings.min_interrupt_ms * SAMPLE_RATE // 1000
        if self._ear.speaking_samples >= needed:
            self._interrupt(exchange, InterruptReason.SPEECH)

    def _on_ended(self, event: UtteranceEnded) -> None:
        exchange, self._hearing = self._hearing, None
        if exchange is None:
            return
        reason = StopReason(event.reason)
        self._report(SpeechStopped(exchange.turn, event.end, reason, event.rule))
        if exchange.recognition is None or self._active is not None:
            self._drop(exchange)  # too short to interrupt, or an echo
            return
        exchange.stopped_at = self._clock()
        exchange.ended.set()
        self._active = exchange
        self._set_state(DialogueState.THINKING)
        exchange.recognition.finish(event.end)

    def _on_void(self, end: int) -> None:
        exchange, self._hearing = self._hearing, None
        if exchange is None:
            return
        exchange.is_answered = False
        self._report(SpeechStopped(exchange.turn, end, StopReason.COMMIT))
        self._drop(exchange)
        self._rest()

    def _drop(self, exchange: _Exchange) -> None:
        if exchange.task is not None:
            exchange.task.cancel("nothing to answer")
        exchange.understood.set()
        if self._latest is exchange:
            self._latest = exchange.before

    # -- commands -------------------------------------------------------------------------------

    def type(self, text: str, *, role: Role = "user", respond: bool = True) -> str:
        """Take a typed message, and answer it unless told not to. Returns its item's id."""
        note = self._settings.persona.note(self._now()) if role == "user" else ""
        item = Item(self._new_id("i"), role, text, note=note)
        if respond and self._active is not None:
            self._interrupt(self._active, InterruptReason.SUPERSEDED)
        exchange = _Exchange()
        if respond:
            self._active = exchange
            self._set_state(DialogueState.THINKING)
        self._start(exchange, self._take_typed(exchange, item, respond=respond))
        return item.id

    def say(self, text: str, *, metadata: bytes | None = None) -> None:
        """Speak exactly this text.

        Raises:
            ReplyActive: If a reply is in progress.
        """
        self._respond(lambda turn: turn.say(text), metadata)

    def answer(self, instructions: str = "", *, metadata: bytes | None = None) -> None:
        """Let the model speak now, for this once with other instructions.

        Raises:
            ReplyActive: If a reply is in progress.
        """
        self._respond(lambda turn: turn.answer(self._prompt(instructions)), metadata)

    def _respond(self, produce: Produce, metadata: bytes | None) -> None:
        if self._active is not None:
            raise ReplyActive("a response is in progress; cancel it first, or wait")
        exchange = self._active = _Exchange(asked=True, metadata=metadata)
        exchange.understood.set()
        self._set_state(DialogueState.THINKING)
        self._start(exchange, self._reply(exchange, produce))

    def cancel(self, response: str = "") -> None:
        """Stop the current reply.

        Raises:
            NoActiveReply: If there is none, or another one than named.
        """
        if self._active is None or (response and response != self.active_response):
            raise NoActiveReply("no response is in progress")
        self._interrupt(self._active, InterruptReason.CLIENT)

    def playout(self, response: str, pts: int, state: PlayoutState) -> None:
        """Take a device's report about a reply; reports about finished ones mean nothing."""
        exchange = self._unfinished.get(response)
        if exchange is None or exchange.reply is None or exchange.reply.playout is None:
            return
        if state is PlayoutState.FLUSHED and exchange is self._active:
            state = PlayoutState.DONE  # of its own accord: what it has not got yet is still to come
        exchange.reply.playout.on_report(pts, state, self._clock())
        if exchange is self._active and exchange.reply.done and not self._unheard(exchange.reply):
            self._over(exchange)  # now: a command right behind this report interrupts nothing
        self._moved(exchange)

    def delivered(self, response: str, end_pts: int) -> None:
        """Audio up to ``end_pts`` was handed to the socket."""
        exchange = self._unfinished.get(response)
        if exchange is None or exchange.reply is None or exchange.reply.playout is None:
            return
        if exchange.reply.playout.on_sent(end_pts, self._clock(), self._round_trip()):
            self._moved(exchange)
        elif exchange.reply.done:
            exchange.moved.set()  # these may be the last: then it is known when all is heard

    @staticmethod
    def _moved(exchange: _Exchange) -> None:
        exchange.moved.set()
        if exchange.production is not None:
            exchange.production.playout_moved()

    # -- exchanges ------------------------------------------------------------------------------

    def _start(self, exchange: _Exchange, life: Coroutine[Any, Any, None]) -> None:
        exchange.before, self._latest = self._latest, exchange
        name = f"exchange-{exchange.turn or 'unprompted'}"
        exchange.task = self._tasks.create_task(life, name=name)
        # Also when it is cancelled: those who come later wait for its words, not for ever.
        understood = exchange.understood
        exchange.task.add_done_callback(lambda _: understood.set())

    async def _converse(self, exchange: _Exchange, recognition: Recognition) -> None:
        """A spoken turn: understand it, then answer it."""
        try:
            transcript = await recognition.run()
        except EngineError as error:
            self._report(TurnFailed("stt_failed", str(error), exchange.turn))
            exchange.understood.set()
            await exchange.ended.wait()  # nobody is talked over
            apology = self._settings.turn_in(self._language.current).apology
            await self._reply(exchange, lambda turn: turn.say(apology, failed="stt_failed"))
            return
        await self._words_before(exchange)
        exchange.final_at = self._clock()
        item = self._new_id("i")
        self._remember(item, transcript)
        self._report(TranscriptReady(exchange.turn, item, transcript))
        exchange.understood.set()
        if transcript.text:
            await self._reply(exchange, lambda turn: turn.answer(self._prompt()))
        else:
            self._over(exchange)

    async def _take_typed(self, exchange: _Exchange, item: Item, *, respond: bool) -> None:
        """A typed turn: remember it in its place, then answer it."""
        await self._words_before(exchange)
        await self._settled()
        self._conversation.add(item)
        exchange.understood.set()
        if respond:
            await self._reply(exchange, lambda turn: turn.answer(self._prompt()))

    async def _reply(self, exchange: _Exchange, produce: Produce) -> None:
        """Give one reply, and stay until it has been heard."""
        await self._words_before(exchange)
        await self._settled()
        if not exchange.is_answered:
            return
        reply = self._open_reply(exchange)
        production = exchange.production = self._production(exchange, reply)
        try:
            await produce(production)
        except* PipelineError as group:
            self._report(TurnFailed("internal", str(group.exceptions[0]), exchange.turn))
            production.status, production.failure = ReplyStatus.FAILED, "internal"
        self._close_reply(reply, production)
        await self._heard_out(exchange, reply)
        self._over(exchange)

    def _open_reply(self, exchange: _Exchange) -> Reply:
        reply = Reply(
            self._new_id("r"),
            self._new_id("i"),
            exchange.turn,
            self._settings.playout,
            self._engines.voice_rate,
        )
        exchange.reply = reply
        self._unfinished[reply.response] = exchange
        self._conversation.add(Item(reply.item, "assistant", ""))
        self._report(ReplyStarted(reply.response, exchange.turn, exchange.metadata))
        return reply

    def _production(self, exchange: _Exchange, reply: Reply) -> Turn:
        return Turn(
            reply,
            thinker=self._seat,
            voice=self._engines.voice,
            voice_rate=self._engines.voice_rate,
            settings=self._settings.turn_in(self._language.current),
            report=lambda event: self._relay(exchange, event),
            clock=self._clock,
        )

    def _relay(self, exchange: _Exchange, event: PipelineEvent) -> None:
        if isinstance(event, ReplyAudioStarted):
            self._cover_ears()
            self._set_state(DialogueState.SPEAKING)
        self._report(event)
        if isinstance(event, ReplyAudio) and event.start:
            self._measure(exchange)

    def _close_reply(self, reply: Reply, production: Turn) -> None:
        text = reply.text.strip()
        self._set_text(reply, text)
        reply.done = True
        done = ReplyDone(
            reply.response,
            production.status,
            text,
            production.failure or ("max_tokens" if production.is_cut_short else ""),
            reply.item if text else "",
            usage=production.usage,
        )
        self._report(done)

    async def _heard_out(self, exchange: _Exchange, reply: Reply) -> None:
        while (left := self._unheard(reply)) > 0:
            exchange.moved.clear()
            await event_within(exchange.moved, min(left, WATCH_STEP_S))

    def _unheard(self, reply: Reply) -> float:
        """Seconds until the reply has been heard, as far as known; 0 where it has no sound."""
        playout = reply.playout
        if playout is None or not reply.audio_started:
            return 0.0
        if playout.sent < reply.total_pts:
            return WATCH_STEP_S
        return playout.remaining(self._clock())

    def _over(self, exchange: _Exchange) -> None:
        """The reply has been heard, or there is none to give."""
        if exchange.reply is not None:
            self._unfinished.pop(exchange.reply.response, None)
        if self._active is not exchange:
            return
        self._active = None
        self._hear_again()
        self._rest()

    # -- interruptions --------------------------------------------------------------------------

    def _interrupt(self, exchange: _Exchange, reason: InterruptReason) -> None:
        """Stop the sound now; what remains to be settled happens beside the listening."""
        self._active = None
        reply, task = exchange.reply, exchange.task
        if reply is None or task is None:
            exchange.is_answered = False  # its words stay in the history, unanswered
            if exchange.asked:
                self._decline(exchange, reason)
            self._hear_again()
            self._rest()
            return
        self._listener.close_reply(reply.response)
        if exchange.production is not None:
            exchange.production.stop()
        if reply.audio_started:
            self._report(ReplyInterrupted(reply.response, reason))
        elif reason is InterruptReason.SPEECH:
            reason = InterruptReason.SUPERSEDED
        task.cancel("interrupted")
        self._hear_again()
        self._settling = self._tasks.create_task(
            self._settle(exchange, reply, reason, self._settling, self._clock()), name="settle"
        )
        self._rest()

    def _decline(self, exchange: _Exchange, reason: InterruptReason) -> None:
        """Whoever asked for a reply is told of its beginning and its end, also without a middle."""
        response = self._new_id("r")
        if reason is InterruptReason.SPEECH:
            reason = InterruptReason.SUPERSEDED
        self._report(ReplyStarted(response, exchange.turn, exchange.metadata))
        self._report(ReplyDone(response, ReplyStatus.CANCELLED, "", str(reason), heard=False))

    def _cover_ears(self) -> None:
        """Half duplex: what is being said will be mixed with what the device plays."""
        exchange = self._hearing
        if exchange is None or self._settings.interrupt or self._ear.is_pressed:
            return
        self._drop(exchange)
        exchange.recognition = exchange.task = exchange.before = None
        exchange.understood = asyncio.Event()

    def _hear_again(self) -> None:
        """What is being said was not listened to while a reply sounded; now it is."""
        if self._hearing is not None and self._hearing.recognition is None:
            self._start_recognition(self._hearing, self._ear.position)

    async def _settle(
        self,
        exchange: _Exchange,
        reply: Reply,
        reason: InterruptReason,
        before: asyncio.Task[None] | None,
        interrupted_at: float,
    ) -> None:
        """Cut the history to what was heard, and say how the reply ended."""
        waited_for = {task for task in (before, exchange.task) if task is not None}
        _, late = await asyncio.wait(waited_for, timeout=COLLAPSE_PATIENCE_S)
        if late:
            log.error("a cancelled turn did not end within %g s", COLLAPSE_PATIENCE_S)
        heard = await self._cut(exchange, reply, interrupted_at)
        self._unfinished.pop(reply.response, None)
        if not reply.done:
            usage = exchange.production.usage if exchange.production else Usage()
            self._report(
                ReplyDone(
                    reply.response,
                    ReplyStatus.CANCELLED,
                    heard,
                    str(reason),
                    reply.item if heard else "",
                    bool(heard),
                    usage,
                )
            )

    async def _cut(self, exchange: _Exchange, reply: Reply, interrupted_at: float) -> str:
        """Return what was heard of a reply, after writing it into the history."""
        playout = reply.playout
        if playout is None:
            heard = reply.text.strip()  # text that was sent counts as heard
            self._set_text(reply, heard)
            return heard
        if not reply.audio_started:
            self._conversation.cut(reply.item, "")
            return ""
        await self._flush_report(exchange, reply, interrupted_at)
        pts = playout.heard(interrupted_at)
        heard = reply.heard_text(pts)
        pts = pts if heard else 0
        self._conversation.say(reply.item, reply.text.strip())
        self._conversation.cut(reply.item, heard)
        by = CutBy.PLAYOUT if playout.flushed else CutBy.ESTIMATE
        heard_ms, total_ms = (at * 1000 // reply.rate for at in (pts, reply.total_pts))
        self._report(ReplyCut(reply.item, heard, heard_ms, total_ms, by))
        return heard

    async def _flush_report(self, exchange: _Exchange, reply: Reply, interrupted_at: float) -> None:
        deadline = interrupted_at + FLUSH_PATIENCE_S
        while reply.playout is not None and not reply.playout.flushed:
            exchange.moved.clear()
            left = deadline - self._clock()
            if left <= 0 or not self._settings.playout_reports:
                return
            await event_within(exchange.moved, left)

    async def _settled(self) -> None:
        while self._settling is not None and not self._settling.done():
            await asyncio.wait({self._settling})

    # -- small parts ----------------------------------------------------------------------------

    async def _words_before(self, exchange: _Exchange) -> None:
        # One that was dropped is understood at once, but those before it may not be.
        while (before := exchange.before) is not None:
            await before.understood.wait()
            exchange.before = before.before

    def _remember(self, item: str, transcript: Transcript) -> None:
        if transcript.text:
            notes = (self._settings.persona.note(self._now()), self._language_note(transcript))
            note = " ".join(filter(None, notes))
            self._conversation.add(Item(item, "user", transcript.text, note=note))

    def _language_note(self, transcript: Transcript) -> str:
        """Where the language is detected, the model is told when it changes."""
        words = transcript.words
        seconds = words[-1].end - words[0].start if words else 0.0
        detects = self._settings.recognition.language is None
        changed = detects and self._language.hear(transcript.language, seconds)
        return tell_language(self._language.current) if changed else ""

    def _set_text(self, reply: Reply, text: str) -> None:
        if text:
            self._conversation.say(reply.item, text)
        else:
            self._conversation.cut(reply.item, "")

    def _prompt(self, instructions: str = "") -> Prompt:
        persona = self._settings.persona
        if instructions:
            persona = replace(persona, instructions=instructions)
        messages: list[Message] = self._conversation.messages(persona.system(self._now()))
        return Prompt(messages, self._settings.max_tokens, self._settings.temperature)

    def _measure(self, exchange: _Exchange) -> None:
        if exchange.production is None or exchange.stopped_at is None:
            return
        times, stop = exchange.production.times, exchange.stopped_at
        self._report(
            LatencyMeasured(
                exchange.turn,
                _milliseconds(stop, exchange.final_at),
                _milliseconds(times.prompted, times.first_text),
                _milliseconds(times.first_segment, times.first_speech),
                _milliseconds(stop, times.first_audio),
            )
        )

    def _rest(self) -> None:
        if self._active is None:
            listens = self._settings.listens
            self._set_state(DialogueState.LISTENING if listens else DialogueState.IDLE)

    def _set_state(self, state: DialogueState) -> None:
        if state is not self._state:
            self._state = state
            self._report(StateChanged(state))


def _milliseconds(begin: float | None, end: float | None) -> float:
    return 0.0 if begin is None or end is None else max(0.0, (end - begin) * 1000)
