import pytest

from gateway.provisioning.importing.found import Licence
from gateway.provisioning.importing.licences import (
    UNKNOWN,
    first_known,
    of_card,
    of_piper_card,
    of_text,
    stated,
)


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("Apache License 2.0", "Apache-2.0"),
        ("MIT", "MIT"),
        ("MIT License", "MIT"),
        ("CC0", "CC0-1.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"),
        ("public domain", "LicenseRef-PublicDomain"),
    ],
)
def test_usual_spellings_are_known(name, spdx):
    assert stated(name, "it").spdx == spdx


def test_what_is_not_for_commerce_is_told():
    assert stated("cc-by-nc-4.0", "it").note == "Not for commercial use."
    assert stated("cc-by-4.0", "it").note == ""


def test_another_name_is_told_and_not_guessed():
    assert stated("llama3.2", "the model's card") == Licence(
        "", 'Its licence is "llama3.2" by the model\'s card: read it before you rely on it.'
    )
    for nothing in ("", "other", "unknown"):
        assert stated(nothing, "it") == UNKNOWN


@pytest.mark.parametrize(
    ("text", "spdx", "told"),
    [
        ("---\nlanguage: en\nlicense: mit\n---\n# Model\n", "MIT", ""),
        ("---\nlicense: 'apache-2.0' # really\n---\n", "Apache-2.0", ""),
        ("---\nlicense: other\nlicense_name: gemma\n---\n", "", '"gemma"'),
        ("# Model\nlicense: mit\n", "", "not known"),
        ("---\nlicense: mit\n", "", "not known"),
        ("", "", "not known"),
    ],
)
def test_a_card_is_believed_in_its_head_only(tmp_path, text, spdx, told):
    (tmp_path / "README.md").write_text(text)
    found = of_card(tmp_path / "README.md")
    assert found.spdx == spdx
    assert told in found.note


def test_a_voice_s_card_tells_of_its_ancestors(tmp_path):
    card = tmp_path / "MODEL_CARD"
    card.write_text("## Dataset\n\n* License: CC BY 4.0\n\n## Training\n\nFinetuned from lessac.\n")
    found = of_piper_card(card)
    assert found.spdx == "CC-BY-4.0"
    assert "trained from lessac" in found.note
    card.write_text("* License: See URL\r\n\r\nTrained from scratch\r\n")
    assert of_piper_card(card) == stated("See URL", "its MODEL_CARD")
    assert of_piper_card(tmp_path / "none") == UNKNOWN


def test_a_licence_s_text_is_recognised():
    apache = "\n   Apache License\n   Version 2.0, January 2004\n"
    assert of_text(apache) == Licence("Apache-2.0")
    mit = "MIT License\n\nCopyright (c)\n\nPermission is hereby granted, free of charge, to any"
    assert of_text(mit) == Licence("MIT")
    assert "LLAMA 3.2 COMMUNITY" in of_text("LLAMA 3.2 COMMUNITY LICENSE AGREEMENT\nText").note
    assert of_text("") == UNKNOWN


def test_what_is_known_goes_before_what_is_only_told():
    told = stated("gemma", "it")
    assert first_known(UNKNOWN, told, Licence("MIT")) == Licence("MIT")
    assert first_known(UNKNOWN, told) == told
    assert first_known() == UNKNOWN
