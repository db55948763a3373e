import asyncio
from itertools import pairwise

import numpy as np
import pytest

from pipeline.engines import SAMPLE_RATE, Hypothesis, HypothesisKind, Word
from pipeline.engines.faster_whisper import WhisperSettings, load
from pipeline.engines.thread import EngineThread, Priority, StopToken
from pipeline.errors import EngineFailed, EngineTimeout
from pipeline.recognition import Recognition, RecognitionSettings
from tests.models.spoken import STARTER, say

BEGIN = 1_000_000  # where the turn begins on the microphone's time line
FINAL, PARTIAL = HypothesisKind.FINAL, HypothesisKind.PARTIAL


# Speech in code: word n is 0.2 s of the constant n and 0.1 s of silence. Who reads it can tell
# whether a cut lost a word, doubled it or went through it.


def words(first, last):
    """Words ``first`` to ``last``, 0.3 s each."""
    audio = np.zeros((last - first + 1, 4800), np.int16)
    audio[:, :3200] = np.arange(first, last + 1)[:, None]
    return audio.ravel()


def silence(seconds):
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def text(first, last):
    return " ".join(f"w{number}" for number in range(first, last + 1))


class Reader:
    """A recognizer, and its own utterance, that reads speech in code without an error."""

    window_seconds = 30.0

    def __init__(self):
        self.jobs = []
        self.languages = []

    def utterance(self, *, language):
        self.languages.append(language)
        return self

    def recognize(self, job, *, stop):
        self.jobs.append(job)
        sound = np.rint(job.audio * 32768).astype(int)
        edges = np.flatnonzero(np.diff(sound, prepend=0, append=0))
        heard = tuple(
            Word(f"w{sound[begin]}", begin / SAMPLE_RATE, end / SAMPLE_RATE, 0.9)
            for begin, end in pairwise(edges)
            if sound[begin]
        )
        return Hypothesis(" ".join(word.text for word in heard), heard, job.kind, "en")


class Queued:
    """A job that runs when the test says so."""

    def __init__(self, work, engine, priority, within):
        self.priority = priority
        self.within = within
        self.stop = StopToken()
        self._work = work
        self._engine = engine
        self._error = None
        self._go = asyncio.Event()

    def end(self, error=None):
        self._error = error
        self._go.set()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.stop.set()

    def __aiter__(self):
        return self

    async def __anext__(self):
        await self._go.wait()
        if self._error is not None:
            raise self._error
        return next(self._work(self._engine, self.stop))


class Bench:
    """A turn, the queue of its jobs, its partials and a clock: all in the test's hands."""

    def __init__(self, **settings):
        self.reader = Reader()
        self.queue = []
        self.partials = []
        self.now = 0.0
        self.heard = 0
        self.turn = Recognition(
            self,
            RecognitionSettings(**settings),
            begin=BEGIN,
            report=self.partials.append,
            clock=lambda: self.now,
        )
        self.task = asyncio.create_task(self.turn.run())

    def run(self, work, *, priority, first_within=20.0, gap_within=10.0):
        self.queue.append(Queued(work, self.reader, priority, first_within))
        return self.queue[-1]

    @property
    def waiting(self):
        return [job for job in self.queue if not job.stop.is_set()]

    @property
    def position(self):
        return BEGIN + self.heard

    async def hear(self, *audio):
        """Hear in steps of 20 ms."""
        for part in audio:
            for begin in range(0, len(part), 320):
                self.turn.hear(part[begin : begin + 320])
                self.heard += len(part[begin : begin + 320])
                await settle()

    async def pause(self, after=0.1):
        """Speech has ended here; the pause is noticed a little later."""
        end = self.position
        await self.hear(silence(after))
        self.turn.pause(end)
        await settle()
        return end

    async def end_jobs(self, error=None, *, seconds=0.0):
        """Let all waiting jobs run, and those that follow from them."""
        for _ in range(20):
            self.now += seconds
            for job in self.waiting:
                job.end(error)
            await settle()

    async def finish(self, end):
        self.turn.finish(end)
        await settle()


