"""``autocast``: a region of the running thread in which some ops cast their arguments, as ``policy`` says.

While no thread is in such a region nobody listens to ops, and nothing here costs anything.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from dynagrad._core.card import ASKED
from dynagrad._core.intercept import install, uninstall
from dynagrad._core.types import BY_NAME, device, dtype
from dynagrad.amp.policy import Cache, cast_arguments
from dynagrad.tensor import Tensor

__all__ = [
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_autocast_gpu_dtype",
]

_LOW = (BY_NAME["bfloat16"], BY_NAME["float16"])
_OTHERS = ("xpu", "mps", "hpu", "mtia", "xla", "ipu", "maia")  # devices for which there is autocast in PyTorch


class _State(threading.local):
    """Of each thread: for which devices autocast is on and in what, how deep it is nested, and the casts it has kept."""

    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtypes: dict[str, Any] = {"cpu": BY_NAME["bfloat16"]}
        self.nesting = 0
        self.caches = True
        self.cache = Cache()


_state = _State()
_threads = 0  # how many have it on for the CPU
_lock = threading.Lock()


# ---- what happens to a call ------------------------------------------------------------------------------------------


def _told(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return cast_arguments(name, args, kwargs, _state.dtypes["cpu"], _state.cache if _state.caches else None)


def _native(_function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Any) -> Any:
    """Runs a native op. What the Python code of a custom Function or of a hook calls is cast, too."""
    if not _state.enabled.get("cpu"):
        return call(*args, **kwargs)
    if call.name in ("apply", "backward", "grad"):
        return call.open(*args, **kwargs)
    args, kwargs = _told(call.name, args, kwargs)
    return call(*args, **kwargs)


def _composite(name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not name or not _state.enabled.get("cpu"):
        return NotImplemented
    args, kwargs = _told(name, args, kwargs)
    return function.__wrapped__(*args, **kwargs)


def _listen(on: bool) -> None:
    """Counts the threads that have autocast on, and listens to ops while there are any."""
    global _threads  # noqa: PLW0603  # of the process
    with _lock:
        _threads += 1 if on else -1
        if on and _threads == 1:
            install(_native, reentrant=True)
            ASKED.append(_composite)
        elif not on and _threads == 0:
            uninstall(_native)
            ASKED.remove(_composite)


# ---- asking and setting ----------------------------------------------------------------------------------------------


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast exists for a kind of device. RuntimeError for a name that is none.

    >>> import dynagrad as torch
    >>> torch.amp.is_autocast_available("cpu")
    True
    """
    return device(device_type).type in ("cpu", "cuda", *_OTHERS)


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether it is on in this thread, for CUDA unless another kind of device is named."""
    return _state.enabled.get(device(device_type).type, False)


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Switches it in this thread, for CUDA if no kind of device is named."""
    if isinstance(device_type, str):
        kind, on = device(device_type).type, bool(enabled)
    else:
        kind, on = "cuda", bool(device_type)
    if kind == "cpu" and on != _state.enabled.get("cpu", False):
        _listen(on)
    _state.enabled[kind] = on


def get_autocast_dtype(device_type: str) -> dtype:
    """What ops run in that run in less than float32.

    >>> import dynagrad as torch
    >>> torch.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    kind = device(device_type).type
    return _state.dtypes.get(kind, BY_NAME["bfloat16" if kind == "xla" else "float16"])


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Sets it for this thread. TypeError for what is no dtype."""
    if not isinstance(dtype, type(BY_NAME["float32"])):
        raise TypeError(
            f"set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, not {type(dtype).__name__}"
        )
    _state.dtypes[device(device_type).type] = dtype


