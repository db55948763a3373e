import asyncio

import numpy as np
import pytest

from pipeline import events
from pipeline.engines import Generated, Prompt, SpokenAudio
from pipeline.engines.scripted import LoopRunner, Meter, ScriptedLanguageModel, ScriptedVoice
from pipeline.events import ReplyStatus
from pipeline.playout import PlayoutSettings, PlayoutState
from pipeline.reply import Reply
from pipeline.thinking import LanguageSeat
from pipeline.turn import AUDIO_AHEAD_S, Turn, TurnSettings
from protocol.audio import AudioFormat, Encoding
from tests.virtual_time import run

RATE = 16_000
PCM = AudioFormat(Encoding.PCM_S16LE, RATE, 20)
PROMPT = Prompt((), max_tokens=10_000)


def long_text(sentences):
    return " ".join(
        f"This is sentence number {n} of a reply that is long." for n in range(sentences)
    )


class Room:
    """A voice and a listener for turns; frames count as sent the moment they are handed over."""

    def __init__(self, *, voice=None, rate=RATE) -> None:
        meter = Meter()
        self.voice = LoopRunner(voice or ScriptedVoice(meter, sample_rate=rate), meter)
        self.rate = rate
        self.events = []
        self.delivers = True

    def turn(self, *, text="", output=PCM, name="r", playout=None, model=None, **settings):
        clock = asyncio.get_running_loop().time
        thinking = Meter()
        model = model or ScriptedLanguageModel([text], thinking, first_seconds=0.05)
        device = (playout or PlayoutSettings(output.rate)) if output else None
        reply = Reply(name, f"i_{name}", "t", device, self.rate)

        def report(event):
            self.events.append((clock(), event))
            if isinstance(event, events.ReplyAudio) and self.delivers:
                reply.playout.on_sent(event.pts + event.samples, clock())
                turn.playout_moved()

        turn = Turn(
            reply,
            thinker=LanguageSeat(LoopRunner(model, thinking)),
            voice=self.voice,
            voice_rate=self.rate,
            settings=TurnSettings(output, **settings),
            report=report,
            clock=clock,
        )
        return turn, reply

    def of_failures(self):
        return [event for _, event in self.events if isinstance(event, events.TurnFailed)]

    def of(self, kind, response=None):
        return [
            event
            for _, event in self.events
            if isinstance(event, kind) and response in (None, event.response)
        ]


def assert_is_well_formed(room, reply):
    """Contiguous frames from 0, one START, an empty END last, each mark before its frame."""
    frames = room.of(events.ReplyAudio, reply.response)
    at = 0
    for frame in frames:
        assert frame.pts == at
        assert frame.start == (at == 0)
        at += frame.samples
    assert [frame.end for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert frames[-1].payload == b""
    (ended,) = room.of(events.ReplyAudioEnded, reply.response)
    assert ended.pts == at == reply.total_pts
    reached = 0
    for _, event in room.events:
        if getattr(event, "response", None) != reply.response:
            continue
        if isinstance(event, events.ReplyMark):
            assert event.pts >= reached, "the frame with this pts went before its mark"
        elif isinstance(event, events.ReplyAudio):
            reached = event.pts + event.samples
    marks = room.of(events.ReplyMark, reply.response)
    assert [mark.index for mark in marks] == list(range(len(marks)))
    assert marks[0].pts == 0
    return marks


@pytest.mark.parametrize("rate", [16_000, 22_050])
@pytest.mark.parametrize(
    "output", [PCM, AudioFormat(Encoding.PCMU, 8000, 30), AudioFormat(Encoding.OPUS, 48_000, 60)]
)
def test_a_reply_is_frames_without_a_hole_and_marks_ahead_of_them(output, rate):
    async def scene():
        room = Room(rate=rate)
        turn, reply = room.turn(text=long_text(4), output=output)
        await turn.answer(PROMPT)
        marks = assert_is_well_formed(room, reply)
        assert "".join(mark.text for mark in marks) == reply.text == long_text(4)
        seconds = len(long_text(4)) * 0.06
        assert reply.total_pts / output.rate == pytest.approx(seconds, abs=0.2)
        assert turn.status is ReplyStatus.COMPLETED

    run(scene())


def test_text_comes_before_the_audio_that_speaks_it():
    async def scene():
        room = Room()
        turn, _ = room.turn(text="Good day to you. And good night.")
        await turn.answer(PROMPT)
        said = ""
        for _, event in room.events:
            if isinstance(event, events.ReplyText):
                said += event.delta
            elif isinstance(event, events.ReplyMark):
                assert event.text in said

    run(scene())


def test_two_long_replies_at_once_are_each_paced_by_their_own_listener():
    async def scene():
        room = Room()
        fast, fast_reply = room.turn(text=long_text(22), name="fast")
        slow, slow_reply = room.turn(
            text=long_text(22), name="slow", playout=PlayoutSettings(RATE, False, 600, 0)
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fast.answer(PROMPT))
            tasks.create_task(slow.answer(PROMPT))
        for reply, window in [(fast_reply, 2.0), (slow_reply, 0.6)]:
            assert_is_well_formed(room, reply)
            assert reply.total_pts / RATE > 2 * AUDIO_AHEAD_S
            first = next(at for at, e in room.events if _is_audio(e, reply))
            for at, event in room.events:
                if _is_audio(event, reply):
                    ahead = (event.pts + event.samples) / RATE - (at - first)
                    assert ahead <= window + 0.15

    run(scene())


def _is_audio(event, reply):
    return isinstance(event, events.ReplyAudio) and event.response == reply.response


class CountingVoice(ScriptedVoice):
    """Knows how much it has spoken."""

    def __init__(self, spend, **settings):
        super().__init__(spend, **settings)
        self.spoken = 0

    def speak(self, job, *, stop):
        for audio in super().speak(job, stop=stop):
            self.spoken += len(audio.audio)
            yield audio


def test_the_voice_runs_ahead_of_the_listener_but_not_without_bound():
    async def scene():
        meter = Meter()
        voice = CountingVoice(meter, seconds=0.0)
        room = Room(voice=voice)
        turn, reply = room.turn(text=long_text(30), name="r")
        ahead = 0

        async def watch():
            nonlocal ahead
            while True:
                ahead = max(ahead, voice.spoken - reply.total_pts)
                await asyncio.sleep(0.1)

        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch())
            await turn.answer(PROMPT)
            watching.cancel()
        longest_segment = 220 * 0.06
        assert 10 < ahead / RATE <= AUDIO_AHEAD_S + 2 * longest_segment
        assert_is_well_formed(room, reply)

    run(scene())


