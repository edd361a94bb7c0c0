"""Questions about a value, and the settings of the process that scripts ask for at their start."""

from __future__ import annotations

import warnings
from typing import Any

from dynagrad._core.card import says_what_is_no_tensor
from dynagrad._core.gradients import set_warn_always as warn_always
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
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        stacklevel=2,
    )
    set_default_dtype(BY_NAME[names[name]])


def set_default_device(device: Any) -> None:
    """Accepts the CPU, where every tensor is made; raises for any other device as making a tensor there would."""
    Tensor(0).to(device=device)


class _Settings:
    """What the process was told last."""

    precision = "highest"
    deterministic = False
    warns_only = False
    warns_always = False
    interop_threads = 1


def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` was told last; products of float32 are computed in float32 always.

    >>> import dynagrad
    >>> dynagrad.get_float32_matmul_precision()
    'highest'
    """
    return _Settings.precision


def set_float32_matmul_precision(precision: str) -> None:
    """Says how much precision products of float32 may give up. They give up none here, which every setting allows.

    Any other word than 'highest', 'high' and 'medium' changes nothing, and a warning says so.
    """
    if precision in _PRECISIONS:
        _Settings.precision = precision
        return
    warnings.warn(
        f"{precision} is not one of 'highest', 'high', or 'medium'; the current setFloat32MatmulPrecision call has no "
        "effect.",
        stacklevel=2,
    )


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for results that do not vary from run to run, as they never do here on one machine with as many threads."""
    for position, (name, given) in enumerate((("mode", mode), ("warn_only", warn_only)), 1):
        if not isinstance(given, bool):
            raise TypeError(
                f"_set_deterministic_algorithms(): argument '{name}' (position {position}) must be bool, not "
                f"{type(given).__name__}"
            )
    _Settings.deterministic, _Settings.warns_only = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` asked for them; results do not vary from run to run either way."""
    return _Settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether an op without a deterministic form, of which there is none, would warn instead of raising."""
    return _Settings.warns_only


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: whether deterministic algorithms are not asked for, or with warnings, or with errors."""
    return 0 if not _Settings.deterministic else 1 if _Settings.warns_only else 2


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Sets it: 0 or "default", 1 or "warn", 2 or "error". RuntimeError for anything else of these types.

    >>> import dynagrad
    >>> dynagrad.set_deterministic_debug_mode("warn")
    >>> dynagrad.get_deterministic_debug_mode()
    1
    >>> dynagrad.set_deterministic_debug_mode(0)
    """
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    names = ("default", "warn", "error")
    if isinstance(debug_mode, str):
        if debug_mode not in names:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = names.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def _assert(condition: Any, message: str) -> None:
    """Raises AssertionError with the message unless the condition is true: what libraries write in place of ``assert``."""
    if not condition:
        raise AssertionError(message)


def set_warn_always(b: bool) -> None:
    """Says whether a warning that is given once a process is given each time. TypeError for no bool."""
    if not isinstance(b, bool):
        raise TypeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    _Settings.warns_always = b
    warn_always(b)


def is_warn_always_enabled() -> bool:
    """What ``set_warn_always`` was told last."""
    return _Settings.warns_always


def set_flush_denormal(mode: bool) -> bool:
    """False, which says that numbers too small for full precision are computed with as they are, whatever was asked for.

    >>> import dynagrad
    >>> dynagrad.set_flush_denormal(True)
    False
    """
    if not isinstance(mode, bool):
        raise TypeError(f"flush_denormal expects a bool, but got {type(mode).__name__}")
    return False


def get_num_interop_threads() -> int:
    """What ``set_num_interop_threads`` was told last, 1 at first; ops of one thread run one after another.

    >>> import dynagrad
    >>> dynagrad.get_num_interop_threads()
    1
    """
    return _Settings.interop_threads


def set_num_interop_threads(num: int) -> None:
    """Says how many ops may run side by side, which compiled programs alone do. RuntimeError unless it is positive."""
    if not isinstance(num, int):
        raise TypeError(f"set_num_interop_threads expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _Settings.interop_threads = num
