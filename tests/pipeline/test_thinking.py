import asyncio

import pytest

from pipeline.engines import Prompt
from pipeline.engines.scripted import LoopRunner, Meter, ScriptedLanguageModel
from pipeline.engines.thread import EngineThread
from pipeline.errors import EngineFailed, EngineTimeout
from pipeline.thinking import LanguageSeat
from tests.virtual_time import run

PROMPT = Prompt(())


class Model(ScriptedLanguageModel):
    """Counts its sessions."""

    def __init__(self, *script, first_seconds=0.0):
        self.meter = Meter()
        super().__init__(script or ["One two.", "Three."], self.meter, first_seconds=first_seconds)
        self.opened = 0
        self.closed = 0

    def open(self):
        self.opened += 1
        session = super().open()
        session.close = self._close
        return session

    def _close(self):
        self.closed += 1


async def text_of(seat):
    async with seat.reply(PROMPT) as pieces:
        return "".join([piece.text async for piece in pieces])


def test_a_conversation_has_one_session_for_all_its_replies():
    async def scene():
        model = Model()
        seat = LanguageSeat(LoopRunner(model, model.meter))
        assert model.opened == 0
        assert [await text_of(seat), await text_of(seat)] == ["One two.", "Three."]
        assert model.opened == 1
        await seat.close()
        assert model.closed == 1

    run(scene())


def test_a_seat_that_was_never_taken_or_is_given_back_twice_is_no_trouble():
    async def scene():
        model = Model()
        seat = LanguageSeat(LoopRunner(model, model.meter))
        await seat.close()
        assert model.opened == model.closed == 0
        await text_of(seat)
        await seat.close()
        await seat.close()
        assert model.closed == 1

    run(scene())


def test_a_reply_that_takes_too_long_is_a_timeout():
    async def scene():
        model = Model(first_seconds=5.0)
        seat = LanguageSeat(LoopRunner(model, model.meter), first_within=4.0)
        with pytest.raises(EngineTimeout):
            await text_of(seat)

    run(scene())


def test_a_model_that_cannot_open_fails_the_reply_and_may_work_later():
    async def scene():
        model = Model()
        seat = LanguageSeat(LoopRunner(model, model.meter))
        opening, model.open = model.open, None
        with pytest.raises(EngineFailed):
            await text_of(seat)
        model.open = opening
        assert await text_of(seat) == "One two."

    run(scene())


async def test_a_busy_or_closed_engine_does_not_hold_up_the_end_of_a_conversation():
    model = Model()
    thread = EngineThread("model", lambda: model)
    seat = LanguageSeat(thread)
    await seat.close(within=0.01)  # never started
    await thread.start()
    assert await text_of(seat) == "One two."
    assert await thread.close()
    await seat.close(within=30.0)  # refused at once
    assert model.closed == 0


async def test_cancelling_the_end_of_a_conversation_is_no_error_of_the_engine():
    seat = LanguageSeat(EngineThread("model", Model))
    closing = asyncio.create_task(seat.close(within=30.0))
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    assert closing.cancelled()
