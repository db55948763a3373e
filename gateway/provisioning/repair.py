"""Gets damaged files of installed models again: forgets them, and pulls."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from gateway.provisioning.mirror import Mirror
from gateway.provisioning.pull import pull_and_show
from pipeline.errors import ModelError
from pipeline.models import Model
from pipeline.models.store import Problem, Store

__all__ = ["forget_damaged", "repair_and_show"]


def repair_and_show(
    models: Sequence[Model],
    problems: Sequence[Problem],
    store: Store,
    console: Console,
    *,
    mirror: Mirror,
) -> int:
    """Pull again what was found damaged, and show how far that is.

    Args:
        models: That the problems were found in; others are left alone.
        problems: What `Store.verify` found.
        store: Where.
        console: Where the progress is shown.
        mirror: How files are reached.

    Returns:
        The exit code of a pull: 0, or 2 if something could not be had.

    Raises:
        ModelError: A damaged model has no source; then nothing was touched.
    """
    known = {model.id: model for model in models}
    again = []
    for id in dict.fromkeys(problem.model for problem in problems):
        model = known.get(id)
        if model is None or not model.files or not all(map(model.url, model.files)):
            message = f"model {id} is damaged, and nothing says where to get it from"
            raise ModelError(f"{message}; import it again: parley models import")
        again.append(model)
    forget_damaged(problems, store)
    return pull_and_show(again, store, console, mirror=mirror)


def forget_damaged(problems: Sequence[Problem], store: Store) -> None:
    """Delete damaged files from a store, and the models that are made of them.

    Their other files stay, so that a pull fetches no more than what was damaged.
    """
    for problem in problems:
        try:
            digest = store.files(problem.model).get(problem.name)
        except ModelError:  # the note itself is damaged: linking makes it anew
            continue
        if digest is not None:
            store.forget(digest)
    for model in {problem.model for problem in problems}:
        store.unlink(model)
