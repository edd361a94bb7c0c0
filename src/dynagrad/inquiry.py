"""Questions about a value, and the settings of the process that scripts ask for at their start."""

from __future__ import annotations

from typing import Any

from dynagrad._core.card import says_what_is_no_tensor
from dynagrad._core.types import BY_NAME, set_default_dtype
from dynagrad.tensor import Tensor

_PRECISIONS = ("highest", "high", "medium")


def is_tensor(obj: object) -> bool:
    """Whether the object is a tensor.

    >>> import dynagrad
    >>> dynagrad.is_tensor([1, 2])
    False
    """
    return isinstance(obj, Tensor)


@says_what_is_no_tensor
def is_floating_point(input: Tensor) -> bool:
    """Whether the tensor's dtype is a floating one."""
    return bool(input.is_floating_point())


@says_what_is_no_tensor
def is_complex(input: Tensor) -> bool:
    """Whether the tensor's dtype is complex: never, so far."""
    return bool(input.is_complex())


@says_what_is_no_tensor
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero. Raises RuntimeError if there is not exactly one."""
    return bool(input)


@says_what_is_no_tensor
def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return bool(input.is_inference())


@says_what_is_no_tensor
def numel(input: Tensor) -> int:
    """The number of elements."""
    return int(input.numel())


@says_what_is_no_tensor
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both tensors have the same shape."""
    return input.shape == other.shape


def typename(obj: Any) -> str:
    """The name of an object's type, ``torch.FloatTensor`` and the like for a tensor."""
    if isinstance(obj, Tensor):
        return str(obj.type())
    kind = type(obj)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def set_default_tensor_type(t: Any) -> None:
    """Sets the default dtype by the name of a tensor type, such as ``torch.DoubleTensor``."""
    name = str(t if isinstance(t, str) else getattr(t, "__name__", t)).removeprefix("torch.").removesuffix("Tensor")
    names = {"Half": "float16", "BFloat16": "bfloat16", "Float": "float32", "Double": "float64"}
    if name not in names:
        raise TypeError(f"only floating-point types are supported as the default type, not {t}")
    set_default_dtype(BY_NAME[names[name]])


def set_default_device(device: Any) -> None:
    """Accepts the CPU, where every tensor is made; raises for any other device as making a tensor there would."""
    Tensor(0).to(device=device)


def get_float32_matmul_precision() -> str:
    """``highest``: products of float32 are computed in float32."""
    return "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Says how much precision products of float32 may give up. They give up none here, which every setting allows."""
    if precision not in _PRECISIONS:
        raise RuntimeError(f"{precision} is not one of 'highest', 'high', or 'medium'")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for results that do not vary from run to run, as they never do here."""
    if not isinstance(mode, bool) or not isinstance(warn_only, bool):
        raise TypeError("use_deterministic_algorithms expects bools")


def are_deterministic_algorithms_enabled() -> bool:
    """True: the same program on the same machine and threads gives the same numbers."""
    return True
