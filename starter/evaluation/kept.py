"""The figures that are kept in the repository: `figures.json`, beside this module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, get_args

import orjson

from starter.errors import RecipeError
from starter.evaluation.figures import Figure
from starter.order import Build

__all__ = ["FIGURES", "Curve", "Kept"]

FIGURES: Final = Path(__file__).with_name("figures.json")

Curve: TypeAlias = Sequence[Mapping[str, float | int | str]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a model card is made of.

    Attributes:
        figures: By build, then by row.
        curves: Learning curves by "PART, BUILD".
    """

    figures: Mapping[Build, Mapping[str, Figure]] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)

    def updated(
        self, build: Build, figures: Mapping[str, Figure], curves: Mapping[str, Curve]
    ) -> Self:
        """Return it with newer figures and curves, rounded as they are written; others stay."""
        newer = {row: Figure.read(figure.document()) for row, figure in figures.items()}
        merged = {**self.figures, build: {**self.figures.get(build, {}), **newer}}
        return type(self)(merged, {**self.curves, **curves})

    @classmethod
    def read(cls, path: Path = FIGURES) -> Self:
        """Read a file; a missing one holds nothing.

        Raises:
            RecipeError: If it is damaged.
        """
        if not path.exists():
            return cls()
        try:
            document = orjson.loads(path.read_bytes())
            figures = {
                build: {each["row"]: Figure.read(each) for each in document["figures"][build]}
                for build in get_args(Build)
                if build in document["figures"]
            }
            return cls(figures, document["curves"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{path} is damaged ({error}); remove it, then measure again with --keep"
            raise RecipeError(message) from error

    def write(self, path: Path = FIGURES) -> None:
        """Write it whole or not at all.

        Raises:
            RecipeError: If the place cannot be written.
        """
        partial = path.with_suffix(".partial")
        try:
            partial.write_bytes(orjson.dumps(self._document(), option=orjson.OPT_INDENT_2) + b"\n")
            partial.replace(path)
        except OSError as error:
            raise RecipeError(f"{path} cannot be written: {error.strerror}") from error

    def _document(self) -> dict[str, Any]:
        figures = {
            build: [figure.document() for figure in found.values()]
            for build, found in self.figures.items()
        }
        curves = {name: [dict(point) for point in curve] for name, curve in self.curves.items()}
        return {"figures": figures, "curves": curves}
