from __future__ import annotations

from starter.voice import phones


def test_a_diphthong_of_two_symbols_shares_the_frames_of_its_phone() -> None:
    symbols = phones.spelled("go.")[0]
    assert symbols == ("^", "ɡ", "ˈ", "o", "ʊ", ".", "$")
    steps, cost = phones.durations_of(symbols, ("pau", "g", "ow", "pau"), (4, 6, 11, 5))
    assert steps.tolist() == [4, 6, 0, 6, 5, 3, 2]
    assert cost < 0.1


def test_two_phones_of_one_symbol_are_its_own_together() -> None:
    steps, _ = phones.durations_of(("^", "t", "$"), ("pau", "t", "ch", "pau"), (1, 2, 3, 4))
    assert steps.tolist() == [1, 5, 4]


def test_stress_length_and_spaces_last_no_time() -> None:
    symbols = phones.spelled("Are you ready?")[0]
    names = ("pau", "aa", "r", "y", "uw", "r", "eh", "d", "iy", "pau")
    steps, cost = phones.durations_of(symbols, names, [3] * len(names))
    assert steps.sum() == 3 * len(names)
    assert cost < 0.1
    silent = [phones.is_silent(symbol) for symbol in symbols]
    assert any(silent)
    assert all((count == 0) == mute for count, mute in zip(steps, silent, strict=True))


def test_other_words_cost_more_than_the_same() -> None:
    symbols = [symbol for symbol in phones.spelled("cats")[0] if not phones.is_silent(symbol)]
    same = phones.align(symbols, ("pau", "k", "ae", "t", "s", "pau"))
    other = phones.align(symbols, ("pau", "m", "iy", "n", "pau"))
    assert other.cost > same.cost + 1


def test_every_symbol_and_every_phone_is_paired() -> None:
    symbols, names = ("^", "h", "ə", "l", "o", "ʊ", "$"), ("pau", "hh", "ax", "l", "ow", "pau")
    pairs = phones.align(symbols, names).pairs
    assert {mine for mine, _ in pairs} == set(range(len(symbols)))
    assert {its for _, its in pairs} == set(range(len(names)))
    assert list(pairs) == sorted(pairs)
