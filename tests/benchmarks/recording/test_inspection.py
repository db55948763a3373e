"""`parley inspect`: what it prints, writes and refuses."""

import json

import numpy as np
import pytest

from benchmarks.recording.format import encode
from gateway import cli
from gateway.client.wav import read_wav
from tests.benchmarks.recording.sessions import one_turn


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    session = one_turn()
    path = tmp_path / "x.parley"
    path.write_bytes(b"".join(map(encode, (session.header, *session.records, session.end))))
    return path


def test_the_timeline_shows_events_both_ways_audio_and_latencies(file, capsys):
    assert cli.main(["inspect", str(file)]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == "recorded 2026-01-31T12:00:00+00:00 by test from ws://127.0.0.1:8765"
    assert lines[1] == "1.7 s, 20 messages, ended: closed"
    assert "    0.410 ◀ speech.started     turn=t_1  stream=1  pts=0" in lines
    assert "    1.500 ▶ bye" in [line.rstrip() for line in lines]
    assert [line for line in lines if "response.text" in line] == [
        '    0.850 ◀ response.text      text="It is noon."'
    ]
    assert any("▶ audio 1 " in line and "▇▇" in line for line in lines)
    assert not any(" ping " in line for line in lines)
    assert lines[-1].split() == [
        "What?", "It", "is", "noon.", "400", "50", "100", "650", "700", "0.2", "completed",
    ]  # fmt: skip


def test_everything_is_shown_on_request(file, capsys):
    assert cli.main(["inspect", "--all", str(file)]) == 0
    out = capsys.readouterr().out
    assert "▶ ping" in out
    assert out.count("response.text") == 2


def test_json_is_one_object_with_a_named_layout(file, capsys):
    assert cli.main(["inspect", "--json", str(file)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "parley-inspection/1"
    assert (found["end"], found["damage"], found["orphans"]) == ("closed", None, 0)
    assert len(found["events"]) == 14
    assert found["sounds"][0]["gaps"] == 1
    [turn] = found["turns"]
    assert (turn["transcript"], turn["reply"]) == ("What?", "It is noon.")
    assert round(turn["first_audio_ms"]) == 650


def test_both_sides_come_out_as_wav_files(file, tmp_path, capsys):
    assert cli.main(["inspect", str(file), "--wav", str(tmp_path / "wavs")]) == 0
    assert "01-microphone-1.wav" in capsys.readouterr().out
    reply = read_wav(tmp_path / "wavs" / "02-reply-256.wav")
    assert reply.rate == 16000
    assert np.array_equal(np.unique(reply.samples), [10, 9000])


def test_a_file_without_its_end_is_read_and_said_to_be_killed(file, capsys):
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-2]))
    assert cli.main(["inspect", str(file)]) == 0
    assert "no end: the recorder was killed" in capsys.readouterr().out


def test_of_a_damaged_file_the_beginning_is_shown_and_the_exit_code_is_2(file, capsys):
    file.write_bytes(file.read_bytes()[:-300])
    assert cli.main(["inspect", str(file)]) == 2
    out, err = capsys.readouterr()
    assert "speech.started" in out
    assert err == (
        f"parley: {file} is damaged in line 20: it is cut off; what comes before can be read\n"
    )
    assert cli.main(["inspect", "--json", str(file)]) == 2
    assert "line 20" in json.loads(capsys.readouterr().out)["damage"]


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 100, b"{}\n"])
def test_a_foreign_file_is_one_line_and_exit_code_2(tmp_path, capsys, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    assert cli.main(["inspect", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"parley: {path} is no recording; make one with  parley record\n"
    assert cli.main(["inspect", str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_folder_for_wavs_that_cannot_be_made_is_told(file, capsys):
    assert cli.main(["inspect", str(file), "--wav", str(file / "in-a-file")]) == 2
    assert "cannot write" in capsys.readouterr().err
