"""Which profile fits which machine, as a table; costs as on one core of an EPYC."""

from dataclasses import replace

import pytest

from gateway.provisioning.calibration import UNMEASURED, Speeds
from gateway.provisioning.costs import CostBook, RecognitionCost
from gateway.provisioning.fitting import TALK, judge, recommend
from gateway.provisioning.hardware import Hardware
from gateway.provisioning.recommend import candidate
from pipeline.devices import Gpu
from pipeline.models import Catalogue

GB = 1_000_000_000
X86 = frozenset({"avx", "avx2", "fma", "f16c"})


def recognizer(final, partial):
    contexts = {name: {"audio": 3.7, "cpu": partial, "wall": partial} for name in ("5", "8")}
    return {
        "kind": "recognizer",
        "file_bytes": 1,
        "final_3s": {"cpu": final, "wall": final},
        "partial_by_context": contexts,
    }


COSTS = CostBook(
    "EPYC",
    {
        "whisper-base": recognizer(0.14, 0.10),
        "whisper-small": recognizer(0.5, 0.4),
        "llama-0.5b": {
            "kind": "language_model",
            "file_bytes": 639_446_688,
            "prefill_tokens_per_cpu_second": 123.0,
            "decode_tokens_per_cpu_second": 35.0,
        },
        "piper-medium": {"kind": "voice", "file_bytes": 1, "real_time_factor_cpu": 0.08},
    },
    sizes={
        "whisper-base": 147_882_941, "whisper-small": 486_212_372,
        "llama-0.5b": 639_446_688, "piper-medium": 63_531_379,
    },
)  # fmt: skip
NAMES = ("gpu-24gb", "gpu-8gb", "cpu-8", "cpu-2", "starter")


def candidates(speeds=UNMEASURED):
    catalogue = Catalogue.load()
    return [candidate(catalogue.profile(name), COSTS, speeds) for name in NAMES]


def machine(cores, memory, *gpus, flags=X86, architecture="x86_64"):
    return Hardware("EPYC", architecture, cores, cores, flags, memory * GB, gpus)


def gpu(name, memory, capability):
    return Gpu(name, round(memory * GB), capability, "550")


@pytest.mark.parametrize(
    ("hardware", "profile", "device"),
    [
        pytest.param(machine(2, 8), "cpu-2", "cpu", id="two cores"),
        pytest.param(machine(1, 4), "cpu-2", "cpu", id="one core"),
        pytest.param(machine(8, 16), "cpu-8", "cpu", id="eight cores"),
        pytest.param(machine(8, 4), "cpu-2", "cpu", id="eight cores, little memory"),
        pytest.param(
            machine(8, 32, gpu("RTX 3070", 8.59, (8, 6))), "gpu-8gb", "cuda", id="8 GB GPU"
        ),
        pytest.param(
            machine(8, 32, gpu("RTX 5060", 8.59, (12, 0))), "gpu-8gb", "cuda", id="8 GB Blackwell"
        ),
        pytest.param(
            machine(16, 64, gpu("RTX 4090", 25.77, (8, 9))), "gpu-24gb", "cuda", id="24 GB GPU"
        ),
        pytest.param(
            machine(16, 64, gpu("RTX 4070", 12.9, (8, 9))), "gpu-8gb", "cuda", id="12 GB GPU"
        ),
        pytest.param(
            machine(8, 16, gpu("GTX 750", 2.1, (5, 0))), "cpu-8", "cpu", id="old GPU"
        ),
        pytest.param(
            machine(4, 2, flags=frozenset({"asimd"}), architecture="aarch64"),
            "starter",
            "cpu",
            id="Raspberry Pi with 2 GB",
        ),
        pytest.param(machine(8, 16, flags=frozenset({"avx"})), "starter", "cpu", id="no AVX2"),
        pytest.param(machine(8, 0), "cpu-8", "cpu", id="unknown memory"),
    ],
)  # fmt: skip
def test_a_machine_gets_the_largest_profile_that_fits(hardware, profile, device):
    found = recommend(hardware, candidates(), UNMEASURED)
    assert (found.profile, found.verdict.device) == (profile, device)
    assert found.verdict.fits
    assert found.verdict.reasons
    larger = NAMES[: NAMES.index(profile)]
    assert set(found.rejected) == set(larger)
    assert all(reasons for reasons in found.rejected.values())


