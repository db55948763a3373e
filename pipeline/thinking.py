"""A dialogue's place in the language model: opened at the first prompt, given back at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from pipeline.engines import Generated, LanguageModel, LanguageSession, Prompt, StopSignal
from pipeline.engines.thread import EngineRunner, Priority, ResultStream, call
from pipeline.errors import EngineError

__all__ = ["LanguageSeat"]

log = logging.getLogger(__name__)


class LanguageSeat:
    """One conversation in a shared language model.

    Args:
        model: Where the model runs.
        first_within: Seconds until the first piece of a reply is overdue, queueing included.
        gap_within: Seconds between two pieces.
    """

    def __init__(
        self,
        model: EngineRunner[LanguageModel],
        *,
        first_within: float = 30.0,
        gap_within: float = 10.0,
    ) -> None:
        self._model = model
        self._first_within = first_within
        self._gap_within = gap_within
        # Touched only by jobs on the engine's thread, which run one after the other.
        self._session: LanguageSession | None = None

    def reply(self, prompt: Prompt) -> ResultStream[Generated]:
        """Begin to answer; leaving the stream's block cancels, during prefill as well."""

        def work(model: LanguageModel, stop: StopSignal) -> Iterator[Generated]:
            if self._session is None:
                self._session = model.open()
            yield from self._session.generate(prompt, stop=stop)

        return self._model.run(
            work,
            priority=Priority.FIRST,
            first_within=self._first_within,
            gap_within=self._gap_within,
        )

    async def close(self, *, within: float = 2.0) -> None:
        """Give the place back. An engine that is too busy to take it keeps it until eviction."""

        def work(model: LanguageModel, stop: StopSignal) -> None:
            if self._session is not None:
                self._session.close()
                self._session = None

        try:
            await call(self._model, work, priority=Priority.CONTINUATION, within=within)
        except EngineError as error:
            log.debug("the language session was not given back: %r", error)
