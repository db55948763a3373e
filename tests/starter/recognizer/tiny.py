"""A small network, a few sentences and made-up sounds: everything that the tests train with."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from starter.order import Order
from starter.recognizer.augmentation import Augmentation
from starter.recognizer.backgrounds import Backgrounds
from starter.recognizer.batches import Batching, Composer
from starter.recognizer.network import Recognizer, Sizes
from starter.recognizer.rows import Mixture, Rows
from starter.recognizer.tokenizer import Tokens, learnt
from starter.recognizer.utterances import Speech, Utterance
from starter.speech.shards import Row, write_shard
from starter.training.machine import Machine

PHONES = ("a", "b", "c")
TEXTS = (
    "What time is it?", "Turn on the lamp, please.", "Stop.", "It's nine minus two.",
    "Tell me a story about Paris.", "Lamp story nine Paris.",
)  # fmt: skip
CPU = Machine("cpu", 1, None)
QUIET = Console(quiet=True)


@functools.cache
def tokens() -> Tokens:
    return learnt(TEXTS * 10, merges=60)


def network(seed: int = 1) -> Recognizer:
    """Small, and with weights large enough that nothing is nearly a tie."""
    torch.manual_seed(seed)
    sizes = Sizes(tokens().size, len(PHONES), 32, 2, 2, 2)
    made = Recognizer(sizes)
    with torch.no_grad():
        made.decoder.tokens.weight.normal_(0, 0.3)
        made.decoder.positions.normal_(0, 0.5)
    return made.eval()


def speech_folder(folder: Path, rows: int = 40) -> Path:
    """Write a shard of coloured noise that claims to be speech."""
    random = np.random.default_rng(1)
    lengths = [int(random.integers(80, 200)) for _ in range(rows)]
    facts = [
        Row(
            TEXTS[number % len(TEXTS)],
            ("a", "b", "c", "a"),
            "flite:rms" if number % 8 == 0 else "flite:slt",
            (length - 20) / 100,
            length,
            "salad" if number % len(TEXTS) == 5 else "grammar",
            number % 10 == 9,
        )
        for number, length in enumerate(lengths)
    ]
    spectra = [_sound(length, random) for length in lengths]
    write_shard(folder / "train_1_0000", facts, spectra)
    return folder


def _sound(frames: int, random: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype]:
    found = random.normal(-1, 0.5, (frames, 80)).astype(np.float16)
    found[:20] = found[-20:] = -6
    return found


def utterances(folder: Path) -> list[Utterance]:
    speech = Speech(speech_folder(folder), "shipped", tokens(), PHONES)
    speech.load()
    return speech.training


def composer(known: list[Utterance], mixture: Mixture | None = None, **batching: float) -> Composer:
    random = np.random.default_rng(3)
    settings = Batching(frames=1500, drawn=12, **batching)
    return Composer(
        Rows(known, mixture or Mixture(), random),
        Backgrounds(known, random, clips=1),
        tokens(),
        random,
        settings,
        Augmentation(),
    )


def order(folder: Path, minutes: float = 1.0) -> Order:
    return Order("recognizer", "shipped", folder, minutes, "cpu")
