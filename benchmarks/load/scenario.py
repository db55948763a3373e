"""Scenarios: what a crowd of devices does, from a TOML file, checked to the last key.

Every key is declared once, as a field below with its range; a file, ``--set`` and the table of
`describe` all go by these declarations. A scenario is a plain value: nothing here opens a socket.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from gateway.client.errors import ClientError
from protocol.audio import OPUS_FRAME_MS, RATES, AudioFormat, Encoding

__all__ = [
    "AudioPlan",
    "Bounds",
    "Codec",
    "FaultPlan",
    "NetworkPlan",
    "Scenario",
    "ScenarioError",
    "ServerPlan",
    "SessionPlan",
    "SpeechPlan",
    "bundled_scenarios",
    "describe",
    "load_scenario",
    "parse_scenario",
]

T = TypeVar("T")

BUNDLED_UTTERANCES: Final = {
    "capital": "What is the capital of France?",
    "count": "Count from one to twenty.",
    "hello": "Hello.",
    "name": "What is your name?",
    "sky": "Why is the sky blue?",
    "stop": "Stop.",
    "story": "Tell me a story.",
    "sum": "What is seven plus five?",
    "thanks": "Thank you.",
}
"""Utterances that come with Parley, and what is said in them."""

MODES: Final = ("vad", "push_to_talk", "text")


class ScenarioError(ClientError):
    """A scenario names an unknown key, or a value that is out of range."""


@dataclass(frozen=True, slots=True)
class _Rule:
    doc: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


def _key(
    default: T,
    doc: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: Iterable[str] = (),
) -> T:
    rule = _Rule(doc, least, most, tuple(choices))
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """How many devices there are, and when they come and go."""

    count: int = _key(2, "devices at once, without a ramp", least=1, most=100_000)
    ramp: tuple[int, ...] = _key(
        (), "devices at once, step by step; the first step is the unloaded one", least=1
    )
    resolution: float = _key(
        0.0,
        "steps between the last that held and the first that broke, until they are so near, "
        "in parts; 0: none",
        least=0,
        most=1,
    )
    duration_s: float = _key(10.0, "measured time, of each step of a ramp", least=0.1, most=604_800)
    unloaded_s: float = _key(
        0.0, "measured time of a ramp's first step; 0: as the others", least=0, most=604_800
    )
    settle_s: float = _key(
        1.0, "between the last device's start and the measured time", least=0, most=600
    )
    spread_s: float = _key(
        0.25, "mean time between two starts, so that devices differ in phase", least=0, most=60
    )
    turns: int = _key(
        0, "turns until a device leaves and another comes (churn); 0: it stays", least=0
    )
    pause_s: float = _key(0.5, "until the next device comes", least=0, most=600)
    drain_s: float = _key(
        30.0, "at the end, for turns in progress; later ones have failed", least=0, most=600
    )


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """What people say, and how they take turns."""

    utterances: tuple[str, ...] = _key(
        ("capital", "name", "sum", "sky", "hello", "story", "thanks"),
        "bundled names or WAV files; NAME.txt beside a WAV holds its text",
    )
    texts: tuple[str, ...] = _key(("Hello there.", "Tell me more."), "what text turns say")
    modes: tuple[str, ...] = _key(
        ("vad",), "device by device in rotation: vad, push_to_talk, text", choices=MODES
    )
    think_s: tuple[float, ...] = _key(
        (0.5, 1.5), "shortest and longest time before the next turn", least=0, most=3600
    )
    text_share: float = _key(0.0, "share of turns that are typed", least=0, most=1)
    barge_in_share: float = _key(0.0, "share of turns whose reply is interrupted", least=0, most=1)
    barge_in_after_s: tuple[float, ...] = _key(
        (0.5, 1.0, 2.0), "how much of the reply is heard before, in rotation", least=0, most=600
    )
    interruptions: tuple[str, ...] = _key(("stop", "sum", "name"), "what interrupts, in rotation")
    max_tokens: int = _key(0, "longest reply; 0: as the server has it", least=0, most=1_000_000)
    turn_timeout_s: float = _key(
        60.0, "a turn that is not over by then has failed", least=1, most=3600
    )


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """Formats, ``codec/rate/frame_ms``, device by device in rotation."""

    up: tuple[str, ...] = _key(("opus/16000/20",), "speech to the server")
    down: tuple[str, ...] = _key((), "speech from the server; empty: as up")
    out_start_ms: int = _key(120, "how long a device buffers before it plays", least=0, most=60_000)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What devices do wrong."""

    disconnect_share: float = _key(
        0.0, "share of turns in which the device vanishes, mid-speech or mid-reply", least=0, most=1
    )
    slow_reader_share: float = _key(
        0.0, "share of turns in whose reply the device stops reading", least=0, most=1
    )
    slow_reader_s: float = _key(1.0, "for how long", least=0, most=60)


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """The way between device and server."""

    profile: str = _key("", "impairment by name, such as bad-wifi; empty: none")
    cut_after_s: float = _key(
        0.0, "every connection is reset after so long; 0: never", least=0, most=86_400
    )


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """The server that ``--serve`` starts."""

    engines: str = _key("scripted", "real or scripted", choices=("real", "scripted"))
    profile: str = _key("starter", "models of real engines")
    stt_ms: float = _key(100.0, "stated cost of a recognition", least=0, most=60_000)
    llm_ms: float = _key(100.0, "stated time to the first token", least=0, most=60_000)
    tts_ms: float = _key(100.0, "stated cost of a spoken segment", least=0, most=60_000)
    max_sessions: int = _key(
        0, "sessions at once; 0: twice as many as there are devices", least=0, most=10_000
    )
    flags: tuple[str, ...] = _key((), "more flags of `parley serve`")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits; one that is broken ends a ramp, or fails a run without one. -1: none."""

    failed_turns: float = _key(-1.0, "share of failed turns", least=-1, most=1)
    latency_ratio: float = _key(-1.0, "p95 turn latency to that of the first step", least=-1)
    loop_lag_p99_ms: float = _key(-1.0, "of the server", least=-1)
    client_core: float = _key(-1.0, "share of its core that the client takes", least=-1, most=1)
    sessions_open: float = _key(
        -1.0,
        "least share of the devices that are in their sessions when a step ends",
        least=-1,
        most=1,
    )
    refused_excess: bool = _key(
        False, "exactly the devices beyond server.max_sessions are refused, with 503"
    )
    attempts: int = _key(
        1,
        "how often a step is measured until it holds; noise of the machine breaks bounds, too",
        least=1,
        most=10,
    )
    complete: bool = _key(False, "sequence numbers have no hole and no frame is undecodable")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a crowd of devices does.

    Attributes:
        name: Of the file.
        description: One line.
        seed: Of everything that is drawn: think times, phases, shares.
    """

    name: str
    description: str = ""
    seed: int = 1
    sessions: SessionPlan = SessionPlan()
    speech: SpeechPlan = SpeechPlan()
    audio: AudioPlan = AudioPlan()
    faults: FaultPlan = FaultPlan()
    network: NetworkPlan = NetworkPlan()
    server: ServerPlan = ServerPlan()
    bounds: Bounds = Bounds()

    @property
    def steps(self) -> tuple[int, ...]:
        """Devices at once, step by step; one step without a ramp."""
        return self.sessions.ramp or (self.sessions.count,)

    def duration_s(self, step: int) -> float:
        """Measured time of a step by its index."""
        plan = self.sessions
        return plan.unloaded_s if step == 0 and plan.unloaded_s else plan.duration_s

    @property
    def is_ramp(self) -> bool:
        """Whether it looks for the knee: more than one step, which a broken bound ends."""
        return len(self.steps) > 1 and not self.bounds.refused_excess

    @property
    def attempts(self) -> int:
        """How often a step of a ramp is measured at most."""
        return self.bounds.attempts if self.is_ramp else 1

    @property
    def max_sessions(self) -> int:
        """What the server that is started for it admits.

        Twice the devices: a session whose connection was lost may stay a while, and its device
        comes again.
        """
        return self.server.max_sessions or min(10_000, 2 * max(self.steps) + 1)

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """Pairs of formats, in rotation."""
        down = self.audio.down or self.audio.up
        count = max(len(self.audio.up), len(down))
        return tuple(
            Codec(
                _format(self.audio.up[index % len(self.audio.up)], "audio.up"),
                _format(down[index % len(down)], "audio.down"),
            )
            for index in range(count)
        )

    @property
    def stated_ms(self) -> float | None:
        """Stated cost from the final transcript to the first audio; None of real engines."""
        scripted = self.server.engines == "scripted"
        return self.server.llm_ms + self.server.tts_ms if scripted else None

    @property
    def server_flags(self) -> tuple[str, ...]:
        """Flags of `parley serve` for it."""
        plan = self.server
        flags = ["--engines", plan.engines, "--max-sessions", str(self.max_sessions)]
        if plan.engines == "real":
            flags += ["--profile", plan.profile]
        else:
            for name in ("stt_ms", "llm_ms", "tts_ms"):
                flags += ["--set", f"engines.{name}={getattr(plan, name):g}"]
        return (*flags, *plan.flags)