def test_a_voice_far_ahead_waits_without_turning_in_circles():
    # Segments long enough that two of them fill what may be kept in memory: the voice has to wait
    # while the device reports its playout all the time.
    async def scene():
        meter = Meter()
        room = Room(voice=ScriptedVoice(meter, seconds=0.0, seconds_per_character=0.6))
        turn, reply = room.turn(text=long_text(5))
        loop = asyncio.get_running_loop()

        async def listen():
            while True:
                await asyncio.sleep(0.3)
                heard = reply.playout.heard(loop.time())
                reply.playout.on_report(heard, PlayoutState.PLAYING, loop.time())
                turn.playout_moved()

        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listen())
            await turn.answer(PROMPT)
            listening.cancel()
        assert_is_well_formed(room, reply)
        assert reply.total_pts / RATE > 4 * AUDIO_AHEAD_S

    run(scene())


def test_without_audio_all_text_is_handed_over_and_nothing_is_spoken():
    async def scene():
        room = Room()
        turn, reply = room.turn(text=long_text(40), output=None)
        await turn.answer(PROMPT)
        assert reply.text == long_text(40)
        assert "".join(e.delta for e in room.of(events.ReplyText)) == reply.text
        assert {type(event) for _, event in room.events} == {events.ReplyText}
        assert room.voice.statistics().jobs == 0

    run(scene())


def test_given_text_is_spoken_exactly():
    async def scene():
        room = Room()
        turn, reply = room.turn()
        await turn.say("Please hold the line.")
        assert reply.text == "Please hold the line."
        assert [mark.text for mark in room.of(events.ReplyMark)] == ["Please hold the line."]
        assert not room.of(events.ReplyText)[0].always
        assert turn.status is ReplyStatus.COMPLETED

    run(scene())


def test_silent_text_makes_no_audio():
    async def scene():
        room = Room()
        turn, reply = room.turn()
        await turn.say("   ")
        assert {type(event) for _, event in room.events} == {events.ReplyText}
        assert not reply.audio_started

    run(scene())


def test_a_reply_cut_at_its_token_limit_is_incomplete_but_spoken():
    async def scene():
        room = Room()
        turn, reply = room.turn(text="one two three four five")
        await turn.answer(Prompt((), max_tokens=3))
        assert reply.text == "one two three"
        assert turn.is_cut_short
        assert turn.usage.generated == 3
        assert_is_well_formed(room, reply)

    run(scene())


class FailingModel(ScriptedLanguageModel):
    """Says a few words, then fails."""

    def _say(self, number, prompt):
        for at, piece in enumerate(super()._say(number, prompt)):
            if at == 3:
                raise RuntimeError("out of memory")
            yield piece


def test_a_model_that_fails_in_the_middle_is_apologised_for():
    async def scene():
        room = Room()
        model = FailingModel(["Well, I think that is so"], Meter())
        turn, reply = room.turn(model=model, apology="Sorry.")
        await turn.answer(PROMPT)
        assert reply.text == "Well, I think Sorry."
        (failed,) = room.of_failures()
        assert (failed.code, failed.turn) == ("llm_failed", "t")
        assert "out of memory" in failed.message
        assert (turn.status, turn.failure) == (ReplyStatus.FAILED, "llm_failed")
        assert room.of(events.ReplyText)[-1].always
        assert_is_well_formed(room, reply)

    run(scene())


