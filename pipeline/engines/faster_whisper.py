"""Whisper models in faster-whisper's format, read by CTranslate2.

faster-whisper gives the model format, the mel front end and the tokenizer file; the decoding here
is this module's own, because `WhisperModel.transcribe` always encodes 30 s, re-decodes at up to six
temperatures and keeps state that all callers share. An encoder context that is as long as the
utterance and some padding costs a tenth of 30 s on a CPU. Whisper was not trained for that, so
every short pass is judged by `pipeline.guards`, and a final one is repeated once with the whole
context where it fails.

A native call cannot be stopped: each is bounded by the context and by a cap on new tokens, and the
stop signal is looked at between them. Calls are synchronous, at most one for each worker, so that
CTranslate2's own queue (which blocks when it is full) stays empty.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.devices import Device, Gpu, compute_types
from pipeline.engines import (
    SAMPLE_RATE,
    Float32Audio,
    Hypothesis,
    HypothesisKind,
    RecognitionJob,
    StopSignal,
    Word,
)
from pipeline.engines.cuda import CUBLAS, load_library
from pipeline.errors import EngineUnavailable, ModelError
from pipeline.guards import (
    Decoded,
    Defect,
    GuardSettings,
    defect_of,
    kept_tokens,
    loud_seconds,
    worth_a_retry,
)

__all__ = [
    "WhisperRecognizer",
    "WhisperSettings",
    "WhisperUtterance",
    "cuda_problem",
    "likeliest",
    "load",
]

log = logging.getLogger(__name__)

_Native: TypeAlias = Any
"""A value of a package without types: CTranslate2's models and tensors, a tokenizer."""

