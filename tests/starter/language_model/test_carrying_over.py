"""Beginning from another network: it says the same at first, and knows new tokens."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")

from starter.errors import RecipeError  # noqa: E402
from starter.language_model.carrying_over import carry_over  # noqa: E402
from starter.language_model.network import Llama  # noqa: E402
from starter.language_model.tokenizer import Vocabulary  # noqa: E402
from tests.starter.language_model import small  # noqa: E402

_PATH = Path("old.pt")


def test_added_layers_change_nothing_at_first() -> None:
    old = small.checkpoint(layers=2)
    words = Vocabulary.from_shape(old.shape)
    sizes = small.sizes(len(words.tokens), layers=4)
    network = Llama(sizes)
    network.load_state_dict(carry_over(old, sizes, words, _PATH))
    before = Llama(small.sizes(len(words.tokens), layers=2))
    before.load_state_dict(old.weights)
    ids = torch.randint(0, len(words.tokens), (2, 9))
    torch.testing.assert_close(network(ids), before(ids))


def test_known_tokens_keep_their_vectors_and_new_ones_are_the_mean_of_their_pieces() -> None:
    old = small.checkpoint()
    words = Vocabulary.from_shape(old.shape)
    grown = Vocabulary((*words.tokens, "xy"), (*words.merges, ("x", "y")))
    vectors = carry_over(old, small.sizes(len(grown.tokens)), grown, _PATH)["embedding"]
    before = old.weights["embedding"]
    torch.testing.assert_close(vectors[:-1], before)
    pieces = [words.tokens.index("x"), words.tokens.index("y")]
    torch.testing.assert_close(vectors[-1], before[pieces].mean(0))


def test_a_new_token_that_is_known_beside_a_space_begins_as_that_one() -> None:
    old = small.checkpoint()
    words = Vocabulary.from_shape(old.shape)
    known = next(
        token
        for token in words.tokens
        if token.startswith("Ġ") and len(token) > 2 and token[1:] not in words.tokens
    )
    grown = Vocabulary((*words.tokens, known[1:]), words.merges)
    vectors = carry_over(old, small.sizes(len(grown.tokens)), grown, _PATH)["embedding"]
    torch.testing.assert_close(vectors[-1], old.weights["embedding"][words.tokens.index(known)])


def test_a_network_of_another_width_or_with_more_layers_is_refused() -> None:
    old = small.checkpoint(layers=2)
    words = Vocabulary.from_shape(old.shape)
    with pytest.raises(RecipeError, match=r"old\.pt does not fit this network: layers\.1"):
        carry_over(old, small.sizes(len(words.tokens), layers=1), words, _PATH)
