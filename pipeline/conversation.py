"""The conversation so far: items, and the messages that a model sees of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from pipeline.engines import Message
from pipeline.errors import UnknownItem

__all__ = ["Conversation", "Item", "Role"]

Role: TypeAlias = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the history.

    Attributes:
        id: Opaque, unique in the conversation.
        role: Who said it.
        text: What was said; of an interrupted reply, what was heard.
        truncated: Whether it was cut to what was heard.
        note: What the model is told beside the text (the time of day); part of the prompt for good,
            so that the prompt stays append-only and its cached prefix valid.
    """

    id: str
    role: Role
    text: str
    truncated: bool = False
    note: str = ""


class Conversation:
    """Items in order, at most ``max_items``: when they are more, the oldest quarter goes."""

    def __init__(self, *, max_items: int = 200) -> None:
        self._items: list[Item] = []
        self._max_items = max_items

    @property
    def items(self) -> Sequence[Item]:
        """All items, oldest first."""
        return tuple(self._items)

    def add(self, item: Item, *, after: str | None = None) -> None:
        """Append an item, or insert it behind another one.

        Raises:
            UnknownItem: If ``after`` names none.
        """
        at = len(self._items) if after is None else self._index(after) + 1
        self._items.insert(at, item)
        if len(self._items) > self._max_items:
            # A quarter at once: dropping one at a time would move the prompt's beginning, and so
            # void the model's cached prefix, with every turn.
            del self._items[: max(1, self._max_items // 4)]

    def delete(self, id: str) -> None:
        """Remove an item.

        Raises:
            UnknownItem: If there is none of that id.
        """
        del self._items[self._index(id)]

    def say(self, id: str, text: str) -> None:
        """Set the text of a reply that is being, or has been, produced."""
        self._set(id, text=text)

    def cut(self, id: str, heard: str) -> None:
        """Keep only what was heard of a reply; nothing heard, and the item ceases to exist."""
        if heard:
            self._set(id, text=heard, truncated=True)
        else:
            self._items = [item for item in self._items if item.id != id]

    def messages(self, system: str) -> list[Message]:
        """Return the prompt: the system message, if any, then every item that has text."""
        head = [Message("system", system)] if system else []
        return head + [Message(item.role, _content(item)) for item in self._items if item.text]

    def _set(self, id: str, *, text: str, truncated: bool = False) -> None:
        for at, item in enumerate(self._items):
            if item.id == id:
                self._items[at] = replace(item, text=text, truncated=truncated)

    def _index(self, id: str) -> int:
        for at, item in enumerate(self._items):
            if item.id == id:
                return at
        message = f"there is no item {id!r} in this conversation"
        raise UnknownItem(message)


def _content(item: Item) -> str:
    return f"{item.text}\n({item.note})" if item.note else item.text
