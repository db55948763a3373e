"""Reports as files."""

from benchmarks.reports.files import read_result
from benchmarks.reports.markdown import markdown
from benchmarks.reports.page import page
from benchmarks.reports.render import main, write_reports
from tests.benchmarks.reports.runs import ramp


def test_a_result_is_written_in_three_forms(tmp_path):
    written = write_reports(ramp(), tmp_path / "runs" / "a.json")
    assert [path.name for path in written] == ["a.json", "a.html", "a.md"]
    assert read_result(written[0]) == ramp()
    assert written[1].read_text(encoding="utf-8") == page(ramp())
    assert written[2].read_text(encoding="utf-8") == markdown(ramp())


def test_the_command_renders_results_again(tmp_path, capsys):
    path, html, summary = write_reports(ramp(), tmp_path / "a.json")
    before = html.read_text(encoding="utf-8")
    html.unlink()
    assert main([str(path)]) == 0
    assert capsys.readouterr().out == f"wrote {html}\nwrote {summary}\n"
    assert html.read_text(encoding="utf-8") == before


def test_the_command_tells_a_wrong_file_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.json")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("parley: cannot read ")
    assert told.count("\n") == 1
