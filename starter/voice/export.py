"""From a checkpoint to the files that Piper's engines load, and to the two halves for streaming.

* ``starter.onnx``: the whole voice in one graph, under Piper's contract, and ``starter.onnx.json``.
  Its one ``Ceil`` node holds the steps of each id, where Piper's alignment is read.
* ``starter.onnx.frames``: ids to frames and steps.
* ``starter.onnx.vocoder``: a window of frames to samples. STREAMING.md is the contract of both.

torch's exporter by tracing is used (``dynamo=False``): its newer one needs further packages.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from starter.errors import RecipeError
from starter.training.checkpoint import Checkpoint, require_shapes
from starter.training.exporting import whole_folder
from starter.voice import frames, phones
from starter.voice.network import STEP, Acoustic, Sizes
from starter.voice.speaking import Framing, Speaking
from starter.voice.vocoder import Vocoder

__all__ = ["FILES", "acoustic_of", "export"]

FILES: Final = (
    "starter.onnx",
    "starter.onnx.json",
    "starter.onnx.frames",
    "starter.onnx.vocoder",
)
_OPSET: Final = 17
_EXAMPLE: Final = "həlˈoʊ, ɪz ɪt?"
_INPUTS: Final = ("input", "input_lengths", "scales")


def acoustic_of(checkpoint: Checkpoint, path: Path) -> Acoustic:
    """Return the network of a checkpoint, with its weights.

    Raises:
        RecipeError: If the checkpoint is of another shape; ``path`` is named in it.
    """
    try:
        network = Acoustic(Sizes.of(checkpoint.shape))
    except (KeyError, TypeError) as error:
        message = f"{path} says no shape of a voice ({error!r}); begin anew without it"
        raise RecipeError(message) from error
    require_shapes(checkpoint.weights, network.state_dict(), path)
    network.load_state_dict({name: one.float() for name, one in checkpoint.weights.items()})
    return network.eval()


def export(network: Acoustic, folder: Path) -> None:
    """Write all `FILES` into a folder, all or none; what was there is replaced.

    Raises:
        RecipeError: If the folder cannot be written.
    """
    with whole_folder(folder, "the voice into") as partial:
        _write_graphs(network, partial)
        description = json.dumps(_description(), ensure_ascii=False)
        (partial / FILES[1]).write_text(description, encoding="utf-8")


def _write_graphs(network: Acoustic, folder: Path) -> None:
    framing, vocoder = Framing(network).eval(), Vocoder().eval()
    numbers = phones.identifiers()
    ids = [numbers[phones.BEGIN], phones.PAD]
    for symbol in _EXAMPLE:
        ids += [numbers[symbol], phones.PAD]
    ids.append(numbers[phones.END])
    example = (torch.tensor([ids]), torch.tensor([len(ids)]), torch.tensor([0.5, 1.0, 0.5]))
    symbols = {"input": {0: "batch", 1: "ids"}, "input_lengths": {0: "batch"}}
    _write(
        Speaking(framing, vocoder), example, folder / FILES[0],
        _INPUTS, ("output",), symbols | {"output": {3: "samples"}},
    )  # fmt: skip
    _write(
        framing, example, folder / FILES[2],
        _INPUTS, ("frames", "steps"), symbols | {"frames": {0: "frames"}, "steps": {0: "ids"}},
    )  # fmt: skip
    phase, index = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    window = (torch.rand(12, frames.SIZE), phase, index)
    _write(
        vocoder, window, folder / FILES[3],
        ("frames", "phase", "index"), ("samples", "next_phase"),
        {"frames": {0: "frames"}, "samples": {0: "samples"}},
    )  # fmt: skip


def _write(
    module: nn.Module,
    example: tuple[torch.Tensor, ...],
    path: Path,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    axes: Mapping[str, Mapping[int, str]],
) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # deprecation of this exporter, constants in traces
        torch.onnx.export(
            module, example, str(path), opset_version=_OPSET, dynamo=False,
            input_names=list(inputs), output_names=list(outputs), dynamic_axes=dict(axes),
        )  # fmt: skip


def _description() -> dict[str, Any]:
    """Return the voice's configuration, as `piper.config.PiperConfig.from_dict` reads it.

    The scales of the noises are 0 unless a caller asks for some: the same text sounds the same.
    """
    numbers = phones.identifiers()
    return {
        "audio": {"sample_rate": frames.SAMPLE_RATE, "quality": "x_low"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.0, "length_scale": 1.0, "noise_w": 0.0},
        "phoneme_type": "espeak",
        "phoneme_map": {},
        "phoneme_id_map": {symbol: [number] for symbol, number in numbers.items()},
        "num_symbols": max(numbers.values()) + 1,
        "num_speakers": 1,
        "speaker_id_map": {},
        "hop_length": STEP,
        "language": {"code": "en_US"},
        "dataset": "starter",
    }
