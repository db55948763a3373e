"""Language models in GGUF files, by llama.cpp through llama-cpp-python's low-level interface.

One native context belongs to the thread that loaded it; a second thread inside it aborts the whole
process, so every entry checks the thread. Each conversation owns a sequence of the context's KV
cache and a `TokenHistory` that mirrors it. A prompt is matched against that history, the cache is
cut back to what still holds, and only the rest is decoded: the same steps serve the next turn, an
interrupted reply (its message is a beginning of the cached one), and a sequence that was evicted.

The names used here are those of llama-cpp-python 0.3.36. Grammars are never passed in: a wrong one
crashes the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, Protocol, runtime_checkable

import numpy as np

from pipeline.devices import Device
from pipeline.engines import Generated, Message, Prompt, StopSignal, Usage
from pipeline.engines.chat_template import CHATML, ChatTemplate, merge_roles, split_turns
from pipeline.engines.reply_text import ReplyText, goes_round, split_thought
from pipeline.engines.token_history import TokenHistory, align
from pipeline.errors import EngineFailed, EngineUnavailable

__all__ = ["LlamaModel", "LlamaSession", "LlamaSettings", "cuda_problem", "load"]

log = logging.getLogger(__name__)

_THOUGHT_TAGS: Final = (b"<think>", b"</think>")
_ROOM_AFTER_OVERFLOW: Final = 0.75
"""Share of the room that a shortened conversation may fill: else every turn would drop one more
turn, and with it the cached prefix."""
_LEAST_REPLY: Final = 16
"""Tokens that must be left for a reply to a conversation that cannot be shortened further."""


@dataclass(frozen=True, slots=True)
class LlamaSettings:
    """How to load and run one model.

    Attributes:
        path: The GGUF file.
        context_tokens: Longest conversation with its reply; capped by what the model was trained
            for.
        sessions: Conversations that keep their place in the KV cache, 1-256. More may be open; the
            longest-idle one then gives its place up and is read again when it goes on.
        cache_tokens: KV cells that all conversations share. None: a quarter of what all would need
            at their longest, and enough for one.
        threads: CPU threads. More than the cores that nothing else uses makes everything slower.
        device: "auto" takes a GPU where this build has one and the model fits it; "cuda" insists.
        gpu_layers: Layers to put on a GPU; negative means all.
        batch_tokens: Prompt tokens per native call. On a GPU, where a call cannot be aborted, it
            bounds how long stopping takes.
        step_tokens: Prompt tokens that are worked on at a time within a call.
        top_k, top_p, min_p: Sampling, where the prompt's temperature is above 0.
        stop: Texts that end a reply, besides the model's own end-of-turn tokens.
        template: Jinja chat template instead of the model's own.
    """

    path: Path
    context_tokens: int = 4096
    sessions: int = 8
    cache_tokens: int | None = None
    threads: int = 1
    device: Device = "auto"
    gpu_layers: int = -1
    batch_tokens: int = 512
    step_tokens: int = 256
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    stop: Sequence[str] = ()
    template: str | None = None

    def __post_init__(self) -> None:
        for name in ("context_tokens", "sessions", "threads", "batch_tokens", "step_tokens"):
            if getattr(self, name) < 1:
                message = f"{name} is {getattr(self, name)}, expected at least 1"
                raise ValueError(message)


def load(
    settings: LlamaSettings, *, now: Callable[[], datetime] = lambda: datetime.now().astimezone()
) -> LlamaModel:
    """Load a model; the calling thread becomes the only one that may use it.

    Args:
        settings: What to load.
        now: For chat templates that print today's date.

    Raises:
        EngineUnavailable: If the package, the file or the memory is missing, or the file holds no
            chat model.
    """
    _check_file(settings.path)
    native = _import()
    settings = _placed(native, settings)
    try:
        return _load(native, settings, now)
    except EngineUnavailable as error:
        if settings.gpu_layers == 0 or settings.device == "cuda":
            raise
        log.warning("the language model runs on the CPU, for the GPU did not take it: %s", error)
        return _load(native, replace(settings, gpu_layers=0), now)


def cuda_problem() -> str:
    """Return why no language model can run on a GPU here, or ""."""
    try:
        return _gpu_problem(_import())
    except EngineUnavailable as error:
        return str(error)


def _gpu_problem(native: Any) -> str:  # noqa: ANN401 - ctypes
    if native.llama_supports_gpu_offload():
        return ""
    return (
        "llama.cpp finds no GPU that it was built for; for CUDA build it with "
        "CMAKE_ARGS=-DGGML_CUDA=on pip install --force-reinstall --no-binary llama-cpp-python "
        "llama-cpp-python"
    )


def _placed(native: Any, settings: LlamaSettings) -> LlamaSettings:  # noqa: ANN401 - ctypes
    """Return the settings with as many layers on the GPU as there can be."""
    if settings.device == "cpu" or settings.gpu_layers == 0:
        return replace(settings, gpu_layers=0)
    if not (problem := _gpu_problem(native)):
        return settings
    if settings.device == "cuda":
        raise EngineUnavailable(f"device is 'cuda', but {problem}; or set it to 'auto' or 'cpu'")
    return replace(settings, gpu_layers=0)


def _load(native: Any, settings: LlamaSettings, now: Callable[[], datetime]) -> LlamaModel:  # noqa: ANN401
    handle = _load_file(native, settings)
    try:
        vocabulary = _Vocabulary(native, handle)
        template, stop = _template(native, handle, vocabulary, settings, now)
        context = _Context(native, handle, settings)
    except BaseException:
        native.llama_model_free(handle)
        raise
    model = LlamaModel(context, vocabulary, template, settings, stop)
    log.info("%s: %s", settings.path.name, context.description)
    return model


class LlamaModel:
    """A loaded model; made by `load`, used only by the thread that called it."""

    def __init__(
        self,
        context: _Context,
        vocabulary: _Vocabulary,
        template: ChatTemplate,
        settings: LlamaSettings,
        stop: Sequence[str],
    ) -> None:
        self.context = context
        self.vocabulary = vocabulary
        self.settings = settings
        self.stop = stop
        self._template = template
        self._free = list(reversed(range(context.sequences)))
        self._seated: list[LlamaSession] = []  # those with a sequence, longest idle first
        context.warm_up(vocabulary.tokenize(b"Hello."))

    @property
    def context_tokens(self) -> int:
        """Longest conversation with its reply, in tokens."""
        return self.context.context_tokens

    def open(self) -> LlamaSession:
        """Begin a conversation. It takes its sequence when it first generates."""
        self.context.check_thread()
        return LlamaSession(self)

    def close(self) -> None:
        """Free the model. Its sessions are unusable afterwards."""
        self.context.check_thread()
        self._seated.clear()
        self.context.close()

    # What sessions need; not for callers.

    def render(self, messages: Sequence[Message]) -> str:
        """Return the prompt for ``messages``, without control tokens that a speaker spelt out."""
        return self._template.render(
            [
                item if item.role == "system" else Message(item.role, self._plain(item.content))
                for item in messages
            ]
        )

    def _plain(self, content: str) -> str:
        while (cleaned := self.vocabulary.control_text.sub("", content)) != content:
            content = cleaned
        return content

    def seat(self, session: LlamaSession) -> int:
        """Return the session's sequence, now the most recently used; take one if it has none."""
        if session in self._seated:
            self._seated.remove(session)
        elif not self._free and not self.evict(session):
            message = f"all {self.context.sequences} sequences are generating; raise sessions"
            raise EngineFailed(message)
        self._seated.append(session)
        sequence = self._free.pop() if session.sequence is None else session.sequence
        session.sequence = sequence
        return sequence

    def evict(self, claimant: LlamaSession) -> bool:
        """Empty the sequence of the longest-idle other session; False if there is none."""
        for session in self._seated:
            if session is not claimant and not session.generating:
                log.debug("a conversation of %d tokens lost its place", session.history.decoded)
                self.unseat(session)
                return True
        return False

    def unseat(self, session: LlamaSession) -> None:
        """Take a session's sequence back; it is read anew when the session goes on."""
        if session.sequence is not None and session in self._seated:
            self.context.keep(session.sequence, 0)
            self._seated.remove(session)
            self._free.append(session.sequence)
        session.sequence = None
        session.history.decoded = 0


