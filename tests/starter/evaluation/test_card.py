import pytest

from starter.errors import RecipeError
from starter.evaluation import card
from starter.evaluation.bench import Bench, shipped_models
from starter.evaluation.card import card_text, keep, measured_part, with_measured_part
from starter.evaluation.figures import Figure
from starter.evaluation.kept import Kept
from starter.order import Order
from starter.training.curve import LearningCurve

FIGURE = Figure("wer-new", 0.35, 240, 0.1, 0.8)
CARD = f"# Models\n\nBefore.\n\n{card._BEGIN}\n\nold\n\n{card._END}\n\nAfter.\n"


def test_only_what_stands_between_the_marks_is_replaced():
    written = with_measured_part(CARD, "new\n\ntext")
    assert written == CARD.replace("old", "new\n\ntext")
    assert measured_part(written) == "new\n\ntext"
    assert with_measured_part(written, "new\n\ntext") == written


def test_a_card_without_marks_is_refused():
    with pytest.raises(RecipeError, match="lacks the lines"):
        with_measured_part("# Models\n", "text")


def test_the_card_shows_each_build_with_its_own_bars_and_curves():
    curve = [{"seconds": at * 60.0, "loss": 5.0 / (at + 1)} for at in range(5)]
    kept = Kept().updated("shipped", {"wer-new": FIGURE}, {"voice, shipped build": curve})
    text = card_text(kept.updated("measuring", {"wer-new": FIGURE}, {}))
    assert "| ≤ 0.4 % | 0.35 | 0.10 … 0.80 | 240 | met |  |" in text
    assert "| ≤ 1 % | 0.35 |" in text
    assert "**Learning curve**, voice, shipped build" in text
    assert text.splitlines()[-7:-4] == ["| seconds | loss |", "| --- | --- |", "| 0 | 5 |"]
    assert text.splitlines()[-1] == "| 240 | 1 |"


def test_a_long_curve_is_thinned_to_its_ends_and_some_points_between(tmp_path):
    points = [{"step": at} for at in range(101)]
    thinned = card._thinned(points)
    assert len(thinned) == 10
    assert (thinned[0], thinned[-1]) == ({"step": 0}, {"step": 100})


def test_looks_at_a_training_and_looks_at_its_tests_make_a_table_each():
    points = [{"step": 1, "loss": 2.5}, {"step": 1, "wrong": 30.0}, {"step": 2, "loss": 1234.5}]
    lines = card._curve_text("voice", points).splitlines()
    assert lines[2:6] == ["| step | loss |", "| --- | --- |", "| 1 | 2.5 |", "| 2 | 1234 |"]
    assert lines[7:] == ["| step | wrong |", "| --- | --- |", "| 1 | 30 |"]


def test_newer_figures_replace_those_of_their_rows_only(tmp_path):
    other = Figure("wer-rms", 1.0, 240)
    before = Kept().updated("shipped", {"wer-new": FIGURE, "wer-rms": other}, {})
    newer = Figure("wer-new", 0.2, 240)
    before.updated("shipped", {"wer-new": newer}, {}).write(tmp_path / "kept.json")
    again = Kept.read(tmp_path / "kept.json")
    assert again.figures["shipped"] == {"wer-new": newer, "wer-rms": other}
    assert list(tmp_path.iterdir()) == [tmp_path / "kept.json"]


def test_a_card_can_be_written_again_from_the_file(tmp_path):
    rounds_up = Figure("wer-new", 14.21496, 240, 4.65004, 1.005)
    kept = Kept().updated("shipped", {"wer-new": rounds_up}, {})
    kept.write(tmp_path / "kept.json")
    assert card_text(Kept.read(tmp_path / "kept.json")) == card_text(kept)


def test_figures_and_curves_of_a_run_reach_the_card_and_the_file(tmp_path):
    place, store = tmp_path / "README.md", tmp_path / "figures.json"
    place.write_text(CARD, encoding="utf-8")
    order = Order("recognizer", "measuring", tmp_path, 0.0)
    LearningCurve(order.curve).add({"seconds": 60.0, "loss": 1.5})
    bench = Bench(shipped_models(), "measuring", tmp_path)
    keep("measuring", {"wer-new": FIGURE}, bench, tmp_path, card=place, store=store)
    written = place.read_text(encoding="utf-8")
    assert "recognizer, measuring build:" in written
    assert "| ≤ 1 % | 0.35 |" in written
    assert written.endswith("After.\n")
    assert measured_part(written) == card_text(Kept.read(store))


def test_damaged_figures_are_told_from_missing_ones(tmp_path):
    assert Kept.read(tmp_path / "none.json") == Kept()
    (tmp_path / "bad.json").write_text('{"figures": 3}')
    with pytest.raises(RecipeError, match=r"bad\.json is damaged"):
        Kept.read(tmp_path / "bad.json")


def test_the_committed_card_says_what_the_committed_figures_say():
    kept = Kept.read()
    assert kept.figures.get("shipped"), "figures.json holds no figures of the shipped build"
    assert measured_part(card.CARD.read_text(encoding="utf-8")) == card_text(kept)
