"""How long after the end of speech an answer begins: ``python -m benchmarks.first_audio``.

Starts a server with the real engines and lets N devices ask spoken questions in real time. The end
of speech is ground truth: the last sample of speech in the recording that was sent, on the
client's clock.

    first audio    end of speech -> first audio frame received
    first audible  end of speech -> first received sample above -50 dBFS could be heard
    hang-over      end of speech -> speech.stopped received
    recognition, language model, voice   what the server's `latency` event says
    floor          hang-over + the engines' own times (their medians with one session)
    overhead       first audio - floor

Sessions start one after the other, spread over one question and its answer; --together starts them
at the same moment, which is the worst case.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.report import Histogram, inline, summary, surroundings, table
from gateway.client.commands import CODECS, audio_format, run_command
from gateway.client.demo import bundled
from gateway.client.errors import ClientError
from gateway.client.microphone import Utterance
from gateway.client.server_process import ServerProcess, serve
from gateway.client.session import DeviceSession, DeviceSettings, connect
from gateway.client.trace import TurnTrace
from protocol.audio import AudioFormat

__all__ = ["Answer", "main"]

QUESTIONS: Final = ("capital", "name", "sum", "sky", "hello", "story", "thanks", "capital")
_TURN_S: Final = 5.0
"""How long a question and its answer take, about; sessions start spread over it."""
_ENGINES: Final = ("recognition", "language model", "voice")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one turn took, in ms.

    Attributes:
        first_audio: End of speech to the first frame.
        first_audible: End of speech to the first sample that can be heard.
        hang_over: End of speech to `speech.stopped`.
        recognition: Detected stop to the final transcript, from the server.
        language_model: Final transcript to the first token, from the server.
        voice: First segment to its first audio, from the server.
        stop_to_audio: Detected stop to the first frame, from the server.
        client_lag: How late the client's own microphone was at worst until then.
    """

    first_audio: float
    first_audible: float
    hang_over: float
    recognition: float
    language_model: float
    voice: float
    stop_to_audio: float
    client_lag: float

    @property
    def engines(self) -> tuple[float, float, float]:
        """The engines' times."""
        return (self.recognition, self.language_model, self.voice)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.first_audio",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument(
        "--sessions", type=int, nargs="+", default=[1, 4], metavar="N", help="(1 4)"
    )
    parser.add_argument("--questions", type=int, default=8, help="per session (8)")
    parser.add_argument("--codec", choices=CODECS, default="opus", help="(opus)")
    parser.add_argument("--together", action="store_true", help="all sessions ask at once")
    parser.add_argument("--profile", default="starter", help="(starter)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--timeout", type=float, default=60, metavar="SECONDS", help="a turn (60)")
    return run_command(_run(parser.parse_args(arguments)))


async def _run(options: argparse.Namespace) -> int:
    report: dict[str, Any] = {**surroundings(), "runs": []}
    flags = ("--profile", options.profile, "--max-sessions", str(max(options.sessions) + 1))
    async with serve(*flags) as server:
        print(f"the server is ready; {options.questions} questions a session", file=sys.stderr)
        own_times: tuple[float, ...] | None = None
        for sessions in options.sessions:
            answers, lag, failures = await _measure(server, sessions, options)
            if own_times is None:
                own_times = _medians(answers)
            report["runs"].append(_result(sessions, answers, own_times, lag, failures))
    print(json.dumps(report) if options.json else "\n".join(_text(report)))
    return 0


async def _measure(
    server: ServerProcess, sessions: int, options: argparse.Namespace
) -> tuple[list[Answer], Histogram, list[str]]:
    audio = audio_format(options.codec, None, 20)
    answers: list[Answer] = []
    failures: list[str] = []
    _, before = await server.page("/metrics")
    async with asyncio.TaskGroup() as tasks:
        for number in range(sessions):
            delay = 0.0 if options.together else number * _TURN_S / sessions
            tasks.create_task(
                _converse(server.url, audio, number, delay, options, answers, failures),
                name=f"device {number}",
            )
    _, after = await server.page("/metrics")
    return answers, Histogram("parley_loop_lag_seconds", before, after), failures


