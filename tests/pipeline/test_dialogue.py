import asyncio
import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from pipeline import events
from pipeline.endpointing import EndpointingSettings, Mode
from pipeline.engines import Message
from pipeline.engines.scripted import LoopRunner, Meter
from pipeline.errors import NoActiveReply, NoOpenTurn, ReplyActive
from pipeline.events import (
    CutBy,
    DialogueState,
    InterruptReason,
    ReplyStatus,
    StopReason,
)
from pipeline.persona import ClockPlacement, Persona
from pipeline.playout import PlayoutState
from tests.pipeline.conversations import LONG, conversation, silence, speech
from tests.virtual_time import run


def test_a_spoken_turn_reports_its_events_in_the_order_of_the_specification():
    async def scene():
        async with conversation() as talk:
            await talk.say()
            await talk.device.state(DialogueState.LISTENING)
            names = [n for n in talk.device.names() if n not in ("PartialHeard", "ReplyAudio")]
            assert names == [
                "StateChanged",  # listening
                "SpeechStarted",
                "SpeechStopped",
                "StateChanged",  # thinking
                "TranscriptReady",
                "ReplyStarted",
                *["ReplyText"] * 4,
                "StateChanged",  # speaking
                "ReplyAudioStarted",
                "ReplyMark",
                "LatencyMeasured",
                "ReplyAudioEnded",
                "ReplyDone",
                "StateChanged",  # listening, when it has been heard
            ]
            (done,) = talk.device.of(events.ReplyDone)
            assert (done.status, done.text) == (ReplyStatus.COMPLETED, "Good day to you.")
            assert talk.device.of(events.TranscriptReady)[0].transcript.text == "Hello there."

    run(scene())


def test_the_state_is_listening_only_after_the_reply_has_been_heard():
    async def scene():
        async with conversation(replies=[LONG]) as talk:
            await talk.say()
            await talk.device.state(DialogueState.LISTENING)
            heard_for = talk.device.when(events.StateChanged, -1) - talk.device.when(
                events.ReplyAudioStarted
            )
            length = talk.device.of(events.ReplyAudioEnded)[0].pts / 16_000
            assert length <= heard_for <= length + 0.5

    run(scene())


def test_frames_stay_within_the_window_ahead_of_what_was_heard():
    async def scene():
        async with conversation(replies=[LONG], out_buffer_ms=800) as talk:
            await talk.say()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyAudioStarted)))
            began = talk.device.when(events.ReplyAudioStarted)
            await talk.device.state(DialogueState.LISTENING)
            for at, event in talk.device.events:
                if isinstance(event, events.ReplyAudio):
                    heard = max(0.0, at - began - 0.12)
                    assert (event.pts + event.samples) / 16_000 - heard <= 0.8 + 0.1

    run(scene())


def test_the_model_sees_the_conversation_so_far():
    async def scene():
        async with conversation(
            heard=["Hello there.", "And again."], replies=["Good day.", "Same to you."]
        ) as talk:
            for _ in range(2):
                await talk.say()
                await talk.device.state(DialogueState.LISTENING)
            assert list(talk.model.prompts[1].messages) == [
                Message("system", "Be brief."),
                Message("user", "Hello there."),
                Message("assistant", "Good day."),
                Message("user", "And again."),
            ]

    run(scene())


def test_the_time_of_day_stays_beside_the_message_so_that_the_prompt_only_grows():
    async def scene():
        persona = Persona("Be brief.", ClockPlacement.TURN)
        async with conversation(persona=persona) as talk:
            for _ in range(2):
                await talk.say()
                await talk.device.state(DialogueState.LISTENING)
            first, second = (list(prompt.messages) for prompt in talk.model.prompts)
            assert second[: len(first)] == first
            assert "15:42" in first[-1].content

    run(scene())


def interrupting(talk):
    return [
        name
        for name in talk.device.names()
        if name in ("ReplyInterrupted", "ReplyCut", "ReplyDone", "TranscriptReady")
    ]


