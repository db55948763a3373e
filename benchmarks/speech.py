"""Test speech without a download: spoken by the starter voice, with pauses whose place is known.

Sixty scripts, each spoken phrase by phrase with silence between the phrases, by eight speakers
made from one voice (pace, pitch, loudness, habit of pausing). Everything follows from seeds, so
that two runs hear the same. The lengths of pauses are drawn from a log-normal distribution with
median 330 ms and sigma 0.9: it gives about the shares of pauses longer than 300, 600 and 1600 ms
that LiveKit's public eot-bench reports as false cut-offs of a timer on real turns (56, 22, 5 %).

A synthetic voice is an easy speaker: figures from here compare settings, they promise nothing about
people.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio, Int16Audio

__all__ = [
    "NOISES",
    "SCRIPTS",
    "SPEAKERS",
    "Conversation",
    "Noise",
    "Phrase",
    "Say",
    "Speaker",
    "Utterance",
    "add_noise",
    "conversations",
    "flite_voices",
    "noise",
    "speak",
    "starter_voice",
]

SCRIPTS: Final[tuple[str, ...]] = (
    # Answers.
    "Yes.",
    "No.",
    "Stop.",
    "Thank you.",
    "Okay.",
    "No, thank you.",
    "The second one.",
    "Tomorrow.",
    # Whole sentences.
    "What time is it?",
    "How far away is the moon?",
    "Turn on the light in the kitchen.",
    "Tell me a story about a dragon.",
    "What is the capital of Portugal?",
    "Set a timer for ten minutes.",
    "Good morning, how are you?",
    "Where are you from?",
    "Please switch the radio off.",
    "Who wrote this song?",
    "I would like to know more about the weather in the mountains.",
    "The train to the airport leaves at half past nine.",
    "What happened in nineteen eighty nine?",
    "Wake me up at seven.",
    # The pause follows a word that cannot end a sentence.
    "I would like a cup of coffee and | a piece of cake.",
    "Could you tell me the | name of the river?",
    "I want to go to | the station.",
    "We could meet on Monday or | on Tuesday.",
    "Give me the number of | the dentist.",
    "I think it was my | brother who called.",
    "She asked if | you could come.",
    "He lives in a house with | a big garden.",
    "I am late because | the bus did not come.",
    "Play something by | the same singer.",
    # The pause follows a hesitation.
    "I need, um, | a new phone.",
    "Could you, uh, | call me a taxi?",
    "My name is, er, | Miller.",
    "Then we, um, | we took the other road.",
    # A comma.
    "If it rains tomorrow, | I will stay at home.",
    "After the meeting, | please remind me to call my mother.",
    "Bread, | butter, | and a bottle of milk.",
    "When I was young, | I lived by the sea, | and every day was long.",
    "Well, | I am not sure about that.",
    "First, | open the window.",
    # The text gives no hint, or the wrong one.
    "I called the doctor | this morning.",
    "Remind me to water the plants | in the evening.",
    "I have a question. | How old is the earth?",
    "It is cold today. | Turn the heating on, please.",
    "My sister works | in a small town | in the north.",
    "Book a table | for four people | on Friday evening.",
    "Can you repeat that | more slowly, please?",
    "I do not understand | what you mean.",
    "The meeting was moved | to Thursday.",
    "No. | I meant the other one.",
    # Numbers.
    "My number is five five five | oh one two | seven eight nine.",
    "The code is four seven one | two two eight.",
    "It is zero three zero | nine nine six | four one.",
    "Call one eight hundred | three five five | six six one two.",
    # Long turns.
    "I went to the market yesterday | and bought some apples, | but when I came home | "
    "I saw that half of them were brown.",
    "Last week we drove to the coast. | The weather was fine, | so we stayed for | three days.",
    "There are two things that I need. | The first is a ticket to Berlin, | and the second is | "
    "a room for the night.",
    "I am trying to find a present | for my father, | who likes old maps and | books about ships.",
)
"""What is said; ``|`` marks a pause. Written as a careful transcript would be."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """One way to say it.

    Attributes:
        name: For the report.
        pace: 1.0 is the voice's own; more is faster.
        pitch: Factor on the pitch (the pace changes with it, as on a tape).
        level: Peak in dBFS.
        pausing: Factor on the length of pauses.
    """

    name: str
    pace: float
    pitch: float
    level: float
    pausing: float


SPEAKERS: Final[tuple[Speaker, ...]] = (
    Speaker("plain", 1.0, 1.0, -3, 1.0),
    Speaker("quiet", 1.0, 1.05, -24, 1.0),
    Speaker("fast", 1.2, 1.0, -9, 0.6),
    Speaker("slow", 0.85, 0.95, -9, 1.6),
    Speaker("high", 1.0, 1.15, -12, 1.0),
    Speaker("low", 1.0, 0.88, -12, 1.0),
    Speaker("thoughtful", 0.9, 1.0, -15, 1.6),
    Speaker("brisk", 1.1, 1.1, -18, 0.6),
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is said between two pauses; positions of its first sample and after its last one."""

    text: str
    begin: int
    end: int

    def words_until(self, position: int) -> list[str]:
        """The words whose last sample was spoken before ``position``, by their share of letters."""
        words = self.text.split()
        ends = np.cumsum([len(word) for word in words]) / sum(len(word) for word in words)
        spoken = (position - self.begin) / (self.end - self.begin)
        return [word for word, end in zip(words, ends, strict=True) if end <= spoken + 1e-9]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn of the user, on its conversation's time line."""

    phrases: tuple[Phrase, ...]

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(phrase.text for phrase in self.phrases)

    @property
    def begin(self) -> int:
        """Position of the first sample of speech."""
        return self.phrases[0].begin

    @property
    def end(self) -> int:
        """Position after the last sample of speech."""
        return self.phrases[-1].end

    def text_until(self, position: int) -> str:
        """What a recognizer that knows everything would have read by then."""
        words = [word for phrase in self.phrases for word in phrase.words_until(position)]
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Conversation:
    """All turns of one speaker, with silence between them, as one microphone heard them."""

    speaker: Speaker
    audio: Int16Audio
    utterances: tuple[Utterance, ...]

    def speech_mask(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Per sample, whether a phrase sounds."""
        mask = np.zeros(self.audio.size, np.bool_)
        for utterance in self.utterances:
            for phrase in utterance.phrases:
                mask[phrase.begin : phrase.end] = True
        return mask


Say: TypeAlias = Callable[[str, float], Int16Audio]
"""Speaks a text at a pace: int16 mono at 16 kHz, with or without silence round it."""


# -- voices -------------------------------------------------------------------------------------


def starter_voice(path: Path | None = None) -> Say:
    """The repository's own voice, without randomness.

    Args:
        path: Another Piper voice of 16 kHz.

    Raises:
        ValueError: If the voice has another rate.
    """
    from piper import PiperVoice, SynthesisConfig

    path = (
        Path(__file__).parents[1] / "starter" / "models" / "voice" / "starter.onnx"
        if path is None
        else path
    )
    voice = PiperVoice.load(path)
    if voice.config.sample_rate != SAMPLE_RATE:
        raise ValueError(f"{path} speaks at {voice.config.sample_rate} Hz, expected {SAMPLE_RATE}")

    @functools.cache
    def say(text: str, pace: float) -> Int16Audio:
        style = SynthesisConfig(length_scale=1 / pace, noise_scale=0.0, noise_w_scale=0.0)
        chunks = [chunk.audio_int16_array for chunk in voice.synthesize(text, style)]
        return np.concatenate(chunks) if chunks else np.zeros(0, np.int16)

    return say


def flite_voices() -> dict[str, Say]:
    """Three voices of the program ``flite`` where it is installed, to look beyond one voice."""
    program = shutil.which("flite")
    if program is None:
        return {}
    return {f"flite-{name}": _flite(program, name) for name in ("slt", "rms", "awb")}


def _flite(program: str, name: str) -> Say:
    @functools.cache
    def say(text: str, pace: float) -> Int16Audio:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "said.wav"
            stretch = f"duration_stretch={1 / pace:.3f}"
            command = [program, "-voice", name, "--setf", stretch, "-t", text, "-o", str(path)]
            subprocess.run(command, check=True, capture_output=True)
            with wave.open(str(path)) as file:
                return np.frombuffer(file.readframes(file.getnframes()), np.int16)

    return say


# -- utterances ---------------------------------------------------------------------------------

_MEDIAN_PAUSE_S: Final = 0.33
_PAUSE_SIGMA: Final = 0.9
_SHORTEST_PAUSE_S: Final = 0.15
_LONGEST_PAUSE_S: Final = 1.8
_LEAD_S: Final = 1.0
_BETWEEN_TURNS_S: Final = 3.0
# Relative to the peak: below it there is no speech, only a synthesiser's tail.
_TRIM_DB: Final = -38.0


def conversations(
    say: Say, *, scripts: Sequence[str] = SCRIPTS, speakers: Sequence[Speaker] = SPEAKERS
) -> list[Conversation]:
    """Deal the scripts out to the speakers; each says its share in one conversation."""
    return [
        speak(say, scripts[index :: len(speakers)], speaker, seed=index)
        for index, speaker in enumerate(speakers)
        if scripts[index :: len(speakers)]
    ]


def speak(say: Say, scripts: Sequence[str], speaker: Speaker, *, seed: int) -> Conversation:
    """Let one speaker say the scripts, each a turn, with 3 s of silence after each."""
    random = np.random.default_rng([2026, seed])
    pieces: list[Int16Audio] = [_silence(_LEAD_S)]
    position = pieces[0].size
    utterances = []
    for script in scripts:
        phrases: list[Phrase] = []
        for text in (part.strip() for part in script.split("|")):
            if phrases:
                gap = _silence(_pause(random, speaker))
                pieces.append(gap)
                position += gap.size
            audio = _voiced(say(text, speaker.pace), speaker)
            pieces.append(audio)
            phrases.append(Phrase(text, position, position + audio.size))
            position += audio.size
        utterances.append(Utterance(tuple(phrases)))
        pieces.append(_silence(_BETWEEN_TURNS_S))
        position += pieces[-1].size
    return Conversation(speaker, np.concatenate(pieces), tuple(utterances))


def _pause(random: np.random.Generator, speaker: Speaker) -> float:
    drawn = (
        speaker.pausing * _MEDIAN_PAUSE_S * float(np.exp(_PAUSE_SIGMA * random.standard_normal()))
    )
    return min(max(drawn, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)


def _silence(seconds: float) -> Int16Audio:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def _voiced(audio: Int16Audio, speaker: Speaker) -> Int16Audio:
    import soxr

    samples = _trim(audio.astype(np.float32) / np.float32(32768))
    if speaker.pitch != 1:
        samples = soxr.resample(samples, SAMPLE_RATE * speaker.pitch, SAMPLE_RATE)
    samples *= 10 ** (speaker.level / 20) / np.abs(samples).max()
    return (samples * 32767).astype(np.int16)


def _trim(samples: Float32Audio) -> Float32Audio:
    window = SAMPLE_RATE // 100
    whole = samples[: samples.size // window * window].reshape(-1, window)
    level = np.sqrt((whole**2).mean(axis=1))
    loud = np.flatnonzero(level > level.max() * 10 ** (_TRIM_DB / 20))
    return samples[loud[0] * window : (loud[-1] + 1) * window]


# -- noises -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Noise:
    """What sounds besides the speaker. ``snr_db``: speech (while it lasts) over noise, both RMS."""

    kind: str
    snr_db: float

    def __str__(self) -> str:
        """For a table."""
        return f"{self.kind} {self.snr_db:g} dB"


NOISES: Final[tuple[Noise, ...]] = (
    Noise("white", 10),
    Noise("pink", 5),
    Noise("clicks", 10),
    Noise("hum", 5),
    Noise("babble", 10),
)
"""The conditions of our measurements on recorded speech, so that the two can be compared."""


def add_noise(conversation: Conversation, disturbance: Noise, say: Say, *, seed: int) -> Int16Audio:
    """The conversation's audio with noise from its first to its last sample."""
    speech = conversation.audio.astype(np.float32)
    sounding = speech[conversation.speech_mask()]
    added = noise(disturbance.kind, speech.size, say, seed=seed)
    wanted = np.sqrt((sounding**2).mean()) / 10 ** (disturbance.snr_db / 20)
    mixed = speech + added * (wanted / np.sqrt((added**2).mean()))
    bounded: Int16Audio = np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)
    return bounded