async def _converse(
    url: str,
    audio: AudioFormat,
    number: int,
    delay: float,
    options: argparse.Namespace,
    answers: list[Answer],
    failures: list[str],
) -> None:
    """One device asks its questions; every device begins with another one."""
    await asyncio.sleep(delay)
    try:
        async with connect(DeviceSettings(url, microphone=audio, speaker=audio)) as device:
            for index in range(options.questions):
                name = QUESTIONS[(number + index) % len(QUESTIONS)]
                utterance = device.say(bundled(name), name)
                turns = await device.answered(utterance, timeout_s=options.timeout)
                answer = _answer(device, utterance, turns)
                if answer is None:
                    failures.append(f"{name}: understood {[turn.transcript for turn in turns]}")
                else:
                    answers.append(answer)
    except ClientError as error:
        failures.append(str(error))


def _answer(device: DeviceSession, utterance: Utterance, turns: list[TurnTrace]) -> Answer | None:
    """The measurement of a turn; None if the utterance became no turn, or several."""
    end = utterance.end_of_speech_at
    if len(turns) != 1 or end is None:
        return None
    turn, playback = turns[0], device.playback(turns[0])
    if turn.latency is None or turn.stopped_at is None or playback is None:
        return None
    if playback.first_audio_at is None or playback.first_audible_at is None:
        return None
    return Answer(
        first_audio=(playback.first_audio_at - end) * 1000,
        first_audible=(playback.first_audible_at - end) * 1000,
        hang_over=(turn.stopped_at - end) * 1000,
        recognition=turn.latency.stop_to_final_ms,
        language_model=turn.latency.llm_ttft_ms,
        voice=turn.latency.tts_first_ms,
        stop_to_audio=turn.latency.stop_to_audio_ms,
        client_lag=device.microphone_lag_s * 1000,
    )


def _medians(answers: Sequence[Answer]) -> tuple[float, ...]:
    if not answers:
        raise ClientError("no question was answered; see what  parley check  says")
    return tuple(map(statistics.median, zip(*(each.engines for each in answers), strict=True)))


def _result(
    sessions: int,
    answers: list[Answer],
    own_times: tuple[float, ...],
    lag: Histogram,
    failures: list[str],
) -> dict[str, Any]:
    own = sum(own_times)
    stages = {
        "first audio": [each.first_audio for each in answers],
        "first audible": [each.first_audible for each in answers],
        "hang-over": [each.hang_over for each in answers],
        "recognition": [each.recognition for each in answers],
        "language model": [each.language_model for each in answers],
        "voice": [each.voice for each in answers],
        "stop to audio": [each.stop_to_audio for each in answers],
        "floor": [each.hang_over + own for each in answers],
        "overhead": [each.first_audio - each.hang_over - own for each in answers],
        "client's own worst lag": [each.client_lag for each in answers],
    }
    return {
        "sessions": sessions,
        "turns": len(answers),
        "failures": failures,
        "milliseconds": {name: summary(values) for name, values in stages.items()},
        "engines_own_ms": dict(zip(_ENGINES, own_times, strict=False)),
        "loop_lag_ms": lag.milliseconds(95, 99),
    }


def _text(report: dict[str, Any]) -> list[str]:
    lines = [f"{name}: {text}" for name, text in report.items() if name != "runs"]
    for run in report["runs"]:
        lines += ["", f"N = {run['sessions']}, {run['turns']} turns"]
        lines += table(run["milliseconds"], unit="ms")
        lines.append(f"event loop's lag, ms: {inline(run['loop_lag_ms'])}")
        lines += [f"failed: {failure}" for failure in run["failures"]]
    return lines


if __name__ == "__main__":
    sys.exit(main())
