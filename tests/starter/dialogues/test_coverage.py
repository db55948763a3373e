import re
import tomllib
from pathlib import Path

from starter.dialogues import phrasings
from starter.domain.slots import SLOTS
from starter.domain.templates import TEMPLATES

DATA = Path(phrasings.__file__).parent / "data"

REPEATED = re.compile(r"^(?:say|repeat after me) \{\}.*")
"""Whatever follows is said again."""


def shape(text):
    """Return a phrasing without what may vary: values, articles, politeness, marks."""
    text = re.sub(r"\b(?:plus|minus|times|divided by)\b", "{}", text.partition(" = ")[0].lower())
    text = re.sub(r"\{\w+\}", "{}", text)
    text = re.sub(r"\b(?:an?|the|please|my|it|in the world|on earth)\b|[^a-z{} ']", " ", text)
    text = re.sub(r"\{\}(?: and \{\}| \{\})+", "{}", " ".join(text.split()))
    return REPEATED.sub("repeat {}", text)


def texts_of(tree):
    if isinstance(tree, str):
        yield from tree.splitlines()
    elif isinstance(tree, dict):
        for branch in tree.values():
            yield from texts_of(branch)
    elif isinstance(tree, list):
        for branch in tree:
            yield from texts_of(branch)


def test_every_template_of_the_grammar_is_something_that_dialogues_answer():
    known = {
        shape(text)
        for path in DATA.glob("*.toml")
        for text in texts_of(tomllib.loads(path.read_text(encoding="utf-8")))
    }
    missing = [one.text for one in TEMPLATES if not is_known(one.text, known)]
    assert len(missing) <= 0.01 * len(TEMPLATES), missing


def is_known(text, known):
    if "{tellme}" not in text:
        return shape(text) in known
    # What can be told is asked for in words of its own.
    return sum(shape(text.replace("{tellme}", one)) in known for one in SLOTS["tellme"]) >= 3
