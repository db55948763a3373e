"""How a training changes on its way: what it is told to listen to, and how hard it is made."""

from __future__ import annotations

from dataclasses import dataclass

from starter.recognizer.losses import Weights

__all__ = ["Course", "Stage"]


@dataclass(frozen=True, slots=True)
class Stage:
    """The settings of a moment.

    Attributes:
        token_noise: Share of the decoder's text tokens that are replaced by others.
        padding_offset: Added to the attention logits of padding.
        weights: Of the losses.
    """

    token_noise: float
    padding_offset: float
    weights: Weights


@dataclass(frozen=True, slots=True)
class Course:
    """The stages of a training.

    A network that begins from nothing learns sentences by heart before it has heard anything, and
    then never listens: at first its attention is bent to a bell around the expected place of each
    token, the mass of padding is kept out of its way, and what it has written is disturbed.

    Attributes:
        begun: Whether the weights come from an earlier training.
    """

    begun: bool

    def at(self, share: float) -> Stage:
        """Return the settings when a share of the budget is used."""
        noise = 0.3 if share < 0.45 else 0.12
        if self.begun:
            noise = 0.2 if share < 0.45 else 0.1
            return Stage(noise, 0.0, Weights(listening=0.1 if share < 0.4 else 0.03))
        offset = -6.0 * min(1.0, max(0.0, (0.7 - share) / 0.25))
        if share < 0.25:
            bell = Weights(listening=0.15, reach=12.0, gaussian=True)
            return Stage(noise, offset, bell)
        return Stage(noise, offset, Weights(listening=0.1 if share < 0.6 else 0.03))
