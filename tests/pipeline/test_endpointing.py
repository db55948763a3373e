from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.endpointing import POLICIES, Outcome, measure
from benchmarks.speech import SPEAKERS, conversations, starter_voice
from pipeline.detection import Block, Vad, speech_detector
from pipeline.endpointing import (
    CEILING_MS,
    FLOOR_MS,
    USUAL_PAUSE_MS,
    Eagerness,
    Endpointer,
    EndpointingSettings,
    EndReason,
    Mode,
    SpeechBegan,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
)
from pipeline.engines import silero, webrtc_vad
from pipeline.hang_over import RULES, VOCABULARIES, Reading, choose_rule

FIXED = EndpointingSettings(silence_ms=512)


class Microphone:
    """Feeds an endpointer with blocks of 32 ms; times are in blocks."""

    def __init__(self, settings=FIXED):
        self.endpointer = Endpointer(settings)
        self.at = 0

    def hear(self, *probabilities):
        events = []
        for probability in probabilities:
            events += self.endpointer.feed(Block(self.at, 512, probability))
            self.at += 512
        return events

    def speak(self, blocks):
        return self.hear(*[0.9] * blocks)

    def rest(self, blocks):
        return self.hear(*[0.0] * blocks)

    def read(self, text, *, twice=False, agreed=0, **more):
        self.endpointer.read(text, agreed_words=agreed, punctuated_twice=twice, **more)
        return self.endpointer.hang_over

    def ask(self, text, **more):
        """Speak, fall silent, and read: the rule and the milliseconds."""
        self.speak(10)
        self.rest(4)
        return self.read(text, **more)


# -- one turn -----------------------------------------------------------------------------------


def test_a_turn_begins_pauses_resumes_and_ends():
    mic = Microphone()
    assert mic.rest(3) == []
    assert mic.speak(1) == []
    assert mic.speak(1) == [SpeechBegan(3 * 512)]
    assert mic.speak(8) == []
    assert mic.rest(2) == []
    assert mic.rest(1) == [SpeechPaused(13 * 512)]
    assert mic.rest(5) == []
    assert mic.speak(2) == [SpeechResumed(21 * 512)]
    assert mic.speak(3) == []
    assert mic.rest(15) == [SpeechPaused(26 * 512)]
    assert mic.rest(1) == [SpeechEnded(26 * 512, EndReason.SILENCE)]
    assert mic.rest(50) == []


def test_a_click_of_one_block_is_no_speech():
    mic = Microphone()
    assert mic.hear(0.9, 0.0, 0.9, 0.2, 0.9, 0.0) == []


def test_what_only_the_hysteresis_holds_proves_no_speech():
    mic = Microphone()
    assert mic.hear(0.5, 0.36, 0.36, 0.36) == []
    assert mic.hear(0.5) == [SpeechBegan(0)]
    assert mic.endpointer.speaking_samples == 2 * 512


def test_a_click_in_a_pause_does_not_prolong_it():
    mic = Microphone()
    mic.speak(10)
    mic.rest(10)
    mic.speak(1)
    assert mic.rest(4) == []
    assert mic.rest(1) == [SpeechEnded(10 * 512, EndReason.SILENCE)]


def test_speech_that_begins_as_the_hang_over_runs_out_is_not_cut():
    mic = Microphone()
    mic.speak(10)
    mic.rest(15)
    assert mic.speak(2) == [SpeechResumed(25 * 512)]


def test_speech_goes_on_down_to_the_release_threshold():
    mic = Microphone()
    mic.speak(4)
    assert mic.hear(*[0.36] * 40) == []
    assert mic.hear(0.34, 0.34, 0.34) == [SpeechPaused(44 * 512)]


def test_after_a_dip_speech_needs_the_full_threshold_again():
    mic = Microphone()
    mic.speak(4)
    mic.rest(3)
    assert mic.hear(*[0.45] * 12) == []
    assert mic.hear(0.45) == [SpeechEnded(4 * 512, EndReason.SILENCE)]


