"""The voice of last resort: its command line and its audio as values, the program where it is."""

import contextlib
import os
import shutil
import struct
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines import SpeakJob
from pipeline.engines.espeak import (
    EspeakSettings,
    EspeakVoice,
    arguments,
    languages_of,
    load,
    plain,
    read_wav,
)
from pipeline.engines.thread import StopToken
from pipeline.errors import EngineFailed, EngineUnavailable

SETTINGS = EspeakSettings()
installed = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed"
)

LISTING = """\
Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  af              --/M      Afrikaans          gmw/af
 5  cmn             --/M      Chinese_(Mandarin) sit/cmn              (zh-cmn 5)(zh 5)
 5  en-gb           --/M      English_(Great_Britain) gmw/en          (en 2)
 5  nb              --/M      Norwegian_Bokmål   gmq/nb               (no 5)
"""


# -- the command line -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("de", "de"),
        ("pt-BR", "pt-br"),
        ("de_AT", "de-at"),
        ("zh", "cmn"),
        ("no", "nb"),
        ("", "en"),
        ("-h", "en"),
        ("de; rm -rf /", "en"),
        ("../../etc/passwd", "en"),
        ("mb-de4", "mb-de4"),
    ],
)
def test_a_language_is_a_tag_or_the_default(language, voice):
    command = arguments("/bin/espeak-ng", language, 1.0, SETTINGS)
    assert command[command.index("-v") + 1] == voice
    assert command[0] == "/bin/espeak-ng"
    assert {"--stdin", "--stdout"} <= set(command)


@pytest.mark.parametrize(("speed", "pace"), [(1.0, 165), (2.0, 330), (0.1, 80), (9.0, 450)])
def test_the_pace_stays_within_what_the_program_takes(speed, pace):
    command = arguments("espeak-ng", "en", speed, SETTINGS)
    assert command[command.index("-s") + 1] == str(pace)


@given(st.text())
def test_no_text_is_taken_for_phonemes_or_control(text):
    found = plain(text)
    assert "[[" not in found
    assert all(map(str.isprintable, found))


def test_the_languages_are_those_that_the_program_lists():
    assert languages_of(LISTING) == {"af", "cmn", "zh", "en", "nb", "no"}
    assert languages_of("") == frozenset()


# -- the audio ------------------------------------------------------------------------------------


def wav(samples, *, kind=1, channels=1, rate=22_050, bits=16, size=None, junk=b""):
    data = np.asarray(samples, "<i2").tobytes()
    head = struct.pack("<HHIIHH", kind, channels, rate, rate * 2, 2, bits)
    length = len(data) if size is None else size
    return (
        b"RIFF" + struct.pack("<I", 0x7FFFF024) + b"WAVE"
        + b"fmt " + struct.pack("<I", 16) + head + junk
        + b"data" + struct.pack("<I", length) + data
    )  # fmt: skip


def test_audio_is_read_whatever_its_header_says_of_its_length():
    for size in (None, 0x7FFFF000):
        rate, audio = read_wav(wav([0, 16384, -32768], size=size))
        assert rate == 22_050
        assert audio.tolist() == [0.0, 0.5, -1.0]


def test_parts_that_nobody_knows_are_skipped():
    assert len(read_wav(wav([1, 2], junk=b"LIST" + struct.pack("<I", 3) + b"abc\0"))[1]) == 2


def test_half_a_sample_at_the_end_is_dropped():
    assert len(read_wav(wav([1, 2], size=0x7FFFF000) + b"\1")[1]) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with"),
        (b"OggS" * 20, "begins with"),
        (b"RIFF\0\0\0\0WAVE", "no samples"),
        (wav([1], channels=2), "2 channels"),
        (wav([1], bits=8), "8 bits"),
        (wav([1], kind=3), "kind 3"),
        (wav([1], rate=7), "7 Hz"),
        (wav([1])[:30], "no samples"),
    ],
)
def test_what_is_no_such_audio_says_what_it_is(content, message):
    with pytest.raises(ValueError, match=message):
        read_wav(content)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(content):
    with contextlib.suppress(ValueError):
        rate, audio = read_wav(b"RIFF1234WAVE" + content)
        assert 8000 <= rate <= 48_000
        assert np.all(np.abs(audio) <= 1)


