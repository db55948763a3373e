import numpy as np
import pytest

from starter.speech.rooms import TAIL_SAMPLES, Room, reverberated


def click() -> np.ndarray:
    audio = np.zeros(8000, np.float32)
    audio[100] = 1.0
    return audio


def in_room(room: Room, seed: int = 1) -> np.ndarray:
    return reverberated(click(), room, np.random.default_rng(seed))


def test_the_direct_sound_stays_in_its_place_before_the_echoes():
    heard = in_room(Room(0.3, 0.2))
    assert len(heard) == 8000 + TAIL_SAMPLES
    assert heard[100] == pytest.approx(1.0, abs=1e-5)
    assert np.abs(heard[:100]).max() < 1e-5
    assert np.abs(heard[101:132]).max() < 1e-5


@pytest.mark.parametrize("level", [0.05, 0.4])
def test_the_echoes_have_the_level_that_was_asked_for(level):
    heard = in_room(Room(0.3, level))
    assert np.sqrt(np.sum(heard[132:] ** 2)) == pytest.approx(level, rel=0.01)


def test_they_have_died_away_by_sixty_decibels_after_the_rooms_time():
    heard = in_room(Room(0.2, 0.4))
    early = np.sum(heard[132:932] ** 2)
    late = np.sum(heard[3300:4100] ** 2)  # 200 ms later, where the room is left out
    assert late < early * 1e-5


def test_another_draw_is_another_room():
    assert not np.array_equal(in_room(Room(0.3, 0.2), 1), in_room(Room(0.3, 0.2), 2))
    assert np.array_equal(in_room(Room(0.3, 0.2), 1), in_room(Room(0.3, 0.2), 1))
