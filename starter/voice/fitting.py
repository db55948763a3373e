"""The network's last layer, solved instead of trained.

The last layer is linear, so its best weights for given states are a least-squares problem: one
pass over some sentences. What the other layers have learnt is turned to account at once, also
where the frames have changed since they learnt it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch.nn import functional

from starter.voice.batches import Batch, Sentence, batch_of, grouped
from starter.voice.network import OUTPUTS, Acoustic

__all__ = ["fit_last_layer"]

_RIDGE: Final = 1e-4
"""Share of the states' mean power that is added to each one's: keeps the solution small."""


@torch.no_grad()
def fit_last_layer(network: Acoustic, sentences: Sequence[Sentence], device: str) -> None:
    """Set the weights of the network's last layer to the best for these sentences."""
    size = network.sizes.channels * network.sizes.last_width + 1
    products = torch.zeros(size, size, dtype=torch.float64, device=device)
    targets = torch.zeros(size, OUTPUTS, dtype=torch.float64, device=device)
    network.eval()
    for group in grouped(sorted(sentences, key=lambda one: len(one.frames))):
        states, wanted = _states(network, batch_of(group).to(device))
        products += states.T @ states
        targets += states.T @ wanted
    ridge = _RIDGE * products.diagonal().mean() * torch.eye(size, device=device)
    solution = torch.linalg.solve(products + ridge, targets).float()
    network.exit.matrix.copy_(solution[:-1].T)
    network.exit.bias.copy_(solution[-1])


def _states(network: Acoustic, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the last layer sees, with a one at the end, and what it shall give."""
    inputs, _ = network.inputs_of(batch.symbols, batch.symbol_mask, batch.owners, batch.places)
    width = network.sizes.last_width
    states = functional.pad(network.states(inputs, batch.step_mask), (width // 2, width // 2))
    windows = states.unfold(2, width, 1).transpose(1, 2).flatten(2)  # as the layer's matrix
    mask = batch.step_mask.bool()
    seen = windows[mask].double()
    ones = torch.ones(len(seen), 1, dtype=seen.dtype, device=seen.device)
    wanted = batch.frames.reshape(*mask.shape, OUTPUTS)[mask].double()
    return torch.cat([seen, ones], 1), wanted
