"""A moving average of weights: less noisy than the last step's, and what is exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

__all__ = ["MovingAverage"]


class MovingAverage:
    """An exponential moving average of a network's parameters.

    Args:
        network: Whose parameters are followed.
        decay: Share that is kept at each step; the first steps keep less.
    """

    def __init__(self, network: torch.nn.Module, decay: float = 0.998) -> None:
        self._network, self._decay, self._steps = network, decay, 0
        self._averages = [one.detach().clone() for one in network.parameters()]

    def update(self) -> None:
        """Take in the parameters as they are after a step."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (20 + self._steps))
        current = [one.detach() for one in self._network.parameters()]
        torch._foreach_lerp_(self._averages, current, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages into the network for as long as the context lasts."""
        kept = [one.detach().clone() for one in self._network.parameters()]
        self._put(self._averages)
        try:
            yield
        finally:
            self._put(kept)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the averages by parameter name."""
        names = [name for name, _ in self._network.named_parameters()]
        return {name: one.clone() for name, one in zip(names, self._averages, strict=True)}

    def restore(self, weights: Mapping[str, torch.Tensor], steps: int) -> None:
        """Take up what `weights` gave, after as many steps."""
        for (name, _), one in zip(self._network.named_parameters(), self._averages, strict=True):
            one.copy_(weights[name])
        self._steps = steps

    def _put(self, values: list[torch.Tensor]) -> None:
        with torch.no_grad():
            for one, value in zip(self._network.parameters(), values, strict=True):
                one.copy_(value)
