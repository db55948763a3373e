import asyncio

import numpy as np
import pytest

from pipeline.detection import SpeechDetector
from pipeline.ear import AudioHeard, BlockJudged, Ear, UtteranceBegan, UtteranceEnded, UtteranceVoid
from pipeline.endpointing import EndpointingSettings, EndReason, Mode
from pipeline.engines.scripted import ScriptedDetector
from pipeline.errors import NoOpenTurn
from tests.pipeline.conversations import silence, speech
from tests.virtual_time import run

MANUAL = EndpointingSettings(mode=Mode.MANUAL)


class Listening:
    """An ear that listens, and what it told."""

    def __init__(self, settings: EndpointingSettings) -> None:
        self.events = []
        clock = asyncio.get_running_loop().time
        detector = SpeechDetector(ScriptedDetector())
        self.ear = Ear(detector, settings, self.events.append, clock=clock)

    async def __aenter__(self):
        self._task = asyncio.create_task(self.ear.listen())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.wait({self._task})

    async def settle(self):
        await asyncio.sleep(0.1)
        return [each for each in self.events if not isinstance(each, AudioHeard | BlockJudged)]


def test_an_utterance_begins_a_prefix_before_its_onset_but_not_before_the_stream():
    async def scene():
        async with Listening(EndpointingSettings()) as listening:
            listening.ear.hear(np.concatenate([silence(1.024), speech(1.024), silence(1.5)]))
            began, *_, ended = await listening.settle()
            assert began == UtteranceBegan(16_384 - 8_000)
            assert (ended.end, ended.reason) == (32_768, EndReason.SILENCE)
            listening.ear.break_off(EndReason.GAP)
            end = listening.ear.arrived
            listening.ear.hear(speech(0.5))
            assert (await listening.settle())[-1] == UtteranceBegan(end)

    run(scene())


def test_a_mark_takes_effect_where_it_was_made_in_the_audio():
    async def scene():
        async with Listening(MANUAL) as listening:
            listening.ear.hear(silence(0.512))
            listening.ear.press()
            listening.ear.hear(speech(0.512))
            listening.ear.release()
            listening.ear.hear(speech(5.0))
            began, ended = [
                event
                for event in await listening.settle()
                if isinstance(event, UtteranceBegan | UtteranceEnded)
            ]
            assert began == UtteranceBegan(8_192)
            assert (ended.end, ended.reason) == (16_384, EndReason.COMMIT)

    run(scene())


def test_a_press_reaches_back_half_a_second_at_most():
    async def scene():
        async with Listening(MANUAL) as listening:
            listening.ear.hear(silence(2.0))
            listening.ear.press(0)
            assert await listening.settle() == [UtteranceBegan(24_000)]

    run(scene())


def test_what_is_abandoned_is_void():
    async def scene():
        async with Listening(MANUAL) as listening:
            listening.ear.press()
            listening.ear.hear(speech(1.0))
            listening.ear.abandon()
            assert isinstance((await listening.settle())[-1], UtteranceVoid)
            assert not listening.ear.is_pressed

    run(scene())


def test_the_button_does_nothing_in_mode_off():
    async def scene():
        async with Listening(EndpointingSettings(mode=Mode.OFF)) as listening:
            with pytest.raises(NoOpenTurn):
                listening.ear.press()

    run(scene())


def test_a_reader_waits_while_more_than_a_second_is_left_to_listen_to():
    async def scene():
        async with Listening(EndpointingSettings()) as listening:
            listening.ear.hear(silence(3.0))
            waiting = asyncio.create_task(listening.ear.caught_up())
            await asyncio.sleep(0)
            assert not waiting.done()
            await waiting
            assert listening.ear.arrived - listening.ear.position <= 16_000

    run(scene())
