"""Reads a Piper voice: the network, and the description in the ``.onnx.json`` beside it.

Keys as ``piper.config.PiperConfig.from_dict`` of piper-tts 1.8 reads them; inputs as its
``PiperVoice`` feeds them. What the engine here cannot use is refused with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pipeline.errors import ModelError
from pipeline.models.formats.cursor import printable
from pipeline.models.formats.json_file import json_object
from pipeline.models.formats.onnx import Onnx, Port, read_onnx

__all__ = ["PiperVoice", "config_of", "halves_of", "read_piper"]

_MAX_CONFIG: Final = 1 << 22
_FLOAT32, _INT64 = 1, 7
_INPUTS: Final = MappingProxyType({"input": _INT64, "input_lengths": _INT64, "scales": _FLOAT32})
_SPEAKER: Final = "sid"
_PHONEMES: Final = ("espeak", "text")
_MARKS: Final = ("^", "_", "$")
_ESPEAK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+-]{0,63}")
_HALVES: Final = (".frames", ".vocoder")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class PiperVoice:
    """A voice.

    Attributes:
        files: Names of its files: the network, its description, its halves if they are there.
        sample_rate: Hz.
        language: BCP 47 tag.
        espeak_voice: Whose rules spell its phonemes.
        speakers: How many it has.
        quality: As the voice's maker calls it, or "".
        has_durations: Whether it can tell how long each phoneme lasts.
        weight_bytes: Of the network.
    """

    files: tuple[str, ...]
    sample_rate: int
    language: str
    espeak_voice: str
    speakers: int
    quality: str
    has_durations: bool
    weight_bytes: int


def config_of(path: Path) -> Path:
    """Return where the description of a voice's network lies."""
    return path.with_name(f"{path.name}.json")


def halves_of(name: str, names: Collection[str]) -> tuple[str, ...]:
    """Return the files with the two halves of a voice for streaming, if both are there.

    Args:
        name: Of the network.
        names: Of all files beside it.
    """
    halves = tuple(f"{name}{ending}" for ending in _HALVES)
    return halves if all(half in names for half in halves) else ()


def read_piper(path: Path) -> PiperVoice:
    """Read a voice.

    Args:
        path: The ``.onnx`` file.

    Raises:
        ModelError: If one of its files is missing or broken, or they do not belong together.
    """
    config = config_of(path)
    if not config.is_file():
        message = f"{path} has no {config.name} beside it; a Piper voice needs both"
        raise ModelError(message)
    reader = _Config(config, json_object(config, limit=_MAX_CONFIG))
    speakers = reader.whole("num_speakers", 1, 1 << 16)
    rate = reader.table("audio").whole("sample_rate", 8000, 48000)
    espeak = _espeak(reader)
    _check_phonemes(reader)
    _check_inference(reader)
    _check_speakers(reader, speakers)
    network = read_onnx(path)
    _check_inputs(path, network, speakers)
    audio = reader.table("audio")
    return PiperVoice(
        files=(path.name, config.name, *halves_of(path.name, _names_beside(path))),
        sample_rate=rate,
        language=_language(reader, espeak),
        espeak_voice=espeak,
        speakers=speakers,
        quality=printable(str(audio.content.get("quality", "")), 20),
        has_durations="Ceil" in network.operators,
        weight_bytes=network.weight_bytes,
    )


def _names_beside(path: Path) -> frozenset[str]:
    return frozenset(each.name for each in path.parent.iterdir() if each.is_file())


@dataclass(frozen=True, slots=True)
class _Config:
    """A table of the description, and how to complain about it."""

    path: Path
    content: Mapping[str, Any]
    prefix: str = ""

    def error(self, key: str, expected: str) -> ModelError:
        value = printable(repr(self.content.get(key)), 60)
        found = value if key in self.content else "missing"
        place = f"{self.prefix}{printable(key, 40)}"
        return ModelError(f"{self.path}: {place} is {found}, expected {expected}")

    def table(self, key: str, *, optional: bool = False) -> _Config:
        content = self.content.get(key, {} if optional else None)
        if not isinstance(content, dict):
            raise self.error(key, "a table")
        return _Config(self.path, content, f"{self.prefix}{key}.")

    def whole(self, key: str, least: int, most: int) -> int:
        value = self.content.get(key)
        if type(value) is not int or not least <= value <= most:
            raise self.error(key, f"a whole number from {least} to {most}")
        return value


def _espeak(reader: _Config) -> str:
    if (kind := reader.content.get("phoneme_type", "espeak")) not in _PHONEMES:
        raise reader.error("phoneme_type", f"{' or '.join(_PHONEMES)}; choose another voice")
    table = reader.table("espeak")
    voice = table.content.get("voice")
    # The name is looked up as a file below espeak's data.
    if not isinstance(voice, str) or not (
        _ESPEAK.fullmatch(voice) or (not voice and kind == "text")
    ):
        raise table.error("voice", "a voice of espeak-ng, such as en-us")
    return voice


def _check_phonemes(reader: _Config) -> None:
    symbols = reader.whole("num_symbols", 1, 1 << 16)
    table = reader.table("phoneme_id_map")
    for phoneme, ids in table.content.items():
        if not isinstance(ids, list) or not all(_is_index(number, symbols) for number in ids):
            raise table.error(phoneme, f"a list of numbers below num_symbols ({symbols})")
    if missing := [mark for mark in _MARKS if mark not in table.content]:
        raise table.error(missing[0], "the number of that mark")


def _check_inference(reader: _Config) -> None:
    table = reader.table("inference", optional=True)
    for key, least, most in (
        ("noise_scale", 0.0, 10.0),
        ("length_scale", 0.05, 20.0),
        ("noise_w", 0.0, 10.0),
    ):
        value = table.content.get(key, 1.0)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not least <= value <= most:
            raise table.error(key, f"a number from {least:g} to {most:g}")


def _check_speakers(reader: _Config, speakers: int) -> None:
    table = reader.table("speaker_id_map", optional=True)
    for name, number in table.content.items():
        if not _is_index(number, speakers):
            raise table.error(name, f"a number below num_speakers ({speakers})")


def _check_inputs(path: Path, network: Onnx, speakers: int) -> None:
    ports = {port.name: port for port in network.inputs}
    expected = dict(_INPUTS) | ({_SPEAKER: _INT64} if speakers > 1 else {})
    for name, element in expected.items():
        if name not in ports or ports[name].element != element:
            found = ", ".join(map(_shown, network.inputs)) or "none"
            message = f"{path} has the inputs {printable(found, 120)}, expected {name} of type "
            raise ModelError(message + f"{element}: is it a Piper voice?")
    # A voice of one speaker may be exported with the input of many.
    if surplus := sorted(set(ports) - set(expected) - {_SPEAKER}):
        message = f"{path} has an input {printable(surplus[0], 40)!r} that a Piper voice lacks"
        raise ModelError(message)
    if not network.outputs or network.outputs[0].element != _FLOAT32:
        raise ModelError(f"{path} has no output of float samples: is it a Piper voice?")


def _shown(port: Port) -> str:
    return f"{port.name} ({port.element})"


def _language(reader: _Config, espeak: str) -> str:
    language = reader.content.get("language")
    code = language.get("code") if isinstance(language, dict) else None
    code = espeak if code is None else code
    if not isinstance(code, str) or not (_LANGUAGE.fullmatch(code) or not code):
        raise ModelError(f"{reader.path}: language.code is {code!r}, expected such as en_US")
    return code.replace("_", "-")


def _is_index(value: object, count: int) -> bool:
    return type(value) is int and 0 <= value < count
