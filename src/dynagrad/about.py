"""What PyTorch says of how it was built and of the machine below it, answered for this library."""

from __future__ import annotations

from typing import Any

from dynagrad._core.card import says_what_is_no_tensor
from dynagrad.storage import TypedStorage, UntypedStorage
from dynagrad.tensor import Tensor

__all__ = [
    "compiled_with_cxx11_abi",
    "get_device",
    "get_file_path",
    "has_lapack",
    "has_mkl",
    "has_openmp",
    "has_spectral",
    "imag",
    "init_num_threads",
    "is_conj",
    "is_distributed",
    "is_neg",
    "is_signed",
    "is_storage",
    "is_vulkan_available",
    "set_anomaly_enabled",
]

has_lapack = True  # of OpenBLAS
has_mkl = False
has_openmp = False  # the loops run on threads of their own
has_spectral = False


# ---- of a tensor -----------------------------------------------------------------------------------------------------


@says_what_is_no_tensor
def get_device(input: Tensor) -> int:
    """The number of the accelerator that the tensor is on; -1, for it is on the CPU.

    >>> import dynagrad as torch
    >>> torch.get_device(torch.ones(1))
    -1
    """
    return int(input.get_device())


@says_what_is_no_tensor
def is_signed(input: Tensor) -> bool:
    """Whether the tensor's dtype has negative numbers.

    >>> import dynagrad as torch
    >>> torch.is_signed(torch.ones(1)), torch.is_signed(torch.ones(1, dtype=torch.uint8))
    (True, False)
    """
    return bool(input.is_signed())


@says_what_is_no_tensor
def is_conj(input: Tensor) -> bool:
    """False: no tensor here is the conjugate of another, unwritten.

    >>> import dynagrad as torch
    >>> torch.is_conj(torch.ones(1))
    False
    """
    return bool(input.is_conj())


@says_what_is_no_tensor
def is_neg(input: Tensor) -> bool:
    """False: no tensor here is the negative of another, unwritten.

    >>> import dynagrad as torch
    >>> torch.is_neg(torch.ones(1))
    False
    """
    return bool(input.is_neg())


@says_what_is_no_tensor
def is_distributed(input: Tensor) -> bool:
    """False: a tensor is in one process.

    >>> import dynagrad as torch
    >>> torch.is_distributed(torch.ones(1))
    False
    """
    return input.is_distributed()


@says_what_is_no_tensor
def imag(input: Tensor) -> Tensor:
    """Raises RuntimeError, for no tensor here is complex.

    >>> import dynagrad as torch
    >>> torch.imag(torch.ones(1))
    Traceback (most recent call last):
    ...
    RuntimeError: imag is not implemented for tensors with non-complex dtypes.
    """
    return input.imag


def is_storage(obj: Any) -> bool:
    """Whether the object is a storage.

    >>> import dynagrad as torch
    >>> torch.is_storage(torch.ones(1).untyped_storage())
    True
    """
    return isinstance(obj, (TypedStorage, UntypedStorage))


# ---- of the process --------------------------------------------------------------------------------------------------


def get_file_path(*path_components: str) -> str:
    """A path within the installed package.

    >>> import dynagrad as torch
    >>> torch.get_file_path("torch", "__init__.py").endswith("__init__.py")
    True
    """
    from pathlib import Path

    return str(Path(__file__).parent.joinpath(*path_components[1:]))


def compiled_with_cxx11_abi() -> bool:
    """True: the core is of C++20.

    >>> import dynagrad as torch
    >>> torch.compiled_with_cxx11_abi()
    True
    """
    return True


def is_vulkan_available() -> bool:
    """False: everything runs on the CPU.

    >>> import dynagrad as torch
    >>> torch.is_vulkan_available()
    False
    """
    return False


def init_num_threads() -> None:
    """Does nothing: threads are counted when they are first needed.

    >>> import dynagrad as torch
    >>> torch.init_num_threads()
    """


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Turns the detection of anomalies on or off for good, as `autograd.set_detect_anomaly` does.

    >>> import dynagrad as torch
    >>> torch.set_anomaly_enabled(False)
    """
    if not isinstance(enabled, bool):
        raise TypeError(
            f"set_anomaly_enabled(): argument 'enabled' (position 1) must be bool, not {type(enabled).__name__}"
        )
    from dynagrad.autograd.anomaly_mode import set_detect_anomaly

    set_detect_anomaly(enabled, check_nan)
