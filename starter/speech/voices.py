"""Who speaks: the voices of all synthesizers, and which build of the recognizer learns from them.

Twelve variants of espeak-ng are learnt by no build: they tell what a new voice of a known family
costs. Two voices, of a family and a method each, are kept from the measuring build alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from starter.order import Build
from starter.speech import espeak, festival, flite
from starter.speech.espeak import EspeakSpeaker
from starter.speech.espeak_afresh import EspeakAfresh
from starter.speech.festival import FestivalSpeaker
from starter.speech.flite import FliteSpeaker
from starter.speech.reply_voice import MODEL, ReplyVoice
from starter.speech.speaker import Manner, Speaker

__all__ = [
    "ACCENTS",
    "NEVER_LEARNT",
    "VARIANTS",
    "VOICES",
    "Family",
    "Manner",
    "Speaker",
    "Voice",
    "speakers",
]

Family: TypeAlias = Literal["espeak", "flite", "festival", "reply"]

ACCENTS: Final = (
    "en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-us-nyc", "en-029", "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
)  # fmt: skip
"""Of espeak-ng's English."""

NEVER_LEARNT: Final = (
    "f4", "m6", "klatt3", "Annie", "rob", "linda", "max", "Lee", "Michael", "steph2", "quincy",
    "Andy",
)  # fmt: skip
"""Variants of espeak-ng that are kept for tests."""

VARIANTS: Final = (
    "Alex", "Alicia", "Andrea", "AnxiousAndy", "Denis", "Diogo", "Gene", "Gene2", "Henrique",
    "Hugo", "Jacky", "Marco", "Mario", "Mike", "Mr serious", "Nguyen", "RicishayMax",
    "RicishayMax2", "RicishayMax3", "Storm", "Tweaky", "adam", "anika", "anikaRobot", "antonio",
    "aunty", "belinda", "benjamin", "boris", "caleb", "david", "ed", "edward", "edward2", "f1",
    "f2", "f3", "f5", "grandma", "grandpa", "gustave", "iven", "iven2", "iven3", "iven4", "john",
    "kaukovalta", "klatt", "klatt2", "klatt4", "klatt5", "klatt6", "m1", "m2", "m3", "m4", "m5",
    "m7", "m8", "marcelo", "michel", "miguel", "norbert", "pablo", "paul", "pedro", "robert",
    "robosoft", "robosoft2", "robosoft3", "robosoft4", "robosoft5", "robosoft6", "robosoft7",
    "sandro", "shelby", "steph", "steph3", "travis", "victor", "zac",
)  # fmt: skip
"""Variants of espeak-ng that are learnt: 1.51's, without whispers, monsters and other effects."""

_SHIPPED_ONLY: Final = ("flite:rms", "festival:voice_ked_diphone")


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice.

    Attributes:
        name: As rows keep it: "espeak:en-us+f3", "flite:slt", "festival:voice_ked_diphone",
            "starter".
        family: Its synthesizer.
        learnt_by: The builds that may learn from it.
    """

    name: str
    family: Family
    learnt_by: frozenset[Build]

    @property
    def held_out(self) -> bool:
        """Whether the measuring build goes without it."""
        return "measuring" not in self.learnt_by


def _voices() -> Iterable[Voice]:
    both: frozenset[Build] = frozenset({"shipped", "measuring"})
    for accent in ACCENTS:
        plain = espeak.PREFIX + accent
        yield Voice(plain, "espeak", both)
        yield from (Voice(f"{plain}+{variant}", "espeak", both) for variant in VARIANTS)
        nobody = frozenset[Build]()
        yield from (Voice(f"{plain}+{variant}", "espeak", nobody) for variant in NEVER_LEARNT)
    others: tuple[tuple[str, Family], ...] = (
        *((flite.PREFIX + name, "flite") for name in flite.NAMES),
        *((festival.PREFIX + name, "festival") for name in festival.PACKAGE_OF),
        ("starter", "reply"),
    )
    for name, family in others:
        held: frozenset[Build] = frozenset({"shipped"})
        yield Voice(name, family, held if name in _SHIPPED_ONLY else both)


VOICES: Final = {voice.name: voice for voice in _voices()}
"""All voices, by name."""


def speakers(
    names: Iterable[str], *, repeatable: bool = True, reply_voice: Path = MODEL
) -> list[Speaker]:
    """Return the speakers of these names, in the same order.

    Args:
        names: Of `VOICES`.
        repeatable: A sentence always sounds the same, whatever was spoken before. Otherwise
            espeak-ng takes half the time, and the reply voice has its noise.
        reply_voice: Model of the voice "starter".

    Raises:
        RecipeError: If a synthesizer or a voice is not installed; names the Debian package.
        KeyError: If there is no such voice.
    """
    return [_speaker(VOICES[name], repeatable, reply_voice) for name in names]


def _speaker(voice: Voice, repeatable: bool, reply_voice: Path) -> Speaker:
    _, _, own_name = voice.name.partition(":")
    match voice.family:
        case "espeak":
            return EspeakAfresh(own_name) if repeatable else EspeakSpeaker(own_name)
        case "flite":
            return FliteSpeaker(own_name)
        case "festival":
            return FestivalSpeaker(own_name)
        case "reply":
            return ReplyVoice(reply_voice, repeatable=repeatable)
