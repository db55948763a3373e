from dataclasses import replace

import pytest

from gateway.config import Config
from gateway.sessions.settings import ModelTraits, SessionSettingsBook
from pipeline.endpointing import Eagerness, Mode
from pipeline.persona import ClockPlacement
from protocol.audio import AudioFormat, Encoding
from protocol.errors import ErrorCode, MalformedMessage
from protocol.events import ClientLimits, SessionFields, TurnFields
from protocol.negotiation import Agreement

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000, 20)
TRAITS = ModelTraits(voices=("amy", "joe"), languages=("en", "de"))
SPOKEN = Agreement(PCM, PCM, features=("playout",), aec="device")


def book(config=None, traits=TRAITS, agreement=SPOKEN):
    return SessionSettingsBook(config or Config(), traits, agreement)


def changed(**sections):
    plain = Config()
    return replace(
        plain,
        **{name: replace(getattr(plain, name), **values) for name, values in sections.items()},
    )


def test_the_defaults_are_the_servers():
    config = changed(
        conversation={"instructions": "Be brief.", "max_tokens": 77, "speed": 1.2},
        turn={"silence_ms": 900, "eagerness": "high", "prefix_ms": 400},
        audio={"window_ms": 1500, "blind_window_ms": 500},
        limits={"history_items": 12},
    )
    settings = book(config).dialogue()
    assert settings.persona.instructions == "Be brief."
    assert (settings.max_tokens, settings.speed, settings.history_items) == (77, 1.2, 12)
    assert settings.endpointing.silence_ms == 900
    assert settings.endpointing.eagerness is Eagerness.HIGH
    assert settings.endpointing.prefix_ms == 400
    assert settings.recognition.preroll_seconds == 0.4
    assert (settings.reported_window_ms, settings.estimated_window_ms) == (1500, 500)


def test_every_leaf_that_a_client_sets_reaches_the_dialogue():
    settings_book = book()
    settings_book.change(
        SessionFields(
            instructions="Sing.",
            language="de",
            speed=1.5,
            max_tokens=9,
            temperature=0.3,
            greeting="Hallo!",
            turn=TurnFields(
                mode="manual",
                threshold=0.7,
                prefix_ms=100,
                silence_ms=300,
                eagerness="low",
                interrupt=False,
                min_interrupt_ms=400,
            ),
        )
    )
    settings = settings_book.dialogue()
    assert settings.persona.instructions == "Sing."
    assert settings.recognition.language == settings.endpointing.language == "de"
    assert (settings.speed, settings.max_tokens, settings.temperature) == (1.5, 9, 0.3)
    assert settings.greeting == "Hallo!"
    assert settings.apology.startswith("Entschuldigung")
    assert settings.endpointing.mode is Mode.MANUAL
    assert (settings.endpointing.threshold, settings.endpointing.prefix_ms) == (0.7, 100)
    assert settings.endpointing.silence_ms == 300
    assert settings.endpointing.eagerness is Eagerness.LOW
    assert (settings.interrupt, settings.min_interrupt_ms) == (False, 400)


def test_what_a_client_leaves_out_stays_and_what_it_nulls_returns_to_the_default():
    settings_book = book(changed(conversation={"instructions": "Be brief."}))
    settings_book.change(SessionFields(instructions="Sing.", speed=1.5))
    settings_book.change(SessionFields(speed=None))
    assert settings_book.current.instructions == "Sing."
    assert settings_book.current.speed == 1.0
    settings_book.change(SessionFields(instructions=None))
    assert settings_book.current.instructions == "Be brief."


def test_a_temperature_of_zero_is_a_temperature():
    settings_book = book(changed(conversation={"temperature": 0.8}))
    assert settings_book.dialogue().temperature == 0.8
    settings_book.change(SessionFields(temperature=0.0))
    assert settings_book.dialogue().temperature == 0.0


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        (SessionFields(speed=1.5, voice="bob"), "session.voice"),
        (SessionFields(speed=1.5, language="fr"), "session.language"),
        (SessionFields(speed=1.5, instructions="x" * 40_000), "session.instructions"),
    ],
)
def test_nothing_changes_if_any_part_of_a_change_is_refused(fields, path):
    settings_book = book()
    before = settings_book.current
    with pytest.raises(MalformedMessage) as refusal:
        settings_book.change(fields)
    assert settings_book.current == before
    assert refusal.value.code is ErrorCode.BAD_FIELD
    assert refusal.value.message.startswith(f"{path} is ")


