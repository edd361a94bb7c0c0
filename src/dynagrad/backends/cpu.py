"""The CPU backend."""

from dynagrad._core.machine import instruction_set


def get_cpu_capability() -> str:
    """The instruction set that the kernels use: ``DEFAULT``, ``AVX2`` or ``AVX512``."""
    name = str(instruction_set()).upper()
    return name if name.startswith("AVX") else "DEFAULT"
