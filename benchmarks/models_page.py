"""Fills the tables of docs/models.md: every catalogue entry, with the measured cost of its shape.

``python -m benchmarks.models_page`` rewrites what stands between the page's marks, from models.toml
and benchmarks/geometries.json; the rest of the page is written by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from gateway.provisioning.progress import size
from pipeline.models import MANY, Catalogue, Model, Profile, Role

__all__ = ["PAGE", "filled", "main", "read_costs"]

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "models.md"
RESULTS: Final = ROOT / "benchmarks" / "geometries.json"

Costs: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What `benchmarks.geometries` measured, by the name of a shape."""

_HEADINGS: Final[Mapping[Role, str]] = {
    "recognizer": "Cost of a shape like it: CPU of one core for a final pass",
    "language_model": "Cost of a shape like it: tokens in a second of one core",
    "voice": "Cost of a shape like it: CPU for a second of speech",
}
_NONE: Final = "–"


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the page, or with ``--check`` say whether it is current; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.models_page", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if it is stale")
    options = parser.parse_args(arguments)
    text = PAGE.read_text(encoding="utf-8")
    current = filled(text, Catalogue.load(), read_costs(RESULTS))
    if options.check:
        return int(text != current)
    PAGE.write_text(current, encoding="utf-8")
    print(f"{PAGE}: {'as it was' if text == current else 'rewritten'}")
    return 0


def read_costs(path: Path) -> Costs:
    """Return what was measured; nothing if nothing was."""
    try:
        costs: Costs = json.loads(path.read_text(encoding="utf-8"))["geometries"]
    except FileNotFoundError:
        return {}
    return costs


def filled(page: str, catalogue: Catalogue, costs: Costs) -> str:
    """Return the page with tables that are current.

    Raises:
        ValueError: If a mark is missing.
    """
    tables = {"profiles": _profiles(catalogue, costs)}
    tables |= {role: _models(catalogue, role, costs) for role in _HEADINGS}
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            message = f"the page has {begin.strip()} {page.count(begin)} times, expected once"
            raise ValueError(message)
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}{table}{rest[rest.index(end) :]}"
    return page


def _table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _profiles(catalogue: Catalogue, costs: Costs) -> str:
    columns = ("Profile", "For", "Download", "Memory", "Hears", "Thinks", "Speaks", "Languages")
    profiles = (catalogue.profile(name) for name in catalogue.profiles)
    return _table(columns, (_profile_row(profile, costs) for profile in profiles))


def _profile_row(profile: Profile, costs: Costs) -> tuple[str, ...]:
    main = (profile.recognizer, profile.language_model, profile.voice)
    download = sum(model.bytes or 0 for model in main if model.source is not None)
    memory = sum(_memory(model, costs) for model in main)
    voices = ", ".join(f"{tag}: {model.id}" for tag, model in profile.voices.items())
    return (
        f"`{profile.name}`",
        profile.description,
        size(download) if download else "none",
        f"{size(memory)} and 0.3 GB" if memory else _NONE,
        profile.recognizer.id,
        profile.language_model.id,
        profile.voice.id + (f"; {voices}" if voices else ""),
        " ".join(profile.languages),
    )


def _models(catalogue: Catalogue, role: Role, costs: Costs) -> str:
    columns = ("Model", "Download", "Memory", "Languages", "Licence", _HEADINGS[role])
    models = (model for model in catalogue.models if model.role == role)
    return _table(columns, (_model_row(model, costs) for model in models))


def _model_row(model: Model, costs: Costs) -> tuple[str, ...]:
    cost, memory = costs.get(model.geometry, {}), _memory(model, costs)
    return (
        f"`{model.id}`",
        _download(model),
        size(memory) if memory else _NONE,
        " ".join("many" if tag == MANY else tag for tag in model.languages),
        model.licence + (" (note)" if model.licence_note else ""),
        _cost(cost) if cost else _NONE,
    )


def _memory(model: Model, costs: Costs) -> int:
    """Return what the catalogue says, or else what a shape like it took; 0 if nobody knows."""
    measured = costs.get(model.geometry, {}).get("resident_bytes", 0)
    return model.memory_bytes or int(measured)


def _download(model: Model) -> str:
    if model.program:
        return "a program"
    if model.source is None:
        return "brought along"
    known = [part.bytes for part in model.files if part.bytes is not None]
    if not known:
        return "?"
    return size(sum(known)) if len(known) == len(model.files) else f"over {size(sum(known))}"


def _cost(figures: Mapping[str, Any]) -> str:
    match figures["kind"]:
        case "recognizer":
            short, long = figures["final_3s"]["cpu"], figures["final_30s"]["cpu"]
            return f"{short * 1e3:.0f} ms for 3 s, {long * 1e3:.0f} ms for 30 s"
        case "language_model":
            reads = figures["prefill_tokens_per_cpu_second"]
            writes = figures["decode_tokens_per_cpu_second"]
            return f"reads {reads:.0f}, writes {writes:.0f}"
        case _:
            return f"{figures['real_time_factor_cpu'] * 1e3:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
