"""Which files of models a bundle takes along."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.manifest import PackedModel
from gateway.provisioning.selection import models_named, refuse_withdrawn
from pipeline.errors import ModelError
from pipeline.models import Catalogue, Model, Verification, default_catalogue
from pipeline.models.store import Store
from pipeline.models.verification import verify_model

__all__ = ["Selection", "select"]


@dataclass(frozen=True, slots=True)
class Selection:
    """A model that was chosen.

    Attributes:
        model: As the manifest has it.
        sources: Name to file of what is packed; empty if the application's wheel brings it.
    """

    model: PackedModel
    sources: dict[str, Path]


def select(
    catalogue: Catalogue,
    store: Store,
    profile: str,
    more: Sequence[str] = (),
    languages: Collection[str] | None = (),
) -> tuple[Selection, ...]:
    """Choose the models of a profile and others, and check that they are there and unchanged.

    Args:
        catalogue: What there is.
        store: Where it is.
        profile: Whose models are taken.
        more: Further models.
        languages: Of the profile's models for other languages, those to take; None: all.

    Raises:
        ModelError: One is missing, changed or unknown.
        BundleError: One lists no files, so that nobody could check it later.
    """
    catalogue.profile(profile)
    models = models_named(catalogue, [profile, *more], languages)
    refuse_withdrawn(models)
    for model in models:
        verify_model(model, Verification.FULL, profile, catalogue.source)
    return tuple(_chosen(model, catalogue, store) for model in models)


def _chosen(model: Model, catalogue: Catalogue, store: Store) -> Selection:
    noted = store.files(model.id)
    files = {part.name: part.sha256 or noted.get(part.name, "") for part in model.files}
    files = files or noted
    if model.engine == "espeak-ng":
        return Selection(PackedModel(model.id, model.licence, False, None, {}), {})
    if not files or not all(files.values()):
        message = f"model {model.id} has files without a recorded hash; record them in models.toml"
        raise BundleError(message)
    brought = model.source is None and model.id not in catalogue.added
    if brought and not _is_ours(model):
        message = f"model {model.id} lies in {model.path}; add it to the store first, with "
        raise BundleError(f"{message}`parley models import`")
    entry = dict(store.entries()[model.id]) if model.id in catalogue.added else None
    packed = PackedModel(model.id, model.licence, not brought, entry, files)
    return Selection(packed, {} if brought else _sources(model, files, store))


def _is_ours(model: Model) -> bool:
    return model.path.resolve().is_relative_to(default_catalogue().parent.resolve())


def _sources(model: Model, files: dict[str, str], store: Store) -> dict[str, Path]:
    """Return where the files lie, opened up from links."""
    folder = store.path(model.id)
    sources = {name: (folder / name).resolve() for name in files}
    for path in sources.values():
        if not path.is_file():
            message = f"model {model.id}: {path} is missing; run: parley models pull {model.id}"
            raise ModelError(message)
    return sources