def noise(kind: str, samples: int, say: Say, *, seed: int) -> Float32Audio:
    """Noise of any level, shape (samples,): white, pink, clicks, hum or babble.

    Raises:
        ValueError: If the kind is unknown.
    """
    random = np.random.default_rng([7, seed])
    match kind:
        case "white":
            return random.standard_normal(samples, np.float32)
        case "pink":
            return _pink(random, samples)
        case "clicks":
            return _clicks(random, samples)
        case "hum":
            return _hum(samples)
        case "babble":
            return _babble(random, samples, say)
        case _:
            raise ValueError(f"noise is {kind!r}, expected white, pink, clicks, hum or babble")


def _pink(random: np.random.Generator, samples: int) -> Float32Audio:
    spectrum = np.fft.rfft(random.standard_normal(samples))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, samples).astype(np.float32)


def _hum(samples: int) -> Float32Audio:
    seconds = np.arange(samples) / SAMPLE_RATE
    partials = [(50, 1.0), (100, 0.6), (150, 0.4), (250, 0.2), (350, 0.1)]
    return sum(
        (size * np.sin(2 * np.pi * hertz * seconds) for hertz, size in partials),
        np.zeros(samples),
    ).astype(np.float32)


def _clicks(random: np.random.Generator, samples: int) -> Float32Audio:
    """Keys: two short bursts each (down, up), six strokes a second."""
    track = np.zeros(samples, np.float32)
    fade = np.exp(-np.arange(160) / 30).astype(np.float32)
    position = 0
    while position < samples - 2400:
        for offset in (0, int(random.integers(960, 1900))):
            burst = random.standard_normal(160, np.float32) * fade
            track[position + offset : position + offset + 160] += burst
        position += int(random.integers(1600, 3700))
    return track


def _babble(random: np.random.Generator, samples: int, say: Say) -> Float32Audio:
    """Six talkers at once."""
    track = np.zeros(samples, np.float32)
    for pitch in (0.85, 0.92, 1.0, 1.06, 1.12, 1.2):
        talker = Speaker("", 1.0, pitch, -6, 1.0)
        position = -int(random.integers(0, SAMPLE_RATE))
        while position < samples:
            text = SCRIPTS[int(random.integers(8, len(SCRIPTS)))].replace("|", "")
            audio = _voiced(say(text, 1.0), talker).astype(np.float32)
            begin, end = max(position, 0), min(position + audio.size, samples)
            if end > begin:
                track[begin:end] += audio[begin - position : end - position]
            position += audio.size + int(random.integers(1600, 8000))
    return track
