"""`parley models verify` and `remove`: what lies in the store, and getting rid of it."""


def flip(parley, id, name):
    """Flip one bit of an installed file."""
    path = (parley.store.path(id) / name).resolve()
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_untouched_models_verify(parley):
    parley.pull("both")
    lines = parley("verify")
    assert lines[-1] == "3 models, 363 B: no problems"
    assert "mouth: unchanged" in lines


def test_one_flipped_bit_is_found(parley):
    parley.pull("both")
    flip(parley, "ears", "model.bin")
    lines = parley("verify", code=2)
    problem, advice = [line for line in lines if line.startswith("parley: ")]
    assert "model ears: " in problem
    assert "model.bin" in problem
    assert advice == "parley: run: parley models verify --repair ears"
    assert "brain: unchanged" in lines


def test_a_repaired_model_is_whole(parley):
    parley.pull("both")
    flip(parley, "ears", "model.bin")
    parley("verify", "ears", "--repair", "--mirror", parley.server.url)
    assert parley("verify")[-1].endswith("no problems")


def test_only_what_is_named_is_verified(parley):
    parley.pull("both")
    flip(parley, "ears", "model.bin")
    assert parley("verify", "mouth")[-1] == "1 models, 111 B: no problems"
    assert "mund is not installed" in parley.refused("verify", "mund")


def test_a_model_in_use_stays_unless_forced(parley):
    parley.pull("both")
    assert "belongs to the profile in use" in parley.refused("remove", "mouth")
    assert parley("remove", "mouth", "--force")[0] == "removed mouth: 111 B freed"
    assert "mouth" not in parley.store.installed()


def test_of_a_profile_what_is_in_use_stays(parley, monkeypatch):
    parley.pull("both")
    assert parley("remove", "both") == [f"0 B freed in {parley.home / 'store'}"]
    text = parley.models.read_text(encoding="utf-8")
    alone = '\n[profiles.alone]\nrecognizer = "ears"\nlanguage_model = "brain"\nvoice = "mund"\n'
    parley.models.write_text(text + alone, encoding="utf-8")
    monkeypatch.setenv("PARLEY_MODELS_PROFILE", "alone")
    assert parley("remove", "both")[0] == "removed mouth: 111 B freed"
    assert set(parley.store.installed()) == {"ears", "brain"}


def test_a_model_that_the_models_file_no_longer_has_can_be_removed(parley):
    parley.pull("mouth")
    text = parley.models.read_text(encoding="utf-8").replace("mouth", "lips")
    parley.models.write_text(text, encoding="utf-8")
    assert "mouth: unchanged" in parley("verify", "mouth")
    assert parley("remove", "mouth")[0] == "removed mouth: 111 B freed"


def test_what_is_not_there_cannot_be_removed(parley):
    assert "model 'mouth' is not installed" in parley.refused("remove", "mouth")
    assert "name what to remove" in parley.refused("remove")
