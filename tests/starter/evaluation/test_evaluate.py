import orjson
import pytest

from starter.command import main
from starter.evaluation.rows import ROWS, chosen_rows


def test_the_domain_s_rows_are_measured_printed_and_written(tmp_path, capsys):
    file = tmp_path / "figures.json"
    options = ["--rows", "domain", "--work", str(tmp_path), "--json", str(file)]
    assert main(["evaluate", *options]) == 0
    document = orjson.loads(file.read_bytes())
    assert document["build"] == "shipped"
    words, templates = document["figures"]
    assert (words["row"], templates["row"]) == ("domain-words", "domain-templates")
    assert words["value"] == words["items"] > 1000
    printed = capsys.readouterr().out
    assert "shipped build" in printed
    assert "of 2 bars are met." in printed


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--rows", "nonsense"], "no row of the shipped build has 'nonsense' in it"),
        (["--build", "measuring"], "there is no recognizer"),
        (["--exports", "--rows", "speed"], "there is no recognizer"),
    ],
)
def test_what_is_missing_is_said_in_one_line(options, complaint, tmp_path, capsys):
    assert main(["evaluate", *options, "--work", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_work_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    work = tmp_path / "file" / "work"
    assert main(["evaluate", "--rows", "domain", "--work", str(work)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_an_output_file_that_cannot_be_written_is_named(tmp_path, capsys):
    options = ["--rows", "domain", "--work", str(tmp_path), "--json", str(tmp_path)]
    assert main(["evaluate", *options]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_every_row_is_measured_by_a_module_that_the_command_knows():
    from starter.evaluation.command import _parts

    assert _parts(ROWS) == ["recognizer", "language-model", "voice"]
    assert _parts(chosen_rows("shipped", "answers-heard")) == ["language-model", "recognizer"]
