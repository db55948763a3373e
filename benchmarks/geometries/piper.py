"""Writes Piper voices of random weights: VITS graphs of the real sizes, and noise for sound.

The text encoder, the flow and the decoder have every convolution of the originals. Left out are
the encoder's relative positions and the splines between the duration predictor's convolutions,
together under 2 % of the work. Durations are bounded, so that a symbol lasts about as long as in
English. The graph has far fewer nodes than an export from PyTorch: it loads faster than a real one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.geometries.onnx_writer import GraphWriter
from benchmarks.geometries.shapes import VoiceShape

__all__ = ["write"]

_SYMBOLS: Final = 256
_HEADS: Final = 2
_FLOWS, _FLOW_LAYERS, _FLOW_KERNEL = 4, 4, 5
_UPSAMPLING: Final = ((8, 16), (8, 16), (4, 8))
"""Factor and kernel of each step of the decoder: 256 samples a frame."""
_RESIDUALS: Final = ((3, (1, 2)), (5, (2, 6)), (7, (3, 12)))
"""Kernel and dilations of the decoder's residual blocks, Piper's kind "2"."""
_POOL: Final = 1 << 20

Weights = npt.NDArray[np.float32]


def write(path: Path, shape: VoiceShape, *, seed: int = 1) -> Path:
    """Write ``path`` and its .json beside it; return ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_Voice(shape, seed).model())
    configuration = path.with_name(f"{path.name}.json")
    configuration.write_text(json.dumps(_configuration(shape), ensure_ascii=False))
    return path


def _configuration(shape: VoiceShape) -> dict[str, object]:
    from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

    return {
        "audio": {"sample_rate": shape.rate, "quality": "medium"},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US"},
        "phoneme_type": "espeak",
        "num_symbols": _SYMBOLS,
        "num_speakers": 1,
        "hop_length": 256,
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_id_map": {key: list(ids) for key, ids in DEFAULT_PHONEME_ID_MAP.items()},
        "speaker_id_map": {},
    }