_FRAME = 160
"""Samples of a mel frame: Whisper's hop at 16 kHz."""
_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages written without spaces; a word is then what a token or a few of them spell."""
_MANY_TOKENS = _WITHOUT_SPACES | {"ko", "hi", "ta", "te", "bn"}
"""Languages whose byte-level tokens come about twice as fast."""
_LOCKED_AT = 0.8
"""Probability of a language that, found twice in a row, ends its detection in an utterance."""


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """Where a model is and how it is decoded; what suits a model is measured, and kept with it.

    Attributes:
        path: Directory with config.json, model.bin, tokenizer.json and vocabulary.json (or .txt).
        device: "auto" takes CUDA where it works.
        compute_type: CTranslate2's name of it; "auto", or one that the device lacks, is the best
            that `pipeline.devices.compute_types` knows for the device.
        gpu: What is known of the GPU, for that choice.
        threads: CPU threads inside one pass.
        workers: Passes at the same time; give the engine's thread as many workers.
        contexts: Encoder contexts to choose from on a CPU, in seconds, beside the full one; "full"
            uses no other. With CUDA it is always the full one.
        full_context_seconds: The context that the model was trained on.
        pad_partial_seconds: Silence that a partial's context has at least after the audio.
        pad_final_seconds: The same for a final.
        partial_beam: Beam size of partials.
        final_beam: Beam size of finals.
        window_seconds: Longest audio of one job; at most ``full_context_seconds``.
        tokens_per_second: Together with 8 to start with the cap on new tokens.
        max_new_tokens: The cap's upper bound.
        max_previous_tokens: How much of ``RecognitionJob.previous_text`` is used, from its end.
        languages: BCP 47 primary tags among which a language is detected; empty: any.
        guards: Thresholds for what is taken for speech.
    """

    path: Path
    device: Device = "auto"
    compute_type: str = "auto"
    gpu: Gpu | None = None
    threads: int = 1
    workers: int = 1
    contexts: tuple[float, ...] | Literal["full"] = (5.0, 8.0, 10.0, 15.0, 20.0)
    full_context_seconds: float = 30.0
    pad_partial_seconds: float = 1.28
    pad_final_seconds: float = 2.56
    partial_beam: int = 1
    final_beam: int = 2
    window_seconds: float = 30.0
    tokens_per_second: float = 6.5
    max_new_tokens: int = 224
    max_previous_tokens: int = 32
    languages: tuple[str, ...] = ()
    guards: GuardSettings = field(default_factory=GuardSettings)

    @classmethod
    def from_model(cls, path: Path, values: Mapping[str, object], **chosen: object) -> Self:
        """Build settings from a model's table in the catalogue.

        Args:
            path: The model's directory.
            values: Any of this class's attributes, as TOML gives them; ``guards`` is a table.
            chosen: What the configuration says (device, threads ...); goes before ``values``.

        Raises:
            ModelError: If a key is unknown.
        """
        known = {each.name for each in fields(cls)} - {"path", "gpu"}
        if unknown := sorted(set(values) - known):
            message = f"recognizer setting {unknown[0]!r} is unknown; known: {sorted(known)}"
            raise ModelError(message)
        merged: dict[str, Any] = {**values, **chosen}
        if "contexts" in merged:
            merged["contexts"] = _contexts(merged["contexts"])
        if "languages" in merged:
            merged["languages"] = tuple(map(str, merged["languages"]))
        if "guards" in merged:
            merged["guards"] = _guards(merged["guards"])
        return cls(path=path, **merged)


def _contexts(value: object) -> tuple[float, ...] | Literal["full"]:
    if value == "full":
        return "full"
    if isinstance(value, list | tuple) and all(isinstance(each, int | float) for each in value):
        return tuple(float(each) for each in value)
    message = f'recognizer setting contexts is {value!r}, expected seconds in a list, or "full"'
    raise ModelError(message)


def _guards(value: object) -> GuardSettings:
    known = {each.name for each in fields(GuardSettings)}
    if isinstance(value, Mapping) and set(value) <= known:
        return GuardSettings(**value)
    message = f"recognizer setting guards is {value!r}, expected a table of some of {sorted(known)}"
    raise ModelError(message)


def load(settings: WhisperSettings) -> WhisperRecognizer:
    """Load a model from local files; nothing is ever fetched.

    Raises:
        ModelError: If a file is missing or wrong, or the settings do not suit the model.
        EngineUnavailable: If the package or the device is missing.
    """
    _require_files(settings.path)
    try:
        import ctranslate2  # noqa: F401
        import faster_whisper  # noqa: F401
    except ImportError as error:
        message = f"faster-whisper cannot be imported ({error}); pip install faster-whisper"
        raise EngineUnavailable(message) from error
    if settings.device == "cpu":
        return _on_cpu(settings, "it was asked for")
    if problem := cuda_problem():
        if settings.device == "cuda":
            message = f"device is 'cuda', but {problem}; set it to 'auto' or 'cpu'"
            raise EngineUnavailable(message)
        return _on_cpu(settings, problem)
    return _on_cuda(settings)


def _require_files(path: Path) -> None:
    # Before any constructor: with a file missing, faster-whisper and tokenizers turn to a hub.
    missing = [
        name
        for name in ("config.json", "model.bin", "tokenizer.json")
        if not (path / name).is_file()
    ]
    if not any((path / name).is_file() for name in ("vocabulary.json", "vocabulary.txt")):
        missing.append("vocabulary.json")
    if missing:
        message = (
            f"speech recognition model {path} has no {' and no '.join(missing)}; "
            "give a complete model directory in faster-whisper's format"
        )
        raise ModelError(message)


def cuda_problem() -> str:
    """Return why speech recognition cannot run on a GPU here, or ""; loads its library."""
    try:
        import ctranslate2
    except ImportError as error:
        return f"ctranslate2 cannot be imported ({error})"
    try:
        if ctranslate2.get_cuda_device_count() < 1:
            return "no CUDA device was found"
    except RuntimeError as error:
        return f"CUDA does not work here ({error})"
    return load_library(CUBLAS)


def _on_cpu(settings: WhisperSettings, why: str) -> WhisperRecognizer:
    recognizer = _open(settings, "cpu")
    log.info(
        "speech recognition runs on the CPU (%s): %s, %d x %d threads",
        why,
        recognizer.compute_type,
        settings.workers,
        settings.threads,
    )
    return recognizer


def _on_cuda(settings: WhisperSettings) -> WhisperRecognizer:
    # A missing libcublas shows at the first computation, not at loading: so compute something.
    try:
        recognizer = _open(replace(settings, contexts="full"), "cuda")
        recognizer.warm_up()
    except (RuntimeError, ValueError) as error:
        if settings.device == "cuda":
            message = f"device is 'cuda', but it cannot be used: {error}; set it to 'auto' or 'cpu'"
            raise EngineUnavailable(message) from error
        return _on_cpu(settings, f"CUDA was found but cannot be used: {error}")
    log.info("speech recognition runs on CUDA: %s", recognizer.compute_type)
    return recognizer


def _open(settings: WhisperSettings, device: Literal["cpu", "cuda"]) -> WhisperRecognizer:
    import ctranslate2

    try:
        model = ctranslate2.models.Whisper(
            str(settings.path),
            device=device,
            compute_type=_compute_type(settings, device),
            inter_threads=settings.workers,
            intra_threads=settings.threads,
        )
    except (RuntimeError, ValueError) as error:
        if device == "cuda":
            raise
        message = f"speech recognition model {settings.path} cannot be loaded: {error}"
        raise ModelError(message) from error
    return WhisperRecognizer(_Decoder(model, _Vocabulary.read(settings.path, model), settings))


def _compute_type(settings: WhisperSettings, device: Literal["cpu", "cuda"]) -> str:
    import ctranslate2

    wanted, supported = settings.compute_type, ctranslate2.get_supported_compute_types(device)
    if wanted in supported or wanted == "default":
        return wanted
    preferred = compute_types(device, settings.gpu)
    found = next((each for each in preferred if each in supported), "default")
    if wanted != "auto":
        where = "the CPU" if device == "cpu" else "this GPU"
        log.info("%s does not compute in %s; %s is taken", where, wanted, found)
    return found


class _Vocabulary:
    """A model's tokenizer, and its special tokens by their role; ids differ from model to model."""

    def __init__(self, tokenizer: _Native, *, multilingual: bool, path: Path) -> None:
        self._tokenizer = tokenizer
        self._path = path
        self.end = self._special("endoftext")
        self.start = self._special("startoftranscript")
        self.no_timestamps = self._special("notimestamps")
        self.previous: int | None = tokenizer.token_to_id("<|startofprev|>")
        self.transcribe: int | None = tokenizer.token_to_id("<|transcribe|>")
        self.multilingual = multilingual and self.transcribe is not None
        # Everything behind the end token is special: languages, tasks, timestamps.
        self.suppressed = list(range(self.end + 1, tokenizer.get_vocab_size()))

    @classmethod
    def read(cls, path: Path, model: _Native) -> Self:
        import tokenizers

        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
        except Exception as error:  # tokenizers raises bare Exception
            message = f"{path / 'tokenizer.json'} cannot be read: {error}"
            raise ModelError(message) from error
        return cls(tokenizer, multilingual=model.is_multilingual, path=path)

    def _special(self, name: str) -> int:
        found: int | None = self._tokenizer.token_to_id(f"<|{name}|>")
        if found is None:
            message = f"{self._path / 'tokenizer.json'} has no <|{name}|>: not a Whisper tokenizer"
            raise ModelError(message)
        return found

    def knows(self, language: str) -> bool:
        """Whether the model can be told to expect a language."""
        if not self.multilingual:
            return language == "en"
        return self._tokenizer.token_to_id(f"<|{language}|>") is not None

    def beginning(self, language: str) -> list[int]:
        """Return what a transcript starts with, without the choice of timestamps."""
        if not self.multilingual:
            return [self.start]
        return [self.start, self._special(language), self._special("transcribe")]

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens))
        return text

    def whole(self, tokens: Sequence[int]) -> Sequence[int]:
        """Drop the tokens at the end that spell only a part of a character."""
        while tokens and self.decode(tokens).endswith("\ufffd"):
            tokens = tokens[:-1]
        return tokens

    def words(self, tokens: Sequence[int], language: str) -> list[tuple[str, int]]:
        """Split text tokens at words, punctuation included.

        Returns:
            Each word without spaces around it, and how many tokens it takes; they add up.
        """
        words: list[tuple[str, int]] = []
        for piece, count in self._characters(tokens):
            alone = language in _WITHOUT_SPACES and any(each.isalnum() for each in piece)
            if words and not piece[:1].isspace() and not alone:
                text, before = words[-1]
                words[-1] = (text + piece, before + count)
            else:
                words.append((piece.strip(), count))
        return words

    def _characters(self, tokens: Sequence[int]) -> list[tuple[str, int]]:
        """Group the tokens that only together make whole characters (UTF-8 may be split)."""
        groups: list[tuple[str, int]] = []
        begin = 0
        for end in range(1, len(tokens) + 1):
            piece = self.decode(tokens[begin:end])
            if "\ufffd" not in piece or end == len(tokens):
                groups.append((piece, end - begin))
                begin = end
        return groups