class LlamaSession:
    """One conversation; made by `LlamaModel.open`."""

    def __init__(self, model: LlamaModel) -> None:
        self.history = TokenHistory()
        self.sequence: int | None = None
        self.generating = False
        self._model = model
        self._forgotten: list[list[Message]] = []  # the oldest turns, which no longer fit
        self._closed = False

    def generate(self, prompt: Prompt, *, stop: StopSignal) -> Iterator[Generated]:
        """Yield the reply, one piece per token; the last piece carries the usage.

        Other sessions may generate between two pieces. With ``max_tokens`` 0 the prompt is read
        into the cache and nothing is said.

        Raises:
            EngineFailed: If the conversation does not fit, the cache is full of conversations that
                generate, or the session is closed or generating already.
        """
        self._model.context.check_thread()
        closed = self._closed or self._model.context.closed
        if closed or self.generating:
            state = "closed" if closed else "generating already"
            message = f"this conversation is {state}; open another"
            raise EngineFailed(message)
        self.generating = True
        try:
            yield from self._reply(prompt, stop)
        finally:
            self.generating = False

    def close(self) -> None:
        """Give the sequence back. Idempotent."""
        self._model.context.check_thread()
        self._closed = True
        if not self._model.context.closed:
            self._model.unseat(self)

    def _reply(self, prompt: Prompt, stop: StopSignal) -> Iterator[Generated]:
        history, words = self.history, self._model.vocabulary
        limit = self._take(prompt)
        size, cached = len(history.ids), self._rewind()
        history.begin_reply()
        text = ReplyText(self._model.stop)
        finish: Literal["stop", "length", "stopped"] = "length"
        with self._model.context.sampler(prompt, self._model.settings) as sampler:
            while self._read(stop):
                if len(history.ids) - size >= limit:
                    break
                token = self._model.context.sample(sampler)
                if words.ends(token):
                    finish = "stop"
                    break
                said = self._hear(token, text)
                if text.ended:
                    finish = "stop"
                    yield Generated(said)
                    break
                yield Generated(said)
                if goes_round(history.ids[size:]) or len(history.ids) - size >= limit:
                    break
            else:
                finish = "stopped"
        usage = Usage(prompt=size, generated=len(history.ids) - size, cached=cached)
        yield Generated(text.flush(), usage, finish)

    def _hear(self, token: int, text: ReplyText) -> str:
        """Remember a generated token and return what it adds to the reply."""
        piece = self._model.vocabulary.piece(token)
        self.history.append(token, piece.lstrip() if text.skipping_space else piece)
        return text.feed(piece)

    # -- the prompt ------------------------------------------------------------------------------

    def _take(self, prompt: Prompt) -> int:
        """Make the prompt this session's history; return how many tokens its reply may have.

        Turns that do not fit are left out, oldest first, and stay out in the next prompts.
        """
        room = self._model.context_tokens
        limit = min(prompt.max_tokens, room // 2)
        system, turns = split_turns(merge_roles(prompt.messages))
        while turns[: len(self._forgotten)] != self._forgotten:
            self._forgotten = self._forgotten[1:]  # the caller forgot it, too, or all is new
        kept = turns[len(self._forgotten) :]
        self._tokenize(system, kept)
        if len(self.history.ids) + limit > room:
            goal = int((room - limit) * _ROOM_AFTER_OVERFLOW)
            while len(kept) > 1 and (excess := len(self.history.ids) - goal) > 0:
                kept = kept[_turns_to_drop(kept, excess / len(self.history.ids)) :]
                self._tokenize(system, kept)
            self._forgotten = turns[: len(turns) - len(kept)]
            log.info("%d oldest turns no longer fit into the context", len(self._forgotten))
        left = room - len(self.history.ids)
        if left < min(limit, _LEAST_REPLY):
            message = (
                f"the instructions and the last message have {len(self.history.ids)} tokens, the "
                f"context holds {room}; shorten them or raise context_tokens"
            )
            raise EngineFailed(message)
        return min(limit, left)

    def _tokenize(self, system: list[Message], turns: list[list[Message]]) -> None:
        """Replace the history by these messages, keeping the tokens whose text still stands."""
        history, words = self.history, self._model.vocabulary
        messages = [*system, *(message for turn in turns for message in turn)]
        body, thought = split_thought(self._model.render(messages))
        text = body.encode(errors="replace")
        count, size = history.match(text)
        rest = words.tokenize(text[size:])
        if rest and not words.is_special(rest[0]):
            # A text is tokenised from one special token to the next, and so is a reply from its
            # beginning: go back to where one of them began.
            while count and not (
                count in history.replies or words.is_special(history.ids[count - 1])
            ):
                count -= 1
                size -= len(history.spans[count])
            rest = words.tokenize(text[size:])
        ids, spans = history.ids[:count] + rest, history.spans[:count]
        spans += align(text[size:], [words.piece(token) for token in rest])
        if words.beginning is not None and ids[:1] != [words.beginning]:
            ids, spans = [words.beginning, *ids], [b"", *spans]
        final = words.tokenize(thought.encode())
        history.replace([*ids, *final], [*spans, *(b"" for _ in final)], kept=count)

    # -- the cache -------------------------------------------------------------------------------

    def _rewind(self) -> int:
        """Take a sequence and cut it to what still holds. Returns how many tokens that are."""
        history = self.history
        sequence = self._model.seat(self)
        history.decoded = min(history.decoded, len(history.ids) - 1)  # the last one's logits
        if not self._model.context.keep(sequence, history.decoded):
            history.decoded = 0
        return history.decoded

    def _read(self, stop: StopSignal) -> bool:
        """Decode what is not decoded yet. Returns False if ``stop`` ended it."""
        context, history = self._model.context, self.history
        sequence = self._model.seat(self)
        while history.decoded < len(history.ids):
            if stop.is_set():
                return False
            chunk = history.ids[history.decoded : history.decoded + context.batch_tokens]
            outcome = context.decode(sequence, chunk, history.decoded, stop)
            if outcome is _Outcome.DONE:
                history.decoded += len(chunk)
                continue
            # Steps that were finished stay in the cache: forget them.
            known = history.decoded if outcome is not _Outcome.FAILED else 0
            history.decoded = known if context.keep(sequence, known) else 0
            if outcome is _Outcome.FAILED:
                message = f"llama.cpp failed to decode {len(chunk)} tokens{_complaint()}"
                raise EngineFailed(message)
            if outcome is _Outcome.NO_ROOM and not self._model.evict(self):
                message = (
                    f"the cache of {context.cache_tokens} tokens is full of conversations that "
                    "generate; raise cache_tokens or lower context_tokens"
                )
                raise EngineFailed(message)
        return not stop.is_set()


def _turns_to_drop(turns: Sequence[Sequence[Message]], share: float) -> int:
    """Return how many of the oldest turns make up a share of the conversation: not the last."""
    sizes = [sum(len(message.content) for message in turn) for turn in turns]
    dropped, count = 0.0, 0
    while count < len(turns) - 1 and (not count or dropped < share * sum(sizes)):
        dropped += sizes[count]
        count += 1
    return count


# -- native ---------------------------------------------------------------------------------------


class _Outcome(Enum):
    """Of one native decode."""

    DONE = 0
    NO_ROOM = 1
    ABORTED = 2
    FAILED = -1


@runtime_checkable
class _Calling(Protocol):
    """A stop signal that calls back, e.g. `pipeline.engines.thread.StopToken`."""

    def calling(self, callback: Callable[[], None]) -> contextlib.AbstractContextManager[None]: ...


class _Vocabulary:
    """Text to tokens and back."""

    def __init__(self, native: Any, model: Any) -> None:  # noqa: ANN401 - ctypes
        self._native = native
        self._handle = native.llama_model_get_vocab(model)
        self._buffer = ctypes.create_string_buffer(512)
        size: int = native.llama_vocab_n_tokens(self._handle)
        special = native.LLAMA_TOKEN_ATTR_CONTROL | native.LLAMA_TOKEN_ATTR_USER_DEFINED
        attributes = [native.llama_vocab_get_attr(self._handle, token) for token in range(size)]
        self._special = frozenset(t for t, bits in enumerate(attributes) if bits & special)
        control = [t for t, bits in enumerate(attributes) if bits & native.LLAMA_TOKEN_ATTR_CONTROL]
        ends = {t for t in self._special if native.llama_vocab_is_eog(self._handle, t)}
        # A control token in a reply opens something that is not speech (a role, a tool's output).
        self._ends = ends | {t for t in control if self.piece(t) not in _THOUGHT_TAGS}
        texts = {self.piece(token).decode(errors="ignore").strip() for token in control} - {""}
        self.control_text: Final = re.compile(
            "|".join(map(re.escape, sorted(texts, key=len, reverse=True))) or "(?!)"
        )
        adds: bool = native.llama_vocab_get_add_bos(self._handle)
        self.beginning: Final[int | None] = (
            native.llama_vocab_bos(self._handle) if adds and self.bos else None
        )

    @property
    def bos(self) -> str:
        """The text of the token that begins a sequence, or ""."""
        return self._text(self._native.llama_vocab_bos(self._handle))

    @property
    def eos(self) -> str:
        """The text of the token that ends a sequence, or ""."""
        return self._text(self._native.llama_vocab_eos(self._handle))

    def _text(self, token: int) -> str:
        return self.piece(token).decode(errors="replace") if token >= 0 else ""

    def is_special(self, token: int) -> bool:
        """Whether the text of ``token`` is cut out before the rest is tokenised."""
        return token in self._special

    def ends(self, token: int) -> bool:
        """Whether ``token`` ends a reply."""
        return token in self._ends or bool(self._native.llama_vocab_is_eog(self._handle, token))

    def tokenize(self, text: bytes) -> list[int]:
        """Return the tokens of ``text``; the texts of special tokens become these tokens."""
        if not text:
            return []
        room = len(text) + 8
        tokens = (ctypes.c_int32 * room)()
        count = self._native.llama_tokenize(
            self._handle, text, len(text), tokens, room, False, True
        )
        if count < 0:
            message = f"{len(text)} bytes of prompt cannot be tokenised ({count})"
            raise EngineFailed(message)
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes of ``token``; special tokens show their text."""
        count = self._native.llama_token_to_piece(
            self._handle, token, self._buffer, len(self._buffer), 0, True
        )
        if count < 0:  # the buffer is too small by that much
            self._buffer = ctypes.create_string_buffer(-count)
            return self.piece(token)
        return self._buffer.raw[:count]


class _Context:
    """The native context with its batch and its abort flag. Owns the model's handle, too."""

    def __init__(self, native: Any, model: Any, settings: LlamaSettings) -> None:  # noqa: ANN401
        self._native = native
        self._model = model
        self._owner = threading.get_ident()
        self._on_gpu = settings.gpu_layers != 0
        trained = native.llama_model_n_ctx_train(model)
        self.context_tokens = min(settings.context_tokens, trained or settings.context_tokens)
        self.sequences = min(settings.sessions, native.llama_max_parallel_sequences())
        shared = settings.cache_tokens or self.context_tokens * self.sequences // 4
        # llama.cpp calls it once per graph node. strlen of a one-character string is 1, of an
        # empty one 0: a callback that needs no Python, and so no interpreter lock.
        self._flag = (ctypes.c_char * 2)()
        strlen = ctypes.cdll.msvcrt.strlen if sys.platform == "win32" else ctypes.CDLL(None).strlen
        self._abort = ctypes.cast(strlen, native.ggml_abort_callback)
        parameters = native.llama_context_default_params()
        parameters.n_ctx = max(shared, self.context_tokens)
        parameters.n_batch = settings.batch_tokens
        parameters.n_ubatch = min(settings.step_tokens, settings.batch_tokens)
        parameters.n_seq_max = self.sequences
        parameters.n_threads = parameters.n_threads_batch = settings.threads
        parameters.kv_unified = True  # one pool: a quiet conversation leaves room to a long one
        parameters.abort_callback = self._abort
        parameters.abort_callback_data = ctypes.cast(self._flag, ctypes.c_void_p)
        self._handle = native.llama_init_from_model(model, parameters)
        if not self._handle:
            message = (
                f"no memory for a context of {parameters.n_ctx} tokens; lower context_tokens or "
                f"sessions{_complaint()}"
            )
            raise EngineUnavailable(message)
        self.cache_tokens: int = native.llama_n_ctx(self._handle)
        self.batch_tokens: int = native.llama_n_batch(self._handle)
        self._memory = native.llama_get_memory(self._handle)
        self._allocate_batch()

    def _allocate_batch(self) -> None:
        size = self.batch_tokens
        self._batch = self._native.llama_batch_init(size, 0, 1)
        self._tokens = np.ctypeslib.as_array(self._batch.token, (size,))
        self._positions = np.ctypeslib.as_array(self._batch.pos, (size,))
        self._wanted = np.ctypeslib.as_array(self._batch.logits, (size,))
        np.ctypeslib.as_array(self._batch.n_seq_id, (size,))[:] = 1
        self._sequence_ids = [self._batch.seq_id[row] for row in range(size)]

    @property
    def closed(self) -> bool:
        """Whether everything is freed."""
        return self._handle is None

    @property
    def description(self) -> str:
        """The model and its place, for the log."""
        text = ctypes.create_string_buffer(128)
        self._native.llama_model_desc(self._model, text, len(text))
        millions = self._native.llama_model_n_params(self._model) / 1e6
        place = "a GPU" if self._on_gpu else "the CPU"
        return (
            f"{text.value.decode(errors='replace')}, {millions:.0f} M parameters on {place}, "
            f"{self.context_tokens} tokens a conversation, {self.cache_tokens} for "
            f"{self.sequences} of them"
        )

    def check_thread(self) -> None:
        """Refuse any thread but the one that loaded the model.

        Raises:
            RuntimeError: If another thread calls; native code would abort the process.
        """
        if threading.get_ident() != self._owner:
            name = threading.current_thread().name
            message = f"thread {name!r} called a model that another loaded; run it as a job there"
            raise RuntimeError(message)

    def warm_up(self, tokens: Sequence[int]) -> None:
        """Touch all weights once, so that the first reply need not wait for the disk.

        Raises:
            EngineUnavailable: If the model cannot decode even that.
        """
        if code := self._submit(0, tokens[: self.batch_tokens] or [0], 0):
            message = f"the model cannot decode its first tokens ({code}){_complaint()}"
            raise EngineUnavailable(message)
        self._native.llama_memory_clear(self._memory, True)

    def decode(
        self, sequence: int, tokens: Sequence[int], position: int, stop: StopSignal
    ) -> _Outcome:
        """Read ``tokens`` into ``sequence`` from ``position`` on; all or, unless DONE, some."""
        self.check_thread()
        aborting = stop.calling(self._raise_flag) if isinstance(stop, _Calling) else None
        with aborting or contextlib.nullcontext():
            code = self._submit(sequence, tokens, position)
        self._flag[0] = b"\0"
        return _Outcome(max(code, -1))

    def _submit(self, sequence: int, tokens: Sequence[int], position: int) -> int:
        count = len(tokens)
        self._tokens[:count] = tokens
        self._positions[:count] = np.arange(position, position + count)
        self._wanted[:count] = 0
        self._wanted[count - 1] = 1
        for row in self._sequence_ids[:count]:
            row[0] = sequence
        self._batch.n_tokens = count
        code: int = self._native.llama_decode(self._handle, self._batch)
        return code

    def _raise_flag(self) -> None:
        self._flag[0] = b"\1"

    def keep(self, sequence: int, count: int) -> bool:
        """Cut a sequence to its first ``count`` tokens.

        Returns:
            Whether it holds them; else it is empty. Recurrent and hybrid models cannot go back.
        """
        self.check_thread()
        if self._native.llama_memory_seq_rm(self._memory, sequence, count, -1):
            return True
        self._native.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False

    @contextlib.contextmanager
    def sampler(self, prompt: Prompt, settings: LlamaSettings) -> Iterator[Any]:
        """Build a chain that picks tokens; freed at the end of the block."""
        native = self._native
        chain = native.llama_sampler_chain_init(native.llama_sampler_chain_default_params())
        if prompt.temperature <= 0:
            links = [native.llama_sampler_init_greedy()]
        else:
            links = [
                # First, and never off: the others cost 2-10 ms a token on a whole vocabulary.
                native.llama_sampler_init_top_k(max(1, settings.top_k)),
                native.llama_sampler_init_top_p(settings.top_p, 1),
                native.llama_sampler_init_min_p(settings.min_p, 1),
                native.llama_sampler_init_temp(prompt.temperature),
                native.llama_sampler_init_dist(prompt.seed & 0x7FFFFFFF),  # all ones: random
            ]
        for link in links:
            native.llama_sampler_chain_add(chain, link)
        try:
            yield chain
        finally:
            native.llama_sampler_free(chain)

    def sample(self, sampler: Any) -> int:  # noqa: ANN401 - ctypes
        """Pick the token after the last one decoded."""
        self.check_thread()
        token: int = self._native.llama_sampler_sample(sampler, self._handle, -1)
        return token

    def close(self) -> None:
        """Free batch, context and model, in this order. Idempotent."""
        if self._handle is not None:
            self._native.llama_batch_free(self._batch)
            self._native.llama_free(self._handle)
            self._native.llama_model_free(self._model)
            self._handle = None


def _import() -> Any:  # noqa: ANN401 - an untyped module
    # Without it an abort of ggml's starts a debugger and waits for it.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    try:
        from llama_cpp import llama_cpp as native
    except (ImportError, OSError, RuntimeError) as error:
        message = f"llama.cpp cannot be used: {error}; install llama-cpp-python"
        raise EngineUnavailable(message) from error
    _redirect_log(native)
    native.llama_backend_init()
    return native


def _check_file(path: Path) -> None:
    if not path.is_file():
        message = f"there is no language model at {path}"
        raise EngineUnavailable(message)
    with path.open("rb") as file:
        if (magic := file.read(4)) != b"GGUF":
            message = f"{path} begins with {magic!r}, expected a GGUF file"
            raise EngineUnavailable(message)


def _load_file(native: Any, settings: LlamaSettings) -> Any:  # noqa: ANN401 - ctypes
    path = settings.path
    parameters = native.llama_model_default_params()
    parameters.n_gpu_layers = settings.gpu_layers
    handle = native.llama_model_load_from_file(os.fsencode(path), parameters)
    if not handle:
        message = f"{path} cannot be loaded{_complaint()}"
        raise EngineUnavailable(message)
    if native.llama_model_has_encoder(handle) or not native.llama_model_has_decoder(handle):
        native.llama_model_free(handle)
        message = f"{path} is not a text generator; take a decoder-only chat model"
        raise EngineUnavailable(message)
    return handle


def _template(
    native: Any,  # noqa: ANN401 - ctypes
    model: Any,  # noqa: ANN401 - ctypes
    vocabulary: _Vocabulary,
    settings: LlamaSettings,
    now: Callable[[], datetime],
) -> tuple[ChatTemplate, tuple[str, ...]]:
    """Return the chat template and the texts that end a reply."""
    own: bytes | None = native.llama_model_chat_template(model, None)
    source, stop = settings.template or (own or b"").decode(), tuple(settings.stop)
    if not source:
        log.info("%s has no chat template; ChatML is used", settings.path.name)
        # The model may know these marks as ordinary text only.
        source, stop = CHATML, (*stop, "<|im_end|>", "<|im_start|>")
    return ChatTemplate(source, bos=vocabulary.bos, eos=vocabulary.eos, now=now), stop


_LOG_CALLBACK: Any = None  # llama.cpp keeps a bare pointer to it
_complaints: deque[str] = deque(maxlen=3)
_ERROR_LEVEL: Final = 4  # GGML_LOG_LEVEL_ERROR


def _redirect_log(native: Any) -> None:  # noqa: ANN401 - ctypes
    """Send native log lines to this module's logger, at DEBUG: an abort is an error to ggml."""
    global _LOG_CALLBACK
    if _LOG_CALLBACK is not None:
        return

    def write(level: int, text: bytes, _data: object) -> None:
        line = text.decode(errors="replace").strip()
        if level == _ERROR_LEVEL:
            _complaints.append(line)
        if line.strip("."):
            log.debug("llama.cpp: %s", line)

    _LOG_CALLBACK = native.llama_log_callback(write)
    native.llama_log_set(_LOG_CALLBACK, None)


def _complaint() -> str:
    """Return what llama.cpp last reported as errors, as the end of a message."""
    lines = "; ".join(_complaints)
    _complaints.clear()
    return f": {lines}" if lines else ""
