"""The short form of `make starter-eval`: the shipped models against the figures that are kept.

They must still do what the kept figures say of them, with a margin for the smaller sets. It needs
no Debian package and no torch. Everything is deterministic: seeds, greedy decoding, a voice without
noise, but for the last bits of sums, which depend on the machine.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.engines import SAMPLE_RATE, SpeakJob, piper
from pipeline.engines.thread import StopToken
from starter.evaluation.answering import answers
from starter.evaluation.bench import Bench, shipped_models
from starter.evaluation.figures import Figure
from starter.evaluation.kept import Kept
from starter.evaluation.listening import Heard, Utterance, listen, utterance
from starter.evaluation.silence import LONGEST, quiet_windows
from starter.evaluation.wording import plain, wrong_words

pytestmark = pytest.mark.engines

SENTENCES = (
    "Good morning, how are you?",
    "What time is it?",
    "What is the capital of Portugal?",
    "Set a timer for twelve minutes.",
    "Turn on the light in the kitchen.",
    "Play some quiet music in the bedroom.",
    "Is it going to rain tomorrow?",
    "How do you spell elephant?",
    "What is seven plus eleven?",
    "Tell me a story about a dragon.",
    "My name is Laura.",
    "How many days are in a week?",
    "Thank you very much.",
    "Can you repeat that, please?",
    "What day is it today?",
    "How far away is the moon?",
    "Count from one to ten.",
    "Stop the music.",
    "I would like to hear a joke.",
    "Goodbye, see you tomorrow.",
)


_WORDS = 6.0
"""Points of word error that twenty sentences may be worse."""
_ANSWERS = 15.0
"""Points that forty answers may be worse."""


_SENTENCE = 8
"""Words more in noise: where the recognizer is in two minds, the number of threads decides."""


@cache
def bench() -> Bench:
    return Bench(shipped_models(), "shipped", Path("unused"), portion=0.1)


def kept(row: str) -> Figure:
    return Kept.read().figures["shipped"][row]


def right(row: str) -> float:
    given = answers(row, bench())
    assert len(given) == 40
    return 100 * sum(one.right for one in given) / len(given)


@cache
def spoken() -> tuple[Utterance, ...]:
    voice = piper.load(bench().models.voice)
    assert voice.sample_rate == SAMPLE_RATE
    said = []
    for text in SENTENCES:
        parts = [part.audio for part in voice.speak(SpeakJob(text), stop=StopToken())]
        sound = np.concatenate(parts).astype(np.float32) / np.float32(32768)
        said.append(utterance(text, sound))
    return tuple(said)


def errors(heard: list[Heard]) -> float:
    wrong, said = wrong_words(heard)
    return 100 * sum(wrong) / sum(said)


def test_the_recognizer_understands_the_voice():
    heard = listen(bench().models.recognizer, spoken())
    assert errors(heard) <= kept("voice-heard").value + _WORDS, [
        one for one in heard if plain(one.said) != plain(one.heard)
    ]


def test_the_voice_neither_rushes_nor_drawls():
    # Read speech has about 2.5 words a second; pauses at the end count here.
    words = sum(len(one.text.split()) for one in spoken())
    assert 1.5 < words / sum(one.seconds - 0.8 for one in spoken()) < 4


def test_sentences_joined_to_one_long_turn_are_heard_in_windows():
    parts = spoken()[:4]
    audio = np.concatenate([one.audio for one in parts])
    ends = np.cumsum([len(one.audio) for one in parts])
    pauses = [(int(end) - 4800, int(end)) for end in ends[:-1]]
    text = " ".join(one.text for one in parts)
    long = Utterance(text, audio, len(audio) - 4800, tuple(pauses))
    assert long.seconds > 8
    heard = listen(bench().models.recognizer, [long])
    assert errors(heard) <= max(12.0, kept("wer-joined").value + _WORDS), heard


def test_hardly_more_words_are_heard_in_noise_than_the_figure_says():
    # The first minute of the very windows that the figure was measured on.
    longest = min(LONGEST, bench().models.recognizer.window_seconds)
    pieces = [one for _, one in quiet_windows(60, longest)]
    heard = listen(bench().models.recognizer, pieces)
    assert len(pieces) >= 10
    words = " ".join(one.heard for one in heard).split()
    assert len(words) <= kept("silence").value + _SENTENCE, words


def test_new_questions_get_as_many_right_answers_as_the_figure_says():
    assert right("answers-values") >= kept("answers-values").value - _ANSWERS


def test_the_usual_tools_are_called_as_the_figure_says():
    assert right("tools-trained") >= kept("tools-trained").value - _ANSWERS


def test_every_call_of_a_tool_can_be_read():
    calls = [call for one in answers("tools-trained", bench()) for call in one.calls]
    assert len(calls) >= 30
    assert all(call.name for call in calls)
