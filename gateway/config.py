"""Settings: dataclasses by section, filled from a TOML file, the environment and flags.

A later source wins: built-in default, TOML file, ``PARLEY_SECTION_KEY``, command line. The file is
the first that exists of ``--config``, ``$PARLEY_CONFIG``, ``./parley.toml``,
``~/.config/parley/parley.toml`` and ``/etc/parley/parley.toml``; one that is named must exist.

Every setting is declared once, below, with its default, its range and its one-line description;
parsing, validation, the table in the README and `describe` follow from that.
"""

# A setting's field() stands inside `_setting`, where ruff cannot see that no default is shared.
# ruff: noqa: RUF009

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.errors import ConfigError

__all__ = [
    "AudioConfig",
    "Config",
    "ConversationConfig",
    "EnginesConfig",
    "LimitsConfig",
    "LoggingConfig",
    "ModelsConfig",
    "SecurityConfig",
    "ServerConfig",
    "Setting",
    "TurnConfig",
    "describe",
    "load",
    "search_path",
    "settings",
    "table",
]

KEY_VARIABLE: Final = "PARLEY_KEY"
CONFIG_VARIABLE: Final = "PARLEY_CONFIG"
SHORTEST_KEY: Final = 16
"""Characters; a shorter bearer key could be guessed over the network."""

Value: TypeAlias = str | int | float | bool | Path | tuple[str, ...] | None


T = TypeVar("T")