class FailingVoice(ScriptedVoice):
    """Speaks a number of segments, then fails."""

    def __init__(self, spend, *, segments):
        super().__init__(spend)
        self.left = segments

    def speak(self, job, *, stop):
        if not self.left:
            raise RuntimeError("no such phoneme")
        self.left -= 1
        yield from super().speak(job, stop=stop)


def test_a_voice_that_fails_keeps_what_was_spoken_and_the_text_still_comes():
    async def scene():
        room = Room(voice=FailingVoice(Meter(), segments=2))
        turn, reply = room.turn(text=long_text(20), apology="Sorry.")
        await turn.answer(PROMPT)
        assert reply.text == long_text(20)
        assert len(room.of_failures()) == 1
        assert (turn.status, turn.failure) == (ReplyStatus.FAILED, "tts_failed")
        assert len(assert_is_well_formed(room, reply)) == 2
        (apology,) = [event for event in room.of(events.ReplyText) if event.always]
        assert apology.delta == "Sorry."

    run(scene())


def test_a_voice_that_never_speaks_leaves_a_reply_of_text():
    async def scene():
        room = Room(voice=FailingVoice(Meter(), segments=0))
        turn, reply = room.turn(text="Good day to you.")
        await turn.answer(PROMPT)
        assert not reply.audio_started
        assert not room.of(events.ReplyAudio)
        assert turn.failure == "tts_failed"

    run(scene())


def test_frames_that_wait_for_the_socket_hold_back_the_next():
    async def scene():
        room = Room()
        room.delivers = False
        turn, reply = room.turn(text=long_text(10))
        task = asyncio.create_task(turn.answer(PROMPT))
        await asyncio.sleep(60)
        assert not task.done()
        assert reply.total_pts / RATE <= 2.0
        task.cancel()
        await asyncio.wait({task})

    run(scene())


@pytest.mark.parametrize("after", [0.0, 0.04, 0.1, 0.2, 1.0, 5.0])
def test_cancelling_a_turn_ends_everything_it_started(after):
    async def scene():
        room = Room()
        turn, _ = room.turn(text=long_text(30))
        task = asyncio.create_task(turn.answer(PROMPT))
        await asyncio.sleep(after)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        count = len(room.events)
        await asyncio.sleep(10)
        assert len(room.events) == count
        assert not room.of(events.ReplyAudioEnded)

    run(scene())  # asserts that no task is left


def test_the_times_of_a_turn_are_in_the_order_in_which_things_happen():
    async def scene():
        room = Room()
        turn, _ = room.turn(text="Good day to you. And good night.")
        await turn.answer(PROMPT)
        times = turn.times
        stages = [
            times.prompted,
            times.first_text,
            times.first_segment,
            times.first_speech,
            times.first_audio,
        ]
        assert stages == sorted(stages)
        assert times.first_text - times.prompted == pytest.approx(0.05)
        assert times.first_speech - times.first_segment == pytest.approx(0.1)

    run(scene())


class PiecewiseVoice(ScriptedVoice):
    """Speaks a segment in pieces, as voices do that speak sentence by sentence."""

    def speak(self, job, *, stop):
        for spoken in super().speak(job, stop=stop):
            half = len(spoken.audio) // 2
            early = tuple(word for word in spoken.words if word.end_sample <= half)
            yield SpokenAudio(spoken.audio[:half], early)
            yield SpokenAudio(spoken.audio[half:], spoken.words[len(early) :])


def test_a_segment_in_several_pieces_has_one_mark():
    async def scene():
        room = Room(voice=PiecewiseVoice(Meter()))
        turn, reply = room.turn(text="Good day to you all. And a very good night.")
        await turn.answer(PROMPT)
        assert len(assert_is_well_formed(room, reply)) == 2
        assert reply.heard_text(reply.total_pts) == reply.text

    run(scene())


def test_empty_pieces_of_a_model_are_no_text():
    class Mute(ScriptedLanguageModel):
        def _say(self, number, prompt):
            yield Generated("")
            yield from super()._say(number, prompt)

    async def scene():
        room = Room()
        turn, _ = room.turn(model=Mute(["Good day."], Meter()))
        await turn.answer(PROMPT)
        assert all(event.delta for event in room.of(events.ReplyText))

    run(scene())


def test_the_audio_is_what_the_voice_spoke():
    async def scene():
        room = Room()
        turn, _ = room.turn()
        await turn.say("Good day to you.")
        sent = b"".join(frame.payload for frame in room.of(events.ReplyAudio))
        samples = np.arange(round(len("Good day to you.") * 0.06 * RATE))
        tone = (3000 * np.sin(2 * np.pi * 220 * samples / RATE)).astype("<i2")
        assert sent.startswith(tone.tobytes())
        assert not any(sent[len(tone.tobytes()) :])

    run(scene())