def test_speech_interrupts_a_reply_and_history_keeps_what_was_heard():
    async def scene():
        async with conversation(heard=["Hello.", "Stop it."], replies=[LONG, "Fine."]) as talk:
            await talk.say()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyAudioStarted)))
            await talk.hear(silence(3.0))
            at_interruption = len(talk.device.frames)
            await talk.hear(speech(0.5))
            (interrupted,) = talk.device.of(events.ReplyInterrupted)
            assert interrupted.reason is InterruptReason.SPEECH
            talk.flush(2 * 16_000)
            await talk.hear(silence(1.5))
            await talk.device.state(DialogueState.LISTENING)
            assert interrupting(talk)[:4] == [
                "TranscriptReady", "ReplyInterrupted", "ReplyCut", "ReplyDone",
            ]  # fmt: skip
            cut = talk.device.of(events.ReplyCut)[0]
            assert cut.by is CutBy.PLAYOUT
            assert cut.heard_ms == 2000
            assert LONG.startswith(cut.heard_text)
            assert 20 <= len(cut.heard_text) <= 34  # 0.06 s a character: 33 were heard
            done = talk.device.of(events.ReplyDone)[0]
            assert (done.status, done.reason, done.heard) == (
                ReplyStatus.CANCELLED, "speech", True,
            )  # fmt: skip
            assert talk.model.prompts[1].messages[2] == Message("assistant", cut.heard_text)
            after = talk.device.frames[at_interruption + 20 :]
            assert all(frame.response != done.response for frame in after)

    run(scene())


def test_no_frame_of_an_interrupted_reply_leaves_after_the_interruption():
    async def scene():
        async with conversation(heard=["Hello.", "Stop."], replies=[LONG]) as talk:
            await talk.say()
            await talk.device.until(lambda: len(talk.device.frames) > 10)
            await talk.hear(speech(0.6))
            seen = talk.device.names()
            first = talk.device.of(events.ReplyInterrupted)[0].response
            after = seen.index("ReplyInterrupted")
            late = [
                event
                for _, event in talk.device.events[after:]
                if isinstance(event, events.ReplyAudio) and event.response == first
            ]
            assert late == []

    run(scene())


def test_without_a_flush_report_the_heard_part_is_estimated_after_300_ms():
    async def scene():
        async with conversation(heard=["Hello.", "Stop."], replies=[LONG]) as talk:
            await talk.say()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyAudioStarted)))
            await talk.hear(silence(2.0))
            await talk.hear(np.concatenate([speech(0.5), silence(0.5)]))
            (cut,) = talk.device.of(events.ReplyCut)
            assert cut.by is CutBy.ESTIMATE
            waited = talk.device.when(events.ReplyCut) - talk.device.when(events.ReplyInterrupted)
            assert 0.25 <= waited <= 0.35
            played = talk.device.when(events.ReplyInterrupted) - talk.device.when(
                events.ReplyAudioStarted
            )
            assert cut.heard_ms == pytest.approx((played - 0.12) * 1000, abs=60)

    run(scene())


def test_a_reply_that_was_all_sent_but_still_sounds_is_cut_without_a_second_done():
    async def scene():
        text = "One two three four five six."
        async with conversation(heard=["Hello.", "Stop."], replies=[text, "Fine."]) as talk:
            await talk.say()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyDone)))
            await talk.hear(speech(0.5))
            talk.flush(8000)
            await talk.hear(silence(1.5))
            await talk.device.state(DialogueState.LISTENING)
            first = talk.device.of(events.ReplyAudioStarted)[0].response
            dones = [done for done in talk.device.of(events.ReplyDone) if done.response == first]
            assert [done.status for done in dones] == [ReplyStatus.COMPLETED]
            assert talk.device.of(events.ReplyCut)[0].heard_text == "One two"

    run(scene())


def test_nothing_heard_means_that_the_reply_never_was():
    async def scene():
        async with conversation(heard=["Hello.", "Stop."], replies=[LONG, "Fine."]) as talk:
            await talk.say()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyAudioStarted)))
            await talk.hear(speech(0.5))
            talk.flush(0)
            await talk.hear(silence(1.5))
            await talk.device.state(DialogueState.LISTENING)
            cut, done = talk.device.of(events.ReplyCut)[0], talk.device.of(events.ReplyDone)[0]
            assert (cut.heard_text, cut.heard_ms, done.heard) == ("", 0, False)
            roles = [message.role for message in talk.model.prompts[1].messages]
            assert roles == ["system", "user", "user"]

    run(scene())