def _setting(
    default: T,
    doc: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    longest: int | None = None,
) -> T:
    """Declare a setting: a dataclass field with its range and its description."""
    metadata = {"doc": doc, "minimum": minimum, "maximum": maximum, "longest": longest}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where to listen, how long to wait, how many to serve."""

    host: str = _setting(
        "127.0.0.1",
        "address to listen on; one that is not loopback needs a key and TLS",
        longest=255,
    )
    port: int = _setting(8765, "TCP port; 0 takes a free one", minimum=0, maximum=65535)
    max_sessions: int = _setting(
        8, "sessions at once; further ones get HTTP 503", minimum=1, maximum=10_000
    )
    handshake_timeout_s: float = _setting(
        5.0, "for the TLS and HTTP handshake, and again for `hello`", minimum=0.1, maximum=60
    )
    send_deadline_s: float = _setting(
        5.0, "a socket that accepts nothing for so long is cut", minimum=0.1, maximum=60
    )
    idle_timeout_s: float = _setting(
        600.0, "a session without speech or text ends after this", minimum=1, maximum=86_400
    )
    session_ttl_s: float = _setting(
        14_400.0, "longest life of a session", minimum=1, maximum=604_800
    )
    heartbeat_s: float = _setting(
        15.0,
        "each side sends at least this often; 2.5 times as long is dead",
        minimum=1,
        maximum=60,
    )
    drain_s: float = _setting(
        20.0, "at shutdown, time for turns in progress to end", minimum=0, maximum=3600
    )
    loop: Literal["auto", "uvloop", "asyncio"] = _setting(
        "auto", "event loop; auto is uvloop where it is installed"
    )


@dataclass(frozen=True, slots=True)
class SecurityConfig:
    """Who may connect. The key itself never stands in the TOML file."""

    key_file: Path | None = _setting(
        None, f"file that holds the bearer key (or set {KEY_VARIABLE} in the environment)"
    )
    tls_certificate: Path | None = _setting(None, "PEM file with the certificate chain")
    tls_key: Path | None = _setting(None, "PEM file with the certificate's private key")
    allowed_origins: tuple[str, ...] = _setting(
        (), 'browser origins that may connect, e.g. "https://example.org"; "*" is any'
    )
    insecure: bool = _setting(
        False, "listen beyond loopback without a key or without TLS, all the same"
    )
    key: str | None = field(default=None, repr=False, metadata={"secret": True})


@dataclass(frozen=True, slots=True)
class ModelsConfig:
    """Which models to load."""

    profile: str = _setting("starter", "profile of the models file", longest=64)
    file: Path | None = _setting(None, "models file; unset is the `models.toml` that Parley brings")
    recognizer: str | None = _setting(
        None, "model that listens; unset is what the profile says", longest=64
    )
    language_model: str | None = _setting(
        None, "model that thinks; unset is what the profile says", longest=64
    )
    voice: str | None = _setting(
        None, "model that speaks; unset is what the profile says", longest=64
    )
    store: Path | None = _setting(
        None, "folder of installed models; unset is `$PARLEY_MODELS` or the user's data folder"
    )
    mirror: str | None = _setting(
        None, "base URL that stands for https://huggingface.co in downloads", longest=2048
    )
    token_file: Path | None = _setting(
        None, "private file with a bearer token for the mirror, or without one for huggingface.co"
    )
    proxy: str | None = _setting(
        None, "proxy for downloads; unset is what HTTPS_PROXY and NO_PROXY say", longest=2048
    )
    verify: Literal["size", "full"] = _setting(
        "size", "at start, full hashes every file; size leaves those above 64 MiB to their size"
    )


@dataclass(frozen=True, slots=True)
class EnginesConfig:
    """How the engines run."""

    kind: Literal["real", "scripted"] = _setting(
        "real", "scripted engines answer after stated times: for tests and benchmarks"
    )
    device: Literal["auto", "cpu", "cuda"] = _setting("auto", "auto takes CUDA where it is present")
    stt_device: Literal["auto", "cpu", "cuda"] = _setting(
        "auto", "where the recognizer runs; auto is what `engines.device` says"
    )
    llm_device: Literal["auto", "cpu", "cuda"] = _setting(
        "auto", "where the language model runs; auto is what `engines.device` says"
    )
    tts_device: Literal["auto", "cpu", "cuda"] = _setting(
        "auto", "where the voice runs; auto is the CPU, which is quick enough"
    )
    fallback_voice: Literal["none", "espeak-ng"] = _setting(
        "none", "what speaks a language that the profile has no voice for: the program espeak-ng"
    )
    stt_threads: int = _setting(
        0, "threads of the recognizer; 0 is automatic", minimum=0, maximum=256
    )
    llm_threads: int = _setting(
        0, "threads of the language model; 0 is automatic", minimum=0, maximum=256
    )
    tts_threads: int = _setting(0, "threads of the voice; 0 is automatic", minimum=0, maximum=256)
    stt_ms: float = _setting(
        50.0, "scripted recognizer: time of one final pass", minimum=0, maximum=60_000
    )
    llm_ms: float = _setting(
        50.0, "scripted language model: time to the first token", minimum=0, maximum=60_000
    )
    tts_ms: float = _setting(50.0, "scripted voice: time of one segment", minimum=0, maximum=60_000)


@dataclass(frozen=True, slots=True)
class ConversationConfig:
    """What a session is like until its client asks for something else."""

    assistant_name: str = _setting(
        "Parley", "replaces `{name}` in the instructions and the greeting", longest=100
    )
    instructions: str = _setting(
        "You are {name}, a friendly voice assistant. Keep your answers short.",
        "system prompt",
        longest=32_768,
    )
    language: str = _setting("en", "BCP 47 primary tag of what is spoken, or auto", longest=8)
    voice: str | None = _setting(None, "name of the voice; unset is the profile's", longest=64)
    speed: float = _setting(1.0, "of speech; 2 is twice as fast", minimum=0.5, maximum=2.0)
    greeting: str | None = _setting(
        None, "what the agent says first; unset: it waits to be spoken to", longest=4096
    )
    max_tokens: int = _setting(200, "longest reply", minimum=1, maximum=4096)
    temperature: float = _setting(0.0, "0 is the likeliest reply, always", minimum=0, maximum=2)
    clock: bool = _setting(True, "whether the prompt knows the date and the time")
    time_zone: str = _setting(
        "local", "IANA name for the clock; local is this machine's", longest=64
    )

    def named(self, text: str) -> str:
        """Return ``text`` (instructions, greeting) with the assistant's name for ``{name}``."""
        return text.replace("{name}", self.assistant_name)


