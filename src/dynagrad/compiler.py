"""``torch.compiler`` for programs that run eagerly: nothing is being compiled, and what says how it should be is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from dynagrad.settings import check_backend, compile

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "get_default_backend",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "load_cache_artifacts",
    "load_compiled_function",
    "nested_compile_region",
    "reset",
    "save_cache_artifacts",
    "set_default_backend",
    "set_stance",
    "substitute_in_graph",
]

_STANCES = (
    "default",
    "eager_then_compile",
    "aot_eager_then_compile",
    "force_eager",
    "eager_on_recompile",
    "fail_on_recompile",
)


def is_compiling() -> bool:
    """False: programs run eagerly.

    >>> import dynagrad as torch
    >>> torch.compiler.is_compiling()
    False
    """
    return False


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:  # noqa: ARG001
    """The function itself, or a decorator that returns it; it would not be compiled, as nothing is.

    >>> import dynagrad as torch
    >>> torch.compiler.disable(abs) is torch.compiler.disable(recursive=False)(abs) is abs
    True
    """
    return _itself if fn is None else _itself(fn)


def _itself(fn: Any) -> Any:
    return fn


def assume_constant_result(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return fn


def allow_in_graph(fn: Any) -> Any:
    """The function, or the list of functions, itself. AssertionError for what is not callable."""
    for each in fn if isinstance(fn, (list, tuple)) else (fn,):
        if not callable(each):
            raise AssertionError("allow_in_graph expects a callable")  # noqa: TRY004  # PyTorch's kind
    return fn


def substitute_in_graph(
    original_fn: Callable[..., Any],
    *,
    can_constant_fold_through: bool = False,  # noqa: ARG001
    skip_signature_check: bool = False,  # noqa: ARG001
) -> Callable[[Any], Any]:
    """A decorator of what a compiler would call instead of ``original_fn``; eager programs call the original."""
    if not callable(original_fn):
        raise TypeError("substitute_in_graph expects a function but got a " + type(original_fn).__name__)
    return _itself


def nested_compile_region(fn: Any = None, **_options: Any) -> Any:
    """The function itself, or a decorator that returns it."""
    return _itself if fn is None else fn


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:  # noqa: ARG001  # there is one
    """What can run a program: Python.

    >>> import dynagrad as torch
    >>> torch.compiler.list_backends()
    ['eager']
    """
    return ["eager"]


_default_backend: Any = "inductor"


def set_default_backend(backend: Any) -> None:
    """Sets what ``get_default_backend`` returns, and checks it as ``torch.compile`` does; None for the first value."""
    global _default_backend  # noqa: PLW0603  # a setting of the process
    check_backend(backend)
    _default_backend = "inductor" if backend is None else backend


def get_default_backend() -> Any:
    """The name of the backend that ``torch.compile`` is asked for where it is given none."""
    return _default_backend


def reset() -> None:
    """Forgets what was compiled: nothing was."""


def cudagraph_mark_step_begin() -> None:
    """Says that an iteration begins: nothing is captured."""


def save_cache_artifacts() -> None:
    """None: nothing was compiled."""


def load_cache_artifacts(serialized_artifacts: bytes) -> None:
    """None: nothing is taken from what another program compiled."""


def load_compiled_function(file: Any, **_options: Any) -> NoReturn:
    """NotImplementedError: compiled programs are not run."""
    raise NotImplementedError(
        "torch.compiler.load_compiled_function: dynagrad runs programs eagerly, and no compiled ones"
    )


class set_stance:  # noqa: N801  # PyTorch's name
    """Says when to compile: at once when called, until its end as a context manager, or around a function.

    RuntimeError for an unknown stance, and for a backend with another than the default one.

    >>> import dynagrad as torch
    >>> with torch.compiler.set_stance("force_eager"):
    ...     torch.ones(1)
    tensor([1.])
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        if stance not in _STANCES:
            raise RuntimeError(f"invalid torch.compile stance '{stance}'")
        if force_backend is not None and stance != "default":
            raise RuntimeError("non-default stance cannot have force_backend set")
        check_backend(force_backend)
        self.stance, self.skip_guard_eval_unsafe, self.backend = stance, skip_guard_eval_unsafe, force_backend

    def __call__(self, function: Any) -> Any:
        """The function itself."""
        return function

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass
