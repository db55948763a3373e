"""Writes the measured part of the model card, `starter/README.md`, from the figures that are kept.

The part stands between two marks; everything round it is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

import numpy as np

from pipeline.engines import Float32Audio, SpeakJob, piper
from pipeline.engines.thread import StopToken
from starter.errors import RecipeError
from starter.evaluation.bench import Bench
from starter.evaluation.examples import write_examples
from starter.evaluation.figures import Figure
from starter.evaluation.images import png, spectrogram
from starter.evaluation.kept import FIGURES, Curve, Kept
from starter.evaluation.rows import ROWS
from starter.evaluation.table import markdown
from starter.order import Build, Order, Part
from starter.training.curve import LearningCurve

__all__ = ["CARD", "card_text", "keep", "measured_part", "with_measured_part"]

CARD: Final = Path(__file__).parents[1] / "README.md"
_IMAGE: Final = Path(__file__).parent / "images" / "voice.png"
_BEGIN: Final = "<!-- measured: python -m starter evaluate --keep writes what follows -->"
_END: Final = "<!-- end of what is measured -->"
_SENTENCE: Final = "Good morning! What can I do for you today?"
_PICTURE: Final = f"The voice says “{_SENTENCE}”:\n\n![Spectrogram](evaluation/images/voice.png)"
_POINTS: Final = 10
_INTRODUCTION: Final[Mapping[Build, str]] = {
    "shipped": (
        "**The shipped build**, which has learnt all but the test sentences, by the files that lie "
        "here, the product's own engines and their settings in `models.toml`:"
    ),
    "measuring": (
        "**The measuring build**, which goes without the held-out templates and phrasings, flite's "
        "rms, festival's ked and twelve variants of espeak-ng; it tells what an unknown one costs:"
    ),
}


def keep(
    build: Build,
    figures: Mapping[str, Figure],
    bench: Bench,
    work: Path,
    *,
    card: Path = CARD,
    store: Path = FIGURES,
) -> None:
    """Add newly measured figures to those that are kept, and write the card, picture and examples.

    Args:
        build: Which one was measured.
        figures: By row; rows that were not measured keep theirs.
        bench: With what; the shipped build's picture and examples are made with it.
        work: Where the trainings left their learning curves.
        card: The model card.
        store: The file of all figures.

    Raises:
        RecipeError: If a file cannot be written, or the card lacks the marks.
    """
    kept = Kept.read(store).updated(build, figures, _curves(build, work))
    text = with_measured_part(card.read_text(encoding="utf-8"), card_text(kept))
    kept.write(store)
    _write(card, text.encode())
    if build == "shipped":
        _write(_IMAGE, png(spectrogram(*_voice(bench))))
        write_examples(bench)


def card_text(kept: Kept) -> str:
    """Return the measured part: tables of both builds, learning curves."""
    parts = [
        f"{_INTRODUCTION[build]}\n\n{markdown(ROWS, kept.figures[build], build)}"
        for build in get_args(Build)
        if kept.figures.get(build)
    ]
    if parts:
        parts.append(_PICTURE)
    parts += [_curve_text(name, curve) for name, curve in sorted(kept.curves.items()) if curve]
    return "\n\n".join(parts)


def measured_part(card: str) -> str:
    """Return what stands between the marks of a card.

    Raises:
        RecipeError: If it lacks them.
    """
    found = re.search(f"{re.escape(_BEGIN)}\n(.*?)\n?{re.escape(_END)}", card, re.DOTALL)
    if found is None:
        raise RecipeError(f"{CARD} lacks the lines {_BEGIN!r} and {_END!r}; put them in")
    return found[1].strip("\n")


def with_measured_part(card: str, text: str) -> str:
    """Return a card with another measured part.

    Raises:
        RecipeError: If it lacks the marks.
    """
    measured_part(card)
    head, _, rest = card.partition(_BEGIN)
    return f"{head}{_BEGIN}\n\n{text}\n\n{_END}{rest.partition(_END)[2]}"


def _curves(build: Build, work: Path) -> dict[str, Curve]:
    found = {}
    for part in get_args(Part):
        points = LearningCurve(Order(part, build, work, 0.0).curve).points()
        if points:
            found[f"{part}, {build} build"] = _thinned(points)
    return found


def _thinned(points: Curve) -> Curve:
    """Return at most ten points of each kind of look, the first and the last among them."""
    return [point for look in _looks(points) for point in _spread(look)]


def _spread(points: Curve) -> Curve:
    if len(points) <= _POINTS:
        return points
    places = [round(at * (len(points) - 1) / (_POINTS - 1)) for at in range(_POINTS)]
    return [points[at] for at in places]


def _looks(points: Curve) -> list[Curve]:
    """Tell looks at the training from looks at tests by what was measured."""
    found: dict[frozenset[str], list[Mapping[str, float | int | str]]] = {}
    for point in points:
        found.setdefault(frozenset(point), []).append(point)
    return list(found.values())


def _curve_text(name: str, curve: Curve) -> str:
    tables = [_curve_table(look) for look in _looks(curve)]
    return f"**Learning curve**, {name}:\n\n" + "\n\n".join(tables)


def _curve_table(curve: Curve) -> str:
    columns = list(curve[0])
    rows = [[_cell(point[key]) for key in columns] for point in curve]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: float | int | str) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def _voice(bench: Bench) -> tuple[Float32Audio, int]:
    """Return a sentence as the voice speaks it, and its rate."""
    voice = piper.load(bench.models.voice)
    parts = [part.audio for part in voice.speak(SpeakJob(_SENTENCE), stop=StopToken())]
    return np.concatenate(parts).astype(np.float32) / np.float32(32768), voice.sample_rate


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise RecipeError(f"{path} cannot be written: {error.strerror}") from error
