"""What is known of a model's licence, from what lies beside it. It is told, never guessed.

Names: https://spdx.org/licenses/, and ``LicenseRef-`` for what SPDX does not list. Spellings are
those of Hugging Face's ``license`` key, of the key ``general.license`` of GGUF files, and of
Piper's MODEL_CARD files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.provisioning.importing.found import Licence

__all__ = ["UNKNOWN", "first_known", "of_card", "of_piper_card", "of_text", "stated"]

UNKNOWN: Final = Licence("", "Its licence is not known: find out before you rely on it.")

_LARGEST: Final = 1 << 18
"""Bytes of a text that are looked at."""

_SPDX: Final = MappingProxyType(
    {
        "apache-2.0": "Apache-2.0",
        "apache-2": "Apache-2.0",
        "apache-license-2.0": "Apache-2.0",
        "bsd-3-clause": "BSD-3-Clause",
        "bsd-2-clause": "BSD-2-Clause",
        "cc0": "CC0-1.0",
        "cc0-1.0": "CC0-1.0",
        "cc-0": "CC0-1.0",
        "cc-by-3.0": "CC-BY-3.0",
        "cc-by-4.0": "CC-BY-4.0",
        "cc-by-sa-3.0": "CC-BY-SA-3.0",
        "cc-by-sa-4.0": "CC-BY-SA-4.0",
        "cc-by-nc-4.0": "CC-BY-NC-4.0",
        "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
        "cc-by-nc-nd-4.0": "CC-BY-NC-ND-4.0",
        "gpl-3.0": "GPL-3.0-only",
        "agpl-3.0": "AGPL-3.0-only",
        "mit": "MIT",
        "mit-license": "MIT",
        "mpl-2.0": "MPL-2.0",
        "public-domain": "LicenseRef-PublicDomain",
        "unlicense": "Unlicense",
    }
)
_NON_COMMERCIAL: Final = "Not for commercial use."
_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        r"Apache License\s+Version 2\.0": "Apache-2.0",
        r"\bMIT License\b.*Permission is hereby granted, free of charge": "MIT",
        r"Permission is hereby granted, free of charge, to any person obtaining a copy": "MIT",
        r"CC0 1\.0 Universal": "CC0-1.0",
        r"Attribution 4\.0 International": "CC-BY-4.0",
    }
)
_FRONT_MATTER: Final = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_KEY: Final = re.compile(r"^(license|license_name|license_link):\s*['\"]?([^'\"\n#]+)", re.M)
_CARD: Final = re.compile(r"^[*\s-]*licen[cs]e:\s*(\S.*)$", re.M | re.I)
_FINETUNED: Final = re.compile(
    r"fine-?tuned\s+from\s+(?:the\s+)?[`'\"]?([\w.-]+(?: [\w.-]+)?)", re.I
)


def stated(name: str, where: str) -> Licence:
    """Return the licence that somebody names in a word or two.

    Args:
        name: As it is spelt there.
        where: Who says so, for the note: "the model's card".
    """
    name = " ".join(name.split())[:120]
    if not name or name.lower() in {"other", "unknown", "none"}:
        return UNKNOWN
    spdx = _SPDX.get(re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.").removesuffix("-license"))
    if spdx is None:
        note = f'Its licence is "{name}" by {where}: read it before you rely on it.'
        return Licence("", note)
    return Licence(spdx, _NON_COMMERCIAL if "-NC" in spdx else "")


def of_card(path: Path) -> Licence:
    """Return what the head of a README says, as Hugging Face's repositories have it."""
    head = _FRONT_MATTER.match(_text(path))
    keys = {key: value.strip() for key, value in _KEY.findall(head[1])} if head else {}
    name = keys.get("license", "")
    if name == "other":
        name = keys.get("license_name", name)
    return stated(name, "the model's card") if name else UNKNOWN


def of_piper_card(path: Path) -> Licence:
    """Return what a Piper voice's MODEL_CARD says of its recordings and of its ancestors."""
    text = _text(path)
    match = _CARD.search(text)
    licence = stated(match[1], "its MODEL_CARD") if match else UNKNOWN
    if ancestor := _FINETUNED.search(text):
        told = f"It was trained from {ancestor[1]}: that voice's licence may bind it, too."
        return Licence(licence.spdx, f"{licence.note} {told}".strip())
    return licence


def of_text(text: str) -> Licence:
    """Return the licence whose text this is."""
    flat = " ".join(text[:_LARGEST].split())
    for pattern, spdx in _TEXTS.items():
        if re.search(pattern, flat):
            return Licence(spdx)
    title = flat[:80].strip("#*= ")
    return stated(title, "its licence file") if title else UNKNOWN


def first_known(*licences: Licence) -> Licence:
    """Return the first that is known, else the first that says anything of its own."""
    known = [each for each in licences if each.spdx]
    telling = [each for each in licences if each.note and each != UNKNOWN]
    return (known or telling or [UNKNOWN])[0]


def _text(path: Path) -> str:
    """Return the beginning of a text; "" of one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode(errors="replace").replace("\r\n", "\n")
    except OSError:
        return ""