@dataclass(frozen=True, slots=True)
class TurnConfig:
    """Turn-taking until the client asks for something else."""

    mode: Literal["vad", "manual", "off"] = _setting(
        "vad", "who ends a turn: silence, the client, or nobody (audio is ignored)"
    )
    vad: Literal["silero", "webrtc", "energy"] = _setting(
        "silero", "what decides that someone speaks; energy: loudness alone"
    )
    threshold: float = _setting(0.5, "probability that begins speech", minimum=0.1, maximum=0.95)
    prefix_ms: int = _setting(500, "audio kept from before the onset", minimum=0, maximum=1000)
    silence_ms: int | None = _setting(
        None, "silence that ends a turn; unset is adaptive", minimum=200, maximum=3000
    )
    eagerness: Literal["low", "medium", "high"] = _setting(
        "medium", "how soon an adaptive turn ends"
    )
    interrupt: bool | None = _setting(
        None, "whether speech interrupts a reply; unset: only devices that cancel their echo"
    )
    min_interrupt_ms: int = _setting(
        250, "speech that it takes to interrupt", minimum=0, maximum=2000
    )
    max_s: float = _setting(120.0, "longest turn; then it is ended", minimum=1, maximum=600)


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """How far ahead of the listener audio is sent."""

    window_ms: int = _setting(
        2000,
        "audio sent but not heard yet, at most (and the device's buffer)",
        minimum=100,
        maximum=10_000,
    )
    blind_window_ms: int = _setting(
        600, "the same for a device that does not report playout", minimum=100, maximum=10_000
    )


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """The limits that `welcome` announces (native protocol, section 14)."""

    max_text: int = _setting(65_536, "bytes of a text message", minimum=2048, maximum=65_536)
    max_binary: int = _setting(16_384, "bytes of a binary message", minimum=256, maximum=65_536)
    max_hello: int = _setting(16_384, "bytes of `hello`", minimum=1024, maximum=65_536)
    max_frames_per_s: int = _setting(500, "messages a second", minimum=10, maximum=100_000)
    burst: int = _setting(1000, "messages at once", minimum=10, maximum=100_000)
    max_depth: int = _setting(16, "nesting of JSON", minimum=4, maximum=64)
    max_streams: int = _setting(4, "audio streams open at once", minimum=1, maximum=255)
    max_instructions: int = _setting(32_768, "bytes of instructions", minimum=256, maximum=65_536)
    history_items: int = _setting(200, "items of history that are kept", minimum=2, maximum=10_000)
    uplink_window_ms: int = _setting(
        5000, "audio on its way to the server", minimum=500, maximum=60_000
    )
    replay_ms: int = _setting(30_000, "sent messages that are kept", minimum=0, maximum=600_000)
    replay_bytes: int = _setting(524_288, "the same, in bytes", minimum=65_536, maximum=67_108_864)
    resume_ttl_ms: int = _setting(
        120_000, "time to come back after a lost connection", minimum=0, maximum=3_600_000
    )
    tools: int = _setting(64, "tools of a session", minimum=0, maximum=1024)


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """What is logged to standard error."""

    level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "least level; transcripts are logged at debug only"
    )
    format: Literal["text", "json"] = _setting("text", "json writes one object a line")


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Build it with `load`; tests may use the constructor and `dataclasses.replace`.

    Attributes:
        source: The TOML file that was read, or None.
    """

    server: ServerConfig = field(default_factory=ServerConfig)
    security: SecurityConfig = field(default_factory=SecurityConfig)
    models: ModelsConfig = field(default_factory=ModelsConfig)
    engines: EnginesConfig = field(default_factory=EnginesConfig)
    conversation: ConversationConfig = field(default_factory=ConversationConfig)
    turn: TurnConfig = field(default_factory=TurnConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)
    source: Path | None = None


_SECTIONS: Final[Mapping[str, type[Any]]] = {
    "server": ServerConfig,
    "security": SecurityConfig,
    "models": ModelsConfig,
    "engines": EnginesConfig,
    "conversation": ConversationConfig,
    "turn": TurnConfig,
    "audio": AudioConfig,
    "limits": LimitsConfig,
    "logging": LoggingConfig,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting's declaration.

    Attributes:
        kinds: The types that a value may have: str, int, float, bool, Path, tuple.
        choices: The strings that are allowed; empty is any.
        nullable: Whether it may be unset.
        longest: Most characters of a string.
    """

    section: str
    key: str
    kind: type[Any]
    default: Value
    doc: str
    choices: tuple[str, ...]
    nullable: bool
    minimum: float | None
    maximum: float | None
    longest: int | None

    @property
    def name(self) -> str:
        """``section.key``, as messages call it."""
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"PARLEY_{self.section}_{self.key}".upper()

    @property
    def expected(self) -> str:
        """What a value has to be, for messages and the table."""
        words = self._words()
        return f"{words}, or unset" if self.nullable else words

    def _words(self) -> str:
        if self.choices:
            return " or ".join(f'"{choice}"' for choice in self.choices)
        noun = _NOUNS[self.kind]
        if self.minimum is not None and self.maximum is not None:
            return f"{noun} from {self.minimum:g} to {self.maximum:g}"
        return noun


