"""Imports models that were found: all of them, or none."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.provisioning.importing.found import Found
from gateway.provisioning.importing.plan import Installed, Step, plan
from gateway.provisioning.importing.transfer import How, carry_out, check_room, hash_found
from gateway.provisioning.progress import Display
from pipeline.models import Catalogue
from pipeline.models.store import Store

__all__ = ["import_models"]


def import_models(
    found: Sequence[Found],
    store: Store,
    catalogue: Catalogue,
    *,
    how: How = How.COPY,
    named: str = "",
    dry_run: bool = False,
    display: Display | None = None,
) -> tuple[Step, ...]:
    """Import models that were found: all of them, or none.

    Args:
        found: All sound.
        store: Where to.
        catalogue: What is known, with the store's entries.
        how: How the files get there.
        named: What the only one is called, or "".
        dry_run: Whether only to say what would happen.
        display: Where to show how far it has got.

    Returns:
        What became, or would become, of each.

    Raises:
        ModelError: If one cannot be imported.
    """
    if display is not None:
        display.expect(sum(each.bytes for each in found) * (1 if dry_run else 2))
    advance = (lambda _file, _count: None) if display is None else display.advance
    hashed = [(each, hash_found(each, advance)) for each in found]
    steps = plan(hashed, _installed(catalogue, store), named=named)
    if not dry_run:
        check_room(steps, store, how)
        carry_out(steps, store, how, advance)
    return steps


def _installed(catalogue: Catalogue, store: Store) -> Installed:
    files = {id: store.files(id) for id in store.installed()}
    return Installed(catalogue.models, catalogue.added, files)
