"""Greedy decoding with the network under training, for the looks at it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from starter.recognizer.augmentation import Spectrum, silence_of
from starter.recognizer.network import Recognizer
from starter.recognizer.tokenizer import Tokens
from starter.speech.log_mel import normalized

__all__ = ["heard"]


@torch.no_grad()
def heard(
    network: Recognizer,
    spectra: Sequence[Spectrum],
    tokens: Tokens,
    *,
    padding: int = 100,
    rows: int = 16,
) -> list[str]:
    """Return what the network writes for raw log-mel spectra, in their order.

    Args:
        network: The network; where it is decides where this runs.
        spectra: Raw log10 mel power, [frames, 80], at most 30 s with the padding.
        tokens: The tokenizer.
        padding: Frames of digital silence behind the longest of the spectra.
        rows: Spectra that are decoded together; they are sorted by length.
    """
    order = sorted(range(len(spectra)), key=lambda each: len(spectra[each]))
    found = [""] * len(spectra)
    for first in range(0, len(order), rows):
        chosen = order[first : first + rows]
        texts = _batch(network, [spectra[each] for each in chosen], tokens, padding)
        for number, text in zip(chosen, texts, strict=True):
            found[number] = text
    return found


def _batch(
    network: Recognizer, spectra: Sequence[Spectrum], tokens: Tokens, padding: int
) -> list[str]:
    device = next(network.parameters()).device
    frames = max(map(len, spectra)) + padding
    frames += frames % 2
    features = np.empty((len(spectra), 80, frames), np.float32)
    for row, raw in zip(features, spectra, strict=True):
        spectrum = normalized(raw)
        row[:, : len(raw)], row[:, len(raw) :] = spectrum.T, silence_of(spectrum)
    encoded = network.encoder(torch.from_numpy(features).to(device), None)
    memory = network.decoder.memory(encoded)
    beginning = torch.tensor([[tokens.start, tokens.no_time_stamps]], device=device)
    read = beginning.repeat(len(spectra), 1)
    ended = torch.zeros(len(spectra), dtype=torch.bool, device=device)
    for _ in range(8 + round(frames / 100 * 6.5)):
        states = network.decoder(read, memory, None)[:, -1]
        scores = network.logits(states, tokens.end + 1)
        scores[:, tokens.space] = -torch.inf
        following = scores.argmax(-1).masked_fill(ended, tokens.end)
        read = torch.cat([read, following[:, None]], 1)
        ended |= following == tokens.end
        if ended.all():
            break
    return [tokens.decode(row) for row in read[:, 2:].tolist()]
