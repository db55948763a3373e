"""Where a training runs: the device, its threads, its random numbers."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from starter.errors import RecipeError

__all__ = ["Machine", "choose_machine"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What a training computes with.

    Attributes:
        device: "cpu" or "cuda".
        threads: CPU threads of one operation.
        autocast: Lower precision that the device multiplies in faster, or None.
    """

    device: str
    threads: int
    autocast: torch.dtype | None

    def describe(self) -> str:
        """Say it in a few words."""
        name = torch.cuda.get_device_name() if self.device == "cuda" else "CPU"
        return f"{name}, {self.threads} thread(s), {self.autocast or torch.float32}"


def choose_machine(device: str, threads: int, seed: int) -> Machine:
    """Choose a device ("auto", "cpu" or "cuda") and fix the random numbers.

    One thread is the default on a CPU: matrices are small, and threads that wait for each other by
    spinning take what the data needs.

    Raises:
        RecipeError: If CUDA is asked for and missing.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise RecipeError("device is cuda, but torch finds no CUDA; use --device auto or cpu")
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    torch.set_num_threads(threads)
    random.seed(seed)
    np.random.seed(seed)  # libraries draw from it
    torch.manual_seed(seed)
    return Machine(chosen, threads, _lower_precision(chosen))


def _lower_precision(device: str) -> torch.dtype | None:
    # bfloat16 without instructions for it is emulated: a tenth of float32's speed.
    if device == "cuda":
        return torch.bfloat16
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return None
    return torch.bfloat16 if "avx512_bf16" in flags else None
