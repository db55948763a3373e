"""The voice that Parley itself replies with: its own loudspeaker must be understood, too."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from pipeline.engines.onnx_runtime import import_onnxruntime
from starter.errors import RecipeError
from starter.order import MODELS
from starter.speech.speaker import NEUTRAL, SILENT, Manner, Speaker, Speech

__all__ = ["MODEL", "ReplyVoice"]

MODEL = MODELS / "voice" / "starter.onnx"


class ReplyVoice(Speaker):
    """The starter voice, through Piper on one thread; a sentence takes 40 ms of CPU.

    Args:
        model: The .onnx file, with its .onnx.json beside it.
        repeatable: Without the voice's noise: a sentence always sounds the same.

    Raises:
        RecipeError: If it cannot be loaded.
    """

    def __init__(self, model: Path = MODEL, *, repeatable: bool = False) -> None:
        self._piper = importlib.import_module("piper")
        self._noise = {"noise_scale": 0.0, "noise_w_scale": 0.0} if repeatable else {}
        self._voice = self._load(model)

    def _load(self, model: Path) -> Any:  # noqa: ANN401  (piper has no types)
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            document = orjson.loads(model.with_suffix(".onnx.json").read_bytes())
            session = runtime.InferenceSession(
                str(model), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's exceptions share no other base
            reason = str(error).partition("\n")[0]
            raise RecipeError(f"the reply voice {model} cannot be loaded: {reason}") from error
        config = importlib.import_module("piper.config").PiperConfig.from_dict(document)
        return self._piper.PiperVoice(session=session, config=config)

    @property
    def name(self) -> str:
        """See `Speaker.name`."""
        return "starter"

    def speak(self, text: str, manner: Manner = NEUTRAL) -> Speech:
        """See `Speaker.speak`; it has neither pitch nor range."""
        asked = self._piper.SynthesisConfig(length_scale=manner.stretch, **self._noise)
        chunks = list(self._voice.synthesize(text, asked))
        if not chunks:
            return SILENT
        samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
        return Speech(samples.astype(np.float32), chunks[0].sample_rate)
