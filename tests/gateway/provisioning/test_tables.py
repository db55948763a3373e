"""Tables on a terminal, tabs in a file."""

import io
import json

from rich.console import Console

from gateway.provisioning.tables import print_json, print_line, print_table

ROWS = [("a [bold]", "1"), ("bb", "22")]


def printed(print_it, *, terminal: bool) -> str:
    file = io.StringIO()
    print_it(Console(file=file, force_terminal=terminal, width=20, color_system=None))
    return file.getvalue()


def test_a_file_gets_tabs_and_no_heading():
    text = printed(lambda screen: print_table(screen, ("x", "y"), ROWS, title="T"), terminal=False)
    assert text == "a [bold]\t1\nbb\t22\n"


def test_a_terminal_gets_aligned_columns_under_headings():
    text = printed(
        lambda screen: print_table(screen, ("x", "y"), ROWS, right=("y",), title="T"),
        terminal=True,
    )
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines == ["T", "x          y", "a [bold]   1", "bb        22", ""]


def test_a_cell_that_may_not_be_broken_stays_whole():
    rows = [("a-long-name", "words that do not fit")]
    text = printed(
        lambda screen: print_table(screen, ("x", "y"), rows, whole=("x",)), terminal=True
    )
    assert "a-long-name" in text
    assert "words that do not" not in text


def test_long_lines_are_not_wrapped_in_files_and_json_is_json_anywhere():
    line = "x\t" * 30
    assert printed(lambda screen: print_line(screen, line), terminal=False) == f"{line}\n"
    for terminal in (True, False):
        text = printed(lambda screen: print_json(screen, {"a": ["[b]"]}), terminal=terminal)
        assert json.loads(text) == {"a": ["[b]"]}