def is_autocast_cache_enabled() -> bool:
    """Whether casts of parameters are kept within a region."""
    return _state.caches


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Sets it for this thread."""
    _state.caches = bool(enabled)


def clear_autocast_cache() -> None:
    """Forgets the casts that this thread has kept."""
    _state.cache.clear()


def autocast_increment_nesting() -> int:
    """Enters a region by hand; returns how deep this thread is."""
    _state.nesting += 1
    return _state.nesting


def autocast_decrement_nesting() -> int:
    """Leaves a region by hand; returns how deep this thread is."""
    _state.nesting -= 1
    return _state.nesting


def _old(name: str, instead: str) -> None:
    warnings.warn(f"torch.{name} is deprecated. Please use torch.{instead} instead.", DeprecationWarning, stacklevel=3)


def is_autocast_cpu_enabled() -> bool:
    """The old name of ``is_autocast_enabled("cpu")``; a warning says so."""
    _old("is_autocast_cpu_enabled()", "is_autocast_enabled('cpu')")
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """The old name of ``set_autocast_enabled("cpu", enabled)``; a warning says so."""
    _old("set_autocast_cpu_enabled(enabled)", "set_autocast_enabled('cpu', enabled)")
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> Any:
    """The old name of ``get_autocast_dtype("cpu")``; a warning says so."""
    _old("get_autocast_cpu_dtype()", "get_autocast_dtype('cpu')")
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: Any) -> None:
    """The old name of ``set_autocast_dtype("cpu", dtype)``; a warning says so."""
    _old("set_autocast_cpu_dtype(dtype)", "set_autocast_dtype('cpu', dtype)")
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> Any:
    """The old name of ``get_autocast_dtype("cuda")``; a warning says so."""
    _old("get_autocast_gpu_dtype()", "get_autocast_dtype('cuda')")
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: Any) -> None:
    """The old name of ``set_autocast_dtype("cuda", dtype)``; a warning says so."""
    _old("set_autocast_gpu_dtype(dtype)", "set_autocast_dtype('cuda', dtype)")
    set_autocast_dtype("cuda", dtype)


# ---- the region ------------------------------------------------------------------------------------------------------


class autocast:  # noqa: N801  # PyTorch's name
    """A region of this thread in which products and convolutions run in a lower precision; also a decorator.

    Args:
        device_type: "cpu". "cuda" changes nothing, and a warning says that there is none; so do other kinds, without one.
        dtype: bfloat16 or float16; what ``get_autocast_dtype`` says if not given. Another one switches it off with a
            warning.
        enabled: False makes a region without casts, within another one, say.
        cache_enabled: whether a parameter's cast is kept while the outermost region lasts.

    ValueError for a device that is not named by a string, RuntimeError for a name that is none.

    >>> import dynagrad as torch
    >>> x = torch.ones(2, 2)
    >>> with torch.autocast("cpu"):
    ...     (x @ x).dtype, (x + x).dtype, torch.nn.functional.mse_loss(x @ x, x).dtype
    (torch.bfloat16, torch.float32, torch.float32)
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        _check_device_type(device_type)
        self.device = device(device_type).type
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        if enabled and self.device == "cuda":
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        if enabled and self.device == "cpu" and self.fast_dtype not in _LOW:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list[tuple[bool, Any, bool]] = []  # of each time that it was entered

    def __enter__(self) -> autocast:  # noqa: PYI034  # typing.Self would cost an import
        self._before.append((is_autocast_enabled(self.device), get_autocast_dtype(self.device), _state.caches))
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        autocast_increment_nesting()
        _state.caches = self._cache_enabled
        return self

    def __exit__(self, *error: object) -> None:
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        enabled, fast_dtype, _state.caches = self._before.pop()
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, fast_dtype)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorates a function, which runs in the region."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapper


def _check_device_type(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")  # noqa: TRY004


# ---- custom Functions ------------------------------------------------------------------------------------------------


def _cast(value: Any, kind: str, dtype: Any) -> Any:
    """Floating tensors of a kind of device, float64 excepted, in a dtype; also inside lists, tuples and dicts."""
    if isinstance(value, Tensor):
        fits = value.is_floating_point() and value.device.type == kind and value.dtype is not BY_NAME["float64"]
        return value.to(dtype) if fits else value
    if isinstance(value, (str, bytes)):
        return value
    if isinstance(value, Mapping):
        return {_cast(key, kind, dtype): _cast(each, kind, dtype) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(each, kind, dtype) for each in value)
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None
) -> Callable[..., Any]:
    """Decorates the forward of an ``autograd.Function``: backward, with ``custom_bwd``, runs under the same autocast.

    Args:
        fwd: the forward.
        device_type: for which kind of device.
        cast_inputs: a dtype to which floating inputs are cast in a region with autocast; forward runs without it then.
    """
    _check_device_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)  # noqa: SLF001 - PyTorch's names of these, here and below
        if cast_inputs is None:
            ctx._fwd_used_autocast = is_autocast_enabled(device_type)  # noqa: SLF001
            return fwd(*args, **kwargs)
        within = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = False  # noqa: SLF001
        if not within:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorated


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """Decorates the backward of an ``autograd.Function`` whose forward has ``custom_fwd``."""
    _check_device_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):  # noqa: SLF001
            return bwd(*args, **kwargs)

    return decorated