@dataclass(frozen=True, slots=True)
class Codec:
    """Formats of a device in both directions."""

    up: AudioFormat
    down: AudioFormat

    def __str__(self) -> str:
        """Both, as in a result."""
        return " ".join(
            f"{each.codec}/{each.rate}/{each.frame_ms:g}" for each in (self.up, self.down)
        )


def bundled_scenarios() -> dict[str, str]:
    """Name of each scenario that comes with Parley -> its description."""
    found = {}
    for entry in files("benchmarks").joinpath("scenarios").iterdir():
        name, dot, suffix = entry.name.rpartition(".")
        if dot and suffix == "toml":
            document = tomllib.loads(entry.read_text(encoding="utf-8"))
            found[name] = str(document.get("description", ""))
    return dict(sorted(found.items()))


def load_scenario(source: str, changes: Iterable[str] = ()) -> Scenario:
    """A scenario by name, or from a file.

    Args:
        source: Name of a bundled one, or the path of a TOML file.
        changes: Assignments such as ``sessions.count=4``, which beat the file.

    Raises:
        ScenarioError: There is no such scenario, or a key or a value is wrong.
    """
    path = Path(source)
    if path.suffix == ".toml" or len(path.parts) > 1:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"cannot read the scenario {source}: {error}") from error
        return parse_scenario(path.stem, text, changes)
    known = bundled_scenarios()
    if source not in known:
        raise ScenarioError(
            f"there is no scenario {source}; there are {', '.join(known)}, or give a TOML file"
        )
    bundled = files("benchmarks").joinpath("scenarios", f"{source}.toml")
    return parse_scenario(source, bundled.read_text(encoding="utf-8"), changes)


