"""Who says a sentence, how, where, and over which connection: all that is drawn for one utterance.

The shares are those that the recognizer was found to learn well from: half of it espeak-ng's many
voices, which are cheap; the others have few voices, so their pitch, pace and size vary more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from starter.domain.spoken import Utterance
from starter.speech import espeak
from starter.speech.rooms import Room
from starter.speech.speaker import Manner
from starter.speech.voices import ACCENTS, VARIANTS, VOICES, Family

__all__ = ["Take", "cast"]

_FAMILIES: Final[Mapping[Family, float]] = {
    "espeak": 0.50, "flite": 0.30, "festival": 0.07, "reply": 0.13,
}  # fmt: skip
_VOICES: Final[Mapping[str, float]] = {
    "flite:slt": 4, "flite:awb": 4, "flite:rms": 4, "flite:kal16": 2.5, "flite:kal": 0.7,
    "festival:voice_kal_diphone": 6, "festival:voice_ked_diphone": 6,
    "festival:voice_cmu_us_slt_arctic_hts": 2, "starter": 1,
}  # fmt: skip
_ACCENT_SHARES: Final = (5, 3, 1, 1, 2, 1, 1, 1)
_VARIANT_SHARE: Final = 0.93
_PITCHED_SHARE: Final = 0.7
_ROOM_SHARE: Final = 0.3
_PHONE_SHARE: Final = 0.08
_OPUS_SHARE: Final = 0.08
_OPUS_BITRATES: Final = (10_000, 16_000, 20_000, 24_000)
_SIZES: Final[Mapping[Family, tuple[float, float, float]]] = {
    "espeak": (0.60, 0.87, 1.17),
    "flite": (0.75, 0.80, 1.25),
    "festival": (0.75, 0.80, 1.25),
    "reply": (0.50, 0.85, 1.20),
}
"""Share of the utterances whose speaker is of another size, and between which sizes."""


@dataclass(frozen=True, slots=True)
class Take:
    """One utterance, cast.

    Attributes:
        utterance: What is said.
        held: Whether the measuring build must not learn from it.
        voice: Of `VOICES`.
        manner: How.
        size: Of the speaker; see `clips.sampled`.
        room: Where, or None without echoes.
        lead: Seconds of silence before.
        tail: Seconds of silence after.
        channel: What it is transmitted by, if by anything.
        bitrate: Of Opus.
        seed: Of what is drawn while it is recorded.
    """

    utterance: Utterance
    held: bool
    voice: str
    manner: Manner
    size: float
    room: Room | None
    lead: float
    tail: float
    channel: Literal["", "phone", "opus"]
    bitrate: int
    seed: int


def cast(random: Random, utterance: Utterance, *, held: bool, family: Family | None = None) -> Take:
    """Draw everything for an utterance; no voice is drawn that no build may learn from.

    Args:
        random: Draws it.
        utterance: What is said.
        held: See `Take`.
        family: Whose voices speak; None for all, by their shares.
    """
    voice = _voice(random, family)
    own = VOICES[voice].family
    share, smallest, largest = _SIZES[own]
    return Take(
        utterance,
        held,
        voice,
        _manner(random, own),
        random.uniform(smallest, largest) if random.random() < share else 1.0,
        _room(random) if random.random() < _ROOM_SHARE else None,
        lead=random.uniform(0, 0.7 if random.random() < 0.8 else 0.1),
        tail=random.uniform(0.05, 0.8),
        channel=_channel(random),
        bitrate=random.choice(_OPUS_BITRATES),
        seed=random.getrandbits(63),
    )


def _voice(random: Random, family: Family | None) -> str:
    if family is None:
        (family,) = random.choices(tuple(_FAMILIES), tuple(_FAMILIES.values()))
    if family == "espeak":
        return _espeak_voice(random)
    shares = {name: share for name, share in _VOICES.items() if VOICES[name].family == family}
    return random.choices(tuple(shares), tuple(shares.values()))[0]


def _espeak_voice(random: Random) -> str:
    (accent,) = random.choices(ACCENTS, _ACCENT_SHARES)
    plain = espeak.PREFIX + accent
    return f"{plain}+{random.choice(VARIANTS)}" if random.random() < _VARIANT_SHARE else plain


def _manner(random: Random, family: Family) -> Manner:
    match family:
        case "espeak":
            pace = random.uniform(0.71, 1.34)
            return Manner(1 / pace, 2 ** random.uniform(-0.6, 0.7), random.uniform(0.5, 1.7))
        case "flite":
            pitch = random.uniform(0.7, 1.45) if random.random() < _PITCHED_SHARE else 1.0
            return Manner(random.uniform(0.75, 1.4), pitch, random.uniform(0.5, 2.2))
        case "festival":
            pitch = random.uniform(0.7, 1.7) if random.random() < _PITCHED_SHARE else 1.0
            return Manner(random.uniform(0.75, 1.35), pitch, random.uniform(0.7, 1.3))
        case "reply":
            return Manner(random.uniform(0.85, 1.25))


def _room(random: Random) -> Room:
    return Room(random.uniform(0.1, 0.6), 10 ** random.uniform(-1.6, -0.4))


def _channel(random: Random) -> Literal["", "phone", "opus"]:
    draw = random.random()
    if draw < _PHONE_SHARE:
        return "phone"
    return "opus" if draw < _PHONE_SHARE + _OPUS_SHARE else ""
