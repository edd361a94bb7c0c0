"""What scripts ask of the process at their start, and the names under which PyTorch would compile a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynagrad._core.types import device

__all__ = ["compile", "get_default_device"]


def get_default_device() -> Any:
    """The CPU.

    >>> import dynagrad
    >>> dynagrad.get_default_device()
    device(type='cpu')
    """
    return device("cpu")


_BACKENDS = """
    inductor eager aot_eager aot_eager_decomp_partition aot_ts cudagraphs debug_aot_eager eager_debug eager_noexcept
    ipex onnxrt openxla openxla_eval pre_dispatch_eager tensorrt torch_tensorrt tvm
""".split()  # noqa: SIM905 - the names that PyTorch's own backends and their usual companions have
_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,  # noqa: ARG001  # how to compile, which nobody does
    dynamic: bool | None = None,  # noqa: ARG001
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    name: str | None = None,  # noqa: ARG001
    disable: bool = False,  # noqa: ARG001
    recompile_limit: int | None = None,  # noqa: ARG001
    isolate_recompiles: bool = False,  # noqa: ARG001
    shapes_spec: Any = None,  # noqa: ARG001
) -> Any:
    """The function or module itself, or a decorator that returns it: programs run eagerly, with the same results.

    The options say how to compile, and are checked. RuntimeError for ``mode`` and ``options`` at once, for an unknown
    ``mode`` and the unknown name of a ``backend``; NotImplementedError for a ``backend`` that is a function, which would
    be given graphs of the program, of which there are none.

    >>> import dynagrad
    >>> dynagrad.compile(dynagrad.sin) is dynagrad.sin
    True
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    check_backend(backend)
    if model is None:
        return _unchanged
    return _unchanged(model)


def check_backend(backend: Any) -> None:
    """RuntimeError for the name of no backend, NotImplementedError for a function that is one.

    >>> import dynagrad
    >>> from dynagrad.settings import check_backend
    >>> check_backend("inductor")
    """
    if isinstance(backend, str) and backend not in _BACKENDS:
        raise RuntimeError(f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available backends.")
    if callable(backend):
        raise NotImplementedError(
            "torch.compile: a backend that is a function is given the program as a graph, and dynagrad runs programs as "
            "they are, without one; torchviz's make_dot draws what a run recorded"
        )


def _unchanged(model: Any) -> Any:
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")  # noqa: TRY004
    return model