async def settle():
    for _ in range(8):
        await asyncio.sleep(0)


@pytest.fixture
async def start():
    benches = []

    def begin(**settings):
        benches.append(Bench(**settings))
        return benches[-1]

    yield begin
    for bench in benches:
        bench.task.cancel()
        await asyncio.wait([bench.task])
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("recognition-")]


async def test_the_first_partial_is_due_after_600_ms_of_speech(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 2)[:-640])
    assert not bench.queue
    await bench.hear(silence(0.04))
    assert [job.priority for job in bench.queue] == [Priority.PARTIAL]
    await bench.end_jobs()
    assert bench.partials[0].text == text(1, 2)
    assert bench.partials[0].stable == 0
    assert bench.partials[0].confidence == pytest.approx(0.9)


async def test_partials_come_every_half_second_and_agree_on_a_growing_prefix(start):
    bench = start()
    await bench.hear(silence(0.5))
    for number in range(1, 13):
        await bench.hear(words(number, number))
        await bench.end_jobs()
    assert [round(len(job.audio) / SAMPLE_RATE, 1) for job in bench.reader.jobs] == [
        *(1.1, 1.6, 2.1, 2.6, 3.1, 3.6, 4.1)
    ]
    last = bench.partials[-1]
    assert last.text == text(1, 12)
    assert last.text[: last.stable] == text(1, 10)  # the others end within the margin or are new
    assert last.words == 10
    for before, after in pairwise(bench.partials):
        assert after.text.startswith(before.text[: before.stable])


async def test_only_one_job_runs_and_the_next_hears_everything_up_to_its_start(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 10))
    assert len(bench.queue) == 1
    await bench.end_jobs()
    assert len(bench.queue) == 2
    assert bench.partials[-1].text == text(1, 10)


async def test_partials_become_rarer_as_they_cost_more(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 2))
    bench.now += 1.0
    await bench.end_jobs()
    await bench.hear(words(3, 8))  # 1.8 s: twice the cost has not passed yet
    assert len(bench.queue) == 1
    await bench.hear(words(9, 9))
    assert len(bench.queue) == 2


async def test_a_final_starts_at_the_pause_and_is_ready_when_the_turn_ends(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 3))
    await bench.end_jobs()
    end = await bench.pause()
    assert bench.queue[-1].priority is Priority.FIRST
    assert bench.reader.jobs[-1].kind is PARTIAL
    await bench.end_jobs()
    assert bench.reader.jobs[-1].kind is FINAL
    assert len(bench.reader.jobs[-1].audio) == bench.heard  # with the silence that proves the pause
    assert bench.partials[-1].text == text(1, 3)  # shown, for the endpointer reads it
    assert not bench.task.done()
    jobs = len(bench.queue)
    await bench.hear(silence(0.4))
    await bench.finish(end)
    found = bench.task.result()
    assert len(bench.queue) == jobs
    assert (found.text, found.language, found.no_speech) == (text(1, 3), "en", False)
    assert found.begin == BEGIN
    assert [round(word.start, 1) for word in found.words] == [0.5, 0.8, 1.1]


async def test_a_final_takes_the_place_of_a_partial_that_still_runs(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 3))
    partial = bench.queue[-1]
    await bench.pause()
    assert partial.stop.is_set()
    assert [job.priority for job in bench.waiting] == [Priority.FIRST]
    partial.end()
    await bench.end_jobs()
    assert [job.kind for job in bench.reader.jobs] == [FINAL]


@pytest.mark.parametrize(("moved", "again"), [(0.0, False), (0.1, False), (0.2, True)])
async def test_a_final_is_decoded_again_only_if_speech_came_since(start, moved, again):
    bench = start()
    await bench.hear(silence(0.5), words(1, 3))
    end = await bench.pause(after=0.3)
    await bench.end_jobs()
    jobs = len(bench.queue)
    await bench.finish(end + round(moved * SAMPLE_RATE))
    assert len(bench.queue) == jobs + again
    await bench.end_jobs()
    assert bench.task.result().text == text(1, 3)