def test_a_refusal_says_what_there_is():
    with pytest.raises(MalformedMessage, match="amy, joe"):
        book().change(SessionFields(voice="bob"))


def test_any_language_will_do_where_the_recognizer_names_none():
    settings_book = book(traits=ModelTraits(voices=("amy",)))
    settings_book.change(SessionFields(language="fr"))
    assert settings_book.dialogue().recognition.language == "fr"
    assert settings_book.dialogue().apology.startswith("Sorry")


def test_auto_has_nothing_to_detect_where_there_is_one_language():
    settings_book = book(traits=replace(TRAITS, languages=("de",)))
    settings_book.change(SessionFields(language="auto"))
    assert settings_book.dialogue().recognition.language == "de"


def test_the_voice_and_every_apology_reach_the_dialogue():
    settings_book = book()
    settings_book.change(SessionFields(voice="joe", language="auto"))
    settings = settings_book.dialogue()
    assert settings.voice == settings.turn.voice == "joe"
    assert settings.turn_in("de").language == "de"
    assert settings.turn_in("de").apology.startswith("Entschuldigung")
    assert settings.turn_in("xx").apology.startswith("Sorry")


def test_auto_lets_the_recognizer_detect_the_language():
    settings_book = book()
    settings_book.change(SessionFields(language="auto"))
    assert settings_book.dialogue().recognition.language is None
    assert settings_book.dialogue().endpointing.language == "en"


def test_a_client_of_text_gets_text_and_cannot_ask_for_audio():
    settings_book = book(agreement=Agreement(PCM, None))
    assert settings_book.current.output == "text"
    assert settings_book.output is None
    assert settings_book.dialogue().playout is None
    with pytest.raises(MalformedMessage, match=r"hello\.audio\.out"):
        settings_book.change(SessionFields(output="audio"))


def test_a_spoken_session_may_turn_to_text_and_back():
    settings_book = book()
    assert settings_book.output == settings_book.dialogue().output == PCM
    settings_book.change(SessionFields(output="text"))
    assert settings_book.dialogue().output is None
    settings_book.change(SessionFields(output="audio"))
    assert settings_book.dialogue().output == PCM


def test_the_device_decides_about_its_buffer_and_its_frames():
    agreement = Agreement(
        None, PCM, limits=ClientLimits(max_binary=1016), out_buffer_ms=800, out_start_ms=60
    )
    settings = book(agreement=agreement).dialogue()
    assert not settings.listens
    assert not settings.playout_reports
    assert (settings.out_buffer_ms, settings.out_start_ms) == (800, 60)
    assert settings.max_payload == 1000
    assert book().dialogue().playout_reports
    assert book().dialogue().listens


@pytest.mark.parametrize(
    ("configured", "aec", "interrupts"),
    [(None, "none", False), (None, "device", True), (True, "none", True), (False, "device", False)],
)
def test_a_device_that_hears_itself_is_not_interrupted_unless_the_server_says_so(
    configured, aec, interrupts
):
    config = changed(turn={"interrupt": configured})
    assert book(config, agreement=replace(SPOKEN, aec=aec)).dialogue().interrupt == interrupts


def test_the_clock_stands_where_the_model_reads_it_or_nowhere():
    traits = replace(TRAITS, clock=ClockPlacement.SYSTEM)
    assert book(traits=traits).dialogue().persona.clock is ClockPlacement.SYSTEM
    off = changed(conversation={"clock": False})
    assert book(off, traits).dialogue().persona.clock is ClockPlacement.OFF


def test_the_recognizers_window_is_the_models():
    traits = replace(TRAITS, window_seconds=8.0, previous_text=True)
    recognition = book(changed(turn={"max_s": 60.0}), traits).dialogue().recognition
    assert recognition.window_seconds == 8.0
    assert recognition.previous_text
    assert recognition.max_seconds == 60.0