_NOUNS: Final[Mapping[type[Any], str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Path: "a path",
    tuple: "a list of strings",
}


def settings() -> Iterator[Setting]:
    """Yield every setting, in the order of its declaration."""
    for section, cls in _SECTIONS.items():
        hints = typing.get_type_hints(cls)
        for entry in dataclasses.fields(cls):
            if "doc" in entry.metadata:
                yield _declared(section, entry, hints[entry.name])


def _declared(section: str, entry: dataclasses.Field[Any], hint: object) -> Setting:
    nullable = False
    if isinstance(hint, types.UnionType):
        hint, nullable = typing.get_args(hint)[0], True
    choices: tuple[str, ...] = ()
    if typing.get_origin(hint) is Literal:
        choices, hint = typing.get_args(hint), str
    kind = tuple if typing.get_origin(hint) is tuple else hint
    metadata = entry.metadata
    return Setting(
        section=section,
        key=entry.name,
        kind=cast("type[Any]", kind),
        default=cast(Value, entry.default),
        doc=metadata["doc"],
        choices=choices,
        nullable=nullable,
        minimum=metadata["minimum"],
        maximum=metadata["maximum"],
        longest=metadata["longest"],
    )


_SETTINGS: Final[Mapping[str, Setting]] = {setting.name: setting for setting in settings()}


# -- loading ------------------------------------------------------------------------------------


def search_path(environment: Mapping[str, str], *, directory: Path, home: Path) -> list[Path]:
    """Return where a configuration file is looked for when none is named, the first one first."""
    configured = environment.get("XDG_CONFIG_HOME") or ""
    base = Path(configured) if configured else home / ".config"
    return [
        directory / "parley.toml",
        base / "parley" / "parley.toml",
        Path("/etc/parley/parley.toml"),
    ]


def load(
    flags: Mapping[str, object] | None = None,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    home: Path | None = None,
) -> Config:
    """Read, merge and check all settings.

    Args:
        flags: ``"section.key"`` to a value, from the command line; strings are parsed like
            environment variables. Relative paths count from ``directory``.
        file: A TOML file that must exist; None looks at ``PARLEY_CONFIG``, then along
            `search_path`. Relative paths in it count from its own directory.
        environment: Instead of ``os.environ``.
        directory: Instead of the current directory.
        home: Instead of the user's home directory.

    Raises:
        ConfigError: If anything is wrong: an unknown key, a wrong type, a value out of range, a
            file that is missing, a key that stands in the TOML file.
    """
    environment = os.environ if environment is None else environment
    directory = Path.cwd() if directory is None else directory
    flags = flags or {}
    source = _find(file, environment, directory=directory, home=home or Path.home())
    values: dict[str, Value] = {}
    if source is not None:
        values.update(_from_file(source))
    values.update(_from_environment(environment, directory))
    values.update(_from_flags(flags, directory))
    key = _read_key(values, flags, environment)
    return _checked(_build(values, key, source))


def _find(
    file: Path | None, environment: Mapping[str, str], *, directory: Path, home: Path
) -> Path | None:
    named = [(file, "--config")] if file is not None else []
    if environment.get(CONFIG_VARIABLE):
        named.append((Path(environment[CONFIG_VARIABLE]), CONFIG_VARIABLE))
    for path, origin in named:
        absolute = directory / path.expanduser()
        if not absolute.is_file():
            message = f"{origin} names {path}, which is not a file; correct the path"
            raise ConfigError(message)
        return absolute
    candidates = search_path(environment, directory=directory, home=home)
    return next((path for path in candidates if path.is_file()), None)


def _from_file(path: Path) -> dict[str, Value]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}; check its permissions"
        raise ConfigError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text; save it as UTF-8"
        raise ConfigError(message) from error
    except tomllib.TOMLDecodeError as error:
        message = f"{path} is not valid TOML: {error}"
        raise ConfigError(message) from error
    values: dict[str, Value] = {}
    for section, body in document.items():
        values.update(_from_section(path, section, body))
    return values


def _from_section(path: Path, section: str, body: object) -> dict[str, Value]:
    if section not in _SECTIONS:
        hint = _did_you_mean(section, _SECTIONS)
        message = f"{path}: [{section}] is not a section{hint}"
        raise ConfigError(message)
    if not isinstance(body, dict):
        message = f"{path}: {section} is {_show(body)}, expected a section; write [{section}]"
        raise ConfigError(message)
    if section == "security" and "key" in body:
        message = (
            f"{path}: security.key stands in the file, where backups and colleagues read it; "
            f"put it into a file of its own (security.key_file) or into {KEY_VARIABLE}"
        )
        raise ConfigError(message)
    values: dict[str, Value] = {}
    for key, value in body.items():
        setting = _lookup(f"{section}.{key}", where=str(path))
        values[setting.name] = _typed(setting, value, where=str(path), base=path.parent)
    return values