async def test_a_turn_that_goes_on_after_a_pause_gets_a_new_final(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 3))
    await bench.pause()
    await bench.hear(words(4, 4))
    bench.turn.resume()
    await bench.end_jobs()
    assert not bench.task.done()
    assert bench.partials[0].text == text(1, 3)  # what the final was worth
    await bench.hear(words(5, 6))
    end = await bench.pause()
    await bench.end_jobs()
    await bench.finish(end)
    assert bench.task.result().text == text(1, 6)


async def test_a_second_pause_drops_the_final_of_the_first(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 3))
    await bench.pause()
    first = bench.queue[-1]
    bench.turn.resume()
    await bench.hear(words(4, 4))
    end = await bench.pause()
    assert first.stop.is_set()
    await bench.end_jobs()
    await bench.finish(end)
    assert bench.task.result().text == text(1, 4)


async def test_a_flicker_of_speech_keeps_the_final(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 3))
    end = await bench.pause()
    final = bench.queue[-1]
    bench.turn.resume()
    bench.turn.pause(end + 1600)
    await settle()
    assert not final.stop.is_set()
    await bench.end_jobs()
    jobs = len(bench.queue)
    await bench.finish(end + 1600)
    assert len(bench.queue) == jobs
    assert bench.task.result().text == text(1, 3)


async def test_push_to_talk_ends_without_a_pause(start):
    bench = start(partials=False)
    await bench.hear(words(1, 5))
    assert not bench.queue
    await bench.finish(bench.position)
    await bench.end_jobs()
    assert bench.task.result().text == text(1, 5)
    assert not bench.partials


async def test_a_turn_without_words_says_so(start):
    bench = start()
    await bench.hear(silence(2))
    await bench.finish(bench.position)
    await bench.end_jobs()
    found = bench.task.result()
    assert (found.text, found.no_speech, found.confidence, found.words) == ("", True, None, ())


async def test_a_monologue_is_cut_at_pauses_and_loses_no_word(start):
    bench = start(window_seconds=8)
    for first in range(1, 100, 9):  # 2.7 s of speech, 0.5 s of pause
        await bench.hear(words(first, first + 8))
        end = await bench.pause()
        await bench.end_jobs()
        if first < 90:
            await bench.hear(silence(0.4))
            bench.turn.resume()
    assert not bench.task.done()
    await bench.finish(end)
    await bench.end_jobs()
    found = bench.task.result()
    assert found.text == text(1, 99)
    assert max(len(job.audio) for job in bench.reader.jobs) <= 8 * SAMPLE_RATE
    for before, after in pairwise(bench.partials):
        assert after.text.startswith(before.text[: before.stable])
    starts = [word.start for word in found.words]
    assert starts == sorted(starts)
    assert starts[-1] == pytest.approx((end - BEGIN - 4800) / SAMPLE_RATE)


async def test_a_window_takes_what_was_decoded_at_its_pause(start):
    bench = start(window_seconds=4, partials=False)
    await bench.hear(words(1, 9))
    await bench.pause()
    await bench.end_jobs()
    await bench.hear(silence(0.3), words(10, 10))
    bench.turn.resume()
    await bench.hear(words(11, 15))
    end = await bench.pause()
    await bench.end_jobs()
    await bench.finish(end)
    assert bench.task.result().text == text(1, 15)
    assert len(bench.reader.jobs) == 2  # the two pauses; no third for the window


async def test_a_window_takes_a_final_that_came_after_the_pause_was_over(start):
    bench = start(window_seconds=4, partials=False)
    await bench.hear(words(1, 9))
    await bench.pause()
    await bench.hear(silence(0.3), words(10, 10))
    bench.turn.resume()
    await bench.end_jobs()
    await bench.hear(words(11, 15))
    await bench.end_jobs()
    await bench.finish(bench.position)
    await bench.end_jobs()
    assert bench.task.result().text == text(1, 15)
    assert len(bench.reader.jobs) == 2


