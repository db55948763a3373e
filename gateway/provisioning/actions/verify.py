"""`parley models verify`: reads installed models again, every byte of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.config import Config
from gateway.provisioning.actions.options import FAILED, add_configuration, config_of, console
from gateway.provisioning.mirror import mirror_of
from gateway.provisioning.profiles import catalogue_of, profile_of, store_of
from gateway.provisioning.progress import Display, size
from gateway.provisioning.repair import repair_and_show
from gateway.provisioning.selection import models_named
from gateway.provisioning.tables import print_line
from pipeline.errors import ModelError
from pipeline.models import Catalogue, Model, ModelFile, Verification
from pipeline.models.store import Problem, Store
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
        help="download damaged files of the store again",
    )
    parser.add_argument("--mirror", metavar="URL", help="where --repair gets them (models.mirror)")


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
    problems: list[Problem] = []
    elsewhere: list[str] = []
    with Display(screen, "checking") as display:
        display.expect(sum(subject.bytes for subject in subjects))
        for subject in subjects:
            before = len(problems) + len(elsewhere)
            if subject.outside is None:
                problems += _check(subject, store, display)
            else:
                elsewhere += _check_outside(subject.outside, catalogue, display)
            damaged = len(problems) + len(elsewhere) > before
            display.say(f"{subject.id}: {'damaged' if damaged else 'unchanged'}")
    for line in (*map(str, problems), *elsewhere):
        print_line(screen, f"parley: {line}")
    checked = f"{len(subjects)} models, {size(sum(subject.bytes for subject in subjects))}"
    print_line(screen, f"{checked}: {len(problems) + len(elsewhere) or 'no'} problems")
    if problems and options.repair:
        mirror = mirror_of(config.models, options.mirror)
        hurt = {problem.model for problem in problems}
        known = [model for model in catalogue.models if model.id in hurt]
        code = repair_and_show(known, problems, store, screen, mirror=mirror)
        return FAILED if elsewhere else code
    if problems:
        print_line(screen, f"parley: run: parley models verify --repair {_models(problems)}")
    return FAILED if problems or elsewhere else 0


def _models(problems: Sequence[Problem]) -> str:
    return " ".join(dict.fromkeys(problem.model for problem in problems))


def _subjects(
    names: list[str], config: Config, catalogue: Catalogue, store: Store
) -> Iterator[_Subject]:
    installed = store.installed()
    if not names:
        for id in installed:
            known = id in catalogue.ids
            yield _Subject(id, catalogue.model(id).files if known else (), None)
        for model in _in_use(config, catalogue):
            if model.source is None and model.id not in installed and not model.program:
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
        elif model.source is None and not model.program:
            yield _Subject(model.id, model.files, model)
        elif model.program:
            raise ModelError(f"model {model.id} is a program of the system: {model.program}")
        else:
            message = f"model {model.id} is not installed; run: parley models pull {model.id}"
            raise ModelError(message)


def _in_use(config: Config, catalogue: Catalogue) -> Sequence[Model]:
    try:
        return profile_of(config, catalogue).models
    except ModelError:  # what is installed can be checked without the profile in use
        return ()


def _check(subject: _Subject, store: Store, display: Display) -> list[Problem]:
    display.begin(subject.id, 0, subject.bytes or None)
    try:
        return store.verify(
            subject.id, subject.files, lambda count: display.advance(subject.id, count)
        )
    finally:
        display.end(subject.id)


def _check_outside(model: Model, catalogue: Catalogue, display: Display) -> list[str]:
    try:
        verify_model(model, Verification.FULL, "", catalogue.source)
    except ModelError as error:
        return [str(error)]
    display.advance(model.id, model.bytes or 0)
    return []
