"""Names that are kept from the language model: whoever says one has read it in the conversation.

The recognizer learns them as it learns every word, so that answers with such a name can be asked
for by voice.
"""

from __future__ import annotations

from typing import Final

__all__ = ["HELD_ARTISTS", "HELD_CITIES", "HELD_NAMES", "KEPT_WORDS"]

HELD_NAMES: Final = (
    *("Orion", "Tessa", "Casper", "Fiona", "Gideon", "Hazel", "Ingrid", "Jasper", "Lorna"),
    *("Magnus", "Celeste", "Rupert", "Astrid", "Bruno", "Delia", "Edgar", "Harriet", "Ines"),
)
HELD_CITIES: Final = (
    *("Mumbai", "Nairobi", "Lima", "Naples", "Osaka", "Havana", "Tunis", "Bergen", "Krakow"),
    *("Valencia", "Perth", "Marseille", "Leeds", "Utrecht", "Porto", "Kyoto", "Turin", "Riga"),
)
HELD_ARTISTS: Final = (
    *("Radiohead", "Adele", "Nina Simone", "Coldplay", "Prince", "Haydn", "Schubert"),
    *("Johnny Cash", "Ella Fitzgerald", "Pink Floyd", "Brahms", "Aretha Franklin"),
)

KEPT_WORDS: Final = tuple(
    word for name in (*HELD_NAMES, *HELD_CITIES, *HELD_ARTISTS) for word in name.split()
)
"""The words of all of them, as they are written."""
