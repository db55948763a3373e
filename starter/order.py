"""What a recipe is asked to make, and where it works."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["CHECKPOINTS", "MODELS", "Build", "Order", "Part"]

Part: TypeAlias = Literal["recognizer", "language-model", "voice"]
Build: TypeAlias = Literal["shipped", "measuring"]
"""The measuring build keeps templates, phrasings and voices out of training, so that the evaluation
can tell what unknown ones cost; the shipped build learns from all but the test sentences."""

MODELS = Path(__file__).parent / "models"
"""The models that come with Parley: one folder for each part."""
CHECKPOINTS = Path(__file__).parent / "checkpoints"
"""One checkpoint for each part, to go on from: `PART.pt`."""


@dataclass(frozen=True, slots=True)
class Order:
    """One part to be made.

    Attributes:
        part: Which one.
        build: See `Build`.
        work: Folder for everything that is made on the way; never committed. Speech and texts are
            shared by both builds, the rest lies in `folder`.
        minutes: Budget of the training, in wall-clock minutes; 0 exports what was trained.
        device: "auto", "cpu" or "cuda".
        threads: CPU threads of the training.
        seed: Of all random numbers.
        start_from: A checkpoint to begin from where there is none in `folder` yet: sizes may
            differ where the part says so. None begins from nothing.
        shards: Most shards of a thousand utterances for the recognizer, those that there are
            included: with fewer asked for than there are, none is made.
        rate: Learning rates, as a multiple of the usual ones. Below 1 suits a short training that
            goes on from a good checkpoint: full rates first undo what an earlier one refined.
    """

    part: Part
    build: Build
    work: Path
    minutes: float
    device: str = "auto"
    threads: int = 1
    seed: int = 1
    start_from: Path | None = None
    shards: int = 100
    rate: float = 1.0

    @property
    def folder(self) -> Path:
        """Where this part of this build keeps its checkpoint, its curve and its export."""
        return self.work / f"{self.part}-{self.build}"

    @property
    def checkpoint(self) -> Path:
        """The checkpoint that a stopped training goes on from."""
        return self.folder / "checkpoint.pt"

    @property
    def curve(self) -> Path:
        """The learning curve, a line of JSON for each look."""
        return self.folder / "curve.jsonl"

    @property
    def export(self) -> Path:
        """The finished model: a folder with the files that `models.toml` names."""
        return self.folder / "model"
