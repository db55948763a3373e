"""Small wheels and bundles, made on the spot by the code that makes real ones."""

import zipfile
from dataclasses import replace
from pathlib import Path

from gateway.provisioning.bundle import archive
from gateway.provisioning.bundle.archive import Member
from gateway.provisioning.bundle.creation import Order, members
from gateway.provisioning.bundle.installer.machine import read_machine
from gateway.provisioning.bundle.manifest import Manifest, PackedModel
from gateway.provisioning.bundle.target import Target
from gateway.provisioning.bundle.wheel import Wheel, read_wheel

ROOT = Path(__file__).parents[4]
FOLDER = "parley-bundle"

HERE = read_machine(Path("/"), ())
TARGET = Target("linux-x86_64", HERE.python)

MODEL = PackedModel("tiny", "Apache-2.0", True, None, {"tiny.gguf": "0" * 64})

CHECK_PASSES = "import sys\nprint('the check was run with', *sys.argv[1:])\n"
CHECK_FAILS = "import sys\nsys.exit('no engine')\n"


def make_wheel(
    folder: Path,
    name: str = "tiny",
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    metadata: str = "",
    files: dict[str, bytes] | None = None,
) -> Path:
    """Make a wheel that pip can install; ``metadata`` is more lines of METADATA."""
    file_name = name.replace("-", "_")
    info = f"{file_name}-{version}.dist-info"
    contents = {
        f"{file_name}.py": b"",
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        **(files or {}),
    }
    record = "".join(f"{path},,\n" for path in (*contents, f"{info}/RECORD"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file_name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as zipped:
        for member, content in {**contents, f"{info}/RECORD": record}.items():
            zipped.writestr(member, content)
    return path


def parley_wheel(folder: Path, *, version: str = "0.1.0", main: str = CHECK_PASSES) -> Path:
    """Make a wheel of the installer, with a command that only says how it was called."""
    package = ROOT / "gateway/provisioning/bundle"
    sources = [
        *(ROOT / "gateway" / name for name in ("__init__.py", "errors.py", "version.py")),
        ROOT / "gateway/provisioning/__init__.py",
        *package.rglob("*.py"),
    ]
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in sources}
    files["gateway/__main__.py"] = main.encode()
    return make_wheel(folder, "parley", version, files=files)


def manifest(**changes: object) -> Manifest:
    """Describe a bundle that this machine could install."""
    plain = Manifest(
        parley="0.1.0",
        created="2026-11-21T12:00:00Z",
        platform=HERE.platform,
        platform_tags=(),
        pythons=(HERE.python,),
        glibc=(2, 17),
        cpu=(),
        libraries=(),
        installed_bytes=1,
        profile="starter",
        models=(),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def bundle_members(wheels: list[Wheel], described: Manifest) -> list[Member]:
    targets = tuple(Target("linux-x86_64", python) for python in described.pythons)
    order = Order(targets, described.profile, (), (), Path("unused"))
    return members(order, described, dict.fromkeys(targets, tuple(wheels)))


def make_archive(path: Path, folder: Path, **changes: object) -> Path:
    """Make a small but whole bundle; ``changes`` go into its manifest."""
    wheels = [read_wheel(parley_wheel(folder)), read_wheel(make_wheel(folder))]
    parts = bundle_members(wheels, manifest(**changes))
    with path.open("wb") as file:
        archive.write(file, FOLDER, parts, compress=path.suffix == ".gz")
    return path