def test_more_cores_bear_more_conversations():
    counts = []
    for cores in (2, 4, 8, 16, 32):
        verdict = judge(machine(cores, 64), candidates()[3])
        assert verdict.fits
        counts.append(verdict.sessions)
    assert counts == sorted(counts)
    assert 1 <= counts[0] < counts[-1]


def test_a_slower_machine_bears_less_and_at_last_nothing_but_the_starter():
    here = machine(2, 8)
    quick = judge(here, candidates(Speeds(2, 2, 2, 2, is_measured=True))[3]).sessions
    usual = judge(here, candidates()[3]).sessions
    assert quick > usual
    slow = Speeds(0.2, 0.2, 0.2, 0.2, is_measured=True)
    found = recommend(here, candidates(slow), slow)
    assert found.profile == "starter"
    assert any("tokens/s" in reason for reason in found.rejected["cpu-2"])


def test_the_smallest_real_profile_is_taken_by_the_patient_before_the_starter():
    slow = Speeds(0.6, 0.6, 0.6, 0.6, is_measured=True)
    here = machine(1, 8)
    assert not judge(
        here, replace(candidates(slow)[3], recognition=RecognitionCost(1.5, 1, "x"))
    ).fits
    listed = candidates(slow)
    listed[3] = replace(listed[3], recognition=RecognitionCost(1.5, 0.4, "x"))
    found = recommend(here, listed, slow)
    assert found.profile == "cpu-2"
    assert any("feel slow" in note and "recognition" in note for note in found.notes)
    assert "cpu-2" not in found.rejected


def test_each_engine_that_cannot_keep_up_is_a_reason_of_its_own():
    fine = candidates()[3]
    here = machine(2, 8)
    slow_ears = replace(fine, recognition=replace(fine.recognition, final=3.0))
    slow_voice = replace(fine, speech=replace(fine.speech, real_time_factor=0.9))
    slow_reader = replace(fine, language=replace(fine.language, prefill=5.0))
    for slow, word in ((slow_ears, "recognition"), (slow_voice, "voice"), (slow_reader, "sound")):
        verdict = judge(here, slow)
        assert not verdict.fits
        assert any(word in reason for reason in verdict.reasons), verdict.reasons


def test_what_was_scaled_by_size_says_so():
    reasons = " ".join(judge(machine(8, 16), candidates()[2]).reasons)
    assert "scaled by size from llama-0.5b" in reasons
    assert "scaled" not in " ".join(judge(machine(2, 8), candidates()[3]).reasons)


def test_nothing_is_said_of_a_gpu_s_speed_that_was_not_measured():
    verdict = judge(machine(8, 32, gpu("RTX 3070", 8.59, (8, 6))), candidates()[1])
    assert verdict.sessions is None
    assert verdict.compute_type == "int8_float16"
    assert any("not measured" in reason for reason in verdict.reasons)


def test_a_machine_without_avx2_is_told_to_compile():
    found = recommend(machine(8, 16, flags=frozenset({"avx"})), candidates(), UNMEASURED)
    assert any("--no-binary" in note for note in found.notes)


def test_where_even_the_smallest_does_not_fit_it_is_named_with_a_warning():
    here = replace(machine(1, 1), memory_bytes=100_000_000)
    found = recommend(here, candidates(), UNMEASURED)
    assert found.profile == "starter"
    assert not found.verdict.fits
    assert any("too much" in note for note in found.notes)


def test_a_reserve_is_left():
    assert TALK.tokens_per_second >= 2 * 5
    assert TALK.busy < 1