def test_short_noise_during_a_reply_changes_nothing():
    async def scene():
        async with conversation(replies=[LONG]) as talk:
            await talk.say()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyAudioStarted)))
            await talk.hear(np.concatenate([speech(0.15), silence(1.5)]))
            await talk.device.state(DialogueState.LISTENING)
            assert len(talk.device.of(events.SpeechStarted)) == 2
            assert talk.device.of(events.ReplyInterrupted) == []
            assert len(talk.device.of(events.TranscriptReady)) == 1
            assert talk.device.of(events.ReplyDone)[0].status is ReplyStatus.COMPLETED

    run(scene())


def test_half_duplex_hears_no_interruption_while_a_reply_sounds():
    async def scene():
        async with conversation(replies=[LONG], interrupt=False) as talk:
            await talk.say()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyAudioStarted)))
            await talk.hear(np.concatenate([speech(1.0), silence(1.5)]))
            await talk.device.state(DialogueState.LISTENING)
            assert talk.device.of(events.ReplyInterrupted) == []
            assert len(talk.device.of(events.SpeechStopped)) == 2
            assert len(talk.device.of(events.TranscriptReady)) == 1

    run(scene())


def test_speech_before_the_first_sound_supersedes_the_reply_and_both_sentences_count():
    async def scene():
        async with conversation(
            heard=["Tell me.", "About cats."], replies=["Late.", "Fine."], llm_seconds=3.0
        ) as talk:
            await talk.say(pause=1.0)
            await talk.say()
            await talk.device.state(DialogueState.LISTENING)
            assert talk.device.of(events.ReplyInterrupted) == []
            first = talk.device.of(events.ReplyDone)[0]
            assert (first.status, first.reason) == (ReplyStatus.CANCELLED, "superseded")
            contents = [message.content for message in talk.model.prompts[-1].messages]
            assert contents[1:] == ["Tell me.", "About cats."]

    run(scene())


def test_typing_during_a_reply_supersedes_it():
    async def scene():
        async with conversation(replies=[LONG, "Fine."]) as talk:
            talk.dialogue.type("Hello.")
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyAudioStarted)))
            await asyncio.sleep(1.0)
            talk.dialogue.type("Something else.")
            (interrupted,) = talk.device.of(events.ReplyInterrupted)
            assert interrupted.reason is InterruptReason.SUPERSEDED
            await talk.device.state(DialogueState.LISTENING)
            assert talk.device.of(events.ReplyDone)[-1].text == "Fine."

    run(scene())


def test_text_only_counts_as_heard_when_it_was_sent():
    async def scene():
        async with conversation(output=None, listens=False) as talk:
            talk.dialogue.type("Hello.")
            await talk.device.state(DialogueState.IDLE)
            assert talk.device.frames == []
            assert talk.device.of(events.ReplyDone)[0].text == "Good day to you."

    run(scene())


def test_a_greeting_is_spoken_first():
    async def scene():
        async with conversation(greeting="Welcome to Parley.") as talk:
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyDone)))
            assert talk.device.of(events.ReplyDone)[0].text == "Welcome to Parley."
            assert talk.model.prompts == []

    run(scene())


def test_a_second_reply_on_command_is_refused_while_one_is_given():
    async def scene():
        async with conversation(replies=[LONG]) as talk:
            talk.dialogue.say("One thing.")
            with pytest.raises(ReplyActive):
                talk.dialogue.say("Another thing.")
            talk.dialogue.cancel()
            with pytest.raises(NoActiveReply):
                talk.dialogue.cancel()

    run(scene())


MANUAL = EndpointingSettings(mode=Mode.MANUAL)


