"""Reads the store that Ollama keeps.

Layout: ``manifests/HOST/OWNER/NAME/TAG`` is an OCI image manifest whose layers name
``blobs/sha256-HEX``; the layer of type ``application/vnd.ollama.image.model`` is a GGUF file, the
others hold a template (Go's, not Jinja), parameters, a system prompt and the licence's text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from gateway.provisioning.importing.fence import Fence
from gateway.provisioning.importing.folders import described
from gateway.provisioning.importing.found import Found, FoundFile, Licence, Skipped, Survey
from gateway.provisioning.importing.licences import UNKNOWN, first_known, of_text
from gateway.provisioning.importing.naming import model_id
from pipeline.errors import ModelError
from pipeline.models.formats.cursor import printable
from pipeline.models.formats.json_file import json_object

__all__ = ["KIND", "read_ollama", "store_folder"]

KIND: Final = "Ollama store"

_LAYER: Final = "application/vnd.ollama.image."
_MODEL, _TEMPLATE, _PARAMETERS = (f"{_LAYER}{each}" for each in ("model", "template", "params"))
_LICENCE, _SYSTEM = f"{_LAYER}license", f"{_LAYER}system"
_ADAPTER, _PROJECTOR = f"{_LAYER}adapter", f"{_LAYER}projector"
_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-f]{64})")
_MAX_MANIFEST: Final = 1 << 20
_MAX_LAYERS: Final = 1000
_HOST, _OWNER = "registry.ollama.ai", "library"


def store_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Return where the store is by the environment: OLLAMA_MODELS, else ``~/.ollama/models``."""
    if named := environment.get("OLLAMA_MODELS"):
        return Path(named).expanduser()
    return home / ".ollama" / "models"


def read_ollama(path: Path) -> Survey | None:
    """Return the models in a store, or None if the path is none.

    Args:
        path: The store, or the folder ``.ollama`` around it.

    Raises:
        ModelError: If it cannot be looked into.
    """
    for store in (path, path / "models"):
        if (store / "manifests").is_dir() and (store / "blobs").is_dir():
            fence = Fence.around(store)
            return sum((_read(store, fence, each) for each in _manifests(store, fence)), Survey())
    return None


def _manifests(store: Path, fence: Fence) -> Iterator[Path]:
    for folder in fence.folders(store / "manifests"):
        yield from (folder.path / name for name in folder.files)


@dataclass(frozen=True, slots=True)
class _Layer:
    kind: str
    sha256: str
    bytes: int


def _read(store: Path, fence: Fence, manifest: Path) -> Survey:
    label = _label(manifest.relative_to(store / "manifests").parts)
    try:
        layers = list(_layers(manifest))
    except ModelError as error:
        return Survey((Found(label, KIND, model_id(label), "llama.cpp", problem=str(error)),))
    models = [each for each in layers if each.kind == _MODEL]
    if len(models) != 1:
        count = len(models) or "no"
        return Survey(skipped=(Skipped(label, f"it has {count} GGUF files, expected one"),))
    return _survey(_model(store, fence, label, layers, models[0]))


def _survey(found: Found | Skipped) -> Survey:
    return Survey((found,)) if isinstance(found, Found) else Survey(skipped=(found,))


def _label(parts: tuple[str, ...]) -> str:
    """Return a model's name as Ollama shows it: ``llama3.2:1b``."""
    *place, tag = parts
    if place[:1] == [_HOST]:
        place = place[1:]
    if place[:1] == [_OWNER]:
        place = place[1:]
    return f"{'/'.join(place)}:{tag}"


def _layers(manifest: Path) -> Iterator[_Layer]:
    layers = json_object(manifest, limit=_MAX_MANIFEST).get("layers")
    if not isinstance(layers, list) or len(layers) > _MAX_LAYERS:
        raise ModelError(f"{manifest} has no list of layers, so it is no manifest of Ollama's")
    for layer in layers:
        if not isinstance(layer, dict):
            raise ModelError(f"{manifest} has a layer {layer!r:.40}, expected an object")
        match = _DIGEST.fullmatch(str(layer.get("digest", "")))
        size = layer.get("size")
        if match is None or type(size) is not int or size < 0:
            found = printable(repr(layer.get("digest")), 80)
            raise ModelError(f"{manifest} names {found}, expected sha256:HEX and a size")
        yield _Layer(str(layer.get("mediaType", "")), match[1], size)


def _model(
    store: Path, fence: Fence, label: str, layers: list[_Layer], model: _Layer
) -> Found | Skipped:
    name, _, tag = label.rpartition(":")
    id = model_id(name, "" if tag == "latest" else tag)
    blob = _blob(store, model)
    try:
        path = fence.resolved(blob)
    except ModelError as error:
        return Found(label, KIND, id, "llama.cpp", problem=f"{label}: {blob} {error}")
    size = path.stat().st_size
    if size != model.bytes:
        problem = f"{label}: {path} has {size} bytes, expected {model.bytes}"
        return Found(label, KIND, id, "llama.cpp", problem=problem)
    file = FoundFile(f"{id}.gguf", path, size, f"sha256:{model.sha256}")
    licence = first_known(*(_licence(store, fence, each) for each in layers))
    found = described(label, KIND, id, "llama.cpp", path, [file], licence)
    if isinstance(found, Skipped):
        return found
    return replace(found, remarks=(*found.remarks, *_remarks(store, fence, layers)), shared=True)


def _blob(store: Path, layer: _Layer) -> Path:
    """Return where a layer lies; versions before 0.1.30 put a colon into its name."""
    old = store / "blobs" / f"sha256:{layer.sha256}"
    return old if old.is_file() else store / "blobs" / f"sha256-{layer.sha256}"


def _text(store: Path, fence: Fence, layer: _Layer) -> str:
    """Return a layer's text; "" if it cannot be read."""
    try:
        path = fence.resolved(_blob(store, layer))
        with path.open("rb") as file:
            return file.read(_MAX_MANIFEST).decode(errors="replace")
    except (ModelError, OSError):
        return ""


def _licence(store: Path, fence: Fence, layer: _Layer) -> Licence:
    return of_text(_text(store, fence, layer)) if layer.kind == _LICENCE else UNKNOWN


def _remarks(store: Path, fence: Fence, layers: list[_Layer]) -> Iterator[str]:
    kinds = {layer.kind: layer for layer in layers}
    if _TEMPLATE in kinds:
        yield "Ollama's template is not taken over: the one in the GGUF file counts."
    if _PARAMETERS in kinds and (shown := _parameters(_text(store, fence, kinds[_PARAMETERS]))):
        yield f"Ollama's parameters are not taken over: {shown}."
    if _SYSTEM in kinds:
        yield "Ollama's system prompt is not taken over: see conversation.instructions."
    if _ADAPTER in kinds or _PROJECTOR in kinds:
        yield "Its adapters and projectors (pictures) are left out."


def _parameters(text: str) -> str:
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(content, dict):
        return ""
    return printable(", ".join(f"{key} = {value}" for key, value in content.items()), 120)
