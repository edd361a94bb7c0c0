"""Differentiation as users meet it: backward and grad, custom Functions, modes, hooks, checks.

The engine and the nodes are native (`_core`).
"""

from typing import Any as _Any

from dynagrad._core.base import backward, grad
from dynagrad._core.saved import SavedTensor
from dynagrad.autograd import functional, graph, variable
from dynagrad.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from dynagrad.autograd.function import Function
from dynagrad.autograd.grad_mode import (
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from dynagrad.autograd.gradcheck import gradcheck, gradgradcheck
from dynagrad.autograd.variable import Variable

__all__ = [
    "Function",
    "SavedTensor",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "enforce_grad_layout_policy",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_multithreading_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
]

_LAZY = ("forward_ad", "profiler", "profiler_util")


def __getattr__(name: str) -> _Any:
    """The profiler, and forward mode, which stands on the transforms of functions, are imported when first asked for."""
    if name in _LAZY:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
