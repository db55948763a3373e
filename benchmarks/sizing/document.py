"""Makes docs/sizing.md of measurements: ``python -m benchmarks.sizing.document FILE...``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.sizing.demand import Demand, Talk, demands, first_full, fitting
from benchmarks.sizing.measured import MediaCost, Ramp, Sizing, read_sizing
from gateway.client.commands import USER_ERROR
from gateway.client.errors import ClientError

__all__ = ["COMFORT", "COUNTS", "document", "main", "section"]

COMFORT: Final = 0.7
"""Of what a part can do: above that, queues grow."""
_ENGINES: Final = 3
"""Demands of engines come first; those that a codec changes follow."""
COUNTS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
_NAMES: Final = {"opus": "Opus", "pcm_s16le": "PCM", "pcmu": "µ-law", "pcma": "A-law"}

_INTRODUCTION: Final = """\
# How many sessions does a machine carry?

`parley bench size` measures the machine at hand: the engines of a profile, one after the other;
whole sessions without engines; then more and more whole conversations until turns get slow or
fail. It takes some minutes, with `--quick` one or two. This page is made of such runs and holds
nothing else:

```sh
parley bench size --profile starter --out docs/sizing/NAME.json
python -m benchmarks.sizing.document docs/sizing/*.json > docs/sizing.md
```

The starter models are far smaller than those for people: what they take says nothing about yours.
With models of your own, run

```sh
parley bench size --models my-models.toml --profile mine
```

- **Measured** is what whole conversations did: the last step that held the bounds of the scenario
  `capacity` (under 0.5 % failed turns, p95 of the turn latency at most 1.25 times that of the first
  step, loop lag p99 at most 20 ms, devices below 70 % of a core). Devices and server share the
  machine, so that a server of its own carries more.
- **Computed** is what follows from the costs of the parts, if people talk as stated: how much of
  what a part can do so many conversations take. Above 100 % they do not fit; above 70 % jobs wait
  for each other, and turns get slower. A busy server leaves partial transcripts out, so that the
  recognizer bears more than is computed.
