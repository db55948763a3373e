"""What models cost on one core of the machine that measured them: ``benchmarks/geometries.json``.

A model names its geometry; of one that was not measured the cost is scaled from the measured model
of the same engine that is nearest in size, since both the work and the memory traffic of a token
follow the number of weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.provisioning.calibration import Speeds, Units
from pipeline.errors import ModelError
from pipeline.models import Model

__all__ = ["CostBook", "LanguageCost", "RecognitionCost", "VoiceCost", "read_costs"]

_FILE: Final = Path(__file__).parents[2] / "benchmarks" / "geometries.json"
_UNKNOWN_BYTES: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class RecognitionCost:
    """Of a recognizer, in CPU seconds.

    Attributes:
        final: To read three seconds of speech, at the end of a turn.
        partial: To read a growing utterance of some four seconds once.
        basis: Which measured geometry it rests on.
        is_scaled: Whether by size; else it was measured itself.
    """

    final: float
    partial: float
    basis: str
    is_scaled: bool = False


@dataclass(frozen=True, slots=True)
class LanguageCost:
    """Of a language model, in tokens per CPU second; see `RecognitionCost` for the rest."""

    prefill: float
    decode: float
    basis: str
    is_scaled: bool = False


@dataclass(frozen=True, slots=True)
class VoiceCost:
    """Of a voice, in CPU seconds per second of speech; see `RecognitionCost` for the rest."""

    real_time_factor: float
    basis: str
    is_scaled: bool = False


@dataclass(frozen=True, slots=True)
class CostBook:
    """All measured costs.

    Attributes:
        machine: Where they were measured, and when.
        geometries: Figures by name.
        units: Of the calibration there; None if there was none.
        sizes: Bytes of the files of a published model, by its geometry.
    """

    machine: str
    geometries: Mapping[str, Mapping[str, Any]]
    units: Units | None = None
    sizes: Mapping[str, int] | None = None

    def recognition(self, model: Model, speeds: Speeds) -> RecognitionCost:
        """Return what a recognizer costs on a machine of these speeds.

        Raises:
            ModelError: If no recognizer was ever measured; likewise for the other two.
        """
        name, size, figures = self._basis(model, "recognizer")
        factor = size / speeds.recognizer
        partials = figures["partial_by_context"]
        partial = (partials["5"]["cpu"] + partials["8"]["cpu"]) / 2
        final = figures["final_3s"]["cpu"]
        return RecognitionCost(final * factor, partial * factor, name, name != model.geometry)

    def language(self, model: Model, speeds: Speeds) -> LanguageCost:
        """Return what a language model costs on a machine of these speeds."""
        name, size, figures = self._basis(model, "language_model")
        return LanguageCost(
            figures["prefill_tokens_per_cpu_second"] / size * speeds.prefill,
            figures["decode_tokens_per_cpu_second"] / size * speeds.decode,
            name,
            name != model.geometry,
        )

    def voice(self, model: Model, speeds: Speeds) -> VoiceCost:
        """Return what a voice costs on a machine of these speeds."""
        name, size, figures = self._basis(model, "voice")
        factor = size / speeds.voice
        return VoiceCost(figures["real_time_factor_cpu"] * factor, name, name != model.geometry)

    def _basis(self, model: Model, kind: str) -> tuple[str, float, Mapping[str, Any]]:
        """Return a geometry's name, by how much the model is larger, and the figures."""
        if model.geometry in self.geometries:
            return model.geometry, 1.0, self.geometries[model.geometry]
        sizes = {
            name: (self.sizes or {}).get(name) or int(figures["file_bytes"])
            for name, figures in self.geometries.items()
            if figures.get("kind") == kind
        }
        if not sizes:
            raise ModelError(
                f"no {kind} was measured in {_FILE}; run python -m benchmarks.geometries"
            )
        own = model.bytes or model.memory_bytes or _UNKNOWN_BYTES
        nearest = min(sizes, key=lambda name: abs(math.log(sizes[name] / own)))
        return nearest, own / sizes[nearest], self.geometries[nearest]


def read_costs(models: Iterable[Model], path: Path = _FILE) -> CostBook:
    """Read what was measured.

    Args:
        models: Of the catalogue: the sizes of those that name a geometry.
        path: The file.

    Raises:
        ModelError: If it is missing or malformed.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        hardware, geometries = document["hardware"], document["geometries"]
        machine = f"{hardware['processor']}, {document['date'].partition(' ')[0]}"
        units = Units.read(document["calibration"]) if document.get("calibration") else None
        sizes: dict[str, int] = {}
        for model in models:
            if model.geometry and model.bytes:
                sizes.setdefault(model.geometry, model.bytes)
        return CostBook(machine, geometries, units, sizes)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); install Parley again"
        raise ModelError(message) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} is malformed ({error!r}); run python -m benchmarks.geometries"
        raise ModelError(message) from error
