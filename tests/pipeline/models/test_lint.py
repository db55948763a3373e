"""What is wrong with a catalogue is named; a right one is passed over in silence."""

import pytest

from pipeline.models import Catalogue
from pipeline.models.lint import lint
from tests.pipeline.models.catalogues import SHA, catalogue

FILES = "models/{}/files"


def test_a_right_catalogue_has_no_findings():
    assert lint(catalogue()) == []


def test_the_catalogue_that_parley_brings_has_no_errors():
    errors = [finding for finding in lint(Catalogue.load()) if finding.level == "error"]
    assert errors == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("profiles/both/voice", "lips", "error: profiles.both: voice is 'lips', which [models]"),
        ("profiles/both/voice", "ears", "expected 'piper' or 'espeak-ng' (voice)"),
        ("profiles/both/voices/de", "ears", "models.ears.engine is 'faster-whisper', expected"),
        ("profiles/both/recognizer", None, "profiles.both: recognizer is None, expected the name"),
        ("profiles/both/languages", ["en", "fr"], "voice mouth has no fr, which languages list"),
        ("profiles/both/languages", ["en"], "warning: profiles.both: has a model for de"),
        ("models/brain/languages", ["en"], "warning: profiles.both: language_model brain was not"),
        ("models/ears/languages", None, "warning: models.ears: languages are missing"),
        ("models/ears/licence", None, "warning: models.ears: licence is missing"),
        ("models/ears/licence", 3, "error: models.ears: licence is 3, expected a string"),
        ("models/brain/licence_note", None, "error: models.brain: licence_note is missing: Lic"),
        ("models/mund/licence_note", None, "error: models.mund: licence_note is missing: CC-BY-NC"),
        (
            "models/mouth/finetuned_from",
            "mund",
            "licence_note is missing: it was trained from mund",
        ),
        ("models/ears/settings", {"fianl_beam": 1}, "settings.fianl_beam is unknown to faster-w"),
        ("models/ears/settings", {"final_beam": "1"}, "settings.final_beam is '1', expected a wh"),
        ("models/ears/settings", {"threads": 3}, "settings.threads is unknown to faster-whisper"),
        ("models/ears/files", {}, "error: models.ears: has a source and no files"),
        ("models/ears/source", {}, "error: models.ears: source.repository is '', expected owner/"),
        ("models/mund/withdrawn", "revoked", "error: profiles.both: mund was withdrawn: revoked"),
        ("models/ears/source/revision", "main", "warning: models.ears: source.revision 'main' may"),
        ("models/ears/files/model.bin", None, "models.ears: files have no model.bin, which faster"),
        ("models/ears/files/vocabulary.txt", None, "no vocabulary.json or vocabulary.txt, which"),
        ("models/brain/files", {"a.bin": {}}, "files has no .gguf, which llama.cpp opens"),
        ("models/mouth/files/mouth.onnx.json", None, "files have no .onnx.json, which piper needs"),
        ("models/brain/files/brain.gguf/sha256", None, "brain.gguf has no sha256: it cannot be"),
        (
            "models/brain/files/brain.gguf/bytes",
            None,
            "warning: models.brain: files.brain.gguf has",
        ),
        ("models/brain/files/../x.gguf", {}, "files: '../x.gguf' leaves the model's directory"),
        (
            "models/ears/files/MODEL.bin",
            {"sha256": SHA},
            "files.MODEL.bin is files.model.bin where",
        ),
        ("models/mund/source/folder", "../en", "source.folder is '../en', which leaves the repo"),
    ],
)
def test_what_is_wrong_is_found_once(path, value, expected):
    if ".." in path:  # a name with slashes
        wrong = catalogue("models/brain/files", {"../x.gguf": {}})
    else:
        wrong = catalogue(path, value)
    found = [str(finding) for finding in lint(wrong)]
    assert sum(expected in line for line in found) == 1, found
    assert all("\n" not in line for line in found)


def test_a_program_needs_neither_path_nor_files():
    program = {"engine": "espeak-ng", "licence": "MIT", "languages": ["mul"]}
    whole = catalogue("models/robot", program)
    assert lint(whole) == []
    assert whole.profile("both", instead={"voice": "robot"}).voice.program == "espeak-ng"
    found = lint(catalogue("models/robot", {**program, "settings": {"words_per_minute": "x"}}))
    assert "settings.words_per_minute is 'x', expected a whole number" in str(found[0])


def test_a_broken_model_is_not_told_again_for_each_profile_that_names_it():
    found = lint(catalogue("models/ears/engine", "whisper"))
    assert [finding.where for finding in found] == ["models.ears"]


def test_one_url_with_two_hashes_is_an_error():
    source = {"repository": "a/voices", "revision": "1c", "folder": "en"}
    files = {"mouth.onnx": {"bytes": 5, "sha256": SHA}, "mouth.onnx.json": {"sha256": SHA}}
    found = [
        str(finding)
        for finding in lint(catalogue("models/mund", {
            "engine": "piper", "licence": "MIT", "languages": ["de"], "source": source,
            "files": files,
        }))
        if finding.level == "error"
    ]  # fmt: skip
    assert len(found) == 2
    assert "files.mouth.onnx differs from that of models.mouth, of one URL" in found[0]


def test_a_model_that_stands_there_twice_is_noticed():
    found = lint(catalogue("models/again", {**catalogue().document["models"]["mouth"]}))
    assert [str(finding) for finding in found] == [
        "warning: models.again: is the same as models.mouth"
    ]
