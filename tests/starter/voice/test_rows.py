from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from starter.errors import RecipeError
from starter.voice import frames, phones
from starter.voice.rows import read_rows, row_of, write_rows

pytestmark = pytest.mark.usefixtures("_flite")

TEXTS = ["Good morning.", "Is it raining in Paris?", "Two, three, four."]


def test_the_steps_of_a_sentences_symbols_are_its_frames() -> None:
    row = row_of("Is it raining in Paris?")
    assert row is not None
    assert 2 * row.steps.sum() == len(row.frames)
    assert row.frames.shape[1] == frames.SIZE
    numbers = phones.identifiers()
    assert row.symbols[0] == numbers["^"]
    assert row.symbols[-1] == numbers["$"]
    silent = [number for symbol, number in numbers.items() if phones.is_silent(symbol)]
    assert not row.steps[np.isin(row.symbols, silent)].any()
    assert row.steps[0] <= 4


def test_two_sentences_or_another_reading_make_no_row() -> None:
    assert row_of("Good morning. How are you?") is None
    assert row_of("It costs $5.") is None


def test_rows_lie_on_disk_and_are_not_made_again(tmp_path: Path) -> None:
    counts = list(write_rows(TEXTS, tmp_path, processes=1))
    assert counts[-1] == len(TEXTS)
    stored = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert list(write_rows(TEXTS, tmp_path, processes=1)) == [len(TEXTS)]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == stored
    rows = read_rows(TEXTS, tmp_path)
    expected = row_of(TEXTS[1])
    assert len(rows) == len(TEXTS)
    assert expected is not None
    assert np.array_equal(rows[1].steps, expected.steps)
    assert rows[1].frames == pytest.approx(expected.frames, abs=0.01)


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    list(write_rows(TEXTS, tmp_path, processes=1))
    part = next(tmp_path.iterdir())
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(RecipeError, match="remove it to make it anew"):
        read_rows(TEXTS, tmp_path)
