"""Which of several profiles fits a machine, how many conversations it bears, and why. Pure.

A profile fits if its models fit into memory (a GPU's, if there is one that can take them) and if,
on processors, each engine keeps up with a conversation. What a conversation does is stated in
`TALK`; costs are those of one core of the machine in question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.provisioning.calibration import Speeds
from gateway.provisioning.costs import LanguageCost, RecognitionCost, VoiceCost
from gateway.provisioning.hardware import Hardware
from pipeline.devices import Gpu, compute_types
from pipeline.threads import plan_threads

__all__ = [
    "PATIENT",
    "PROCESS_BYTES",
    "TALK",
    "Candidate",
    "Recommendation",
    "Talk",
    "Verdict",
    "judge",
    "recommend",
]


@dataclass(frozen=True, slots=True)
class Talk:
    """One round of a conversation, and what people put up with.

    Attributes:
        listening: Seconds that the user speaks.
        speaking: Seconds that the reply sounds.
        round_seconds: From one turn to the next, pauses included.
        partial_every: Seconds between partial transcripts.
        prompt_tokens: That are read anew: the user's words, the time, the template's marks.
        reply_tokens: That are written.
        clause_tokens: Until the first clause can be spoken.
        finals: Final passes for a turn; some are taken back when the user goes on.
        overhead: Cores for voice detection, codecs and the event loop, while it goes on.
        tokens_per_second: That speech needs, times a reserve of two.
        final_within: Seconds for the transcript.
        sound_within: Seconds from the end of a turn to the first sound.
        voice_within: Real-time factor.
        busy: Share of the cores that may be busy on average, so that peaks find room.
    """

    listening: float = 4.0
    speaking: float = 8.0
    round_seconds: float = 15.0
    partial_every: float = 0.7
    prompt_tokens: int = 40
    reply_tokens: int = 40
    clause_tokens: int = 12
    finals: float = 1.5
    overhead: float = 0.02
    tokens_per_second: float = 10.0
    final_within: float = 1.0
    sound_within: float = 2.5
    voice_within: float = 0.5
    busy: float = 0.7


TALK: Final = Talk()

PATIENT: Final = Talk(
    tokens_per_second=5.0, final_within=2.0, sound_within=5.0, voice_within=0.9, busy=0.9
)
"""What people put up with who have nothing better: the voice does not stutter, but they wait."""

PROCESS_BYTES: Final = 400_000_000
"""Of Python, the libraries and the event loop, before any model."""
_CUDA_BYTES: Final = 600_000_000
"""Of a CUDA context and its kernels."""
_MEMORY_SHARE: Final = 0.85
_VRAM_SHARE: Final = 0.93
_OLDEST_GPU: Final = (6, 1)
_SECOND_THREAD: Final = 0.7
"""What each further thread adds to a language model's speed; 0.4 to 0.9 were measured with two."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile with what it needs.

    Attributes:
        name: The profile's.
        recognizer, language_model, voice: Names of its models.
        quantization: Of the language model, as its file's name says.
        memory_bytes: On processors, all together.
        vram_bytes: On a GPU: recognizer and language model, with 8-bit and with 16-bit weights of
            the recognizer.
        recognition, language, speech: Costs on one core of this machine.
        is_last_resort: Whether it is taken whatever it costs.
    """

    name: str
    recognizer: str
    language_model: str
    voice: str
    quantization: str
    memory_bytes: int
    vram_bytes: tuple[int, int]
    recognition: RecognitionCost
    language: LanguageCost
    speech: VoiceCost
    is_last_resort: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one profile on one machine.

    Attributes:
        fits: Whether it can be served.
        device: "cuda" or "cpu": where recognizer and language model run.
        compute_type: Of the recognizer, by CTranslate2's name.
        sessions: Conversations at once, roughly; None where nothing was measured.
        reasons: One line each: what speaks for it, or, if it does not fit, what against.
    """

    fits: bool
    device: str
    compute_type: str
    sessions: int | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The outcome.

    Attributes:
        profile: To use.
        candidate: The same with its models.
        verdict: Why it.
        rejected: Larger profiles, and why not.
        notes: What else should be known or done.
    """

    profile: str
    candidate: Candidate
    verdict: Verdict
    rejected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def recommend(
    hardware: Hardware, candidates: Sequence[Candidate], speeds: Speeds, *, talk: Talk = TALK
) -> Recommendation:
    """Choose the first candidate that fits. Pure.

    Args:
        hardware: What is there.
        candidates: The most capable first; the last one is taken if nothing else fits, and the
            last but one before it if it is bearable for those who are patient.
        speeds: For what is said of them.
        talk: What a conversation does.
    """
    verdicts = [judge(hardware, each, talk) for each in candidates]
    notes = [] if speeds.is_measured else ["not calibrated: costs are the reference machine's"]
    fitting = [number for number, verdict in enumerate(verdicts) if verdict.fits]
    place = fitting[0] if fitting else len(candidates) - 1
    if candidates[place].is_last_resort and place > 0:
        # The last resort is for trying out. Rather the smallest real profile, if it works at all.
        slow = judge(hardware, candidates[place - 1], PATIENT)
        if slow.fits:
            place -= 1
            notes.append(f"it will feel slow: {'; '.join(verdicts[place].reasons)}")
            verdicts[place] = slow
    chosen, verdict = candidates[place], verdicts[place]
    rejected = {candidates[number].name: verdicts[number].reasons for number in range(place)}
    if hardware.lacks_avx2:
        notes.append(
            "this processor lacks AVX2: llama.cpp has to be compiled on it "
            "(pip install --no-binary llama-cpp-python llama-cpp-python)"
        )
    if not verdict.fits:
        notes.append("even the smallest profile is too much for this machine; it may stutter")
    return Recommendation(chosen.name, chosen, verdict, rejected, tuple(notes))


def judge(hardware: Hardware, candidate: Candidate, talk: Talk = TALK) -> Verdict:
    """Say whether a profile fits a machine: on its GPU if that takes it, else on processors."""
    if hardware.gpu is not None:
        on_gpu = _judge_gpu(hardware, hardware.gpu, candidate, talk)
        if on_gpu.fits:
            return on_gpu
        on_cpu = _judge_cpu(hardware, candidate, talk)
        return (
            on_cpu
            if on_cpu.fits
            else Verdict(
                False, "cuda", on_gpu.compute_type, None, (*on_gpu.reasons, *on_cpu.reasons)
            )
        )
    return _judge_cpu(hardware, candidate, talk)


def _judge_gpu(hardware: Hardware, gpu: Gpu, candidate: Candidate, talk: Talk) -> Verdict:
    compute = compute_types("cuda", gpu)[0]
    needed = candidate.vram_bytes[0 if "int8" in compute else 1] + _CUDA_BYTES
    room = int(gpu.memory_bytes * _VRAM_SHARE)
    against = []
    if gpu.capability is not None and gpu.capability < _OLDEST_GPU:
        against.append(f"{gpu.name} is too old: compute capability below 6.1")
    if needed > room:
        against.append(f"GPU memory: {_gb(needed)} needed, {gpu.name} has {_gb(room)} to give")
    if candidate.is_last_resort:
        against.append("made for processors")
    if against:
        return Verdict(False, "cuda", compute, None, tuple(against))
    voices = hardware.cores * talk.busy * talk.round_seconds
    voices /= talk.speaking * candidate.speech.real_time_factor + talk.overhead * talk.round_seconds
    reasons = (
        f"GPU memory: {_gb(needed)} of {_gb(gpu.memory_bytes)} are needed",
        f"recognition ({candidate.recognizer}) and language model ({candidate.language_model}) run "
        f"on {gpu.name}, in {compute} and {candidate.quantization}",
        f"the voice ({candidate.voice}) stays on the CPU: real-time factor "
        f"{candidate.speech.real_time_factor:.2f}, so at most {math.floor(voices)} conversations",
        "how many the GPU bears was not measured: run parley bench size",
    )
    return Verdict(True, "cuda", compute, None, reasons)


def _judge_cpu(hardware: Hardware, candidate: Candidate, talk: Talk) -> Verdict:
    compute = compute_types("cpu")[0]
    against = _against_cpu(hardware, candidate, talk)
    if against:
        return Verdict(False, "cpu", compute, None, tuple(against))
    sessions = _sessions(hardware, candidate, talk)
    many = "one conversation at a time" if sessions == 1 else f"about {sessions} conversations"
    reasons = (
        f"memory: {_gb(candidate.memory_bytes)} of {_gb(hardware.memory_bytes)} are needed"
        if hardware.memory_bytes
        else f"memory: {_gb(candidate.memory_bytes)} are needed",
        _recognition_line(candidate, compute),
        _language_line(hardware, candidate, talk),
        f"voice: real-time factor {candidate.speech.real_time_factor:.2f} "
        f"({candidate.voice}{_by_size(candidate.speech)})",
        f"first sound about {_first_sound(hardware, candidate, talk):.1f} s after the last word",
        f"{many}; to measure it: parley bench size",
    )
    return Verdict(True, "cpu", compute, sessions, reasons)


def _against_cpu(hardware: Hardware, candidate: Candidate, talk: Talk) -> list[str]:
    against = []
    room = int(hardware.memory_bytes * _MEMORY_SHARE)
    if hardware.memory_bytes and candidate.memory_bytes > room:
        against.append(
            f"memory: {_gb(candidate.memory_bytes)} needed, {_gb(room)} of "
            f"{_gb(hardware.memory_bytes)} can be given"
        )
    if candidate.is_last_resort:
        return against
    if hardware.lacks_avx2:
        against.append("the processor lacks AVX2")
    if candidate.recognition.final > talk.final_within:
        against.append(
            f"{_recognition_line(candidate, 'int8')}; at most {talk.final_within:g} s is fine"
        )
    if _tokens_per_second(hardware, candidate) < talk.tokens_per_second:
        against.append(_language_line(hardware, candidate, talk))
    if candidate.speech.real_time_factor > talk.voice_within:
        against.append(f"voice: real-time factor {candidate.speech.real_time_factor:.2f}")
    first = _first_sound(hardware, candidate, talk)
    if first > talk.sound_within and not against:
        limit = f"at most {talk.sound_within:g} s is fine"
        against.append(f"first sound {first:.1f} s after the last word; {limit}")
    if not against and _sessions(hardware, candidate, talk) < 1:
        against.append("one conversation would keep the cores busy all the time")
    return against


def _recognition_line(candidate: Candidate, compute: str) -> str:
    cost = candidate.recognition
    name = f"{candidate.recognizer}, {compute}{_by_size(cost)}"
    return f"recognition: 3 s of speech are read in {cost.final:.2f} s ({name})"


def _language_line(hardware: Hardware, candidate: Candidate, talk: Talk) -> str:
    threads = plan_threads(hardware.cores).language_model.threads
    rate = _tokens_per_second(hardware, candidate)
    name = f"{candidate.language_model}, {candidate.quantization}{_by_size(candidate.language)}"
    plural = "thread" if threads == 1 else "threads"
    return (
        f"language model: {_number(rate)} tokens/s with {threads} {plural}; speech needs 5, with a "
        f"reserve {talk.tokens_per_second:g} ({name})"
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _by_size(cost: RecognitionCost | LanguageCost | VoiceCost) -> str:
    return f", scaled by size from {cost.basis}" if cost.is_scaled else ""


def _speedup(hardware: Hardware) -> float:
    return 1 + _SECOND_THREAD * (plan_threads(hardware.cores).language_model.threads - 1)


def _tokens_per_second(hardware: Hardware, candidate: Candidate) -> float:
    return candidate.language.decode * _speedup(hardware)


def _first_sound(hardware: Hardware, candidate: Candidate, talk: Talk) -> float:
    faster, clause = _speedup(hardware), talk.clause_tokens / 4  # seconds of speech
    language = candidate.language
    thinking = talk.prompt_tokens / language.prefill + talk.clause_tokens / language.decode
    return (
        candidate.recognition.final + thinking / faster + clause * candidate.speech.real_time_factor
    )


def _sessions(hardware: Hardware, candidate: Candidate, talk: Talk) -> int:
    """Return how many conversations fit, each with its turns at random times."""
    partials = talk.listening / talk.partial_every
    hearing = partials * candidate.recognition.partial + talk.finals * candidate.recognition.final
    language = candidate.language
    thinking = talk.prompt_tokens / language.prefill + talk.reply_tokens / language.decode
    speaking = talk.speaking * candidate.speech.real_time_factor
    threads = plan_threads(hardware.cores)
    # Threads beyond the first are not as quick, yet keep their cores busy.
    busy_thinking = thinking * threads.language_model.threads / _speedup(hardware)
    work = hearing + busy_thinking + speaking + talk.overhead * talk.round_seconds
    by_cores = hardware.cores * talk.busy * talk.round_seconds / work
    by_language = talk.busy * talk.round_seconds * _speedup(hardware) / thinking
    by_ears = talk.busy * talk.round_seconds * threads.recognizer.workers / hearing
    by_voice = talk.busy * talk.round_seconds * threads.voice.workers / speaking
    return math.floor(min(by_cores, by_language, by_ears, by_voice))


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
