"""A Piper voice (piper-tts 1.8) as a `Voice`: phonemes by espeak-ng, sound by ONNX Runtime.

What Piper's own ``synthesize`` would do otherwise: use every core, scale each sentence to full
volume, and leave up to half a second of silence at the end of each clause. Here the voice runs on
one thread, with one fixed gain, and pauses are ours. Nothing here touches the network.

Word times. The graph of a Piper voice has one ``Ceil`` node: how many frames each phoneme lasts. It
is made an output at load (`onnx_graph`), so times are exact to a frame where espeak keeps words
apart, and interpolated where it merges them ("of the" becomes one group). A voice without that node
gets times in proportion to its phonemes.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from pipeline.devices import Device
from pipeline.engines import (
    Float32Audio,
    Int16Audio,
    SpeakJob,
    SpokenAudio,
    StopSignal,
    TimedText,
    Voice,
)
from pipeline.engines.loudness import active_rms, finished, gain_for
from pipeline.engines.onnx_graph import outputs_of, uses_external_data, with_output
from pipeline.engines.onnx_runtime import import_onnxruntime
from pipeline.engines.word_alignment import Group, align
from pipeline.errors import EngineFailed, EngineUnavailable
from pipeline.speakable import Speakable, SpeakableWord, speakable

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Pauses", "PiperSettings", "PiperVoice", "cuda_problem", "load"]

log = logging.getLogger(__name__)

_REFERENCE: Final = (
    "The birch canoe slid on the smooth planks. Where is it now, and what do you see?"
)
_MARKS: Final = frozenset(".,;:!?\"'()-")
_WARM_UP: Final = (
    "Yes.",
    "Well, let me see.",
    "The weather is going to be sunny for most of the day, with a little rain in the evening.",
)
_SPEEDS: Final = (0.25, 4.0)
_CPU: Final = "CPUExecutionProvider"
_CUDA: Final = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True)
class Pauses:
    """Silence after a segment or sentence by its last mark, in ms at the voice's own pace."""

    comma_ms: float = 120.0
    colon_ms: float = 180.0
    sentence_ms: float = 280.0

    def after(self, mark: str) -> float:
        """Return the pause after ``mark``; 0 for anything that is no mark."""
        if mark in {",", "،", "、"}:
            return self.comma_ms
        if mark in {":", ";"}:
            return self.colon_ms
        return self.sentence_ms if mark in {".", "!", "?", "。"} else 0.0


@dataclass(frozen=True, slots=True)
class PiperSettings:
    """Which voice, and how it speaks. What is None is the voice's own value.

    Attributes:
        path: The ``.onnx`` file.
        config_path: Its configuration; None is ``path`` with ``.json`` appended.
        threads: Threads of ONNX Runtime within one synthesis; 1 leaves the others to the
            other engines and was the fastest beside them.
        device: "cuda" needs onnxruntime-gpu instead of onnxruntime; "auto" is the CPU, which speaks
            thirty times faster than real time.
        gain_dbfs: Level of speech (RMS over the parts that sound); peaks stay below -1 dBFS.
        speaker: Number or name, for a voice that has several.
        language: BCP 47 tag of the texts; None takes the voice's.
        length_scale: Duration of phonemes; above 1 is slower.
        noise_scale: Variation of the sound; 0 makes the same text sound the same every time.
        noise_w_scale: Variation of the durations.
        pauses: Silence after clauses and sentences.
        cached_texts: How many segments' phonemes are kept.
    """

    path: Path
    config_path: Path | None = None
    threads: int = 1
    device: Device = "auto"
    gain_dbfs: float = -18.0
    speaker: int | str | None = None
    language: str | None = None
    length_scale: float | None = None
    noise_scale: float | None = None
    noise_w_scale: float | None = None
    pauses: Pauses = field(default_factory=Pauses)
    cached_texts: int = 512


class _RunOptions(Protocol):
    terminate: bool
    log_severity_level: int


class _Session(Protocol):
    def run(
        self, names: None, inputs: Mapping[str, npt.NDArray[Any]], options: _RunOptions
    ) -> Sequence[npt.NDArray[Any]]: ...


class _Config(Protocol):
    """What is used of piper.config.PiperConfig."""

    sample_rate: int
    num_speakers: int
    default_speaker_id: int
    speaker_id_map: Mapping[str, int]
    phoneme_id_map: Mapping[str, Sequence[int]]
    length_scale: float
    noise_scale: float
    noise_w_scale: float


