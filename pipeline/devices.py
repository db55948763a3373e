"""Where an engine computes, and with what precision: decisions about GPUs and processors. Pure.

What a number format costs and where it exists is a matter of hardware: float16 tensor cores since
compute capability 7.0, bfloat16 since 8.0, fast 8-bit products since 6.1 (NVIDIA's CUDA C++
Programming Guide, "Arithmetic Instructions"). CTranslate2 switched its 8-bit kernels off on
capability 12 (Blackwell for desktops) in 4.6.2 (its CHANGELOG).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = ["SMALL_GPU_BYTES", "Device", "Gpu", "chosen_device", "compute_types"]

Device: TypeAlias = Literal["auto", "cpu", "cuda"]

SMALL_GPU_BYTES: Final = 8_700_000_000
"""At most so much memory is a small GPU: weights in 8 bits leave room for the language model.

A card sold as 8 GB reports between 7.6 and 8.6 GB; the next size up is 10 GB.
"""

_TENSOR_CORES: Final = (7, 0)
_BRAIN_FLOAT: Final = (8, 0)
_BYTE_PRODUCTS: Final = (6, 1)
_NO_BYTES_SINCE: Final = (12, 0)


@dataclass(frozen=True, slots=True)
class Gpu:
    """One graphics processor.

    Attributes:
        name: As its driver calls it.
        memory_bytes: All of its memory, used or not.
        capability: CUDA compute capability, e.g. (8, 6); None if unknown.
        driver: Version of its driver, or "".
    """

    name: str
    memory_bytes: int
    capability: tuple[int, int] | None = None
    driver: str = ""


def chosen_device(own: Device, common: Device) -> Device:
    """Return what an engine is asked to run on.

    Args:
        own: The engine's own setting; "auto" leaves it to ``common``.
        common: The setting for all engines.
    """
    return common if own == "auto" else own


def compute_types(device: Literal["cpu", "cuda"], gpu: Gpu | None = None) -> tuple[str, ...]:
    """Return the number formats to try for speech recognition, the best one first.

    The names are CTranslate2's; whoever loads takes the first that its build supports.

    Args:
        device: Where it runs.
        gpu: What is known of the GPU; None takes a recent one with much memory.
    """
    if device == "cpu":
        return ("int8", "int8_float32", "float32")
    if gpu is None or gpu.capability is None:
        return ("float16", "int8_float16", "float32")
    capability = gpu.capability
    if capability < _BYTE_PRODUCTS:
        return ("float32",)
    if capability < _TENSOR_CORES:
        return ("int8", "int8_float32", "float32")
    floats = ("float16", "bfloat16") if capability >= _BRAIN_FLOAT else ("float16",)
    if capability >= _NO_BYTES_SINCE:
        return (*floats, "float32")
    small = gpu.memory_bytes <= SMALL_GPU_BYTES
    ordered = ("int8_float16", *floats) if small else (*floats, "int8_float16")
    return (*ordered, "float32")
