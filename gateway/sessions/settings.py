"""A session's settings: the server's defaults, and what the client asked for.

The wire's `SessionSettings` is the one truth; the pipeline's settings are derived from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config import Config
from pipeline.dialogue import DialogueSettings
from pipeline.endpointing import Eagerness, EndpointingSettings, Mode
from pipeline.persona import ClockPlacement, Persona
from pipeline.recognition import RecognitionSettings
from protocol.audio import AudioFormat
from protocol.errors import ErrorCode, MalformedMessage
from protocol.events import SessionFields, SessionSettings, TurnSettings
from protocol.negotiation import Agreement, merged

__all__ = ["ModelTraits", "SessionSettingsBook"]

APOLOGIES = {
    "en": "Sorry, something went wrong. Please try again.",
    "de": "Entschuldigung, etwas ist schiefgegangen. Bitte versuche es noch einmal.",
}


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What the loaded models bring into every session.

    Attributes:
        voices: Names that ``voice`` may have.
        languages: Primary tags that the recognizer knows; empty: any.
        window_seconds: Longest audio that the recognizer reads well at once.
        previous_text: Whether the recognizer bears a window's text as a prompt for the next.
        clock: Where the language model looks for the time of day.
        warning: What users must know about the models, or "".
    """

    voices: tuple[str, ...]
    languages: tuple[str, ...] = ()
    window_seconds: float = 30.0
    previous_text: bool = False
    clock: ClockPlacement = ClockPlacement.TURN
    warning: str = ""


class SessionSettingsBook:
    """Settings in effect, and how they change.

    Args:
        config: The server's configuration: every default.
        traits: Of the loaded models.
        agreement: What was negotiated.
    """

    def __init__(self, config: Config, traits: ModelTraits, agreement: Agreement) -> None:
        self._config = config
        self._traits = traits
        self._agreement = agreement
        self._defaults = _defaults(config, traits, agreement)
        self.current = self._defaults

    def change(self, fields: SessionFields) -> None:
        """Merge a change, leaf by leaf; nothing changes if any of it is refused.

        Raises:
            MalformedMessage: If a value is one that this server cannot serve.
        """
        wanted = merged(self.current, fields, self._defaults)
        self._check(wanted)
        self.current = wanted

    @property
    def output(self) -> AudioFormat | None:
        """Format of spoken replies, or None where they are text."""
        return self._agreement.audio_out if self.current.output == "audio" else None

    def dialogue(self) -> DialogueSettings:
        """Return what the pipeline needs to know."""
        current, turn, config = self.current, self.current.turn, self._config
        language: str | None = current.language
        if language == "auto":
            known = self._traits.languages
            language = known[0] if len(known) == 1 else None  # nothing to detect
        return DialogueSettings(
            persona=Persona(
                current.instructions,
                self._traits.clock if config.conversation.clock else ClockPlacement.OFF,
            ),
            endpointing=EndpointingSettings(
                mode=Mode(turn.mode),
                threshold=turn.threshold,
                prefix_ms=turn.prefix_ms,
                silence_ms=turn.silence_ms,
                eagerness=Eagerness(turn.eagerness),
                max_turn_s=config.turn.max_s,
                language=language or "en",
            ),
            recognition=RecognitionSettings(
                language=language,
                window_seconds=self._traits.window_seconds,
                previous_text=self._traits.previous_text,
                preroll_seconds=turn.prefix_ms / 1000,
                max_seconds=config.turn.max_s,
            ),
            output=self.output,
            listens=self._agreement.audio_in is not None,
            greeting=current.greeting or "",
            speed=current.speed,
            interrupt=turn.interrupt,
            min_interrupt_ms=turn.min_interrupt_ms,
            max_tokens=current.max_tokens or config.conversation.max_tokens,
            temperature=(
                config.conversation.temperature
                if current.temperature is None
                else current.temperature
            ),
            playout_reports=self._agreement.has("playout"),
            out_buffer_ms=self._agreement.out_buffer_ms,
            out_start_ms=self._agreement.out_start_ms,
            reported_window_ms=config.audio.window_ms,
            estimated_window_ms=config.audio.blind_window_ms,
            max_payload=self._agreement.max_payload,
            apology=APOLOGIES.get(current.language, APOLOGIES["en"]),
            apologies=APOLOGIES,
            voice=current.voice or "",
            history_items=config.limits.history_items,
        )

    def _check(self, wanted: SessionSettings) -> None:
        longest = self._config.limits.max_instructions
        size = len(wanted.instructions.encode())
        if size > longest:
            found = f"{size} bytes, at most {longest} are accepted"
            raise _bad("session.instructions", found)
        if wanted.voice not in (None, *self._traits.voices):
            raise _bad("session.voice", f"{wanted.voice!r}; {_choose_from(self._traits.voices)}")
        known = self._traits.languages
        if known and wanted.language not in ("auto", *known):
            raise _bad("session.language", f"{wanted.language!r}; {_choose_from(known)}")
        if wanted.output == "audio" and self._agreement.audio_out is None:
            raise _bad("session.output", "'audio', but hello.audio.out named no format")


def _defaults(config: Config, traits: ModelTraits, agreement: Agreement) -> SessionSettings:
    conversation, turn = config.conversation, config.turn
    interrupt = agreement.interrupts_by_default if turn.interrupt is None else turn.interrupt
    greeting = conversation.greeting
    return SessionSettings(
        instructions=conversation.named(conversation.instructions),
        language=conversation.language,
        output="audio" if agreement.audio_out else "text",
        turn=TurnSettings(
            mode=turn.mode,
            threshold=turn.threshold,
            prefix_ms=turn.prefix_ms,
            silence_ms=turn.silence_ms,
            eagerness=turn.eagerness,
            interrupt=interrupt,
            min_interrupt_ms=turn.min_interrupt_ms,
        ),
        voice=conversation.voice or traits.voices[0],
        speed=conversation.speed,
        greeting=conversation.named(greeting) if greeting else None,
        max_tokens=conversation.max_tokens,
        temperature=conversation.temperature,
    )


def _choose_from(names: tuple[str, ...]) -> str:
    return f"this server has {', '.join(names)}"


def _bad(path: str, found: str) -> MalformedMessage:
    return MalformedMessage(ErrorCode.BAD_FIELD, f"{path} is {found}", path)
