"""Which models the configuration asks for: its catalogue, its store, its profile."""

from __future__ import annotations

import logging
from dataclasses import replace

from gateway.config import Config
from pipeline.models import Catalogue, Model, Profile, Role, Verification
from pipeline.models.store import Store, default_store

__all__ = ["catalogue_of", "installed_profile", "profile_of", "store_of"]

log = logging.getLogger(__name__)


def store_of(config: Config) -> Store:
    """Return the store of installed models; nothing is made before something is installed."""
    return Store(config.models.store or default_store())


def catalogue_of(config: Config) -> Catalogue:
    """Return the models file, and what was added to the store.

    Raises:
        ModelError: If the file cannot be read.
    """
    return Catalogue.load(config.models.file, store=store_of(config))


def profile_of(config: Config, catalogue: Catalogue | None = None) -> Profile:
    """Return the profile, with the models that the configuration names instead of the profile's.

    Raises:
        ModelError: If the profile, or a model of it, is missing or malformed.
    """
    chosen = config.models
    named: dict[Role, str | None] = {
        "recognizer": chosen.recognizer,
        "language_model": chosen.language_model,
        "voice": chosen.voice,
    }
    instead = {role: model for role, model in named.items() if model is not None}
    return (catalogue or catalogue_of(config)).profile(chosen.profile, instead=instead)


def installed_profile(config: Config) -> Profile:
    """Return what can be served: the profile without other languages' models that are not here.

    Raises:
        ModelError: If a model that every conversation needs is missing, cut or changed, or one of
            another language is cut or changed.
    """
    catalogue = catalogue_of(config)
    whole = profile_of(config, catalogue)
    profile = replace(
        whole,
        recognizers={tag: each for tag, each in whole.recognizers.items() if _is_here(each)},
        voices={tag: each for tag, each in whole.voices.items() if _is_here(each)},
    )
    catalogue.verify(profile, Verification(config.models.verify))
    for model in profile.models:
        if model.withdrawn:
            log.warning("model %s was withdrawn: %s", model.id, model.withdrawn)
    missing = sorted({*whole.recognizers, *whole.voices} - {*profile.recognizers, *profile.voices})
    if missing:
        tags = ",".join(missing)
        command = f"parley models pull {profile.name} --languages {tags}"
        log.info("models of other languages are not installed; to get them: %s", command)
    return profile


def _is_here(model: Model) -> bool:
    return bool(model.program) or model.path.exists()
