"""What every measurement works with: the models, a folder for test audio, how much to measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from pipeline.engines.faster_whisper import WhisperSettings
from pipeline.engines.llama_cpp import LlamaSettings
from pipeline.engines.piper import PiperSettings
from pipeline.errors import ModelError
from pipeline.models import Catalogue, Profile
from starter.errors import RecipeError
from starter.order import Build, Order, Part

__all__ = ["Bench", "Models", "exported_models", "shipped_models"]

T = TypeVar("T")

_PROFILE: Final = "starter"
_FEWEST: Final = 20
"""Items that the short form measures at least."""


@dataclass(frozen=True, slots=True)
class Models:
    """What is measured: settings of the product's engines, as a server would load them.

    Each runs on one thread of a CPU, so that figures are repeatable and speeds are a core's.
    """

    recognizer: WhisperSettings
    language_model: LlamaSettings
    voice: PiperSettings

    def require(self, parts: Iterable[Part]) -> None:
        """Check that these parts are there.

        Raises:
            RecipeError: For the first that is not.
        """
        files = {
            "recognizer": self.recognizer.path / "model.bin",
            "language-model": self.language_model.path,
            "voice": self.voice.path,
        }
        for part in parts:
            if not files[part].is_file():
                message = (
                    f"there is no {part} {files[part]}; python -m starter make {part} makes one"
                )
                raise RecipeError(message)


def shipped_models(catalogue: Catalogue | None = None) -> Models:
    """Return the models that come with Parley.

    Raises:
        RecipeError: If models.toml does not name them, or gives settings that an engine lacks.
    """
    try:
        profile = (catalogue or Catalogue.load()).profile(_PROFILE)
        return Models(
            recognizer=_recognizer(profile),
            language_model=LlamaSettings(
                profile.language_model.path,
                **{**profile.language_model.settings, "device": "cpu", "threads": 1},
            ),
            voice=PiperSettings(
                profile.voice.path, **{**profile.voice.settings, "device": "cpu", "threads": 1}
            ),
        )
    except (ModelError, TypeError, ValueError) as error:
        raise RecipeError(f"the profile {_PROFILE} cannot be measured: {error}") from error


def exported_models(work: Path, build: Build) -> Models:
    """Return what trainings of a build exported below `work`, with the shipped models' settings."""
    shipped = shipped_models()

    def export(part: Part) -> Path:
        return Order(part, build, work, 0.0).export

    name = shipped.language_model.path.name
    return Models(
        recognizer=replace(shipped.recognizer, path=export("recognizer")),
        language_model=replace(shipped.language_model, path=export("language-model") / name),
        voice=replace(shipped.voice, path=export("voice") / shipped.voice.path.name),
    )


def _recognizer(profile: Profile) -> WhisperSettings:
    model = profile.recognizer
    chosen: dict[str, object] = {"device": "cpu", "threads": 1, "workers": 1}
    return WhisperSettings.from_model(model.path, model.settings, **chosen)


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Where measuring takes place. Benches are told apart by identity, so that they can be keys.

    Attributes:
        models: What is measured.
        build: Which bars count.
        audio: Folder that keeps test audio between runs.
        portion: Of every test set, 0 ... 1.
        report: Told what is being done, how many items are done, and of how many.
    """

    models: Models
    build: Build
    audio: Path
    portion: float = 1.0
    report: Callable[[str, int, int], None] = lambda what, done, all: None

    def items(self, full: int) -> int:
        """Return how many items of a full test set of so many are to be measured."""
        return full if self.portion >= 1 else min(full, max(_FEWEST, round(full * self.portion)))

    def each(self, what: str, items: Iterable[T], *, of: int | None = None) -> Iterator[T]:
        """Yield the items, reporting how far it is."""
        number = of if of is not None else len(items) if isinstance(items, Sequence) else 0
        for done, item in enumerate(items):
            self.report(what, done, number)
            yield item
        self.report(what, number, number)
