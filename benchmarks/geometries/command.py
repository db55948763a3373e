"""What models of real shapes cost on this machine, with random weights.

``python -m benchmarks.geometries`` writes the models into a cache (once), measures each in a
process of its own, prints a table, and writes ``benchmarks/geometries.json``, which
`parley models recommend` and the table in docs/models.md read. With ``catalogue DIR`` it writes
such models and a models.toml in the layout that a mirror serves.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.geometries import llama, piper, whisper
from benchmarks.geometries.measuring import measure, steps
from benchmarks.geometries.published import write_catalogue
from benchmarks.geometries.shapes import (
    GEOMETRIES,
    SMALL,
    Geometry,
    LlamaShape,
    VoiceShape,
    WhisperShape,
)
from benchmarks.report import surroundings
from gateway.provisioning.calibration import calibrate
from gateway.provisioning.hardware import read_hardware
from pipeline.threads import NO_SPINNING

__all__ = ["RESULTS", "better", "main", "model_path", "write_model"]

RESULTS: Final = Path(__file__).parents[1] / "geometries.json"
_ROUNDS, _QUICK_ROUNDS = 3, 1
_STEP: Final = "step"
_COSTS: Final = frozenset(
    {"cpu", "wall", "load_cpu", "real_time_factor", "real_time_factor_cpu"}
    | {"recognizer", "prefill", "decode", "voice"}
)
"""Keys of figures of which less is better: what neighbours on a machine can only add to."""
_RATES: Final = frozenset({"memory"})
_ROOT: Final = Path(__file__).parents[2]
INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or write a catalogue; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        print(f"geometries: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.geometries", description=(__doc__ or "").split("\n")[0]
    )
    _add_options(parser)
    parser.set_defaults(run=_measure_all)
    commands = parser.add_subparsers(metavar="COMMAND")
    catalogue = commands.add_parser(
        "catalogue", help="write models and a models.toml that a static HTTP server can serve"
    )
    catalogue.add_argument("folder", type=Path, metavar="DIR")
    catalogue.add_argument("--quick", action="store_true", help="small shapes: 5 MB, not 850")
    catalogue.set_defaults(run=_catalogue)
    units = commands.add_parser("calibrate", help="measure what other machines compare with")
    units.set_defaults(run=_calibrate)
    one = commands.add_parser("one", help="measure one model here, and print JSON")
    one.add_argument("name", choices=sorted(GEOMETRIES))
    one.add_argument("path", type=Path)
    one.add_argument("--rounds", type=int, default=_ROUNDS)
    one.add_argument("--small", action="store_true")
    one.set_defaults(run=_one)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dir",
        type=Path,
        default=_cache(),
        metavar="DIR",
        help="where the models are kept: up to 1.5 GB (%(default)s)",
    )
    parser.add_argument(
        "--only", nargs="+", choices=sorted(GEOMETRIES), default=[], help="some of the geometries"
    )
    parser.add_argument("--quick", action="store_true", help="one run of each step, not three")
    parser.add_argument(
        "--least",
        action="store_true",
        help="keep the lesser of earlier costs and new ones: for machines that are seldom quiet",
    )
    parser.add_argument("--small", action="store_true", help="small shapes: tries this program out")
    parser.add_argument(
        "--output", type=Path, default=RESULTS, metavar="FILE", help="(%(default)s)"
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "parley" / "geometries"


def _catalogue(options: argparse.Namespace) -> int:
    console = Console(stderr=True)
    path = write_catalogue(
        options.folder,
        quick=options.quick,
        report=lambda name: console.print(f"writing {name} ..."),
    )
    print(path)
    return 0


def _one(options: argparse.Namespace) -> int:
    geometry = (SMALL if options.small else GEOMETRIES)[options.name]

    def step() -> None:
        print(_STEP, flush=True)

    figures = measure(options.path, geometry, rounds=options.rounds, step=step)
    print(json.dumps(figures), flush=True)
    return 0


# -- all of them ----------------------------------------------------------------------------------


def _measure_all(options: argparse.Namespace) -> int:
    shapes = SMALL if options.small else GEOMETRIES
    names = [name for name in shapes if name in (options.only or shapes)]
    rounds = _QUICK_ROUNDS if options.quick else _ROUNDS
    found: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description:16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for name in names:
            task = progress.add_task(name, total=steps(shapes[name]) + 1)
            path = write_model(options.dir / ("small" if options.small else ""), name, shapes[name])
            progress.advance(task)
            step = functools.partial(progress.advance, task)
            found[name] = _in_a_process(name, path, rounds, options.small, step)
            found[name] = _kept(options, name, found[name])
            _write(options.output, found, {})  # now: whoever interrupts this keeps what was found
        if not options.small:
            task = progress.add_task("calibration", total=1)
            units = _kept(options, "calibration", _calibration())
            _write(options.output, found, units)
            progress.advance(task)
    Console().print(_table(found))
    print(f"written to {options.output}")
    return 0


def model_path(folder: Path, name: str, geometry: Geometry) -> Path:
    """Return where a model of a geometry is kept: what its engine opens."""
    match geometry:
        case WhisperShape():
            return folder / name
        case LlamaShape():
            return folder / name / "model.gguf"
        case VoiceShape():
            return folder / name / "voice.onnx"


def write_model(folder: Path, name: str, geometry: Geometry) -> Path:
    """Write a model, unless a whole one of this shape is there; return what its engine opens."""
    path, seal = model_path(folder, name, geometry), folder / f"{name}.shape"
    if seal.is_file() and seal.read_text(encoding="utf-8") == repr(geometry):
        return path
    match geometry:
        case WhisperShape():
            whisper.write(path, geometry)
        case LlamaShape():
            llama.write(path, geometry)
        case VoiceShape():
            piper.write(path, geometry)
    seal.write_text(repr(geometry), encoding="utf-8")
    return path


def _in_a_process(
    name: str, path: Path, rounds: int, small: bool, step: Callable[[], object]
) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.geometries", "one", name, str(path)]
    command += ["--rounds", str(rounds), *(["--small"] if small else [])]
    with subprocess.Popen(
        command, env=_environment(), cwd=_ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        last = ""
        for line in process.stdout:
            if line.strip() == _STEP:
                step()
            else:
                last = line
    if process.returncode != 0:
        raise OSError(f"measuring {name} failed with exit code {process.returncode}")
    figures: dict[str, Any] = json.loads(last)
    return figures


def _kept(options: argparse.Namespace, name: str, new: dict[str, Any]) -> dict[str, Any]:
    """Return new figures, the better of earlier ones among them if that was asked for."""
    if not options.least:
        return new
    try:
        before = json.loads(options.output.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return new
    old = before.get(name) or before.get("geometries", {}).get(name)
    return better(old, new) if isinstance(old, dict) else new


def better(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``new`` with the lesser of both costs and the greater of both rates."""
    kept: dict[str, Any] = {}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            kept[key] = better(before, value)
        elif isinstance(before, int | float) and key in _COSTS:
            kept[key] = min(before, value)
        elif isinstance(before, int | float) and (key in _RATES or "_tokens_per_" in key):
            kept[key] = max(before, value)
        else:
            kept[key] = value
    return kept