async def test_a_partial_of_a_window_that_has_closed_is_dropped(start):
    bench = start(window_seconds=4)
    await bench.hear(words(1, 9))
    await bench.end_jobs()
    await bench.pause()
    await bench.end_jobs()
    await bench.hear(silence(0.2), words(10, 10))
    bench.turn.resume()
    await bench.hear(words(11, 11))
    assert [job.priority for job in bench.waiting] == [Priority.PARTIAL]
    late = bench.waiting[0]
    await bench.hear(words(12, 14))  # the window is full, and closes with the final of its pause
    shown = len(bench.partials)
    late.end()
    await settle()
    assert len(bench.partials) == shown
    await bench.end_jobs()
    assert bench.partials[-1].text == text(1, 14)
    await bench.finish(bench.position)
    await bench.end_jobs()
    assert bench.task.result().text == text(1, 14)


async def test_a_pause_behind_a_closed_window_is_decoded_anew(start):
    bench = start(window_seconds=4, partials=False)
    # Pauses from 1.5 and from 3.95 s; the middle of the second is beyond the window.
    for first, last, after in ((1, 5, 0.6), (6, 11, 0.4)):
        await bench.hear(words(first, last))
        await bench.pause(0.05)
        await bench.end_jobs()
        await bench.hear(silence(after))
        bench.turn.resume()
    await bench.hear(words(12, 25))
    await bench.end_jobs()
    await bench.finish(bench.position)
    await bench.end_jobs()
    assert bench.task.result().text == text(1, 25)


async def test_a_window_is_not_closed_almost_empty(start):
    bench = start(window_seconds=4, partials=False)
    await bench.hear(words(1, 2))
    await bench.pause(after=0.3)
    await bench.end_jobs()
    bench.turn.resume()
    for number in range(3, 11):
        await bench.hear(words(number, number), silence(0.15))
        await bench.end_jobs()
    assert len(bench.reader.jobs) == 2
    assert len(bench.reader.jobs[-1].audio) >= 1.6 * SAMPLE_RATE


async def test_nothing_is_decoded_behind_a_window_that_closed_with_the_turn(start):
    bench = start(window_seconds=4, partials=False)
    await bench.hear(words(1, 12))
    end = await bench.pause()
    await bench.end_jobs()
    bench.turn.resume()  # by a noise; the turn ends where it paused
    await bench.hear(silence(0.6))
    await bench.end_jobs()
    jobs = len(bench.queue)
    await bench.finish(end)
    assert len(bench.queue) == jobs
    assert bench.task.result().text == text(1, 12)


async def test_a_turn_does_not_wait_for_a_partial_once_its_final_is_known(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 3))
    end = await bench.pause()
    await bench.end_jobs()
    bench.turn.resume()
    await bench.hear(silence(0.6))
    partial = bench.waiting[0]
    assert partial.priority is Priority.PARTIAL
    await bench.finish(end)
    assert bench.task.result().text == text(1, 3)
    assert partial.stop.is_set()


async def test_a_turn_that_has_ended_does_not_go_on(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 3))
    end = await bench.pause()
    await bench.finish(end)
    bench.turn.resume()
    await bench.end_jobs()
    assert bench.task.result().text == text(1, 3)


async def test_a_monologue_without_pauses_is_cut_where_it_is_quiet(start):
    bench = start(window_seconds=8)
    for number in range(1, 101):
        # A bit of breath between the words, so that the quietest 200 ms hold no part of a word.
        await bench.hear(words(number, number), silence(0.15))
        await bench.end_jobs()
    end = bench.position
    await bench.finish(end)
    await bench.end_jobs()
    assert bench.task.result().text == text(1, 100)
    assert max(len(job.audio) for job in bench.reader.jobs) <= 8 * SAMPLE_RATE


async def test_audio_that_piled_up_is_cut_to_windows(start):
    bench = start(window_seconds=8)
    audio = np.concatenate([np.concatenate([words(n, n), silence(0.15)]) for n in range(1, 101)])
    bench.turn.hear(audio)
    await settle()
    await bench.finish(BEGIN + len(audio))
    await bench.end_jobs()
    assert bench.task.result().text == text(1, 100)
    assert max(len(job.audio) for job in bench.reader.jobs) <= 8 * SAMPLE_RATE


