"""The page says what was measured, and the one in docs/ is made of the files beside it."""

from pathlib import Path

from benchmarks.sizing.document import document, main
from benchmarks.sizing.measured import read_sizing, write_sizing
from tests.benchmarks.sizing.sizings import MEDIA, RAMP, STEPS, sizing

DOCS = Path(__file__).parents[3] / "docs"


def replaced(ramp, **changes):
    from dataclasses import replace

    return replace(ramp, **changes)


def test_the_page_in_the_documents_is_made_of_the_measurements_there():
    files = sorted((DOCS / "sizing").glob("*.json"))
    assert files
    assert (DOCS / "sizing.md").read_text(encoding="utf-8") == document(map(read_sizing, files))


def test_the_answer_comes_first_and_says_what_breaks():
    page = document([sizing()])
    assert "## Abacus 9, 4 cores, no GPU: profile mine" in page
    assert "- **Measured: 2 conversations; at 4 broke latency_ratio** (Opus 16 kHz 20 ms" in page
    assert "15 conversations at 70%, 21 at 100 %; full first: all cores." in page
    assert page.index("Measured: 2") < page.index("| Engine |")


def test_what_does_not_fit_is_bold():
    page = document([sizing()])
    row = next(line for line in page.splitlines() if line.startswith("| all cores"))
    assert row == ("| all cores, Opus 16 kHz 20 ms | 4.6% | 9.2% | 18% | 37% | 73% | **146%** |")


def test_every_codec_has_its_rows():
    more = replaced(MEDIA, codec="pcm_s16le/16000/20")
    page = document([sizing(media=(MEDIA, more))])
    assert page.count("| event loop, ") == 2
    assert page.count("| recognizer | ") == 2  # what it takes, and what it is asked for


def test_a_machine_that_held_all_and_one_that_held_nothing_say_so():
    held = replaced(RAMP, steps=STEPS[:1], limited_by=None)
    assert "Measured: 2 conversations, all that were tried" in document([sizing(ramp=held)])
    none = replaced(RAMP, steps=STEPS[1:], knee=None)
    assert "not even 4 held; broken: latency_ratio" in document([sizing(ramp=none)])
    assert "Measured:" not in document([sizing(ramp=None)])


def test_what_a_reader_has_to_know_stands_below_the_ramp():
    assert "Note: the client was slow." in document([sizing()])
    assert "a quick look" in document([sizing(quick=True)])


def test_the_command_prints_the_page_of_files(tmp_path, capsys):
    write_sizing(sizing(), tmp_path / "a.json")
    assert main([str(tmp_path / "a.json")]) == 0
    assert capsys.readouterr().out == document([sizing()])
    assert main([str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
