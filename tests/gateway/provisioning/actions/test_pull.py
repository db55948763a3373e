"""`parley models pull`: licences first, then the files."""

from pathlib import Path

import pytest

from gateway.provisioning.actions import pull
from pipeline.models.store import Store


def test_a_profile_brings_what_every_conversation_needs(parley):
    lines = parley.pull("both")
    assert set(parley.store.installed()) == {"ears", "brain", "mouth"}
    assert "brain (LicenseRef-Llama-3.2): Terms of its own." in lines
    assert sum("Terms of its own" in line for line in lines) == 1


def test_without_a_name_it_is_the_profile_in_use(parley):
    parley.pull()
    assert set(parley.store.installed()) == {"ears", "brain", "mouth"}


def test_models_that_replace_a_profile_s_are_in_use_too(parley, monkeypatch):
    monkeypatch.setenv("PARLEY_MODELS_VOICE", "mund")
    parley.pull("--accept-licence", "mund")
    assert set(parley.store.installed()) == {"ears", "brain", "mund"}


def test_a_model_that_was_withdrawn_is_refused_with_its_reason(parley):
    text = parley.models.read_text(encoding="utf-8")
    withdrawn = '[models.mouth]\nwithdrawn = "its licence was revoked"'
    parley.models.write_text(text.replace("[models.mouth]", withdrawn), encoding="utf-8")
    refusal = parley.refused("pull", "both", "--mirror", parley.server.url)
    assert refusal.startswith("model mouth was withdrawn: its licence was revoked; ")
    assert "mouth was withdrawn" in parley.refused("export", "both", "--out", "x.tar")
    assert parley.store.installed() == ()


def test_a_program_is_left_to_the_system(parley):
    text = parley.models.read_text(encoding="utf-8")
    lines = ("[models.robot]", 'engine = "espeak-ng"', 'settings.program = "none-such"')
    parley.models.write_text("\n".join((text, *lines)), encoding="utf-8")
    assert parley.pull("robot")[0] == (
        "robot is a program of the system: install none-such with its packages"
    )
    (line,) = [line.split("\t") for line in parley("list") if line.startswith("robot")]
    assert line[2:4] == ["no", "-"]
    assert "is a program of the system" in parley.refused("path", "robot")
    assert "is a program of the system" in parley.refused("verify", "robot")


def test_nothing_is_fetched_twice_and_no_note_is_told_twice(parley):
    parley.pull("both")
    asked = len(parley.server.requests)
    assert not any("Terms" in line for line in parley.pull("both"))
    assert len(parley.server.requests) == asked


def test_another_language_brings_its_voice_if_its_licence_is_accepted(parley):
    refusal = parley.refused(
        "pull", "both", "--languages", "de", "--mirror", parley.server.url, "--yes"
    )
    assert "Not for commercial use." in refusal
    assert refusal.endswith("If that suits you, add: --accept-licence mund")
    assert parley.store.installed() == ()
    parley.pull("both", "--languages", "de", "--accept-licence", "mund")
    assert "mund" in parley.store.installed()


@pytest.mark.parametrize(("tags", "there"), [("fr", "de, en"), ("de,fr", "de, en")])
def test_a_language_that_no_profile_has_is_refused(parley, tags, there):
    line = parley.refused("pull", "both", "--languages", tags)
    assert line == f"--languages fr: both has models for {there}"


def test_a_dry_run_says_what_would_come(parley):
    *files, summary = parley("pull", "both", "--dry-run")
    assert files[-1].startswith("mouth/mouth.onnx.json: 63 B: https://huggingface.co/a/voices/")
    assert summary == f"363 B to download; into {parley.home / 'store'}"
    assert parley.server.requests == []
    assert not (parley.home / "store").exists()


def test_a_file_without_a_hash_is_refused_unless_taken_on_trust(parley):
    text = parley.models.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("sha256")]
    parley.models.write_text("\n".join(lines), encoding="utf-8")
    parley.pull("mouth", code=2)
    assert "no hash is known of mouth/mouth.onnx" in parley.err
    assert "--accept-unverified" in parley.err


def ends(*_):
    raise EOFError


def test_on_a_terminal_a_note_has_to_be_answered(parley, monkeypatch):
    monkeypatch.setattr(pull.sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    assert parley.pull("both")[-1].endswith("nothing was downloaded")
    monkeypatch.setattr("builtins.input", ends)
    assert parley.pull("both")[-1].endswith("nothing was downloaded")
    assert parley.store.installed() == ()
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    parley.pull("both")
    assert "brain" in parley.store.installed()


def test_a_file_that_the_mirror_lacks_is_named(parley):
    parley.server.files.clear()
    lines = parley.pull("mouth", code=2)
    assert any("mouth.onnx" in line and "404" in line for line in lines)
    assert parley.store.installed() == ()


@pytest.mark.parametrize("count", ["0", "17", "four"])
def test_connections_are_few(parley, count):
    assert f"{count} is not a number from 1 to 16" in parley.refused(
        "pull", "both", "--connections", count
    )


def test_a_pulled_model_resolves_to_the_store(parley):
    parley.pull("mouth")
    store = Store(parley.home / "store")
    assert parley("path", "mouth") == [str(store.path("mouth") / "mouth.onnx")]
    assert Path(parley("path", "mouth")[0]).read_bytes() == b"mouth/mouth.onnx" * 3