class _Voice:
    """The graph; tensors have the layout [1, channels, steps] of VITS."""

    def __init__(self, shape: VoiceShape, seed: int) -> None:
        self._shape = shape
        self._graph = GraphWriter()
        self._pool = np.random.default_rng(seed).standard_normal(_POOL, np.float32)
        self._made = 0

    def model(self) -> bytes:
        """Build everything and return the file."""
        graph = self._graph
        ids = graph.input("input", np.int64, [1, "phonemes"])
        graph.input("input_lengths", np.int64, [1])
        scales = graph.input("scales", np.float32, [3])
        noise, length = self._scale(scales, 0), self._scale(scales, 1)
        encoded = self._encoder(ids)
        statistics = self._convolution(encoded, self._shape.hidden, 2 * self._shape.hidden, 1)
        latent = self._stretched(statistics, self._durations(encoded, length))
        mean, deviation = self._halves(latent, self._shape.hidden)
        drawn = graph.node("RandomNormalLike", mean, scale=1.0)
        spread = graph.node("Mul", graph.node("Exp", graph.node("Tanh", deviation)), noise)
        latent = graph.node("Add", mean, graph.node("Mul", drawn, spread))
        sound = self._decoder(self._flow(latent))
        graph.node("Unsqueeze", sound, self._integers(1), name="output")
        graph.output("output", np.float32, [1, 1, 1, "samples"])
        return graph.model()

    # -- parts ----------------------------------------------------------------------------------

    def _encoder(self, ids: str) -> str:
        graph, width = self._graph, self._shape.hidden
        table = graph.tensor(self._weights(_SYMBOLS, width))
        x = graph.node("Transpose", graph.node("Gather", table, ids), perm=[0, 2, 1])
        for _ in range(self._shape.layers):
            x = self._normalized(graph.node("Add", x, self._attention(x)))
            hidden = self._convolution(x, width, self._shape.filter, 3)
            hidden = self._convolution(graph.node("Relu", hidden), self._shape.filter, width, 3)
            x = self._normalized(graph.node("Add", x, hidden))
        return x

    def _attention(self, x: str) -> str:
        graph, width = self._graph, self._shape.hidden
        split = graph.tensor(np.array([1, _HEADS, width // _HEADS, -1], np.int64))
        query, key, value = (
            graph.node("Reshape", self._convolution(x, width, width, 1), split) for _ in range(3)
        )
        scores = graph.node("MatMul", graph.node("Transpose", query, perm=[0, 1, 3, 2]), key)
        scores = graph.node("Mul", scores, self._constant((width // _HEADS) ** -0.5))
        weights = graph.node("Softmax", scores, axis=-1)
        mixed = graph.node("MatMul", value, graph.node("Transpose", weights, perm=[0, 1, 3, 2]))
        whole = graph.node("Reshape", mixed, graph.tensor(np.array([1, width, -1], np.int64)))
        return self._convolution(whole, width, width, 1)

    def _durations(self, x: str, length: str) -> str:
        """Frames of each symbol, [1, 1, symbols]: about 2.6 on average."""
        graph, width = self._graph, self._shape.hidden
        for _ in range(5):
            for power in range(3):
                y = self._convolution(x, width, width, 3, dilation=3**power, group=width)
                y = self._convolution(graph.node("Relu", y), width, width, 1)
                x = graph.node("Add", x, self._normalized(y))
        share = graph.node("Sigmoid", self._convolution(x, width, 1, 1))
        frames = graph.node("Mul", share, self._constant(3.0))
        frames = graph.node("Mul", graph.node("Add", frames, self._constant(0.6)), length)
        return graph.node("Ceil", frames)

    def _stretched(self, x: str, durations: str) -> str:
        """Repeat each symbol for its frames, by a matrix of zeros and ones as VITS does."""
        graph = self._graph
        flat = graph.node("Reshape", durations, self._integers(-1))
        ends = graph.node("CumSum", flat, graph.tensor(np.array(0, np.int64)))
        begins = graph.node("Sub", ends, flat)
        total = graph.node("ReduceSum", flat, keepdims=0)
        zero, one = self._constant(0.0), self._constant(1.0)
        steps = graph.node("Unsqueeze", graph.node("Range", zero, total, one), self._integers(0))
        late = graph.node(
            "GreaterOrEqual", steps, graph.node("Unsqueeze", begins, self._integers(1))
        )
        early = graph.node("Less", steps, graph.node("Unsqueeze", ends, self._integers(1)))
        path = graph.node("Cast", graph.node("And", late, early), to=1)
        return graph.node("MatMul", x, path)

    def _flow(self, x: str) -> str:
        graph, width = self._graph, self._shape.hidden
        for _ in range(_FLOWS):
            first, second = self._halves(x, width // 2)
            hidden = self._convolution(first, width // 2, width, 1)
            skipped = ""
            for layer in range(_FLOW_LAYERS):
                inner = self._convolution(hidden, width, 2 * width, _FLOW_KERNEL)
                left, right = self._halves(inner, width)
                gated = graph.node("Mul", graph.node("Tanh", left), graph.node("Sigmoid", right))
                if layer == _FLOW_LAYERS - 1:
                    skip = self._convolution(gated, width, width, 1)
                else:
                    kept, skip = self._halves(self._convolution(gated, width, 2 * width, 1), width)
                    hidden = graph.node("Add", hidden, kept)
                skipped = graph.node("Add", skipped, skip) if skipped else skip
            shift = self._convolution(skipped, width, width // 2, 1)
            x = graph.node("Concat", graph.node("Sub", second, shift), first, axis=1)
        return x

    def _decoder(self, x: str) -> str:
        graph, channels = self._graph, self._shape.decoder
        x = self._convolution(x, self._shape.hidden, channels, 7)
        for factor, kernel in _UPSAMPLING:
            weights = self._weights(channels, channels // 2, kernel)
            x = graph.node(
                "ConvTranspose",
                graph.node("LeakyRelu", x, alpha=0.1),
                graph.tensor(weights),
                graph.tensor(np.zeros(channels // 2, np.float32)),
                strides=[factor],
                pads=[(kernel - factor) // 2] * 2,
                kernel_shape=[kernel],
            )
            channels //= 2
            blocks = [self._residual(x, channels, *block) for block in _RESIDUALS]
            x = graph.node("Add", graph.node("Add", blocks[0], blocks[1]), blocks[2])
            x = graph.node("Mul", x, self._constant(1 / len(_RESIDUALS)))
        return graph.node("Tanh", self._convolution(x, channels, 1, 7))

    def _residual(self, x: str, channels: int, kernel: int, dilations: tuple[int, ...]) -> str:
        for dilation in dilations:
            active = self._graph.node("LeakyRelu", x, alpha=0.1)
            more = self._convolution(active, channels, channels, kernel, dilation=dilation)
            x = self._graph.node("Add", x, more)
        return x

    # -- pieces ---------------------------------------------------------------------------------

    def _convolution(
        self, x: str, inputs: int, outputs: int, kernel: int, *, dilation: int = 1, group: int = 1
    ) -> str:
        weights = self._weights(outputs, inputs // group, kernel)
        return self._graph.node(
            "Conv",
            x,
            self._graph.tensor(weights),
            self._graph.tensor(np.zeros(outputs, np.float32)),
            kernel_shape=[kernel],
            dilations=[dilation],
            pads=[dilation * (kernel - 1) // 2] * 2,
            group=group,
        )

    def _normalized(self, x: str) -> str:
        width = self._shape.hidden
        turned = self._graph.node("Transpose", x, perm=[0, 2, 1])
        ones = self._graph.tensor(np.ones(width, np.float32))
        zeros = self._graph.tensor(np.zeros(width, np.float32))
        normal = self._graph.node("LayerNormalization", turned, ones, zeros, axis=-1, epsilon=1e-5)
        return self._graph.node("Transpose", normal, perm=[0, 2, 1])

    def _halves(self, x: str, size: int) -> tuple[str, str]:
        sizes = self._graph.tensor(np.array([size, size], np.int64))
        first = self._graph.node("Split", x, sizes, outputs=2, axis=1)
        return first, f"{first}_1"

    def _scale(self, scales: str, number: int) -> str:
        return self._graph.node("Gather", scales, self._graph.tensor(np.array(number, np.int64)))

    def _constant(self, value: float) -> str:
        return self._graph.tensor(np.array(value, np.float32))

    def _integers(self, *values: int) -> str:
        return self._graph.tensor(np.array(values, np.int64))

    def _weights(self, *shape: int) -> Weights:
        count = int(np.prod(shape))
        scale = np.float32(max(1, count // shape[0]) ** -0.5)
        self._made += 1  # each begins elsewhere: equal weights might be kept once
        return np.resize(np.roll(self._pool, self._made * 4801), count).reshape(shape) * scale
