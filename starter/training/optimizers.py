"""Two optimizers for one network: Muon for the matrices of layers, AdamW for everything else.

Muon (Jordan et al. 2024) takes a fraction of AdamW's steps on matrices that map activations to
activations; embeddings, norms and biases stay with AdamW, as its authors advise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch

from starter.training.muon import Muon

__all__ = ["Optimizers", "Rates"]


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rates at their height, and how they rise and fall.

    Attributes:
        muon: For matrices.
        adamw: For everything else.
        warm_up_steps: Steps of a linear rise from zero.
        hold: Share of the budget after which the rates fall linearly, to a hundredth.
    """

    muon: float
    adamw: float
    warm_up_steps: int = 50
    hold: float = 0.3

    def times(self, multiple: float) -> Rates:
        """Return rates of another height."""
        return replace(self, muon=self.muon * multiple, adamw=self.adamw * multiple)

    def factor(self, step: int, share: float) -> float:
        """Return what to multiply the rates with at a step, `share` of the budget being used."""
        rise = min(1.0, (step + 1) / self.warm_up_steps)
        fall = 1.0 if share < self.hold else max(0.01, (1 - share) / (1 - self.hold))
        return rise * fall


class Optimizers:
    """Both optimizers, stepped together.

    Args:
        parameters: (name, parameter) pairs of the network.
        is_matrix: Whether Muon takes a parameter, by name and value.
        rates: See there.
        clip: Largest norm of the gradient, over all parameters.
    """

    def __init__(
        self,
        parameters: Iterable[tuple[str, torch.nn.Parameter]],
        *,
        is_matrix: Callable[[str, torch.Tensor], bool],
        rates: Rates,
        clip: float = 1.0,
        muon_decay: float = 0.02,
    ) -> None:
        named = [(name, one) for name, one in parameters if one.requires_grad]
        matrices = [one for name, one in named if is_matrix(name, one)]
        others = [one for name, one in named if not is_matrix(name, one)]
        self._rates, self._clip, self._all = rates, clip, [one for _, one in named]
        self._muon = Muon(matrices, lr=rates.muon, momentum=0.95, weight_decay=muon_decay)
        self._adamw = torch.optim.AdamW(others, lr=rates.adamw, betas=(0.9, 0.98), weight_decay=0.0)

    def step(self, step: int, share: float) -> float:
        """Take one step, clear the gradients, and return the factor of the rates."""
        factor = self._rates.factor(step, share)
        for optimizer, rate in ((self._muon, self._rates.muon), (self._adamw, self._rates.adamw)):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        torch.nn.utils.clip_grad_norm_(self._all, self._clip)
        for optimizer in (self._muon, self._adamw):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return factor

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of both."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self._muon.load_state_dict(state["muon"])
        self._adamw.load_state_dict(state["adamw"])