def test_the_release_threshold_follows_the_threshold():
    assert EndpointingSettings().off == pytest.approx(0.35)
    assert EndpointingSettings(threshold=0.8).off == pytest.approx(0.56)
    assert EndpointingSettings(threshold=0.8, release=0.2).off == 0.2


def test_speaking_samples_leave_pauses_out():
    mic = Microphone()
    mic.speak(10)
    mic.rest(5)
    mic.speak(1)
    assert mic.endpointer.speaking_samples == 10 * 512
    mic.speak(1)
    assert mic.endpointer.speaking_samples == 12 * 512
    mic.rest(16)
    assert mic.endpointer.speaking_samples == 0
    assert not mic.endpointer.is_open


def test_a_turn_that_is_too_long_ends_and_the_next_begins_at_once():
    mic = Microphone(EndpointingSettings(max_turn_s=3.2))
    assert mic.speak(99) == [SpeechBegan(0)]
    assert mic.speak(1) == [SpeechEnded(100 * 512, EndReason.MAX)]
    assert mic.speak(2) == [SpeechBegan(100 * 512)]


def test_a_turn_may_last_120_seconds_by_default():
    mic = Microphone()
    mic.speak(120 * 16_000 // 512 - 1)
    assert mic.endpointer.is_open
    assert mic.speak(1) == [SpeechEnded(120 * 16_000, EndReason.MAX)]


@pytest.mark.parametrize("reason", [EndReason.COMMIT, EndReason.GAP])
def test_an_open_turn_can_be_ended_from_outside(reason):
    mic = Microphone()
    assert mic.endpointer.end(reason) == []
    mic.speak(10)
    assert mic.endpointer.end(reason) == [SpeechEnded(10 * 512, reason)]
    assert mic.endpointer.end(reason) == []


def test_ended_in_a_pause_a_turn_ends_where_speech_did():
    mic = Microphone()
    mic.speak(10)
    mic.rest(5)
    assert mic.endpointer.end(EndReason.COMMIT) == [SpeechEnded(10 * 512, EndReason.COMMIT)]


def test_a_gap_forgets_a_beginning_that_was_not_confirmed():
    mic = Microphone()
    mic.speak(1)
    mic.endpointer.end(EndReason.GAP)
    assert mic.speak(1) == []


# -- push to talk -------------------------------------------------------------------------------

MANUAL = EndpointingSettings(mode=Mode.MANUAL)


def test_push_to_talk_begins_and_ends_with_the_button():
    mic = Microphone(MANUAL)
    assert mic.speak(20) == []
    assert mic.endpointer.begin() == [SpeechBegan(20 * 512)]
    assert mic.endpointer.begin() == []
    mic.rest(100)
    assert mic.speak(10) == [SpeechResumed(120 * 512)]
    assert mic.rest(200) == [SpeechPaused(130 * 512)]
    assert mic.endpointer.speaking_samples == 10 * 512
    assert mic.endpointer.end(EndReason.COMMIT) == [SpeechEnded(330 * 512, EndReason.COMMIT)]
    assert mic.speak(20) == []


def test_the_button_may_have_been_pressed_earlier_and_released_earlier():
    mic = Microphone(MANUAL)
    mic.speak(20)
    assert mic.endpointer.begin(at=2000) == [SpeechBegan(2000)]
    assert mic.endpointer.end(EndReason.COMMIT, at=9000) == [SpeechEnded(9000, EndReason.COMMIT)]


def test_a_turn_never_ends_before_it_begins():
    mic = Microphone(MANUAL)
    mic.speak(20)
    mic.endpointer.begin(at=10**9)
    assert mic.endpointer.end(EndReason.COMMIT, at=5) == [SpeechEnded(20 * 512, EndReason.COMMIT)]


def test_a_held_button_ends_after_the_longest_turn():
    mic = Microphone(EndpointingSettings(mode=Mode.MANUAL, max_turn_s=1.6))
    mic.endpointer.begin()
    assert mic.speak(50)[-1] == SpeechEnded(50 * 512, EndReason.MAX)


def test_off_hears_nothing():
    mic = Microphone(EndpointingSettings(mode=Mode.OFF))
    assert mic.speak(50) == []
    assert mic.endpointer.begin() == []


def test_a_turn_opened_by_hand_waits_for_speech():
    mic = Microphone(EndpointingSettings())
    mic.endpointer.begin()
    assert mic.endpointer.hang_over.rule == "waiting"
    assert mic.rest(62) == [SpeechPaused(0)]
    assert mic.rest(1) == [SpeechEnded(0, EndReason.SILENCE)]
    mic.endpointer.begin()
    mic.speak(5)
    assert mic.endpointer.hang_over.rule == "unread"


def test_a_change_of_mode_ends_the_open_turn():
    mic = Microphone()
    mic.speak(10)
    assert mic.endpointer.configure(FIXED) == []
    assert mic.endpointer.configure(MANUAL) == [SpeechEnded(10 * 512, EndReason.COMMIT)]
    assert mic.endpointer.settings is MANUAL


def test_new_settings_count_in_the_pause_they_arrive_in():
    mic = Microphone()
    mic.speak(10)
    mic.rest(10)
    mic.endpointer.configure(EndpointingSettings(silence_ms=320))
    assert mic.rest(1) == [SpeechEnded(10 * 512, EndReason.SILENCE)]


# -- the rules ----------------------------------------------------------------------------------

ROWS = [
    # rule, ms, transcript, what else is known
    ("filler", 1200, "I need, um", {}),
    ("filler", 1200, "I need, uh.", {"twice": True}),
    ("dangling", 1200, "I would like coffee and", {}),
    ("dangling", 1200, "Give me the", {}),
    ("dangling", 1200, "It was my.", {"twice": True}),
    ("open", 1200, "I was thinking...", {"twice": True}),
    ("open", 1200, "I was thinking…", {}),
    ("numbers", 1000, "My number is five five five", {}),
    ("numbers", 1000, "0 3 0 9 9.", {"twice": True}),
    ("numbers", 1000, "555-0123", {}),
    ("numbers", 1000, "B A T", {}),
    ("comma", 1200, "If it rains tomorrow,", {}),
    ("linking", 1200, "Play something by", {}),
    ("linking", 1200, "Play something by.", {}),
    ("answer", 300, "Yes.", {}),
    ("answer", 300, "No, thank you", {}),
    ("sentence", 350, "Turn on the light.", {"twice": True}),
    ("sentence", 350, "Where are you from?", {"twice": True}),
    ("sentence", 350, "What happened in 1987?", {"twice": True}),
    ("sentence", 350, "It was built in 1987.", {"twice": True}),
    ("question", 400, "How far is the moon?", {}),
    ("few words", 700, "Turn on", {}),
    ("monologue", 800, "word " * 30 + "word.", {"agreed": 28}),
    ("base", 500, "Turn on the light.", {}),
    ("base", 500, "Turn on the light", {}),
]


@pytest.mark.parametrize(("rule", "milliseconds", "transcript", "known"), ROWS)
def test_the_hang_over_follows_what_was_said(rule, milliseconds, transcript, known):
    mic = Microphone(EndpointingSettings())
    hang_over = mic.ask(transcript, **known)
    assert (hang_over.rule, hang_over.milliseconds) == (rule, milliseconds)
    needed = -(-milliseconds // 32)
    assert mic.rest(needed - 5) == []
    assert mic.rest(1) == [SpeechEnded(10 * 512, EndReason.SILENCE)]


def test_before_anything_was_read_the_hang_over_is_600_ms():
    mic = Microphone(EndpointingSettings())
    mic.speak(10)
    assert mic.endpointer.hang_over.rule == "unread"
    assert mic.ask("").rule == "unread"
    assert mic.rest(14) == []
    assert mic.rest(1) == [SpeechEnded(20 * 512, EndReason.SILENCE)]


def test_a_missing_end_counts_once_the_recognizer_has_shown_that_it_writes_ends():
    mic = Microphone(EndpointingSettings())
    assert mic.ask("I called the doctor").rule == "base"
    assert mic.read("I called the doctor.").rule == "base"
    hang_over = mic.read("I called the doctor")
    assert (hang_over.rule, hang_over.milliseconds) == ("no end", 800)


def test_every_row_of_the_table_is_tested():
    tested = {rule for rule, *_ in ROWS} | {"unread", "no end"}
    assert tested == {rule.name for rule in RULES}


GERMAN_ROWS = [
    ("filler", "Ich brauche, ähm"),
    ("dangling", "Ich möchte Kaffee und"),
    ("linking", "Wir treffen uns mit"),
    ("numbers", "Meine Nummer ist null drei null"),
    ("answer", "Nein, danke."),
    ("base", "Schalte das Licht im Flur an."),
]


@pytest.mark.parametrize(("rule", "transcript"), GERMAN_ROWS)
def test_german_has_its_own_words(rule, transcript):
    mic = Microphone(EndpointingSettings(language="de-AT"))
    twice = rule == "base"
    expected = "sentence" if twice else rule
    assert mic.ask(transcript, twice=twice).rule == expected


def test_the_detected_language_counts_before_the_configured_one():
    mic = Microphone(EndpointingSettings(language="en"))
    assert mic.ask("Ich möchte Kaffee und", language="de").rule == "dangling"
    assert mic.read("Ich möchte Kaffee und").rule == "base"


def test_a_language_without_lists_has_the_rules_of_punctuation():
    mic = Microphone(EndpointingSettings(language="fr"))
    assert mic.ask("Je voudrais un café et").rule == "base"
    assert mic.read("Je voudrais un café et,").rule == "comma"
    assert mic.read("こんにちは、元気です。", twice=True, language="ja").rule == "sentence"


def test_the_word_lists_do_not_contradict_each_other():
    for vocabulary in VOCABULARIES.values():
        lists = [vocabulary.fillers, vocabulary.dangling, vocabulary.linking]
        assert sum(map(len, lists)) == len(frozenset().union(*lists))
        assert not vocabulary.answers & (vocabulary.fillers | vocabulary.dangling)


# -- how fresh a hypothesis is ------------------------------------------------------------------


def test_a_hypothesis_read_during_speech_says_nothing_about_its_end():
    mic = Microphone(EndpointingSettings())
    mic.speak(10)
    assert mic.read("Yes.").rule == "unread"
    mic.rest(4)
    assert mic.endpointer.hang_over.rule == "unread"
    assert mic.read("Yes.").rule == "answer"


def test_what_was_read_in_a_pause_is_forgotten_when_speech_goes_on():
    mic = Microphone(EndpointingSettings())
    mic.ask("Yes.")
    mic.speak(3)
    assert mic.endpointer.hang_over.rule == "unread"


def test_a_hypothesis_that_tells_how_far_it_heard_is_taken_at_its_word():
    mic = Microphone(EndpointingSettings())
    assert mic.ask("Yes.", until=10 * 512 - 1).rule == "unread"
    assert mic.read("Yes.", until=10 * 512).rule == "answer"


def test_outside_a_turn_nothing_is_read():
    mic = Microphone(EndpointingSettings())
    assert mic.read("Yes.").rule == "unread"


# -- scaling ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("eagerness", "milliseconds"),
    [(Eagerness.LOW, 750), (Eagerness.MEDIUM, 500), (Eagerness.HIGH, 350)],
)
def test_eagerness_scales_the_hang_over(eagerness, milliseconds):
    mic = Microphone(EndpointingSettings(eagerness=eagerness))
    assert mic.ask("Turn on the light.").milliseconds == milliseconds


def test_a_fixed_hang_over_is_used_as_it_is():
    mic = Microphone(EndpointingSettings(silence_ms=2500, eagerness=Eagerness.HIGH))
    hang_over = mic.ask("Yes.")
    assert (hang_over.rule, hang_over.milliseconds) == ("fixed", 2500)


def test_the_adaptive_hang_over_stays_between_floor_and_ceiling():
    eager = Microphone(EndpointingSettings(eagerness=Eagerness.HIGH))
    assert eager.ask("Yes.").milliseconds == FLOOR_MS
    patient = Microphone(EndpointingSettings(eagerness=Eagerness.LOW))
    for _ in range(30):
        patient.speak(5)
        patient.rest(25)
    patient.endpointer.end(EndReason.COMMIT)
    assert patient.ask("I would like coffee and").milliseconds == CEILING_MS


def test_who_pauses_long_is_given_longer_and_who_pauses_shortly_less():
    slow, fast = Microphone(EndpointingSettings()), Microphone(EndpointingSettings())
    for mic, pause in ((slow, 17), (fast, 8)):
        assert mic.endpointer.session_factor == 1
        for _ in range(10):
            mic.speak(10)
            assert not any(isinstance(event, SpeechEnded) for event in mic.rest(pause))
    assert slow.endpointer.session_factor > 1.1
    assert fast.endpointer.session_factor < 0.75 + 0.1
    assert slow.endpointer.hang_over.milliseconds > 660
    assert fast.endpointer.hang_over.milliseconds < 510


def test_one_pause_moves_the_mean_by_a_tenth():
    mic = Microphone(EndpointingSettings())
    mic.speak(10)
    mic.rest(17)
    mic.speak(2)
    mean = 0.9 * USUAL_PAUSE_MS + 0.1 * 17 * 32
    assert mic.endpointer.session_factor == pytest.approx(mean / USUAL_PAUSE_MS)


def test_articulation_is_no_pause():
    mic = Microphone(EndpointingSettings())
    for _ in range(20):
        mic.speak(5)
        mic.rest(5)
    assert mic.endpointer.session_factor == 1


def test_a_turn_that_goes_on_right_after_its_end_teaches_patience():
    cut, answered = Microphone(FIXED), Microphone(FIXED)
    for mic, silence in ((cut, 16 + 21), (answered, 16 + 23)):
        mic.speak(10)
        mic.rest(silence)
        mic.speak(2)
    assert cut.endpointer.session_factor > 1
    assert answered.endpointer.session_factor == 1


# -- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"threshold": 0.0}, "threshold is 0.0"),
        ({"threshold": 1.0}, "threshold is 1.0"),
        ({"release": 0.6}, "release is 0.6, expected above 0 and at most the threshold 0.5"),
        ({"silence_ms": 0}, "silence_ms is 0"),
        ({"max_turn_s": 0}, "max_turn_s is 0"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        EndpointingSettings(**wrong)


# -- whatever comes -----------------------------------------------------------------------------

SETTINGS = st.builds(
    EndpointingSettings,
    mode=st.sampled_from(Mode),
    threshold=st.sampled_from([0.1, 0.5, 0.95]),
    silence_ms=st.sampled_from([None, 200, 3000]),
    eagerness=st.sampled_from(Eagerness),
    max_turn_s=st.sampled_from([0.5, 2.0, 120.0]),
    language=st.sampled_from(["en", "de-CH", "", "xx"]),
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from([row[2] for row in ROWS]),
)
STEPS = st.one_of(
    st.tuples(st.just("hear"), st.lists(st.sampled_from([0.0, 0.3, 0.4, 0.6, 1.0]), max_size=25)),
    st.tuples(st.just("speak"), st.integers(1, 30)),
    st.tuples(st.just("rest"), st.integers(1, 60)),
    st.tuples(st.just("read"), TEXTS),
    st.tuples(st.just("begin"), st.one_of(st.none(), st.integers(-10, 50_000))),
    st.tuples(st.just("end"), st.one_of(st.none(), st.integers(-10, 50_000))),
    st.tuples(st.just("configure"), SETTINGS),
)


def follow(mic, steps):
    for action, value in steps:
        match action:
            case "hear":
                yield from mic.hear(*value)
            case "speak":
                yield from mic.speak(value)
            case "rest":
                yield from mic.rest(value)
            case "read":
                mic.read(value, twice=len(value) % 2 == 0, agreed=len(value))
            case "begin":
                yield from mic.endpointer.begin(value)
            case "end":
                yield from mic.endpointer.end(EndReason.COMMIT, at=value)
            case "configure":
                yield from mic.endpointer.configure(value)


FOLLOWERS = {
    SpeechBegan: (SpeechPaused, SpeechEnded),
    SpeechPaused: (SpeechResumed, SpeechEnded),
    SpeechResumed: (SpeechPaused, SpeechEnded),
    SpeechEnded: (SpeechBegan,),
}


@settings(deadline=None)
@given(setup=SETTINGS, steps=st.lists(STEPS, max_size=25))
def test_events_alternate_and_time_only_goes_on(setup, steps):
    mic = Microphone(setup)
    events = list(follow(mic, steps))
    assert not events or isinstance(events[0], SpeechBegan)
    for event, following in pairwise(events):
        assert isinstance(following, FOLLOWERS[type(event)])
    begin = 0
    for event in events:
        match event:
            case SpeechBegan(onset):
                assert 0 <= onset <= mic.at
                begin = onset
            case SpeechPaused(position) | SpeechResumed(position) | SpeechEnded(position, _):
                assert position >= begin
    is_open = bool(events) and not isinstance(events[-1], SpeechEnded)
    assert mic.endpointer.is_open == is_open
    assert mic.endpointer.speaking_samples >= 0


@settings(deadline=None)
@given(setup=SETTINGS, steps=st.lists(STEPS, max_size=25))
def test_the_adaptive_hang_over_is_always_within_its_bounds(setup, steps):
    mic = Microphone(setup)
    for _ in follow(mic, steps):
        hang_over = mic.endpointer.hang_over
        assert hang_over.rule == "fixed" or FLOOR_MS <= hang_over.milliseconds <= CEILING_MS


@settings(deadline=None)
@given(text=st.text(), language=st.sampled_from(["en", "de", "", "zh"]), twice=st.booleans())
def test_some_rule_applies_to_any_text(text, language, twice):
    reading = Reading.of(
        text,
        twice=twice,
        agreed_words=0,
        is_fresh=True,
        punctuates=True,
        language=language,
    )
    assert choose_rule(reading) in RULES


# -- with the real engines ----------------------------------------------------------------------


@pytest.mark.engines
def test_on_speech_the_adaptive_policy_cuts_in_less_than_a_fixed_one_and_misses_no_end():
    scripts = [
        "What time is it?",
        "I would like a cup of coffee and | a piece of cake.",
        "Could you, uh, | call me a taxi?",
    ]
    (conversation,) = conversations(starter_voice(), scripts=scripts, speakers=SPEAKERS[3:4])
    detector = speech_detector(Vad.SILERO, silero=silero.load(), webrtc=webrtc_vad.load())
    blocks = detector.feed(conversation.audio)
    policies = {policy.name: policy for policy in POLICIES}
    fixed = measure(conversation, blocks, policies["fixed 500 ms"])
    adaptive = measure(conversation, blocks, policies["adaptive"])
    assert fixed.cut_ins > adaptive.cut_ins == 0
    assert (adaptive.missed, adaptive.unheard, adaptive.false_starts) == (0, 0, 0)
    assert len(adaptive.latencies_ms) == 3
    assert max(adaptive.latencies_ms) < 1000


def test_outcomes_of_conversations_add_up():
    one = Outcome(turns=2, cut_ins=1, latencies_ms=(100.0,))
    both = one + Outcome(turns=1, missed=1, latencies_ms=(300.0,))
    assert both == Outcome(turns=3, cut_ins=1, missed=1, latencies_ms=(100.0, 300.0))
    assert both.latency_ms(50) == 200


@pytest.mark.engines
def test_a_turn_that_never_ends_counts_as_missed():
    (conversation,) = conversations(starter_voice(), scripts=["Yes."], speakers=SPEAKERS[:1])
    stuck = [Block(at, 512, 1.0) for at in range(0, conversation.audio.size, 512)]
    found = measure(conversation, stuck, POLICIES[0])
    assert (found.missed, found.unheard, found.latencies_ms) == (1, 0, ())
