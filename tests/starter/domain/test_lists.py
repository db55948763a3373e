"""Reading the grammar's text files."""

from pathlib import Path

import pytest

from starter.domain.lists import read_lines, read_table


def test_remarks_and_empty_lines_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("# Words\n\n able above \n", encoding="utf-8")
    assert read_lines(tmp_path / "words.txt") == ("able above",)


def test_a_list_goes_on_where_it_is_named_again(tmp_path: Path) -> None:
    (tmp_path / "slots.txt").write_text("room: hall | attic\ncity: Rome\nroom: porch |\n")
    table = read_table(tmp_path / "slots.txt")
    assert table == {"room": ("hall", "attic", "porch", ""), "city": ("Rome",)}


def test_a_line_without_a_name_and_a_value_that_comes_twice_are_told(tmp_path: Path) -> None:
    (tmp_path / "slots.txt").write_text("hall | attic\n")
    with pytest.raises(ValueError, match=r"slots.txt: 'hall | attic' has no name"):
        read_table(tmp_path / "slots.txt")
    (tmp_path / "slots.txt").write_text("room: hall\nroom: hall\n")
    with pytest.raises(ValueError, match="'room' has 'hall' twice"):
        read_table(tmp_path / "slots.txt")
