"""Which package may import which, read from the source: the map in README.md, enforced."""

import ast
import functools
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("protocol", "pipeline", "gateway", "benchmarks", "starter")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]

ELSEWHERE = sorted((ROOT / "benchmarks" / "peers").glob("*/*.py"))
"""Scripts that run in environments of their own, by the requirements.txt beside them."""

ALLOWED = {
    "protocol": ("protocol",),
    "pipeline": ("pipeline", "protocol.audio"),
    "gateway": ("gateway", "pipeline", "protocol"),
    "gateway/client": (
        "gateway.client", "gateway.config", "gateway.errors", "gateway.logs", "gateway.version",
        "pipeline.codecs", "pipeline.errors", "pipeline.g711", "pipeline.libopus",
        "pipeline.resample", "protocol",
    ),
    "benchmarks": ("benchmarks", "gateway", "pipeline", "protocol"),
    "starter": ("benchmarks", "gateway", "pipeline", "protocol", "starter"),
}  # fmt: skip
"""What of ours the modules below a folder may import; the longest folder counts."""

CHECKS_THE_INSTALLATION = {"gateway/client/check.py"}
"""`parley check` is not a device: it loads engines and verifies models."""

EFFECTS = {
    "asyncio", "logging", "numpy", "random", "secrets", "socket", "subprocess", "threading", "time",
}  # fmt: skip
"""Tasks, clocks, logs, randomness, threads, sockets: nothing for protocol/."""

ENGINE_FILES = {
    "ctranslate2": ("faster_whisper",),
    "faster_whisper": ("faster_whisper",),
    "jinja2": ("chat_template",),
    "llama_cpp": ("llama_cpp",),
    "onnxruntime": ("piper", "silero"),
    "piper": ("piper",),
    "tokenizers": ("faster_whisper",),
    "webrtcvad": ("webrtc_vad",),
}
"""Engine package -> the files of pipeline/engines that import it, inside functions."""

PURE = (
    "pipeline/agreement.py",
    "pipeline/backlog.py",
    "pipeline/conversation.py",
    "pipeline/detection.py",
    "pipeline/devices.py",
    "pipeline/endpointing.py",
    "pipeline/events.py",
    "pipeline/g711.py",
    "pipeline/guards.py",
    "pipeline/hang_over.py",
    "pipeline/languages.py",
    "pipeline/persona.py",
    "pipeline/playout.py",
    "pipeline/reply.py",
    "pipeline/segmentation.py",
    "pipeline/speakable.py",
    "pipeline/threads.py",
    "pipeline/engines/loudness.py",
    "pipeline/engines/onnx_graph.py",
    "pipeline/engines/reply_text.py",
    "pipeline/engines/token_history.py",
    "pipeline/engines/word_alignment.py",
    "gateway/provisioning/importing/naming.py",
    "gateway/provisioning/importing/plan.py",
    "gateway/provisioning/fitting.py",
    "gateway/sessions/timeline.py",
)
"""Modules that decide, and so neither wait nor read a clock; all of protocol/ does neither, too."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the module's full name, its line, and whether it runs when the file is loaded."""

    module: str
    line: int
    eager: bool
    relative: bool = False


@functools.cache
def imports(path: Path) -> list[Import]:
    """Return a module's imports; those for type checkers only count as not eager."""
    return list(_walk(ast.parse(path.read_text(encoding="utf-8")), eager=True))