@dataclass(frozen=True, slots=True)
class _Pass:
    """One encoding and one decoding of it."""

    encoded: _Native
    frames: int
    language: str
    decoded: Decoded


class _Decoder:
    """The native steps of a pass; each blocks for as long as its context and cap allow."""

    def __init__(self, model: _Native, vocabulary: _Vocabulary, settings: WhisperSettings) -> None:
        from faster_whisper.feature_extractor import FeatureExtractor

        self.vocabulary = vocabulary
        self.settings = settings
        self.contexts = _frames_of(settings, model.n_mels)
        self.compute_type = str(model.compute_type)
        self._model = model
        self._mel = FeatureExtractor(feature_size=model.n_mels)

    @property
    def full(self) -> int:
        """Frames of the full context."""
        return self.contexts[-1]

    def context(self, samples: int, kind: HypothesisKind) -> int:
        """Return the shortest context, in frames, that holds the audio and its padding."""
        pad = self.settings.pad_partial_seconds
        if kind is HypothesisKind.FINAL:
            pad = self.settings.pad_final_seconds
        needed = (samples / SAMPLE_RATE + pad) * 100
        return next((frames for frames in self.contexts if frames >= needed), self.full)

    def encode(self, audio: Float32Audio, frames: int) -> _Native:
        """Encode the audio with silence behind it."""
        import ctranslate2

        # The silence is appended to the sound: zeros in the features would not be silent.
        padded: npt.NDArray[np.float32] = np.zeros(frames * _FRAME, np.float32)
        padded[: len(audio)] = audio
        mel = np.ascontiguousarray(self._mel(padded, padding=0), dtype=np.float32)
        return self._model.encode(ctranslate2.StorageView.from_array(mel[np.newaxis]))

    def detect(self, encoded: _Native) -> tuple[str, float]:
        """Return the likeliest of the languages and its probability; one decoder step."""
        ranked = [(tag.strip("<|>"), p) for tag, p in self._model.detect_language(encoded)[0]]
        return likeliest(ranked, self.settings.languages)

    def decode(
        self, encoded: _Native, language: str, *, seconds: float, kind: HypothesisKind, before: str
    ) -> Decoded:
        """Write down what was encoded."""
        settings, prompt = self.settings, self._prompt(language, before)
        cap = self._cap(seconds, language)
        beam = settings.final_beam if kind is HypothesisKind.FINAL else settings.partial_beam
        if beam > 1:
            # A beam never ends at once, for CTranslate2 scores the empty text with minus infinity
            # (seen with 4.8): a model that hears nothing would be made to say something.
            first = self._generate(encoded, prompt, beam=1, cap=1)
            if first.ended:
                return first
        return self._generate(encoded, prompt, beam=beam, cap=cap)

    def align(
        self, encoded: _Native, tokens: Sequence[int], language: str, *, seconds: float
    ) -> tuple[Word, ...]:
        """Time words by the decoder's attention: one pass, no generation."""
        if not tokens:
            return ()
        beginning = self.vocabulary.beginning(language)
        frames = max(2, round(seconds * 100))
        aligned = self._model.align(encoded, beginning, [list(tokens)], frames)[0]
        starts = _token_starts(aligned.alignments, len(tokens))
        words, begin = [], 0
        for text, count in self.vocabulary.words(tokens, language):
            end = begin + count
            probability = float(np.mean(aligned.text_token_probs[begin:end]))
            words.append(Word(text, starts[begin], starts[end], min(1.0, probability)))
            begin = end
        return tuple(words)

    def _prompt(self, language: str, before: str) -> list[int]:
        prompt = [*self.vocabulary.beginning(language), self.vocabulary.no_timestamps]
        if not before.strip() or self.vocabulary.previous is None:
            return prompt
        tokens = self.vocabulary.encode(" " + before.strip())
        return [self.vocabulary.previous, *tokens[-self.settings.max_previous_tokens :], *prompt]

    def _cap(self, seconds: float, language: str) -> int:
        rate = self.settings.tokens_per_second * (2 if language in _MANY_TOKENS else 1)
        return min(self.settings.max_new_tokens, 8 + math.ceil(rate * seconds))

    def _generate(self, encoded: _Native, prompt: list[int], *, beam: int, cap: int) -> Decoded:
        result = self._model.generate(
            encoded,
            [prompt],
            beam_size=beam,
            # CTranslate2 generates min(max_length // 2, max_length - len(prompt) + 1) tokens.
            max_length=max(2 * cap, len(prompt) - 1 + cap),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=[-1, *self.vocabulary.suppressed],
        )[0]
        return self._decoded(result, cap)

    def _decoded(self, result: _Native, cap: int) -> Decoded:
        count = len(result.sequences_ids[0])
        tokens = [token for token in result.sequences_ids[0] if token < self.vocabulary.end]
        # The score is the mean over the tokens without the end token, which counts, too; it is
        # minus infinity where there are none.
        average = result.scores[0] * count / (count + 1) if count else 0.0
        return Decoded(
            text=self.vocabulary.decode(tokens).strip(),
            tokens=tokens,
            ended=count < cap,
            average_log_probability=min(0.0, average),
            no_speech_probability=result.no_speech_prob,
        )