def _from_environment(environment: Mapping[str, str], directory: Path) -> dict[str, Value]:
    variables = {setting.variable: setting for setting in _SETTINGS.values()}
    prefixes = tuple(f"PARLEY_{section.upper()}_" for section in _SECTIONS)
    values: dict[str, Value] = {}
    for name, text in environment.items():
        if name in variables:
            setting = variables[name]
            values[setting.name] = _parsed(setting, text, where=name, base=directory)
        elif name.startswith(prefixes):
            message = f"{name} in the environment is not a setting{_did_you_mean(name, variables)}"
            raise ConfigError(message)
    return values


def _from_flags(flags: Mapping[str, object], directory: Path) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, value in flags.items():
        setting = _lookup(name, where="command line")
        if isinstance(value, str):
            values[name] = _parsed(setting, value, where="command line", base=directory)
        else:
            values[name] = _typed(setting, value, where="command line", base=directory)
    return values


def _lookup(name: str, *, where: str) -> Setting:
    setting = _SETTINGS.get(name)
    if setting is None:
        message = f"{where}: {name} is not a setting{_did_you_mean(name, _SETTINGS)}"
        raise ConfigError(message)
    return setting


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    if not close:  # the right key in the wrong section
        tail = name.rpartition(".")[2]
        close = [other for other in known if other.rpartition(".")[2] == tail][:1]
    if close:
        return f"; did you mean {close[0]}?"
    return "; `parley config` lists them all"


# -- one value ----------------------------------------------------------------------------------


def _parsed(setting: Setting, text: str, *, where: str, base: Path) -> Value:
    """Read a value from a string, as the environment and flags hold it. "" unsets."""
    if text == "" and setting.nullable:
        return None
    value: object = text
    try:
        if setting.kind is bool:
            value = _TRUTH.get(text.lower(), text)
        elif setting.kind is int:
            value = int(text)
        elif setting.kind is float:
            value = float(text)
        elif setting.kind is tuple:
            value = [part.strip() for part in text.split(",") if part.strip()]
    except ValueError:
        value = text
    return _typed(setting, value, where=where, base=base)