# -- the program ----------------------------------------------------------------------------------


def test_a_program_that_is_missing_says_what_to_install():
    with pytest.raises(EngineUnavailable, match="apt install espeak-ng"):
        load(EspeakSettings(program="espeak-of-nowhere"))


@pytest.fixture(scope="module")
def robot():
    return load()


def spoken(voice, text, **more):
    return list(voice.speak(SpeakJob(text, **more), stop=StopToken()))


@installed
def test_it_speaks_any_language_at_the_usual_level(robot):
    assert {"en", "de", "fr", "pl", "zh"} <= robot.languages
    lengths = []
    for language, text in (("de", "Guten Tag, wie geht es Ihnen?"), ("pl", "Dzień dobry.")):
        (stretch,) = spoken(robot, text, language=language)
        level = 20 * np.log10(np.sqrt(np.mean((stretch.audio[stretch.audio != 0] / 32768) ** 2)))
        assert -26 < level < -12
        lengths.append(len(stretch.audio) / robot.sample_rate)
    assert 0.4 < lengths[1] < lengths[0] < 6


@installed
def test_the_language_changes_the_sound_and_the_speed_the_length(robot):
    (english,) = spoken(robot, "Die Nation", language="en")
    (german,) = spoken(robot, "Die Nation", language="de")
    (fast,) = spoken(robot, "Die Nation", language="de", speed=2.0)
    assert not np.array_equal(english.audio, german.audio)
    assert len(fast.audio) < 0.8 * len(german.audio)


@installed
def test_a_text_that_looks_like_an_option_is_spoken(robot):
    assert len(spoken(robot, "--version", language="en")[0].audio) > 0
    assert spoken(robot, " *** ", language="en") == []


@installed
def test_a_stop_before_or_while_it_speaks_ends_it(robot):
    stop = StopToken()
    stop.set()
    assert list(robot.speak(SpeakJob("Never."), stop=stop)) == []
    later = StopToken()
    timer = threading.Timer(0.005, later.set)
    timer.start()
    began = time.monotonic()
    list(robot.speak(SpeakJob("A very long story. " * 2000), stop=later))
    timer.join()
    assert time.monotonic() - began < SETTINGS.deadline_seconds


@pytest.fixture
def program(tmp_path):
    """Make a program that does what a shell line says, for failures that the real one has not."""

    def make(line):
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.mark.skipif(os.name != "posix", reason="a shell is needed")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cat >/dev/null; exit 3", "exit code 3"),
        ("cat >/dev/null; echo nonsense", "gave no audio"),
        ("exec sleep 60", "took more than 0.3 s"),
    ],
)
def test_a_program_that_fails_is_one_line(program, line, message):
    voice = EspeakVoice(EspeakSettings(deadline_seconds=0.3), program(line), frozenset({"en"}))
    with pytest.raises(EngineFailed, match=message):
        spoken(voice, "Hello.")


@pytest.mark.skipif(os.name != "posix", reason="a shell is needed")
def test_a_program_that_hangs_is_killed_by_a_stop(program):
    voice = EspeakVoice(EspeakSettings(), program("exec sleep 60"), frozenset({"en"}))
    stop = StopToken()
    threading.Timer(0.1, stop.set).start()
    assert list(voice.speak(SpeakJob("Hello."), stop=stop)) == []


@pytest.mark.skipif(os.name != "posix", reason="a shell is needed")
def test_a_program_that_lists_no_voices_is_not_taken(program):
    with pytest.raises(EngineUnavailable, match="lists no voices"):
        load(EspeakSettings(program=program("cat >/dev/null")))
