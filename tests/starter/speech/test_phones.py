import pytest

from starter.errors import RecipeError
from starter.speech.espeak import library
from starter.speech.phones import PHONES, phones


@pytest.fixture(autouse=True)
def _espeak():
    try:
        library()
    except RecipeError as error:
        pytest.skip(str(error))


def test_a_sentence_is_its_sounds_without_stress_or_pauses():
    assert " ".join(phones("Hello, are you there?")) == "h @ l oU A@ j u D e@"


def test_they_are_american_whoever_spoke_before():
    before = phones("Turn the bath light off.")
    library().choose("en-gb-x-rp+m3")
    assert phones("Turn the bath light off.") == before


def test_the_units_are_sixty_and_cover_every_kind_of_sound():
    assert len(set(PHONES)) == len(PHONES) == 60
    said = (
        "The quick brown fox jumps over the lazy dog. We measure oil, air, fire and a pure chair."
    )
    assert set(phones(said)) <= set(PHONES)


def test_nothing_has_no_sounds():
    assert phones("") == []
