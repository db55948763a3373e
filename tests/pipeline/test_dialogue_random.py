"""Whatever a client does, and whenever: what a dialogue reports stays consistent."""

import asyncio
import random
from dataclasses import replace

import pytest

from pipeline.endpointing import EndpointingSettings, Mode
from pipeline.errors import CommandError
from pipeline.events import (
    DialogueState,
    ReplyAudio,
    ReplyAudioEnded,
    ReplyAudioStarted,
    ReplyCut,
    ReplyDone,
    ReplyInterrupted,
    ReplyMark,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    StopReason,
    TranscriptReady,
    TurnFailed,
)
from pipeline.playout import PlayoutState
from tests.pipeline.conversations import LONG, SETTINGS, Scene, conversation, silence, speech
from tests.virtual_time import run

SCRIPTS_PER_SEED = 5


class Client:
    """Does something at random, again and again."""

    def __init__(self, talk: Scene, rng: random.Random) -> None:
        self.talk = talk
        self.rng = rng
        self.settings = SETTINGS

    async def act(self) -> None:
        one = self.rng.random()
        if one < 0.25:
            await self.hear(speech(self.rng.choice([0.05, 0.2, 0.3, 0.8])))
        elif one < 0.4:
            await self.hear(silence(self.rng.choice([0.1, 0.4, 1.5])))
        elif one < 0.6:
            await asyncio.sleep(self.rng.choice([0, 0, 0.001, 0.05, 0.29, 0.31, 1.0]))
        else:
            try:
                self.command()
            except CommandError:
                pass  # an answer like any other

    async def hear(self, audio) -> None:
        if self.rng.random() < 0.2:
            self.talk.dialogue.hear(audio)  # all at once, after a stall
        else:
            await self.talk.hear(audio)

    def command(self) -> None:
        dialogue, choice = self.talk.dialogue, self.rng.choice
        commands = [
            lambda: dialogue.type("Typed."),
            lambda: dialogue.type("A note.", respond=False),
            lambda: dialogue.say(choice(["Hi.", LONG])),
            dialogue.answer,
            dialogue.cancel,
            dialogue.press,
            lambda: dialogue.press(max(0, dialogue.arrived - 4000)),
            dialogue.release,
            lambda: dialogue.release(dialogue.arrived + choice([-800, 3200, 8000])),
            dialogue.abandon,
            dialogue.drop_utterance,
            lambda: dialogue.break_off(choice([StopReason.GAP, StopReason.COMMIT])),
            lambda: self.change(endpointing=EndpointingSettings(mode=choice(list(Mode)))),
            lambda: self.change(output=choice([None, SETTINGS.output])),
            lambda: self.change(interrupt=choice([True, False]), min_interrupt_ms=choice([0, 250])),
            self.play,
            self.play,
        ]
        choice(commands)()

    def change(self, **changes) -> None:
        self.settings = replace(self.settings, **changes)
        self.talk.dialogue.configure(self.settings)

    def play(self) -> None:
        if started := self.talk.device.of(ReplyAudioStarted):
            response = self.rng.choice(started[-2:]).response
            pts = self.rng.choice([0, 1000, 16_000, 10**6])
            self.talk.dialogue.playout(response, pts, self.rng.choice(list(PlayoutState)))

    async def leave_in_peace(self) -> None:
        self.change(endpointing=EndpointingSettings(mode=Mode.VAD))
        self.talk.dialogue.break_off(StopReason.COMMIT)
        await self.talk.hear(silence(2.0))
        await asyncio.sleep(120)


def assert_replies_are_whole(talk: Scene) -> None:
    """Started once, done once, frames without holes, and not a word after an interruption."""
    current, over, interrupted, sounding = "", set(), set(), set()
    sent: dict[str, int] = {}
    for _, event in talk.device.events:
        match event:
            case ReplyStarted():
                assert event.response not in over | sounding
                current = event.response
            case ReplyText() | ReplyMark() | ReplyAudio() | ReplyAudioStarted() | ReplyAudioEnded():
                assert event.response == current
                assert event.response not in over | interrupted
        match event:
            case ReplyAudioStarted():
                assert event.response not in sounding
                sounding.add(event.response)
            case ReplyAudio():
                assert (event.pts, event.start) == (
                    sent.get(event.response, 0),
                    event.response not in sent,
                )
                sent[event.response] = event.pts + event.samples
            case ReplyInterrupted():
                assert event.response in sounding - interrupted
                interrupted.add(event.response)
            case ReplyDone():
                assert event.response not in over
                over.add(event.response)
    assert over == {event.response for event in talk.device.of(ReplyStarted)}
    assert len(talk.device.of(ReplyCut)) == len(interrupted)
    items = {item.id: item.text for item in talk.dialogue.conversation.items}
    assert all(items.values())
    for done in talk.device.of(ReplyDone):
        if done.status is ReplyStatus.COMPLETED and done.response not in interrupted:
            assert items[done.item] == done.text


def assert_turns_are_whole(talk: Scene) -> None:
    """Begun, then ended, then at most one transcript; no state is entered twice in a row."""
    turn, stopped, understood, state = "", set(), set(), None
    for _, event in talk.device.events:
        match event:
            case SpeechStarted():
                assert turn == ""
                turn = event.turn
            case SpeechStopped():
                assert turn == event.turn
                stopped.add(turn)
                turn = ""
            case TranscriptReady():
                assert event.turn in stopped - understood
                understood.add(event.turn)
            case StateChanged():
                assert event.state is not state
                state = event.state
    assert turn == ""
    assert talk.device.of(TurnFailed) == []


@pytest.mark.parametrize("seed", range(16))
def test_after_whatever_a_client_did_everything_is_whole_and_the_dialogue_listens(seed):
    async def scene(rng: random.Random) -> None:
        async with conversation(
            heard=["Hello there my friend.", "Stop."],
            replies=[LONG, "Fine.", "One two three four. Five six seven."],
            llm_seconds=rng.choice([0.0, 0.1, 1.0]),
            playout_reports=rng.choice([True, False]),
            greeting=rng.choice(["", "Welcome."]),
        ) as talk:
            client = Client(talk, rng)
            for _ in range(rng.randrange(3, 40)):
                await client.act()
            await client.leave_in_peace()
            assert_replies_are_whole(talk)
            assert_turns_are_whole(talk)
            assert talk.dialogue.state is DialogueState.LISTENING
            assert not talk.dialogue.is_busy
            names = {task.get_name().split("-")[0] for task in asyncio.all_tasks()}
            assert names.isdisjoint({"exchange", "settle", "late", "recognition"})

    for number in range(SCRIPTS_PER_SEED):
        run(scene(random.Random(seed * SCRIPTS_PER_SEED + number)))