"""


def document(sizings: Iterable[Sizing]) -> str:
    """The whole page, in Markdown."""
    lines = [_INTRODUCTION]
    for sizing in sizings:
        lines.extend(section(sizing))
    return "\n".join(lines).rstrip() + "\n"


def section(sizing: Sizing) -> Iterator[str]:
    """What one run measured, as lines of Markdown."""
    memory = "" if sizing.memory_bytes is None else f", {sizing.memory_bytes / 2**30:.0f} GiB"
    gpu = f", {sizing.gpu}" if sizing.gpu else ", no GPU"
    load = "unknown" if sizing.load_average is None else f"{sizing.load_average:.1f}"
    yield f"## {sizing.processor}, {sizing.cores} cores{gpu}: profile {sizing.profile}"
    yield ""
    yield (
        f"{sizing.date[:10]}, {sizing.system}{memory}; load of the machine before: {load}"
        + ("; a quick look." if sizing.quick else ".")
    )
    yield ", ".join(f"{name} {version}" for name, version in sizing.versions.items()) + "."
    yield ""
    yield f"`{sizing.command}`"
    yield ""
    yield from answer(sizing)
    yield ""
    yield from _engines(sizing)
    yield ""
    yield from _media(sizing.media)
    yield ""
    yield from _demands(sizing)
    if sizing.ramp is not None:
        yield ""
        yield from _ramp(sizing.ramp)
    yield ""


def answer(sizing: Sizing) -> Iterator[str]:
    """How many, and what breaks first, in words."""
    ramp = sizing.ramp
    if ramp is not None:
        yield f"- **Measured: {_knee(ramp)}** ({_codec(ramp.codec)}, {_heard(ramp.reply_share)})."
    for media in sizing.media:
        found = _found(sizing, media)
        tightest = first_full(found)
        yield (
            f"- Computed, {_codec(media.codec)}: {fitting(found, share=COMFORT)} conversations at "
            f"{COMFORT:.0%}, {tightest.fits} at 100 %; full first: {tightest.part}."
        )


def _knee(ramp: Ramp) -> str:
    tried = ramp.steps[-1]
    if ramp.knee is None:
        broken = ", ".join(tried.broken) or "unknown"
        return f"not even {tried.sessions} held; broken: {broken}"
    if ramp.limited_by is None:
        return f"{ramp.knee} conversations, all that were tried"
    return f"{ramp.knee} conversations; at {tried.sessions} broke {ramp.limited_by}"


def _engines(sizing: Sizing) -> Iterator[str]:
    recognizer, model, voice = (
        sizing.engines.recognizer,
        sizing.engines.language_model,
        sizing.engines.voice,
    )
    yield "| Engine | Model | Runs on | Takes | Processor |"
    yield "|---|---|---|---|---|"
    yield (
        f"| recognizer | {recognizer.model} | {_where(recognizer.device, recognizer.workers)} "
        f"| {_ms(recognizer.final_s)} for a final of {recognizer.utterance_s:.1f} s; "
        f"{_ms(recognizer.partials_s)} of partials for a second of speech "
        f"| {_ms(recognizer.final_cpu_s)}; {_ms(recognizer.partials_cpu_s)} |"
    )
    yield (
        f"| language model | {model.model} | {_where(model.device, 1)} "
        f"| {_ms(model.first_token_s)} to the first token, then {1 / model.token_s:.0f} tokens/s "
        f"| {_ms(model.first_token_cpu_s)}; {_ms(model.token_cpu_s)} a token |"
    )
    yield (
        f"| voice | {voice.model} | {_where(voice.device, voice.workers)} "
        f"| {_ms(voice.first_audio_s)} to the first audio of a sentence; {_ms(voice.real_time)} "
        f"for a second of speech | {_ms(voice.real_time_cpu)} for a second |"
    )
    detector = sizing.detector
    yield (
        f"| voice activity | Silero behind webrtcvad | event loop | {_ms(detector.speech)} for a "
        f"second of speech, {_ms(detector.silence)} of silence | the same |"
    )


def _media(media: Sequence[MediaCost]) -> Iterator[str]:
    yield "Sessions without engines: sockets, protocol, codecs, voice activity, pacing."
    yield ""
    yield "| Codec | Sessions | Of a core, each | Sessions per core | Agent speaks | Loop lag p99 |"
    yield "|---|---|---|---|---|---|"
    for each in media:
        lag = "?" if each.loop_lag_p99_ms is None else f"≤ {each.loop_lag_p99_ms:g} ms"
        yield (
            f"| {_codec(each.codec)} | {each.sessions} | {each.cpu_per_session:.2%} "
            f"| {1 / each.cpu_per_session:.0f} | {each.reply_share:.0%} of the time | {lag} |"
        )


def _demands(sizing: Sizing) -> Iterator[str]:
    talk = _talk(sizing)
    yield (
        f"What N conversations ask for, computed; the user speaks {talk.user:.0%} of the time, "
        f"{talk.turn_s:g} s at once, the agent {talk.reply:.0%}:"
    )
    yield ""
    found = {media.codec: _found(sizing, media) for media in sizing.media}
    rows = {demand.part: demand for demand in next(iter(found.values()))[:_ENGINES]}
    for codec, each in found.items():
        rows |= {f"{demand.part}, {_codec(codec)}": demand for demand in each[_ENGINES:]}
    most = max(COUNTS[2], 2 * max(first_full(each).fits for each in found.values()))
    counts = [count for count in COUNTS if count <= most]
    yield "| N | " + " | ".join(map(str, counts)) + " |"
    yield "|---" * (len(counts) + 1) + "|"
    for name, demand in rows.items():
        yield f"| {name} | " + " | ".join(_share(demand, count) for count in counts) + " |"


def _share(demand: Demand, count: int) -> str:
    share = demand.at(count)
    text = f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"
    return f"**{text}**" if share > 1 else text


def _ramp(ramp: Ramp) -> Iterator[str]:
    yield f"Whole conversations with these engines, {_codec(ramp.codec)}:"
    yield ""
    yield "| N | Turns | Failed | Latency p50 | p95 | Server's cores | Its memory | Busy | Broke |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for step in ramp.steps:
        cores = "?" if step.server_cores is None else f"{step.server_cores:.2f}"
        memory = "?" if step.resident_bytes is None else f"{step.resident_bytes / 1e6:.0f} MB"
        busy = ", ".join(f"{name} {share:.0%}" for name, share in step.busy.items())
        yield (
            f"| {step.sessions} | {step.turns} | {step.failed_turns} "
            f"| {step.latency_p50_ms:.0f} ms | {step.latency_p95_ms:.0f} ms "
            f"| {cores} | {memory} | {busy} | {', '.join(step.broken) or '–'} |"
        )
    for note in ramp.notes:
        yield ""
        yield f"Note: {note}."


def _found(sizing: Sizing, media: MediaCost) -> tuple[Demand, ...]:
    return demands(sizing.engines, media, _talk(sizing), cores=sizing.cores)


def _talk(sizing: Sizing) -> Talk:
    return Talk(sizing.user_share, sizing.reply_share, sizing.turn_s)


def _codec(codec: str) -> str:
    name, rate, frame_ms = codec.split("/")
    return f"{_NAMES.get(name, name)} {int(rate) / 1000:g} kHz {frame_ms} ms"


def _heard(share: float) -> str:
    return f"the agent spoke {share:.0%} of the time"


def _where(device: str, workers: int) -> str:
    shown = {"cpu": "CPU", "cuda": "GPU", "auto": "CPU or GPU"}.get(device, device)
    return shown if workers == 1 else f"{shown}, {workers} at once"


def _ms(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page; 2 if a file is no measurement."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sizing.document", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="of parley bench size")
    options = parser.parse_args(arguments)
    try:
        print(document(map(read_sizing, options.files)), end="")
    except ClientError as error:
        print(f"parley: {error}", file=sys.stderr)
        return USER_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