def test_push_to_talk_hears_from_press_to_release_and_ignores_silence():
    async def scene():
        async with conversation(endpointing=MANUAL) as talk:
            await talk.hear(speech(0.5))
            assert talk.device.of(events.SpeechStarted) == []
            talk.dialogue.press()
            await talk.hear(np.concatenate([speech(0.4), silence(3.0), speech(0.4)]))
            assert talk.device.of(events.SpeechStopped) == []
            talk.dialogue.release()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyDone)))
            (stopped,) = talk.device.of(events.SpeechStopped)
            assert stopped.reason is StopReason.COMMIT
            assert talk.device.of(events.SpeechStarted)[0].position == 8000

    run(scene())


def test_releasing_or_abandoning_what_was_not_pressed_is_an_error():
    async def scene():
        async with conversation(endpointing=MANUAL) as talk:
            with pytest.raises(NoOpenTurn):
                talk.dialogue.release()
            with pytest.raises(NoOpenTurn):
                talk.dialogue.abandon()

    run(scene())


def test_an_abandoned_turn_has_no_transcript():
    async def scene():
        async with conversation(endpointing=MANUAL) as talk:
            talk.dialogue.press()
            await talk.hear(speech(1.0))
            talk.dialogue.abandon()
            await talk.hear(silence(1.0))
            assert talk.device.of(events.TranscriptReady) == []
            assert not talk.dialogue.is_busy

    run(scene())


def test_a_release_in_the_future_waits_for_its_audio():
    async def scene():
        async with conversation(endpointing=MANUAL) as talk:
            talk.dialogue.press()
            await talk.hear(speech(0.5))
            talk.dialogue.release(talk.dialogue.arrived + 8000)
            await talk.hear(speech(0.4))
            assert talk.device.of(events.SpeechStopped) == []
            await talk.hear(speech(0.2))
            assert len(talk.device.of(events.SpeechStopped)) == 1

    run(scene())


def test_the_end_of_the_stream_ends_an_open_utterance():
    async def scene():
        async with conversation() as talk:
            await talk.hear(speech(1.0))
            talk.dialogue.break_off(StopReason.GAP)
            await talk.device.until(lambda: bool(talk.device.of(events.TranscriptReady)))
            assert talk.device.of(events.SpeechStopped)[0].reason is StopReason.GAP

    run(scene())


class Broken:
    """An engine that fails every job."""

    def run(self, work, **_):
        def fail():
            raise RuntimeError("out of memory")
            yield

        runner = LoopRunner(None, Meter())
        return runner.run(lambda engine, stop: fail())


@pytest.mark.parametrize(
    ("engine", "code"),
    [("recognizer", "stt_failed"), ("language_model", "llm_failed"), ("voice", "tts_failed")],
)
def test_a_failing_engine_fails_the_turn_with_an_apology_and_not_the_session(engine, code):
    async def scene():
        def breaking(engines):
            return replace(engines, **{engine: Broken()})

        async with conversation(engines=breaking) as talk:
            for _ in range(2):
                await talk.say()
                await talk.device.state(DialogueState.LISTENING)
            assert [failure.code for failure in talk.device.of(events.TurnFailed)] == [code] * 2
            assert {done.status for done in talk.device.of(events.ReplyDone)} == {
                ReplyStatus.FAILED
            }
            said = "".join(text.delta for text in talk.device.of(events.ReplyText) if text.always)
            assert "Sorry" in said
            assert bool(talk.device.frames) == (engine != "voice")

    run(scene())


def test_a_burst_after_a_stall_is_worked_off_in_slices():
    async def scene():
        async with conversation() as talk:
            steps = 0

            async def count_steps():
                nonlocal steps
                while True:
                    steps += 1
                    await asyncio.sleep(0)

            async with asyncio.TaskGroup() as tasks:
                counting = tasks.create_task(count_steps())
                talk.dialogue.hear(speech(5.0))
                await talk.dialogue.caught_up()
                counting.cancel()
            assert steps >= 4 * 16_000 / 3072

    run(scene())


def test_an_empty_answer_is_a_failure_and_never_silence():
    async def scene():
        async with conversation(replies=[""]) as talk:
            await talk.say()
            await talk.device.state(DialogueState.LISTENING)
            (done,) = talk.device.of(events.ReplyDone)
            assert (done.status, done.reason) == (ReplyStatus.FAILED, "llm_failed")
            assert talk.device.frames

    run(scene())


