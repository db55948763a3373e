"""Numbers as people read them."""

from __future__ import annotations

import math

__all__ = ["bytes_text", "duration_text", "ms_text", "number_text", "ratio_text", "share_text"]

_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def number_text(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, thousands apart, never with an exponent."""
    if not math.isfinite(value):
        return "unlimited" if value > 0 else "-"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(decimals, 9)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ms_text(value: float | None) -> str:
    """Milliseconds without unit: three digits, no fraction above 100, nothing below 10 µs."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else number_text(round(value, 2))


def share_text(value: float | None) -> str:
    """A share as per cent."""
    return "-" if value is None else f"{number_text(100 * value)} %"


def bytes_text(value: float | None) -> str:
    """Bytes with a binary unit."""
    if value is None:
        return "-"
    power = 0
    while abs(value) >= 1024 and power < len(_BYTE_UNITS) - 1:
        value, power = value / 1024, power + 1
    return f"{number_text(value)} {_BYTE_UNITS[power]}"


def duration_text(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{number_text(seconds / size)} {unit}"
    return f"{number_text(seconds)} s"


def ratio_text(value: float | None) -> str:
    """A ratio with two decimals."""
    if value is None:
        return "-"
    return f"{value:.2f} ×" if math.isfinite(value) else "unlimited"
