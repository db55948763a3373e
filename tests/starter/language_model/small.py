"""Small dialogues, vocabularies and networks for the tests of this folder."""

import random

import torch

from starter.language_model.network import Llama, Sizes
from starter.language_model.rows import Segments
from starter.language_model.tokenizer import Vocabulary, bare_vocabulary, grown_vocabulary
from starter.training.checkpoint import Checkpoint

_ROOMS = ("kitchen", "bedroom", "garage")
_CITIES = ("Lima", "Oslo", "Rome")


def dialogue(generator: random.Random, share: float = 0.0) -> Segments:
    """Ask for a light or for the weather; the answer is a call or a sentence."""
    if generator.random() < 0.5:
        room = generator.choice(_ROOMS)
        call = f'<tool_call>{{"name": "set_light", "arguments": {{"room": "{room}"}}}}</tool_call>'
        return _exchange(f"Light in the {room}, please.", call)
    city = generator.choice(_CITIES)
    return _exchange(f"How warm is it in {city}?", f"In {city} it's twenty degrees.")


def _exchange(asked: str, said: str) -> Segments:
    return [
        (
            "<|system|>You are Max.\n<tools>\n set light: =set_light( room=room)\n</tools><|end|>",
            False,
        ),
        (f"<|user|>{asked}<|end|>", False),
        ("<|assistant|>", False),
        (f"{said}<|end|>", True),
    ]


def texts(count: int = 200) -> list[str]:
    generator = random.Random(1)
    return [text for _ in range(count) for text, _ in dialogue(generator)]


def vocabulary(size: int = 400) -> Vocabulary:
    return grown_vocabulary(texts(), size, bare_vocabulary())


def sizes(tokens: int, layers: int = 2) -> Sizes:
    return Sizes(tokens, width=64, layers=layers, heads=2, inner=96, context=256)


def checkpoint(layers: int = 2, build: str = "shipped") -> Checkpoint:
    """An untrained network, as a checkpoint."""
    torch.manual_seed(1)
    words = vocabulary()
    network = Llama(sizes(len(words.tokens), layers))
    shape = {**network.sizes.as_shape(), **words.as_shape()}
    weights = network.state_dict()
    weights["embedding"] *= 10  # as decided as a trained one: logits of some units
    return Checkpoint("language-model", build, weights, shape, {}, {}, ("untrained",))