@pytest.mark.parametrize(("allowed", "given"), [(False, ""), (True, text(1, 9))])
async def test_the_text_of_a_window_steers_the_next_only_if_allowed(start, allowed, given):
    bench = start(window_seconds=4, partials=False, previous_text=allowed)
    await bench.hear(words(1, 9))
    await bench.pause()
    await bench.end_jobs()
    await bench.hear(silence(0.3), words(10, 15))
    bench.turn.resume()
    await bench.finish(bench.position)
    await bench.end_jobs()
    assert [job.previous_text for job in bench.reader.jobs] == ["", given]


async def test_cancelling_stops_the_job_and_its_results_reach_nobody(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 3))
    job = bench.queue[-1]
    bench.task.cancel()
    await asyncio.wait([bench.task])
    assert bench.task.cancelled()
    assert job.stop.is_set()
    job.end()
    await settle()
    assert not bench.partials
    assert not bench.reader.jobs


async def test_a_failed_partial_is_only_missing(start):
    bench = start()
    await bench.hear(silence(0.5), words(1, 2))
    for job in bench.waiting:
        job.end(EngineTimeout("slow"))
    await bench.hear(words(3, 5))
    end = await bench.pause()
    await bench.end_jobs()
    await bench.finish(end)
    assert bench.task.result().text == text(1, 5)


@pytest.mark.parametrize("finished", [True, False])
async def test_a_failed_final_fails_the_turn(start, finished):
    bench = start()
    await bench.hear(silence(0.5), words(1, 2))
    end = await bench.pause()
    if finished:
        await bench.finish(end)
    await bench.end_jobs(EngineFailed("broken"))
    with pytest.raises(EngineFailed, match="broken"):
        bench.task.result()


async def test_jobs_have_deadlines(start):
    bench = start(partial_within=3, final_within=7)
    await bench.hear(silence(0.5), words(1, 2))
    await bench.pause()
    assert [job.within for job in bench.queue] == [3, 7]


async def test_what_is_heard_of_a_turn_is_bounded(start):
    bench = start(max_seconds=2, partials=False)
    await bench.hear(words(1, 20))
    await bench.finish(bench.position)
    await bench.end_jobs()
    found = bench.task.result()
    assert found.text == text(1, 7)
    assert len(bench.reader.jobs[-1].audio) == 2 * SAMPLE_RATE


async def test_the_language_is_handed_on(start):
    bench = start(language="de")
    await bench.hear(words(1, 2))
    await bench.finish(bench.position)
    await bench.end_jobs()
    assert bench.reader.languages == ["de"]


async def test_spoken_sentences_are_recognised_with_partials():
    thread = EngineThread(
        "stt",
        lambda: load(WhisperSettings(STARTER / "recognizer", contexts=(3.0, 5.0, 8.0, 10.0))),
    )
    await thread.start()
    partials = []
    try:
        first, second = say("Good morning."), say("What is the capital of France?", before=0.6)
        turn = Recognition(
            thread,
            RecognitionSettings(window_seconds=8),
            begin=BEGIN,
            report=partials.append,
            clock=asyncio.get_running_loop().time,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(turn.run())
            for audio in (first, second):
                for begin in range(0, len(audio), 1600):
                    turn.hear(audio[begin : begin + 1600])
                    await asyncio.sleep(0.01)
            end = BEGIN + len(first) + len(second)
            turn.hear(silence(0.1))
            turn.pause(end)
            turn.finish(end)
            found = await running
    finally:
        await thread.close()
    # A greeting may be heard as an exclamation.
    assert found.text.replace("!", ".") == "Good morning. What is the capital of France?"
    assert found.confidence is not None
    assert found.confidence > 0.6
    assert partials
    for before, after in pairwise(partials):
        assert after.text.startswith(before.text[: before.stable])
