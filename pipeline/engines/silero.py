"""Voice activity by Silero VAD v6: the ONNX file that the faster-whisper wheel carries (MIT).

The graph takes ``input`` [blocks, 576] (64 samples of context, then 512 new ones, float32 in
[-1, 1]) and an LSTM state ``h``, ``c`` [1, 1, 128]; it gives ``speech_probs`` [blocks] and the next
state. Its first axis is time, so one run serves one session only; the weights are shared. A block
costs 60 to 180 us of one core (measured on two machines), 0.2 to 0.6 % of real time, hence it runs
on the event loop.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.engines import Float32Audio, Int16Audio, VoiceActivityDetector
from pipeline.engines.onnx_runtime import import_onnxruntime
from pipeline.errors import EngineUnavailable

__all__ = ["BLOCK_SAMPLES", "SileroDetector", "SileroModel", "bundled_model", "load"]

BLOCK_SAMPLES = 512
"""Samples at 16 kHz that one call judges: 32 ms. The network knows no other size at this rate."""

_CONTEXT_SAMPLES = 64
_STATE_SHAPE = (1, 1, 128)
_FULL_SCALE = np.float32(1 / 32768)


def bundled_model() -> Path:
    """Where the ONNX file lies inside the installed faster-whisper package (not imported).

    Raises:
        EngineUnavailable: If the package, or the file in it, is missing.
    """
    package = importlib.util.find_spec("faster_whisper")
    if package is None or package.origin is None:
        raise EngineUnavailable(
            "the package faster-whisper is not installed; it carries the Silero VAD model: "
            "pip install faster-whisper"
        )
    path = Path(package.origin).parent / "assets" / "silero_vad_v6.onnx"
    if not path.is_file():
        raise EngineUnavailable(
            f"{path} is missing; faster-whisper 1.2.1 or newer carries it: "
            "pip install --upgrade 'faster-whisper>=1.2.1'"
        )
    return path


def load(path: Path | None = None) -> SileroModel:
    """Load the network once per process; its sessions share it.

    Args:
        path: The ONNX file; by default the one inside the faster-whisper package.

    Raises:
        EngineUnavailable: If onnxruntime or the file is missing, or is not this network.
    """
    path = bundled_model() if path is None else path
    try:
        onnxruntime = import_onnxruntime()
    except ImportError as error:
        raise EngineUnavailable(
            f"onnxruntime cannot be imported ({error}); pip install onnxruntime, "
            'or set vad = "webrtc"'
        ) from error
    options = onnxruntime.SessionOptions()
    # One thread that never spins: a block is too small to share out, and a spinning pool would
    # take the cores from the recognizer and the language model.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # The arena would only add bookkeeping to arrays of a few kilobytes (measured: 12 % per block).
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own share no base
        raise EngineUnavailable(f"{path} cannot be loaded as an ONNX network: {error}") from error
    names = sorted(entry.name for entry in session.get_inputs())
    if names != ["c", "h", "input"]:
        raise EngineUnavailable(
            f"{path} has the inputs {', '.join(names)}; expected c, h and input: "
            "use silero_vad_v6.onnx"
        )
    return SileroModel(session)


class SileroModel:
    """The loaded network; immutable, shared by all sessions."""

    __slots__ = ("_session",)

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - onnxruntime ships no types
        self._session = session

    def detector(self) -> VoiceActivityDetector:
        """A detector for one session, with a memory of its own."""
        return SileroDetector(self._session)


class SileroDetector:
    """One session's place in the network: LSTM state and the last 64 samples."""

    __slots__ = ("_c", "_h", "_input", "_session")

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - onnxruntime ships no types
        self._session = session
        self._input: Float32Audio = np.zeros(_CONTEXT_SAMPLES + BLOCK_SAMPLES, np.float32)
        self._h = np.zeros(_STATE_SHAPE, np.float32)
        self._c = np.zeros(_STATE_SHAPE, np.float32)

    @property
    def block(self) -> int:
        """512 samples: 32 ms."""
        return BLOCK_SAMPLES

    def probability(self, block: Int16Audio) -> float:
        """The probability that the block holds speech.

        Raises:
            ValueError: If the block has not exactly 512 samples.
        """
        if block.shape != (BLOCK_SAMPLES,):
            raise ValueError(f"block has shape {block.shape}, expected ({BLOCK_SAMPLES},)")
        samples = self._input
        samples[:_CONTEXT_SAMPLES] = samples[BLOCK_SAMPLES:]
        np.multiply(block, _FULL_SCALE, out=samples[_CONTEXT_SAMPLES:], casting="unsafe")
        probabilities, self._h, self._c = self._session.run(
            None, {"input": samples[np.newaxis], "h": self._h, "c": self._c}
        )
        return float(probabilities.item())

    def reset(self) -> None:
        """Forget the past: the next block starts anew."""
        self._h = np.zeros(_STATE_SHAPE, np.float32)
        self._c = np.zeros(_STATE_SHAPE, np.float32)
        self._input[:] = 0
