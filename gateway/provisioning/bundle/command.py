"""`parley bundle create | verify | list`: installing where there is no internet."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from gateway import config as configuration
from gateway.provisioning.bundle import archive, creation, install
from gateway.provisioning.bundle.archive import Contents
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.install import DamagedBundle
from gateway.provisioning.bundle.manifest import Manifest, parse
from gateway.provisioning.bundle.progress import Steps
from gateway.provisioning.bundle.sbom import NAME
from gateway.provisioning.bundle.selection import select
from gateway.provisioning.bundle.target import PLATFORMS, Target
from gateway.provisioning.profiles import store_of
from gateway.provisioning.selection import parse_languages
from gateway.version import VERSION
from pipeline.models import Catalogue

__all__ = ["add_arguments", "run"]

_KINDS: Final = {"library": "package", "machine-learning-model": "model"}
"""What CycloneDX calls a component, and what it is called here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the commands and their flags."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_create(commands.add_parser("create", help="make a bundle", allow_abbrev=False))
    verify = commands.add_parser("verify", help="check every file of a bundle", allow_abbrev=False)
    verify.add_argument("bundle", type=Path, metavar="FILE", help="archive, or unpacked folder")
    verify.add_argument("--sha256", metavar="HEX", help="what the archive itself has to hash to")
    verify.set_defaults(act=_verify)
    listing = commands.add_parser("list", help="show what a bundle holds", allow_abbrev=False)
    listing.add_argument("bundle", type=Path, metavar="FILE", help="archive, or unpacked folder")
    listing.set_defaults(act=_list)


def run(options: argparse.Namespace) -> int:
    """Run one of the commands; 0 if it did what it should.

    Raises:
        BundleError: It did not; the message is one line.
    """
    act: Any = options.act
    act(options, Steps(Console(highlight=False)))
    return 0


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile", default="starter", metavar="NAME", help="whose models to take (starter)"
    )
    parser.add_argument(
        "--model", action="append", default=[], metavar="ID", help="another one; may be repeated"
    )
    parser.add_argument(
        "--languages",
        default="",
        metavar="TAGS",
        help="also the profile's models for these languages, e.g. de,fr; or all",
    )
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="folder of installed models ($PARLEY_MODELS)"
    )
    parser.add_argument(
        "--platform", metavar="NAME", help=f"one of {', '.join(PLATFORMS)} (this machine's)"
    )
    parser.add_argument(
        "--python",
        action="append",
        metavar="VERSION",
        help="such as 3.12; may be repeated (the one that runs this)",
    )
    parser.add_argument(
        "--wheels",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="folder of wheels for what cannot be made here, e.g. llama-cpp-python",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="the archive, or a folder for parley-bundle-VERSION-PLATFORM-PYTHON.tar.gz; a name "
        "that ends in .tar leaves it uncompressed (this folder)",
    )
    parser.set_defaults(act=_create)


def _create(options: argparse.Namespace, steps: Steps) -> None:
    here = creation.host()
    platform = options.platform or here.platform
    pythons = dict.fromkeys(options.python or [here.python])
    targets = tuple(Target(platform, python) for python in pythons)
    chosen = {} if options.store is None else {"models.store": options.store}
    store = store_of(configuration.load(chosen))
    with steps.step(f"checking the models of profile {options.profile}"):
        languages = parse_languages(options.languages)
        catalogue = Catalogue.load(store=store)
        models = select(catalogue, store, options.profile, options.model, languages)
    output = options.output or Path()
    if output.is_dir():
        output /= _default_name(targets)
    given = tuple(wheel for folder in options.wheels for wheel in _wheels(folder))
    order = creation.Order(targets, options.profile, models, given, output.absolute())
    made = creation.create(order, steps)
    steps.say(f"{made}: {made.stat().st_size / 1e6:.1f} MB, made in {steps.seconds:.0f} s")
    steps.say(f"sha256 {install.digest(made)}")


def _default_name(targets: tuple[Target, ...]) -> str:
    pythons = "-".join(f"py{target.python}" for target in targets)
    return f"parley-bundle-{VERSION}-{targets[0].platform}-{pythons}.tar.gz"


def _wheels(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise BundleError(f"--wheels {folder} is no folder")
    return sorted(folder.glob("*.whl"))


def _verify(options: argparse.Namespace, steps: Steps) -> None:
    if not options.bundle.exists():
        raise BundleError(f"{options.bundle} does not exist")
    if options.sha256 and install.digest(options.bundle) != options.sha256.lower():
        raise BundleError(f"{options.bundle} has another hash than --sha256 says; do not use it")
    contents, manifest = _read(options.bundle, steps)
    total = sum(contents.files.values()) / 1e6
    steps.say(
        f"{options.bundle}: all {len(contents.files)} files ({total:.1f} MB) are what they should "
        f"be: Parley {manifest.parley} for {manifest.platform}, Python "
        f"{', '.join(manifest.pythons)}"
    )


def _list(options: argparse.Namespace, steps: Steps) -> None:
    contents, manifest = _read(options.bundle, steps)
    steps.say(f"Parley {manifest.parley}, made {manifest.created}, profile {manifest.profile}")
    steps.say(
        f"for {manifest.platform}, Python {', '.join(manifest.pythons)}, glibc "
        f"{'.'.join(map(str, manifest.glibc))} or newer, a processor with "
        f"{', '.join(manifest.cpu) or 'nothing special'}"
    )
    Console(highlight=False).print(_table(contents))
    total = sum(contents.files.values()) / 1e6
    steps.say(f"{total:.1f} MB unpacked, {manifest.installed_bytes / 1e6:.1f} MB installed")


def _read(path: Path, steps: Steps) -> tuple[Contents, Manifest]:
    """Read and check an archive or an unpacked bundle."""
    contents = _unpacked(path, steps) if path.is_dir() else _packed(path, steps)
    if "manifest.json" not in contents.texts:
        raise BundleError(f"{path} has no manifest.json; it is no bundle of Parley")
    return contents, parse(contents.texts["manifest.json"])


def _packed(path: Path, steps: Steps) -> Contents:
    if not path.is_file():
        raise BundleError(f"{path} does not exist")
    with steps.bar("reading the archive", path.stat().st_size) as report:
        return archive.read(path, report)


def _unpacked(path: Path, steps: Steps) -> Contents:
    files = {
        file.relative_to(path).as_posix(): file.lstat().st_size
        for file in path.rglob("*")
        if not file.is_dir()
    }
    try:
        with steps.bar("reading the files", sum(files.values())) as report:
            sums = install.check_folder(path, report)
    except DamagedBundle as error:
        raise BundleError(f"{path}: {error}") from error
    named: list[str] = [name for name in ("manifest.json", NAME) if name in sums]
    texts = {name: (path / name).read_text(encoding="utf-8") for name in named}
    return Contents(path.name, files, sums, texts)


def _table(contents: Contents) -> Table:
    """List packages and models with versions and licences, as the bill of materials has them."""
    table = Table(box=None, pad_edge=False)
    for title in ("component", "version", "licence", "kind"):
        table.add_column(title, overflow="fold")
    for component in json.loads(contents.texts.get(NAME, "{}")).get("components", []):
        said = component.get("licenses", [])
        licences = [one.get("expression") or next(iter(one["license"].values())) for one in said]
        table.add_row(
            component["name"],
            component.get("version", ""),
            ", ".join(licences) or "not said",
            _KINDS.get(component["type"], component["type"]),
        )
    return table
