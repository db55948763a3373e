"""The software bill of materials: CycloneDX 1.6, as JSON.

Written by hand, since a bundle has two kinds of components only; the tests hold it against the
published schema. https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

from gateway.provisioning.bundle.manifest import Manifest, PackedModel
from gateway.provisioning.bundle.wheel import Wheel

__all__ = ["NAME", "bill"]

NAME: Final = "sbom.cdx.json"
_NAMESPACE: Final = uuid.UUID("5b9a3c52-6e0a-5d0b-9a51-2f0d6c6c7a11")
"""Of serial numbers: the same content has the same number."""

_ALIASES: Final = {
    "mit license": "MIT", "mit": "MIT", "isc": "ISC", "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0", "apache software license": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause", "bsd-2-clause": "BSD-2-Clause",
    "gpl-3.0-or-later": "GPL-3.0-or-later", "mpl-2.0": "MPL-2.0", "psf-2.0": "PSF-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}  # fmt: skip
"""What packages call a licence to its SPDX identifier, where that is beyond doubt."""

_CONTAINED: Final = {
    "av": "FFmpeg (LGPL-3.0-or-later), x264 and x265 (GPL-2.0-or-later)",
    "piper-tts": "espeak-ng (GPL-3.0-or-later)",
}
"""What wheels hold of others' under licences that their own metadata does not tell."""

_OPERATOR: Final = re.compile(r" (AND|OR|WITH) ")
"""Joins SPDX identifiers to an expression."""


def bill(manifest: Manifest, wheels: Sequence[Wheel]) -> str:
    """Return the bill of a bundle.

    Args:
        manifest: Says the time, the platform and the models.
        wheels: All of them, the application's own as well.
    """
    components = [_wheel(one) for one in sorted(wheels, key=lambda one: one.path.name)]
    components += [_model(one) for one in manifest.models]
    content = json.dumps(components, sort_keys=True)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, manifest.created + content)}",
        "version": 1,
        "metadata": {
            "timestamp": manifest.created,
            "tools": {"components": [{"type": "application", "name": "parley",
                                      "version": manifest.parley}]},
            "component": {
                "type": "application",
                "bom-ref": "parley-bundle",
                "name": f"parley-bundle-{manifest.platform}",
                "version": manifest.parley,
                "licenses": _licences("Apache-2.0", ""),
            },
        },
        "components": components,
        "dependencies": [_dependency(wheels, manifest.models)],
    }  # fmt: skip
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _wheel(wheel: Wheel) -> dict[str, Any]:
    name, version = quote(wheel.name), quote(wheel.version, safe="")
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"wheel:{wheel.path.name}",
        "name": wheel.name,
        "version": wheel.version,
        "purl": f"pkg:pypi/{name}@{version}?file_name={quote(wheel.path.name)}",
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        "properties": [{"name": "parley:file", "value": f"wheels/{wheel.path.name}"}],
    }
    if contained := _CONTAINED.get(wheel.name):
        component["properties"].append({"name": "parley:contains", "value": contained})
    if wheel.summary:
        component["description"] = wheel.summary
    if licences := _licences(wheel.licence, wheel.licence_text):
        component["licenses"] = licences
    return component


def _model(model: PackedModel) -> dict[str, Any]:
    where = f"models/{model.id}/" if model.packed else "pipeline/data/ in parley's wheel: "
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{model.id}",
        "name": model.id,
        "properties": [{"name": "parley:files", "value": where}],
        "components": [
            {
                "type": "file",
                "bom-ref": f"model:{model.id}/{name}",
                "name": name,
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
            for name, digest in sorted(model.files.items())
        ],
    }
    if licences := _licences(model.licence, ""):
        component["licenses"] = licences
    return component


def _licences(expression: str, text: str) -> list[dict[str, Any]]:
    if not expression:
        expression = _ALIASES.get(text.lower(), "")
    if _OPERATOR.search(expression):
        return [{"expression": expression}]
    if expression in _KNOWN:
        return [{"license": {"id": expression}}]
    named = expression or text
    return [{"license": {"name": named}}] if named else []


def _dependency(wheels: Iterable[Wheel], models: Iterable[PackedModel]) -> dict[str, Any]:
    parts = [f"wheel:{one.path.name}" for one in wheels] + [f"model:{one.id}" for one in models]
    return {"ref": "parley-bundle", "dependsOn": sorted(parts)}


_KNOWN: Final = frozenset(
    (*_ALIASES.values(), "LGPL-2.1-or-later", "LGPL-2.1-only", "LGPL-3.0-or-later", "0BSD", "Zlib",
     "Unlicense", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0",
     "GPL-2.0-or-later", "GPL-3.0-only", "AGPL-3.0-or-later")
)  # fmt: skip
"""SPDX identifiers that stand alone; the schema takes any text as a name, but not as an id."""
