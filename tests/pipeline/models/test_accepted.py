"""Pins: what was taken on trust once has to stay as it was."""

import pytest

from pipeline.errors import ModelError
from pipeline.models.accepted import Pin
from pipeline.models.store import Store

URL = "https://models.example/a/model.onnx"


def test_a_pin_is_found_by_the_url_that_it_came_from(tmp_path):
    store = Store(tmp_path)
    assert store.accepted.pin(URL) is None
    store.accept(URL, sha256="ab" * 32, bytes=7)
    store.accept("https://models.example/b", sha256="cd" * 32, bytes=8)
    assert store.accepted.pin(URL) == Pin("ab" * 32, 7)
    assert len(store.accepted.pins()) == 2
    text = store.accepted.path.read_text()
    assert text.startswith("# Hashes that")
    assert text.index(f'"{URL}"') < text.index("models.example/b")


@pytest.mark.parametrize(
    "text",
    [
        "nonsense =",
        "schema = 2",
        "",
        "schema = 1\nfiles = 3",
        'schema = 1\n[files."u"]\nsha256 = "ab"\nbytes = 1',
        f'schema = 1\n[files."u"]\nsha256 = "{"ab" * 32}"',
        "schema = 1\n[files]\nu = 3",
        "\xff",
    ],
)
def test_a_damaged_file_is_not_trusted_in_part(tmp_path, text):
    store = Store(tmp_path)
    store.accepted.path.write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=r"accepted\.toml"):
        store.accepted.pins()
