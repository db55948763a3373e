"""Takes the models of an unpacked bundle into a store; the installer runs it in the new release."""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.provisioning.bundle.manifest import Manifest, parse
from pipeline.errors import PipelineError
from pipeline.models.store import Store

__all__ = ["main", "take_models"]


def take_models(bundle: Path, manifest: Manifest, store: Store) -> None:
    """Copy every packed model into a store; what it has already stays.

    Raises:
        ModelError: A file is not what the manifest says, or the store cannot be written to.
    """
    for model in manifest.models:
        if not model.packed:
            continue
        for name, digest in model.files.items():
            store.adopt(bundle / "models" / model.id / name, sha256=digest, move=False)
        store.link(model.id, dict(model.files))
        if model.entry is not None:
            store.add_entry(model.id, model.entry)


def main(arguments: list[str]) -> int:
    """Run with the bundle's folder and the store's; return 0, or 2 after one line."""
    bundle, store = map(Path, arguments)
    try:
        manifest = parse((bundle / "manifest.json").read_text(encoding="utf-8"))
        take_models(bundle, manifest, Store(store))
    except PipelineError as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
