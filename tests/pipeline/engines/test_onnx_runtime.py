"""onnxruntime is imported without its telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.engines.onnx_runtime import SWITCH, import_onnxruntime


def test_the_switch_is_set_before_the_import_and_a_user_s_own_value_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    assert hasattr(import_onnxruntime(), "InferenceSession")
    assert os.environ[SWITCH] == "1"
    monkeypatch.setenv(SWITCH, "0")
    import_onnxruntime()
    assert os.environ[SWITCH] == "0"


def test_loading_a_detector_leaves_nothing_in_the_user_s_cache(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != SWITCH}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    code = "from pipeline.engines import silero; silero.load()"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == []
