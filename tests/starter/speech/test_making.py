import functools
import os
import signal
from pathlib import Path
from random import Random

import numpy as np
import pytest

from starter.domain.holding_out import Split
from starter.domain.spoken import Utterance
from starter.errors import RecipeError
from starter.speech.casting import cast
from starter.speech.making import main, make_speech
from starter.speech.recording import Studio, produced
from starter.speech.reply_voice import MODEL
from starter.speech.shard_making import Plan, make_shard
from starter.speech.shards import finished_shards, read_shard
from starter.speech.speaker import Speech
from starter.speech.voices import VOICES, speakers

SENTENCES = ("Stop the music.", "What time is it?", "Set a timer for five minutes.")


def listed(random: Random, split: Split) -> Utterance:
    return Utterance(random.choice(SENTENCES), "user" if split == "train" else "grammar")


@functools.cache
def interrupt() -> None:
    """Send the parent process, once, what Ctrl-C sends."""
    os.kill(os.getppid(), signal.SIGINT)


def interrupting(random: Random, split: Split) -> Utterance:
    interrupt()
    return listed(random, split)


@pytest.fixture(scope="module", autouse=True)
def _synthesizers():
    try:
        speakers({voice.family: name for name, voice in VOICES.items()}.values())
    except RecipeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> Plan:
    plan = Plan(tmp_path_factory.mktemp("work") / "speech", rows=14, source=listed)
    result = make_speech(plan, minutes=2, jobs=1, most_shards=2)
    assert (result.shards, result.stopped) == (2, False)
    assert result.rows == sum(len(read_shard(path).rows) for path in finished_shards(plan.folder))
    return plan


def test_a_shard_says_of_each_row_what_is_in_it(plan):
    shards = [read_shard(path) for path in finished_shards(plan.folder)]
    rows = [row for shard in shards for row in shard.rows]
    assert 24 <= len(rows) <= 28
    for row in rows:
        assert row.text in SENTENCES
        assert row.phones[-1] in "kts"
        assert VOICES[row.voice].learnt_by
        assert row.held is (row.kind == "grammar")
        assert 0.5 < row.end < row.frames / 100
    for shard in shards:
        for number, row in enumerate(shard.rows):
            spectra = shard.of(number)
            assert spectra.max() > -1
            if not row.channel:  # the silence behind it, which a channel fills with noise
                assert spectra[-3].max() < spectra.max() - 3


def test_the_same_number_is_the_same_speech(plan, tmp_path):
    again = Plan(tmp_path, rows=plan.rows, source=listed)
    make_shard(again, 1, Studio())
    first, second = read_shard(plan.path(1)), read_shard(again.path(1))
    assert [row.text for row in first.rows] == [row.text for row in second.rows]
    assert [row.voice for row in first.rows] == [row.voice for row in second.rows]


def test_what_is_there_is_kept_and_no_process_started(plan):
    before = {path: path.stat().st_mtime_ns for path in finished_shards(plan.folder)}
    result = make_speech(plan, minutes=2, most_shards=2)
    assert (result.shards, result.rows) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in finished_shards(plan.folder)} == before


def test_ctrl_c_ends_it_with_nothing_half_written(tmp_path):
    plan = Plan(tmp_path, rows=1000, source=interrupting)
    result = make_speech(plan, minutes=60)
    assert result.stopped
    assert list(tmp_path.iterdir()) == []


def test_a_shard_that_is_left_unfinished_is_not_written(tmp_path):
    rows = list[int]()
    stopped = make_shard(
        Plan(tmp_path, rows=14, source=listed), 0, Studio(),
        stopped=lambda: len(rows) > 2, counted=lambda: rows.append(1),
    )  # fmt: skip
    assert stopped is None
    assert len(rows) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("starter.speech.shards.shutil.disk_usage", lambda folder: usage)
    assert main(["--work", str(tmp_path), "--minutes", "1"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "has 1 MB free, 560 MB are needed" in message


def test_a_folder_that_cannot_be_made_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--work", str(tmp_path / "file"), "--minutes", "1"]) == 2
    assert "file/speech cannot be made" in capsys.readouterr().err


def test_a_reply_voice_that_is_missing_or_damaged_is_told(tmp_path, capsys):
    other = tmp_path / "other.onnx"
    asked = ["--work", str(tmp_path), "--family", "reply", "--reply-voice", str(other)]
    assert main(asked) == 2
    other.with_suffix(".onnx.json").write_bytes(MODEL.with_suffix(".onnx.json").read_bytes())
    other.write_bytes(b"no model")
    assert main(asked) == 2
    messages = capsys.readouterr().err.splitlines()
    assert len(messages) == 2
    assert all(f"the reply voice {other} cannot be loaded" in line for line in messages)


def test_no_process_at_all_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--jobs", "0"])
    assert "0 is too few, expected 1 or more" in capsys.readouterr().err


def test_what_cannot_be_heard_or_is_too_long_makes_no_row():
    take = cast(Random(1), Utterance("Hello.", "user"), held=False)
    silence, long = np.zeros(16_000, np.float32), np.ones(11 * 16_000, np.float32)
    assert produced(Speech(silence, 16_000), take) is None
    assert produced(Speech(long, 16_000), take) is None


def test_the_end_of_a_row_is_where_its_speech_ends():
    take = cast(Random(1), Utterance("Hello.", "user"), held=False)
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    made = produced(Speech(noise, 16_000), take)
    assert made is not None
    assert made[0].end == pytest.approx(take.lead + take.size, abs=0.02)
    assert made[0].frames == len(made[1])


def test_shards_lie_where_the_recipe_looks_for_them():
    assert Plan(Path("work/speech"), seed=3).path(7) == Path("work/speech/train_3_0007")
