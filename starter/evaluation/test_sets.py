"""The test sets: sentences that no training saw, in clean speech and as telephones and rooms do it.

Every set follows from its seed, from the grammar and from the rules of
`starter.domain.holding_out`; none is ever used for a decision about a training.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio
from starter.domain.holding_out import Split, is_test_sentence
from starter.domain.sentences import user_sentence, word_salad
from starter.domain.spoken import can_be_heard, exchange
from starter.evaluation.bench import Bench
from starter.evaluation.disturbances import (
    beginning_cut,
    in_room,
    over_mu_law,
    over_opus,
    with_noise,
)
from starter.evaluation.listening import PRE_ROLL, TAIL, Utterance, as_captured, utterance
from starter.evaluation.sounds import babble
from starter.evaluation.spoken import Spoken, Wanted, speak_all
from starter.speech.voices import NEVER_LEARNT

__all__ = [
    "DISTURBED",
    "TRAINED_VOICES",
    "UNSEEN_VARIANTS",
    "spoken_answers",
    "spoken_set",
    "utterances",
]

_SEED: Final = 20261121
_ITEMS: Final = 240
_WHITE_DB: Final = 10.0
_BABBLE_DB: Final = 15.0
_JOINED: Final = 200
_PARTS: Final = 4
"""Sentences in one utterance."""
_OTHERS: Final = 40
"""Utterances that babble is made of."""
_LETTERS: Final = 28
"""Sentences that are joined have at least so many, for four of them to last 10 s."""
_PAUSES: Final = (0.25, 0.7)
_SECONDS: Final = (10.0, 27.0)

TRAINED_VOICES: Final = (
    "flite:slt",
    "flite:awb",
    "flite:kal16",
    "flite:kal",
    "festival:voice_kal_diphone",
    "festival:voice_cmu_us_slt_arctic_hts",
    "espeak:en-us",
    "espeak:en",
    "espeak:en-gb-x-rp",
    "espeak:en-us-nyc",
    "espeak:en-us+f3",
    "espeak:en-us+m1",
    "espeak:en-us+klatt2",
    "espeak:en-us+Alicia",
)
"""Voices of every kind that both builds learn from; the sentences go round. Not the reply voice,
which is a model itself, and has a row of its own."""
UNSEEN_VARIANTS: Final = tuple(f"espeak:en-us+{variant}" for variant in NEVER_LEARNT)
"""Variants of espeak-ng that no training hears."""


@dataclass(frozen=True, slots=True)
class _Definition:
    """Which texts, by which voices."""

    draw: Callable[[random.Random, Split], str]
    voices: tuple[str, ...]
    split: Split | None = None


_SETS: Final[Mapping[str, _Definition]] = {
    "new": _Definition(user_sentence, TRAINED_VOICES),
    "templates": _Definition(user_sentence, TRAINED_VOICES, "held"),
    "espeak": _Definition(user_sentence, UNSEEN_VARIANTS),
    "rms": _Definition(user_sentence, ("flite:rms",)),
    "ked": _Definition(user_sentence, ("festival:voice_ked_diphone",)),
    "shuffled": _Definition(word_salad, TRAINED_VOICES),
}


def _answer(random: random.Random, split: Split) -> str:
    """Return what the assistant says in some dialogue, in words that can be written by ear."""
    while True:
        answers = [text for text in exchange(random, split).assistant if can_be_heard(text)]
        if answers:
            return random.choice(answers)


_ANSWERS: Final = _Definition(_answer, ("starter",))

DISTURBED: Final = ("cut", "white", "babble", "mulaw", "opus", "room")
"""Sets that are made from "new"."""


def utterances(name: str, bench: Bench) -> list[Utterance]:
    """Return a test set, one of `_SETS`, `DISTURBED` or "joined", as a session would hear it.

    Raises:
        RecipeError: If a voice is not installed.
    """
    if name == "joined":
        return list(_joined(bench))
    if name in DISTURBED:
        return list(_disturbed(name, spoken_set("new", bench)))
    return [one.utterance() for one in spoken_set(name, bench)]


def spoken_set(name: str, bench: Bench, *, most: int = _ITEMS) -> list[Spoken]:
    """Return a clean set of `_SETS`, speaking what is not kept yet.

    Raises:
        RecipeError: If a voice is not installed.
    """
    definition = _SETS[name]
    texts = _texts(name, definition, bench)
    count = min(most, bench.items(_ITEMS))
    wanted = [
        Wanted(next(texts), definition.voices[at % len(definition.voices)]) for at in range(count)
    ]
    return speak_all(wanted, bench, f"speaking: {name}")


def spoken_answers(bench: Bench, items: int) -> list[str]:
    """Return what the voice is tested with: answers of the assistant that no training saw."""
    return list(itertools.islice(_texts("voice", _ANSWERS, bench), bench.items(items)))


def _texts(name: str, definition: _Definition, bench: Bench) -> Iterator[str]:
    """Yield test sentences, no two alike; the measuring build is asked what it could learn."""
    split: Split = definition.split or ("train" if bench.build == "measuring" else "all")
    drawn, seen = random.Random(f"{_SEED} {name}"), set[str]()
    while True:
        text = definition.draw(drawn, split)
        if is_test_sentence(text) and text not in seen:
            seen.add(text)
            yield text


def _disturbed(name: str, clean: Sequence[Spoken]) -> Iterator[Utterance]:
    noise = np.random.default_rng([_SEED, DISTURBED.index(name)])
    for at, one in enumerate(clean):
        others = [*clean[at + 1 :], *clean[:at]][:_OTHERS]
        yield _heard_through(name, one, noise, others)


def _heard_through(
    name: str, one: Spoken, noise: np.random.Generator, others: Sequence[Spoken]
) -> Utterance:
    speech = one.speech
    before, after = round(PRE_ROLL * SAMPLE_RATE), round(TAIL * SAMPLE_RATE)
    match name:
        case "cut":
            cut = beginning_cut(speech)
            return Utterance(one.text, as_captured(np.pad(cut, (0, after))), len(cut))
        case "room":
            return utterance(one.text, in_room(speech, noise))
        case "white":
            track = noise.standard_normal(before + len(speech) + after).astype(np.float32)
        case "babble":
            voices = [other.speech for other in others]
            track = babble(voices, noise, before + len(speech) + after, speakers=4)
        case _:
            return _after_line(name, one)
    mixed = with_noise(
        np.pad(speech, (before, after)), track, _WHITE_DB if name == "white" else _BABBLE_DB
    )
    return Utterance(one.text, as_captured(mixed), before + len(speech))


def _after_line(name: str, one: Spoken) -> Utterance:
    before, after = round(PRE_ROLL * SAMPLE_RATE), round(TAIL * SAMPLE_RATE)
    padded = np.pad(one.speech, (before, after))
    sound = over_mu_law(padded) if name == "mulaw" else over_opus(padded)
    return Utterance(one.text, as_captured(sound), before + len(one.speech))


def _joined(bench: Bench) -> Iterator[Utterance]:
    """Yield four sentences of a voice in one turn, with pauses of 0.25 to 0.7 s between them."""
    lengths = np.random.default_rng([_SEED, 99])
    found, number = 0, bench.items(_JOINED)
    texts = _texts("joined", _SETS["new"], bench)
    long = (text for text in texts if len(text) >= _LETTERS)
    while found < number:
        voices = [TRAINED_VOICES[(found + at) % len(TRAINED_VOICES)] for at in range(number)]
        wanted = [Wanted(next(long), voice) for voice in voices for _ in range(_PARTS)]
        spoken = speak_all(wanted, bench, "speaking: joined")
        for at in range(0, len(spoken), _PARTS):
            one = _one_turn(spoken[at : at + _PARTS], lengths)
            if found < number and _SECONDS[0] <= one.seconds <= _SECONDS[1]:
                found += 1
                yield one


def _one_turn(parts: Sequence[Spoken], lengths: np.random.Generator) -> Utterance:
    pieces: list[Float32Audio] = [np.zeros(round(PRE_ROLL * SAMPLE_RATE), np.float32)]
    position, pauses = len(pieces[0]), list[tuple[int, int]]()
    for part in parts:
        if len(pieces) > 1:
            pause = round(lengths.uniform(*_PAUSES) * SAMPLE_RATE)
            pieces.append(np.zeros(pause, np.float32))
            pauses.append((position, position + pause))
            position += pause
        pieces.append(part.speech)
        position += len(part.speech)
    pieces.append(np.zeros(round(TAIL * SAMPLE_RATE), np.float32))
    text = " ".join(part.text for part in parts)
    return Utterance(text, as_captured(np.concatenate(pieces)), position, tuple(pauses))
