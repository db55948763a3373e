import asyncio

import numpy as np
import pytest

from pipeline.engines import HypothesisKind, Prompt, RecognitionJob, SpeakJob
from pipeline.engines.scripted import (
    LoopRunner,
    Meter,
    ScriptedDetector,
    ScriptedLanguageModel,
    ScriptedRecognizer,
    ScriptedVoice,
)
from pipeline.engines.thread import StopToken, call
from pipeline.errors import EngineFailed, EngineTimeout
from tests.virtual_time import run

GO_ON = StopToken()
PROMPT = Prompt(())


def spending(meter, *costs):
    """A job whose results cost so many seconds each."""

    def work(engine, stop):
        for number, cost in enumerate(costs):
            meter(cost)
            yield number

    return work


def now():
    return asyncio.get_running_loop().time()


def test_each_result_comes_after_its_cost():
    async def scene():
        meter, times = Meter(), []
        runner = LoopRunner(None, meter)
        async with runner.run(spending(meter, 0.5, 0.25)) as results:
            async for result in results:
                times.append((result, now()))
        assert times == [(0, 0.5), (1, 0.75)]
        assert runner.statistics().busy_seconds == 0.75
        assert runner.statistics().jobs == 1

    run(scene())


def test_jobs_do_not_wait_for_each_other():
    async def scene():
        meter = Meter()
        runner = LoopRunner(None, meter)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(10):
                tasks.create_task(call(runner, lambda engine, stop: meter(1.0)))
        assert now() == 1.0

    run(scene())


@pytest.mark.parametrize(("costs", "at"), [((3.0,), 2.0), ((1.0, 9.0), 1.5)])
def test_what_costs_more_than_its_deadline_is_a_timeout_at_the_deadline(costs, at):
    async def scene():
        meter = Meter()
        runner = LoopRunner(None, meter)
        stream = runner.run(spending(meter, *costs), first_within=2.0, gap_within=0.5)
        with pytest.raises(EngineTimeout):
            async with stream as results:
                async for _ in results:
                    pass
        assert now() == at

    run(scene())


def test_a_job_that_fails_has_spent_its_time_and_nobody_elses():
    async def scene():
        meter = Meter()
        runner = LoopRunner(None, meter)

        def work(engine, stop):
            meter(2.0)
            raise LookupError("lost")

        with pytest.raises(EngineFailed, match="lost") as failure:
            await call(runner, work)
        assert isinstance(failure.value.__cause__, LookupError)
        assert now() == 2.0
        await call(runner, lambda engine, stop: meter(0.5))
        assert now() == 2.5

    run(scene())


def test_leaving_the_block_closes_the_job():
    async def scene():
        ended = []

        def work(engine, stop):
            try:
                yield 1
                yield 2
            finally:
                ended.append(True)

        async with LoopRunner(None, Meter()).run(work) as results:
            await anext(results)
        assert ended == [True]

    run(scene())


def test_speech_is_what_is_loud():
    detector = ScriptedDetector(500)
    assert detector.probability(np.full(512, 499, np.int16)) == 0.0
    assert detector.probability(np.full(512, 501, np.int16)) == 1.0
    assert detector.probability(np.full(512, -32_768, np.int16)) == 1.0


def hear(utterance, seconds, kind):
    audio = np.zeros(round(seconds * 16_000), np.float32)
    return utterance.recognize(RecognitionJob(audio, kind), stop=GO_ON)


def test_an_utterance_becomes_audible_word_by_word_and_then_comes_the_next():
    meter = Meter()
    recognizer = ScriptedRecognizer(["How are you?", "Fine."], meter, seconds=0.1)
    utterance = recognizer.utterance(language=None)
    assert hear(utterance, 0.2, HypothesisKind.PARTIAL).text == ""
    assert hear(utterance, 0.7, HypothesisKind.PARTIAL).text == "How are"
    final = hear(utterance, 0.9, HypothesisKind.FINAL)
    assert final.text == "How are you?"
    assert final.words[-1].end <= 0.9 + 1e-9
    assert meter.settle() == pytest.approx(0.3)
    assert meter.settle() == 0.0
    texts = [hear(recognizer.utterance(language="de"), 2.0, HypothesisKind.FINAL) for _ in range(2)]
    assert [(h.text, h.language) for h in texts] == [("Fine.", "de"), ("How are you?", "de")]


def test_each_conversation_gets_the_replies_in_order():
    model = ScriptedLanguageModel(["A b.", "C."], Meter())

    def say(session, prompt=PROMPT):
        return list(session.generate(prompt, stop=GO_ON))

    one, other = model.open(), model.open()
    assert [piece.text for piece in say(one)] == ["A", " b.", ""]
    assert [piece.text for piece in say(one)] == ["C.", ""]
    assert [piece.text for piece in say(other)] == ["A", " b.", ""]
    cut = say(one, Prompt((), max_tokens=1))
    assert [(piece.text, piece.finish) for piece in cut] == [("A", ""), ("", "length")]
    assert cut[-1].usage.generated == 1


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_a_voice_hums_as_long_as_its_text_with_exact_word_times(speed):
    voice = ScriptedVoice(Meter(), seconds_per_character=0.1, sample_rate=8000)
    (spoken,) = voice.speak(SpeakJob(" Good day to day.", speed), stop=GO_ON)
    assert len(spoken.audio) == round(17 * 800 / speed)
    assert spoken.audio.dtype == np.int16
    words = [" Good day to day."[word.start : word.end] for word in spoken.words]
    assert words == ["Good", "day", "to", "day."]
    assert spoken.words[-1].end_sample == len(spoken.audio)
    assert spoken.words[0].start_sample == round(800 / speed)


def test_blank_text_is_silent_and_costs_nothing():
    meter = Meter()
    assert list(ScriptedVoice(meter).speak(SpeakJob(" \n"), stop=GO_ON)) == []
    assert meter.settle() == 0.0
