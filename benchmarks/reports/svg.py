"""Markup from values: every text and every attribute is escaped, here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Final, TypeAlias

__all__ = ["Attribute", "Content", "Markup", "join", "tag"]

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What may stand in no XML or HTML document, not even escaped."""
_VOID: Final = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is markup already; any other string is escaped when it comes into a document."""

    __slots__ = ()


Content: TypeAlias = Markup | str | Iterable["Content"] | None
Attribute: TypeAlias = str | float | None


def tag(name: str, /, *content: Content, **attributes: Attribute) -> Markup:
    """An element.

    Args:
        name: Of the element.
        content: Children in order; strings are escaped, None is nothing.
        attributes: ``class_`` and other names that Python reserves end in an underscore, inner
            underscores become hyphens, numbers lose needless digits, None is left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(content)}</{name}>")


def join(content: Content) -> Markup:
    """Children in a row."""
    if content is None:
        return Markup("")
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(escape(_FORBIDDEN.sub("\ufffd", content)))
    return Markup("".join(join(each) for each in content))


def _attribute(value: str | float) -> str:
    if isinstance(value, str):
        return join(str(value)) if not isinstance(value, Markup) else escape(value)
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
