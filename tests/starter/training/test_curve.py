"""A learning curve grows by lines, over several runs."""

from starter.training.curve import LearningCurve


def test_points_of_several_runs_are_kept_in_order(tmp_path):
    path = tmp_path / "folder" / "curve.jsonl"
    LearningCurve(path).add({"step": 1, "loss": 2.5})
    LearningCurve(path).add({"step": 2, "loss": 1.5})
    assert LearningCurve(path).points() == [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 1.5}]


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    path = tmp_path / "curve.jsonl"
    curve = LearningCurve(path)
    curve.add({"step": 1})
    with path.open("ab") as file:
        file.write(b'{"step": 2, "lo')
    assert curve.points() == [{"step": 1}]


def test_a_curve_that_was_not_begun_is_empty(tmp_path):
    assert LearningCurve(tmp_path / "none.jsonl").points() == []
