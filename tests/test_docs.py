"""The documents against the code: commands exist, links lead somewhere, the map is complete."""

import argparse
import ast
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import build_parser
from gateway.version import VERSION

ROOT = Path(__file__).parent.parent
PACKAGES = ("protocol", "pipeline", "gateway", "benchmarks", "starter")
TOP = (*PACKAGES, "tests", "docs")
DOCUMENTS = sorted(
    path
    for folder in (ROOT, *(ROOT / name for name in TOP), ROOT / ".github")
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]

# What belongs to somebody's machine and not to the project; bundles are installed in /opt/parley.
PRIVATE = re.compile(
    r"(?<![\w.])/(work|opt|root)/(?!parley\b)[a-z.]"
    r"|\.\./shared|pythonhosted|file:/{3}|/home/(?!user)\w|/tmp/\w"
)


def blocks(text: str, language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    lines = [line for block in blocks(text, "(?:sh|bash|console)") for line in block.splitlines()]
    split = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    inline = [shlex.split(code) for code in re.findall(r"`((?:make|parley) [^`\n]+)`", text)]
    return [words for words in split + inline if words]


def tree(text: str) -> set[str]:
    """Read the README's map: names, then two spaces or more; folders by indentation.

    A folder of which no file is named stands for all of them.
    """
    found: set[str] = set()
    folders: dict[int, str] = {}
    for line in filter(str.strip, text.splitlines()):
        depth = len(line) - len(line.lstrip())
        folders = {level: name for level, name in folders.items() if level < depth}
        parent = folders[max(folders)] if folders else ""
        found.discard(parent)
        for name in re.split(r" {2,}", line.strip())[0].split():
            found.add(parent + name)
            if name.endswith("/"):
                folders[depth] = parent + name
    return found


def test_the_map_s_reader_understands_folders_and_lines_of_several_names():
    text = (
        "a/     about a\n  b.py c.py  of x.y\n  d/   e\n    e.py\n"
        "  f/\n    g.py h.py\ni/\n  j.md\n  k/   many\n"
    )
    files = {"a/b.py", "a/c.py", "a/d/e.py", "a/f/g.py", "a/f/h.py", "i/j.md"}
    assert tree(text) == files | {"i/k/"}


def test_the_readme_s_map_names_every_module_and_nothing_else():
    mapped = tree(next(blocks(README, "text")))
    whole = tuple(name for name in mapped if name.endswith("/"))
    modules = {str(path.relative_to(ROOT)) for path in MODULES if path.name != "__init__.py"}
    assert {name for name in modules - mapped if not name.startswith(whole)} == set()
    assert {name for name in mapped if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        linked = (path.parent / file) if file else path
        assert linked.exists(), target
        if anchor:
            assert anchor in _anchors(linked.read_text(encoding="utf-8")), target


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_documents_exist(path):
    for words in commands(path.read_text(encoding="utf-8")):
        program = words[0].rpartition("/")[2]
        if program == "make":
            tasks = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            assert set(tasks) <= _tasks(), words
        elif program == "parley":
            _check_parley(words[1:])
        elif words[:2] == ["python", "-m"] or words[1:2] == ["-m"]:
            assert _is_module(words[2]), words


def _tasks() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def _check_parley(words: list[str]) -> None:
    if words[0].startswith("-"):
        assert words[0] in {"--help", "--version"}, words
        return
    parser: argparse.ArgumentParser = build_parser(words)
    for word in words:  # a command, and where it has any a command of that
        nested = next((a for a in parser._actions if a.nargs == argparse.PARSER), None)
        if nested is None or word.startswith("-"):
            break
        assert word in nested.choices, words
        parser = nested.choices[word]
    flags = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert flags <= set(parser._option_string_actions), words


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    ours = name.partition(".")[0] in (*PACKAGES, "tests")
    return not ours or path.is_dir() or path.with_suffix(".py").is_file()


def test_recordings_that_documents_speak_are_there():
    wavs = [
        word
        for path in DOCUMENTS
        for line in commands(path.read_text(encoding="utf-8"))
        for word in line
        if word.startswith("gateway/") and word.endswith(".wav")
    ]
    assert wavs
    assert [wav for wav in wavs if not (ROOT / wav).is_file()] == []


def test_the_example_of_a_models_file_is_read(tmp_path):
    from pipeline.models import Catalogue

    example = next(block for block in blocks(README, "toml") if "schema" in block)
    source = tmp_path / "my-models.toml"
    source.write_text(example, encoding="utf-8")
    profile = Catalogue.load(source).profile("mine")
    assert [str(model.path.parent) for model in profile.models] == ["/models"] * 3


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree) or ""
    assert re.match(r"\S.*[.:?]$", docstring.partition("\n")[0]), docstring


def test_every_dependency_is_explained():
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    table = "\n".join(line.partition(" | ")[0] for line in text.splitlines() if line[:1] == "|")
    names = [re.split(r"[^A-Za-z0-9-]", line)[0] for line in lines]
    assert [name for name in names if not re.search(rf"\b{name}\b", table)] == []


def test_the_version_is_the_package_s():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_nothing_speaks_of_the_machine_it_was_written_on():
    assert all(
        map(PRIVATE.search, ["in /work/x", "/opt/x", "../shared/y", "/tmp/z", "file:///srv"])
    )
    assert not any(map(PRIVATE.search, ["protocol/work/x", "/home/user/x", "/opt/parley/x"]))
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file() or path == Path(__file__):
            continue
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if private := PRIVATE.search(line):
                found.append(f"{name}:{number}: {private[0]}")
    assert found == []
