"""Which instruction sets a compiled llama.cpp uses."""

import pytest

from gateway.provisioning.bundle import portability
from gateway.provisioning.bundle.errors import BundleError
from gateway.provisioning.bundle.portability import flags_of, system_info
from tests.gateway.provisioning.bundle.making import make_wheel

PORTABLE = "CPU : SSE3 = 1 | SSSE3 = 1 | AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | OPENMP = 1 | "
NATIVE = PORTABLE + "AVX512 = 1 | AVX512_VNNI = 1 | AVX512_VBMI = 0 | REPACK = 1 | "


def test_instruction_sets_are_called_as_the_kernel_calls_them():
    assert flags_of(PORTABLE) == ("pni", "ssse3", "avx", "avx2", "f16c", "fma")
    assert set(flags_of(NATIVE)) - set(flags_of(PORTABLE)) == {"avx512f", "avx512_vnni"}


def compiled(folder, info: str):
    """Make a wheel whose library says that it was compiled so."""
    import shutil
    import subprocess

    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    source = f'const char *llama_print_system_info(void) {{ return "{info}"; }}'
    library = folder / "libllama.so"
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(library), "-"]
    subprocess.run(command, input=source, text=True, check=True)
    content = {"llama_cpp/lib/libllama.so": library.read_bytes()}
    return make_wheel(folder, "llama-cpp-python", tag="py3-none-linux_x86_64", files=content)


def test_a_portable_build_is_told_by_its_library(tmp_path):
    wheel = compiled(tmp_path, PORTABLE)
    assert portability.instruction_sets(wheel) == flags_of(PORTABLE)


def test_a_build_for_this_very_processor_is_refused(tmp_path):
    wheel = compiled(tmp_path, NATIVE)
    with pytest.raises(BundleError, match=r"avx512_vnni, avx512f\); let pip forget it: pip cache"):
        portability.instruction_sets(wheel)


def test_a_library_that_cannot_be_loaded_is_named(tmp_path):
    files = {"llama_cpp/lib/libllama.so": b"\x7fELF"}
    with pytest.raises(BundleError, match=r"llama_cpp.* cannot be loaded here: OSError"):
        system_info(make_wheel(tmp_path, "llama-cpp-python", files=files))
