"""Measurements of a machine that does not exist, with round numbers."""

from benchmarks.sizing.measured import (
    DetectorCost,
    EngineCosts,
    LanguageModelCost,
    MediaCost,
    Ramp,
    RampStep,
    RecognizerCost,
    Sizing,
    VoiceCost,
)

ENGINES = EngineCosts(
    RecognizerCost("ears", "cpu", 2, 0.1, 0.2, 0.3, 0.6, 2.0),
    LanguageModelCost("brain", "cuda", 0.06, 0.01, 0.02, 0.002, 4.0),
    VoiceCost("mouth", "cpu", 1, 0.1, 0.2, 0.05, 16.0),
)
MEDIA = MediaCost("opus/16000/20", 12, 0.01, 0.3, 5.0, 0.2)
STEPS = (
    RampStep(2, 40, 0, 400.0, 450.0, 0.3, 500_000_000, {"recognizer": 0.1}, ()),
    RampStep(4, 80, 2, 600.0, 950.0, 0.7, None, {"recognizer": 0.4}, ("latency_ratio",)),
)
RAMP = Ramp("opus/16000/20", STEPS, 2, "latency_ratio", 0.28, ("the client was slow",))


def sizing(**changes):
    values = {
        "date": "2026-11-21T12:00:00+00:00",
        "command": "parley bench size --profile mine",
        "processor": "Abacus 9",
        "cores": 4,
        "memory_bytes": 8 * 2**30,
        "system": "Linux 6",
        "gpu": "",
        "load_average": 0.25,
        "versions": {"python": "3.11.7"},
        "profile": "mine",
        "engines": ENGINES,
        "detector": DetectorCost(0.007, 0.0004),
        "media": (MEDIA,),
        "ramp": RAMP,
        "user_share": 0.3,
        "reply_share": 0.25,
        "turn_s": 3.0,
        "quick": False,
    }
    return Sizing(**{**values, **changes})
