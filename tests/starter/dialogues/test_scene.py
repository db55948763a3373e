"""Sentences of the user, as they stand behind other words."""

from random import Random

from starter.dialogues.hearing import Hearing
from starter.dialogues.phrasings import Phrasings
from starter.dialogues.scene import Scene

_WEATHER = Phrasings.of("{city} weather, please.")
_ROOM = Phrasings.of("{room} light on.")


def test_a_name_keeps_its_capital_behind_an_opening_and_another_word_does_not() -> None:
    scene = Scene(Random(1), "held_values", Hearing())
    said = {scene.say(_WEATHER, {"city": "Turin"}) for _ in range(500)}
    assert len(said) > 20
    assert all("Turin weather" in sentence for sentence in said)
    said = {scene.say(_ROOM, {"room": "attic"}) for _ in range(500)}
    assert {sentence.startswith("Attic light") for sentence in said} == {True, False}
    assert all("attic light" in sentence or sentence.startswith("Attic light") for sentence in said)


def test_a_pirate_leaves_names_and_letters_their_capital() -> None:
    scene = Scene(Random(1), "all", Hearing(), style="pirate")
    for answer in ("Gideon lives in Leeds.", "Vekil is your uncle.", "A, T, L.", "I see."):
        assert scene.styled(answer) == f"Arr, {answer}"
    assert scene.styled("A fox.") == "Arr, a fox."
    assert scene.styled("Your tea timer is set.") == "Arr, your tea timer is set."
