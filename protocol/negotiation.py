"""What a hello and a server have in common, and how changes to a session's settings apply."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from protocol.audio import OPUS_FRAME_MS, RATES, AudioFormat, Encoding
from protocol.errors import ErrorCode, NegotiationFailed
from protocol.events import (
    UNSET,
    ClientLimits,
    EchoCancellation,
    FormatOffer,
    Hello,
    SessionFields,
    SessionSettings,
    TurnFields,
    TurnSettings,
)
from protocol.frames import HEADER_BYTES

__all__ = ["FEATURES", "SUPPORTED_VERSIONS", "Agreement", "Capabilities", "merged", "negotiate"]

SUPPORTED_VERSIONS: Final = (1,)
"""Versions of the protocol that this package speaks."""

FEATURES: Final = ("playout", "captions", "partials", "vad_events", "text_out", "latency")
"""Features of the protocol that this package implements; a server may offer fewer."""

_USUAL_LIMITS: Final = ClientLimits()
_NARROWBAND: Final = frozenset({Encoding.PCMU, Encoding.PCMA})
_NULL_IS_A_VALUE: Final = frozenset({"greeting", "silence_ms", "idle_ms"})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do.

    Attributes:
        codecs: Encodings that it can decode and encode.
        rates: Sample rates in Hz.
        features: Features that it offers.
    """

    codecs: frozenset[Encoding] = frozenset(Encoding)
    rates: tuple[int, ...] = RATES
    features: tuple[str, ...] = FEATURES


@dataclass(frozen=True, slots=True)
class Agreement:
    """What holds for a connection.

    Attributes:
        audio_in: Format of speech to the server; None if the client sends none.
        audio_out: Format of speech from the server, frames short enough for the client's
            ``max_binary``; None if the client wants text only.
        features: What both sides offered, in the client's order.
        limits: What the client can take.
        out_buffer_ms: How much audio the client can hold unplayed.
        out_start_ms: How long it buffers before it plays.
        aec: Where echo is removed.
        may_speak_early: Whether audio that came before the welcome is in the format agreed.
        codecs: Encodings that ``audio.open`` may ask for.
    """

    audio_in: AudioFormat | None
    audio_out: AudioFormat | None
    features: tuple[str, ...] = ()
    limits: ClientLimits = _USUAL_LIMITS
    out_buffer_ms: int = 2400
    out_start_ms: int = 120
    aec: EchoCancellation = "none"
    may_speak_early: bool = True
    codecs: frozenset[Encoding] = frozenset(Encoding)

    def has(self, feature: str) -> bool:
        """Whether a feature is on."""
        return feature in self.features

    @property
    def interrupts_by_default(self) -> bool:
        """Whether speech during a reply interrupts it unless the client says otherwise.

        A device that hears itself would interrupt itself.
        """
        return self.aec != "none"

    @property
    def max_payload(self) -> int:
        """Bytes of audio that fit into one frame for this client."""
        return self.limits.max_binary - HEADER_BYTES


def negotiate(hello: Hello, capabilities: Capabilities) -> Agreement:
    """Choose, for each direction, the first format of the client that the server can do.

    Raises:
        NegotiationFailed: If there is none: ``unsupported_codec`` if no codec is known,
            ``unsupported_rate`` if only the rates do not fit.
    """
    audio_in = _choose(hello.audio.in_, "audio.in", capabilities)
    audio_out = _choose(hello.audio.out, "audio.out", capabilities)
    wanted = dict.fromkeys(hello.features)
    return Agreement(
        audio_in=audio_in,
        audio_out=audio_out and _fitted(audio_out, hello.limits.max_binary - HEADER_BYTES),
        features=tuple(name for name in wanted if name in capabilities.features),
        limits=hello.limits,
        out_buffer_ms=hello.audio.out_buffer_ms,
        out_start_ms=hello.audio.out_start_ms,
        aec=hello.audio.aec,
        may_speak_early=len(hello.audio.in_) == 1,
        codecs=capabilities.codecs,
    )


def _choose(
    offers: Iterable[FormatOffer], path: str, capabilities: Capabilities
) -> AudioFormat | None:
    offers = tuple(offers)
    if not offers:
        return None
    known = [offer for offer in offers if offer.codec in capabilities.codecs]
    if not known:
        raise NegotiationFailed(
            ErrorCode.UNSUPPORTED_CODEC,
            f"{path} offers {_listed(offer.codec for offer in offers)}; "
            f"use one of {_listed(sorted(capabilities.codecs))}",
            {"path": path, "supported": sorted(capabilities.codecs)},
        )
    for offer in known:
        codec = Encoding(offer.codec)
        if offer.rate in _rates(codec, capabilities):
            return AudioFormat(codec, offer.rate, offer.frame_ms)
    rates = _rates(Encoding(known[0].codec), capabilities)
    raise NegotiationFailed(
        ErrorCode.UNSUPPORTED_RATE,
        f"{path} offers {known[0].codec} at {_listed(str(offer.rate) for offer in known)} Hz; "
        f"use one of {_listed(str(rate) for rate in rates)}",
        {"path": path, "supported": list(rates)},
    )


def _rates(codec: Encoding, capabilities: Capabilities) -> tuple[int, ...]:
    if codec in _NARROWBAND:
        return tuple(rate for rate in capabilities.rates if rate == 8000)
    return capabilities.rates


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _fitted(audio: AudioFormat, max_payload: int) -> AudioFormat:
    """The format with frames that its encoder can make and that fit the client's limit."""
    if audio.codec is Encoding.OPUS:
        fits = [duration for duration in OPUS_FRAME_MS if duration <= audio.frame_ms]
        return replace(audio, frame_ms=fits[-1])
    width = 2 if audio.codec is Encoding.PCM_S16LE else 1
    longest = audio.milliseconds(max_payload // width)
    if audio.frame_ms <= longest:
        return audio
    return replace(audio, frame_ms=next(ms for ms in reversed(OPUS_FRAME_MS) if ms <= longest))


def merged(
    current: SessionSettings, change: SessionFields, defaults: SessionSettings
) -> SessionSettings:
    """Apply a change leaf by leaf: absent leaves stay, null ones return to the default.

    In ``greeting``, ``turn.silence_ms`` and ``turn.idle_ms`` null is a value of its own and is
    taken over as it is. A null ``turn`` resets all of turn taking.
    """
    leaves = _changed(change, current, defaults)
    leaves["turn"] = _merged_turn(current.turn, change, defaults.turn)
    return replace(current, **leaves)


def _merged_turn(
    current: TurnSettings, change: SessionFields, defaults: TurnSettings
) -> TurnSettings:
    if change.turn is UNSET:
        return current
    if change.turn is None:
        return defaults
    return replace(current, **_changed(change.turn, current, defaults))


def _changed(
    change: SessionFields | TurnFields,
    current: SessionSettings | TurnSettings,
    defaults: SessionSettings | TurnSettings,
) -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for leaf in fields(change):
        value = getattr(change, leaf.name)
        if value is UNSET:
            value = getattr(current, leaf.name)
        elif value is None and leaf.name not in _NULL_IS_A_VALUE:
            value = getattr(defaults, leaf.name)
        leaves[leaf.name] = value
    return leaves