_TRUTH: Final = {"1": True, "true": True, "yes": True, "on": True} | {
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def _typed(setting: Setting, value: object, *, where: str, base: Path) -> Value:
    """Check a value's type and range and return it as the dataclass wants it."""
    result = _converted(setting, value, base)
    if result is None and not (value is None and setting.nullable):
        message = f"{where}: {setting.name} is {_show(value)}, expected {setting.expected}"
        raise ConfigError(message)
    if isinstance(result, str) and setting.longest is not None and len(result) > setting.longest:
        message = (
            f"{where}: {setting.name} has {len(result)} characters, "
            f"expected at most {setting.longest}"
        )
        raise ConfigError(message)
    return result


def _converted(setting: Setting, value: object, base: Path) -> Value:
    match setting.kind:
        case builtin if builtin is bool:
            return value if isinstance(value, bool) else None
        case builtin if builtin in (int, float):
            return _number(setting, value)
        case builtin if builtin is tuple:
            return _strings(value)
        case builtin if builtin is Path:
            return _path(value, base)
        case _:
            good = isinstance(value, str) and (not setting.choices or value in setting.choices)
            return value if isinstance(value, str) and good else None


def _number(setting: Setting, value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if setting.kind is int and not isinstance(value, int):
        return None
    # Written so that a NaN is refused, too.
    if setting.minimum is not None and not value >= setting.minimum:
        return None
    if setting.maximum is not None and not value <= setting.maximum:
        return None
    return float(value) if setting.kind is float else value


def _strings(value: object) -> tuple[str, ...] | None:
    if isinstance(value, Sequence) and not isinstance(value, str):
        parts = [part for part in value if isinstance(part, str)]
        return tuple(parts) if len(parts) == len(value) else None
    return None


def _path(value: object, base: Path) -> Path | None:
    if not isinstance(value, str | Path) or not str(value):
        return None
    return base / Path(value).expanduser()


def _show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


# -- the whole ----------------------------------------------------------------------------------


def _build(values: Mapping[str, Value], key: str | None, source: Path | None) -> Config:
    sections: dict[str, Any] = {}
    for section, cls in _SECTIONS.items():
        mine = {
            name.partition(".")[2]: value
            for name, value in values.items()
            if name.startswith(f"{section}.")
        }
        if section == "security":
            mine["key"] = key
        sections[section] = cls(**mine)
    return Config(**sections, source=source)


def _read_key(
    values: Mapping[str, Value], flags: Mapping[str, object], environment: Mapping[str, str]
) -> str | None:
    """Return the bearer key. ``--key-file`` beats PARLEY_KEY, which beats any other key_file."""
    literal = environment.get(KEY_VARIABLE, "")
    if literal and "security.key_file" not in flags:
        return _usable_key(literal, KEY_VARIABLE)
    path = values.get("security.key_file")
    if not isinstance(path, Path):
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        message = (
            f"security.key_file {path} cannot be read: {reason}; make one with "
            f"`python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > {path}`"
        )
        raise ConfigError(message) from error
    return _usable_key(text.strip(), f"security.key_file {path}")


def _usable_key(key: str, origin: str) -> str:
    if len(key) < SHORTEST_KEY:
        message = f"{origin} holds {len(key)} characters, expected at least {SHORTEST_KEY}"
        raise ConfigError(message)
    if not (key.isascii() and key.isprintable() and " " not in key):
        message = f"{origin} holds a character that a header cannot; use printable ASCII, no spaces"
        raise ConfigError(message)
    return key


def _checked(config: Config) -> Config:
    """Check what more than one setting decides."""
    security, limits = config.security, config.limits
    if (security.tls_certificate is None) != (security.tls_key is None):
        missing = "tls_key" if security.tls_key is None else "tls_certificate"
        message = f"security.{missing} is not set; TLS needs both tls_certificate and tls_key"
        raise ConfigError(message)
    for origin in security.allowed_origins:
        _check_origin(origin)
    if limits.max_hello > limits.max_text:
        message = (
            f"limits.max_hello is {limits.max_hello}, expected at most "
            f"limits.max_text, {limits.max_text}"
        )
        raise ConfigError(message)
    if len(config.conversation.instructions) > limits.max_instructions:
        message = (
            f"conversation.instructions has {len(config.conversation.instructions)} characters, "
            f"expected at most limits.max_instructions, {limits.max_instructions}"
        )
        raise ConfigError(message)
    _check_time_zone(config.conversation.time_zone)
    _check_language(config.conversation.language)
    return config


def _check_origin(origin: str) -> None:
    scheme, separator, rest = origin.partition("://")
    if origin != "*" and (not (scheme and separator and rest) or "/" in rest):
        message = (
            f'security.allowed_origins has "{origin}", expected "*" or scheme://host[:port], '
            'without a path, e.g. "https://example.org"'
        )
        raise ConfigError(message)


def _check_time_zone(name: str) -> None:
    if name in ("local", "UTC"):  # known even where the system has no time zone database
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = (
            f'conversation.time_zone is "{name}", '
            'expected "local" or an IANA name such as "Europe/Berlin"'
        )
        raise ConfigError(message) from error


def _check_language(language: str) -> None:
    primary = language.isascii() and language.isalpha() and language.islower()
    if language != "auto" and not (primary and 2 <= len(language) <= 3):
        message = (
            f'conversation.language is "{language}", '
            'expected a BCP 47 primary tag such as "en", or "auto"'
        )
        raise ConfigError(message)


# -- showing ------------------------------------------------------------------------------------


def describe(config: Config) -> str:
    """Return the effective settings as TOML that `load` reads again; the key is not in it."""
    lines = [f"# read from {config.source}" if config.source else "# no configuration file found"]
    section = ""
    for setting in _SETTINGS.values():
        if setting.section != section:
            section = setting.section
            lines += ["", f"[{section}]"]
            if section == "security":
                lines.append(f"# key: {'set (not shown)' if config.security.key else 'none'}")
        value = getattr(getattr(config, setting.section), setting.key)
        unset = value is None
        lines.append(f"# {setting.key} is not set" if unset else f"{setting.key} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Value) -> str:
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    # JSON's strings, numbers and booleans are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def table() -> str:
    """Return all settings as a Markdown table: setting, default, what it takes, what it is."""
    rows = ["| Setting | Default | Takes | What it is |", "|---|---|---|---|"]
    for setting in _SETTINGS.values():
        default = "unset" if setting.default is None else f"`{_toml(setting.default)}`"
        rows.append(f"| `{setting.name}` | {default} | {setting.expected} | {setting.doc} |")
    return "\n".join(rows) + "\n"
