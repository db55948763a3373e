"""From what somebody names on the command line, profiles or models, to models."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence

from pipeline.errors import ModelError
from pipeline.models import Catalogue, Model, Profile

__all__ = ["ALL_LANGUAGES", "models_named", "of_languages", "parse_languages", "refuse_withdrawn"]

ALL_LANGUAGES = "all"


def models_named(
    catalogue: Catalogue, names: Sequence[str], languages: Collection[str] | None = ()
) -> tuple[Model, ...]:
    """Return the models of profiles, and models by their names, each once.

    Args:
        catalogue: What there is.
        names: Of profiles or models; a profile of that name goes first.
        languages: Of a profile's models for other languages, those to take; None: all.

    Raises:
        ModelError: If there is no such profile or model, or no profile has such a language.
    """
    found = {model.id: model for name in names for model in _named(catalogue, name, languages)}
    profiles = [catalogue.profile(name) for name in names if name in catalogue.profiles]
    for tag in languages or ():
        if not any(tag in _tags(profile) for profile in profiles):
            raise ModelError(f"--languages {tag}: {_offer(profiles)}")
    return tuple(found.values())


def refuse_withdrawn(models: Iterable[Model]) -> None:
    """Refuse to hand on what should not be had any more.

    Raises:
        ModelError: For the first model that was withdrawn.
    """
    for model in models:
        if model.withdrawn:
            message = f"model {model.id} was withdrawn: {model.withdrawn}"
            raise ModelError(f"{message}; `parley models list --role {model.role}` has others")


def of_languages(profile: Profile, languages: Collection[str] | None) -> Iterator[Model]:
    """Yield the models of a profile: those of every conversation, and those of some languages."""
    yield from (profile.recognizer, profile.language_model, profile.voice)
    for by_language in (profile.recognizers, profile.voices):
        for tag, model in by_language.items():
            if languages is None or tag in languages:
                yield model


def parse_languages(text: str) -> frozenset[str] | None:
    """Read ``de,fr``; None is all of them."""
    tags = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
    return None if ALL_LANGUAGES in tags else tags


def _named(catalogue: Catalogue, name: str, languages: Collection[str] | None) -> Iterable[Model]:
    if name in catalogue.profiles:
        return of_languages(catalogue.profile(name), languages)
    if name in catalogue.ids:
        return (catalogue.model(name),)
    known = [*catalogue.profiles, *catalogue.ids]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else "`parley models list` shows all"
    raise ModelError(f"{name!r} is neither a profile nor a model; {hint}")


def _tags(profile: Profile) -> set[str]:
    spoken = {*profile.recognizers, *profile.voices, *profile.voice.languages}
    return spoken & {*profile.languages} if profile.languages else spoken


def _offer(profiles: Sequence[Profile]) -> str:
    if not profiles:
        return "name a profile, too"
    tags = sorted({tag for profile in profiles for tag in _tags(profile)})
    names = ", ".join(profile.name for profile in profiles)
    return f"{names} has models for {', '.join(tags) or 'no other language'}"