class WhisperRecognizer:
    """A loaded Whisper model; `pipeline.engines.Recognizer`.

    It is used from its engine's threads only, at most ``settings.workers`` at a time.
    """

    def __init__(self, decoder: _Decoder) -> None:
        self._decoder = decoder
        self._refused: set[str] = set()

    @property
    def window_seconds(self) -> float:
        """Longest audio of one job, in seconds."""
        settings = self._decoder.settings
        return min(settings.window_seconds, settings.full_context_seconds)

    @property
    def compute_type(self) -> str:
        """What the weights are computed in, by CTranslate2's name."""
        return self._decoder.compute_type

    @property
    def multilingual(self) -> bool:
        """Whether the model knows more than English."""
        return self._decoder.vocabulary.multilingual

    def utterance(self, *, language: str | None) -> WhisperUtterance:
        """Start an utterance. A language that the model lacks is logged once, and left to it."""
        if language is not None and not self._decoder.vocabulary.knows(language):
            self._refuse(language)
            language = None
        if not self.multilingual:
            language = "en"
        return WhisperUtterance(self._decoder, language)

    def _refuse(self, language: str) -> None:
        if language not in self._refused:
            self._refused.add(language)
            instead = "it detects the language" if self.multilingual else "it knows English only"
            log.warning("the speech recognition model has no language %r; %s", language, instead)

    def warm_up(self) -> None:
        """Run every context once, so that no utterance pays for first calls. Blocks."""
        decoder, kind = self._decoder, HypothesisKind.FINAL
        noise = np.random.default_rng(0).normal(0, 0.01, decoder.full * _FRAME).astype(np.float32)
        for frames in decoder.contexts:
            encoded = decoder.encode(noise[: frames * _FRAME], frames)
            language = decoder.detect(encoded)[0] if self.multilingual else "en"
            decoder.decode(encoded, language, seconds=0.0, kind=kind, before="")
            decoder.align(encoded, decoder.vocabulary.encode(" one"), language, seconds=1.0)


