"""What `parley bench size` measures: frozen values, which a JSON file holds."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from gateway.client.errors import ClientError

__all__ = [
    "SCHEMA_VERSION",
    "DetectorCost",
    "EngineCosts",
    "LanguageModelCost",
    "MediaCost",
    "Ramp",
    "RampStep",
    "RecognizerCost",
    "Sizing",
    "VoiceCost",
    "read_sizing",
    "write_sizing",
]

T = TypeVar("T")

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class RecognizerCost:
    """What recognising takes; ``cpu`` counts all threads, the others are seconds of waiting.

    Attributes:
        model: Its id.
        device: Where it ran.
        workers: Passes that it does at the same time.
        partials_s: All partial passes over a second of speech, one every half second.
        partials_cpu_s: Their processor time.
        final_s: One final pass, of an utterance of ``utterance_s`` on average.
        final_cpu_s: Its processor time.
        utterance_s: Mean length of the speech that was read.
    """

    model: str
    device: str
    workers: int
    partials_s: float
    partials_cpu_s: float
    final_s: float
    final_cpu_s: float
    utterance_s: float


@dataclass(frozen=True, slots=True)
class LanguageModelCost:
    """What answering takes.

    Attributes:
        model: Its id.
        device: Where it ran.
        first_token_s: From a question to the first token, in a conversation that goes on.
        first_token_cpu_s: Its processor time.
        token_s: Each further token.
        token_cpu_s: Its processor time.
        characters_per_token: Of what it wrote.
    """

    model: str
    device: str
    first_token_s: float
    first_token_cpu_s: float
    token_s: float
    token_cpu_s: float
    characters_per_token: float


@dataclass(frozen=True, slots=True)
class VoiceCost:
    """What speaking takes.

    Attributes:
        model: Its id.
        device: Where it ran.
        workers: Segments that it speaks at the same time.
        real_time: Seconds of work per second of speech.
        real_time_cpu: Processor seconds per second of speech.
        first_audio_s: From a sentence to its first audio.
        characters_per_s: Of text per second of speech.
    """

    model: str
    device: str
    workers: int
    real_time: float
    real_time_cpu: float
    first_audio_s: float
    characters_per_s: float


@dataclass(frozen=True, slots=True)
class EngineCosts:
    """The engines of a profile, measured alone, one after the other."""

    recognizer: RecognizerCost
    language_model: LanguageModelCost
    voice: VoiceCost

    @property
    def tokens_per_reply_s(self) -> float:
        """Tokens that a second of speech takes."""
        return self.voice.characters_per_s / self.language_model.characters_per_token


@dataclass(frozen=True, slots=True)
class DetectorCost:
    """Voice activity, Silero behind the webrtcvad gate: processor seconds per second of audio.

    Attributes:
        speech: Of speech, in which the gate is open.
        silence: Of digital silence, in which it is shut.
    """

    speech: float
    silence: float


@dataclass(frozen=True, slots=True)
class MediaCost:
    """A session without its engines: sockets, protocol, codecs, voice activity, pacing.

    Attributes:
        codec: Up and down.
        sessions: How many there were.
        cpu_per_session: Processor seconds of the server per second and session.
        reply_share: Share of the time in which they heard the agent.
        loop_lag_p99_ms: Of the server; a bucket's edge. None if it was not told.
        client_cores: Cores that the simulated devices took beside it.
    """

    codec: str
    sessions: int
    cpu_per_session: float
    reply_share: float
    loop_lag_p99_ms: float | None
    client_cores: float


@dataclass(frozen=True, slots=True)
class RampStep:
    """So many sessions with real engines.

    Attributes:
        sessions: How many.
        turns: That were counted.
        failed_turns: Of them.
        latency_p50_ms: End of speech to first audio.
        latency_p95_ms: The same.
        server_cores: Processor seconds of the server per second.
        resident_bytes: Of the server, at the end; None if it was not told.
        busy: Share of the time in which an engine worked, by engine.
        broken: Bounds that did not hold.
    """

    sessions: int
    turns: int
    failed_turns: int
    latency_p50_ms: float
    latency_p95_ms: float
    server_cores: float | None
    resident_bytes: int | None
    busy: Mapping[str, float]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ramp:
    """More and more sessions, until something broke or there were enough.

    Attributes:
        codec: Up and down.
        steps: In order.
        knee: The most sessions whose step held all bounds; None if none did.
        limited_by: The bound that broke first; None if none did.
        reply_share: Share of the time in which devices heard the agent, at the last step that held.
        notes: What a reader has to know.
    """

    codec: str
    steps: tuple[RampStep, ...]
    knee: int | None
    limited_by: str | None
    reply_share: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sizing:
    """A machine, measured.

    Attributes:
        date: UTC, ISO 8601.
        command: The command line that repeats it.
        processor: The machine's.
        cores: That the process may use.
        memory_bytes: Of the machine; None if unknown.
        system: Operating system.
        gpu: Name, or "".
        load_average: Other work on the machine when it began; None if unknown.
        versions: By package.
        profile: Of the models.
        engines: The profile's.
        detector: Which is a part of the media path, too.
        media: By codec.
        ramp: With real engines; None if it was left out.
        user_share: See `benchmarks.sizing.demand.Talk`.
        reply_share: The same.
        turn_s: The same.
        quick: Whether it was a short look.
        schema: Version of this format.
    """

    date: str
    command: str
    processor: str
    cores: int
    memory_bytes: int | None
    system: str
    gpu: str
    load_average: float | None
    versions: Mapping[str, str]
    profile: str
    engines: EngineCosts
    detector: DetectorCost
    media: tuple[MediaCost, ...]
    ramp: Ramp | None
    user_share: float
    reply_share: float
    turn_s: float
    quick: bool
    schema: int = SCHEMA_VERSION


def write_sizing(sizing: Sizing, path: Path) -> None:
    """Write it as JSON.

    Raises:
        ClientError: The file cannot be written.
    """
    text = json.dumps(asdict(sizing), indent=1) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ClientError(f"cannot write {path}: {error.strerror or error}") from error


def read_sizing(path: Path) -> Sizing:
    """Read what `write_sizing` wrote.

    Raises:
        ClientError: It cannot be read, or is something else.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ClientError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ClientError(f"{path} is not JSON: {error}") from error
    found = document.get("schema") if isinstance(document, dict) else None
    if found != SCHEMA_VERSION:
        raise ClientError(
            f"{path} has schema {found!r}, expected {SCHEMA_VERSION}; "
            "make it with  parley bench size --out FILE"
        )
    try:
        return _read(Sizing, document)
    except (KeyError, TypeError, ValueError) as error:
        raise ClientError(f"{path} is no result of parley bench size: {error!r}") from error


def _read(kind: type[T], values: Mapping[str, Any]) -> T:
    types_ = _types(kind)
    return kind(**{name: _value(types_[name], values[name]) for name in types_ if name in values})


def _types(kind: Any) -> Mapping[str, Any]:  # noqa: ANN401  (any dataclass)
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def _value(kind: Any, value: Any) -> Any:  # noqa: ANN401  (JSON)
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        [kind] = [each for each in arguments if each is not type(None)]
        return None if value is None else _value(kind, value)
    if typing.get_origin(kind) is tuple:
        return tuple(_value(arguments[0], each) for each in value)
    if is_dataclass(kind):
        return _read(cast("type[Any]", kind), value)
    if kind is float and isinstance(value, int):
        return float(value)
    if kind in (int, float, str, bool) and type(value) is not kind:
        raise ValueError(f"{value!r} where {kind.__name__} was expected")
    return value