def _walk(node: ast.AST, *, eager: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                yield from (Import(name.name, child.lineno, eager) for name in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                for name in names:
                    full = f"{module}.{name.name}" if module else name.name
                    yield Import(full, child.lineno, eager, relative=level > 0)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from _walk(child, eager=False)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _walk(child, eager=False)
            case _:
                yield from _walk(child, eager=eager)


def _is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def _folder(name: str) -> str:
    return max((folder for folder in ALLOWED if name.startswith(folder + "/")), key=len)


def _package(one: Import) -> str:
    return one.module.partition(".")[0]


def test_the_sources_are_found():
    assert len(SOURCES) > 60
    assert {name.partition("/")[0] for name in NAMES} == set(PACKAGES)


def test_an_import_inside_a_function_or_for_type_checkers_is_not_eager(tmp_path):
    source = tmp_path / "module.py"
    source.write_text(
        "import a\nfrom b import c, d\nif TYPE_CHECKING:\n    import e\n"
        "class C:\n    import f\n    def g(self):\n        from . import h\n"
    )
    assert imports(source) == [
        Import("a", 1, eager=True),
        Import("b.c", 2, eager=True),
        Import("b.d", 2, eager=True),
        Import("e", 4, eager=False),
        Import("f", 6, eager=True),
        Import("h", 8, eager=False, relative=True),
    ]


def _breaches(judge: Callable[[str, Import], bool], names: Iterable[str] = NAMES) -> list[str]:
    """Return what a rule forbids, as `file:line imports module`."""
    return [
        f"{name}:{one.line} imports {one.module}"
        for name in names
        for one in imports(ROOT / name)
        if not judge(name, one)
    ]


def test_imports_go_one_way():
    def allowed(name: str, one: Import) -> bool:
        if name in CHECKS_THE_INSTALLATION or not _is_within(one.module, (*PACKAGES, "tests")):
            return True
        if name.startswith("benchmarks/") and _is_within(one.module, ("tests.models",)):
            return not one.eager  # models of random weights, made on the spot
        return _is_within(one.module, ALLOWED[_folder(name)])

    assert _breaches(allowed) == []


def test_imports_are_absolute():
    assert _breaches(lambda name, one: not one.relative) == []


def test_the_protocol_knows_no_effects_and_no_third_party_but_orjson():
    known = {"protocol", "orjson", *sys.stdlib_module_names} - EFFECTS
    names = [name for name in NAMES if name.startswith("protocol/")]
    assert _breaches(lambda name, one: _package(one) in known, names) == []


def test_engine_packages_are_imported_in_their_engine_s_file_only_and_lazily():
    def allowed(name: str, one: Import) -> bool:
        if _package(one) not in ENGINE_FILES:
            return True
        home = name in {f"pipeline/engines/{file}.py" for file in ENGINE_FILES[_package(one)]}
        return not one.eager and (home or name.startswith(("benchmarks/", "starter/")))

    assert _breaches(allowed) == []


def test_no_engine_is_loaded_by_importing_the_client_or_the_server():
    code = "import sys, gateway.app, gateway.client.talk; print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(result.stdout.splitlines())
    assert {"gateway.app", "pipeline.dialogue"} <= loaded
    assert loaded & set(ENGINE_FILES) == set()


def test_what_decides_neither_waits_nor_reads_a_clock():
    waiting = ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith
    for name in (*PURE, *(name for name in NAMES if name.startswith("protocol/"))):
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        assert [node.lineno for node in ast.walk(tree) if isinstance(node, waiting)] == [], name
    effects = EFFECTS - {"logging", "numpy"}
    assert _breaches(lambda name, one: _package(one) not in effects, PURE) == []


def test_the_gateway_alone_knows_websockets():
    names = [name for name in NAMES if name.startswith(("protocol/", "pipeline/"))]
    assert _breaches(lambda name, one: _package(one) != "websockets", names) == []


# Where a distribution is not named as what is imported from it.
DISTRIBUTIONS = {
    "cyclonedx": "cyclonedx-python-lib",
    "llama_cpp": "llama-cpp-python",
    "pipecat": "pipecat-ai",
    "piper": "piper-tts",
    "webrtcvad": "webrtcvad-wheels",
    "yaml": "pyyaml",
}


def _requirements(lines: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", line)[0].lower().replace("_", "-") for line in lines}


def _third_party(paths: list[Path]) -> set[str]:
    known = {*sys.stdlib_module_names, *PACKAGES, "tests"}
    modules = {_package(one) for path in paths for one in imports(path)} - known
    return {DISTRIBUTIONS.get(name, name).lower().replace("_", "-") for name in modules}


def test_whatever_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    declared = _requirements(
        [*project["project"]["dependencies"], *(line for extra in extras for line in extra)]
    )
    training = _requirements(project["dependency-groups"]["starter"])
    recipe = [path for path in SOURCES if path.is_relative_to(ROOT / "starter")]
    others = [path for path in SOURCES if path not in (*ELSEWHERE, *recipe)]
    assert _third_party(others) - declared == set()
    assert _third_party(recipe) - declared - training == set()
    tools = _requirements(project["dependency-groups"]["dev"])
    tests = sorted((ROOT / "tests").rglob("*.py"))
    # jsonschema's own types are in `referencing`, which it brings.
    assert _third_party(tests) - declared - tools - training - {"referencing"} == set()


def test_what_runs_elsewhere_declares_its_packages_there_and_imports_nothing_of_ours():
    assert ELSEWHERE
    for path in ELSEWHERE:
        lines = path.with_name("requirements.txt").read_text(encoding="utf-8").splitlines()
        assert all(re.fullmatch(r"[a-z0-9-]+(\[[a-z,]+\])?==[0-9.]+", line) for line in lines), path
        assert _third_party([path]) - _requirements(lines) == set(), path
        assert not any(_is_within(one.module, (*PACKAGES, "tests")) for one in imports(path)), path


def test_whatever_is_declared_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    declared = [
        *project["project"]["dependencies"],
        *(line for extra in extras for line in extra),
        *project["dependency-groups"]["dev"],
        *project["dependency-groups"]["starter"],
    ]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lock if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[0-9][^ ]*( ; .+)?", line) for line in lines), lines
    names = [line.partition("==")[0] for line in lines]
    assert names == sorted(names)
    assert _requirements(declared) <= set(names)
