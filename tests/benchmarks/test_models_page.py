"""docs/models.md has every model, as the catalogue and the measurements have them."""

import pytest

from benchmarks.models_page import PAGE, RESULTS, filled, main, read_costs
from pipeline.models import Catalogue
from tests.pipeline.models.catalogues import catalogue

MARKS = "".join(
    f"<!-- {name} -->\nold\n<!-- /{name} -->\n"
    for name in ("profiles", "recognizer", "language_model", "voice")
)
COSTS = {
    "whisper-x": {
        "kind": "recognizer",
        "final_3s": {"cpu": 0.1},
        "final_30s": {"cpu": 1.0},
        "resident_bytes": 5_000_000,
    },
    "llama-x": {
        "kind": "language_model",
        "prefill_tokens_per_cpu_second": 200.4,
        "decode_tokens_per_cpu_second": 40.6,
        "resident_bytes": 1,
    },
    "piper-x": {"kind": "voice", "real_time_factor_cpu": 0.0312, "resident_bytes": 2_000_000},
}


def test_the_page_is_current():
    assert main(["--check"]) == 0, "run: python -m benchmarks.models_page"


def test_every_model_of_the_catalogue_stands_in_it_once():
    page = PAGE.read_text(encoding="utf-8")
    for model in Catalogue.load().ids:
        assert page.count(f"| `{model}` |") == 1, model


def test_a_measured_shape_gives_its_costs():
    changed = catalogue("models/ears/geometry", "whisper-x")
    changed.document["models"]["brain"]["geometry"] = "llama-x"
    changed.document["models"]["mouth"]["geometry"] = "piper-x"
    page = filled(MARKS, changed, COSTS)
    assert "old" not in page
    assert "| `ears` | 70.0 MB | 1.0 kB | many | MIT | 100 ms for 3 s, 1000 ms for 30 s |" in page
    assert (
        "| `brain` | 5 B | 1 B | en de | LicenseRef-Llama-3.2 (note) | reads 200, writes 41 |"
        in page
    )
    assert "| `mouth` | 7 B | 2.0 MB | en | CC0-1.0 | 31 ms |" in page
    assert "| `mund` | 7 B | – | de | CC-BY-NC-4.0 (note) | – |" in page


def test_a_page_without_a_mark_is_refused():
    with pytest.raises(ValueError, match="<!-- voice --> 0 times"):
        filled(MARKS.replace("voice", "sound"), catalogue(), {})


def test_every_shape_that_the_catalogue_names_is_one_that_is_measured():
    from benchmarks.geometries.shapes import GEOMETRIES

    named = {model.geometry for model in Catalogue.load().models if model.geometry}
    assert named <= set(GEOMETRIES)


def test_costs_that_were_not_measured_are_none(tmp_path):
    assert read_costs(tmp_path / "none.json") == {}
    assert read_costs(RESULTS) is not None
