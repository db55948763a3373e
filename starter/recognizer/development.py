"""Looks at a training: word errors on sentences that it does not learn from.

These sets steer a training, and are therefore no measure of its result: `starter.evaluation` has
that, with sentences that nothing here has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.recognition import word_error_rate
from starter.recognizer.augmentation import Spectrum, mixed
from starter.recognizer.backgrounds import Backgrounds
from starter.recognizer.decoding import heard
from starter.recognizer.network import Recognizer
from starter.recognizer.rows import joined
from starter.recognizer.tokenizer import Tokens
from starter.recognizer.utterances import Utterance

__all__ = ["Development", "development_sets"]

_TOGETHER = 4
_NOISE_DECIBELS = 10.0


@dataclass(frozen=True, slots=True)
class Development:
    """Sets of spectra and their texts, by what is difficult about them.

    Attributes:
        sets: "clean", "salads", "joined" (four sentences), "noise" (white, 10 dB), "nobody".
    """

    sets: Mapping[str, Sequence[tuple[Spectrum, str]]]

    def word_errors(self, network: Recognizer, tokens: Tokens) -> dict[str, float]:
        """Decode all and return word error rates in percent; of "nobody", words per sound."""
        was_training = network.training
        network.eval()
        found = {}
        for name, items in self.sets.items():
            texts = heard(network, [spectrum for spectrum, _ in items], tokens)
            pairs = [(said, text) for (_, said), text in zip(items, texts, strict=True)]
            if name == "nobody":
                found[name] = sum(len(text.split()) for text in texts) / max(1, len(texts))
            elif pairs:
                found[name] = word_error_rate(pairs)
        network.train(was_training)
        return {name: round(figure, 2) for name, figure in found.items()}


def development_sets(
    utterances: Sequence[Utterance], backgrounds: Backgrounds, items: int = 60
) -> Development:
    """Make the sets, the same ones from the same utterances.

    Args:
        utterances: What is kept for development.
        backgrounds: For noise, and for what is no speech.
        items: Of each set, at most.
    """
    random = np.random.default_rng(2026)
    once = list({each.text: each for each in utterances}.values())
    sentences = [each for each in once if each.kind != "salad"]
    salads = [each for each in once if each.kind == "salad"]
    clean = [_item(each) for each in sentences[:items]]
    groups = [
        sentences[first : first + _TOGETHER]
        for first in range(0, len(sentences) - _TOGETHER + 1, _TOGETHER)
    ]
    groups = [each for each in groups if sum(len(one.features) for one in each) < 2500]
    white = backgrounds.white
    return Development(
        {
            "clean": clean,
            "salads": [_item(each) for each in salads[:items]],
            "joined": [
                (
                    joined(group, 40, random).features.astype(np.float32),
                    " ".join(each.text for each in group),
                )
                for group in groups[: items // 2]
            ],
            "noise": [
                (mixed(spectrum, white[: len(spectrum)], _NOISE_DECIBELS), text)
                for spectrum, text in clean
            ],
            "nobody": [(backgrounds.instead(500), "") for _ in range(items // 2)],
        }
    )


def _item(utterance: Utterance) -> tuple[Spectrum, str]:
    return utterance.features.astype(np.float32), utterance.text
