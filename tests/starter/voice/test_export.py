"""A tiny untrained voice, exported and run as engines run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnxruntime  # noqa: E402

from pipeline.engines.onnx_graph import outputs_of, with_output  # noqa: E402
from pipeline.models.formats.piper import read_piper  # noqa: E402
from starter.errors import RecipeError  # noqa: E402
from starter.training.checkpoint import Checkpoint  # noqa: E402
from starter.voice import frames, phones  # noqa: E402
from starter.voice.export import FILES, acoustic_of, export  # noqa: E402
from starter.voice.network import STEP, Acoustic, Sizes  # noqa: E402

Run = Any


def tiny() -> Acoustic:
    torch.manual_seed(3)
    sizes = Sizes(max(phones.identifiers().values()) + 1, 8, 12, (1,), (1, 2), last_width=3)
    network = Acoustic(sizes).eval()
    network.mean[frames.PITCH] = 5.2
    network.duration[-1].bias.data.fill_(1.8)
    return network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("voice") / "model"
    export(tiny(), place)
    return place


def session(content: bytes) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def voice(folder: Path) -> Run:
    return session((folder / "starter.onnx").read_bytes())


def inputs(text: str, noise: float = 0.0, length: float = 1.0, lengths: float = 0.0) -> Any:
    numbers = phones.identifiers()
    ids = [numbers["^"], 0]
    for symbol in phones.spelled(text)[0][1:-1]:
        ids += [numbers[symbol], 0]
    ids.append(numbers["$"])
    return {
        "input": np.array([ids]),
        "input_lengths": np.array([len(ids)]),
        "scales": np.array([noise, length, lengths], np.float32),
    }


TEXT = "Are you ready to go home, my friend?"


def test_the_files_are_what_the_products_reader_accepts(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    found = read_piper(folder / "starter.onnx")
    assert (found.sample_rate, found.speakers, found.has_durations) == (16_000, 1, True)
    description = json.loads((folder / "starter.onnx.json").read_text(encoding="utf-8"))
    assert description["inference"] == {"noise_scale": 0.0, "length_scale": 1.0, "noise_w": 0.0}


def test_the_one_ceil_node_tells_the_steps_that_sum_to_the_audio(folder: Path) -> None:
    model = (folder / "starter.onnx").read_bytes()
    names = outputs_of(model, "Ceil")
    assert len(names) == 1
    given = inputs(TEXT)
    audio, steps = session(with_output(model, names[0])).run(None, given)
    assert audio.shape[:3] == (1, 1, 1)
    assert steps.reshape(-1).shape == given["input"].shape[1:]
    assert steps.sum() * STEP == audio.size > STEP


def test_without_noise_the_same_text_gives_the_same_samples(voice: Run) -> None:
    first, second = (voice.run(None, inputs(TEXT))[0] for _ in range(2))
    assert np.array_equal(first, second)


def test_the_noise_scale_varies_the_sound_but_not_the_length(voice: Run) -> None:
    plain = voice.run(None, inputs(TEXT))[0]
    once, again = (voice.run(None, inputs(TEXT, noise=0.667))[0] for _ in range(2))
    assert plain.shape == once.shape == again.shape
    assert not np.allclose(once, plain)
    assert not np.allclose(once, again)


def test_the_third_scale_varies_the_lengths(voice: Run) -> None:
    sizes = {voice.run(None, inputs(TEXT, lengths=1.0))[0].size for _ in range(8)}
    assert len(sizes) > 1


def test_the_length_scale_stretches_the_speech(voice: Run) -> None:
    plain, slow = (voice.run(None, inputs(TEXT, length=one))[0].size for one in (1.0, 2.0))
    assert slow / plain == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("size", [1, 7, 32])
def test_the_halves_in_windows_give_what_the_whole_gives(
    folder: Path, voice: Run, size: int
) -> None:
    framing = session((folder / "starter.onnx.frames").read_bytes())
    vocoder = session((folder / "starter.onnx.vocoder").read_bytes())
    whole = voice.run(None, inputs(TEXT))[0].reshape(-1)
    spoken, steps = framing.run(None, inputs(TEXT))
    assert len(spoken) - 2 == steps.sum() * STEP / frames.HOP
    phase, parts = np.zeros(1), []
    for begin in range(0, len(spoken) - 2, size):
        window = spoken[begin : begin + size + 2]
        given = {"frames": window, "phase": phase, "index": np.array([begin])}
        part, phase = vocoder.run(None, given)
        parts.append(part)
    joined = np.concatenate(parts)
    assert joined.shape == whole.shape
    assert np.abs(joined - whole).max() <= 1e-5 * max(np.abs(whole).max(), 1)


def test_a_checkpoint_of_another_shape_is_refused_in_one_line() -> None:
    network = tiny()
    weights = dict(network.state_dict())
    weights["exit.matrix"] = weights["exit.matrix"][:36]
    kept = Checkpoint("voice", "shipped", weights, network.sizes.shape(), {}, {})
    with pytest.raises(RecipeError, match=r"exit\.matrix is \(36, 36\), expected \(72, 36\)"):
        acoustic_of(kept, Path("old.pt"))


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(RecipeError, match="cannot write the voice into"):
        export(tiny(), tmp_path / "file" / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