def _environment() -> dict[str, str]:
    return {**os.environ, **NO_SPINNING, "GGML_NO_BACKTRACE": "1", "HF_HUB_OFFLINE": "1"}


def _calibration() -> dict[str, float]:
    """What other machines compare themselves with: see `gateway.provisioning.calibration`."""
    command = [sys.executable, "-m", "benchmarks.geometries", "calibrate"]
    answer = subprocess.run(
        command, env=_environment(), cwd=_ROOT, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise OSError(f"the calibration failed: {answer.stderr.strip()[-500:]}")
    units: dict[str, float] = json.loads(answer.stdout)
    return units


def _calibrate(_: argparse.Namespace) -> int:
    print(json.dumps(calibrate().rounded()))
    return 0


def _write(path: Path, found: Mapping[str, Any], calibration: Mapping[str, float]) -> None:
    document = _document(path, found, calibration)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _document(
    path: Path, found: Mapping[str, Any], calibration: Mapping[str, float]
) -> dict[str, Any]:
    """Return the results; what was not measured now keeps its figures."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        earlier, calibration = before["geometries"], calibration or before.get("calibration", {})
    except (OSError, ValueError, KeyError):
        earlier = {}
    hardware = read_hardware()
    now = {**surroundings(), "command": "python -m benchmarks.geometries"}
    dated = {
        name: {"date": f"{datetime.now(UTC):%Y-%m-%d}", **each} for name, each in found.items()
    }
    return {
        "schema": 1,
        "hardware": {
            "processor": hardware.processor,
            "cores": hardware.cores,
            "instruction_sets": list(hardware.instruction_sets),
            "memory_bytes": hardware.memory_bytes,
        },
        **now,
        "threads": 1,
        "calibration": dict(calibration),
        "geometries": {**earlier, **dated},
    }


def _table(found: Mapping[str, Any]) -> Table:
    table = Table("geometry", "file", "memory", "cost on one core", title=None)
    for name, figures in found.items():
        table.add_row(
            name,
            f"{figures['file_bytes'] / 1e6:.0f} MB",
            f"{figures['resident_bytes'] / 1e6:.0f} MB",
            _costs(figures),
        )
    return table


def _costs(figures: Mapping[str, Any]) -> str:
    match figures["kind"]:
        case "recognizer":
            return (
                f"3 s {figures['final_3s']['cpu'] * 1e3:.0f} ms, "
                f"30 s {figures['final_30s']['cpu'] * 1e3:.0f} ms of CPU"
            )
        case "language_model":
            return (
                f"reads {figures['prefill_tokens_per_cpu_second']:.0f}, writes "
                f"{figures['decode_tokens_per_cpu_second']:.0f} tokens per CPU second"
            )
        case _:
            return f"real-time factor {figures['real_time_factor_cpu']:.3f}"
