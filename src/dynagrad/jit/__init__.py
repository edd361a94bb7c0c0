"""``torch.jit`` for programs that run eagerly: what would be compiled stays as it is, and computes the same.

There is no TorchScript: its files are neither read nor written, and asking for a program's code is an error that says so.
"""

from typing import Final

from dynagrad.futures import Future
from dynagrad.jit.running import (
    enable_onednn_fusion,
    fork,
    onednn_fusion_enabled,
    optimized_execution,
    set_fusion_strategy,
    strict_fusion,
    wait,
)
from dynagrad.jit.scripting import (
    Attribute,
    CompilationUnit,
    Error,
    ScriptFunction,
    ScriptModule,
    ScriptWarning,
    export,
    export_opnames,
    freeze,
    ignore,
    interface,
    is_scripting,
    load,
    optimize_for_inference,
    save,
    script,
    script_if_tracing,
    script_method,
    unused,
)
from dynagrad.jit.tracing import TracerWarning, TracingCheckError, is_tracing, trace, trace_module
from dynagrad.jit.types import annotate, isinstance

__all__ = [
    "Attribute",
    "CompilationUnit",
    "Error",
    "Final",
    "Future",
    "ScriptFunction",
    "ScriptModule",
    "ScriptWarning",
    "TracerWarning",
    "TracingCheckError",
    "annotate",
    "enable_onednn_fusion",
    "export",
    "export_opnames",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "trace",
    "trace_module",
    "unused",
    "wait",
]
