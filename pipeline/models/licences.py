"""What a licence asks of whoever uses a model, as far as its name tells. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

__all__ = ["Terms", "terms_of"]


class Terms(StrEnum):
    """How free a licence is.

    ``FREE``: any use, with an attribution at most. ``OWN``: it has rules of its own, which have to
    be read. ``RESTRICTED``: no commercial use, or research only. ``UNKNOWN``: nobody recorded it.
    """

    FREE = "free"
    OWN = "own terms"
    RESTRICTED = "restricted"
    UNKNOWN = "unknown"


_FREE: Final = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-3.0", "CC-BY-4.0", "CC0-1.0",
    "ISC", "LicenseRef-PublicDomain", "MIT", "Unlicense",
})  # fmt: skip
_RESTRICTED: Final = re.compile(r"-NC\b|research|non-?commercial", re.IGNORECASE)
_OPERATOR: Final = re.compile(r"\s+(AND|OR|WITH)\s+")


def terms_of(licence: str) -> Terms:
    """Return the terms of an SPDX expression (https://spdx.dev/learn/handling-license-info/).

    Of an expression with several licences the strictest counts.
    """
    if not licence.strip():
        return Terms.UNKNOWN
    if _RESTRICTED.search(licence):
        return Terms.RESTRICTED
    names = _OPERATOR.split(licence.strip("() "))[::2]
    return Terms.FREE if all(name.strip("() ") in _FREE for name in names) else Terms.OWN