class WhisperUtterance:
    """One utterance; `pipeline.engines.UtteranceDecoder`. All it keeps is the detected language."""

    def __init__(self, decoder: _Decoder, language: str | None) -> None:
        self._decoder = decoder
        self._guards = decoder.settings.guards
        self._language = language
        self._guess: str | None = None

    def recognize(self, job: RecognitionJob, *, stop: StopSignal) -> Hypothesis:
        """Run one pass over the job's audio, or two where a final one fails.

        Raises:
            ValueError: If the audio is longer than the model's full context.
        """
        self._check(job)
        sound = loud_seconds(job.audio, self._guards)
        if sound < self._guards.min_loud_seconds:
            return self._nothing(job, str(Defect.SILENCE))
        if stop.is_set():
            return self._nothing(job, "stopped")
        best = self._pass(job, self._decoder.context(len(job.audio), job.kind), job.previous_text)
        defect = self._judge(best, sound)
        if self._retries(job, best, defect) and not stop.is_set():
            log.debug("a pass over %d frames failed (%s); once more over all", best.frames, defect)
            best = self._pass(job, self._decoder.full, "")
            defect = self._judge(best, sound)
        if stop.is_set():
            return self._nothing(job, "stopped")
        return self._hypothesis(job, best, defect)

    def _check(self, job: RecognitionJob) -> None:
        if len(job.audio) > self._decoder.full * _FRAME:
            message = (
                f"the job has {len(job.audio) / SAMPLE_RATE:.1f} s of audio, at most "
                f"{self._decoder.full / 100:g} s fit; cut it at a pause"
            )
            raise ValueError(message)

    def _pass(self, job: RecognitionJob, frames: int, before: str) -> _Pass:
        seconds = len(job.audio) / SAMPLE_RATE
        encoded = self._decoder.encode(job.audio, frames)
        language = self._language_of(encoded, seconds)
        decoded = self._decoder.decode(
            encoded, language, seconds=seconds, kind=job.kind, before=before
        )
        return _Pass(encoded, frames, language, decoded)

    def _language_of(self, encoded: _Native, seconds: float) -> str:
        if self._language is not None:
            return self._language
        guess, probability = self._decoder.detect(encoded)
        sure = probability >= _LOCKED_AT and seconds >= 1.0
        if sure and guess == self._guess:
            self._language = guess
        self._guess = guess if sure else None
        return guess

    def _judge(self, once: _Pass, sound: float) -> Defect:
        return defect_of(once.decoded, sound_seconds=sound, settings=self._guards)

    def _retries(self, job: RecognitionJob, once: _Pass, defect: Defect) -> bool:
        final = job.kind is HypothesisKind.FINAL
        return final and once.frames < self._decoder.full and worth_a_retry(defect)

    def _hypothesis(self, job: RecognitionJob, once: _Pass, defect: Defect) -> Hypothesis:
        decoded, seconds = once.decoded, len(job.audio) / SAMPLE_RATE
        kept = self._decoder.vocabulary.whole(
            decoded.tokens[: kept_tokens(decoded, defect, self._guards)]
        )
        cut = len(kept) < len(decoded.tokens) or defect is Defect.NO_END
        return Hypothesis(
            text=self._decoder.vocabulary.decode(kept).strip(),
            words=self._decoder.align(once.encoded, kept, once.language, seconds=seconds),
            kind=job.kind,
            language=once.language,
            average_log_probability=decoded.average_log_probability,
            no_speech_probability=decoded.no_speech_probability,
            context_seconds=once.frames / 100,
            rejected=str(defect) if cut else "",
        )

    def _nothing(self, job: RecognitionJob, why: str) -> Hypothesis:
        return Hypothesis("", (), job.kind, self._language or self._guess or "", rejected=why)