class _Piper(Protocol):
    """What is used of piper.voice.PiperVoice."""

    session: _Session
    config: _Config

    def phonemize(self, text: str) -> list[list[str]]: ...


def load(settings: PiperSettings) -> PiperVoice:
    """Load a voice and measure its level; blocks for 0.1 to 5 s.

    Raises:
        EngineUnavailable: If a package or file is missing or wrong; one line says what to do.
    """
    piper_voice, piper_config, runtime = _imported()
    content = _read_config(settings)
    try:
        config = piper_config.PiperConfig.from_dict(content)
        _check(config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = (
            f"{_config_path(settings)} is no Piper voice configuration ({error!r}); "
            "take the .onnx.json that was published with the voice"
        )
        raise EngineUnavailable(message) from error
    if config.phoneme_type.value not in {"espeak", "text"}:
        # Piper fetches or imports further packages for the others while it speaks.
        message = (
            f"{_config_path(settings)}: phoneme_type is {config.phoneme_type.value!r}, "
            "expected espeak or text; choose another voice"
        )
        raise EngineUnavailable(message)
    session, durations = _open(settings, runtime)
    piper = piper_voice.PiperVoice(session=session, config=config)
    language = settings.language or _language_of(content, config.espeak_voice)
    voice = PiperVoice(settings, piper, runtime.RunOptions, language, has_durations=durations)
    voice.measure()
    return voice


def _imported() -> tuple[ModuleType, ModuleType, ModuleType]:
    try:
        onnxruntime = import_onnxruntime()
        from piper import config, voice
    except ImportError as error:
        message = (
            f"piper-tts or onnxruntime is missing ({error}); run: pip install 'piper-tts>=1.8'"
        )
        raise EngineUnavailable(message) from error
    return voice, config, onnxruntime


def _config_path(settings: PiperSettings) -> Path:
    return settings.config_path or settings.path.with_name(f"{settings.path.name}.json")


def _read_config(settings: PiperSettings) -> dict[str, Any]:
    path = _config_path(settings)
    if not settings.path.is_file():
        message = f"no voice at {settings.path}; check the path, or download the voice again"
        raise EngineUnavailable(message)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = (
            f"{path} cannot be read ({error.strerror}); a voice needs its .onnx.json beside it"
        )
        raise EngineUnavailable(message) from error
    except ValueError as error:
        message = f"{path} is not JSON ({error}); download it again"
        raise EngineUnavailable(message) from error
    if not isinstance(content, dict):
        message = f"{path} holds {type(content).__name__}, expected an object; download it again"
        raise EngineUnavailable(message)
    return content


def _check(config: _Config) -> None:
    if missing := {"^", "_", "$"} - set(config.phoneme_id_map):
        message = f"phoneme_id_map lacks {' '.join(sorted(missing))}"
        raise ValueError(message)
    if not 8000 <= config.sample_rate <= 48000:
        message = f"sample_rate is {config.sample_rate}, expected 8000 to 48000"
        raise ValueError(message)


def _open(settings: PiperSettings, runtime: ModuleType) -> tuple[_Session, bool]:
    """Open the model; return the session and whether it also gives the phonemes' durations."""
    path = settings.path
    try:
        model = path.read_bytes()
        if uses_external_data(model):
            message = f"{path} keeps its weights in another file; export the voice as a single file"
            raise EngineUnavailable(message)
        frames = outputs_of(model, "Ceil")
    except (OSError, ValueError, RecursionError) as error:
        message = f"{path} is no ONNX model ({error}); download the voice again"
        raise EngineUnavailable(message) from error
    if len(frames) == 1:
        model = with_output(model, frames[0])
    else:
        log.warning(
            "%s has %d Ceil nodes, expected 1; word times are approximate", path, len(frames)
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    providers = _providers(settings, runtime)
    try:
        session = runtime.InferenceSession(model, sess_options=options, providers=providers)
    except Exception as error:  # the runtime's exceptions share no other base
        reason = str(error).partition("\n")[0]
        message = f"{path} cannot be loaded ({reason}); download the voice again"
        raise EngineUnavailable(message) from error
    if settings.device == "cuda" and _CUDA not in session.get_providers():
        # The runtime only logs that a library is missing, and computes on the CPU.
        message = (
            "the voice's device is 'cuda', but ONNX Runtime cannot use CUDA; "
            "pip install nvidia-cudnn-cu12 nvidia-cublas-cu12, or set it to 'cpu'"
        )
        raise EngineUnavailable(message)
    return session, len(frames) == 1


def cuda_problem() -> str:
    """Return why voices cannot run on a GPU here, or ""."""
    try:
        onnxruntime = import_onnxruntime()
    except ImportError as error:
        return f"onnxruntime cannot be imported ({error})"
    return _cuda_problem(onnxruntime)


def _cuda_problem(runtime: ModuleType) -> str:
    if _CUDA in runtime.get_available_providers():
        return ""
    return (
        "this onnxruntime is built without CUDA; "
        "pip uninstall onnxruntime, then pip install onnxruntime-gpu"
    )


def _providers(settings: PiperSettings, runtime: ModuleType) -> list[Any]:
    if settings.device != "cuda":
        return [_CPU]
    if problem := _cuda_problem(runtime):
        message = f"the voice's device is 'cuda', but {problem}; or set it to 'cpu'"
        raise EngineUnavailable(message)
    if preload := getattr(runtime, "preload_dlls", None):
        preload()  # finds the libraries that packages of NVIDIA's brought
    # Every text has another length: searching for the best convolution each time takes seconds.
    return [(_CUDA, {"cudnn_conv_algo_search": "HEURISTIC"}), _CPU]


def _language_of(content: Mapping[str, Any], espeak_voice: str) -> str:
    language = content.get("language")
    code = language.get("code") if isinstance(language, dict) else None
    return str(code or espeak_voice or "en").replace("_", "-")


@dataclass(frozen=True, slots=True)
class _Sound:
    """One sentence as the model made it.

    Attributes:
        audio: In the model's own level.
        edges: Sample at which each phoneme begins, and the end; shape (phonemes + 1,).
    """

    audio: Float32Audio
    edges: npt.NDArray[np.float64]


class PiperVoice(Voice):
    """A loaded voice. Safe for several threads at once; made by `load`."""

    def __init__(
        self,
        settings: PiperSettings,
        piper: _Piper,
        run_options: Callable[[], _RunOptions],
        language: str,
        *,
        has_durations: bool,
    ) -> None:
        self._settings = settings
        self._piper = piper
        self._run_options = run_options
        self._language = language
        self._has_durations = has_durations
        self._gain = 1.0
        self._speaker = _speaker_number(settings, piper.config)
        # espeak's binding leaks about half a kilobyte a call, and replies repeat themselves.
        self._phonemize = functools.lru_cache(settings.cached_texts)(self._phonemize_now)
        self._length_of = functools.lru_cache(8192)(self._length_of_now)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return int(self._piper.config.sample_rate)

    @property
    def language(self) -> str:
        """BCP 47 tag whose rules the texts are read by."""
        return self._language

    @property
    def has_word_times(self) -> bool:
        """Whether word times come from the model; else they are in proportion to phonemes."""
        return self._has_durations

    @property
    def gain(self) -> float:
        """The factor that brings this voice to the level of the settings."""
        return self._gain

    def measure(self) -> None:
        """Synthesise two reference sentences and fix the gain by them.

        Raises:
            EngineUnavailable: If the model does not run, or gives no sound.
        """
        known = self._piper.config.phoneme_id_map
        # A voice whose phonemes are the letters of another script knows none of the reference.
        sentences = self._phonemize(_REFERENCE) or (tuple(filter(_sounds, known))[:60],)
        try:
            sounds = [self._synthesize(phonemes, 1.0, _Never()) for phonemes in sentences]
        except EngineFailed as error:
            raise EngineUnavailable(
                f"{self._settings.path}: {error}; is it a Piper voice?"
            ) from error
        levels = [active_rms(sound.audio, self.sample_rate) for sound in sounds if sound]
        level = sum(levels) / max(len(levels), 1)
        if not level:
            message = f"{self._settings.path} gives silence; download the voice again"
            raise EngineUnavailable(message)
        self._gain = gain_for(level, self._settings.gain_dbfs)

    def warm_up(self) -> None:
        """Speak a few texts for nobody, so that the first listener does not pay for allocations."""
        for text in _WARM_UP:
            for _ in self.speak(SpeakJob(text), stop=_Never()):
                pass

    def speak(self, job: SpeakJob, *, stop: StopSignal) -> Iterator[SpokenAudio]:
        """Yield the audio sentence by sentence, each with its pause; nothing for silent text.

        ``job.speed`` outside 0.25 to 4 is brought there. A stop ends it within milliseconds.

        Raises:
            EngineFailed: If the model cannot be run.
        """
        speech = _with_final_mark(speakable(job.text, self._language), job.text)
        if not speech or stop.is_set():
            return
        pace = min(max(job.speed, _SPEEDS[0]), _SPEEDS[1])
        sentences = self._phonemize(speech.text)
        clock = _WordClock(speech.words, self._length_of, sentences)
        begin = 0
        for number, phonemes in enumerate(sentences):
            if stop.is_set() or (sound := self._synthesize(phonemes, pace, stop)) is None:
                return
            audio, lead = finished(sound.audio, self.sample_rate, self._gain)
            times = np.clip(sound.edges - lead, 0, len(audio)) + begin
            pause = self._pause(phonemes, pace)
            begin += len(audio) + len(pause)
            words = clock.words(number, times)
            if len(audio):
                yield SpokenAudio(np.concatenate([audio, pause]), words)

    def _pause(self, phonemes: Sequence[str], pace: float) -> Int16Audio:
        mark = next((phoneme for phoneme in reversed(phonemes) if phoneme.strip()), "")
        scale = (self._settings.length_scale or 1.0) / pace
        seconds = self._settings.pauses.after(mark) * scale / 1000
        return np.zeros(round(seconds * self.sample_rate), np.int16)

    # -- phonemes -------------------------------------------------------------------------------

    def _phonemize_now(self, text: str) -> tuple[tuple[str, ...], ...]:
        """Return the phonemes of each sentence, those that the voice knows."""
        known = self._piper.config.phoneme_id_map
        sentences = (
            tuple(phoneme for phoneme in sentence if phoneme in known)
            for sentence in self._piper.phonemize(text)
        )
        return tuple(sentence for sentence in sentences if any(map(_sounds, sentence)))

    def _length_of_now(self, word: str) -> int:
        """Return how many phonemes a word has when it stands alone."""
        return sum(
            _sounds(phoneme) for sentence in self._phonemize_now(word) for phoneme in sentence
        )

    def _ids(self, phonemes: Sequence[str]) -> tuple[list[int], list[int]]:
        """Return the model's input, and the index in it where each phoneme, and the end, begins.

        Layout as in piper.phoneme_ids: ``^ _ (id _)* $``.
        """
        known = self._piper.config.phoneme_id_map
        ids = [*known["^"], *known["_"]]
        begins = []
        for phoneme in phonemes:
            begins.append(len(ids))
            ids += [*known[phoneme], *known["_"]]
        begins.append(len(ids))
        return ids + list(known["$"]), begins

    # -- the model ------------------------------------------------------------------------------

    def _synthesize(self, phonemes: Sequence[str], pace: float, stop: StopSignal) -> _Sound | None:
        """Run the model on one sentence; None if it was stopped."""
        ids, begins = self._ids(phonemes)
        options = self._run_options()
        options.log_severity_level = 4  # a stop is no error

        def terminate() -> None:
            options.terminate = True

        try:
            with _calling(stop, terminate):
                outputs = self._piper.session.run(None, self._inputs(ids, pace), options)
        except Exception as error:  # the runtime's exceptions share no other base
            if stop.is_set():
                return None
            reason = str(error).partition("\n")[0]
            raise EngineFailed(f"the voice failed on {len(ids)} phoneme ids: {reason}") from error
        audio = np.asarray(outputs[0], np.float32).reshape(-1)
        frames = np.asarray(outputs[1]).reshape(-1) if self._has_durations else np.ones(len(ids))
        if len(frames) != len(ids):
            frames = np.ones(len(ids))
        ends = np.concatenate([[0.0], np.cumsum(frames, dtype=np.float64)])
        return _Sound(audio, ends[begins] * (len(audio) / max(ends[-1], 1.0)))

    def _inputs(self, ids: Sequence[int], pace: float) -> dict[str, npt.NDArray[Any]]:
        config, settings = self._piper.config, self._settings
        length = config.length_scale if settings.length_scale is None else settings.length_scale
        noise = config.noise_scale if settings.noise_scale is None else settings.noise_scale
        spread = config.noise_w_scale if settings.noise_w_scale is None else settings.noise_w_scale
        inputs: dict[str, npt.NDArray[Any]] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([noise, length / pace, spread], np.float32),
        }
        if self._speaker is not None:
            inputs["sid"] = np.array([self._speaker], np.int64)
        return inputs


def _speaker_number(settings: PiperSettings, config: _Config) -> int | None:
    """Return the value of the model's ``sid`` input, None for a voice with one speaker."""
    wanted = settings.speaker
    names: Mapping[str, int] = config.speaker_id_map or {}
    if config.num_speakers <= 1 and wanted in {None, 0}:
        return None
    if wanted is None:
        return int(config.default_speaker_id)
    number = names.get(wanted) if isinstance(wanted, str) else wanted
    if number is None or not 0 <= number < config.num_speakers:
        known = ", ".join(list(names)[:8]) or f"0 to {config.num_speakers - 1}"
        message = f"{settings.path} has no speaker {wanted!r}; it has {known}"
        raise EngineUnavailable(message)
    return number


class _Never:
    """A stop signal for jobs that nobody stops."""

    def is_set(self) -> bool:
        return False


def _calling(
    stop: StopSignal, callback: Callable[[], None]
) -> contextlib.AbstractContextManager[None]:
    """Have ``callback`` called at the moment of stopping, if this signal can do that."""
    calling = getattr(stop, "calling", None)
    return contextlib.nullcontext() if calling is None else calling(callback)


# -- words ---------------------------------------------------------------------------------------


def _with_final_mark(speech: Speakable, text: str) -> Speakable:
    """End the speech with a mark: a voice that sees none stops as if it were cut off.

    A segment that ends in a space goes on in the next one; any other text without a mark is
    complete, such as a heading.
    """
    if not speech or speech.words[-1].spoken[-1] in ".,;:!?":
        return speech
    last = speech.words[-1]
    mark = "," if text.endswith(" ") else "."
    marked = SpeakableWord(last.start, last.end, last.spoken + mark)
    return Speakable((*speech.words[:-1], marked))


def _sounds(phoneme: str) -> bool:
    return phoneme[:1].isalpha() and phoneme not in {"ˈ", "ˌ", "ː", "ʲ"}


class _WordClock:
    """Tells when the words of a segment sound, from when its phonemes do."""

    def __init__(
        self,
        words: Sequence[SpeakableWord],
        length_of: Callable[[str], int],
        sentences: Sequence[Sequence[str]],
    ) -> None:
        self._words = words
        parts = [(index, part) for index, word in enumerate(words) for part in word.spoken.split()]
        groups = [group for index, one in enumerate(sentences) for group in _groups(index, one)]
        if len(parts) == len(groups):  # nothing is merged: what counting words costs is saved
            lengths = [group.length for group in groups]
        else:
            lengths = [length_of(part) for _, part in parts]
        self._spans = align(lengths, groups)
        self._last_part = {index: number for number, (index, _) in enumerate(parts)}
        self._first_part = {index: number for number, (index, _) in reversed([*enumerate(parts)])}
        self._next = 0
        self._begin: float | None = None

    def words(self, sentence: int, times: npt.NDArray[np.float64]) -> tuple[TimedText, ...]:
        """Return the words that end in this sentence, whose phonemes begin at ``times``."""
        ended = []
        while self._next < len(self._words):
            first = self._spans[self._first_part[self._next]]
            last = self._spans[self._last_part[self._next]]
            if first.sentence == sentence and self._begin is None:
                self._begin = _at(times, first.start)
            if last.sentence > sentence:
                break
            word, end = self._words[self._next], _at(times, last.end)
            begin = end if self._begin is None else self._begin
            ended.append(TimedText(word.start, word.end, round(begin), round(max(begin, end))))
            self._begin = None
            self._next += 1
        return tuple(ended)


def _groups(sentence: int, phonemes: Sequence[str]) -> Iterator[Group]:
    """Yield the stretches between spaces that sound, without the marks that end them."""
    start = 0
    for index, phoneme in enumerate([*phonemes, " "]):
        if phoneme == " ":
            length = sum(map(_sounds, phonemes[start:index]))
            if length:
                end = index
                while phonemes[end - 1] in _MARKS:
                    end -= 1
                yield Group(sentence, start, end, length)
            start = index + 1


def _at(times: npt.NDArray[np.float64], position: float) -> float:
    """Return the time of a position between phonemes."""
    return float(np.interp(position, np.arange(len(times)), times))
