"""Tests of flite's voice run where Debian's libflite1 is installed."""

from __future__ import annotations

import pytest

from starter.errors import RecipeError
from starter.voice import flite


@pytest.fixture(scope="session")
def _flite() -> None:
    try:
        flite.require()
    except RecipeError as error:
        pytest.skip(str(error))
