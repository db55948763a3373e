"""Muon: momentum whose matrices are made orthogonal before they are added to the weights.

Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/). The iteration runs in float32 on a
CPU: torch's own optimizer of this name always computes it in bfloat16, which a CPU without
instructions for it emulates at a fortieth of float32's speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

__all__ = ["Muon", "orthogonalized"]

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic polynomial, from the authors: steepest at zero, singular values end near one."""


def orthogonalized(matrix: torch.Tensor, steps: int = 4) -> torch.Tensor:
    """Return the matrix with its singular values pushed towards one (Newton-Schulz iteration)."""
    lower = torch.bfloat16 if matrix.is_cuda else torch.float32
    tall = matrix.shape[0] > matrix.shape[1]
    found = (matrix.T if tall else matrix).to(lower)
    found = found / found.norm().clamp(min=1e-7)
    first, third, fifth = _COEFFICIENTS
    for _ in range(steps):
        gram = found @ found.T
        update = torch.addmm(gram, gram, gram, beta=third, alpha=fifth)
        found = torch.addmm(found, update, found, beta=first)
    return (found.T if tall else found).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov's momentum and decoupled weight decay, for matrices only.

    Args:
        matrices: Parameters of two dimensions.
        lr: Learning rate; a matrix of more rows than columns takes the root of their ratio of it.
        momentum: Share of the past that is kept.
        weight_decay: Decay at each step, times the learning rate.
        steps: Newton-Schulz iterations.
    """

    def __init__(
        self,
        matrices: Iterable[torch.nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        steps: int = 4,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "steps": steps}
        super().__init__(list(matrices), settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override, unused-ignore]
        """Take one step with the gradients as they are; there is no closure to call."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._move(matrix, matrix.grad, group)

    def _move(
        self, matrix: torch.nn.Parameter, gradient: torch.Tensor, group: dict[str, Any]
    ) -> None:
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        buffer = state["momentum_buffer"]
        buffer.lerp_(gradient, 1 - group["momentum"])
        update = orthogonalized(gradient.lerp(buffer, group["momentum"]), group["steps"])
        stretch = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.add_(update, alpha=-group["lr"] * stretch)
