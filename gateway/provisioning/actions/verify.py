"""`parley models verify`: reads installed models again, every byte of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.config import Config
from gateway.provisioning.actions.options import FAILED, add_configuration, config_of, console
from gateway.provisioning.profiles import catalogue_of, profile_of, store_of
from gateway.provisioning.progress import Display, size
from gateway.provisioning.selection import models_named
from gateway.provisioning.tables import print_line
from pipeline.errors import ModelError
from pipeline.models import Catalogue, Model, ModelFile, Verification
from pipeline.models.store import Store
from pipeline.models.verification import verify_model

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_configuration(parser)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="models or profiles (all that are installed)"
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="delete damaged files of the store, so that the next pull fetches them again",
    )


@dataclass(frozen=True, slots=True)
class _Subject:
    """A model to check; in the store under its name, or else where its path says."""

    id: str
    files: tuple[ModelFile, ...]
    outside: Model | None

    @property
    def bytes(self) -> int:
        return sum(part.bytes or 0 for part in self.files)


def run(options: argparse.Namespace) -> int:
    """Check them; one line for each file that is not what it should be.

    Raises:
        ModelError: If one is not installed.
    """
    config, screen = config_of(options), console()
    catalogue, store = catalogue_of(config), store_of(config)
    subjects = list(_subjects(options.names, config, catalogue, store))
    problems: list[str] = []
    with Display(screen, "checking") as display:
        display.expect(sum(subject.bytes for subject in subjects))
        for subject in subjects:
            found = _check(subject, catalogue, store, display, repair=options.repair)
            problems += found
            display.say(f"{subject.id}: {'damaged' if found else 'unchanged'}")
    for problem in problems:
        print_line(screen, f"parley: {problem}")
    checked = f"{len(subjects)} models, {size(sum(subject.bytes for subject in subjects))}"
    print_line(screen, f"{checked}: {len(problems) or 'no'} problems")
    return FAILED if problems else 0


def _subjects(
    names: list[str], config: Config, catalogue: Catalogue, store: Store
) -> Iterator[_Subject]:
    installed = store.installed()
    if not names:
        for id in installed:
            known = id in catalogue.ids
            yield _Subject(id, catalogue.model(id).files if known else (), None)
        for model in profile_of(config, catalogue).models:
            if model.source is None and model.id not in installed:
                yield _Subject(model.id, model.files, model)
        return
    wanted = (id for id in names if id in installed and id not in catalogue.ids)
    for id in wanted:
        yield _Subject(id, (), None)
    for model in models_named(
        catalogue, [n for n in names if n not in installed or n in catalogue.ids]
    ):
        if model.id in installed:
            yield _Subject(model.id, model.files, None)
        elif model.source is None:
            yield _Subject(model.id, model.files, model)
        else:
            message = f"model {model.id} is not installed; run: parley models pull {model.id}"
            raise ModelError(message)


def _check(
    subject: _Subject, catalogue: Catalogue, store: Store, display: Display, *, repair: bool
) -> list[str]:
    display.begin(subject.id, 0, subject.bytes or None)
    try:
        if subject.outside is not None:
            return _check_outside(subject.outside, catalogue, display)
        found = store.verify(
            subject.id, subject.files, lambda count: display.advance(subject.id, count)
        )
    finally:
        display.end(subject.id)
    for problem in found if repair else ():
        if digest := store.files(subject.id).get(problem.name):
            store.forget(digest)
    advice = "pull it again" if repair else "run: parley models verify --repair"
    return [f"{problem}; {advice}: parley models pull {subject.id}" if repair else
            f"{problem}; {advice} {subject.id}" for problem in found]  # fmt: skip


def _check_outside(model: Model, catalogue: Catalogue, display: Display) -> list[str]:
    try:
        verify_model(model, Verification.FULL, "", catalogue.source)
    except ModelError as error:
        return [str(error)]
    display.advance(model.id, model.bytes or 0)
    return []