def parse_scenario(name: str, text: str, changes: Iterable[str] = ()) -> Scenario:
    """A scenario from TOML.

    Raises:
        ScenarioError: It is no TOML, or a key or a value is wrong; the message names the key.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"scenario {name} is not TOML: {error}") from error
    for change in changes:
        _change(document, change)
    return _checked(_section(Scenario, document, "", {"name": name}))


def describe() -> Iterator[tuple[str, Any, str]]:
    """Key, default and meaning of everything that a scenario can say."""
    for section, kind in _hints(Scenario).items():
        if dataclasses.is_dataclass(kind):
            for each in dataclasses.fields(kind):
                yield f"{section}.{each.name}", each.default, each.metadata["rule"].doc


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _change(document: dict[str, Any], change: str) -> None:
    """Put one assignment into the document; what is no TOML value is a string."""
    key, sign, value = change.partition("=")
    section, dot, name = key.strip().rpartition(".")
    if not sign:
        raise ScenarioError(f"{change} has no value; write SECTION.KEY=VALUE")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    place = document.setdefault(section, {}) if dot else document
    if not isinstance(place, dict):
        raise ScenarioError(f"{section} is no section; write SECTION.KEY=VALUE")
    place[name] = parsed


def _section(kind: type[T], values: Mapping[str, Any], prefix: str, given: Mapping[str, Any]) -> T:
    hints = {name: hint for name, hint in _hints(cast("Any", kind)).items() if name not in given}
    for name in values:
        if name not in hints:
            _refuse_unknown(f"{prefix}{name}", [f"{prefix}{each}" for each in hints])
    rules = {each.name: each.metadata.get("rule") for each in dataclasses.fields(cast("Any", kind))}
    read = {
        name: _value(hints[name], rules[name] or _Rule(""), value, f"{prefix}{name}")
        for name, value in values.items()
    }
    return kind(**given, **read)


def _refuse_unknown(key: str, known: list[str]) -> None:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise ScenarioError(f"{key} is no key of a scenario; {hint}")


def _value(kind: Any, rule: _Rule, value: Any, key: str) -> Any:  # noqa: ANN401
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ScenarioError(f"{key} is a section; write [{key}]")
        return _section(cast("type", kind), value, f"{key}.", {})
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        if not isinstance(value, list):
            raise ScenarioError(f"{key} is {value!r}; expected a list of {_name(inner)}")
        return tuple(_value(inner, rule, each, key) for each in value)
    return _scalar(kind, rule, value, key)


def _scalar(kind: type, rule: _Rule, value: Any, key: str) -> Any:  # noqa: ANN401
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ScenarioError(f"{key} is {value!r}; expected {_name(kind)}")
    if rule.choices and value not in rule.choices:
        raise ScenarioError(f"{key} is {value!r}; expected one of {', '.join(rule.choices)}")
    if isinstance(value, int | float):
        _check_range(rule, value, key)
    return value


def _check_range(rule: _Rule, value: float, key: str) -> None:
    # Written so that "not a number" is out of every range.
    above = rule.least is None or value >= rule.least
    below = rule.most is None or value <= rule.most
    if not (above and below):
        span = f"at least {rule.least:g}" if rule.most is None else f"{rule.least} to {rule.most}"
        raise ScenarioError(f"{key} is {value:g}; expected {span}")


def _name(kind: type) -> str:
    names = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
    return names.get(kind, str(kind))


def _checked(scenario: Scenario) -> Scenario:
    """Refuse what each key alone does not show."""
    speech, sessions = scenario.speech, scenario.sessions
    for key in ("utterances", "texts", "modes", "interruptions", "barge_in_after_s"):
        if not getattr(speech, key):
            raise ScenarioError(f"speech.{key} is empty; name at least one")
    if len(speech.think_s) != 2 or speech.think_s[0] > speech.think_s[1]:
        raise ScenarioError("speech.think_s is not [shortest, longest], in seconds")
    if list(sessions.ramp) != sorted(set(sessions.ramp)):
        raise ScenarioError(f"sessions.ramp is {list(sessions.ramp)}; expected growing numbers")
    if not scenario.audio.up:
        raise ScenarioError("audio.up is empty; name at least one format")
    if scenario.bounds.refused_excess and not scenario.server.max_sessions:
        raise ScenarioError("bounds.refused_excess needs server.max_sessions: the capacity")
    _ = scenario.codecs
    return scenario


def _format(text: str, key: str) -> AudioFormat:
    """Read ``codec/rate/frame_ms``."""
    expected = f"{key} holds {text!r}; expected CODEC/RATE/FRAME_MS, such as opus/16000/20"
    codec, _, rest = text.partition("/")
    rate, _, frame_ms = rest.partition("/")
    try:
        audio = AudioFormat(Encoding(codec), int(rate), float(frame_ms))
    except ValueError as error:
        known = ", ".join(each.value for each in Encoding)
        raise ScenarioError(f"{expected}; codecs are {known}") from error
    if codec == "opus" and audio.frame_ms not in OPUS_FRAME_MS:
        raise ScenarioError(f"{expected}; Opus frames last {', '.join(map(str, OPUS_FRAME_MS))} ms")
    if audio.rate not in RATES or not 2.5 <= audio.frame_ms <= 120:
        raise ScenarioError(f"{expected}; rates are {', '.join(map(str, RATES))}")
    if codec in ("pcmu", "pcma") and audio.rate != 8_000:
        raise ScenarioError(f"{key} holds {text!r}; {codec} has 8000 Hz only")
    return audio
