from pathlib import Path

import pytest

from gateway.provisioning.importing.found import Found, FoundFile
from gateway.provisioning.importing.plan import Action, Installed, document, plan
from pipeline.errors import ModelError
from pipeline.models import Model, ModelFile, Source
from pipeline.models.formats import Description

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
NOWHERE = Path("/models")
NOTHING = Installed((), frozenset(), {})


def found(label: str, *names: str, languages: tuple[str, ...] = (), engine="llama.cpp") -> Found:
    files = tuple(FoundFile(name, NOWHERE / name, 10) for name in names)
    told = Description(engine, NOWHERE, names, "a summary", languages=languages)
    return Found(label, "folder", label, engine, files, told)


def known(id: str, *files: ModelFile, source: Source | None = None) -> Model:
    source = source or Source(repository="someone/known")
    return Model(id, "llama.cpp", NOWHERE / id, files=files, source=source)


def test_the_hash_decides_and_not_the_name():
    model = known("known", ModelFile("x.gguf", sha256=A))
    catalogue = Installed((model,), frozenset(), {})
    (step,) = plan([(found("mine", "renamed.gguf"), {"renamed.gguf": A})], catalogue)
    assert (step.action, step.id, step.hashes) == (Action.RECOGNISE, "known", {"x.gguf": A})
    assert step.entry is None
    (step,) = plan([(found("mine", "x.gguf"), {"x.gguf": B})], catalogue)
    assert (step.action, step.id) == (Action.ADD, "mine")
    voice = found("mine", "x.gguf", engine="piper")
    assert plan([(voice, {"x.gguf": A})], catalogue)[0].action is Action.ADD


def test_of_what_nobody_hashed_the_name_decides_and_the_hash_is_pinned():
    model = known("known", ModelFile("x.gguf", sha256=A), ModelFile("deep/y.json"))
    catalogue = Installed((model,), frozenset(), {})
    both = found("mine", "x.gguf", "y.json")
    (step,) = plan([(both, {"x.gguf": A, "y.json": B})], catalogue)
    assert step.hashes == {"x.gguf": A, "deep/y.json": B}
    (pin,) = step.pins
    assert pin.url == "https://huggingface.co/someone/known/resolve/main/deep/y.json"
    assert (pin.sha256, pin.bytes) == (B, 10)
    (step,) = plan([(found("mine", "x.gguf"), {"x.gguf": A})], catalogue)
    assert step.action is Action.ADD
    unhashed = Installed((known("known", ModelFile("x.gguf")),), frozenset(), {})
    assert plan([(found("mine", "x.gguf"), {"x.gguf": A})], unhashed)[0].action is Action.ADD


def test_what_is_installed_or_brought_along_stays():
    model = known("known", ModelFile("x.gguf", sha256=A))
    here = Installed((model,), frozenset(), {"known": {"x.gguf": A}})
    one = [(found("mine", "x.gguf"), {"x.gguf": A})]
    assert plan(one, here)[0].action is Action.PRESENT
    brought = Model("starter", "llama.cpp", NOWHERE, files=(ModelFile("x.gguf", sha256=A),))
    assert plan(one, Installed((brought,), frozenset(), {}))[0].action is Action.BROUGHT
    assert plan(one, here, named="again")[0].action is Action.ADD


def test_a_name_is_taken_once():
    one, two = (found("mine", "x.gguf"), {"x.gguf": A}), (found("mine", "y.gguf"), {"y.gguf": B})
    with pytest.raises(ModelError, match="mine and mine would both be called mine"):
        plan([one, two], NOTHING)
    added = Installed((known("mine"),), frozenset({"mine"}), {"mine": {"x.gguf": C}})
    with pytest.raises(ModelError, match=r"has a model of that name .*; import it with --as NAME"):
        plan([one], added)
    other = (found("other", "z.gguf"), {"z.gguf": B})
    with pytest.raises(ModelError, match=r"by itself \(--only mine\) with --as NAME"):
        plan([one, other], added)
    with pytest.raises(ModelError, match="the catalogue has another model"):
        plan([one], Installed((known("mine"),), frozenset(), {}))
    with pytest.raises(ModelError, match="--as names one model, but 2 are chosen"):
        plan([one, other], NOTHING, named="both")


def test_an_entry_says_what_is_known_and_nothing_else():
    (step,) = plan([(found("mine", "x.gguf"), {"x.gguf": A})], NOTHING)
    assert step.entry == {
        "engine": "llama.cpp",
        "note": "Imported (folder: mine). a summary.",
        "files": {"x.gguf": {"bytes": 10, "sha256": A}},
    }
    many = found("mine", "x.gguf", languages=tuple(f"{number:02}" for number in range(99)))
    (step,) = plan([(many, {"x.gguf": A})], NOTHING)
    source = Source(repository="someone/it", revision="1", folder="q")
    assert document(step, source)["languages"] == ["mul"]
    assert document(step, source)["source"] == {
        "repository": "someone/it",
        "revision": "1",
        "folder": "q",
    }
