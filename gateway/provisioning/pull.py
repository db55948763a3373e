"""`parley models pull`: every file of some models into the store, and the models linked to them."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
from rich.console import Console

from gateway.provisioning.download import Download, Policy, Unwritable, Wanted, open_client
from gateway.provisioning.mirror import Mirror
from gateway.provisioning.progress import PullDisplay, size
from gateway.provisioning.pull_events import Failed, Installed, Note, Planned, PullEvent
from pipeline.errors import ModelError
from pipeline.models import Model, ModelFile
from pipeline.models.disk import STORE_VARIABLE
from pipeline.models.formats import check_model
from pipeline.models.store import Store

__all__ = ["CONNECTIONS", "PullReport", "pull", "pull_and_show"]

CONNECTIONS: Final = 4
"""Files that are fetched at once."""

_INCOMPLETE: Final = 2
"""Exit code: lines say what is missing, and why."""

_ROUNDS: Final = 3
"""How often files are fetched again that another process removed before they were linked."""


@dataclass(frozen=True, slots=True)
class PullReport:
    """What became of a pull.

    Attributes:
        installed: Models that are in the store now, those that were there already included.
        bytes: That were downloaded.
        failures: One line for each file or model that could not be had.
    """

    installed: tuple[str, ...]
    bytes: int
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    """A file of a model, and what is known of it.

    Attributes:
        model: That it belongs to; of several with the same file the first.
        file: As models.toml has it.
        url: Before a mirror is applied; a hash that was taken on trust is pinned to it.
        wanted: What to download.
    """

    model: Model
    file: ModelFile
    url: str
    wanted: Wanted


async def pull(
    models: Sequence[Model],
    store: Store,
    *,
    mirror: Mirror,
    accept_unverified: bool = False,
    connections: int = CONNECTIONS,
    report: Callable[[PullEvent], None] = lambda _: None,
    policy: Policy | None = None,
) -> PullReport:
    """Fetch what is missing of some models and install them.

    Files that the store has are not fetched again. A file that cannot be had keeps the others from
    nothing: all that can be installed is. Cancelling it keeps what came, for the next one to go on.

    Args:
        models: Which; those that are brought along have nothing to fetch.
        store: Where to.
        mirror: How files are reached.
        accept_unverified: Whether to take files without a known hash on trust, and pin what came.
        connections: Files at once.
        report: Told what happens.
        policy: How patiently.

    Raises:
        ModelError: Nothing was begun: a file has no source or no known hash, or the disk is too
            small.
    """
    job = _Pull(store, mirror, accept_unverified, report, policy or Policy(), connections)
    wanted = [model for model in models if not _is_brought_along(model)]
    for model in models:
        if _is_brought_along(model):
            report(Note(f"model {model.id} lies at {model.path}: there is nothing to download"))
    return await job.run(list({model.id: model for model in wanted}.values()))


def pull_and_show(
    models: Sequence[Model],
    store: Store,
    console: Console,
    *,
    mirror: Mirror,
    accept_unverified: bool = False,
    connections: int = CONNECTIONS,
) -> int:
    """Pull, show how far it is, and say what could not be had; what `parley models pull` does.

    Returns:
        The command's exit code: 0, or 2 if something is missing.

    Raises:
        ModelError: As of `pull`.
        KeyboardInterrupt: The next pull goes on where this one was interrupted.
    """
    for model in models:
        if model.licence_note:
            console.print(f"{model.id}: {model.licence_note}", markup=False, soft_wrap=True)
    with PullDisplay(console, "all files") as display:
        work = pull(
            models,
            store,
            mirror=mirror,
            accept_unverified=accept_unverified,
            connections=connections,
            report=display.show,
        )
        try:
            report = asyncio.run(work)
        except KeyboardInterrupt:
            display.say("stopped; the same command goes on from here")
            raise
    for line in report.failures:
        console.print(f"parley: {line}", markup=False, highlight=False, soft_wrap=True)
    return _INCOMPLETE if report.failures else 0


class _Pull:
    """One pull, from the plan to the links."""

    def __init__(
        self,
        store: Store,
        mirror: Mirror,
        accept_unverified: bool,
        report: Callable[[PullEvent], None],
        policy: Policy,
        connections: int,
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._accept = accept_unverified
        self._report = report
        self._policy = policy
        self._connections = connections
        self._came = 0
        self._digests: dict[str, str] = {}  # by the key of what is wanted
        self._failures: dict[str, str] = {}  # by file or model
        self._models: dict[str, list[_Item]] = {}
        self._installed: set[str] = set()

    async def run(self, models: Sequence[Model]) -> PullReport:
        self._models = {model.id: self._items(model) for model in models}
        everything = [item for each in self._models.values() for item in each]
        self._check_hashes(everything)
        with self._store.pulling():
            missing = self._missing(everything)
            self._check_room(missing)
            self._plan(everything, missing)
            for _ in range(_ROUNDS):
                self._install_complete()
                await self._fetch(missing)
                missing = self._missing(everything)
                if not missing or self._failures:
                    break
        installed = tuple(id for id in self._models if id in self._installed)
        return PullReport(installed, self._came, tuple(self._failures.values()))

    # -- the plan -------------------------------------------------------------------------------

    def _items(self, model: Model) -> list[_Item]:
        if not model.files:
            raise ModelError(f"model {model.id} lists no files: nothing says what to download")
        return [self._item(model, file) for file in model.files]

    def _item(self, model: Model, file: ModelFile) -> _Item:
        location, url = self._mirror.locate(model, file), model.url(file)
        digest, count, says = file.sha256, file.bytes, "the models file"
        if not digest and (pin := self._store.accepted.pin(url)):
            digest, count, says = pin.sha256, pin.bytes, str(self._store.accepted.path)
        key = digest or f"url-{hashlib.sha256(url.encode()).hexdigest()}"
        wanted = Wanted(f"{model.id}/{file.name}", location, key, count, digest, says)
        return _Item(model, file, url, wanted)

    def _check_hashes(self, items: Sequence[_Item]) -> None:
        unknown = [item for item in items if not item.wanted.sha256]
        if unknown and not self._accept:
            names = ", ".join(item.wanted.label for item in unknown[:3])
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            message = (
                f"no hash is known of {names}{more}: nobody could tell whether they are genuine"
            )
            raise ModelError(f"{message}; --accept-unverified takes them, and pins what comes")
        for item in unknown:
            self._report(Note(f"{item.wanted.label} is taken on trust; its hash will be pinned"))
            if item.wanted.location.url.startswith("http:"):
                self._report(Note(f"{item.wanted.label} comes unencrypted: anybody may change it"))

    def _missing(self, items: Sequence[_Item]) -> list[_Item]:
        """Return what has to be fetched, each file once."""
        by_key = {item.wanted.key: item for item in reversed(items)}
        return [item for item in reversed(by_key.values()) if not self._has(item.wanted)]

    def _has(self, wanted: Wanted) -> bool:
        digest = self._digest(wanted)
        return bool(digest) and self._store.has(digest)

    def _digest(self, wanted: Wanted) -> str:
        return self._digests.get(wanted.key, wanted.sha256)

    def _check_room(self, missing: Sequence[_Item]) -> None:
        needed = sum(self._rest(item.wanted) for item in missing)
        free = shutil.disk_usage(self._store.root).free
        short = needed + self._policy.margin_bytes - free
        if needed and short > 0:
            text = f"{size(needed)} have to be downloaded, {size(free)} are free"
            raise ModelError(
                f"the disk of {self._store.root} is too small: {text}, and "
                f"{size(self._policy.margin_bytes)} shall stay so: {size(short)} are missing; "
                f"free some, or set {STORE_VARIABLE} to a folder on another disk"
            )

    def _rest(self, wanted: Wanted) -> int:
        """Return how many bytes of a file are not on the disk, as far as its size is known."""
        part = self._store.partial / f"{wanted.key}.part"
        have = part.stat().st_size if part.is_file() else 0
        return max(0, (wanted.size or 0) - have)

    def _plan(self, everything: Sequence[_Item], missing: Sequence[_Item]) -> None:
        present = len({item.wanted.key for item in everything}) - len(missing)
        self._report(Planned(len(missing), sum(self._rest(i.wanted) for i in missing), present))

    # -- the files ------------------------------------------------------------------------------

    async def _fetch(self, missing: Sequence[_Item]) -> None:
        """Fetch files, some at once; a full disk ends it for all."""
        if not missing:
            return
        waiting = iter(missing)
        client = open_client(self._mirror.proxy, connections=self._connections, policy=self._policy)
        try:
            async with client as opened, asyncio.TaskGroup() as tasks:
                for number in range(min(self._connections, len(missing))):
                    tasks.create_task(self._work(waiting, opened), name=f"pull-{number}")
        except* Unwritable as group:
            self._failures["disk"] = str(group.exceptions[0])

    async def _work(self, waiting: Iterator[_Item], client: httpx2.AsyncClient) -> None:
        """Fetch one file after the other; several of these share the list."""
        for item in waiting:
            download = Download(item.wanted, self._store, client, self._report, self._policy)
            try:
                fetched = await download.run()
            except Unwritable:
                raise
            except ModelError as error:
                self._fail(item.wanted.label, str(error))
                continue
            self._came += fetched.came
            self._digests[item.wanted.key] = fetched.sha256
            self._install_complete()

    def _fail(self, label: str, message: str) -> None:
        self._failures[label] = message
        self._report(Failed(label, message))

    # -- the models -----------------------------------------------------------------------------

    def _install_complete(self) -> None:
        """Install the models that have all their files by now."""
        for id, items in self._models.items():
            done = id in self._installed or id in self._failures
            if not done and all(self._has(item.wanted) for item in items):
                self._install(items)

    def _install(self, items: Sequence[_Item]) -> None:
        """Link a model to its files."""
        model = items[0].model
        files = {item.file.name: self._digest(item.wanted) for item in items}
        trusted = [item for item in items if not item.wanted.sha256]
        try:
            folder = self._store.link(model.id, files)
            if trusted:
                self._accept_files(model, trusted, folder)
        except ModelError as error:
            return self._fail(model.id, str(error))
        self._installed.add(model.id)
        self._report(Installed(model.id, str(folder)))
        return None

    def _accept_files(self, model: Model, items: Sequence[_Item], folder: Path) -> None:
        """Pin files that were taken on trust, unless they are no model at all."""
        opened = model.path if model.path.is_relative_to(folder) else folder
        try:
            check_model(model.engine, opened)
        except ModelError:
            self._store.remove(model.id)
            raise
        for item in items:
            digest = self._digest(item.wanted)
            count = self._store.blob(digest).stat().st_size
            self._store.accept(item.url, sha256=digest, bytes=count)


def _is_brought_along(model: Model) -> bool:
    """Whether a model lies on the disk where models.toml says, and can be had nowhere else."""
    return (
        model.source is None and not any(file.url for file in model.files) and model.path.exists()
    )
