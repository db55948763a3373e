"""install.sh: what it offers, and the order in which it is done.

Nothing is written before the machine was found to do. A release is made aside and checked with
``parley check`` before it is switched to; so an upgrade that does not work changes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from gateway.errors import OperatorError
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.installer import releases
from gateway.provisioning.bundle.installer.demands import complaints
from gateway.provisioning.bundle.installer.files import (
    remove_link,
    write_command,
    write_configuration,
    write_unit,
)
from gateway.provisioning.bundle.installer.layout import Layout, lay_out
from gateway.provisioning.bundle.installer.machine import read_machine
from gateway.provisioning.bundle.installer.process import run
from gateway.provisioning.bundle.installer.virtual_environment import build
from gateway.provisioning.bundle.manifest import Manifest, parse

__all__ = ["main"]

_USER_ERROR: Final = 2
_INTERRUPTED: Final = 130
_HOMES: Final = (Path("/root"), Path("/home"))


def main(bundle: Path, arguments: list[str]) -> int:
    """Install, roll back or uninstall; return 0, or 2 for what the user can fix.

    Args:
        bundle: The unpacked bundle, whose files were checked.
        arguments: The command line.
    """
    options = _parser().parse_args(arguments)
    try:
        layout = _layout(options)
        if layout.for_all:
            os.umask(0o022)  # the service's user has to read it
        if options.uninstall:
            _uninstall(layout, purge=options.purge)
        elif options.rollback:
            _roll_back(layout)
        else:
            _install(bundle, layout, options)
    except OperatorError as error:
        _complain(str(error))
        return _USER_ERROR
    except KeyboardInterrupt:
        _complain("stopped")
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="install.sh",
        description="Install Parley from this bundle; nothing is fetched from anywhere.",
        allow_abbrev=False,
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--system",
        action="store_true",
        help="for the whole machine: /opt/parley, /etc/parley (as root, that is the default)",
    )
    whose.add_argument(
        "--user",
        action="store_true",
        help="for you: ~/.local/share/parley, ~/.config/parley (else, that is the default)",
    )
    parser.add_argument(
        "--prefix", type=Path, metavar="DIR", help="keep it all in this folder instead"
    )
    parser.add_argument("--no-service", action="store_true", help="write no systemd unit")
    parser.add_argument("--no-check", action="store_true", help="do not run `parley check`")
    parser.add_argument("--force", action="store_true", help="install the same release anew")
    parser.add_argument(
        "--rollback", action="store_true", help="go back to the release before this one"
    )
    parser.add_argument(
        "--uninstall", action="store_true", help="remove it, but for models and settings"
    )
    parser.add_argument("--purge", action="store_true", help="with --uninstall: those as well")
    return parser


def _layout(options: argparse.Namespace) -> Layout:
    if options.purge and not options.uninstall:
        raise BundleError("--purge goes with --uninstall")
    for_all = options.system or (not options.user and os.geteuid() == 0)
    prefix = None if options.prefix is None else options.prefix.expanduser().resolve()
    return lay_out(prefix, for_all=for_all, home=Path.home(), environment=os.environ)


def _install(bundle: Path, layout: Layout, options: argparse.Namespace) -> None:
    manifest = parse((bundle / releases.MANIFEST).read_text(encoding="utf-8"))
    _check_machine(manifest, layout)
    if options.prefix is not None:
        _check_prefix(layout)
    name = releases.release_name(manifest.parley, (bundle / "SHA256SUMS").read_bytes())
    with releases.locked(layout):
        with releases.building(layout, name, again=options.force) as release:
            python = _python_version()
            with _step(f"installing Parley {manifest.parley} into {release}") as tick:
                interpreter = build(release / "venv", bundle=bundle, python=python, tick=tick)
            _take_models(manifest, bundle, layout, interpreter)
            fresh = write_configuration(layout, manifest.profile)
            try:
                if not options.no_check:
                    _check(layout, interpreter)
            except BaseException:
                if fresh:
                    _remove_configuration(layout)
                raise
            shutil.copy(bundle / releases.MANIFEST, release)
        releases.switch(layout, release)
        for old in releases.forget_old(layout):
            _say(f"removed the old release {old}")
    _finish(layout, options, upgraded=layout.previous.is_symlink())


def _check_machine(manifest: Manifest, layout: Layout) -> None:
    found = complaints(manifest, read_machine(layout.prefix, manifest.libraries))
    for line in found[:-1]:
        _complain(line)
    if found:
        raise BundleError(found[-1])


def _check_prefix(layout: Layout) -> None:
    """Stay out of folders that hold something else."""
    prefix = layout.prefix
    if prefix.is_dir():
        ours = {"releases", "models", "etc", ".lock"}
        if any(path.name not in ours for path in prefix.iterdir()) and not layout.releases.is_dir():
            raise BundleError(f"{prefix} holds something else; name an empty folder with --prefix")
    elif prefix.exists():
        raise BundleError(f"{prefix} is a file; name a folder with --prefix")


def _take_models(manifest: Manifest, bundle: Path, layout: Layout, interpreter: Path) -> None:
    if not any(model.packed for model in manifest.models):
        return
    with _step(f"taking the models into {layout.models}") as tick:
        module = "gateway.provisioning.bundle.unpacking"
        command = [interpreter, "-I", "-m", module, bundle, layout.models]
        run("taking the models in", command, cwd=layout.prefix, tick=tick)


def _check(layout: Layout, interpreter: Path) -> None:
    _say("running parley check ...")
    with tempfile.TemporaryDirectory(prefix="parley-") as empty:  # no ./parley.toml is read there
        run(
            "parley check",
            [interpreter, "-I", "-m", "gateway", "check", "--config", layout.config],
            cwd=Path(empty),
            environment={"PARLEY_MODELS": str(layout.models)},
            show=True,
        )


def _finish(layout: Layout, options: argparse.Namespace, *, upgraded: bool) -> None:
    command = write_command(layout)
    _say(f"installed: {command}")
    _say(f"settings:  {layout.config}")
    _say(f"models:    {layout.models}")
    if options.no_service:
        _say(f"try it:    {command} demo")
        return
    user = "" if layout.for_all else " --user"
    if write_unit(layout):
        _reload(layout)
        _say(f"service:   {layout.unit}")
    _warn_of_python(layout)
    _say(f"try it:    {command} demo")
    if upgraded:
        _say(f"use it:    systemctl{user} restart parley (go back: install.sh --rollback)")
    else:
        _say(f"use it:    systemctl{user} enable --now parley")


def _warn_of_python(layout: Layout) -> None:
    python = Path(sys.executable).resolve()
    if layout.for_all and any(python.is_relative_to(home) for home in _HOMES):
        _say(f"note: {python} lies in a home folder, which the service's own user may not read;")
        _say("      install with the system's Python: PYTHON=/usr/bin/python3 ./install.sh --force")


def _roll_back(layout: Layout) -> None:
    if not layout.releases.is_dir():
        raise BundleError(f"{layout.prefix} holds no installation of Parley")
    with releases.locked(layout):
        name = releases.roll_back(layout)
    user = "" if layout.for_all else " --user"
    _say(f"in use now: {name}; running servers follow with: systemctl{user} restart parley")


def _uninstall(layout: Layout, *, purge: bool) -> None:
    if not layout.releases.is_dir():
        raise BundleError(f"{layout.prefix} holds no installation of Parley")
    with releases.locked(layout):
        if layout.unit.is_file() and str(layout.current) in layout.unit.read_text(encoding="utf-8"):
            _systemctl(layout, "disable", "--now", "parley")
            layout.unit.unlink()
            _reload(layout)
        remove_link(layout)
        for link in (layout.current, layout.previous):
            link.unlink(missing_ok=True)
        for folder in (layout.releases, layout.launcher.parent):
            shutil.rmtree(folder, ignore_errors=True)
        if purge:
            shutil.rmtree(layout.models, ignore_errors=True)
            _remove_configuration(layout)
    with contextlib.suppress(OSError):
        layout.prefix.rmdir()
    kept = [str(path) for path in (layout.config, layout.models) if path.exists()]
    _say("removed" + (f"; kept {' and '.join(kept)} (--purge takes them, too)" if kept else ""))


def _remove_configuration(layout: Layout) -> None:
    layout.config.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        layout.config.parent.rmdir()


def _reload(layout: Layout) -> None:
    _systemctl(layout, "daemon-reload")


def _systemctl(layout: Layout, *words: str) -> None:
    """Tell systemd, where it runs; elsewhere there is nobody to be told."""
    scope = [] if layout.for_all else ["--user"]
    with contextlib.suppress(OSError):
        subprocess.run(["systemctl", *scope, *words], capture_output=True, check=False)


@contextlib.contextmanager
def _step(what: str) -> Iterator[Callable[[], None]]:
    """Say what is being done; on a terminal, what is given shows for how long."""
    _say(f"{what} ...")
    began = time.monotonic()

    def tick() -> None:
        if sys.stdout.isatty():
            sys.stdout.write(f"\r  {time.monotonic() - began:.0f} s\r")
            sys.stdout.flush()

    yield tick
    _say(f"  done after {time.monotonic() - began:.0f} s")


def _python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"install: {line}\n")
