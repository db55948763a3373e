"""Names of profiles and models, and what they stand for."""

import pytest

from gateway.provisioning.selection import models_named, parse_languages
from pipeline.errors import ModelError
from tests.pipeline.models.catalogues import catalogue


def ids(*arguments):
    return [model.id for model in models_named(catalogue(), *arguments)]


def test_a_profile_stands_for_what_every_conversation_needs():
    assert ids(["both"]) == ["ears", "brain", "mouth"]


def test_other_languages_come_on_request():
    assert ids(["both"], {"de"}) == ["ears", "brain", "mouth", "mund"]
    assert ids(["both"], {"en"}) == ["ears", "brain", "mouth"]
    assert ids(["both"], None) == ["ears", "brain", "mouth", "mund"]


def test_each_model_comes_once_in_the_order_named():
    assert ids(["mouth", "both"]) == ["mouth", "ears", "brain"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((["bothe"],), "did you mean both?"),
        ((["both"], {"fr"}), "--languages fr: both has models for de, en"),
        ((["mouth"], {"de"}), "--languages de: name a profile, too"),
    ],
)
def test_what_does_not_exist_is_refused(arguments, complaint):
    with pytest.raises(ModelError) as caught:
        models_named(catalogue(), *arguments)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("text", "tags"),
    [("", frozenset()), (" de, FR,", {"de", "fr"}), ("all", None), ("de,all", None)],
)
def test_languages_are_read_from_a_list(text, tags):
    assert parse_languages(text) == tags
