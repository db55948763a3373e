"""The texts that a bundle brings: install.sh, the requirements for pip, and a README."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.provisioning.bundle.manifest import Manifest
from gateway.provisioning.bundle.wheel import Wheel

__all__ = ["install_script", "readme", "requirements"]

_SCRIPT: Final = """\
#!/bin/sh
# Installs Parley from this folder: ./install.sh --help tells how. PYTHON=... names an interpreter.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
recent='import sys; sys.exit(sys.version_info < (3, 11))'
fitting='import sys; sys.exit("%d.%d" % sys.version_info[:2] not in "{pythons}".split())'

find_python() {{
  for candidate in "${{PYTHON:-}}" python3 {names} python; do
    if [ -n "$candidate" ] && "$candidate" -c "$1" >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
    if [ -n "$candidate" ] && [ "$candidate" = "${{PYTHON:-}}" ]; then
      return
    fi
  done
}}

python=$(find_python "$fitting")
if [ -z "$python" ]; then
  python=$(find_python "$recent")
fi
if [ -z "$python" ]; then
  echo "install: this bundle needs Python {pythons}, which was not found${{PYTHON:+ at $PYTHON}};" \
    "install python{first} and python{first}-venv" >&2
  exit 2
fi
exec "$python" -I -B "$here/install.py" "$@"
"""

_README: Final = """\
# Parley {parley} for {platform}, Python {pythons}

Everything that Parley needs, for a machine without internet. Made {created}, profile `{profile}`.

    ./install.sh                  as root for the whole machine, else for you alone
    ./install.sh --prefix DIR     into a folder of your choice
    ./install.sh --help           all choices, among them --rollback and --uninstall

It needs Python {pythons} with venv, glibc {glibc} or newer, and a processor with {cpu}.
It checks every file here against SHA256SUMS first, connects to nothing, and runs `parley check`
before the new release is put to use.

- `SHA256SUMS`: hashes of all files; `sha256sum -c SHA256SUMS` checks them as well. They tell
  damage, not forgery: compare the archive's own hash with the one that its maker gave you.
- `{sbom}`: the software bill of materials (CycloneDX), with versions, licences and hashes.
- `manifest.json`: what this is for, and what it asks of the machine.
- `wheels/`, `requirements/`: Python packages. `models/`: models, if they are not in Parley's wheel.

Models: {models}.

Licences: Parley is under Apache-2.0. piper-tts, which comes along, is under GPL-3.0-or-later, and
parts of PyAV's wheels (x264, x265) under GPL-2.0-or-later: whoever passes this bundle on passes on
the combination, and has to offer the corresponding source. Using it asks nothing of you.
"""


def install_script(pythons: Sequence[str]) -> str:
    """Return install.sh, which looks for one of these versions of Python."""
    names = " ".join(f"python{version}" for version in pythons)
    return _SCRIPT.format(pythons=" ".join(pythons), names=names, first=pythons[0])


def readme(manifest: Manifest, sbom: str) -> str:
    """Return the README."""
    return _README.format(
        parley=manifest.parley,
        platform=manifest.platform,
        pythons=" or ".join(manifest.pythons),
        created=manifest.created,
        profile=manifest.profile,
        glibc=".".join(map(str, manifest.glibc)),
        cpu=", ".join(manifest.cpu) or "nothing special",
        models=", ".join(model.id for model in manifest.models) or "none",
        sbom=sbom,
    )


def requirements(wheels: Sequence[Wheel]) -> str:
    """Return what pip installs, with hashes (``pip install --require-hashes``)."""
    ordered = sorted(wheels, key=lambda wheel: wheel.name)
    return "".join(f"{one.name}=={one.version} --hash=sha256:{one.sha256}\n" for one in ordered)
