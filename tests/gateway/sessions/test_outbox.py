import asyncio

from gateway.sessions.outbox import MOST_BYTES, MOST_ENTRIES, Closing, Entry, Outbox
from protocol.errors import CloseCode, ErrorCode
from protocol.events import (
    Ack,
    AudioEnd,
    AudioFrame,
    AudioMark,
    AudioStart,
    ErrorReport,
    Ping,
    ResponseDone,
    State,
    Usage,
)


def frame(number, response="r_1", stream=256, payload=b"ab", **flags):
    return AudioFrame(stream, number * 320, payload, response=response, samples=320, **flags)


async def drained(outbox):
    """Everything that waits, in the order in which it would be sent."""
    events = []
    while len(outbox):
        events.append((await outbox.take()).event)
    return events


async def test_events_leave_in_the_order_in_which_they_came():
    outbox = Outbox()
    wanted = [State("idle"), frame(0), State("listening"), frame(1)]
    for event in wanted:
        outbox.put(event)
    assert await drained(outbox) == wanted


async def test_what_has_no_number_passes_what_has_one():
    outbox = Outbox()
    fatal = ErrorReport(ErrorCode.INTERNAL, "x", fatal=True)
    for event in (State("idle"), Ping(1), frame(0), Ack(), fatal):
        outbox.put(event)
    assert await drained(outbox) == [Ping(1), Ack(), fatal, State("idle"), frame(0)]


async def test_a_taker_waits_for_the_first_event_and_gets_its_reference():
    outbox = Outbox()
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    outbox.put(State("idle"), re="id-1")
    assert await taking == Entry(State("idle"), "id-1")


async def test_cancelling_a_taker_loses_nothing():
    outbox = Outbox()
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    outbox.put(State("idle"))
    taking.cancel()
    await asyncio.wait({taking})
    assert taking.cancelled()
    assert await drained(outbox) == [State("idle")]


async def test_closing_a_reply_withdraws_its_sound_and_nothing_else():
    outbox = Outbox()
    start = AudioStart(257, "r_2", "i_2", "pcm_s16le", 16_000, 20)
    done = ResponseDone("r_2", "completed", "x", Usage(1, 1, 0))
    kept = [frame(0, "r_1", 256), AudioMark(256, 0, "other", 0), start, done, State("listening")]
    gone = [frame(0, "r_2", 257, start=True), AudioMark(257, 0, "text", 0), frame(1, "r_2", 257)]
    ended = [frame(2, "r_2", 257, payload=b"", end=True), AudioEnd(257, 640)]
    for event in [*kept[:3], *gone, *ended, *kept[3:]]:
        outbox.put(event)
    outbox.close_reply("r_2", 257)
    assert await drained(outbox) == kept


async def test_closing_a_reply_that_has_no_stream_yet_changes_nothing():
    outbox = Outbox()
    outbox.put(frame(0))
    outbox.put(AudioMark(256, 0, "text", 0))
    outbox.close_reply("r_9", 0)
    assert len(outbox) == 2


async def test_the_farewell_comes_last_and_stays():
    outbox = Outbox()
    outbox.put(State("idle"))
    outbox.close(CloseCode.NORMAL, "bye")
    outbox.close(CloseCode.INTERNAL_ERROR, "too late")
    outbox.put(State("listening"))
    assert await outbox.take() == Entry(State("idle"))
    assert await outbox.take() == Closing(CloseCode.NORMAL, "bye")
    assert await outbox.take() == Closing(CloseCode.NORMAL, "bye")


async def test_a_farewell_wakes_a_taker():
    outbox = Outbox()
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    outbox.close(CloseCode.NORMAL, "bye")
    assert await taking == Closing(CloseCode.NORMAL, "bye")


async def test_a_farewell_instead_of_what_waits_lets_urgent_events_through():
    outbox = Outbox()
    outbox.put(frame(0, payload=bytes(MOST_BYTES + 1)))
    outbox.put(Ack(re="1"))
    assert outbox.is_overfull
    outbox.close(CloseCode.NORMAL, "bye", drop=True)
    assert not outbox.is_overfull
    assert await outbox.take() == Entry(Ack(re="1"))
    assert isinstance(await outbox.take(), Closing)


async def test_more_audio_than_a_reading_client_could_cause_is_too_much():
    outbox = Outbox()
    outbox.put(frame(0, payload=bytes(MOST_BYTES)))
    assert not outbox.is_overfull
    outbox.put(frame(1, payload=b"x"))
    assert outbox.is_overfull
    await outbox.take()
    assert not outbox.is_overfull
    outbox.put(frame(2, payload=bytes(MOST_BYTES)))
    outbox.close_reply("r_1", 256)
    assert not outbox.is_overfull


async def test_more_events_than_a_reading_client_could_cause_are_too_many():
    outbox = Outbox()
    for _ in range(MOST_ENTRIES):
        outbox.put(State("idle"))
    assert not outbox.is_overfull
    outbox.put(Ping(1))
    assert outbox.is_overfull