def likeliest(ranked: Sequence[tuple[str, float]], allowed: Sequence[str]) -> tuple[str, float]:
    """Return the first language that is allowed, and its probability among those that are.

    Args:
        ranked: Languages and probabilities, the likeliest one first.
        allowed: Empty, or of none that is ranked: all are.
    """
    served = [(tag, p) for tag, p in ranked if tag in allowed] or list(ranked)
    language, probability = served[0]
    total = sum(p for _, p in served)
    return language, probability / total if total > 0 else 0.0


def _frames_of(settings: WhisperSettings, n_mels: int) -> tuple[int, ...]:
    """Return the contexts in mel frames, ascending, the full one last.

    Raises:
        ModelError: If CTranslate2 would take a context's encoding for features.
    """
    full = round(settings.full_context_seconds * 100)
    short = () if settings.contexts == "full" else settings.contexts
    frames = sorted({round(seconds * 100) for seconds in short if seconds * 100 < full})
    for each in frames:
        # `generate` tells encodings from features by their shape: [batch, n_mels, ...] are features
        # (CTranslate2 4.8, src/models/whisper.cc, maybe_encode).
        if each < 20 or (each + 1) // 2 == n_mels:
            message = f"contexts holds {each / 100:g} s, which this model cannot use; remove it"
            raise ModelError(message)
    return (*frames, full)


def _token_starts(alignments: Sequence[tuple[int, int]], count: int) -> list[float]:
    """Return when each of ``count`` tokens begins, and when the last ends, in seconds."""
    starts = [math.inf] * (count + 1)
    for token, step in alignments:
        if token <= count:
            starts[token] = min(starts[token], step * 0.02)
    last = max((step for _, step in alignments), default=0) * 0.02
    for token in range(count, -1, -1):  # a token that got no step begins where the next one does
        last = starts[token] = min(starts[token], last)
    return starts
