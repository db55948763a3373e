"""Peers as these tests run them: on this very interpreter, which has what the floor needs."""

import importlib.util
import sys
from pathlib import Path

import pytest

from benchmarks.peers.servers import PARLEY, PEERS, Environment
from benchmarks.peers.terms import Terms

__all__ = ["BRISK", "FLOOR", "PARLEY_HERE", "needs_uvloop"]

BRISK = Terms(silence_ms=300, stt_ms=1, llm_ms=20, tts_ms=20, reply_words=5, reply_share=0.4)
"""A conversation that does not take long."""

FLOOR = Environment(PEERS["floor"], Path(sys.executable))
PARLEY_HERE = Environment(PEERS[PARLEY], None)

needs_uvloop = pytest.mark.skipif(
    importlib.util.find_spec("uvloop") is None, reason="the floor runs on uvloop"
)
