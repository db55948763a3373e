"""The tokens of one conversation and the text that each stands for. Pure.

A prompt arrives as text, a cache holds tokens, and tokenising the text of a reply again need not
give the tokens that were sampled. So the text is matched, not the tokens: whatever the cached
tokens spell out is kept as it is, and only the rest is tokenised.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["TokenHistory", "align"]


class TokenHistory:
    """Tokens that a model has read or written, in order.

    Attributes:
        ids: The tokens.
        spans: For each token the bytes of the rendered conversation that it stands for; ``b""`` for
            tokens that the next rendering will not show (white space that templates trim, the empty
            thought after an assistant's header).
        replies: The numbers of tokens with which generated replies began.
        decoded: How many of them the KV cache holds, from the first.
    """

    __slots__ = ("decoded", "ids", "replies", "spans")

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.spans: list[bytes] = []
        self.replies: set[int] = set()
        self.decoded = 0

    def match(self, text: bytes) -> tuple[int, int]:
        """Return how many tokens spell out the beginning of ``text``, and how many bytes of it.

        White space before a reply, which some templates add and some models generate, is passed.
        """
        count = size = 0
        for span in self.spans:
            if count in self.replies:
                size = len(text) - len(text[size:].lstrip())
            if not text.startswith(span, size):
                break
            count, size = count + 1, size + len(span)
        if size == len(text):
            while count and not self.spans[count - 1]:
                count -= 1
        return count, size

    def replace(self, ids: Sequence[int], spans: Sequence[bytes], *, kept: int) -> None:
        """Become another conversation.

        Args:
            ids: Its tokens.
            spans: What they stand for.
            kept: How many tokens were taken over from this one, from the first.
        """
        common = 0
        for old, new in zip(self.ids, ids, strict=False):
            if old != new:
                break
            common += 1
        self.ids, self.spans = list(ids), list(spans)
        self.replies = {number for number in self.replies if number < kept}
        self.decoded = min(self.decoded, common)

    def begin_reply(self) -> None:
        """Say that the next token is the first of a reply."""
        self.replies.add(len(self.ids))

    def append(self, token: int, span: bytes) -> None:
        """Add a generated token, which is not decoded yet."""
        self.ids.append(token)
        self.spans.append(span)


def align(text: bytes, pieces: Sequence[bytes]) -> list[bytes]:
    """Return the part of ``text`` that each token's piece stands for; they concatenate to it.

    SentencePiece vocabularies put a space before the text, which its first piece shows. Where a
    tokenizer normalises its input otherwise, all of the text is laid on the first token, so that it
    is found again as a whole or not at all.
    """
    spans: list[bytes] = []
    size = 0
    for piece in pieces:
        span = piece
        if not text.startswith(piece, size) and piece.startswith(b" "):
            span = piece[1:]
        if not text.startswith(span, size):
            break
        spans.append(span)
        size += len(span)
    if size == len(text) and len(spans) == len(pieces):
        return spans
    return [text, *(b"" for _ in pieces[1:])]
