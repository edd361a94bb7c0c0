"""``torch.utils.cpp_extension``: an error, for extensions in C++ are written against PyTorch's own library."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "BuildExtension",
    "CUDAExtension",
    "CppExtension",
    "include_paths",
    "is_ninja_available",
    "load",
    "load_inline",
]

CUDA_HOME: str | None = None
ROCM_HOME: str | None = None
IS_HIP_EXTENSION = False


def _refuse(name: str) -> NoReturn:
    raise NotImplementedError(
        f"torch.utils.cpp_extension.{name}: an extension in C++ is compiled against PyTorch's C++ library, which dynagrad "
        "has not. An op in Python is a torch.autograd.Function; NumPy and DLPack share memory with other libraries"
    )


def load(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: nothing is compiled."""
    _refuse("load")


def load_inline(name: str, cpp_sources: Any, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: nothing is compiled."""
    _refuse("load_inline")


def CppExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: nothing is compiled."""
    _refuse("CppExtension")


def CUDAExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: nothing is compiled."""
    _refuse("CUDAExtension")


class BuildExtension:
    """The command that builds extensions: NotImplementedError."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        _refuse("BuildExtension")


def include_paths(device_type: str = "cpu", torch_include_dirs: bool = True) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: there are no headers of PyTorch."""
    _refuse("include_paths")


def is_ninja_available() -> bool:
    """Whether the build tool ninja is on the path.

    >>> from dynagrad.utils.cpp_extension import is_ninja_available
    >>> is_ninja_available() in (True, False)
    True
    """
    import shutil

    return shutil.which("ninja") is not None
