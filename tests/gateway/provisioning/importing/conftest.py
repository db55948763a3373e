from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.models import random_gguf, tiny_whisper
from tests.models.tiny_onnx import write_voice


@dataclass(frozen=True)
class Small:
    """Small models that are as real as headers can tell."""

    whisper: Path
    gguf: Path
    voice: Path

    @property
    def whisper_files(self) -> dict[str, Path]:
        return {path.name: path for path in sorted(self.whisper.iterdir())}

    @property
    def voice_files(self) -> list[Path]:
        return [self.voice, self.voice.with_name(f"{self.voice.name}.json")]


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Small:
    folder = tmp_path_factory.mktemp("small")
    return Small(
        tiny_whisper.build(folder / "whisper-tiny-xx", multilingual=True),
        random_gguf.write(folder / "chat-F16.gguf", random_gguf.Geometry(32, 32, 1)),
        write_voice(folder / "en_GB-tiny-medium.onnx"),
    )


@pytest.fixture
def store(tmp_path) -> Path:
    return tmp_path / "store"
