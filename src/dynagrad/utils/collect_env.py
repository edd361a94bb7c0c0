"""What a report of a bug should say of the machine: ``python -m dynagrad.utils.collect_env`` prints it."""

from __future__ import annotations

import os
import platform
import sys
from typing import NamedTuple

import dynagrad
from dynagrad._core.machine import get_num_threads, instruction_set

__all__ = ["SystemEnv", "get_env_info", "get_pretty_env_info", "main"]


class SystemEnv(NamedTuple):
    """Versions, the system and the processor."""

    torch_version: str
    is_debug_build: bool
    cuda_compiled_version: str | None
    os: str
    python_version: str
    python_platform: str
    is_cuda_available: bool
    cpu_info: str
    instruction_set: str
    threads: int
    libraries: dict[str, str]


def get_env_info() -> SystemEnv:
    """What is known of this process."""
    from importlib.metadata import PackageNotFoundError, version

    libraries = {}
    for name in ("numpy", "graphviz", "pygraphviz", "tensorboardX", "safetensors"):
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            continue
    return SystemEnv(
        torch_version=str(dynagrad.__version__),
        is_debug_build=dynagrad.version.debug,
        cuda_compiled_version=dynagrad.version.cuda,
        os=f"{platform.system()} {platform.release()} ({platform.machine()})",
        python_version=f"{sys.version.split()[0]} ({8 * (sys.maxsize.bit_length() + 1) // 8}-bit runtime)",
        python_platform=platform.platform(),
        is_cuda_available=dynagrad.cuda.is_available(),
        cpu_info=f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        instruction_set=str(instruction_set()),
        threads=get_num_threads(),
        libraries=libraries,
    )


def get_pretty_env_info() -> str:
    """The same as text.

    >>> from dynagrad.utils.collect_env import get_pretty_env_info
    >>> print(get_pretty_env_info())  # doctest: +ELLIPSIS
    dynagrad version: ...
    """
    env = get_env_info()
    return "\n".join(
        [
            f"dynagrad version: {env.torch_version}",
            f"Is debug build: {env.is_debug_build}",
            f"CUDA used to build: {env.cuda_compiled_version}",
            f"Is CUDA available: {env.is_cuda_available}",
            "",
            f"OS: {env.os}",
            f"Python version: {env.python_version}",
            f"Python platform: {env.python_platform}",
            f"CPU: {env.cpu_info}",
            f"Kernels: {env.instruction_set}, {env.threads} threads",
            "",
            "Versions of relevant libraries:",
            *(f"  {name}: {version}" for name, version in env.libraries.items()),
        ]
    )


def main() -> None:
    """Prints it."""
    print(get_pretty_env_info())  # noqa: T201  # that is what it is for


if __name__ == "__main__":
    main()
