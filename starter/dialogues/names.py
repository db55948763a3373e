"""Names that training shows, and names that no training shows."""

from __future__ import annotations

from typing import Final

from starter.domain.kept_names import HELD_ARTISTS, HELD_CITIES, HELD_NAMES
from starter.domain.slots import SLOTS

__all__ = [
    "ARTISTS",
    "CITIES",
    "HELD_ARTISTS",
    "HELD_CITIES",
    "HELD_NAMES",
    "NAMES",
]

_HELD: Final = frozenset((*HELD_NAMES, *HELD_CITIES, *HELD_ARTISTS))


def _trained(*names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name not in _HELD))


NAMES: Final = _trained(
    *SLOTS["name"],
    *("Nova", "Ada", "Iris", "Jarvis", "Luna", "Robin", "Alex", "Otto", "Mira", "Echo", "Pixel"),
    *("Juno", "Leo", "Stella", "Ruby", "Hugo", "Vera", "Milo", "Zoe", "Nina", "Atlas", "Willow"),
    *("Basil", "Cora", "Finn", "Parley", "Parley", "Parley", "Nova", "Max"),
)
CITIES: Final = _trained(
    *SLOTS["city"],
    *("Ottawa", "Canberra", "Ankara", "Bern", "Washington", "New Delhi", "Brasilia", "Venice"),
    *("Florence", "Cologne", "Frankfurt", "Dresden", "Lyon", "Nice", "Seville", "Antwerp"),
    *("San Francisco", "Los Angeles", "Miami", "Atlanta", "Phoenix", "Portland", "Vancouver"),
    *("Calgary", "Melbourne", "Brisbane", "Auckland", "Singapore", "Seoul", "Bangkok", "Delhi"),
    *("Jakarta", "Manila", "Dubai", "Cape Town", "Lagos", "Accra", "Rabat", "Algiers", "Bogota"),
    *("Santiago", "Quito", "Buenos Aires", "Cardiff", "Belfast", "Liverpool", "Birmingham"),
    *("Oxford", "Cambridge", "Bath", "York", "Salzburg", "Bremen", "Leipzig", "Tampere", "Malmo"),
)
ARTISTS: Final = _trained(
    *SLOTS["band"],
    *("the Rolling Stones", "David Bowie", "Madonna", "Michael Jackson", "Bob Dylan", "Handel"),
    *("Elton John", "Frank Sinatra", "Ray Charles", "Stevie Wonder", "Tina Turner", "U two"),
    *("the Doors", "Nirvana", "Metallica", "Debussy", "Schumann", "Wagner", "Verdi", "Dvorak"),
    *("Joni Mitchell", "Paul Simon", "Leonard Cohen", "Billie Holiday", "Duke Ellington"),
)
