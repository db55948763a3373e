"""`parley models recommend`: which profile fits this machine, how many sessions, and why."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from gateway import config as configuration
from gateway.config import Config
from gateway.engine_loading import PROBES
from gateway.provisioning.calibration import UNMEASURED, Speeds, calibrate, compare
from gateway.provisioning.costs import CostBook, read_costs
from gateway.provisioning.fitting import PROCESS_BYTES, Candidate, Recommendation, recommend
from gateway.provisioning.hardware import Hardware, read_hardware
from gateway.provisioning.installed import MeasuredCosts, measure_installed
from gateway.provisioning.profiles import catalogue_of, installed_profile
from pipeline.errors import ModelError
from pipeline.models import Model, Profile

__all__ = ["add_arguments", "candidate", "run"]

_STARTER: Final = "starter"
"""The profile that Parley brings, for trying out."""


def candidate(
    profile: Profile, costs: CostBook, speeds: Speeds, measured: MeasuredCosts | None = None
) -> Candidate:
    """Return what a profile needs and costs.

    Args:
        profile: Which.
        costs: Of measured geometries.
        speeds: Of this machine.
        measured: What some models were found to cost here; goes before ``costs``.

    Raises:
        ModelError: If nothing comparable was ever measured.
    """
    hears, thinks, speaks = profile.recognizer, profile.language_model, profile.voice
    hearing, thinking = _memory_of(hears, costs, 1.0), _memory_of(thinks, costs, 1.3)
    weights = hears.bytes or 0
    return Candidate(
        profile.name,
        hears.id,
        thinks.id,
        speaks.id,
        _quantization(thinks),
        hearing + thinking + _memory_of(speaks, costs, 4.0) + PROCESS_BYTES,
        (max(hearing, weights // 2) + thinking, weights + thinking),
        measured.recognition
        if measured and measured.recognizer == hears.id
        else costs.recognition(hears, speeds),
        measured.language
        if measured and measured.language_model == thinks.id
        else costs.language(thinks, speeds),
        measured.speech
        if measured and measured.voice == speaks.id
        else costs.voice(speaks, speeds),
        is_last_resort=profile.name == _STARTER,
    )


def _memory_of(model: Model, costs: CostBook, factor: float) -> int:
    """Return what the catalogue says, or what its shape took, or a multiple of its size."""
    measured = costs.geometries.get(model.geometry, {}).get("resident_bytes", 0)
    return model.memory_bytes or int(measured) or round((model.bytes or 0) * factor)


def _quantization(model: Model) -> str:
    found = re.search(
        r"(?:^|[-_.])((?:UD-)?I?Q\d(?:_\w+)?|F16|BF16|F32)(?=[-.]|$)", _name(model), re.I
    )
    return found[1].upper() if found else "unknown quantisation"


def _name(model: Model) -> str:
    return model.files[0].name if model.files else model.path.name


# -- the command ----------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--no-calibration",
        action="store_true",
        help="do not measure this machine: take it for the one that the costs were measured on",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration file, for the models file and the store",
    )


def run(arguments: argparse.Namespace) -> int:
    """Recommend a profile, and print why; returns the exit code."""
    config = configuration.load({}, file=arguments.config)
    catalogue = catalogue_of(config)
    costs = read_costs(catalogue.models)
    hardware = read_hardware()
    speeds, measured = UNMEASURED, None
    if not arguments.no_calibration:
        speeds, measured = _speeds(costs), _measured(config)
    profiles = [catalogue.profile(name) for name in catalogue.profiles]
    ordered = sorted(profiles, key=_weight, reverse=True)
    candidates = [candidate(each, costs, speeds, measured) for each in ordered]
    found = recommend(hardware, candidates, speeds)
    hints = _gpu_hints(found, PROBES)
    if arguments.json:
        document = _document(hardware, speeds, costs, found, hints)
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    else:
        _print(hardware, speeds, costs, found, hints)
    return 0


def _weight(profile: Profile) -> tuple[bool, int, int]:
    """Return what orders profiles by what they can do; the starter's is the least."""
    sizes = (profile.language_model.bytes or 0, profile.recognizer.bytes or 0)
    return (profile.name != _STARTER, *sizes)


def _speeds(costs: CostBook) -> Speeds:
    if costs.units is None:
        return UNMEASURED
    console = Console(stderr=True)
    with console.status("measuring this machine (about 10 s) ...") as status:
        here = calibrate(report=lambda step: status.update(f"measuring this machine: {step} ..."))
    return compare(here, costs.units)


def _measured(config: Config) -> MeasuredCosts | None:
    """Measure the profile that is configured, if it is another than the starter and installed."""
    if config.models.profile == _STARTER:
        return None
    try:
        profile = installed_profile(config)
    except ModelError:
        return None  # not installed yet: that is what is to be decided
    console = Console(stderr=True)
    with console.status(f"measuring profile {profile.name} ...") as status:
        return measure_installed(
            profile, report=lambda name: status.update(f"measuring {name} ...")
        )


def _gpu_hints(found: Recommendation, probes: Mapping[str, Callable[[], str]]) -> tuple[str, ...]:
    """Say what is missing for the GPU to be used, if it is to be."""
    if found.verdict.device != "cuda":
        return ()
    return tuple(problem for engine in ("stt", "llm") if (problem := probes[engine]()))


def _document(
    hardware: Hardware,
    speeds: Speeds,
    costs: CostBook,
    found: Recommendation,
    hints: Sequence[str],
) -> dict[str, Any]:
    return {
        "profile": found.profile,
        "device": found.verdict.device,
        "recognizer": {
            "model": found.candidate.recognizer, "compute_type": found.verdict.compute_type,
        },
        "language_model": {
            "model": found.candidate.language_model, "quantization": found.candidate.quantization,
        },
        "voice": {"model": found.candidate.voice},
        "sessions": found.verdict.sessions,
        "reasons": list(found.verdict.reasons),
        "rejected": {name: list(reasons) for name, reasons in found.rejected.items()},
        "notes": [*found.notes, *hints],
        "hardware": {**asdict(hardware), "flags": sorted(hardware.flags)},
        "speeds": asdict(speeds),
        "reference": costs.machine,
    }  # fmt: skip


def _print(
    hardware: Hardware,
    speeds: Speeds,
    costs: CostBook,
    found: Recommendation,
    hints: Sequence[str],
) -> None:
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for line in hardware.describe():
        console.print(escape(line), style="dim")
    console.print(escape(_speed_line(speeds, costs)), style="dim")
    console.print()
    console.print(f"[bold]{escape(found.profile)}[/bold] fits this machine, because")
    for reason in found.verdict.reasons:
        console.print(f"  + {escape(reason)}")
    for name, reasons in found.rejected.items():
        console.print(f"not {escape(name)}:")
        for reason in reasons:
            console.print(f"  - {escape(reason)}")
    for note in (*found.notes, *hints):
        console.print(f"note: {escape(note)}")
    console.print()
    if found.profile == _STARTER:
        console.print("It is installed already: parley use starter")
    else:
        name = escape(found.profile)
        console.print(f"To get it and to use it: parley models pull {name} && parley use {name}")


def _speed_line(speeds: Speeds, costs: CostBook) -> str:
    if not speeds.is_measured:
        return f"costs      measured on {costs.machine}; this machine was not measured"
    return (
        f"speed      of a core, against {costs.machine}: recognition {speeds.recognizer:.2f}, "
        f"language model {speeds.decode:.2f}, voice {speeds.voice:.2f}"
    )
