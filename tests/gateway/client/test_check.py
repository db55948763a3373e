"""`parley check`."""

from __future__ import annotations

import pytest

from gateway.cli import main
from gateway.client.check import PACKAGES, examine
from gateway.client.errors import ClientError


def refuse() -> str:
    raise ClientError("it is\nbroken; mend it")


def test_a_look_that_fails_on_purpose_is_a_finding_in_one_line():
    finding = examine("the thing", refuse)
    assert not finding.ok
    assert finding.text == "it is broken; mend it"


def test_a_look_that_breaks_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        examine("the thing", lambda: str(1 // 0))


@pytest.mark.engines
def test_on_this_machine_all_is_well(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["check"]) == 0
    shown = capsys.readouterr().out
    for name in (*PACKAGES, "libopus", "models", "recognizer", "voice", "one spoken turn"):
        assert name in shown
    assert "'What is the capital of France?': 'The capital of France is Paris.'" in shown
    assert "failed" not in shown
    assert shown.rstrip().endswith("all is well")


def test_a_wrong_models_file_is_found_and_costs_exit_code_2(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    models = tmp_path / "models.toml"
    models.write_text("schema = 1\n[profiles.mine]\n", encoding="utf-8")
    assert main(["check", "--models", str(models), "--profile", "mine"]) == 2
    out, complaint = capsys.readouterr()
    assert "failed" in out
    assert "models.toml" in out
    assert "failed: models, recognizer, language model, voice, one spoken turn" in complaint
    assert complaint.count("\n") == 1
