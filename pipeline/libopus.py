"""Finds libopus and puts a safe face on opuslib's low-level calls.

opuslib 3.0.1 is thin: it looks for the library with `ctypes.util.find_library` while it is being
imported and raises a bare Exception without one, its ``dtx`` and ``inband_fec`` setters do nothing
or raise, ``Encoder.encode`` reads past the end of a buffer that is shorter than the frame, and its
``__del__`` methods complain when the interpreter exits. So this module chooses the library, calls
``opuslib.api`` only, and checks every length before a native call. Nothing here is touched until
the first codec is made, so that PCM works where there is no libopus.

Sources: RFC 6716 (packet layout: section 3), opus_encoder.c and opus_decoder.c of libopus 1.3-1.6.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import importlib
import importlib.util
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np

from pipeline.engines import Int16Audio
from pipeline.errors import AudioError

__all__ = [
    "FRAME_MS",
    "MAX_PACKET_BYTES",
    "OpusDecoder",
    "OpusEncoder",
    "OpusLibrary",
    "load",
    "locate",
    "packet_milliseconds",
]

FRAME_MS: Final = (2.5, 5, 10, 20, 40, 60, 80, 100, 120)
"""Durations that `opus_encode` accepts; those above 60 ms are packets of several frames (1.2)."""

MAX_PACKET_BYTES: Final = 1 + 1 + 2 * 47 + 48 * 1275
"""48 frames of 2.5 ms, 1275 bytes each, with their lengths: RFC 6716 section 3.2.5."""

_MAX_PACKET_MS: Final = 120
_SILK_MS: Final = (10, 20, 40, 60)
_HYBRID_MS: Final = (10, 20)
_CELT_MS: Final = (2.5, 5, 10, 20)

_SONAMES: Final = ("libopus.so.0", "libopus.0.dylib", "opus.dll", "libopus-0.dll")
_BUNDLES: Final = ("av.libs/libopus-*.so*", "av.libs/libopus-*.dll", "av/.dylibs/libopus*.dylib")

_loading = threading.Lock()


# -- finding it ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpusLibrary:
    """The libopus in use.

    Attributes:
        path: File or name that was loaded.
        version: What the library says of itself, e.g. "libopus 1.6.1".
        source: "system", or "PyAV" for the copy inside PyAV's wheel.
    """

    path: str
    version: str
    source: Literal["system", "PyAV"]


def locate(
    system: Callable[[], str | None] | None = None,
    bundled: Callable[[], str | None] | None = None,
) -> tuple[str, Literal["system", "PyAV"]]:
    """Find a libopus: the system's, else the one that PyAV carries.

    Args:
        system: Names the system's library, or None; for tests.
        bundled: The same for PyAV's; for tests.

    Raises:
        AudioError: If there is neither; says what to install.
    """
    if path := (system or _system_library)():
        return path, "system"
    if path := (bundled or _bundled_library)():
        return path, "PyAV"
    raise AudioError(
        "libopus was found neither on the system nor inside the PyAV package; install it "
        "(Debian, Ubuntu: apt install libopus0; Fedora: dnf install opus; macOS: brew install "
        "opus) or run: pip install av"
    )


def _system_library() -> str | None:
    """Ask the dynamic loader first: `find_library` starts compilers and linkers to do so."""
    for name in _SONAMES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return name
    return ctypes.util.find_library("opus")


def _bundled_library() -> str | None:
    """Look beside the `av` package without importing it (that would load all of FFmpeg)."""
    spec = importlib.util.find_spec("av")
    if spec is None or spec.origin is None:
        return None
    site_packages = Path(spec.origin).parent.parent
    found = (str(path) for pattern in _BUNDLES for path in sorted(site_packages.glob(pattern)))
    return next(found, None)


@functools.cache
def load() -> OpusLibrary:
    """Load libopus; the first call may take 100 ms, so make it before serving.

    Raises:
        AudioError: If there is no libopus, or not one that opuslib can use.
    """
    with _loading:
        path, source = locate()
        try:
            api = _import_opuslib(path)
        except (OSError, AttributeError, ImportError) as error:
            raise AudioError(
                f"libopus at {path} cannot be used: {error}; install another"
            ) from error
        version = bytes(api.info.get_version_string()).decode("ascii", "replace")
        return OpusLibrary(str(api.lib_location), version, source)


def _import_opuslib(path: str) -> Any:  # noqa: ANN401  (opuslib has no types)
    with _find_library_answering(path), warnings.catch_warnings():
        # Its sources compare numbers with `is`: a SyntaxWarning whenever they are compiled.
        warnings.simplefilter("ignore", SyntaxWarning)
        for module in ("api.info", "api.ctl", "api.decoder", "api.encoder"):
            importlib.import_module(f"opuslib.{module}")
    api = importlib.import_module("opuslib.api")
    # The ctl functions are variadic in C. Where variadic arguments travel on the stack (Apple
    # silicon), ctypes must know which ones are fixed.
    api.encoder.libopus_ctl.argtypes = (api.encoder.EncoderPointer, ctypes.c_int)
    api.decoder.libopus_ctl.argtypes = (api.decoder.DecoderPointer, ctypes.c_int)
    return api


@contextmanager
def _find_library_answering(path: str) -> Iterator[None]:
    original = ctypes.util.find_library
    ctypes.util.find_library = lambda name: path if name == "opus" else original(name)
    try:
        yield
    finally:
        ctypes.util.find_library = original


def _api() -> Any:  # noqa: ANN401  (opuslib has no types)
    load()
    return importlib.import_module("opuslib.api")


def _explain(code: int) -> str:
    text = _api().info.strerror(code)
    return f"{bytes(text).decode('ascii', 'replace')} ({code})"


# -- packets ------------------------------------------------------------------------------------


def packet_milliseconds(packet: bytes) -> float:
    """Duration of an Opus packet, read from its first one or two bytes (RFC 6716 section 3.1).

    Raises:
        AudioError: If the packet is empty, longer than any packet can be, lasts more than 120 ms,
            or says that it holds no frame (section 3.2.5: requirements R1, R5 and R6).
    """
    if not 1 <= len(packet) <= MAX_PACKET_BYTES:
        raise AudioError(
            f"an Opus packet has {len(packet)} bytes, expected 1 to {MAX_PACKET_BYTES}"
        )
    duration = _frame_milliseconds(packet[0] >> 3) * _frame_count(packet)
    if duration > _MAX_PACKET_MS:
        raise AudioError(f"an Opus packet lasts {duration:g} ms, at most {_MAX_PACKET_MS} may")
    return duration


def _frame_milliseconds(configuration: int) -> float:
    if configuration < 12:
        return _SILK_MS[configuration % 4]
    if configuration < 16:
        return _HYBRID_MS[configuration % 2]
    return _CELT_MS[configuration % 4]


def _frame_count(packet: bytes) -> int:
    code = packet[0] & 3
    if code == 0:
        return 1
    if code < 3:
        return 2
    if len(packet) < 2 or not packet[1] & 0x3F:
        raise AudioError("an Opus packet of code 3 says that it holds no frame, expected 1 to 48")
    return packet[1] & 0x3F


# -- the codec ----------------------------------------------------------------------------------


class OpusDecoder:
    """A native decoder to mono. One thread at a time; `close` it, or let it be collected.

    Args:
        rate: Rate of the samples that come out, in Hz: 8000, 12000, 16000, 24000 or 48000. Any
            packet decodes at any of them, whatever rate it was encoded at.

    Raises:
        AudioError: If there is no libopus, or the rate is not one of its own.
    """

    def __init__(self, rate: int) -> None:
        self._native = _api().decoder
        self.rate = rate
        state = _created(lambda: self._native.create_state(rate, 1), f"decoder at {rate} Hz")
        self._state: Any = state
        # finalize() runs before the interpreter takes its modules apart; __del__ would run after.
        self._destroy = weakref.finalize(self, self._native.destroy, state)
        self._samples = np.zeros(rate * _MAX_PACKET_MS // 1000, np.int16)
        self._pointer = self._samples.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))

    def decode(self, packet: bytes) -> Int16Audio:
        """Decode one packet; its duration is `packet_milliseconds`.

        Raises:
            AudioError: If it is not an Opus packet; the decoder goes on as if it had not come.
        """
        packet_milliseconds(packet)
        return self._run(packet, len(self._samples))

    def conceal(self, samples: int) -> Int16Audio:
        """Invent what was lost, or comfort noise after DTX.

        Args:
            samples: A multiple of 2.5 ms, at most 120 ms.
        """
        if not 0 < samples <= len(self._samples) or samples % (self.rate // 400):
            raise ValueError(f"cannot conceal {samples} samples, expected whole 2.5 ms up to 120")
        return self._run(None, samples)

    def reset(self) -> None:
        """Forget the past, as if newly made."""
        ctl = importlib.import_module("opuslib.api.ctl")
        self._native.decoder_ctl(self._open(), ctl.reset_state)

    def close(self) -> None:
        """Free the native state; may be called twice."""
        self._destroy()
        self._state = None

    def _run(self, packet: bytes | None, room: int) -> Int16Audio:
        length = len(packet) if packet else 0
        count = self._native.libopus_decode(self._open(), packet, length, self._pointer, room, 0)
        if count < 0:
            raise AudioError(
                f"an Opus packet of {length} bytes cannot be decoded: {_explain(count)}"
            )
        return self._samples[:count].copy()

    def _open(self) -> Any:  # noqa: ANN401  (a ctypes pointer)
        if self._state is None:
            raise ValueError("the Opus decoder is closed")
        return self._state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class OpusEncoder:
    """A native mono encoder for speech, of frames of one size. One thread at a time.

    Args:
        rate: Rate of the samples that go in, in Hz: 8000, 12000, 16000, 24000 or 48000.
        frame_ms: Duration of every packet, one of `FRAME_MS`.
        bitrate: Bits per second to aim at.
        complexity: 0 (cheapest) to 10.

    Raises:
        AudioError: If there is no libopus, or it does not accept one of the arguments.
    """

    def __init__(
        self, rate: int, frame_ms: float, *, bitrate: int = 24_000, complexity: int = 5
    ) -> None:
        if frame_ms not in FRAME_MS:
            raise AudioError(f"Opus has no frames of {frame_ms:g} ms, expected one of {FRAME_MS}")
        self._native = _api().encoder
        self._ctl = importlib.import_module("opuslib.api.ctl")
        voip = importlib.import_module("opuslib").APPLICATION_VOIP
        create = functools.partial(self._native.create_state, rate, 1, voip)
        self._state: Any = _created(create, f"encoder at {rate} Hz")
        self._destroy = weakref.finalize(self, self._native.destroy, self._state)
        self._set(self._ctl.set_bitrate, bitrate)
        self._set(self._ctl.set_complexity, complexity)
        self.rate = rate
        self.frame_samples = round(rate * frame_ms / 1000)
        # The native call reads exactly frame_samples from here, whatever `encode` was given.
        self._samples = np.zeros(self.frame_samples, np.int16)
        self._pointer = self._samples.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))

    @property
    def lookahead(self) -> int:
        """Samples by which what is decoded lags behind what was encoded (6.5 ms for voip)."""
        return int(self._native.encoder_ctl(self._open(), self._ctl.get_lookahead))

    @property
    def dtx(self) -> bool:
        """Whether silence shrinks to packets of 1 or 2 bytes (discontinuous transmission)."""
        return bool(self._native.encoder_ctl(self._open(), self._ctl.get_dtx))

    @dtx.setter
    def dtx(self, on: bool) -> None:
        self._set(self._ctl.set_dtx, int(on))

    def encode(self, frame: Int16Audio, max_bytes: int = 1275) -> bytes:
        """Encode one frame of exactly ``frame_samples``.

        Args:
            frame: int16 mono.
            max_bytes: The packet is made to fit, at the expense of quality.

        Raises:
            ValueError: If the frame has another shape or type.
            AudioError: If no packet fits into ``max_bytes``.
        """
        if frame.shape != (self.frame_samples,) or frame.dtype != np.int16:
            raise ValueError(
                f"got {frame.dtype} {frame.shape}, expected int16 ({self.frame_samples},)"
            )
        self._samples[:] = frame
        packet = ctypes.create_string_buffer(max(1, max_bytes))
        size = self._native.libopus_encode(
            self._open(), self._pointer, self.frame_samples, packet, len(packet)
        )
        if size < 0:
            raise AudioError(f"Opus made no packet of {max_bytes} bytes at most: {_explain(size)}")
        return packet.raw[:size]

    def reset(self) -> None:
        """Forget the past, as if newly made; the settings stay."""
        self._native.encoder_ctl(self._open(), self._ctl.reset_state)

    def close(self) -> None:
        """Free the native state; may be called twice."""
        self._destroy()
        self._state = None

    def _set(self, request: Callable[..., object], value: int) -> None:
        error = importlib.import_module("opuslib.exceptions").OpusError
        try:
            self._native.encoder_ctl(self._open(), request, value)
        except error as refused:
            raise AudioError(f"Opus refused {value}: {_explain(refused.code)}") from None

    def _open(self) -> Any:  # noqa: ANN401  (a ctypes pointer)
        if self._state is None:
            raise ValueError("the Opus encoder is closed")
        return self._state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _created(create: Callable[[], object], what: str) -> object:
    error = importlib.import_module("opuslib.exceptions").OpusError
    try:
        return create()
    except error as refused:
        raise AudioError(f"Opus made no {what}: {_explain(refused.code)}") from None
