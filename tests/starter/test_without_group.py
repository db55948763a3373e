"""The group of the recipes is optional: `make test` must not need it."""

import subprocess
import sys
from pathlib import Path

_COLLECT = """
import sys
sys.modules.update(dict.fromkeys("torch scipy onnx gguf jiwer pocketsphinx".split()))
import pytest
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "tests/starter"]))
"""


def test_the_tests_can_be_collected_without_the_group() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _COLLECT], cwd=root, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout[-2000:]
