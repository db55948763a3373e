"""Rows and batches: what is learnt from a dialogue, and what is only read."""

import itertools
import random

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")

from starter.language_model.rows import Row, batches, encoded, packed  # noqa: E402
from starter.language_model.tokenizer import Tokenizer  # noqa: E402
from tests.starter.language_model import small  # noqa: E402


def test_only_what_the_assistant_says_is_learnt_with_its_end() -> None:
    tokenizer = Tokenizer(small.vocabulary())
    row = encoded([("<|user|>Hi<|end|><|assistant|>", False), ("Oslo.<|end|>", True)], tokenizer)
    [(begin, end)] = row.answers
    assert tokenizer.decode(row.ids[begin:end]) == "Oslo.<|end|>"
    assert end == len(row.ids)


def test_each_wanted_position_says_the_token_after_it() -> None:
    batch = packed([Row((5, 6, 7, 8), ((2, 4),)), Row((1, 2, 3, 4, 9, 9), ((1, 3), (5, 6)))])
    assert batch.ids.tolist() == [[5, 6, 7, 8, 0, 0], [1, 2, 3, 4, 9, 9]]
    assert batch.wanted.tolist() == [1, 2, 6, 7, 10]
    assert batch.targets.tolist() == [7, 8, 2, 3, 9]
    assert batch.answers.tolist() == [0, 0, 1, 1, 2]
    assert batch.tokens == 10


def test_batches_hold_about_as_many_tokens_as_asked_and_no_row_that_is_too_long() -> None:
    tokenizer = Tokenizer(small.vocabulary())
    lengths = {len(encoded(small.dialogue(random.Random(n)), tokenizer).ids) for n in range(50)}
    longest = max(lengths) - 1
    made = batches(
        small.dialogue, tokenizer, generator=random.Random(3), share=lambda: 0.0, tokens=200,
        longest=longest,
    )  # fmt: skip
    for batch in itertools.islice(made, 30):
        assert batch.ids.shape[1] <= longest
        assert batch.ids.numel() <= 200


def test_equal_seeds_give_equal_batches_and_the_source_learns_how_far_training_is() -> None:
    tokenizer, shares = Tokenizer(small.vocabulary()), set[float]()

    def source(generator: random.Random, share: float) -> list[tuple[str, bool]]:
        shares.add(share)
        return list(small.dialogue(generator))

    first, second = (
        next(batches(source, tokenizer, generator=random.Random(3), share=lambda: 0.4, tokens=200,
                     longest=100))
        for _ in range(2)
    )  # fmt: skip
    assert torch.equal(first.ids, second.ids)
    assert shares == {0.4}
