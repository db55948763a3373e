"""`parley models list`: what there is, and what of it is here."""

import json


def test_a_file_gets_one_line_for_each_model_with_tabs(parley):
    lines = [line.split("\t") for line in parley("list")]
    assert [line[0] for line in lines] == ["ears", "brain", "mouth", "mund"]
    assert lines[0] == ["ears", "recognizer", "no", "204 B", "1.0 kB", "many", "MIT"]
    assert lines[3][-1] == "CC-BY-NC-4.0 +"


def test_only_what_was_asked_for_is_listed(parley):
    assert [line.split("\t")[0] for line in parley("list", "--role", "voice")] == ["mouth", "mund"]
    heard = [line.split("\t")[0] for line in parley("list", "--language", "de")]
    assert heard == ["ears", "brain", "mund"]
    assert parley("list", "--installed") == []


def test_what_was_pulled_is_installed(parley):
    parley.pull("mouth")
    assert [line.split("\t")[:3] for line in parley("list", "--installed")] == [
        ["mouth", "voice", "yes"]
    ]


def test_json_tells_all_of_it(parley):
    parley.pull("both")
    facts = json.loads("\n".join(parley("list", "--json")))
    (profile,) = facts["profiles"]
    assert profile["name"] == "both"
    assert profile["in_use"]
    assert profile["installed"]
    assert profile["voices"] == {"de": "mund"}
    assert [model["installed"] for model in facts["models"]] == [True, True, True, False]
    assert facts["models"][1]["licence_note"] == "Terms of its own."


def test_a_list_is_had_although_the_profile_in_use_is_gone(parley, monkeypatch):
    monkeypatch.setenv("PARLEY_MODELS_PROFILE", "gone")
    assert len(parley("list")) == 4


def test_what_the_models_file_has_another_version_of_is_old(parley):
    parley.pull("mouth")
    text = parley.models.read_text(encoding="utf-8")
    digest = parley.store.files("mouth")["mouth.onnx"]
    parley.models.write_text(text.replace(digest, digest[::-1]), encoding="utf-8")
    (line,) = parley("list", "--installed")
    assert line.split("\t")[:3] == ["mouth", "voice", "old"]


def test_what_the_models_file_no_longer_has_is_listed_last(parley):
    parley.pull("mouth")
    text = parley.models.read_text(encoding="utf-8").replace("mouth", "lips")
    parley.models.write_text(text, encoding="utf-8")
    assert parley("list")[-1] == "mouth\t?\tyes"
    assert json.loads("\n".join(parley("list", "--json")))["unknown"] == ["mouth"]


def test_a_malformed_entry_keeps_no_others_from_being_listed(parley):
    text = parley.models.read_text(encoding="utf-8")
    parley.models.write_text(text.replace('engine = "llama.cpp"', 'engine = "x"'), encoding="utf-8")
    lines = parley("list", code=2)
    assert [line.split("\t")[0] for line in lines] == ["ears", "mouth", "mund"]
    assert parley.err.count("\n") == 1
    assert "models.brain.engine is 'x', expected faster-whisper or" in parley.err


def test_show_tells_files_and_where_they_come_from(parley):
    text = "\n".join(parley("show", "mund"))
    assert "Not for commercial use." in text
    assert "CC-BY-NC-4.0 (restricted)" in text
    assert "https://huggingface.co/a/voices/resolve/1c/de/mund.onnx" in text
    assert "not here" in text
    (facts,) = [json.loads("\n".join(parley("show", "mund", "--json")))]
    assert [file["present"] for file in facts["files"]] == [False, False]


def test_show_of_a_profile_tells_all_its_models(parley):
    text = "\n".join(parley("show", "both"))
    assert "de is spoken by mund" in text
    assert len(json.loads("\n".join(parley("show", "both", "--json")))) == 4


def test_a_misspelt_name_is_guessed(parley):
    assert "did you mean mouth?" in parley.refused("show", "moth")
    assert "`parley models list` shows all" in parley.refused("show", "zzz")


def test_path_prints_the_path_alone(parley):
    assert parley("path") == [str(parley.home / "store")]
    assert "run: parley models pull mouth" in parley.refused("path", "mouth")
    lies = str(parley.home / "store" / "models" / "mouth" / "mouth.onnx")
    assert parley("path", "mouth", "--anyway") == [lies]
    parley.pull("mouth")
    assert parley("path", "mouth") == [lies]


def test_lint_takes_a_right_file_and_names_what_is_wrong(parley):
    assert parley("lint", str(parley.models))[-1].endswith("0 errors, 0 warnings")
    text = parley.models.read_text(encoding="utf-8")
    parley.models.write_text(text.replace('voice = "mouth"', 'voice = "lips"'), encoding="utf-8")
    wrong, summary = parley("lint", str(parley.models), code=2)
    assert wrong.startswith(f"{parley.models}: error: profiles.both: voice is 'lips'")
    assert summary.endswith("1 errors, 0 warnings")


def test_lint_takes_warnings_for_errors_when_asked(parley):
    text = parley.models.read_text(encoding="utf-8").replace('licence = "MIT"\n', "")
    parley.models.write_text(text, encoding="utf-8")
    parley("lint", str(parley.models))
    parley("lint", "--strict", str(parley.models), code=2)


def test_lint_prints_the_schema(parley):
    assert json.loads("\n".join(parley("lint", "--schema")))["title"].startswith("models.toml")
