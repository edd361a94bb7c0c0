"""What computes, as scripts ask for it. The switches of accelerators are on their modules and say that there is none."""

from typing import Any as _Any

from dynagrad.backends import cpu, cuda, cudnn, mps

__all__ = ["cpu", "cuda", "cudnn", "mps"]

_LAZY = ("cusparselt", "kleidiai", "mha", "miopen", "mkl", "mkldnn", "nnpack", "openmp", "opt_einsum", "quantized")


def __getattr__(name: str) -> _Any:
    """The others are imported when first asked for."""
    if name in _LAZY:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