def test_no_frame_leaves_after_an_interruption_even_while_the_reply_is_poured_out():
    async def scene():
        async with conversation(replies=[LONG]) as talk:
            talk.dialogue.type("Hello.")
            await talk.device.until(lambda: bool(talk.device.frames))
            talk.dialogue.cancel()
            so_far = len(talk.device.of(events.ReplyAudio))
            await asyncio.sleep(1.0)
            assert len(talk.device.of(events.ReplyAudio)) == so_far

    run(scene())


def test_an_apology_for_a_failed_recognizer_waits_until_the_user_has_finished():
    async def scene():
        def breaking(engines):
            return replace(engines, recognizer=Broken())

        patient = EndpointingSettings(silence_ms=1500)
        async with conversation(engines=breaking, endpointing=patient) as talk:
            await talk.hear(np.concatenate([speech(0.6), silence(0.3)]))
            assert talk.device.of(events.TurnFailed)  # at the first silence
            await talk.hear(np.concatenate([speech(6.0), silence(1.0)]))
            assert talk.device.frames == []
            await talk.hear(silence(0.6))
            assert talk.device.frames
            await talk.device.state(DialogueState.LISTENING)
            assert not talk.dialogue.is_busy

    run(scene())


def test_a_flush_that_nobody_asked_for_does_not_hold_up_the_reply():
    async def scene():
        async with conversation(replies=[LONG]) as talk:
            await talk.say()
            await talk.device.until(lambda: bool(talk.device.frames))
            talk.flush(0)
            await talk.device.state(DialogueState.LISTENING)
            (done,) = talk.device.of(events.ReplyDone)
            assert done.status is ReplyStatus.COMPLETED
            length = talk.device.of(events.ReplyAudioEnded)[0].pts / 16_000
            spoken_for = talk.device.when(events.StateChanged, -1) - talk.device.when(
                events.ReplyAudioStarted
            )
            assert spoken_for >= length - 2.5

    run(scene())


def test_an_interrupted_text_reply_without_text_leaves_no_item():
    async def scene():
        async with conversation(output=None, llm_seconds=5.0) as talk:
            talk.dialogue.type("Hello.")
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyStarted)))
            talk.dialogue.cancel()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyDone)))
            assert [item.role for item in talk.dialogue.conversation.items] == ["user"]

    run(scene())


def test_replies_on_command_do_not_hold_on_to_the_ones_before():
    async def scene():
        async with conversation() as talk:
            first = None
            for _ in range(5):
                talk.dialogue.say("Hi.")
                await talk.device.state(DialogueState.SPEAKING)
                first = first or weakref.ref(talk.dialogue._active.reply)
                await talk.device.state(DialogueState.LISTENING)
            gc.collect()
            assert first() is None

    run(scene())


def test_a_button_pressed_over_an_echo_is_heard():
    async def scene():
        async with conversation(replies=[LONG], interrupt=False) as talk:
            await talk.say()
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyAudioStarted)))
            await talk.hear(speech(0.5))  # the device hears itself
            talk.dialogue.press()
            await talk.hear(np.concatenate([speech(1.0), silence(1.5)]))
            await talk.device.state(DialogueState.LISTENING)
            assert len(talk.device.of(events.TranscriptReady)) == 2

    run(scene())


def test_a_reply_on_command_that_speech_forestalls_begins_and_ends_at_once():
    async def scene():
        async with conversation() as talk:
            await talk.hear(speech(0.5))
            talk.dialogue.say("I wanted to say.", metadata=b"{}")
            await talk.hear(np.concatenate([speech(0.5), silence(1.5)]))
            await talk.device.state(DialogueState.LISTENING)
            forestalled, answer = talk.device.of(events.ReplyStarted)
            assert forestalled.metadata == b"{}"
            first, second = talk.device.of(events.ReplyDone)
            assert (first.response, first.status) == (forestalled.response, ReplyStatus.CANCELLED)
            assert (second.response, second.status) == (answer.response, ReplyStatus.COMPLETED)

    run(scene())


