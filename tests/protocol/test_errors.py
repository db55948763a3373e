import re
from pathlib import Path

import pytest

import protocol
from protocol.errors import (
    BAD_CODES,
    CLOSES,
    ERRORS,
    BadFrame,
    CloseCode,
    ErrorCode,
    MalformedMessage,
    WarningCode,
)

README = (Path(protocol.__file__).parent / "README.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading of the specification, without its head."""
    section = README.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines[2:]
    ]


def test_every_code_has_a_rule():
    assert set(ERRORS) == set(ErrorCode)
    assert set(CLOSES) == set(CloseCode)


def test_the_specification_lists_the_same_errors():
    expected = [
        [
            code.value,
            "yes" if rule.fatal else "no",
            str(rule.close.value) if rule.close else "–",
            rule.meaning,
        ]
        for code, rule in ERRORS.items()
    ]
    assert rows("## 13 Error codes") == expected


def test_the_specification_lists_the_same_close_codes():
    words = {
        "after_delay": "after retry_after_ms",
        "backoff": "with backoff",
        "new_token": "with a new token",
        "new_session": "as a new session",
    }
    expected = [
        [str(code.value), rule.meaning, words.get(rule.retry, rule.retry), rule.resume]
        for code, rule in CLOSES.items()
    ]
    assert rows("## 12 Close codes") == expected


def test_the_specification_lists_the_same_warnings():
    assert [row[0] for row in rows("### Warning codes")] == [code.value for code in WarningCode]


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_that_closes_does_so_with_a_code_of_its_own(code):
    close = ERRORS[code].close
    assert close is None or close >= 4400
    assert code not in BAD_CODES or not ERRORS[code].fatal


def test_a_malformed_message_carries_its_path():
    error = MalformedMessage(ErrorCode.BAD_FIELD, "rate is True", "audio.in[0].rate")
    assert (str(error), error.details) == ("rate is True", {"path": "audio.in[0].rate"})


def test_a_bad_frame_carries_what_is_known_of_it():
    assert BadFrame("short").details == {}
    assert BadFrame("late", stream=1, seq=7).details == {"stream": 1, "seq": 7}


def test_codes_are_lower_snake_case():
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code.value) for code in (*ErrorCode, *WarningCode))
