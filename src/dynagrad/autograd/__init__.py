"""Differentiation as users meet it: backward and grad, custom Functions, modes, hooks, checks.

The engine and the nodes are native (`_core`).
"""

from dynagrad._core.base import backward, grad
from dynagrad.autograd import functional, graph
from dynagrad.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from dynagrad.autograd.function import Function
from dynagrad.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
)
from dynagrad.autograd.gradcheck import gradcheck, gradgradcheck
from dynagrad.tensor import Tensor as Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