def test_turns_pressed_and_released_in_one_burst_are_all_heard():
    async def scene():
        async with conversation(endpointing=MANUAL) as talk:
            for _ in range(2):
                talk.dialogue.press()
                talk.dialogue.hear(speech(0.5))
                talk.dialogue.release()
            talk.dialogue.press()
            talk.dialogue.hear(speech(0.5))
            await asyncio.sleep(0.01)  # the first two are over; the third is not
            talk.dialogue.release()
            await talk.device.until(lambda: len(talk.device.of(events.TranscriptReady)) == 3)

    run(scene())


def test_pressing_again_ends_a_turn_whose_last_audio_has_not_come():
    async def scene():
        async with conversation(endpointing=MANUAL) as talk:
            talk.dialogue.press()
            await talk.hear(speech(0.5))
            talk.dialogue.release(talk.dialogue.arrived + 8000)
            await talk.hear(speech(0.1))
            talk.dialogue.press()
            await talk.hear(speech(0.7))
            assert len(talk.device.of(events.SpeechStopped)) == 1
            talk.dialogue.release()
            await talk.device.until(lambda: len(talk.device.of(events.TranscriptReady)) == 2)

    run(scene())


def test_an_abandoned_turn_ends_no_later_one():
    async def scene():
        async with conversation(endpointing=MANUAL) as talk:
            talk.dialogue.press()
            await talk.hear(speech(0.5))
            talk.dialogue.release(talk.dialogue.arrived + 8000)
            talk.dialogue.abandon()
            talk.dialogue.press()
            await talk.hear(speech(2.0))
            assert len(talk.device.of(events.SpeechStopped)) == 1
            talk.dialogue.release()
            await talk.device.until(lambda: len(talk.device.of(events.TranscriptReady)) == 1)

    run(scene())


def test_half_duplex_an_echo_that_joins_a_cough_does_not_interrupt_the_reply():
    async def scene():
        async with conversation(interrupt=False, replies=[LONG, "Fine."], llm_seconds=1.0) as talk:
            await talk.say(pause=1.0)
            assert talk.dialogue.state is DialogueState.THINKING
            await talk.hear(speech(0.15))  # a cough while the agent thinks
            while not talk.device.of(events.ReplyAudioStarted):
                await talk.hear(silence(0.04))
            await talk.hear(np.concatenate([speech(3.0), silence(1.5)]))  # it hears itself
            await talk.device.state(DialogueState.LISTENING)
            assert talk.device.of(events.ReplyInterrupted) == []
            assert len(talk.device.of(events.SpeechStarted)) == 2
            assert len(talk.device.of(events.TranscriptReady)) == 1
            await talk.say()
            await talk.device.state(DialogueState.LISTENING)
            assert talk.device.of(events.ReplyDone)[-1].text == "Fine."

    run(scene())


def test_half_duplex_what_is_still_said_when_the_reply_has_ended_is_heard():
    async def scene():
        async with conversation(
            interrupt=False, replies=["Well.", "Fine."], llm_seconds=1.0
        ) as talk:
            await talk.say(pause=1.0)
            assert talk.dialogue.state is DialogueState.THINKING
            await talk.hear(np.concatenate([speech(0.15), silence(0.2), speech(3.0)]))
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyDone)))
            await talk.hear(np.concatenate([speech(1.0), silence(1.5)]))
            await talk.device.state(DialogueState.LISTENING)
            assert len(talk.device.of(events.TranscriptReady)) == 2

    run(scene())


def test_what_is_typed_right_behind_the_end_of_playout_interrupts_nothing():
    async def scene():
        async with conversation(replies=["Good day.", "Fine."]) as talk:
            talk.dialogue.type("Hello.")
            await talk.device.until(lambda: bool(talk.device.of(events.ReplyDone)))
            ended = talk.device.of(events.ReplyAudioEnded)[0]
            talk.dialogue.playout(ended.response, ended.pts, PlayoutState.DONE)
            talk.dialogue.type("And again.")
            await talk.device.until(lambda: len(talk.device.of(events.ReplyDone)) == 2)
            assert talk.device.of(events.ReplyInterrupted) == []
            assert talk.device.of(events.ReplyCut) == []

    run(scene())
