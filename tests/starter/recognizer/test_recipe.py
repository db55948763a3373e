"""What a person is told when something is missing or does not fit; and an export at any time."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from starter.errors import RecipeError  # noqa: E402
from starter.recognizer.carrying_over import carried_heads, carried_tokens  # noqa: E402
from starter.recognizer.network import Recognizer  # noqa: E402
from starter.recognizer.recipe import make  # noqa: E402
from starter.recognizer.tokenizer import extended  # noqa: E402
from starter.training.checkpoint import Checkpoint, save_checkpoint  # noqa: E402
from tests.starter.recognizer.tiny import PHONES, QUIET, network, order, tokens  # noqa: E402


def _checkpoint(build: str = "shipped") -> Checkpoint:
    made = network()
    weights = {name: one.detach().clone() for name, one in made.named_parameters()}
    shape = {
        "sizes": asdict(made.sizes), "tokenizer": tokens().document, "phones": list(PHONES),
    }  # fmt: skip
    progress = {"begun": 1.0, "steps": 3.0, "rows": 9.0, "seconds": 60.0}
    return Checkpoint("recognizer", build, weights, shape, {}, progress)


def _resumable(checkpoint: Checkpoint) -> Checkpoint:
    from starter.recognizer.training import is_matrix
    from starter.training.optimizers import Optimizers, Rates

    named = network().named_parameters()
    optimizers = Optimizers(named, is_matrix=is_matrix, rates=Rates(0.01, 0.001))
    state = {"current": dict(checkpoint.weights), "optimizers": optimizers.state()}
    return replace(checkpoint, optimizer=state)


def test_a_checkpoint_is_exported_without_training(tmp_path: Path) -> None:
    asked = order(tmp_path, minutes=0)
    save_checkpoint(_resumable(_checkpoint()), asked.checkpoint)
    make(asked, QUIET)
    assert (asked.export / "model.bin").stat().st_size > 10_000
    assert (asked.export / "tokenizer.json").read_text(encoding="utf-8") == tokens().document


def test_without_minutes_and_checkpoint_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="train first") as told:
        make(order(tmp_path, minutes=0), QUIET)
    assert "\n" not in str(told.value)
    assert not order(tmp_path).export.exists()


def test_no_speech_is_made_where_none_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no shards of speech"):
        make(replace(order(tmp_path), shards=0), QUIET)
    assert not (tmp_path / "speech").exists()


def test_a_checkpoint_of_another_shape_is_refused_in_one_line(tmp_path: Path) -> None:
    asked = order(tmp_path, minutes=0)
    fitting = _checkpoint()
    weights = {**fitting.weights, "encoder.norm.weight": torch.ones(33)}
    save_checkpoint(_resumable(replace(fitting, weights=weights)), asked.checkpoint)
    with pytest.raises(RecipeError, match=r"encoder\.norm\.weight is \(33,\)") as told:
        make(asked, QUIET)
    assert "\n" not in str(told.value)


def test_the_measuring_build_refuses_what_the_shipped_one_has_learnt(tmp_path: Path) -> None:
    asked = replace(order(tmp_path, minutes=0), build="measuring")
    save_checkpoint(_checkpoint("shipped"), asked.checkpoint)
    with pytest.raises(RecipeError, match="must not know"):
        make(asked, QUIET)


def test_weights_alone_are_no_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    asked = order(tmp_path)
    save_checkpoint(_checkpoint(), asked.checkpoint)
    with pytest.raises(RecipeError, match="--from"):
        make(asked, QUIET)


def test_embeddings_are_carried_over_by_the_strings_of_their_tokens() -> None:
    old, new = tokens(), extended(tokens(), ["Xylophones zoom."] * 10)
    embeddings = torch.randn(old.size, 8, generator=torch.Generator().manual_seed(1))
    carried = carried_tokens(embeddings, old, new)
    assert carried.shape == (new.size, 8)
    for number, name in enumerate(new.names):
        if name in old.names:
            assert torch.equal(carried[number], embeddings[old.names.index(name)])
    added = new.names.index("ĠXylophones")
    pieces = embeddings[old.encode("Xylophones")].mean(0)
    assert torch.nn.functional.cosine_similarity(carried[added], pieces, dim=0) > 0.9


def test_phones_keep_their_rows_in_the_heads_when_others_come() -> None:
    old = network()
    more = ("b", "new", "a")
    fresh = Recognizer(replace(old.sizes, phones=3))
    heads = carried_heads(old.state_dict(), fresh.state_dict(), PHONES, more)
    weight = old.phones.weight
    assert torch.equal(heads["phones.weight"][0], weight[0])
    assert torch.equal(heads["phones.weight"][1], weight[PHONES.index("b") + 1])
    assert torch.equal(heads["phones.weight"][3], weight[PHONES.index("a") + 1])
    assert torch.equal(heads["phones.weight"][2], fresh.phones.weight[2])
