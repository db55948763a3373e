"""The terms on which everybody is compared: what is told to every server and to every device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.engine_room import SCRIPTED_REPLY

__all__ = ["FRAME_BYTES", "FRAME_S", "FRAME_SAMPLES", "RATE", "TERMS", "Terms"]

RATE: Final = 16_000
"""Of audio both ways, Hz; mono, 16 bit."""
FRAME_SAMPLES: Final = RATE // 50
FRAME_BYTES: Final = 2 * FRAME_SAMPLES
FRAME_S: Final = FRAME_SAMPLES / RATE


@dataclass(frozen=True, slots=True)
class Terms:
    """What a conversation is like.

    Attributes:
        silence_ms: Silence that ends a turn; nobody looks at what was said.
        vad_stop_ms: Silence after which an utterance may be recognized, within `silence_ms`.
        start_ms: Speech that interrupts a reply.
        threshold: Probability of Silero's that counts as speech.
        stt_ms: Stated cost of a recognition.
        llm_ms: Stated cost of the first token.
        tts_ms: Stated cost of a spoken segment.
        reply_words: Of the scripted reply, so many are spoken.
        character_s: Length of a spoken character.
        reply_share: Part of the time in which a device of a crowd is spoken to.
    """

    silence_ms: int = 500
    vad_stop_ms: int = 200
    start_ms: int = 200
    threshold: float = 0.5
    stt_ms: int = 100
    llm_ms: int = 100
    tts_ms: int = 100
    reply_words: int = 8
    character_s: float = 0.06
    reply_share: float = 0.3

    @property
    def reply(self) -> str:
        """What is always answered."""
        return " ".join(SCRIPTED_REPLY.split(" ")[: self.reply_words])

    @property
    def reply_s(self) -> float:
        """How long it sounds."""
        return len(self.reply) * self.character_s

    @property
    def reply_samples(self) -> int:
        """The same, in samples."""
        return round(self.reply_s * RATE)

    @property
    def cycle_s(self) -> float:
        """From one utterance of a device of a crowd to its next."""
        return round(self.reply_s / self.reply_share, 1)

    @property
    def stated_s(self) -> float:
        """From the end of speech to the first audio frame, if nothing else took any time.

        The recognition is not in it: everybody may do it within the hang-over.
        """
        return (self.silence_ms + self.llm_ms + self.tts_ms) / 1000


TERMS: Final = Terms()
"""Of every comparison that is published."""
