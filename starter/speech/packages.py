"""Which Debian packages hold the synthesizers, and what is said where one is missing."""

from __future__ import annotations

from typing import Final

from starter.errors import RecipeError

__all__ = ["PACKAGES", "not_installed"]

PACKAGES: Final = (
    "espeak-ng", "libespeak-ng1", "flite", "libflite1", "festival", "festvox-kallpc16k",
    "festvox-kdlpc16k", "festvox-us-slt-hts",
)  # fmt: skip
"""All that are spoken with, by their names in Debian 12."""


def not_installed(what: str, package: str) -> RecipeError:
    """Return the error that names what was not found, the package with it, and the command.

    Args:
        what: A library, a program or a voice.
        package: One of `PACKAGES`.
    """
    return RecipeError(
        f"{what} was not found; install {package}, or all the synthesizers at once: "
        f"apt install {' '.join(PACKAGES)}"
    )
